import type { Side } from "../game.ts";
import { decode, dropPlane, jumpPlane, movePlanes, promotingPlane, turned } from "./moves.ts";
import {
  handKinds,
  jumps,
  kindOf,
  king,
  knight,
  opposite,
  pawn,
  plain,
  promoted,
  promotes,
  rays,
  rowFor,
  sideOf,
  slides,
  squares,
  steps,
  stuck,
  white,
} from "./pieces.ts";

/** Random numbers in two halves (Zobrist 1970): of each piece on each square, of each number in hand, of white to move. */
const zobrist = (() => {
  let x = 0x51ab0e11;
  const random = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return Math.imul(x, 0x2545f491);
  };
  const handsAt = 32 * squares;
  const turnAt = handsAt + 2 * handKinds * 32;
  const length = turnAt + 1;
  return { handsAt, turnAt, low: Int32Array.from({ length }, random), high: Int32Array.from({ length }, random) };
})();

// Memory to work in: directions that pieces are pinned in, counted from 1, and squares that end a check.
const pins = new Uint8Array(squares);
const answers = new Uint8Array(squares);

/** Whether a piece moves in a direction over a distance, from 0 on, with nothing between. */
const reaches = (piece: number, direction: number, distance: number): boolean =>
  (((distance === 0 ? steps[piece]! : 0) | slides[piece]!) & (1 << direction)) !== 0;

/** A position of shogi. It never changes: `after` makes another. */
export class Position {
  readonly board: Uint8Array;
  /** In hand: seven kinds of black's, seven of white's. */
  readonly hands: Uint8Array;
  readonly turn: Side;
  private readonly low: number;
  private readonly high: number;
  private open: readonly number[] | null = null;

  /** The two halves of its hash, where they are known. */
  constructor(board: Uint8Array, hands: Uint8Array, turn: Side, low?: number, high?: number) {
    this.board = board;
    this.hands = hands;
    this.turn = turn;
    if (low === undefined || high === undefined) {
      const at: number[] = turn ? [zobrist.turnAt] : [];
      for (const [square, piece] of board.entries()) if (piece) at.push(squares * piece + square);
      for (const [i, count] of hands.entries()) at.push(zobrist.handsAt + 32 * i + count);
      [low, high] = [zobrist.low, zobrist.high].map((table) => at.reduce((sum, i) => sum ^ table[i]!, 0)) as [number, number];
    }
    this.low = low;
    this.high = high;
  }

  /** 53 bits that tell it from others. */
  get hash(): number {
    return (this.high >>> 0) * 2 ** 21 + (this.low >>> 11);
  }

  /** The square of a side's king, -1 where there is none. */
  kingOf(side: Side): number {
    return this.board.indexOf(king + white * side);
  }

  /** Whether the king of who is to move is attacked. */
  get checked(): boolean {
    return this.attacked(this.kingOf(this.turn), (1 - this.turn) as Side);
  }

  /** Whether a side attacks a square, of which -1 is none; `through` counts as empty. */
  attacked(square: number, by: Side, through = -1): boolean {
    if (square < 0) return false;
    const { board } = this;
    for (let direction = 0; direction < 8; direction++) {
      const ray = rays[8 * square + direction]!;
      for (let i = 0; i < ray.length; i++) {
        const piece = board[ray[i]!]!;
        if (!piece || ray[i] === through) continue;
        if (sideOf(piece) === by && reaches(piece, opposite(direction), i)) return true;
        break;
      }
    }
    return this.jumper(square, by) >= 0;
  }

  /** Where a knight of a side stands that attacks a square, -1 for none. */
  private jumper(square: number, by: Side): number {
    for (let i = 2 * (squares * (1 - by) + square), end = i + 2; i < end; i++) {
      const from = jumps[i]!;
      if (from >= 0 && this.board[from] === knight + white * by) return from;
    }
    return -1;
  }

  /** Fills `pins` and `answers` for who is to move. Returns how many pieces check. */
  private look(own: number): number {
    const { board, turn } = this;
    pins.fill(0);
    answers.fill(0);
    if (own < 0) return 0;
    let checks = 0;
    for (let direction = 0; direction < 8; direction++) {
      const ray = rays[8 * own + direction]!;
      let shield = -1;
      for (let i = 0; i < ray.length; i++) {
        const square = ray[i]!;
        const piece = board[square]!;
        if (!piece) continue;
        if (sideOf(piece) === turn) {
          if (shield >= 0) break;
          shield = square;
          continue;
        }
        if (reaches(piece, opposite(direction), i)) {
          if (shield >= 0) pins[shield] = direction + 1;
          else {
            checks++;
            for (let k = 0; k <= i; k++) answers[ray[k]!] = 1;
          }
        }
        break;
      }
    }
    const from = this.jumper(own, (1 - turn) as Side);
    if (from >= 0) {
      checks++;
      answers[from] = 1;
    }
    return checks;
  }

  /** The moves that the rules of the pieces allow, ascending. Repetition and the length of games are no matter of a position. */
  legal(): readonly number[] {
    this.open ??= this.generate();
    return this.open;
  }

  private generate(): number[] {
    const { board, hands, turn } = this;
    const other = (1 - turn) as Side;
    const own = this.kingOf(turn);
    const checks = this.look(own);
    const moves: number[] = [];
    const promoting: number[] = [];
    // Columns in which a pawn of one's own stands.
    let pawns = 0;
    for (let square = 0; square < squares; square++) if (board[square] === pawn + white * turn) pawns |= 1 << (square % 9);
    // A pawn dropped there checks.
    const theirs = this.kingOf(other);
    const before = theirs < 0 ? -1 : (rays[8 * theirs + (other ? 4 : 0)]![0] ?? -1);
    let mates = -1;

    for (let seen = 0; seen < squares; seen++) {
      const square = turned(seen, turn);
      const piece = board[square]!;
      const base = seen * movePlanes;
      if (!piece) {
        if (checks > 1 || (checks === 1 && !answers[square])) continue;
        const row = rowFor(square, turn);
        for (let kind = 1; kind <= handKinds; kind++) {
          if (!hands[handKinds * turn + kind - 1] || stuck(kind, row)) continue;
          if (kind === pawn) {
            if (pawns & (1 << (square % 9))) continue;
            if (square === before) mates = base + dropPlane;
          }
          moves.push(base + dropPlane + kind - 1);
        }
        continue;
      }
      if (sideOf(piece) !== turn) continue;
      const kind = kindOf(piece);
      if (kind !== king && checks > 1) continue;
      const pin = pins[square]! - 1;
      const far = rowFor(square, turn) <= 2;
      promoting.length = 0;
      if (kind === knight) {
        if (pin >= 0) continue;
        for (let right = 0; right < 2; right++) {
          const to = jumps[2 * (squares * turn + square) + right]!;
          if (to < 0 || (board[to] && sideOf(board[to]!) === turn) || (checks && !answers[to])) continue;
          const row = rowFor(to, turn);
          if (!stuck(kind, row)) moves.push(base + jumpPlane + right);
          if (row <= 2) promoting.push(base + promotingPlane + jumpPlane + right);
        }
      } else
        for (let ahead = 0; ahead < 8; ahead++) {
          const direction = turn ? opposite(ahead) : ahead;
          const bit = 1 << direction;
          if (!((steps[piece]! | slides[piece]!) & bit)) continue;
          if (pin >= 0 && direction !== pin && direction !== opposite(pin)) continue;
          const ray = rays[8 * square + direction]!;
          const length = slides[piece]! & bit ? ray.length : Math.min(1, ray.length);
          for (let i = 0; i < length; i++) {
            const to = ray[i]!;
            const there = board[to]!;
            if (there && sideOf(there) === turn) break;
            if (kind === king ? !this.attacked(to, other, square) : !checks || answers[to]) {
              const row = rowFor(to, turn);
              const plane = 8 * ahead + i;
              if (!stuck(kind, row)) moves.push(base + plane);
              if (promotes(kind) && (far || row <= 2)) promoting.push(base + promotingPlane + plane);
            }
            if (there) break;
          }
        }
      for (const move of promoting) moves.push(move);
    }
    // A dropped pawn must not mate.
    if (mates >= 0 && !this.after(mates).legal().length) moves.splice(moves.indexOf(mates), 1);
    return moves;
  }

  /** What a legal move leads to. */
  after(action: number): Position {
    const { turn } = this;
    const board = this.board.slice();
    const hands = this.hands.slice();
    const { from, to, promote, drop } = decode(action, turn);
    let low = this.low ^ zobrist.low[zobrist.turnAt]!;
    let high = this.high ^ zobrist.high[zobrist.turnAt]!;
    const change = (at: number): void => {
      low ^= zobrist.low[at]!;
      high ^= zobrist.high[at]!;
    };
    const hold = (kind: number, more: number): void => {
      const i = handKinds * turn + kind - 1;
      change(zobrist.handsAt + 32 * i + hands[i]!);
      hands[i]! += more;
      change(zobrist.handsAt + 32 * i + hands[i]!);
    };
    let piece = drop + white * turn;
    if (drop) hold(drop, -1);
    else {
      piece = board[from]!;
      board[from] = 0;
      change(squares * piece + from);
      const taken = board[to]!;
      if (taken) {
        change(squares * taken + to);
        hold(plain(kindOf(taken)), 1);
      }
      if (promote) piece += promoted;
    }
    board[to] = piece;
    change(squares * piece + to);
    return new Position(board, hands, (1 - turn) as Side, low, high);
  }
}
