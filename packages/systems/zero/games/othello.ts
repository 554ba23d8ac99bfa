import { FormatError } from "@gradus/tensor";
import { BaseState, quoted } from "./base.ts";
import type { Game, Outcome, Side } from "./game.ts";
import { boardSymmetries, drawBoard } from "./grid.ts";

const size = 8;
const squares = size * size;
const pass = squares;
/** For each square and each of the eight directions the squares that follow, outwards. */
const rays: readonly (readonly Uint8Array[])[] = Array.from({ length: squares }, (_, square) =>
  [
    [-1, -1],
    [-1, 0],
    [-1, 1],
    [0, -1],
    [0, 1],
    [1, -1],
    [1, 0],
    [1, 1],
  ].map(([down, right]) => {
    const ray: number[] = [];
    for (
      let row = Math.floor(square / size) + down!, column = (square % size) + right!;
      row >= 0 && row < size && column >= 0 && column < size;
      row += down!, column += right!
    )
      ray.push(row * size + column);
    return Uint8Array.from(ray);
  }),
);
const signs = ".XO";

class OthelloState extends BaseState {
  readonly game = othello;
  /** 0 empty, 1 black, 2 white. */
  private readonly board: Uint8Array;
  private side: Side;
  /** Discs turned by each move. */
  private readonly turned: number[][] = [];
  private open: number[] | null = null;

  constructor(board: Uint8Array, side: Side) {
    super();
    this.board = board;
    this.side = side;
  }

  get turn(): Side {
    return this.side;
  }

  get key(): string {
    return this.position();
  }

  /** Discs that a move on an empty square would turn. */
  private flips(square: number, side: Side): number[] {
    const [own, other] = [side + 1, 2 - side];
    const found: number[] = [];
    for (const ray of rays[square]!) {
      let length = 0;
      while (length < ray.length && this.board[ray[length]!] === other) length++;
      if (length && length < ray.length && this.board[ray[length]!] === own) for (let i = 0; i < length; i++) found.push(ray[i]!);
    }
    return found;
  }

  private canMove(side: Side): boolean {
    for (let square = 0; square < squares; square++) if (!this.board[square] && this.flips(square, side).length) return true;
    return false;
  }

  get outcome(): Outcome | null {
    if (this.legal().length) return null;
    const [black, white] = [1, 2].map((colour) => this.board.reduce((n, at) => n + Number(at === colour), 0)) as [number, number];
    const reason = `${black} to ${white}`;
    return { winner: black === white ? null : black > white ? 0 : 1, reason };
  }

  legal(): number[] {
    if (!this.open) {
      const moves: number[] = [];
      for (let square = 0; square < squares; square++) if (!this.board[square] && this.flips(square, this.side).length) moves.push(square);
      this.open = moves.length ? moves : this.canMove((1 - this.side) as Side) ? [pass] : [];
    }
    return [...this.open];
  }

  protected put(action: number): void {
    const flips = action === pass ? [] : this.flips(action, this.side);
    if (action !== pass) this.board[action] = this.side + 1;
    for (const square of flips) this.board[square] = this.side + 1;
    this.turned.push(flips);
    this.side = (1 - this.side) as Side;
    this.open = null;
  }

  protected take(action: number): void {
    this.side = (1 - this.side) as Side;
    for (const square of this.turned.pop()!) this.board[square] = 2 - this.side;
    if (action !== pass) this.board[action] = 0;
    this.open = null;
  }

  observe(planes: Float32Array): void {
    const own = this.side + 1;
    for (let square = 0; square < squares; square++) {
      const disc = this.board[square];
      planes[2 * square] = Number(disc === own);
      planes[2 * square + 1] = Number(disc === 3 - own);
    }
  }

  nameOf(action: number): string {
    return action === pass ? "pass" : `${"abcdefgh"[action % size]}${1 + Math.floor(action / size)}`;
  }

  position(): string {
    return `${Array.from(this.board, (at) => signs[at]).join("")} ${signs[this.side + 1]}`;
  }

  toString(): string {
    // Rows of Othello are counted from the top.
    const rows = Array.from({ length: size }, (_, row) =>
      Array.from(this.board.subarray(size * row, size * row + size), (at) => signs[at]!),
    );
    return drawBoard(rows, "abcdefgh", true);
  }

  clone(): OthelloState {
    const copy = new OthelloState(this.board.slice(), this.side);
    copy.moves.push(...this.moves);
    copy.turned.push(...this.turned);
    return copy;
  }
}

/**
 * Othello. Who cannot move passes, which is a move and the only one then. A position is 64 of "X" (black), "O" and ".", row by row from the
 * top, and who is to move.
 */
export const othello: Game = {
  name: "othello",
  title: "Othello",
  rows: size,
  columns: size,
  planes: 2,
  actions: squares + 1,
  movePlanes: 1,
  // Those that leave the first four discs as they are.
  symmetries: boardSymmetries(size, 1).filter(({ squares }) => [27, 36].includes(squares[27]!)),
  typicalLength: 60,
  begin(position = `${".".repeat(27)}OX${".".repeat(6)}XO${".".repeat(27)} X`) {
    if (!/^[XO.]{64} [XO]$/.test(position))
      throw new FormatError(
        "Othello",
        `${quoted(position)} is no position`,
        "Give 64 of X, O and ., row by row, a space, and X or O who is to move",
      );
    return new OthelloState(
      Uint8Array.from([...position.slice(0, squares)].map((sign) => signs.indexOf(sign))),
      position.endsWith("X") ? 0 : 1,
    );
  },
};
