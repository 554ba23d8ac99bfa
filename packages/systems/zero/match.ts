import { Random } from "@gradus/data";
import { GradusError, StateError } from "@gradus/tensor";
import type { Game, Side, State } from "./games/game.ts";
import { movesOf, randomOpening } from "./games/moves.ts";
import { together } from "./network.ts";
import { NetworkPlayer } from "./network-player.ts";
import { LateError, type Limits, type Player } from "./player.ts";
import type { Evaluator } from "./search/search.ts";

export interface MatchSettings {
  /** Every opening is played twice, with sides changed. */
  readonly games: number;
  /** Games that are played at the same time. */
  readonly concurrency: number;
  /** Moves of chance that games begin with. */
  readonly opening: number;
  readonly limits: readonly [Limits, Limits];
  /** Moves after which a game is stopped and counted as drawn. Default 1000. */
  readonly longest?: number;
  readonly seed: number;
}

/** What ended a game: its rules, a player who gave up, failed or was late, or that it went on for too long. */
export const terminations = ["rules", "resignation", "forfeit", "time", "length"] as const;
export type Termination = (typeof terminations)[number];

/** A game of a match. */
export interface FinishedGame {
  /** From 0 on, in the order they began. */
  readonly number: number;
  readonly moves: readonly number[];
  readonly opening: number;
  /** The side that the first player of the match had. */
  readonly side: Side;
  readonly winner: Side | null;
  readonly termination: Termination;
  readonly reason: string;
}

/** Two players of a match, for one game at a time: programs are started as often as games are played at the same time. */
export type Pair = readonly [Player, Player];

/** Games in a row that a player may lose without having been beaten. */
const mostFailures = 3;

/**
 * A match as a stream of its games, as they end. Who makes a move that is not legal, resigns, fails or is late, has lost; StateError when
 * that befalls a player in three games in a row without being beaten: the score would say nothing of strength. `pairs` gives the players of
 * each of the games that go on at the same time. ArgumentError, at once, for openings that are too long.
 */
export function match(game: Game, pairs: (table: number) => Promise<Pair>, settings: MatchSettings): AsyncGenerator<FinishedGame, void> {
  const { games, opening, seed } = settings;
  const starts = Array.from({ length: Math.ceil(games / 2) }, (_, i) => randomOpening(game, opening, new Random(seed, i)));
  return gamesFrom(starts, pairs, settings);
}

async function* gamesFrom(
  starts: readonly State[],
  pairs: (table: number) => Promise<Pair>,
  settings: MatchSettings,
): AsyncGenerator<FinishedGame, void> {
  const { games, concurrency } = settings;
  const running = new Map<number, Promise<{ readonly table: number; readonly finished: FinishedGame }>>();
  const tables = await Promise.all(Array.from({ length: Math.min(concurrency, games) }, (_, table) => pairs(table)));
  const failures: [number, number] = [0, 0];
  let begun = 0;
  let over = false;
  const begin = (table: number): void => {
    if (begun >= games) return void running.delete(table);
    const number = begun++;
    running.set(
      table,
      playOne(starts[number >> 1]!.clone(), tables[table]!, (number & 1) as Side, settings, () => over).then((finished) => ({
        ...{ table, finished: { number, ...finished } },
      })),
    );
  };
  try {
    for (const table of tables.keys()) begin(table);
    while (running.size) {
      const { table, finished } = await Promise.race(running.values());
      begin(table);
      yield finished;
      for (const player of [0, 1] as const) {
        failures[player] = forfeits([finished], player) ? failures[player] + 1 : 0;
        if (failures[player] < mostFailures) continue;
        throw new StateError(
          "match",
          `${tables[table]![player].name} failed in ${mostFailures} games in a row, the last time so: ${finished.reason}`,
          "What such games count says nothing of strength: mend it, then play again",
        );
      }
    }
  } finally {
    // Games under way are left: nobody starts a program again for a match that has ended.
    over = true;
  }
}

export interface NetworkMatchOptions {
  readonly games: number;
  /** Of both, a move. */
  readonly simulations: number;
  /** Moves of chance that games begin with. */
  readonly opening: number;
  readonly seed: number;
}

/** A match of two networks, with AlphaZero's search, all games at the same time. */
export async function playMatch(
  game: Game,
  [first, second]: readonly [Evaluator, Evaluator],
  { games, simulations, opening, seed }: NetworkMatchOptions,
): Promise<FinishedGame[]> {
  const [a, b] = [together(game, first), together(game, second)];
  const pairs = async (table: number): Promise<Pair> => [
    new NetworkPlayer(a, { seed: seed + 2 * table, parallel: 1 }),
    new NetworkPlayer(b, { seed: seed + 2 * table + 1, parallel: 1 }),
  ];
  const limits = [{ simulations }, { simulations }] as const;
  const finished: FinishedGame[] = [];
  for await (const one of match(game, pairs, { games, concurrency: games, opening, limits, seed })) finished.push(one);
  return finished.sort((x, y) => x.number - y.number);
}

export interface Tally {
  readonly wins: number;
  readonly draws: number;
  readonly losses: number;
}

/** How many games differ: those that are played again, move for move with the same sides, tell little more than the first did. */
export const distinct = (games: readonly FinishedGame[]): number =>
  new Set(games.map(({ side, moves, termination }) => `${side} ${moves} ${termination}`)).size;

/** Games that a player, 0 or 1, lost by failing or by the clock. */
export const forfeits = (games: readonly FinishedGame[], player: 0 | 1): number =>
  games.filter(
    ({ termination, winner, side }) => (termination === "forfeit" || termination === "time") && (winner === side) === (player === 1),
  ).length;

/** What the first player won, drew and lost. */
export function tally(games: readonly FinishedGame[]): Tally {
  const draws = games.filter(({ winner }) => winner === null).length;
  const wins = games.filter(({ winner, side }) => winner === side).length;
  return { wins, draws, losses: games.length - wins - draws };
}

/** One game from a position on, the first player with the given side. */
async function playOne(
  state: State,
  pair: Pair,
  side: Side,
  { limits, longest = 1000 }: MatchSettings,
  over: () => boolean,
): Promise<Omit<FinishedGame, "number">> {
  const opening = movesOf(state);
  const moves = [...opening];
  const ended = (termination: Termination, winner: Side | null, reason: string) => ({
    ...{ moves, opening: opening.length, side, winner, termination, reason },
  });
  while (!state.outcome) {
    if (over() || state.ply - opening.length >= longest) return ended("length", null, `stopped after ${longest} moves`);
    const { turn } = state;
    const which = turn === side ? 0 : 1;
    const other = (1 - turn) as Side;
    try {
      const choice = await pair[which].choose(state, limits[which]);
      if (choice.resign) return ended("resignation", other, "resignation");
      state.play(choice.move);
      moves.push(choice.move);
    } catch (error) {
      if (!(error instanceof GradusError)) throw error;
      const { name } = pair[which];
      const problem = error.operation === name ? error.problem : error.message;
      if (error instanceof LateError) return ended("time", other, `${name} was late: ${problem}`);
      return ended("forfeit", other, `${name} failed: ${problem}`);
    }
  }
  return ended("rules", state.outcome.winner, state.outcome.reason);
}
