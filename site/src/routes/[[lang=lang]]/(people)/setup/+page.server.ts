import { error, fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { giveRole, isNew, isSetupToken, isTaken, signUp } from "#lib/server/accounts.ts";
import { passOn } from "#lib/server/cookies.ts";
import { email, form, inLanguageOf, newPassword, text } from "#lib/server/guard.ts";
import { guesses } from "#lib/server/limits.ts";
import { say } from "#lib/server/say.ts";

export const load = async ({ locals, url }) => {
  if (!(await isNew())) redirect(303, inLanguageOf(locals, "/sign-in"));
  return { token: url.searchParams.get("token") ?? "" };
};

export const actions = {
  default: async (event) => {
    await guesses(event, "setup", event.getClientAddress(), 10, 60);
    if (!(await isNew())) error(403, say(event).isSetUp);
    const given = await form(event, v.object({ token: v.pipe(v.string(), v.trim()), name: text(80), email, password: newPassword }));
    if (!(await isSetupToken(given.token))) return fail(400, { problem: "token" as const });
    try {
      const { id, cookies } = await signUp(given.name, given.email, given.password, event.request.headers);
      await giveRole(id, "administrator");
      passOn(event.cookies, cookies);
    } catch (problem) {
      if (isTaken(problem)) return fail(400, { problem: "taken" as const });
      throw problem;
    }
    redirect(303, inLanguageOf(event.locals, "/admin"));
  },
};
