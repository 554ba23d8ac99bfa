import { error, redirect } from "@sveltejs/kit";
import { isNew } from "#lib/server/accounts.ts";
import { beginOpenId, openId } from "#lib/server/auth.ts";
import { passOn } from "#lib/server/cookies.ts";
import { inLanguageOf, limit } from "#lib/server/guard.ts";
import { nextPage } from "#lib/server/next.ts";
import { say } from "#lib/server/say.ts";

export const prerender = false;

/** To the university's own page for signing in. A link, since the policy of pages lets no form end at another site. */
export const GET = async (event) => {
  if (!openId()) error(404, say(event).nothing);
  limit(event, "openid", 300, 60, event.getClientAddress());
  if (await isNew()) redirect(303, inLanguageOf(event.locals, "/setup"));
  const next = nextPage(event.url.searchParams.get("next"));
  const failed = inLanguageOf(event.locals, `/sign-in?next=${encodeURIComponent(next)}`);
  const { url, cookies } = await beginOpenId(event.url.origin, next, failed);
  passOn(event.cookies, cookies);
  redirect(303, url, { external: true });
};
