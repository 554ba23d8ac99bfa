import { Random } from "@gradus/data";
import { setRandomSeed } from "@gradus/nn";
import { ArgumentError, StateError, tensor } from "@gradus/tensor";
import { checkRecipe, type Recipe } from "./config.ts";
import { type Rating, ratings, type Score } from "./elo.ts";
import type { Game } from "./games/game.ts";
import { Learner, type Losses } from "./learner.ts";
import { type FinishedGame, playMatch, tally } from "./match.ts";
import { zeroNetwork } from "./model.ts";
import { evaluatorOf } from "./network.ts";
import { Replay } from "./replay.ts";
import { type PlayedGame, SelfPlay } from "./self-play.ts";

/** What a round of playing and learning came to. */
export interface Round {
  /** From 1 on. */
  readonly round: number;
  /** Since the beginning. */
  readonly games: number;
  readonly positions: number;
  readonly losses: Losses;
  readonly steps: number;
  /** Of this round. */
  readonly gameLength: number;
  readonly results: { readonly first: number; readonly draws: number; readonly second: number };
  /** First moves of games that begin without chance, and how often each was played. */
  readonly firstMoves: Readonly<Record<string, number>>;
  /** Seconds spent playing and learning. */
  readonly playing: number;
  readonly learning: number;
  readonly evaluations: number;
}

/** A network that was rated, and the games it played for it. */
export interface Rated {
  readonly round: number;
  readonly scores: readonly Score[];
  /** Two games of each match, in the order of the scores. */
  readonly samples: readonly FinishedGame[];
}

/** A game and its number in its round, which says where it comes among the others, whenever it ended. */
export type NumberedGame = PlayedGame & { readonly number: number };

/** All that a run has come to, as plain JSON. */
export interface RunState {
  readonly rounds: readonly Round[];
  readonly rated: readonly Rated[];
}

/** Where a run keeps what it has: a folder of files, or nothing. Rounds count from 1. */
export interface Archive {
  readonly state: RunState | null;
  /** The learner's model as it was saved with the state. */
  model(): Promise<Learner["model"]>;
  /** In the order of their numbers. */
  games(round: number): readonly NumberedGame[];
  append(round: number, game: NumberedGame): void;
  save(state: RunState, model: Learner["model"]): Promise<void>;
  /** Weights of networks that were rated. */
  saveNetwork(round: number, weights: readonly Float32Array[]): Promise<void>;
  network(round: number): Promise<readonly Float32Array[]>;
}

/** Plays games: in this thread, or in others. */
export interface Players {
  /** Hands games out as they end, with numbers from 0 on. Same calls, same games with the same numbers, in whatever order. */
  play(
    weights: readonly Float32Array[],
    games: number,
    ended: (game: NumberedGame) => void,
  ): Promise<{ evaluations: number; moves: number }>;
  stop(): void;
}

export interface TrainOptions {
  /** Same seed, same number of threads, no interruption: same run. */
  readonly seed: number;
  readonly archive?: Archive;
  /** Who plays; the number tells a run that was taken up again from the one before. Default: this thread. */
  readonly players?: (seed: number) => Promise<Players>;
  /** Weights to begin with, of a network of the same size. */
  readonly from?: readonly Float32Array[];
}

export type TrainingUpdate =
  | { readonly kind: "game"; readonly games: number; readonly of: number; readonly game: PlayedGame }
  | { readonly kind: "step"; readonly round: number; readonly step: number; readonly steps: number }
  | { readonly kind: "round"; readonly round: Round }
  | { readonly kind: "rated"; readonly rated: Rated; readonly ratings: readonly Rating[] };

/** Games in this thread: for pages, and to learn small games. */
export function playHere(game: Game, recipe: Recipe, seed: number): Players {
  const model = zeroNetwork(game, recipe.network);
  const evaluate = evaluatorOf(game, model);
  const play = new SelfPlay(game, recipe.selfPlay, seed);
  return {
    play(weights, games, ended) {
      assignAll(model, weights);
      let number = 0;
      return play.play(evaluate, games, (game) => ended({ number: number++, ...game }));
    },
    stop() {},
  };
}

/** Gives a network weights as `Learner.weights` has them. ArgumentError where they are of another network. */
export function assignAll(model: Learner["model"], weights: readonly Float32Array[]): void {
  const sizes = model.weights.map((w) => w.size);
  if (weights.length !== sizes.length || weights.some((w, i) => w.length !== sizes[i]))
    throw new ArgumentError(
      "zero",
      "the weights are of another network",
      "Give the network the filters, blocks and heads that it was trained with",
    );
  weights.forEach((values, i) => {
    const variable = model.weights[i]!;
    variable.assign(tensor(values).reshape(variable.shape));
  });
}

/**
 * AlphaZero's loop, in rounds: games of the newest network against itself, then learning from the last ones, now and then a match with
 * earlier networks. What it does comes as a stream; the learner is what remains. With an archive it goes on where it was stopped, and
 * only games under way are lost.
 */
export async function* train(
  game: Game,
  recipe: Recipe,
  options: TrainOptions,
): AsyncGenerator<TrainingUpdate, { learner: Learner; state: RunState }> {
  const { seed, archive = new Memory() } = options;
  checkRecipe(recipe);
  setRandomSeed(seed);
  let state: RunState = archive.state ?? { rounds: [], rated: [] };
  const learner = new Learner(game, recipe, archive.state ? await archive.model() : undefined);
  if (!archive.state && options.from) assignAll(learner.model, options.from);
  const total = Math.ceil(recipe.games / recipe.gamesPerRound);
  const capacity = (positions: number) =>
    Math.min(recipe.window.most, Math.max(recipe.window.least, Math.round(positions * recipe.window.share)));
  const replay = new Replay(game, capacity(state.rounds.at(-1)?.positions ?? 0));
  refill(replay, archive, state.rounds.length);

  // A run that was stopped plays other games than it would have: the seeds of those it lost are not used again.
  const players = await (options.players ?? (async (s: number) => playHere(game, recipe, s)))(
    seed * 1_000_003 + state.rounds.length * 1009 + archive.games(state.rounds.length + 1).length,
  );
  try {
    while (state.rounds.length < total) {
      const round = state.rounds.length + 1;
      const before = state.rounds.at(-1) ?? { games: 0, positions: 0 };
      const games: NumberedGame[] = [...archive.games(round)];
      const first = 1 + (games.at(-1)?.number ?? -1);
      const startPlaying = performance.now();
      const missing = Math.min(recipe.gamesPerRound, recipe.games - before.games) - games.length;
      const weights = await learner.weights();
      const playing = emitted<NumberedGame, { evaluations: number }>((emit) =>
        missing > 0 ? players.play(weights, missing, emit) : Promise.resolve({ evaluations: 0 }),
      );
      let evaluations = 0;
      for (;;) {
        const next = await playing.next();
        if (next.done) {
          evaluations = next.value.evaluations;
          break;
        }
        const game = { ...next.value, number: first + next.value.number };
        archive.append(round, game);
        games.push(game);
        yield { kind: "game", games: before.games + games.length, of: recipe.games, game };
      }
      // Which thread was faster is chance, and must not decide what is learned.
      games.sort((a, b) => a.number - b.number);
      const secondsPlaying = (performance.now() - startPlaying) / 1000;

      const gained = games.reduce((sum, { policies }) => sum + policies.length, 0);
      replay.capacity = capacity(before.positions + gained);
      for (const g of games) replay.add(g);
      const steps = Math.max(1, Math.round((gained * recipe.reuse) / recipe.batchSize));
      const startLearning = performance.now();
      const losses = await learner.train(replay, steps, rateOf(recipe, round, total), new Random(seed, round));
      const secondsLearning = (performance.now() - startLearning) / 1000;
      const summary: Round = {
        ...{ round, games: before.games + games.length, positions: before.positions + gained, losses, steps },
        ...statistics(game, games),
        ...{ playing: secondsPlaying, learning: secondsLearning, evaluations },
      };
      state = { ...state, rounds: [...state.rounds, summary] };
      yield { kind: "round", round: summary };

      if (round % recipe.evaluation.rounds === 0 || round === total) {
        const rated = await rate(game, recipe, learner, state, archive, seed);
        state = { ...state, rated: [...state.rated, rated] };
        yield { kind: "rated", rated, ratings: ratingsOf(state.rated) };
      }
      await archive.save(state, learner.model);
    }
  } finally {
    players.stop();
  }
  return { learner, state };
}

/** The learning rate of a round: five rounds rise to the highest, and it falls to a third after 60 % of them, to a tenth after 85 %. */
function rateOf({ rate }: Recipe, round: number, total: number): number {
  const done = round / total;
  return rate * Math.min(1, round / 5) * (done < 0.6 ? 1 : done < 0.85 ? 1 / 3 : 1 / 10);
}

/** Elo of all networks that were rated, the first being 0. */
export const ratingsOf = (rated: readonly Rated[]): Rating[] =>
  ratings(
    rated.length,
    rated.flatMap(({ scores }) => scores),
  );

/** As many of the last rounds' games as the replay holds. */
function refill(replay: Replay, archive: Archive, rounds: number): void {
  const kept: (readonly PlayedGame[])[] = [];
  let positions = 0;
  for (let round = rounds; round >= 1 && positions < replay.capacity; round--) {
    const games = archive.games(round);
    positions += games.reduce((sum, { policies }) => sum + policies.length, 0);
    kept.push(games);
  }
  for (const games of kept.reverse()) for (const game of games) replay.add(game);
}

function statistics(game: Game, games: readonly PlayedGame[]): Pick<Round, "gameLength" | "results" | "firstMoves"> {
  const firstMoves: Record<string, number> = {};
  const start = game.begin();
  for (const { opening, moves } of games)
    if (!opening && moves.length) {
      const name = start.nameOf(moves[0]!);
      firstMoves[name] = (firstMoves[name] ?? 0) + 1;
    }
  const count = (winner: PlayedGame["winner"]) => games.filter((g) => g.winner === winner).length;
  return {
    gameLength: games.reduce((sum, { moves }) => sum + moves.length, 0) / Math.max(1, games.length),
    results: { first: count(0), draws: count(null), second: count(1) },
    firstMoves,
  };
}

/** A match of the newest network with the one rated last, and with one rated some time before. */
async function rate(game: Game, recipe: Recipe, learner: Learner, state: RunState, archive: Archive, seed: number): Promise<Rated> {
  const round = state.rounds.length;
  const weights = await learner.weights();
  await archive.saveNetwork(round, weights);
  const rivals = [state.rated.length - 1, state.rated.length - 4].filter((i) => i >= 0);
  const own = evaluatorOf(game, learner.model);
  const { games, simulations } = recipe.evaluation;
  const scores: Score[] = [];
  const samples: FinishedGame[] = [];
  for (const i of rivals) {
    const other = zeroNetwork(game, recipe.network);
    assignAll(other, await archive.network(state.rated[i]!.round));
    const match = await playMatch(game, [own, evaluatorOf(game, other)], {
      ...{ games: 2 * Math.ceil(games / rivals.length / 2), simulations },
      ...{ opening: Math.min(4, Math.ceil(game.typicalLength / 6)), seed: seed + 7919 * round + i },
    });
    scores.push({ a: state.rated.length, b: i, ...tally(match) });
    samples.push(...match.slice(0, 2));
    for (const w of other.weights) w.dispose?.();
  }
  return { round, scores, samples };
}

/** The archive of a run that nothing remains of but its learner. */
class Memory implements Archive {
  readonly state = null;
  private readonly networks = new Map<number, readonly Float32Array[]>();

  async model(): Promise<never> {
    throw new StateError("train", "nothing was saved");
  }
  games(): readonly NumberedGame[] {
    return [];
  }
  append(): void {}
  async save(): Promise<void> {}
  async saveNetwork(round: number, weights: readonly Float32Array[]): Promise<void> {
    this.networks.set(round, weights);
  }
  async network(round: number): Promise<readonly Float32Array[]> {
    return this.networks.get(round)!;
  }
}

/** What a function hands out while it works, as a stream; its result comes at the end. */
async function* emitted<T, R>(work: (emit: (value: T) => void) => Promise<R>): AsyncGenerator<T, R> {
  const queue: T[] = [];
  let wake = (): void => {};
  let settled = false;
  const result = work((value) => {
    queue.push(value);
    wake();
  });
  const end = (): void => {
    settled = true;
    wake();
  };
  result.then(end, end);
  for (;;) {
    while (queue.length) yield queue.shift()!;
    if (settled) return await result;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}
