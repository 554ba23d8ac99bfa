import { bishop, handKinds, kindOf, king, plain, rook, rowFor, sideOf } from "./pieces.ts";
import type { Position } from "./position.ts";

/** Points that a side needs to declare a win: 31 (24-point rule, where 24 draw), or 28 and 27 for black and white (27-point rule). */
export type DeclarationRule = 24 | 27;

/**
 * Whether who is to move could declare a win by an entered king: not in check, the king and ten other pieces in the farthest three rows,
 * and points enough, five for a rook or bishop and one for any other piece there or in hand.
 */
export function mayDeclare(position: Position, rule: DeclarationRule): boolean {
  const { board, hands, turn } = position;
  const own = position.kingOf(turn);
  if (own < 0 || rowFor(own, turn) > 2 || position.checked) return false;
  const worth = (kind: number): number => (plain(kind) === bishop || plain(kind) === rook ? 5 : 1);
  let [pieces, points] = [0, 0];
  for (const [square, piece] of board.entries()) {
    if (!piece || sideOf(piece) !== turn || kindOf(piece) === king || rowFor(square, turn) > 2) continue;
    pieces++;
    points += worth(kindOf(piece));
  }
  for (let kind = 1; kind <= handKinds; kind++) points += worth(kind) * hands[handKinds * turn + kind - 1]!;
  return pieces >= 10 && points >= (rule === 24 ? 31 : 28 - turn);
}
