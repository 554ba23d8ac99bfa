import { ArgumentError } from "@gradus/tensor";
import { connectFour } from "./connect-four.ts";
import type { Game } from "./game.ts";
import { goOf } from "./go/go.ts";
import { othello } from "./othello.ts";
import { shogi } from "./shogi/shogi.ts";
import { ticTacToe } from "./tic-tac-toe.ts";

export { connectFour } from "./connect-four.ts";
export { defineGame, type Rules } from "./define.ts";
export type { DrawnBoard } from "./drawing.ts";
export type { Game, Outcome, Side, State, Symmetry } from "./game.ts";
export { GoGame, type GoOptions, GoState, go } from "./go/go.ts";
export { boardSymmetries } from "./grid.ts";
export { othello } from "./othello.ts";
export { shogiBoard } from "./shogi/draw.ts";
export { ShogiState, shogi } from "./shogi/shogi.ts";
export { ticTacToe } from "./tic-tac-toe.ts";

/** Games by their names; what a game needs is loaded with it. */
const games: Readonly<Record<string, () => Promise<Game> | Game>> = {
  tictactoe: () => ticTacToe,
  connect4: () => connectFour,
  othello: () => othello,
  chess: async () => (await import("./chess/chess.ts")).chess,
  shogi: () => shogi,
};

/** A game by its name: "connect4", "go9", "go9:5.5" with another komi. ArgumentError names those there are. */
export async function gameOf(name: string): Promise<Game> {
  if (Object.hasOwn(games, name)) return games[name]!();
  const found = goOf(name);
  if (found) return found;
  const names = [...Object.keys(games), "go5 to go19", 'with komi "go9:5.5"', 'with handicap "go9:0.5:4"'];
  throw new ArgumentError("gameOf", `there is no game ${JSON.stringify(name)}`, `Use one of ${names.join(", ")}`);
}
