import { error, fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { giveRole, isNew, setupToken, signUp } from "#lib/server/accounts.ts";
import { passOn } from "#lib/server/cookies.ts";
import { form, limit, text } from "#lib/server/guard.ts";

export const load = async ({ url }) => {
  if (!(await isNew())) redirect(303, "/sign-in");
  return { token: url.searchParams.get("token") ?? "" };
};

export const actions = {
  default: async (event) => {
    limit(event, "setup", 10, 60);
    if (!(await isNew())) error(403, "The site is set up already.");
    const given = await form(
      event,
      v.object({
        token: v.pipe(v.string(), v.trim()),
        name: text(80),
        email: v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email("should be an e-mail address")),
        password: v.pipe(v.string(), v.minLength(10, "should have at least 10 characters")),
      }),
    );
    if (given.token !== (await setupToken())) return fail(400, { problem: true });
    const { id, cookies } = await signUp(given.name, given.email, given.password, event.request.headers);
    await giveRole(id, "administrator");
    passOn(event.cookies, cookies);
    redirect(303, "/admin");
  },
};
