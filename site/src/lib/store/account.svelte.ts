import { delivery, flush, pull, sendLast } from "./delivery.svelte.ts";
import { adopt } from "./local.ts";
import { account, connection, get, type Me, personKey, remember, remembered } from "./person.svelte.ts";

export { delivery, tell } from "./delivery.svelte.ts";
export { account, connection, post } from "./person.svelte.ts";

let asked: Promise<void> | null = null;

/** Asks the server once who is signed in. Files without a server have nobody; without a network it is whoever was last. */
export function whoAmI(again = false): Promise<void> {
  if (again) asked = null;
  asked ??= (async () => {
    if (__STATIC__) {
      account.me = null;
      return;
    }
    try {
      const { me } = await get<{ me: Me | null }>("api/me", {}); // whoever it is
      connection.lost = false;
      await settle(me);
    } catch {
      if (!account.ended) account.me ??= remembered();
      asked = null;
      connection.lost = true;
      setTimeout(() => void whoAmI(), 15_000);
    }
  })();
  return asked;
}

/** Set for one signing-in by who does not want a guest's work. */
const leaveKey = "gradus-leave";

/** Whether the next signing-in takes along what a guest has done here. It may lead over another site's page, as OpenID Connect does. */
export function takeAlong(yes: boolean): void {
  try {
    if (yes) sessionStorage.removeItem(leaveKey);
    else sessionStorage.setItem(leaveKey, "1");
  } catch {
    // Without storage there is nothing to take along.
  }
}

function takesAlong(): boolean {
  try {
    return sessionStorage.getItem(leaveKey) === null;
  } catch {
    return false;
  }
}

/** However somebody has signed in: a guest's work becomes theirs, once; the work of whoever was here before stays that person's. */
async function settle(me: Me | null): Promise<void> {
  const before = remembered();
  if (!me) {
    account.me = null;
    account.ended = before !== null;
    return;
  }
  let lessons: string[] = [];
  if (before?.id !== me.id) {
    if (takesAlong()) lessons = await adopt(me.id).catch(() => []);
    takeAlong(true);
  }
  remember(me);
  if (before && before.id !== me.id) {
    // This page shows what another person wrote.
    location.reload();
    return new Promise(() => {});
  }
  account.ended = false;
  account.me = me;
  // The server may have older texts that this device has never seen: they go to the history first.
  for (const lesson of lessons) await pull(lesson).catch(() => {});
  void flush();
}

/** Ends this person's work on this device: what the server lacks is sent if it can be, and waits here for them if it cannot. */
export async function leave(): Promise<void> {
  await Promise.race([flush(), new Promise((resolve) => setTimeout(resolve, 3000))]);
  remember(null);
}

/** Whoever works here is somebody other than the one whose session has ended. */
export function notMe(): void {
  remember(null);
  location.reload();
}

/** Keeps this page in step with the server, with other pages, and with its own end. Gives back what undoes it. */
export function watch(): () => void {
  const hidden = () => {
    if (document.visibilityState === "hidden") sendLast();
    // Signed in again, perhaps, in another page.
    else if (account.ended || connection.lost) void whoAmI(true);
  };
  const elsewhere = (event: StorageEvent) => {
    if (event.key !== personKey && event.key !== null) return;
    const now = event.newValue ? (JSON.parse(event.newValue) as Me).id : "";
    // Another person's page: every text is on the device already.
    if (now !== (remembered()?.id ?? "")) location.reload();
  };
  addEventListener("pagehide", sendLast);
  addEventListener("storage", elsewhere);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    removeEventListener("pagehide", sendLast);
    removeEventListener("storage", elsewhere);
    document.removeEventListener("visibilitychange", hidden);
  };
}

/** The reader has seen what the server refused. */
export function acknowledge(): void {
  delivery.refused = "";
}
