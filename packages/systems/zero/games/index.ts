import { ArgumentError } from "@gradus/tensor";
import { connectFour } from "./connect-four.ts";
import type { Game } from "./game.ts";
import { ticTacToe } from "./tic-tac-toe.ts";

export { connectFour } from "./connect-four.ts";
export type { Game, Outcome, Side, State, Symmetry } from "./game.ts";
export { ticTacToe } from "./tic-tac-toe.ts";

/** Games by their names; what a game needs is loaded with it. */
const games: Readonly<Record<string, () => Promise<Game> | Game>> = {
  tictactoe: () => ticTacToe,
  connect4: () => connectFour,
};

/** A game by its name: "connect4", "go9". ArgumentError names those there are. */
export async function gameOf(name: string): Promise<Game> {
  if (!Object.hasOwn(games, name))
    throw new ArgumentError("gameOf", `there is no game ${JSON.stringify(name)}`, `Use one of ${Object.keys(games).join(", ")}`);
  return games[name]!();
}
