import { fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { isNew, signIn, signUp } from "#lib/server/accounts.ts";
import { openId } from "#lib/server/auth.ts";
import { passOn } from "#lib/server/cookies.ts";
import { form, limit, text } from "#lib/server/guard.ts";

const email = v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email("should be an e-mail address"), v.maxLength(200));
const password = v.pipe(v.string(), v.minLength(10, "should have at least 10 characters"), v.maxLength(200));

export const load = async ({ locals }) => {
  if (await isNew()) redirect(303, "/setup");
  return { me: locals.me, openId: openId()?.name ?? null };
};

const sentence = (error: unknown): string =>
  error instanceof Error && "body" in error
    ? ((error as { body?: { message?: string } }).body?.message ?? error.message)
    : "That did not work.";

export const actions = {
  in: async (event) => {
    limit(event, "sign-in", 300, 60);
    const given = await form(event, v.object({ email, password: v.pipe(v.string(), v.maxLength(200)) }));
    // Whoever guesses at one account is stopped, from wherever the guesses come; a class that signs in together is not.
    limit(event, "sign-in", 10, 60, given.email);
    try {
      passOn(event.cookies, await signIn(given.email, given.password, event.request.headers));
    } catch {
      return fail(400, { problem: "wrong" as const, email: given.email });
    }
    redirect(303, next(event.url));
  },
  up: async (event) => {
    limit(event, "sign-up", 200, 60);
    const given = await form(event, v.object({ name: text(80), email, password }));
    try {
      passOn(event.cookies, (await signUp(given.name, given.email, given.password, event.request.headers)).cookies);
    } catch (error) {
      return fail(400, { problem: sentence(error), email: given.email });
    }
    redirect(303, next(event.url));
  },
  openid: async (event) => {
    const { auth } = await import("#lib/server/auth.ts");
    const api = (await auth()).api as unknown as {
      signInWithOAuth2(given: object): Promise<{ headers: Headers; response: { url: string } }>;
    };
    const { headers, response } = await api.signInWithOAuth2({
      body: { providerId: "oidc", callbackURL: next(event.url) },
      headers: event.request.headers,
      returnHeaders: true,
    });
    passOn(event.cookies, headers.getSetCookie());
    redirect(303, response.url);
  },
  out: async ({ cookies, request }) => {
    const { auth } = await import("#lib/server/auth.ts");
    await (await auth()).api.signOut({ headers: request.headers }).catch(() => {});
    for (const { name } of cookies.getAll()) if (name.includes("gradus.")) cookies.delete(name, { path: "/" });
    redirect(303, "/");
  },
};

/** Where to go afterwards: a place on this site, or home. */
const next = (url: URL): string => {
  const wanted = url.searchParams.get("next") ?? "/";
  return /^\/(?![/\\])/.test(wanted) ? wanted : "/";
};
