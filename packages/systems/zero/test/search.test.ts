import { Random } from "@gradus/data";
import { describe, expect, test } from "vitest";
import { connectFour, type Game, type State, ticTacToe } from "../games/index.ts";
import { gumbel, halvingSchedule } from "../search/gumbel.ts";
import { dirichlet } from "../search/noise.ts";
import { puct } from "../search/puct.ts";
import { type Evaluator, search, Transpositions } from "../search/search.ts";
import { meanOf, type Node, type Strategy, Tree } from "../search/tree.ts";

/** Knows nothing: all moves alike, all positions even. */
const ignorant =
  (game: Game): Evaluator =>
  async (_, n) => ({ logits: new Float32Array(n * game.actions), values: new Float32Array(n) });

/** Opinions that differ from position to position: a hash of what is seen. */
const opinionated =
  (game: Game): Evaluator =>
  async (planes, n) => {
    const size = planes.length / n;
    const hash = (row: number, k: number) => {
      let h = k;
      for (let i = 0; i < size; i++) h = Math.imul(h ^ (planes[row * size + i]! * 255 + i), 0x01000193);
      return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
    };
    return {
      logits: Float32Array.from({ length: n * game.actions }, (_, i) => 2 * hash(Math.floor(i / game.actions), 1 + (i % game.actions))),
      values: Float32Array.from({ length: n }, (_, i) => hash(i, 77) - 0.5),
    };
  };

async function searched(
  state: State,
  simulations: number,
  strategy: Strategy,
  options: Parameters<typeof search>[2] = {},
  seed = 1,
  evaluate = ignorant(state.game),
) {
  const tree = new Tree(state, strategy, new Random(seed));
  tree.begin(simulations);
  await search([tree], evaluate, options);
  return tree;
}

/** The best result for who is to move, by looking at everything. */
function solve(state: State, memory = new Map<string, number>()): number {
  const { outcome } = state;
  if (outcome) return outcome.winner === null ? 0 : outcome.winner === state.turn ? 1 : -1;
  const known = memory.get(state.key);
  if (known !== undefined) return known;
  let best = -1;
  for (const move of state.legal()) {
    state.play(move);
    best = Math.max(best, -solve(state, memory));
    state.undo();
  }
  memory.set(state.key, best);
  return best;
}

const strategies = {
  PUCT: puct(),
  "PUCT with noise": puct({ noise: { alpha: 1, fraction: 0.25 } }),
  Gumbel: gumbel(),
  "Gumbel without noise": gumbel({ noise: 0 }),
};

describe.each(Object.entries(strategies))("%s", (_, strategy) => {
  test("every move of tic-tac-toe that it chooses with 4000 simulations keeps the value of the position", async () => {
    const random = new Random(5);
    for (let game = 0; game < 12; game++) {
      const state = ticTacToe.begin();
      for (let i = random.integer(6); i > 0 && !state.outcome; i--) state.play(state.legal()[random.integer(state.legal().length)]!);
      if (state.outcome) continue;
      const value = solve(state);
      const tree = await searched(state, 4000, strategy, { transpositions: new Transpositions() }, game);
      tree.advance(tree.root!.actions[tree.result.choose(0)]!);
      expect(-solve(tree.state), state.toString()).toBe(value);
    }
  });

  test("it finds the win in one, and the one move that does not lose", async () => {
    const win = await searched(connectFour.begin("112233"), 200, strategy);
    expect(win.root!.actions[win.result.choose(0)]).toBe(3);
    const defence = await searched(connectFour.begin("17273"), 400, strategy);
    expect(defence.state.nameOf(defence.root!.actions[defence.result.choose(0)]!)).toBe("d");
  });

  test.each([1, 8])("all simulations are made, %i at a time, and numbers add up", async (parallel) => {
    const tree = await searched(connectFour.begin(), 300, strategy, { parallel }, 3, opinionated(connectFour));
    const check = (node: Node): void => {
      expect(node.visits.reduce((a, b) => a + b, 0)).toBe(node.visited);
      node.children.forEach((child, i) => {
        if (!child || typeof child === "symbol") return expect(node.visits[i]).toBe(0);
        if (!child.actions.length) return expect(meanOf(node, i, 0)).toBeCloseTo(-child.value, 9);
        expect(child.visited).toBe(node.visits[i]! - 1);
        const below = child.total.reduce((a, b) => a + b, child.value);
        expect(node.total[i]).toBeCloseTo(-below, 6);
        check(child);
      });
    };
    expect(tree.root!.visited).toBe(300);
    expect(tree.state.ply).toBe(0);
    check(tree.root!);
    const target = tree.result.target();
    expect(target.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    const line = tree.line(tree.result.choose(0));
    expect(line.length).toBeGreaterThan(1);
    for (const move of line) tree.state.play(move);
  });

  test("same seed, same search; what is known of positions changes nothing", async () => {
    const visits = async (seed: number, transpositions: Transpositions | null) => [
      ...(await searched(connectFour.begin("44"), 200, strategy, { transpositions }, seed, opinionated(connectFour))).root!.visits,
    ];
    expect(await visits(1, null)).toEqual(await visits(1, null));
    expect(await visits(1, new Transpositions())).toEqual(await visits(1, null));
  });
});

test("the edge that PUCT follows is that of the formula", () => {
  const node = (visits: number[], total: number[], prior: number[]): Node => ({
    actions: visits.map((_, i) => i),
    logits: Float32Array.from(prior, Math.log),
    prior: Float32Array.from(prior),
    visits: Int32Array.from(visits),
    total: Float64Array.from(total),
    children: visits.map(() => null),
    value: 0.3,
    visited: visits.reduce((a, b) => a + b, 0),
  });
  // C = log((1 + 30 + 19652) / 19652) + 1.25 = 1.25158; Q + C P √30 / (1 + N).
  const example = node([20, 10, 0], [10, -2, 0], [0.5, 0.3, 0.2]);
  // 0.5 + 0.1632, -0.2 + 0.187, 0 + 1.371
  expect(puct().select(example)).toBe(2);
  expect(puct({ reduction: 1.2 }).select(example)).toBe(0);
  expect(puct({ init: 0, base: 1e9 }).select(example)).toBe(0);
});

test("halving shares simulations out as figure 1 of the Gumbel paper has it", () => {
  // 16 moves, 200 simulations: three each for 16, six each for 8, 12 each for 4, 25 each for 2, and the six that are left for these two.
  const counts = new Array<number>(16).fill(0);
  for (const visits of halvingSchedule(16, 200)) counts[counts.indexOf(visits)]!++;
  expect(counts).toEqual([49, 49, 21, 21, 9, 9, 9, 9, 3, 3, 3, 3, 3, 3, 3, 3]);
  for (const [m, n] of [
    [1, 5],
    [2, 2],
    [4, 3],
    [7, 32],
    [16, 16],
  ] as const)
    expect(halvingSchedule(m, n)).toHaveLength(n);
});

test("Gumbel's moves are drawn from the policy where values say nothing", async () => {
  const evaluate: Evaluator = async (_, n) => ({
    logits: Float32Array.from({ length: 7 * n }, (_, i) => Math.log([0.05, 0.05, 0.1, 0.4, 0.2, 0.15, 0.05][i % 7]!)),
    values: new Float32Array(n),
  });
  const counts = new Array<number>(7).fill(0);
  const strategy = gumbel({ scale: 0 });
  for (let seed = 0; seed < 600; seed++) {
    const tree = await searched(connectFour.begin(), 4, strategy, {}, seed, evaluate);
    counts[tree.result.choose(0)]!++;
  }
  expect(counts[3]! / 600).toBeGreaterThan(0.33);
  expect(counts[3]! / 600).toBeLessThan(0.47);
  expect(counts[0]! / 600).toBeLessThan(0.1);
});

test("Dirichlet's shares add up, and have the variance of the formula", () => {
  const random = new Random(1);
  for (const alpha of [0.03, 0.3, 1, 5]) {
    const n = 10;
    const draws = Array.from({ length: 4000 }, () => dirichlet(n, alpha, random));
    for (const draw of draws) expect(draw.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    const mean = draws.reduce((a, d) => a + d[3]!, 0) / draws.length;
    const variance = draws.reduce((a, d) => a + (d[3]! - mean) ** 2, 0) / draws.length;
    expect(mean).toBeCloseTo(0.1, 1);
    expect(variance / ((0.1 * 0.9) / (n * alpha + 1))).toBeGreaterThan(0.8);
    expect(variance / ((0.1 * 0.9) / (n * alpha + 1))).toBeLessThan(1.25);
  }
});

test("a tree goes on with what it knows after a move, also one that was not looked at", async () => {
  const tree = await searched(connectFour.begin(), 400, puct(), {}, 1, opinionated(connectFour));
  const edge = tree.result.choose(0);
  const before = tree.root!.visits[edge]! - 1;
  tree.advance(tree.root!.actions[edge]!);
  expect(tree.root!.visited).toBe(before);
  tree.begin(500);
  expect(tree.left).toBe(500 - before);
  while (tree.root) tree.advance(tree.state.legal()[0]!);
  expect(() => tree.result).toThrow("no simulation");
  tree.begin(50);
  await search([tree], opinionated(connectFour));
  expect(tree.root!.visited).toBe(50);
});

test("a search ends when told to, and refuses a game that is over", async () => {
  let asked = 0;
  const tree = await searched(connectFour.begin(), 1e6, puct(), { stop: () => ++asked === 20 });
  expect(tree.root!.visited).toBe(19);
  const over = new Tree(connectFour.begin("1122334"), puct(), new Random(1));
  expect(() => over.begin(10)).toThrow("the game is over: four in a row");
});

test("searches of several games share evaluations", async () => {
  const trees = Array.from({ length: 16 }, (_, seed) => new Tree(connectFour.begin(), puct(), new Random(seed)));
  for (const tree of trees) tree.begin(50);
  const sizes: number[] = [];
  const plain = opinionated(connectFour);
  await search(trees, async (planes, n) => {
    sizes.push(n);
    return plain(planes, n);
  });
  expect(sizes.every((n) => n <= 16)).toBe(true);
  expect(sizes[0]).toBe(16);
  for (const tree of trees) expect([...tree.root!.visits]).toEqual([...trees[0]!.root!.visits]);
});
