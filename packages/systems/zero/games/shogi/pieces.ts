import type { Side } from "../game.ts";

/**
 * Pieces by number: 0 is none, 1 to 7 pawn, lance, knight, silver, bishop, rook and gold, 8 the king, 9 to 14 the first six promoted; white's
 * are 16 more. Squares are numbered row by row from 9a, as black sees the board: square = 9 * row + column.
 */
export const [pawn, lance, knight, bishop, rook, king] = [1, 2, 3, 5, 6, 8] as const;
const [silver, gold] = [4, 7];
export const promoted = 8;
export const white = 16;
export const squares = 81;
/** Kinds that can be in hand: the first seven. */
export const handKinds = 7;
/** As SFEN writes them, black's; white's are small. */
export const letters = ".PLNSBRGK";
/** How many there are of a kind. */
export const totals = [0, 18, 4, 4, 4, 2, 2, 4, 2] as const;

export const sideOf = (piece: number): Side => (piece >> 4) as Side;
export const kindOf = (piece: number): number => piece & 15;
/** What a piece is in hand, and as it came. */
export const plain = (kind: number): number => (kind > king ? kind - promoted : kind);
export const promotes = (kind: number): boolean => kind <= rook;

/** Row as the side sees it: 0 is the farthest. */
export const rowFor = (square: number, side: Side): number => (side ? 8 - Math.floor(square / 9) : Math.floor(square / 9));
/** Whether a piece could not move on from there. */
export const stuck = (kind: number, row: number): boolean => (kind === pawn || kind === lance ? row === 0 : kind === knight && row <= 1);

/** Directions clockwise from straight ahead, as black sees them: (rows, columns). The opposite is four further. */
const directions = [
  [-1, 0],
  [-1, 1],
  [0, 1],
  [1, 1],
  [1, 0],
  [1, -1],
  [0, -1],
  [-1, -1],
] as const;
export const opposite = (direction: number): number => (direction + 4) & 7;

const inside = (row: number, column: number): boolean => row >= 0 && row < 9 && column >= 0 && column < 9;

/** The squares that lie in a direction from a square, nearest first: [8 * square + direction]. */
export const rays: readonly Uint8Array[] = Array.from({ length: 8 * squares }, (_, i) => {
  const [down, right] = directions[i & 7]!;
  const ray: number[] = [];
  let [row, column] = [Math.floor(i / 72) + down, (Math.floor(i / 8) % 9) + right];
  for (; inside(row, column); row += down, column += right) ray.push(9 * row + column);
  return Uint8Array.from(ray);
});

/** Where a side's knight goes from a square, the left jump first as that side sees it, -1 for none: [2 * (81 * side + square) + right]. */
export const jumps = Int8Array.from({ length: 4 * squares }, (_, i) => {
  const side = i >= 2 * squares ? 1 : 0;
  const square = Math.floor(i / 2) % squares;
  const ahead = side ? 2 : -2;
  const aside = (i & 1) === side ? -1 : 1;
  const [row, column] = [Math.floor(square / 9) + ahead, (square % 9) + aside];
  return inside(row, column) ? 9 * row + column : -1;
});

const bits = (...list: number[]): number => list.reduce((sum, direction) => sum | (1 << direction), 0);
const [straight, diagonal, golden] = [bits(0, 2, 4, 6), bits(1, 3, 5, 7), bits(0, 1, 2, 4, 6, 7)];
const byPiece = (kinds: Readonly<Record<number, number>>): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, piece) => {
    const mask = kinds[kindOf(piece)] ?? 0;
    return sideOf(piece) ? ((mask << 4) | (mask >> 4)) & 255 : mask;
  });

/** The directions that a piece goes one step in, a bit each. */
export const steps = byPiece({
  ...{ [pawn]: bits(0), [silver]: bits(0, 1, 3, 5, 7), [gold]: golden, [king]: 255 },
  ...{ 9: golden, 10: golden, 11: golden, 12: golden, 13: straight, 14: diagonal },
});
/** Those that it goes any way in. */
export const slides = byPiece({ [lance]: bits(0), [bishop]: diagonal, [rook]: straight, 13: diagonal, 14: straight });
