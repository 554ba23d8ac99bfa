import { FormatError } from "@gradus/tensor";
import { quoted } from "../base.ts";
import type { Side } from "../game.ts";
import {
  handKinds,
  kindOf,
  king,
  letters,
  pawn,
  plain,
  promoted,
  promotes,
  rowFor,
  sideOf,
  squares,
  stuck,
  totals,
  white,
} from "./pieces.ts";
import { Position } from "./position.ts";

/** The kinds in hand in the order that SFEN has: rook, bishop, gold, silver, knight, lance, pawn. */
const handOrder = [6, 5, 7, 4, 3, 2, 1];

/** A piece as SFEN writes it: "P", "+r". */
export function pieceText(piece: number): string {
  const letter = letters[plain(kindOf(piece))]!;
  return `${kindOf(piece) > king ? "+" : ""}${sideOf(piece) ? letter.toLowerCase() : letter}`;
}

/** What a side has in hand: "2P", "rb3p"; "" for nothing. */
export const handText = (hands: Uint8Array, side: Side): string =>
  handOrder
    .map((kind) => {
      const count = hands[handKinds * side + kind - 1]!;
      return count ? `${count > 1 ? count : ""}${pieceText(kind + white * side)}` : "";
    })
    .join("");

/** A position in SFEN, with the number of the move to come. */
export function writeSfen({ board, hands, turn }: Position, move: number): string {
  const rows = Array.from({ length: 9 }, (_, row) =>
    Array.from(board.subarray(9 * row, 9 * row + 9), (piece) => (piece ? pieceText(piece) : "1"))
      .join("")
      .replace(/1+/g, (gap) => String(gap.length)),
  );
  return `${rows.join("/")} ${"bw"[turn]} ${handText(hands, 0) + handText(hands, 1) || "-"} ${move}`;
}

/** Reads SFEN. FormatError for text that is none, and for positions that no game could have. A side may lack its king, as in problems. */
export function readSfen(text: string): { readonly position: Position; readonly move: number } {
  const fail = (problem: string): never => {
    throw new FormatError(
      "shogi",
      `${quoted(text)} is no position: ${problem}`,
      "Give SFEN: nine rows, b or w, pieces in hand or -, a number",
    );
  };
  const [placed = "", turnText, handsText, number = "1", ...more] = text.trim().split(/\s+/);
  if (more.length) fail(`there is more after the number: ${more.join(" ").slice(0, 30)}`);
  const counts = new Uint8Array(totals.length);
  const kindFor = (letter: string): number => {
    const kind = /^[a-z]$/i.test(letter) ? letters.indexOf(letter.toUpperCase()) : -1;
    if (kind < 0) fail(`there is no piece ${letter}`);
    return kind;
  };
  const count = (kind: number, n: number): void => {
    counts[kind]! += n;
    if (counts[kind]! > totals[kind]!) fail(`there are more than ${totals[kind]} ${letters[kind]}`);
  };

  const board = new Uint8Array(squares);
  const rows = placed.split("/");
  if (rows.length !== 9) fail(`it has ${rows.length} rows`);
  for (const [row, line] of rows.entries()) {
    let column = 0;
    for (const [token] of line.matchAll(/[1-9]|\+?[a-z]|./gi)) {
      if (/^[1-9]$/.test(token)) {
        column += Number(token);
        continue;
      }
      const letter = token.at(-1)!;
      const kind = kindFor(letter);
      if (token.length > 1 && !promotes(kind)) fail(`${letter} does not promote`);
      if (column < 9) board[9 * row + column++] = kind + (token.length > 1 ? promoted : 0) + (letter === letter.toLowerCase() ? white : 0);
      else column = 10;
      count(kind, 1);
    }
    if (column !== 9) fail(`row ${"abcdefghi"[row]} has not nine squares`);
  }
  if (turnText !== "b" && turnText !== "w")
    fail(turnText === undefined ? "it does not say who is to move" : `who is to move is ${turnText}`);
  const turn: Side = turnText === "w" ? 1 : 0;

  const hands = new Uint8Array(2 * handKinds);
  if (handsText === undefined) fail("it does not say what is in hand");
  if (handsText !== "-")
    for (const [token, n, letter] of handsText!.matchAll(/(\d*)(.)/g)) {
      const kind = kindFor(letter!);
      if (kind > handKinds || n?.startsWith("0") || Number(n) > 18) fail(`${token} cannot be in hand`);
      count(kind, Number(n || 1));
      hands[handKinds * Number(letter === letter!.toLowerCase()) + kind - 1]! += Number(n || 1);
    }
  if (!/^[1-9]\d{0,5}$/.test(number)) fail(`the number of the move is ${number.slice(0, 30)}`);

  const position = new Position(board, hands, turn);
  if (!counts[king]) fail("there is no king");
  for (const side of [0, 1] as const) {
    const name = side ? "white" : "black";
    if (board.filter((piece) => piece === king + white * side).length > 1) fail(`${name} has two kings`);
    const columns = new Set<number>();
    for (const [square, piece] of board.entries()) {
      if (!piece || sideOf(piece) !== side) continue;
      if (stuck(kindOf(piece), rowFor(square, side))) fail(`${pieceText(piece)} stands where it could not move on`);
      if (kindOf(piece) !== pawn) continue;
      if (columns.has(square % 9)) fail(`${name} has two pawns on file ${9 - (square % 9)}`);
      columns.add(square % 9);
    }
  }
  if (position.attacked(position.kingOf((1 - turn) as Side), turn)) fail("who is to move could take the king");
  return { position, move: Number(number) };
}
