import { connectFour } from "../games/connect-four.ts";
import type { State } from "../games/game.ts";

/** A position and what each column leads to for who moves: 1, 0 or -1, null where it is full. */
export interface Judged {
  readonly position: string;
  readonly values: readonly (-1 | 0 | 1 | null)[];
}

/** Positions as yardstick.ts writes them. */
export const parsePositions = (text: string): Judged[] =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [position = "", signs = ""] = line.split(" ");
      return { position, values: [...signs].map((s) => ({ "+": 1, "=": 0, "-": -1 })[s] ?? null) as Judged["values"] };
    });

/** How many moves keep the result that perfect play has. */
export interface Verdict {
  readonly right: number;
  readonly total: number;
  /** The same, of positions where some move would not. */
  readonly rightWhereItMatters: number;
  readonly totalWhereItMatters: number;
}

/** Judges whoever chooses moves for many positions at once. */
export async function judge(
  positions: readonly Judged[],
  choose: (states: readonly State[]) => Promise<readonly number[]>,
): Promise<Verdict> {
  const moves = await choose(positions.map(({ position }) => connectFour.begin(position)));
  const verdict = { right: 0, total: positions.length, rightWhereItMatters: 0, totalWhereItMatters: 0 };
  positions.forEach(({ values }, i) => {
    const known = values.filter((v) => v !== null);
    const best = Math.max(...known);
    const right = Number(values[moves[i]!] === best);
    const matters = Number(Math.min(...known) < best);
    verdict.right += right;
    verdict.rightWhereItMatters += right * matters;
    verdict.totalWhereItMatters += matters;
  });
  return verdict;
}
