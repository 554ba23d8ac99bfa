import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@gradus/data";
import { setRandomSeed } from "@gradus/nn";
import { expect, test } from "vitest";
import { type Recipe, recipeOf } from "../config.ts";
import { ratings, share } from "../elo.ts";
import { RunFolder } from "../folder.ts";
import { connectFour, defineGame, type Game, type Side, ticTacToe } from "../games/index.ts";
import { playMatch, tally } from "../match.ts";
import { zeroNetwork } from "../model.ts";
import { evaluatorOf, together } from "../network.ts";
import { Replay } from "../replay.ts";
import type { Evaluator } from "../search/search.ts";
import { type PlayedGame, SelfPlay, type SelfPlayOptions } from "../self-play.ts";
import { type TrainingUpdate, train } from "../train.ts";

const tiny: SelfPlayOptions = {
  ...{ search: "gumbel", simulations: 12, considered: 7, temperatureMoves: 4, noise: 1 },
  ...{ openings: { share: 0.5, moves: 6 }, parallel: 8 },
};

async function games(game: Game, options: SelfPlayOptions, calls: readonly number[], seed = 1): Promise<PlayedGame[]> {
  setRandomSeed(1);
  const evaluate = evaluatorOf(game, zeroNetwork(game, { filters: 8, blocks: 1, heads: "dense" }));
  const play = new SelfPlay(game, options, seed);
  const played: PlayedGame[] = [];
  for (const count of calls) await play.play(evaluate, count, (g) => played.push(g));
  return played;
}

test.each(["gumbel", "puct"] as const)(
  "games by %s are legal to their end, with a policy and a value for every move that was searched",
  async (search) => {
    const played = await games(connectFour, { ...tiny, search }, [5, 12]);
    expect(played).toHaveLength(17);
    expect(played.some(({ opening }) => opening > 0) && played.some(({ opening }) => opening === 0)).toBe(true);
    for (const { moves, opening, policies, values, winner } of played) {
      const state = connectFour.begin();
      expect(policies).toHaveLength(moves.length - opening);
      expect(values).toHaveLength(policies.length);
      for (const [ply, move] of moves.entries()) {
        const policy = policies[ply - opening];
        if (policy) {
          expect(policy.p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 2);
          expect(state.legal()).toEqual(expect.arrayContaining([...policy.moves]));
          expect(Math.abs(values[ply - opening]!)).toBeLessThanOrEqual(1);
        }
        state.play(move);
      }
      expect(state.outcome!.winner).toBe(winner);
    }
  },
);

test("same seed, same games; another seed, others", async () => {
  expect(await games(connectFour, tiny, [3, 3])).toEqual(await games(connectFour, tiny, [3, 3]));
  expect(await games(connectFour, tiny, [3, 3], 2)).not.toEqual(await games(connectFour, tiny, [3, 3]));
});

test("as many games are played as were asked for, also of a game whose positions are soon all known", async () => {
  const sticks = defineGame<{ left: number; turn: Side }>({
    ...{ name: "sticks", rows: 1, columns: 5, planes: 1, actions: 2, start: { left: 5, turn: 0 } },
    turn: ({ turn }) => turn,
    legal: ({ left }) => (left > 1 ? [0, 1] : [0]),
    play: ({ left, turn }, action) => ({ left: left - 1 - action, turn: (1 - turn) as Side }),
    outcome: ({ left, turn }) => (left === 0 ? ((1 - turn) as Side) : null),
    observe: ({ left }) => Array.from({ length: 5 }, (_, i) => Number(i < left)),
  });
  const few = { ...tiny, simulations: 3, openings: { share: 0, moves: 0 } };
  expect(await games(sticks, few, [50, 50, 50])).toHaveLength(150);
});

test("playing can be left after some moves, and goes on where it was", async () => {
  const evaluate: Evaluator = async (_, n) => ({ logits: new Float32Array(7 * n), values: new Float32Array(n) });
  const all = async (mostMoves?: number) => {
    const [play, played] = [new SelfPlay(connectFour, tiny, 1), [] as PlayedGame[]];
    let moves = 0;
    while (moves < 400) {
      const some = await play.play(evaluate, Infinity, (g) => played.push(g), mostMoves ?? 400);
      expect(some.moves).toBe(mostMoves ?? 400);
      moves += some.moves;
    }
    return played;
  };
  const played = await all();
  expect(played.length).toBeGreaterThan(8);
  // The games are the same, though they may end in another order.
  expect(played).toEqual(expect.arrayContaining((await all(20)).slice(0, 7)));
});

test("examples are positions of the games with their results, also mirrored, and old games leave", async () => {
  const played = await games(connectFour, tiny, [12]);
  const replay = new Replay(connectFour, 60);
  for (const game of played) replay.add(game);
  expect(replay.positions).toBeGreaterThanOrEqual(60);
  expect(replay.positions - 60).toBeLessThan(42);
  const { planes, policy, value } = replay.draw(300, new Random(1));
  // Every position that can be drawn, from the games themselves.
  const possible = new Set<string>();
  for (const { moves, opening, policies, winner } of played) {
    const state = connectFour.begin();
    const seen = new Float32Array(84);
    for (const [ply, move] of moves.entries()) {
      if (ply >= opening)
        for (const { squares, actions } of connectFour.symmetries) {
          state.observe(seen);
          const turned = [...squares].flatMap((s) => [seen[2 * s]!, seen[2 * s + 1]!]);
          const { moves: some, p } = policies[ply - opening]!;
          const target = [...actions].map((a) => Math.fround(p[some.indexOf(a)] ?? 0));
          possible.add([...turned, ...target.map((x) => x.toFixed(3)), winner === null ? 0 : winner === state.turn ? 1 : -1].join());
        }
      state.play(move);
    }
  }
  const drawn = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const row = [
      ...planes.subarray(84 * i, 84 * i + 84),
      ...Array.from(policy.subarray(7 * i, 7 * i + 7), (x) => x.toFixed(3)),
      value[i],
    ].join();
    expect(possible.has(row)).toBe(true);
    drawn.add(row);
  }
  expect(drawn.size).toBeGreaterThan(60);
});

test("ratings are Elo's: ten to one for 400 points, and intervals that narrow with games", () => {
  const [, b] = ratings(2, [{ a: 1, b: 0, wins: 10_000, draws: 0, losses: 1000 }]);
  expect(b!.elo).toBeCloseTo(400, 0);
  const wide = ratings(2, [{ a: 1, b: 0, wins: 10, draws: 4, losses: 6 }])[1]!;
  const narrow = ratings(2, [{ a: 1, b: 0, wins: 1000, draws: 400, losses: 600 }])[1]!;
  expect(wide.margin / narrow.margin).toBeGreaterThan(8);
  // p = 0.6: 400 log10(1.5) = 70.4, and a standard error of 1 / √(n p (1 - p)) = 0.0456 in nats = 7.9.
  expect(narrow.elo).toBeCloseTo(70.4, 0);
  expect(narrow.margin).toBeCloseTo(1.96 * 7.93, 0);
  // A chain adds up, and is less certain at its end; who won everything has a finite rating.
  const chain = ratings(3, [
    { a: 1, b: 0, wins: 750, draws: 0, losses: 250 },
    { a: 2, b: 1, wins: 750, draws: 0, losses: 250 },
  ]);
  expect(chain[2]!.elo).toBeCloseTo(2 * chain[1]!.elo, 0);
  expect(chain[2]!.margin).toBeCloseTo(Math.SQRT2 * chain[1]!.margin, 0);
  expect(ratings(2, [{ a: 1, b: 0, wins: 40, draws: 0, losses: 0 }])[1]!.elo).toBeLessThan(1000);
  expect(ratings(1, [])).toEqual([{ elo: 0, margin: 0 }]);
  const { low, high } = share(8, 0, 2);
  expect([low, high].map((x) => x.toFixed(3))).toEqual(["0.490", "0.943"]);
});

test("evaluations that are asked for at once are made at once, and each gets its own", async () => {
  setRandomSeed(3);
  const evaluate = evaluatorOf(ticTacToe, zeroNetwork(ticTacToe, { filters: 8, blocks: 1, heads: "dense" }));
  const calls: number[] = [];
  const shared = together(ticTacToe, async (planes, n) => {
    calls.push(n);
    return evaluate(planes, n);
  });
  const inputs = [1, 3, 2].map((n) => Float32Array.from({ length: n * 18 }, (_, i) => Math.sin(i * n)));
  const results = await Promise.all(inputs.map((planes) => shared(planes, planes.length / 18)));
  expect(calls).toEqual([6]);
  for (const [i, planes] of inputs.entries()) {
    const alone = await evaluate(planes, planes.length / 18);
    results[i]!.logits.forEach((x, k) => void expect(x).toBeCloseTo(alone.logits[k]!, 5));
    results[i]!.values.forEach((x, k) => void expect(x).toBeCloseTo(alone.values[k]!, 5));
  }
});

const small: Recipe = { ...recipeOf("tictactoe"), games: 1200, evaluation: { rounds: 3, games: 20, simulations: 16 } };

test("tic-tac-toe is learned in seconds: the network with a search beats a new one, and hardly ever loses to noise", async () => {
  const run = train(ticTacToe, small, { seed: 1 });
  const updates: TrainingUpdate[] = [];
  let next = await run.next();
  for (; !next.done; next = await run.next()) updates.push(next.value);
  const { learner, state } = next.value;
  expect(state.rounds).toHaveLength(6);
  expect(state.rounds.at(-1)!.losses.policy).toBeLessThan(state.rounds[0]!.losses.policy - 0.3);
  expect(updates.filter(({ kind }) => kind === "game")).toHaveLength(1200);
  expect(state.rated).toHaveLength(2);
  const own = evaluatorOf(ticTacToe, learner.model);
  setRandomSeed(9);
  const fresh = evaluatorOf(ticTacToe, zeroNetwork(ticTacToe, small.network));
  const options = { games: 40, opening: 2, seed: 1 };
  const match = tally(await playMatch(ticTacToe, [own, fresh], { ...options, simulations: 8 }));
  expect(match.wins, JSON.stringify(match)).toBeGreaterThan(match.losses);
  // A search whose network knows nothing but noise.
  const random = new Random(6);
  const noise: Evaluator = async (_, n) => ({
    logits: Float32Array.from({ length: n * 9 }, () => random.uniform(0, 3)),
    values: new Float32Array(n),
  });
  const games = tally(await playMatch(ticTacToe, [own, noise], { ...options, opening: 0, simulations: 32 }));
  expect(games.losses, JSON.stringify(games)).toBeLessThan(4);
});

test("a run in a folder goes on after any round or game, also where a line of a game was half written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gradus-zero-"));
  const recipe: Recipe = { ...small, games: 120, gamesPerRound: 40, evaluation: { rounds: 1, games: 4, simulations: 4 } };
  const first = train(ticTacToe, recipe, { seed: 4, archive: new RunFolder(folder, ticTacToe) });
  let seen = 0;
  for (let next = await first.next(); !next.done; next = await first.next()) {
    if (next.value.kind === "game") seen++;
    if (seen === 55) break;
  }
  await first.return(undefined as never);
  const file = join(folder, "games", "00002.jsonl");
  const whole = readFileSync(file, "utf8");
  expect(whole.trim().split("\n")).toHaveLength(15);
  writeFileSync(file, whole + whole.slice(0, 40));

  const second = train(ticTacToe, recipe, { seed: 4, archive: new RunFolder(folder, ticTacToe) });
  const again: number[] = [];
  let next = await second.next();
  for (; !next.done; next = await second.next()) if (next.value.kind === "game") again.push(next.value.games);
  expect(again[0]).toBe(56);
  expect(again).toHaveLength(65);
  expect(next.value.state.rounds.map(({ games }) => games)).toEqual([40, 80, 120]);
  expect(next.value.state.rated).toHaveLength(3);
  expect(new RunFolder(folder, ticTacToe).games(2)).toHaveLength(40);
});
