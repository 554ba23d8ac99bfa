import { type Game, GoState, ShogiState } from "../games/index.ts";
import type { FinishedGame, Termination } from "../match.ts";
import { writeKif } from "./kif.ts";
import { writeSgf } from "./sgf.ts";

/** A game as a file, and how the file's name ends. */
export interface GameRecord {
  readonly text: string;
  readonly ending: "sgf" | "kif" | "pgn" | "txt";
}

/** Moves from the start of a game as people write them. */
export function moveNames(game: Game, moves: readonly number[]): string[] {
  const state = game.begin();
  return moves.map((move) => {
    const name = state.nameOf(move);
    state.play(move);
    return name;
  });
}

/** How PGN calls what ended a game. */
const pgnTerminations: Readonly<Record<Termination, string>> = {
  ...{ rules: "normal", resignation: "normal", forfeit: "rules infraction", time: "time forfeit", length: "adjudication" },
};
/** How SGF's results name what decided a game that was not counted. */
const sgfResults: Readonly<Record<Termination, string>> = { rules: "", resignation: "R", forfeit: "F", time: "T", length: "" };

/** SGF for Go, KIF for shogi, PGN for chess, else the moves and how it ended. The first of two players had the side that the game says. */
export async function record(game: Game, finished: FinishedGame, [first, second]: readonly [string, string]): Promise<GameRecord> {
  const { number, moves, side, winner, termination, reason } = finished;
  const [black, white] = side === 0 ? [first, second] : [second, first];
  const state = game.begin();
  for (const move of moves) state.play(move);
  const date = new Date().toISOString().slice(0, 10);
  const comment = termination === "rules" ? "" : reason;
  if (state instanceof GoState) {
    const margin = /by ([\d.]+)/.exec(reason)?.[1] ?? "";
    const result = winner === null ? "0" : `${"BW"[winner]}+${sgfResults[termination] || margin}`;
    return { text: writeSgf(state, { black, white, result, date, comment }), ending: "sgf" };
  }
  if (state instanceof ShogiState) return { text: writeKif(state, { black, white, date, termination, comment }), ending: "kif" };
  if (game.name === "chess") {
    const { ChessState, writePgn } = await import("../games/chess/index.ts");
    const result = winner === null ? "1/2-1/2" : winner === 0 ? "1-0" : "0-1";
    const tags = { event: `${first} against ${second}`, site: "Gradus", round: String(number + 1), date: date.replaceAll("-", ".") };
    // White begins in chess.
    const info = { ...tags, white: black, black: white, result, termination: pgnTerminations[termination], comment } as const;
    if (state instanceof ChessState) return { text: writePgn(state, info), ending: "pgn" };
  }
  return { text: `${black} - ${white}\n${moveNames(game, moves).join(" ")}\n${reason}\n`, ending: "txt" };
}
