import type { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { Game, State } from "./game.ts";

/** The moves that led to a position from where its game began. */
export function movesOf(state: State): number[] {
  const copy = state.clone();
  const moves: number[] = [];
  for (; copy.ply; copy.undo()) moves.push(copy.last!);
  return moves.reverse();
}

const mostTries = 200;

/** A position after some moves of chance that is not over. ArgumentError where games end before so many. */
export function randomOpening(game: Game, moves: number, random: Random): State {
  for (let tries = 0; tries < mostTries; tries++) {
    const state = game.begin();
    while (state.ply < moves && !state.outcome) {
      const legal = state.legal();
      state.play(legal[random.integer(legal.length)]!);
    }
    if (!state.outcome) return state;
  }
  throw new ArgumentError(
    "randomOpening",
    `${mostTries} games of chance of ${game.title} ended within ${moves} moves`,
    `Give fewer, such as 2 or 4: a usual game has ${game.typicalLength}`,
  );
}
