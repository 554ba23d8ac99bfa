import { Random } from "@gradus/data";
import { FormatError, StateError } from "@gradus/tensor";
import { expect, test } from "vitest";
import { connectFour, type State } from "../games/index.ts";
import { Solver } from "../solver/connect-four.ts";
import { judge, parsePositions } from "../solver/judge.ts";

/** The result by looking at everything. */
function plain(state: State): number {
  const { outcome } = state;
  if (outcome) return outcome.winner === null ? 0 : -1;
  let best = -1;
  for (const move of state.legal()) {
    state.play(move);
    best = Math.max(best, -plain(state));
    state.undo();
    if (best === 1) break;
  }
  return best;
}

function randomPosition(plies: number, random: Random): State {
  for (;;) {
    const state = connectFour.begin();
    while (!state.outcome && state.ply < plies) {
      const legal = state.legal();
      state.play(legal[random.integer(legal.length)]!);
    }
    if (!state.outcome) return state;
  }
}

const mirrored = (position: string): string => [...position].map((c) => String(8 - Number(c))).join("");

test("results of late positions, and of each of their moves, are those of looking at everything", () => {
  const random = new Random(4);
  const solver = new Solver({ tableBits: 12 });
  const counts = [0, 0, 0];
  for (let i = 0; i < 200; i++) {
    const state = randomPosition(31 + random.integer(11), random);
    const expected = 0 + plain(state);
    counts[expected + 1]!++;
    expect(solver.outcome(state.position()), state.position()).toBe(expected);
    const values = solver.values(state.position());
    for (let column = 0; column < 7; column++) {
      if (!state.legal().includes(column)) {
        expect(values[column]).toBeNull();
        continue;
      }
      state.play(column);
      expect(values[column] === -plain(state), `${state.position()}: ${values}`).toBe(true);
      state.undo();
    }
    expect(Math.max(...values.filter((v) => v !== null))).toBe(expected);
  }
  expect(Math.min(...counts)).toBeGreaterThan(10);
});

test("a position and its mirror image have the same results, whatever was solved before", () => {
  const random = new Random(9);
  const [one, other] = [new Solver(), new Solver({ tableBits: 10 })];
  for (let i = 0; i < 40; i++) {
    const position = randomPosition(16 + random.integer(10), random).position();
    expect(other.values(mirrored(position))).toEqual(one.values(position).reverse());
  }
  expect(one.nodes).toBeGreaterThan(100);
});

test("positions that are none, and games that are over, are refused", () => {
  const solver = new Solver();
  for (const bad of ["8", "x", "1111111"]) expect(() => solver.outcome(bad), bad).toThrow(FormatError);
  for (const method of ["outcome", "values"] as const) expect(() => solver[method]("1122334"), method).toThrow(StateError);
});

test("a judge counts the moves that keep the result", async () => {
  const positions = parsePositions("112233 ---+---\n4 -==-==-\n7777772 =======\n");
  expect(positions[0]!.values).toEqual([-1, -1, -1, 1, -1, -1, -1]);
  const verdict = await judge(positions, async (states) => {
    expect(states.map((s) => s.position())).toEqual(["112233", "4", "7777772"]);
    return [3, 0, 5];
  });
  expect(verdict).toEqual({ right: 2, total: 3, rightWhereItMatters: 1, totalWhereItMatters: 2 });
});
