import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import { afterAll, afterEach, expect, test } from "vitest";
import { type Recipe, recipeOf } from "../config.ts";
import { RunFolder } from "../folder.ts";
import { ticTacToe } from "../games/index.ts";
import { Learner } from "../learner.ts";
import { type NumberedGame, type Players, type RunState, train } from "../train.ts";
import { SelfPlayThreads } from "../workers.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-zero-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const place = (): string => join(folder, String(++made));

const recipe: Recipe = {
  ...recipeOf("tictactoe"),
  ...{ games: 40, gamesPerRound: 20, network: { filters: 8, blocks: 1, heads: "dense" } },
  selfPlay: { ...recipeOf("tictactoe").selfPlay, simulations: 4, parallel: 4 },
  evaluation: { rounds: 1, games: 2, simulations: 4 },
};
const order = { game: "tictactoe", network: recipe.network, options: recipe.selfPlay };
const started: SelfPlayThreads[] = [];
afterEach(() => {
  for (const threads of started.splice(0)) threads.stop();
});
const start = async (count: number, seed = 1): Promise<SelfPlayThreads> => {
  const threads = await SelfPlayThreads.start(count, order, (i) => seed * 64 + i);
  started.push(threads);
  return threads;
};

/** The state that a run comes to, without its times. */
async function trained(players: (seed: number) => Promise<Players>, path?: string): Promise<RunState> {
  const run = train(ticTacToe, recipe, { seed: 3, players, ...(path ? { archive: new RunFolder(path, ticTacToe) } : {}) });
  let next = await run.next();
  while (!next.done) next = await run.next();
  const { rounds, rated } = next.value.state;
  return { rounds: rounds.map((round) => ({ ...round, playing: 0, learning: 0 })), rated };
}

test("same seed and number of threads, same run, whichever thread is faster", async () => {
  const backwards = async (seed: number): Promise<Players> => {
    const threads = await start(2, seed);
    return {
      async play(weights, games, ended) {
        const all: NumberedGame[] = [];
        const done = await threads.play(weights, games, (game) => all.push(game));
        for (const game of all.sort((a, b) => b.number - a.number)) ended(game);
        return done;
      },
      stop: () => threads.stop(),
    };
  };
  const path = place();
  const { rounds } = await trained((seed) => start(2, seed));
  expect((await trained(backwards, path)).rounds).toEqual(rounds);
  // A run that is taken up finds the games in the same order.
  const numbers = new RunFolder(path, ticTacToe).games(1).map(({ number }) => number);
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i));
  const first = readFileSync(join(path, "games", "00001.jsonl"), "utf8").split("\n")[0]!;
  expect(JSON.parse(first)).toMatchObject({ number: 19 });
});

test("a thread that cannot begin, fails, or stops between rounds is an error at once", async () => {
  await expect(SelfPlayThreads.start(2, { ...order, game: "draughts" }, (i) => i)).rejects.toThrow(/a thread failed.*draughts/);
  for (const count of [0, 65, 1.5]) await expect(start(count), String(count)).rejects.toThrow(ArgumentError);
  const weights = await new Learner(ticTacToe, recipe).weights();
  const threads = await start(2);
  await threads.play(weights, 2, () => {});
  const worker = (threads as unknown as { threads: { worker: { terminate(): Promise<number> } }[] }).threads[1]!.worker;
  await worker.terminate();
  for (let i = 0; i < 2; i++) await expect(threads.play(weights, 2, () => {})).rejects.toThrow(StateError);
});

const game = {
  ...{ number: 0, moves: [0, 4, 1], opening: 1, values: [0, 0.5], winner: null, reason: "a draw" },
  policies: [
    { moves: [4], p: [1] },
    { moves: [1, 2], p: [0.5, 0.5] },
  ],
};

test.each(
  Object.entries({
    "a number": "5",
    null: "null",
    "no game": "{}",
    "a list": "[]",
    "half a line in the middle": JSON.stringify(game).slice(0, 30),
    "a move of another game": JSON.stringify({ ...game, moves: [0, 99, 1] }),
    "a move in a policy of another game": JSON.stringify({ ...game, policies: [game.policies[0], { moves: [1, 9], p: [0.5, 0.5] }] }),
    "policies of another number of moves": JSON.stringify({ ...game, opening: 0 }),
    "a third winner": JSON.stringify({ ...game, winner: 2 }),
  }),
)("a line of a game that is %s is an error that names file and line", (_, line) => {
  const archive = new RunFolder(place(), ticTacToe);
  archive.append(1, game as NumberedGame);
  const file = join(archive.path, "games", "00001.jsonl");
  const whole = readFileSync(file, "utf8");
  expect(archive.games(1)).toEqual([game]);
  writeFileSync(file, `${whole}${line}\n${whole}`);
  expect(() => archive.games(1)).toThrow(FormatError);
  expect(() => archive.games(1)).toThrow(`line 2 of ${file} is damaged, or of another run. Take that line out, start anew with --fresh`);
});

test("the end of a line that a killed run has left is dropped, and the next game is a line of its own", () => {
  const path = place();
  const file = join(path, "games", "00001.jsonl");
  new RunFolder(path, ticTacToe).append(1, game as NumberedGame);
  const whole = readFileSync(file, "utf8");
  writeFileSync(file, whole + whole.slice(0, 40));
  const archive = new RunFolder(path, ticTacToe);
  expect(archive.games(1)).toEqual([game]);
  archive.append(1, { ...game, number: 1 } as NumberedGame);
  expect(readFileSync(file, "utf8")).toBe(`${whole}${JSON.stringify({ ...game, number: 1 })}\n`);
  // Runs of earlier versions have no numbers: their games come as they ended.
  writeFileSync(file, whole.replace('"number":0,', "").repeat(2));
  expect(archive.games(1).map(({ number }) => number)).toEqual([0, 1]);
});

test("a state that is none, or would lead out of its folder, is an error that names the file", async () => {
  const path = place();
  await trained((seed) => start(1, seed), path);
  const file = join(path, "state.json");
  const state = JSON.parse(readFileSync(file, "utf8")) as RunState & { model: string };
  expect(state.rated.flatMap(({ samples }) => samples).length).toBeGreaterThan(0);
  expect(new RunFolder(path, ticTacToe).state).toEqual(state);
  const outside = join(folder, "x.safetensors");
  writeFileSync(outside, "");
  const [round] = state.rounds;
  const bad = [
    ...[{}, [], 5, null, { rounds: 1 }, { rounds: [], rated: [], model: state.model }],
    ...["../x.safetensors", "model-3.safetensors/../../x.safetensors", "model-x.safetensors", 3, [state.model], undefined].map((model) => ({
      ...state,
      model,
    })),
    ...[{ round: 2 }, { losses: {} }, { games: "20" }, { firstMoves: { a1: -1 } }, { results: null }].map((part) => ({
      ...state,
      rounds: [{ ...round, ...part }, ...state.rounds.slice(1)],
    })),
    ...[
      [{}],
      [null],
      [{ round: 99, scores: [], samples: [] }],
      [{ round: 1, scores: [{ a: 1, b: 0, wins: 1, draws: 0, losses: 0 }], samples: [] }],
    ].map((rated) => ({ ...state, rated })),
  ];
  for (const text of ["", "{", ...bad.map((value) => JSON.stringify(value))]) {
    writeFileSync(file, text);
    expect(() => new RunFolder(path, ticTacToe), text).toThrow(FormatError);
    expect(() => new RunFolder(path, ticTacToe), text).toThrow(`${file} is damaged`);
  }
  expect(existsSync(outside)).toBe(true);
});

test("what nobody could play or load is refused before anything begins", async () => {
  for (const [bad, message] of [
    [{ ...recipe, network: { ...recipe.network, filters: 1100 } }, "1 to 1024 filters, not 1100"],
    [{ ...recipe, network: { ...recipe.network, blocks: 101 } }, "at most 100 blocks, not 101"],
    [{ ...recipe, selfPlay: { ...recipe.selfPlay, simulations: 1e12 } }, "simulations are 1000000000000"],
    [{ ...recipe, games: 0 }, "games are 0"],
  ] as const)
    await expect(train(ticTacToe, bad, { seed: 1 }).next(), message).rejects.toThrow(message);
});
