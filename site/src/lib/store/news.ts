import { siteUrl } from "../links.ts";
import { account, type Me } from "./person.svelte.ts";

/** Asks how many notifications are unread by now; whatever else is known of the reader stays as it is. */
export async function countNews(): Promise<void> {
  const { me } = account;
  if (__STATIC__ || !me || !navigator.onLine) return;
  try {
    const response = await fetch(siteUrl("api/me"));
    const answer = response.ok ? ((await response.json()) as { me: Me | null }).me : null;
    if (answer && account.me?.id === answer.id && account.me.unread !== answer.unread)
      account.me = { ...account.me, unread: answer.unread };
  } catch {
    // The next time will do.
  }
}
