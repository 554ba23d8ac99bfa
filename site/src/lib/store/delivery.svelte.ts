// Telling the server: what is unsent is in IndexedDB, and stays there until the server has taken it.

import { SvelteSet } from "svelte/reactivity";
import {
  delivered,
  enqueue,
  howManyOutgoing,
  markSent,
  mergeCells,
  outgoing,
  type SavedCell,
  type SavedResult,
  savedCells,
  savedResults,
  saveResult,
  unsentCells,
} from "./local.ts";
import { account, connection, get, owner, post, Refusal } from "./person.svelte.ts";
import { batches, type Verdict, verdictOf, waitAfter } from "./rules.ts";

export const delivery = $state({
  /** Cells and messages of this person that the server lacks. */
  unsent: 0,
  /** The server is being told, or will be when typing pauses. */
  sending: false,
  /** What it would never take, in its own words. */
  refused: "",
});

/** Texts that the server lacks, of this page and, once read, of this device; the newest of each cell. */
const unsent = new Map<string, SavedCell>();
const keyOf = ({ owner: o, lesson, cell }: SavedCell): string => JSON.stringify([o, lesson, cell]);

const mine = (): SavedCell[] => [...unsent.values()].filter((c) => c.owner === owner());

async function count(): Promise<void> {
  delivery.unsent = mine().length + (await howManyOutgoing(owner()).catch(() => 0));
}

/**
 * Lessons whose texts the server is still asked for: it hears of changes afterwards, so that nothing of its own is replaced before it
 * is in the history here.
 */
const held = new SvelteSet<string>();

export const isHeld = (lesson: string): boolean => held.has(lesson);
export const hold = (lesson: string): void => void held.add(lesson);
export function release(lesson: string): void {
  if (held.delete(lesson)) void flush();
}

/** The server hears of changes when typing has paused for so long, in ms. */
const pause = 1500;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

/** Notes that the server lacks a text, and tells it a little later. */
export function changed(cell: SavedCell): void {
  if (cell.owner === "") return;
  unsent.set(keyOf(cell), cell);
  delivery.unsent = Math.max(delivery.unsent, mine().length);
  if (failures || !account.me) return; // The next try is set already, or waits for signing in.
  delivery.sending = true;
  clearTimeout(timer);
  timer = setTimeout(() => void flush(), pause);
}

/** Tells the server something of a person's work, now or when that becomes possible; of a guest's it need not hear. */
export async function tell(path: string, body: unknown): Promise<void> {
  if (!owner()) return;
  try {
    await enqueue({ owner: owner(), path, body });
  } catch {
    // Without storage there is only now.
    await post(path, body).catch((error: unknown) => {
      delivery.refused = error instanceof Error ? error.message : String(error);
    });
    return;
  }
  await flush();
}

let running: Promise<void> | null = null;
let again = false;

/** Sends what has been waiting, and sets the next try where something must wait on. One page at a time where the browser can tell. */
export function flush(): Promise<void> {
  if (running) {
    again = true;
    return running;
  }
  clearTimeout(timer);
  running = (async () => {
    delivery.sending = true;
    try {
      do {
        again = false;
        if (navigator.locks) await navigator.locks.request("gradus-delivery", sendAll);
        else await sendAll();
      } while (again && failures === 0);
    } finally {
      running = null;
      delivery.sending = false;
      await count();
      if (failures && account.me) timer = setTimeout(() => void flush(), waitAfter(failures));
    }
  })();
  return running;
}

/** One round. What the server could not take stays; without a session, a network or its patience there is no use in going on. */
async function sendAll(): Promise<void> {
  const me = account.me;
  if (!me || me.id !== owner()) return;
  for (const cell of await unsentCells(me.id).catch(() => []))
    if (cell.at > (unsent.get(keyOf(cell))?.at ?? 0)) unsent.set(keyOf(cell), cell);
  await count();
  const outcome = await sendCells(mine().filter((c) => !held.has(c.lesson) && !hopeless.has(`${keyOf(c)} ${c.at}`)));
  let late = outcome === "later";
  if (outcome === "wait" || outcome === "sign in") return waiting(outcome);
  for (const { id, path, body } of await outgoing(me.id).catch(() => [])) {
    const { verdict } = await send(path, body);
    if (verdict === "wait" || verdict === "sign in") return waiting(verdict);
    if (verdict === "later") late = true;
    else await delivered(id!).catch(() => {});
  }
  failures = late ? failures + 1 : 0;
}

function waiting(verdict: Verdict): void {
  failures = verdict === "wait" ? failures + 1 : 0;
}

/** Texts that the server has refused: they stay on this device. */
const hopeless = new Set<string>();

async function sendCells(cells: readonly SavedCell[]): Promise<Verdict> {
  let outcome: Verdict = "taken";
  for (const batch of batches(cells)) {
    const { verdict, answer } = await send<{ now: number }>("api/cells", { cells: batch.map(asSent) });
    if (verdict === "wait" || verdict === "sign in") return verdict;
    if (verdict === "taken") await taken(batch, answer?.now);
    // One that cannot be taken must not hold back the others.
    else if (verdict === "refused" && batch.length > 1) for (const cell of batch) await sendCells([cell]);
    else if (verdict === "refused") hopeless.add(`${keyOf(batch[0]!)} ${batch[0]!.at}`);
    else outcome = verdict;
  }
  return outcome;
}

const asSent = ({ lesson, cell, source, version, at }: SavedCell) => ({ lesson, cell, source, version, at });

async function taken(cells: readonly SavedCell[], now = Date.now()): Promise<void> {
  for (const cell of cells) if (unsent.get(keyOf(cell))?.at === cell.at) unsent.delete(keyOf(cell));
  await markSent(cells, now).catch(() => {});
}

/** Longest wait for an answer, in ms. */
const patience = 30_000;

async function send<T>(path: string, body: unknown): Promise<{ verdict: Verdict; answer?: T }> {
  try {
    const answer = await post<T>(path, body, { signal: AbortSignal.timeout(patience) });
    connection.lost = false;
    return { verdict: "taken", answer };
  } catch (error) {
    if (!(error instanceof Refusal)) {
      connection.lost = true;
      return { verdict: "wait" };
    }
    const verdict = verdictOf(error.status, path);
    if (verdict === "refused") delivery.refused = error.message;
    return { verdict };
  }
}

/** Most that a browser sends for a page that is going away, in bytes. */
const lastWords = 60_000;

/** When the page goes: tells what it can without waiting. What does not get through is on the device, and sent another time. */
export function sendLast(): void {
  if (!account.me || account.me.id !== owner()) return;
  const cells: SavedCell[] = [];
  let size = 1000;
  for (const cell of mine().sort((a, b) => b.at - a.at)) {
    size += new Blob([JSON.stringify(asSent(cell))]).size;
    if (size > lastWords) break;
    cells.push(cell);
  }
  if (!cells.length) return;
  post<{ now?: number }>("api/cells", { cells: cells.map(asSent) }, { keepalive: true }).then(
    async ({ now }) => {
      await taken(cells, now);
      await count();
    },
    () => {},
  );
}

/** A lesson's texts, the server's merged into this device's. Null where there is nobody to ask for. */
export async function pull(lesson: string): Promise<SavedCell[] | null> {
  const me = account.me;
  if (!me || me.id !== owner()) return null;
  type Answer = { cells: { cell: string; source: string; version: string; at: number }[] };
  const { cells } = await get<Answer>(`api/cells?lesson=${encodeURIComponent(lesson)}`);
  try {
    await mergeCells(me.id, lesson, cells);
    return await savedCells(me.id, lesson);
  } catch {
    // Without storage, the server's are all there is.
    return cells.map((c) => ({ owner: me.id, lesson, ...c }));
  }
}

/** Marks here what this person has solved anywhere. */
export async function pullMarks(): Promise<void> {
  const me = account.me;
  if (!me || me.id !== owner()) return;
  type Mark = { lesson: string; exercise: string; at: number; sawSolution: boolean };
  const { solved } = await get<{ solved: Mark[] }>("api/progress");
  const known = new Map<string, SavedResult>();
  for (const lesson of new Set(solved.map((s) => s.lesson)))
    for (const result of await savedResults(me.id, lesson)) known.set(`${lesson} ${result.exercise}`, result);
  for (const { lesson, exercise, at, sawSolution } of solved) {
    const here = known.get(`${lesson} ${exercise}`);
    // Begun anew, or tried again, since: the device's own word counts.
    if (here && (here.solved || here.at > at)) continue;
    await saveResult({ owner: me.id, lesson, exercise, results: [], solved: true, sawSolution, at });
  }
}
