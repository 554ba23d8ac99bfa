export { connectFour } from "./connect-four.ts";
export type { Game, Outcome, Side, State, Symmetry } from "./game.ts";
export { ticTacToe } from "./tic-tac-toe.ts";
