import type { State } from "../games/game.ts";

/** Lines of play of a length: what implementations of rules are compared by. */
export function perft(state: State, depth: number): number {
  if (state.outcome) return 0;
  const moves = state.legal();
  if (depth === 1) return moves.length;
  let count = 0;
  for (const move of moves) {
    state.play(move);
    count += perft(state, depth - 1);
    state.undo();
  }
  return count;
}
