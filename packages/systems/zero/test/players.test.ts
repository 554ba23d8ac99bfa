import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArgumentError, FormatError, StateError, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import {
  connectFour,
  type Evaluator,
  evaluatorOf,
  type FinishedGame,
  gumbel,
  loadZero,
  match,
  NetworkPlayer,
  type Player,
  parseDescription,
  puct,
  randomPlayer,
  type State,
  ticTacToe,
  together,
} from "../index.ts";
import { judge, parsePositions } from "../solver/judge.ts";

const even =
  (actions: number): Evaluator =>
  async (_, n) => ({ logits: new Float32Array(n * actions), values: new Float32Array(n) });

const weightsOf = (game: string) => ({
  description: parseDescription(readFileSync(new URL(`../weights/${game}.json`, import.meta.url), "utf8"), game),
  weights: readFileSync(new URL(`../weights/${game}.safetensors`, import.meta.url)),
});

test("the tic-tac-toe that comes with Gradus never loses, whatever the other side plays, first or second", async () => {
  const { description, weights } = weightsOf("tictactoe");
  const { game, model } = await loadZero(description, weights);
  const evaluate = evaluatorOf(game, model);
  for (const simulations of [50, 200])
    for (const side of [0, 1]) {
      const player = new NetworkPlayer(evaluate, { simulations, parallel: 1 });
      const chosen = new Map<string, number>();
      const state = game.begin();
      const results = { won: 0, drawn: 0, lost: 0 };
      const walk = async (): Promise<void> => {
        if (state.outcome) {
          results[state.outcome.winner === null ? "drawn" : state.outcome.winner === side ? "won" : "lost"]++;
          return;
        }
        if (state.turn !== side) {
          for (const move of state.legal()) {
            state.play(move);
            await walk();
            state.undo();
          }
          return;
        }
        const move = chosen.get(state.key) ?? (await player.choose(state)).move;
        chosen.set(state.key, move);
        state.play(move);
        await walk();
        state.undo();
      };
      await walk();
      expect(results.lost, `${simulations} simulations, side ${side}: ${JSON.stringify(results)}`).toBe(0);
      expect(results.won).toBeGreaterThan(results.drawn);
    }
});

test("the Connect Four that comes with Gradus opens in the centre, and hardly a move loses what the position is worth", async () => {
  const { description, weights } = weightsOf("connect4");
  const { game, model } = await loadZero(description, weights);
  const evaluate = together(game, evaluatorOf(game, model));
  const positions = parsePositions(readFileSync(new URL("../solver/connect-four.positions.txt", import.meta.url), "utf8"));
  const matter = positions.filter(({ values }) => new Set(values.filter((v) => v !== null)).size > 1);
  const choose = (simulations: number) => async (state: State) =>
    (await new NetworkPlayer(evaluate, { simulations, parallel: 1 }).choose(state)).move;
  expect(await choose(100)(game.begin())).toBe(3);
  // A tenth of the positions where some move would lose it: 54 of 61 moves are right, 41 those of a network with weights of chance.
  const some = await judge(
    matter.filter((_, i) => i % 10 === 0),
    (states) => Promise.all(states.map(choose(100))),
  );
  expect(some.right, JSON.stringify(some)).toBeGreaterThanOrEqual(50);
  if (process.env["GRADUS_TEST_LONG"] !== "1") return;
  // As README.md has it: 965.
  const all = await judge(positions, (states) => Promise.all(states.map(choose(400))));
  expect(all.right, JSON.stringify(all)).toBeGreaterThanOrEqual(955);
}, 1_800_000);

test("the Go on 5 × 5 that comes with Gradus opens in the centre", async () => {
  const { description, weights } = weightsOf("go5");
  const { game, model } = await loadZero(description, weights);
  const state = game.begin();
  const choice = await new NetworkPlayer(evaluatorOf(game, model), { simulations: 200 }).choose(state);
  expect(state.nameOf(choice.move)).toBe("c3");
  // It is sure of that, which a network with weights of chance is of nothing.
  expect(choice.candidates![0]!.visits).toBeGreaterThan(100);
});

const opinionated: Evaluator = async (planes, n) => ({
  logits: Float32Array.from({ length: 7 * n }, (_, i) => Math.sin(7 * planes.indexOf(1) + i)),
  values: Float32Array.from({ length: n }, (_, i) => Math.sin(planes.subarray(84 * i, 84 * i + 84).reduce((a, x, k) => a + x * k, 0))),
});

test("thinking ends where there is no room left, whatever the limits, and the next move has room again", async () => {
  for (const room of [1, 2000]) {
    const player = new NetworkPlayer(even(7), { room });
    const state = connectFour.begin();
    for (const limits of [{ simulations: 2_000_000_000 }, { seconds: 1000 }, { simulations: 1e6 }]) {
      const { move, simulations, line } = await player.choose(state, limits);
      // A position takes the room of its moves and of 24 more; up to 8 are looked at together.
      expect(simulations, JSON.stringify(limits)).toBeGreaterThanOrEqual(room === 1 ? 1 : 60);
      expect(simulations).toBeLessThan(2000 / 31 + 8);
      state.play(move);
      state.play(line[1] ?? state.legal()[0]!);
    }
  }
});

test("Gumbel's search begins with nothing known each time, and more simulations than a search has are as many as it has", async () => {
  const strategy = gumbel({ noise: 0 });
  const player = new NetworkPlayer(opinionated, { simulations: 60, strategy, parallel: 1 });
  const state = connectFour.begin();
  for (let i = 0; i < 3; i++) {
    const choice = await player.choose(state);
    expect(choice).toEqual(await new NetworkPlayer(opinionated, { simulations: 60, strategy, parallel: 1 }).choose(state));
    expect(choice.simulations).toBe(60);
    expect(await player.choose(state)).toEqual(choice);
    state.play(choice.move);
    state.play(choice.line[1]!);
  }
  const { simulations } = await player.choose(state, { simulations: 2_000_000_000, signal: AbortSignal.abort() });
  expect(simulations).toBeGreaterThan(0);
});

test.each([1, 5])("a player whose evaluation number %i failed goes on with the next", async (failing) => {
  let calls = 0;
  const evaluate: Evaluator = async (planes, n) => {
    if (++calls === failing) throw new StateError("evaluate", "the device was lost");
    return even(7)(planes, n);
  };
  const player = new NetworkPlayer(evaluate, { simulations: 100 });
  const state = connectFour.begin();
  await expect(player.choose(state)).rejects.toThrow("the device was lost");
  for (let i = 0; i < 2; i++) {
    const { move, simulations } = await player.choose(state);
    expect(simulations).toBe(100);
    state.play(move);
  }
});

test("weights that hold no numbers, and networks that are none, are refused", async () => {
  const { description, weights } = weightsOf("tictactoe");
  const { model } = await loadZero(description, weights);
  const [first] = model.weights;
  const values = ((await first!.data()) as Float32Array).slice();
  values[3] = Number.NaN;
  first!.assign(tensor(values).reshape(first!.shape));
  const file = join(mkdtempSync(join(tmpdir(), "gradus-zero-players-")), "nan.safetensors");
  await model.saveWeights(file);
  await expect(loadZero(description, file)).rejects.toThrow(FormatError);
  await expect(loadZero(description, file)).rejects.toThrow(/hold what is no finite number/);
  for (const network of [{ filters: 1025 }, { filters: 0 }, { blocks: 101 }, { blocks: -1 }, { heads: "none" }]) {
    const text = JSON.stringify({ ...description, network: { ...description.network, ...network } });
    expect(() => parseDescription(text, "x.json"), text).toThrow(/x\.json describes no network that there is/);
  }
});

test("a player keeps its tree while the game goes on, and begins anew in another", async () => {
  const player = new NetworkPlayer(even(7), { simulations: 300, parallel: 4 });
  const state = connectFour.begin();
  const first = await player.choose(state);
  expect(first).toMatchObject({ simulations: 300 });
  expect(state.ply).toBe(0);
  expect(first.line[0]).toBe(first.move);
  state.play(first.move);
  state.play(first.line[1]!);
  const { tree } = player;
  await player.choose(state);
  expect(player.tree).toBe(tree);
  await player.choose(connectFour.begin("77"));
  expect(player.tree).not.toBe(tree);
  // Taken back: a position that the tree has left.
  const later = player.tree;
  await player.choose(connectFour.begin("7"));
  expect(player.tree).not.toBe(later);
  await expect(player.choose(connectFour.begin("1122334"))).rejects.toThrow(ArgumentError);
});

test("thinking ends with the time, when it is told to, and tells of itself meanwhile", async () => {
  const player = new NetworkPlayer(even(7), {});
  const start = performance.now();
  const seen: number[] = [];
  const choice = await player.choose(connectFour.begin("4"), { seconds: 0.8, progress: ({ simulations }) => void seen.push(simulations) });
  expect(performance.now() - start).toBeGreaterThan(790);
  expect(choice.simulations).toBeGreaterThan(50);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  const at = performance.now();
  const stopped = await player.choose(connectFour.begin("3"), { seconds: 600, signal: AbortSignal.abort() });
  expect(performance.now() - at).toBeLessThan(60_000);
  expect(stopped.simulations).toBeGreaterThan(0);
});

test("a player that sees no hope in three moves resigns", async () => {
  const hopeless: Evaluator = async (_, n) => ({ logits: new Float32Array(7 * n), values: new Float32Array(n) });
  const player = new NetworkPlayer(hopeless, { simulations: 30, resignBelow: 0.9 });
  const state = connectFour.begin();
  const resigned: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    const { move, resign = false } = await player.choose(state);
    resigned.push(resign);
    state.play(move);
    state.play(state.legal()[0]!);
  }
  expect(resigned).toEqual([false, false, true]);
});

async function all(games: AsyncIterable<FinishedGame>): Promise<FinishedGame[]> {
  const list: FinishedGame[] = [];
  for await (const game of games) list.push(game);
  return list.sort((a, b) => a.number - b.number);
}

test("a match changes sides on the same openings; the better player wins it", async () => {
  const settings = { games: 20, concurrency: 4, opening: 4, limits: [{ simulations: 60 }, {}], seed: 3 } as const;
  const games = await all(
    match(connectFour, async (table) => [new NetworkPlayer(even(7), { strategy: puct(), seed: table }), randomPlayer(table)], settings),
  );
  expect(games.map(({ number }) => number)).toEqual([...Array(20).keys()]);
  for (let i = 0; i < 20; i += 2) {
    const [a, b] = [games[i]!, games[i + 1]!];
    expect([a.side, b.side, a.opening, b.opening]).toEqual([0, 1, 4, 4]);
    expect(a.moves.slice(0, 4)).toEqual(b.moves.slice(0, 4));
  }
  for (const { moves, winner } of games) {
    const state = connectFour.begin();
    for (const move of moves) state.play(move);
    expect(state.outcome!.winner).toBe(winner);
  }
  expect(games.filter(({ side, winner }) => winner === side).length).toBeGreaterThan(14);
});

test("who plays what is not legal, gives up or fails has lost, and the match goes on", async () => {
  const bad: Player = { name: "bad", choose: async () => ({ move: 99, value: 0, simulations: 0, line: [] }) };
  const weary: Player = {
    name: "weary",
    choose: async (state) => ({ move: state.legal()[0]!, value: -1, simulations: 0, line: [], resign: true }),
  };
  const settings = { games: 2, concurrency: 1, opening: 0, limits: [{}, {}], seed: 1 } as const;
  const lost = await all(match(ticTacToe, async () => [bad, randomPlayer(1)], settings));
  expect(lost.map(({ winner, side }) => winner === side)).toEqual([false, false]);
  expect(lost[0]!.reason).toMatch(/bad failed: play: 99 is not legal/);
  const resigned = await all(match(ticTacToe, async () => [randomPlayer(1), weary], settings));
  expect(resigned.map(({ winner, side, reason }) => [winner === side, reason])).toEqual([
    [true, "resignation"],
    [true, "resignation"],
  ]);
  const endless = await all(match(ticTacToe, async () => [randomPlayer(1), randomPlayer(2)], { ...settings, longest: 3 }));
  expect(endless[0]).toMatchObject({ winner: null, reason: "stopped after 3 moves" });
});

test("what is no description of a player, or weights of another network, is refused", async () => {
  for (const bad of [
    "",
    "[]",
    "null",
    '{"system":"zero"}',
    '{"system":"zero","game":"tictactoe","network":{"filters":-1,"blocks":1,"heads":"dense"}}',
  ])
    expect(() => parseDescription(bad, "weights.json"), bad).toThrow(/weights\.json .*gradus train zero writes it/);
  const { description, weights } = weightsOf("tictactoe");
  await expect(loadZero({ ...description, network: { ...description.network, blocks: 3 } }, weights)).rejects.toThrow(/block2/);
  await expect(loadZero({ ...description, game: "draughts" }, weights)).rejects.toThrow(/there is no game/);
});

test("a search whose walks all end at finished games is ended by its signal as well", async () => {
  const state = ticTacToe.begin();
  for (const name of ["a1", "b1", "a2", "b2", "c1", "c2", "b3"]) state.play(state.actionOf(name));
  expect([state.outcome, state.legal().length]).toEqual([null, 2]);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 30);
  const choice = await new NetworkPlayer(even(9)).choose(state, { seconds: Infinity, signal: abort.signal });
  expect(choice.simulations).toBeLessThan(1_000_000);
  // All that was looked at is told, the chosen one first.
  expect(choice.candidates!.map(({ move }) => move).sort()).toEqual(state.legal());
  expect(choice.candidates![0]).toMatchObject({ move: choice.move, value: choice.value, line: choice.line });
  expect(choice.candidates!.reduce((sum, { visits }) => sum + visits, 0)).toBe(choice.simulations);
});
