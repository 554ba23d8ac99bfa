import type { DrawnBoard } from "../drawing.ts";
import type { Side } from "../game.ts";
import type { ChessState } from "./chess.ts";
import { decode } from "./moves.ts";

const letters = "KQRBNPkqrbnp";
const signs = "♔♕♖♗♘♙♚♛♜♝♞♟";
const kinds = ["king", "queen", "rook", "bishop", "knight", "pawn"];
const words = Object.fromEntries([...signs].map((sign, i) => [sign, `${i < 6 ? "white" : "black"} ${kinds[i % 6]}`]));

/** A position of chess with its legal moves, as a side sees it: for `custom("board", ...)`. */
export function chessBoard(state: ChessState, side: Side = 0): DrawnBoard {
  /** Rows run from the side's last rank to its first; squares from a1 to h8. */
  const place = (square: number): number => square ^ (side ? 7 : 56);
  const squares = Array.from({ length: 64 }, (_, i) => place(i));
  const ranks = state
    .position()
    .split(" ")[0]!
    .replace(/\d/g, (n) => ".".repeat(Number(n)))
    .split("/");
  const last = state.last === null ? null : decode(state.last, (1 - state.turn) as Side);
  return {
    ...{ rows: 8, columns: 8, checkered: true, words },
    fields: squares.map((square) => signs[letters.indexOf(ranks[7 - (square >> 3)]![square & 7]!)] ?? ""),
    names: squares.map((square) => `${"abcdefgh"[square & 7]}${(square >> 3) + 1}`),
    marked: last ? [place(last.from), place(last.to)] : [],
    steps: state.legal().map((move) => {
      const { from, to } = decode(move, state.turn);
      const becomes = { q: "queen", r: "rook", b: "bishop", n: "knight" }[state.nameOf(move)[4] ?? ""];
      return { from: place(from), to: place(to), move, label: becomes ?? "" };
    }),
  };
}
