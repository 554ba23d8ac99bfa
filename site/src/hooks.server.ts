import { protection } from "@gradus/jail";
import type { Handle, HandleServerError, ServerInit } from "@sveltejs/kit/hooks";
import { messages } from "#lib/i18n/messages.ts";
import { isNew, setupToken } from "#lib/server/accounts.ts";
import { auth, openId, whoSends } from "#lib/server/auth.ts";
import { passOn } from "#lib/server/cookies.ts";
import { closeDatabase, database } from "#lib/server/db.ts";
import { grader } from "#lib/server/grader.ts";
import { gradingLimits } from "#lib/server/grading-limits.ts";
import { limit } from "#lib/server/guard.ts";
import { say } from "#lib/server/say.ts";
import { building } from "$app/env";

/** Opens the database, so that the first visitor need not wait, and tells how to set up a new site. */
export const init: ServerInit = async () => {
  if (building || __STATIC__) return;
  await Promise.all([gradingWorks(), database()]);
  grader();
  if (await isNew()) console.error(`This site is new. Make the administrator's account at /setup?token=${await setupToken()}`);
  // The server calls this before it ends.
  (globalThis as { gradusClose?: () => Promise<void> }).gradusClose = async () => {
    await grader().stop();
    await closeDatabase();
  };
};

/** Tells how submissions cannot be graded here; where a setting makes no sense or asks for what is not there, the site does not start. */
async function gradingWorks(): Promise<void> {
  gradingLimits();
  try {
    await protection();
  } catch (error) {
    // Asked to grade nothing without a sandbox, the site serves all else.
    if (process.env["GRADUS_JAIL"] !== "none-refuse") throw error;
    console.error((error as Error).message);
  }
}

const fromGerman = (page: string | null): boolean => /^https?:\/\/[^/]+\/de(\/|$|[?#])/.test(page ?? "");

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

export const handle: Handle = async ({ event, resolve }) => {
  // What scripts ask has no language of its own: that of the page they are on.
  const isApi = event.url.pathname.startsWith("/api/");
  const lang = (isApi ? fromGerman(event.request.headers.get("referer")) : event.params["lang" as never] === "de") ? "de" : "en";
  event.locals.lang = lang;
  event.locals.me = null;
  if (!building && !__STATIC__) {
    // A page elsewhere may make a browser send its cookie, but not this site's Origin.
    const origin = event.request.headers.get("origin");
    if (!safe.has(event.request.method) && origin !== null && origin !== event.url.origin && origin !== process.env["ORIGIN"])
      return Response.json({ message: say(event).otherSite }, { status: 403 });
    if (event.url.pathname.startsWith("/api/auth/")) {
      // Of the library's own endpoints only this one is open: the others would go round the limits and checks of the forms.
      if (event.request.method !== "GET" || event.url.pathname !== "/api/auth/callback/oidc" || !openId())
        return Response.json({ message: say(event).nothing }, { status: 404 });
      limit(event, "openid", 300, 60, event.getClientAddress());
      return (await auth()).handler(event.request);
    }
    const { me, cookies } = await whoSends(event.request.headers);
    event.locals.me = me;
    passOn(event.cookies, cookies);
    // Work is bound to whoever did it: a page left open takes nothing from, and gives nothing to, whoever has signed in since.
    const meant = event.request.headers.get("x-gradus-person");
    if (meant !== null && meant !== me?.id) return Response.json({ message: say(event).signIn }, { status: 401 });
  }
  const response = await resolve(event, { transformPageChunk: ({ html }) => html.replace('<html lang="en"', `<html lang="${lang}"`) });
  // What depends on who asks is nobody else's.
  if (!building && !response.headers.has("cache-control")) response.headers.set("cache-control", "private, no-store");
  return response;
};

export const handleError: HandleServerError = ({ kind, error, event }) => {
  if (kind !== "unknown") return;
  const id = crypto.randomUUID().slice(0, 8);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(JSON.stringify({ level: "error", time: new Date().toISOString(), id, path: event.url.pathname, message }));
  return { message: messages[event.locals.lang ?? "en"].server.failed(id) };
};
