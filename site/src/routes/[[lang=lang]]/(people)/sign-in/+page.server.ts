import { fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { isNew, isTaken, signIn, signUp } from "#lib/server/accounts.ts";
import { auth, openId } from "#lib/server/auth.ts";
import { passOn } from "#lib/server/cookies.ts";
import { email, form, inLanguageOf, limit, newPassword, text } from "#lib/server/guard.ts";
import { guesses } from "#lib/server/limits.ts";
import { nextPage } from "#lib/server/next.ts";

const next = v.optional(v.string());

export const load = async ({ locals, url }) => {
  if (await isNew()) redirect(303, inLanguageOf(locals, "/setup"));
  const failed = url.searchParams.get("error");
  return {
    me: locals.me,
    openId: openId()?.name ?? null,
    next: nextPage(url.searchParams.get("next")),
    // Set by the library when a sign-in elsewhere came back without success.
    failed: failed === null ? null : failed === "account_not_linked" ? ("taken" as const) : ("failed" as const),
  };
};

export const actions = {
  in: async (event) => {
    const address = event.getClientAddress();
    // A whole class may come from one address.
    limit(event, "sign-in", 300, 60, address);
    const given = await form(event, v.object({ email, password: v.pipe(v.string(), v.maxLength(200)), next }));
    // Whoever guesses at one account is stopped, from wherever the guesses come.
    await guesses(event, "sign-in", given.email, 10, 60);
    try {
      passOn(event.cookies, await signIn(given.email, given.password, event.request.headers));
    } catch {
      return fail(400, { problem: "wrong" as const, email: given.email });
    }
    redirect(303, nextPage(given.next));
  },
  up: async (event) => {
    const address = event.getClientAddress();
    limit(event, "sign-up", 200, 60, address);
    if (await isNew()) redirect(303, inLanguageOf(event.locals, "/setup"));
    const given = await form(event, v.object({ name: text(80), email, password: newPassword, next }));
    await guesses(event, "sign-up", given.email, 10, 60);
    try {
      passOn(event.cookies, (await signUp(given.name, given.email, given.password, event.request.headers)).cookies);
    } catch (error) {
      if (isTaken(error)) return fail(400, { problem: "taken" as const, email: given.email });
      throw error;
    }
    redirect(303, nextPage(given.next));
  },
  out: async ({ cookies, locals, request }) => {
    await (await auth()).api.signOut({ headers: request.headers }).catch(() => {});
    for (const { name } of cookies.getAll()) if (name.includes("gradus.")) cookies.delete(name, { path: "/" });
    redirect(303, inLanguageOf(locals, "/"));
  },
};
