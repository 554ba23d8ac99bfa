import { Random } from "@gradus/data";
import { GradusError } from "@gradus/tensor";
import type { Game, Side, State } from "./games/game.ts";
import { movesOf, randomOpening } from "./games/moves.ts";
import { together } from "./network.ts";
import { NetworkPlayer } from "./network-player.ts";
import type { Limits, Player } from "./player.ts";
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

/** A game of a match. */
export interface FinishedGame {
  /** From 0 on, in the order they began. */
  readonly number: number;
  readonly moves: readonly number[];
  readonly opening: number;
  /** The side that the first player of the match had. */
  readonly side: Side;
  readonly winner: Side | null;
  readonly reason: string;
}

/** Two players of a match, for one game at a time: programs are started as often as games are played at the same time. */
export type Pair = readonly [Player, Player];

/**
 * A match as a stream of its games, as they end. Who makes a move that is not legal, resigns, or fails, has lost. `pairs` gives the
 * players of each of the games that go on at the same time.
 */
export async function* match(
  game: Game,
  pairs: (table: number) => Promise<Pair>,
  settings: MatchSettings,
): AsyncGenerator<FinishedGame, void> {
  const { games, concurrency, opening, seed } = settings;
  const running = new Map<number, Promise<{ readonly table: number; readonly finished: FinishedGame }>>();
  const tables = await Promise.all(Array.from({ length: Math.min(concurrency, games) }, (_, table) => pairs(table)));
  let begun = 0;
  const begin = (table: number): void => {
    if (begun >= games) return void running.delete(table);
    const number = begun++;
    const start = randomOpening(game, opening, new Random(seed, number >> 1));
    running.set(
      table,
      playOne(start, tables[table]!, (number & 1) as Side, settings).then((finished) => ({ table, finished: { number, ...finished } })),
    );
  };
  for (const table of tables.keys()) begin(table);
  while (running.size) {
    const { table, finished } = await Promise.race(running.values());
    begin(table);
    yield finished;
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

/** What the first player won, drew and lost. */
export function tally(games: readonly FinishedGame[]): { readonly wins: number; readonly draws: number; readonly losses: number } {
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
): Promise<Omit<FinishedGame, "number">> {
  const opening = movesOf(state);
  const moves = [...opening];
  const ended = (winner: Side | null, reason: string) => ({ moves, opening: opening.length, side, winner, reason });
  while (!state.outcome) {
    if (state.ply - opening.length >= longest) return ended(null, `stopped after ${longest} moves`);
    const { turn } = state;
    const which = turn === side ? 0 : 1;
    const other = (1 - turn) as Side;
    try {
      const choice = await pair[which].choose(state, limits[which]);
      if (choice.resign) return ended(other, "resignation");
      state.play(choice.move);
      moves.push(choice.move);
    } catch (error) {
      if (!(error instanceof GradusError)) throw error;
      return ended(other, `${pair[which].name} failed: ${error.message}`);
    }
  }
  return ended(state.outcome.winner, state.outcome.reason);
}
