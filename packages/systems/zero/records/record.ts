import { type Game, GoState, ShogiState } from "../games/index.ts";
import type { FinishedGame } from "../match.ts";
import { writeKif } from "./kif.ts";
import { writeSgf } from "./sgf.ts";

/** Moves from the start of a game as people write them. */
export function moveNames(game: Game, moves: readonly number[]): string[] {
  const state = game.begin();
  return moves.map((move) => {
    const name = state.nameOf(move);
    state.play(move);
    return name;
  });
}

/** A game as a file, and how the file's name ends: SGF for Go, KIF for shogi, PGN for chess, else its moves and how it ended. */
export async function record(
  game: Game,
  finished: FinishedGame,
  [first, second]: readonly [string, string],
): Promise<{ text: string; ending: string }> {
  const { moves, side, winner, reason } = finished;
  const [black, white] = side === 0 ? [first, second] : [second, first];
  const state = game.begin();
  for (const move of moves) state.play(move);
  const date = new Date().toISOString().slice(0, 10);
  if (state instanceof GoState) {
    const result = winner === null ? "0" : `${"BW"[winner]}+${/by ([\d.]+)/.exec(reason)?.[1] ?? (reason === "resignation" ? "R" : "F")}`;
    return { text: writeSgf(state, { black, white, result, date }), ending: "sgf" };
  }
  if (state instanceof ShogiState)
    return { text: writeKif(state, { black, white, date, resigned: reason === "resignation" }), ending: "kif" };
  if (game.name === "chess") {
    const { ChessState, writePgn } = await import("../games/chess/index.ts");
    const result = winner === null ? "1/2-1/2" : winner === 0 ? "1-0" : "0-1";
    if (state instanceof ChessState)
      return { text: writePgn(state, { white: black, black: white, date: date.replaceAll("-", "."), result }), ending: "pgn" };
  }
  return { text: `${black} - ${white}\n${moveNames(game, moves).join(" ")}\n${reason}\n`, ending: "txt" };
}
