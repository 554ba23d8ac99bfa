import type { Side } from "../game.ts";

/**
 * Moves by number, as the side to move sees the board (Silver and others 2018, table S2): 73 for each square, from which a piece moves like
 * a queen (8 directions, 1 to 7 squares; castling is two squares of the king's, a pawn becomes a queen), like a knight (8), or is a pawn
 * that becomes a knight, a bishop or a rook (3 pieces, 3 directions).
 *
 * Squares are counted as the library counts them, a1 to h8; black sees the ranks turned about, so that its pawns go up the board as well
 * and its king stays on the same side as white's.
 */
export const movePlanes = 73;
const lesser = ["knight", "bishop", "rook"] as const;
const lesserPlane = 64;

/** As [files, ranks]: N, NE, E, SE, S, SW, W, NW. */
const directions = ["0 1", "1 1", "1 0", "1 -1", "0 -1", "-1 -1", "-1 0", "-1 1"].map((text) => text.split(" ").map(Number));
const jumps = ["1 2", "2 1", "2 -1", "1 -2", "-1 -2", "-2 -1", "-2 1", "-1 2"].map((text) => text.split(" ").map(Number));
/** [movePlanes]: where each plane leads, as [files, ranks]. */
const steps = [
  ...directions.flatMap(([x, y]) => [1, 2, 3, 4, 5, 6, 7].map((n) => [n * x!, n * y!])),
  ...jumps,
  ...lesser.flatMap(() => [-1, 0, 1].map((x) => [x, 1])),
] as [number, number][];

export interface ChessMove {
  readonly from: number;
  /** -1 where it leads off the board, or a pawn would become a piece elsewhere than at the end. */
  readonly to: number;
  /** null also where a pawn becomes a queen, which the move alone does not tell. */
  readonly under: (typeof lesser)[number] | null;
}

/** Where a move leads, [from * movePlanes + plane], and which plane leads from one square to another, [from * 64 + to]; -1 for none. */
const targets = new Int8Array(64 * movePlanes).fill(-1);
const planes = new Int8Array(64 * 64).fill(-1);
for (let from = 0; from < 64; from++)
  for (const [plane, [x, y]] of steps.entries()) {
    const [file, rank] = [(from & 7) + x, (from >> 3) + y];
    if (file < 0 || file > 7 || rank < 0 || rank > 7 || (plane >= lesserPlane && from >> 3 !== 6)) continue;
    targets[from * movePlanes + plane] = 8 * rank + file;
    if (plane < lesserPlane) planes[64 * from + 8 * rank + file] = plane;
  }

/** The place of a square on the board as a side sees it, row by row from the top. */
export const seen = (square: number, side: Side): number => (side ? square : square ^ 56);

/** The number of a move, -1 where no piece moves like that; `under` is what a pawn becomes, unless that is a queen. */
export function encode(from: number, to: number, under: ChessMove["under"], side: Side): number {
  const flip = side ? 56 : 0;
  const [a, b] = [from ^ flip, to ^ flip];
  const aside = (b & 7) - (a & 7);
  const pawns = b >> 3 === 7 && a >> 3 === 6 && Math.abs(aside) <= 1;
  const plane = !under ? planes[64 * a + b]! : pawns ? lesserPlane + 3 * lesser.indexOf(under) + aside + 1 : -1;
  return plane < 0 ? -1 : seen(from, side) * movePlanes + plane;
}

/** What a number means to a side. */
export function decode(action: number, side: Side): ChessMove {
  const flip = side ? 56 : 0;
  const from = Math.floor(action / movePlanes) ^ 56;
  const plane = action % movePlanes;
  const to = targets[from * movePlanes + plane]!;
  const under = plane >= lesserPlane ? lesser[Math.floor((plane - lesserPlane) / 3)]! : null;
  return { from: from ^ flip, to: to < 0 ? -1 : to ^ flip, under };
}
