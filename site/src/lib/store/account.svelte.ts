import { siteUrl } from "../links.ts";
import { delivered, enqueue, everyCell, everyResult, outgoing } from "./local.ts";

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: "learner" | "instructor" | "administrator";
  readonly unread: number;
}

/** Who is signed in; null is nobody, undefined not known yet. */
export const account = $state<{ me: Me | null | undefined }>({ me: undefined });

/** Whether the server could not be reached when it was last asked. */
export const connection = $state({ lost: false });

let asked: Promise<void> | null = null;

/** Asks the server once who is signed in. Files without a server have nobody. */
export function whoAmI(again = false): Promise<void> {
  if (again) asked = null;
  asked ??= (async () => {
    if (__STATIC__) {
      account.me = null;
      return;
    }
    try {
      const response = await fetch(siteUrl("api/me"));
      account.me = response.ok ? ((await response.json()) as { me: Me | null }).me : null;
      connection.lost = false;
    } catch {
      account.me ??= null;
      asked = null;
      connection.lost = true;
      setTimeout(() => void whoAmI(), 15_000);
    }
    if (account.me) void flush();
  })();
  return asked;
}

/** Posts to the server; throws the server's own sentence. */
export async function post<T>(path: string, body: unknown, method = "POST"): Promise<T> {
  const response = await fetch(siteUrl(path), { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = (await response.json().catch(() => ({}))) as T & { message?: string };
  if (!response.ok) throw new Error(answer.message ?? `The server answered ${response.status}.`);
  return answer;
}

/** Tells the server now, or when it can be reached again. Resolves to its answer, or to null where that must wait. */
export async function tell<T>(path: string, body: unknown): Promise<T | null> {
  try {
    return await post<T>(path, body);
  } catch (error) {
    if (error instanceof TypeError || !navigator.onLine) {
      await enqueue({ path, body });
      return null;
    }
    throw error;
  }
}

let flushing = false;

/** Sends what has been waiting. */
export async function flush(): Promise<void> {
  if (flushing || !account.me) return;
  flushing = true;
  try {
    for (const { id, path, body } of await outgoing()) {
      try {
        await post(path, body);
      } catch (error) {
        if (error instanceof TypeError) return;
        // What the server refuses now it would refuse for ever.
      }
      await delivered(id!);
    }
  } finally {
    flushing = false;
  }
}

/** After signing in: takes along what a guest has done here. */
export async function takeAlong(): Promise<void> {
  const cells = (await everyCell()).map(({ lesson, cell, source, at, version }) => ({ lesson, cell, source, at, version }));
  for (let i = 0; i < cells.length; i += 50) await tell("api/cells", { cells: cells.slice(i, i + 50) });
  for (const { lesson, exercise, results, sawSolution } of await everyResult()) {
    const own = cells.find((c) => c.lesson === lesson && c.cell === exercise);
    if (own) await tell("api/submissions", { lesson, exercise, sources: { [exercise]: own.source }, results, sawSolution });
  }
}
