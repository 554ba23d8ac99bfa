/** Chess, its records and UCI. They rest on chessops, whose licence (GPL-3.0-or-later) then holds for a program that is given on. */

export { uci } from "../../protocols/uci.ts";
export { type PgnGame, type PgnInfo, type PgnResult, readPgn, writePgn } from "../../records/pgn.ts";
export { ChessState, chess } from "./chess.ts";
export { chessBoard } from "./draw.ts";
