import type { Random } from "@gradus/data";
import type { Game, State } from "./game.ts";

/** The moves that led to a position from where its game began. */
export function movesOf(state: State): number[] {
  const copy = state.clone();
  const moves: number[] = [];
  for (; copy.ply; copy.undo()) moves.push(copy.last!);
  return moves.reverse();
}

/** A position after some moves of chance that is not over. */
export function randomOpening(game: Game, moves: number, random: Random): State {
  for (;;) {
    const state = game.begin();
    while (state.ply < moves && !state.outcome) {
      const legal = state.legal();
      state.play(legal[random.integer(legal.length)]!);
    }
    if (!state.outcome) return state;
  }
}
