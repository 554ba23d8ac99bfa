import { referenceIndex } from "#lib/server/reference.ts";

export const prerender = true;
export const entries = () => [{}, { lang: "de" }];

export const load = async () => ({
  pages: (await referenceIndex()).map(({ entries, ...page }) => ({
    ...page,
    // Types explain themselves where they are used.
    names: entries.filter((e) => e.kind !== "type").map(({ id, name }) => ({ id, name })),
  })),
});
