import { Random } from "@gradus/data";
import type { Game, Side } from "./games/game.ts";
import { movesOf, randomOpening } from "./games/moves.ts";
import { type Evaluator, search, Transpositions } from "./search/search.ts";
import { type Strategy, Tree } from "./search/tree.ts";

export interface MatchOptions {
  /** An even number: every opening is played twice, with sides changed. */
  readonly games: number;
  readonly simulations: number;
  readonly strategy: Strategy;
  /** Moves of chance that games begin with. */
  readonly opening: number;
  readonly seed: number;
}

export interface MatchGame {
  readonly moves: readonly number[];
  readonly opening: number;
  /** The side that the first player had. */
  readonly side: Side;
  readonly winner: Side | null;
  readonly reason: string;
}

/** Games of two networks, all side by side. */
export async function playMatch(game: Game, networks: readonly [Evaluator, Evaluator], options: MatchOptions): Promise<MatchGame[]> {
  const { games, simulations, strategy, opening, seed } = options;
  const known = [new Transpositions(), new Transpositions()] as const;
  const under = Array.from({ length: games }, (_, i) => {
    const side = (i & 1) as Side;
    const start = randomOpening(game, opening, new Random(seed, i >> 1));
    const trees = [0, 1].map((k) => new Tree(start.clone(), strategy, new Random(seed, i, k))) as [Tree, Tree];
    return { side, trees, moves: [] as number[], start };
  });
  const openings = under.map(({ start }) => movesOf(start));
  for (;;) {
    const going = under.filter(({ trees }) => !trees[0].state.outcome);
    if (!going.length) break;
    for (const player of [0, 1] as const) {
      // The first player has `side`, the second the other one.
      const own = going.filter(({ trees, side }) => !trees[0].state.outcome && (trees[0].state.turn === side) === (player === 0));
      for (const { trees } of own) trees[player].begin(simulations);
      await search(
        own.map(({ trees }) => trees[player]),
        networks[player],
        { transpositions: known[player] },
      );
      for (const { trees, moves } of own) {
        const move = trees[player].root!.actions[trees[player].result.choose(0)]!;
        for (const tree of trees) tree.advance(move);
        moves.push(move);
      }
    }
  }
  return under.map(({ side, trees, moves }, i) => {
    const { winner, reason } = trees[0].state.outcome!;
    return { moves: [...openings[i]!, ...moves], opening: openings[i]!.length, side, winner, reason };
  });
}

/** Points of the first player. */
export function tally(games: readonly MatchGame[]): { readonly wins: number; readonly draws: number; readonly losses: number } {
  const draws = games.filter(({ winner }) => winner === null).length;
  const wins = games.filter(({ winner, side }) => winner === side).length;
  return { wins, draws, losses: games.length - wins - draws };
}
