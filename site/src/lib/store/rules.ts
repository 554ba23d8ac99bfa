// What becomes of work that two places hold, or that the server has not taken: decisions only, no storage and no network.

/** A text and when it was written. */
interface Written {
  readonly source: string;
  readonly version: string;
  readonly at: number;
}

export interface Choice<T> {
  readonly winner: T;
  /** The text that gave way, where it differs: it belongs into the history. */
  readonly loser: Written | null;
  /** Whether the server has yet to hear of the winner. */
  readonly send: boolean;
}

/** The newer of two texts of one cell, this device's and the server's; of two equally old ones, this device's. */
export function newerOf<L extends Written & { readonly unsent?: 1 }, S extends Written>(local: L | null, server: S | null): Choice<L | S> {
  if (!local && !server) throw new Error("Neither this device nor the server has a text of the cell.");
  if (!local) return { winner: server!, loser: null, send: false };
  if (!server) return { winner: local, loser: null, send: true };
  const differs = local.source !== server.source || local.version !== server.version;
  if (server.at > local.at) return { winner: server, loser: differs ? local : null, send: false };
  return { winner: local, loser: differs ? server : null, send: differs && (local.unsent === 1 || local.at > server.at) };
}

/** When a change counts as made: later than what it replaces, whatever this device's clock says. */
export const changedAt = (now: number, replaced: number | undefined): number => Math.max(now, (replaced ?? 0) + 1);

/** What an answer of the server means for what was sent. */
export type Verdict = "taken" | "refused" | "later" | "wait" | "sign in";

/** Only what the server can never take is given up: work is kept through outages, limits and an ended session. */
export function verdictOf(status: number, path: string): Verdict {
  if (status >= 200 && status < 300) return "taken";
  if (status === 400 || status === 404 || status === 413) return "refused";
  if (status === 401) return "sign in";
  // A quiz that has closed, or has no attempts left, stays so.
  if (status === 403 && path.startsWith("api/quiz/")) return "refused";
  // Too often, or too busy: nothing else would be taken now either.
  return status === 429 || status === 503 ? "wait" : "later";
}

/** How long to wait before trying again, in ms: twice as long each time up to a minute, never a whole class at once. */
export const waitAfter = (failures: number, random: () => number = Math.random): number =>
  Math.min(2000 * 2 ** Math.max(0, failures - 1), 60_000) * (0.75 + random() / 2);

/** Longest text of one cell that the server takes, in characters. */
export const longestSource = 200_000;

/** Splits what is to be sent into requests that the server takes, and leaves out what it never would. */
export function batches<T extends { readonly source: string }>(rows: readonly T[], cells = 50, characters = 250_000): T[][] {
  const out: T[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const length = row.source.length + 200;
    if (row.source.length > longestSource) continue;
    if (size + length > characters || out.at(-1)!.length >= cells) {
      out.push([]);
      size = 0;
    }
    out.at(-1)!.push(row);
    size += length;
  }
  return out;
}

/** Where work stands, as the reader is told. */
export type SaveState = "nothing" | "saving" | "device" | "server" | "here" | "offline" | "ended" | "failed";

/** Whether a reader who does not see the page should be told at once: work is at risk. Ordinary saving is not announced. */
export const urgent = (state: SaveState): boolean => state === "failed" || state === "ended" || state === "here";

export interface Standing {
  /** Whether anything was ever changed here. */
  readonly touched: boolean;
  /** Writes to this device that are under way. */
  readonly writing: number;
  /** Whether the last of them failed. */
  readonly failed: boolean;
  /** Whose work it is. */
  readonly as: "guest" | "person";
  readonly ended: boolean;
  readonly offline: boolean;
  /** What the server has yet to hear of. */
  readonly unsent: number;
  /** Whether it is being told, or will be in a moment. */
  readonly sending: boolean;
}

/** "Saved" only when the server has everything; "here" when it does not, and is asked again. */
export function stateOf(s: Standing): SaveState {
  if (!s.touched) return "nothing";
  if (s.failed && (s.as === "guest" || s.unsent > 0)) return "failed";
  if (s.writing > 0) return "saving";
  if (s.as === "guest") return "device";
  if (s.unsent === 0) return "server";
  if (s.ended) return "ended";
  if (s.offline) return "offline";
  return s.sending ? "saving" : "here";
}
