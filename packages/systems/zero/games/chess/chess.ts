import { ArgumentError } from "@gradus/tensor";
import { Chess, type Context } from "chessops/chess";
import { makeFen } from "chessops/fen";
import { makeSan, parseSan } from "chessops/san";
import type { SquareSet } from "chessops/squareSet";
import { isNormal, type NormalMove, type Role } from "chessops/types";
import { makeUci, opposite, parseUci } from "chessops/util";
import { BaseState } from "../base.ts";
import type { Game, Outcome, Side } from "../game.ts";
import { drawBoard } from "../grid.ts";
import { readFen } from "./fen.ts";
import { type ChessMove, decode, encode, movePlanes, seen } from "./moves.ts";

/** Positions that a network sees: the one on the board and seven before it. */
const steps = 8;
const roles = ["pawn", "knight", "bishop", "rook", "queen", "king"] as const;
const stepPlanes = 2 * roles.length + 2;
const planes = steps * stepPlanes + 7;
/** Plies of the longest games that the paper's networks learned from (Silver and others 2018, pseudocode: max_moves). */
const longGame = 512;
const sideOf = { white: 0, black: 1 } as const;
const unders: readonly ChessMove["under"][] = [null, "knight", "bishop", "rook"];

/** Squares of a set, the first first. */
function squaresOf({ lo, hi }: SquareSet, visit: (square: number) => void): void {
  for (; lo; lo &= lo - 1) visit(31 - Math.clz32(lo & -lo));
  for (; hi; hi &= hi - 1) visit(63 - Math.clz32(hi & -hi));
}

/** Where the king goes that castles: the library has it move to its rook. */
const castled = (king: number, rook: number): number => king + (rook > king ? 2 : -2);

/** A position of a game, which does not change, and what was found out about it. */
class Ply {
  readonly chess: Chess;
  readonly side: Side;
  /** The same for positions that count as repeated: board, turn, castling and taking in passing. */
  readonly text: string;
  /** How often it has stood, this time included. */
  readonly times: number;
  private context: Context | null = null;
  private moves: readonly number[] | null = null;
  private ending: Outcome | null | undefined;

  constructor(chess: Chess, past: readonly Ply[]) {
    this.chess = chess;
    this.side = sideOf[chess.turn];
    // Only where a pawn can be taken in passing does it make a position another one.
    if (chess.epSquare !== undefined) chess.epSquare = chess.toSetup().epSquare;
    this.text = identity(chess);
    let times = 1;
    for (let back = 4; back <= chess.halfmoves && back <= past.length && times === 1; back += 2) {
      const earlier = past[past.length - back]!;
      if (earlier.text === this.text) times += earlier.times;
    }
    this.times = times;
  }

  get ctx(): Context {
    this.context ??= this.chess.ctx();
    return this.context;
  }

  get outcome(): Outcome | null {
    if (this.ending === undefined) this.ending = this.judge();
    return this.ending;
  }

  private judge(): Outcome | null {
    const { chess } = this;
    if (this.times > 2) return { winner: null, reason: "threefold repetition" };
    if (!(this.moves ? this.moves.length : chess.hasDests(this.ctx)))
      return this.ctx.checkers.nonEmpty()
        ? { winner: (1 - this.side) as Side, reason: "checkmate" }
        : { winner: null, reason: "stalemate" };
    if (chess.isInsufficientMaterial()) return { winner: null, reason: "insufficient material" };
    return chess.halfmoves >= 100 ? { winner: null, reason: "fifty moves" } : null;
  }

  legal(): readonly number[] {
    this.moves ??= this.generate();
    return this.moves;
  }

  private generate(): number[] {
    const { chess, side, ctx } = this;
    const { board, turn } = chess;
    const [own, last] = [board[turn], side ? 0 : 7];
    const moves: number[] = [];
    squaresOf(own, (from) => {
      const pawn = board.pawn.has(from);
      squaresOf(chess.dests(from, ctx), (to) => {
        if (pawn && to >> 3 === last) for (const under of unders) moves.push(encode(from, to, under, side));
        else moves.push(encode(from, own.has(to) ? castled(from, to) : to, null, side));
      });
    });
    return moves.sort((a, b) => a - b);
  }

  allows(action: number): boolean {
    if (this.moves) return this.moves.includes(action);
    if (!(Number.isInteger(action) && action >= 0 && action < 64 * movePlanes)) return false;
    const move = this.moveOf(action);
    return move !== null && !this.chess.board[this.chess.turn].has(move.to) && this.chess.isLegal(move, this.ctx);
  }

  /** A move as the library has it; null where it leads off the board. */
  moveOf(action: number): NormalMove | null {
    const { from, to, under } = decode(action, this.side);
    if (to < 0) return null;
    const queen = to >> 3 === (this.side ? 0 : 7) && this.chess.board.pawn.has(from);
    const promotion: Role | null = under ?? (queen ? "queen" : null);
    return promotion ? { from, to, promotion } : { from, to };
  }
}

function identity({ board, castles, epSquare = 64, turn }: Chess): string {
  const { white: w, pawn: p, knight: n, bishop: b, rook: r, queen: q, king: k } = board;
  const { lo, hi } = castles.castlingRights;
  const rights = (lo & 1) | ((lo >> 6) & 2) | ((hi >> 22) & 4) | ((hi >>> 28) & 8);
  // Characters of 16 bits, all given at once: much faster than numbers as text.
  return String.fromCharCode(
    ...[w.lo, w.lo >> 16, w.hi, w.hi >> 16, p.lo, p.lo >> 16, p.hi, p.hi >> 16, n.lo, n.lo >> 16, n.hi, n.hi >> 16],
    ...[b.lo, b.lo >> 16, b.hi, b.hi >> 16, r.lo, r.lo >> 16, r.hi, r.hi >> 16, q.lo, q.lo >> 16, q.hi, q.hi >> 16],
    ...[k.lo, k.lo >> 16, k.hi, k.hi >> 16, rights | (epSquare << 4) | (sideOf[turn] << 11)],
  );
}

/**
 * A game of chess with the laws of FIDE. As in the paper, a position that stands for the third time draws, and so do fifty moves of each side
 * without a capture or a pawn's move: nobody has to claim it. `key` tells positions apart, how often each has stood, and the moves since the
 * last capture or pawn's move; two with equal keys may have come there on different ways.
 */
export class ChessState extends BaseState {
  readonly game = chess;
  /** The positions of the game, the one to begin with first. */
  private readonly past: Ply[];

  constructor(past: Ply[]) {
    super();
    this.past = past;
  }

  private get now(): Ply {
    return this.past[this.past.length - 1]!;
  }

  get turn(): Side {
    return this.now.side;
  }

  get outcome(): Outcome | null {
    return this.now.outcome;
  }

  get key(): string {
    return this.now.text + String.fromCharCode(this.now.times, this.now.chess.halfmoves);
  }

  /** Whether the side to move is in check. */
  get checked(): boolean {
    return this.now.ctx.checkers.nonEmpty();
  }

  legal(): number[] {
    return this.now.outcome ? [] : [...this.now.legal()];
  }

  protected override allows(action: number): boolean {
    return this.now.allows(action);
  }

  protected put(action: number): void {
    const next = this.now.chess.clone();
    next.play(this.now.moveOf(action)!);
    this.past.push(new Ply(next, this.past));
  }

  protected take(): void {
    this.past.pop();
  }

  /**
   * Table S1, as the side to move sees the board (see `moves.ts`): for each of eight positions, the latest first, its own pieces (6 kinds),
   * the other side's, and whether the position has stood once or twice before; then whether black is to move, the plies made, as a share of
   * 512 and at most 1, castling on the king's and on the queen's side, its own and the other side's, and the plies without a capture or a
   * pawn's move, as a share of the 100 that draw.
   */
  observe(out: Float32Array): void {
    const { chess, side } = this.now;
    const length = Math.min(steps, this.past.length);
    // What is the same on all squares first: written on one, then copied on twice as many each time.
    const everywhere = out.subarray(0, planes).fill(0);
    for (let back = 0; back < length; back++) {
      const { times } = this.past[this.past.length - 1 - back]!;
      everywhere[back * stepPlanes + 12] = Number(times > 1);
      everywhere[back * stepPlanes + 13] = Number(times > 2);
    }
    const { rook } = chess.castles;
    const [own, other] = [rook[chess.turn], rook[opposite(chess.turn)]];
    everywhere.set(
      [
        side,
        Math.min(1, (2 * (chess.fullmoves - 1) + side) / longGame),
        ...[own.h, own.a, other.h, other.a].map((square) => Number(square !== undefined)),
        Math.min(1, chess.halfmoves / 100),
      ],
      steps * stepPlanes,
    );
    for (let n = planes; n < 64 * planes; n *= 2) out.copyWithin(n, 0, n);
    for (let back = 0; back < length; back++) {
      const { board } = this.past[this.past.length - 1 - back]!.chess;
      const mine = board[chess.turn];
      for (let kind = 0; kind < roles.length; kind++) {
        const plane = back * stepPlanes + kind;
        squaresOf(board[roles[kind]!], (square) => {
          out[seen(square, side) * planes + plane + (mine.has(square) ? 0 : roles.length)] = 1;
        });
      }
    }
  }

  /** As UCI writes moves: "e2e4", "e1g1", "e7e8q". */
  nameOf(action: number): string {
    const move = this.now.moveOf(action);
    return move ? makeUci(move) : "off the board";
  }

  /** As people write moves (SAN): "e4", "O-O", "exd8=Q+". ArgumentError for a move that is not legal. */
  sanOf(action: number): string {
    if (!this.now.allows(action)) throw new ArgumentError("sanOf", `${action} is no legal move here`);
    return makeSan(this.now.chess, this.now.moveOf(action)!);
  }

  /** Takes moves as UCI and as people write them. */
  override actionOf(name: string): number {
    if (this.outcome) throw new ArgumentError("play", `the game is over: ${this.outcome.reason}`);
    const text = name.trim().replace(/[!?]+$/, "");
    const { chess, side } = this.now;
    const move = parseUci(text) ?? parseSan(chess, text.replaceAll("0", "O"));
    if (!move || !isNormal(move)) return super.actionOf(name);
    const { from, to, promotion } = move;
    const under = promotion === "knight" || promotion === "bishop" || promotion === "rook" ? promotion : null;
    const { a, h } = chess.castles.rook[chess.turn];
    const castles = from === this.now.ctx.king && (to === a || to === h);
    const action = encode(from, castles ? castled(from, to) : to, under, side);
    return this.now.allows(action) && this.now.moveOf(action)?.promotion === promotion ? action : super.actionOf(name);
  }

  /** FEN. What came before, and so how often positions have stood, is not in it. */
  position(): string {
    return makeFen(this.now.chess.toSetup());
  }

  toString(): string {
    const { board, turn } = this.now.chess;
    const letters = { pawn: "p", knight: "n", bishop: "b", rook: "r", queen: "q", king: "k" };
    const sign = (square: number): string => {
      const piece = board.get(square);
      if (!piece) return ".";
      return piece.color === "white" ? letters[piece.role].toUpperCase() : letters[piece.role];
    };
    const rows = [7, 6, 5, 4, 3, 2, 1, 0].map((rank) => [0, 1, 2, 3, 4, 5, 6, 7].map((file) => sign(8 * rank + file)));
    return `${drawBoard(rows)}\n${turn} to move`;
  }

  clone(): ChessState {
    const copy = new ChessState([...this.past]);
    copy.moves.push(...this.moves);
    return copy;
  }
}

interface ChessGame extends Game {
  begin(position?: string): ChessState;
}

/** Chess. A position is FEN. Moves are numbered as the side to move sees the board, so that one number is another move of the other side's. */
export const chess: ChessGame = {
  name: "chess",
  title: "Chess",
  rows: 8,
  columns: 8,
  planes,
  actions: 64 * movePlanes,
  movePlanes,
  // Pawns and castling leave none.
  symmetries: [
    { squares: Int32Array.from({ length: 64 }, (_, i) => i), actions: Int32Array.from({ length: 64 * movePlanes }, (_, i) => i) },
  ],
  typicalLength: 100,
  begin: (position) => new ChessState([new Ply(position === undefined ? Chess.default() : readFen(position), [])]),
};

/** A game that goes on where a draw was not claimed: it begins at its position, after fifty moves with their count at nothing. */
export const continued = (state: ChessState): ChessState => chess.begin(state.position().replace(/ \d{3,} (\d+)$/, " 0 $1"));
