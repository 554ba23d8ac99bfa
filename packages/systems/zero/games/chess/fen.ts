import { FormatError } from "@gradus/tensor";
import { Chess } from "chessops/chess";
import { parseFen } from "chessops/fen";
import { quoted } from "../base.ts";

/** What is wrong, by the library's names for it. */
const problems: Readonly<Record<string, string>> = {
  ERR_FEN: "it has more parts than FEN has",
  ERR_BOARD: "its board is not of eight rows of eight squares",
  ERR_TURN: "the side to move is neither w nor b",
  ERR_CASTLING: "its castling rights are not of K, Q, k and q",
  ERR_EP_SQUARE: "its square for taking in passing is none",
  ERR_HALFMOVES: "its count of moves without progress is no number",
  ERR_FULLMOVES: "its number of the move is no number",
  ERR_EMPTY: "the board is empty",
  ERR_KINGS: "each side needs one king",
  ERR_OPPOSITE_CHECK: "the side that is not to move is in check",
  ERR_PAWNS_ON_BACKRANK: "pawns stand on the first or last row",
};

/** Castling rights with the squares that they need: king and rook where a game begins. */
const castlings = { K: [4, 7], Q: [4, 0], k: [60, 63], q: [60, 56] } as const;

/** A position from FEN, with or without its two counts. FormatError for what is none, and for what cannot be played on. */
export function readFen(text: string): Chess {
  const fail = (problem: string): never => {
    throw new FormatError("chess", `${quoted(text)} is no position: ${problem}`, "Give FEN: 4k3/8/8/8/8/8/4P3/4K3 w - - 0 1");
  };
  const parts = text.trim().split(/\s+/);
  const [board = "", , rights = "", passing = "", still = "0"] = parts;
  if (parts.length !== 4 && parts.length !== 6) return fail(`FEN has six parts, this has ${text.trim() ? parts.length : "none"}`);
  if (/[^1-8/pnbrqk]/i.test(board) || board.split("/").length !== 8) return fail(problems["ERR_BOARD"]!);
  if (!/^(-|K?Q?k?q?)$/.test(rights)) return fail(problems["ERR_CASTLING"]!);
  if (!/^\d+$/.test(still)) return fail(problems["ERR_HALFMOVES"]!);
  const position = parseFen(parts.join(" "))
    .chain((setup) => Chess.fromSetup(setup))
    .unwrap(
      (chess) => chess,
      (error) => fail(problems[error.message] ?? error.message),
    );
  for (const right of rights === "-" ? "" : rights) {
    const [king, rook] = castlings[right as keyof typeof castlings];
    const color = rook < 8 ? "white" : "black";
    if (position.board.kingOf(color) !== king || !position.castles.castlingRights.has(rook))
      return fail(`king and rook do not stand where castling ${right} needs them`);
  }
  if (passing !== "-" && position.epSquare === undefined) return fail(`no pawn can have passed ${passing}`);
  return position;
}
