import type { Handle } from "@sveltejs/kit/hooks";

export const handle: Handle = async ({ event, resolve }) => {
  const lang = event.params["lang" as never] === "de" ? "de" : "en";
  event.locals.lang = lang;
  return resolve(event, { transformPageChunk: ({ html }) => html.replace('<html lang="en"', `<html lang="${lang}"`) });
};
