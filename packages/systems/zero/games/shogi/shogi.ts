import { BaseState } from "../base.ts";
import type { Game, Outcome, Side } from "../game.ts";
import { decode, movePlanes, squareName, turned } from "./moves.ts";
import { handKinds, kindOf, letters, sideOf, squares, totals } from "./pieces.ts";
import type { Position } from "./position.ts";
import { handText, pieceText, readSfen, writeSfen } from "./sfen.ts";

/** Positions that a network sees: the one on the board and seven before it. */
const steps = 8;
const kinds = 14;
const times = 3;
const stepPlanes = 2 * kinds + times + 2 * handKinds;
const planes = steps * stepPlanes + 2;
/** Plies after which a game is drawn (Silver and others 2018, pseudocode: max_moves). */
const longest = 512;
const start = "lnsgkgsnl/1r5b1/ppppppppp/9/9/9/PPPPPPPPP/1B5R1/LNSGKGSNL b - 1";

/**
 * A game of shogi with the rules of the Japan Shogi Association. A position that stands for the fourth time draws, or is lost by the side
 * that has done nothing but check since it first stood. Nobody can declare a win by an entered king: as in the paper, a game of 512 plies
 * is drawn. `key` tells positions apart, and how often each has stood; two with equal keys may have come there on different ways.
 */
export class ShogiState extends BaseState {
  readonly game = shogi;
  /** The positions of the game, the one to begin with first. */
  private readonly past: Position[];
  /** For each of them, how often it has stood. */
  private readonly seen: number[];
  /** The number of the first move, as SFEN counts. */
  private readonly first: number;

  constructor(past: Position[], seen: number[], first: number) {
    super();
    this.past = past;
    this.seen = seen;
    this.first = first;
  }

  /** The position on the board. */
  get now(): Position {
    return this.past[this.past.length - 1]!;
  }

  get turn(): Side {
    return this.now.turn;
  }

  get key(): string {
    return `${this.now.hash},${this.seen.at(-1)}`;
  }

  get outcome(): Outcome | null {
    if (this.seen.at(-1)! > 3) return this.repetition();
    const { now } = this;
    if (!now.legal().length) return { winner: (1 - now.turn) as Side, reason: now.checked ? "checkmate" : "no legal move" };
    return this.ply >= longest ? { winner: null, reason: `${longest} moves` } : null;
  }

  /** How a game ends whose position stands for the fourth time. */
  private repetition(): Outcome {
    const { now } = this;
    const since = this.past.slice(this.past.findIndex(({ hash }) => hash === now.hash) + 1);
    const chased = ([0, 1] as const).filter((side) => since.every(({ turn, checked }) => turn !== side || checked));
    return chased.length === 1 ? { winner: chased[0]!, reason: "perpetual check" } : { winner: null, reason: "repetition" };
  }

  legal(): number[] {
    return this.seen.at(-1)! > 3 || this.ply >= longest ? [] : [...this.now.legal()];
  }

  protected override allows(action: number): boolean {
    return this.now.legal().includes(action);
  }

  protected put(action: number): void {
    const next = this.now.after(action);
    let count = 1;
    for (let i = this.past.length - 4; i >= 0 && count === 1; i -= 2) if (this.past[i]!.hash === next.hash) count += this.seen[i]!;
    this.past.push(next);
    this.seen.push(count);
  }

  protected take(): void {
    this.past.pop();
    this.seen.pop();
  }

  /**
   * Table S1, as the side to move sees the board: for each of eight positions, the latest first, its own pieces (14 kinds), the other
   * side's, whether the position stood for the first, second or third time, and what each has in hand, as a share of all there are;
   * then whether white is to move, and the moves made, as a share of the most a game has.
   */
  observe(out: Float32Array): void {
    const side = this.turn;
    const length = Math.min(steps, this.past.length);
    // What is the same on all squares first.
    const everywhere = new Float32Array(planes);
    for (let back = 0; back < length; back++) {
      const at = this.past.length - 1 - back;
      const { hands } = this.past[at]!;
      const counts = back * stepPlanes + 2 * kinds;
      everywhere[counts + Math.min(times, this.seen[at]!) - 1] = 1;
      for (let i = 0; i < 2 * handKinds; i++) {
        const kind = i % handKinds;
        everywhere[counts + times + i] = hands[handKinds * (i < handKinds ? side : 1 - side) + kind]! / totals[kind + 1]!;
      }
    }
    everywhere[planes - 2] = side;
    everywhere[planes - 1] = Math.min(1, (this.first - 1 + this.ply) / longest);
    for (let square = 0; square < squares; square++) out.set(everywhere, square * planes);
    for (let back = 0; back < length; back++) {
      const { board } = this.past[this.past.length - 1 - back]!;
      for (let square = 0; square < squares; square++) {
        const piece = board[square]!;
        if (!piece) continue;
        const plane = back * stepPlanes + (sideOf(piece) === side ? 0 : kinds) + kindOf(piece) - 1;
        out[turned(square, side) * planes + plane] = 1;
      }
    }
  }

  /** As USI writes moves: "7g7f", "8h2b+", "P*5e". */
  nameOf(action: number): string {
    const { from, to, promote, drop } = decode(action, this.turn);
    if (to < 0) return "off the board";
    return drop ? `${letters[drop]}*${squareName(to)}` : `${squareName(from)}${squareName(to)}${promote ? "+" : ""}`;
  }

  /** SFEN. What came before, and so how often positions have stood, is not in it. */
  position(): string {
    return writeSfen(this.now, this.first + this.ply);
  }

  toString(): string {
    const { board, hands } = this.now;
    const rows = Array.from(
      { length: 9 },
      (_, row) =>
        `${Array.from(board.subarray(9 * row, 9 * row + 9), (piece) => (piece ? pieceText(piece) : ".").padStart(3)).join("")}  ${"abcdefghi"[row]}`,
    );
    return [
      `white has ${handText(hands, 1) || "nothing"} in hand`,
      "  9  8  7  6  5  4  3  2  1",
      ...rows,
      `black has ${handText(hands, 0) || "nothing"} in hand`,
    ].join("\n");
  }

  clone(): ShogiState {
    const copy = new ShogiState([...this.past], [...this.seen], this.first);
    copy.moves.push(...this.moves);
    return copy;
  }
}

interface ShogiGame extends Game {
  begin(position?: string): ShogiState;
}

/**
 * Shogi. A position is SFEN. Moves are numbered as the side to move sees the board (Silver and others 2018, table S2; `moves.ts`), so that
 * one number is another move of the other side's.
 */
export const shogi: ShogiGame = {
  name: "shogi",
  title: "Shogi",
  rows: 9,
  columns: 9,
  planes,
  actions: squares * movePlanes,
  movePlanes,
  // Mirrored boards are as good, but no game begins at one.
  symmetries: [
    { squares: Int32Array.from({ length: squares }, (_, i) => i), actions: Int32Array.from({ length: squares * movePlanes }, (_, i) => i) },
  ],
  typicalLength: 120,
  begin(position = start) {
    const { position: now, move } = readSfen(position);
    return new ShogiState([now], [1], move);
  },
};
