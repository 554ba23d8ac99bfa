import { type ChessState, chess, continued } from "../games/chess/chess.ts";
import type { Dialect } from "./universal.ts";

/** The Universal Chess Interface (Meyer-Kahlen and Huber 2006). */
export const uci: Dialect = {
  name: "uci",
  game: chess,
  notation: "fen",
  settings: [{ name: "Ponder", type: "check", value: false }],
  ignored: [],
  none: "0000",
  resign: null,
  onward: (state) => continued(state as ChessState),
  // A pawn more is as good as a hundred points of Elo, whose odds are 10 to 1 at 400.
  scale: 400 / Math.LN10,
  japanese: false,
};
