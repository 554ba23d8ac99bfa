import { FormatError } from "@gradus/tensor";
import { BaseState, quoted } from "./base.ts";
import type { Game, Outcome, Side } from "./game.ts";
import { drawBoard } from "./grid.ts";

const rows = 6;
const columns = 7;
/** Ways a line runs: right, up, and both diagonals, as (columns, rows from the bottom). */
const directions = [
  [1, 0],
  [0, 1],
  [1, 1],
  [1, -1],
] as const;

class ConnectFourState extends BaseState {
  readonly game = connectFour;
  /** The side in column + 7 * row, rows from the bottom; 2 is nobody. */
  private readonly board = new Uint8Array(rows * columns).fill(2);
  /** Stones in each column. */
  private readonly heights = new Uint8Array(columns);
  private won = false;

  get turn(): Side {
    return (this.ply & 1) as Side;
  }

  get outcome(): Outcome | null {
    if (this.won) return { winner: (1 - this.turn) as Side, reason: "four in a row" };
    return this.ply === rows * columns ? { winner: null, reason: "the board is full" } : null;
  }

  get key(): string {
    return String.fromCharCode(...this.board);
  }

  legal(): number[] {
    return this.won ? [] : [0, 1, 2, 3, 4, 5, 6].filter((column) => this.heights[column]! < rows);
  }

  protected override allows(action: number): boolean {
    return (this.heights[action] ?? rows) < rows;
  }

  protected put(column: number): void {
    const row = this.heights[column]!++;
    this.board[column + columns * row] = this.turn;
    this.won = directions.some(([right, up]) => 1 + this.run(column, row, right, up) + this.run(column, row, -right, -up) >= 4);
  }

  /** Stones of one side from a square on, the square itself not counted. */
  private run(column: number, row: number, right: number, up: number): number {
    const side = this.board[column + columns * row];
    let length = 0;
    for (;;) {
      column += right;
      row += up;
      if (column < 0 || column >= columns || row < 0 || row >= rows || this.board[column + columns * row] !== side) return length;
      length++;
    }
  }

  protected take(column: number): void {
    this.board[column + columns * --this.heights[column]!] = 2;
    this.won = false;
  }

  observe(planes: Float32Array): void {
    const side = this.turn;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const stone = this.board[column + columns * (rows - 1 - row)]!;
        const at = 2 * (row * columns + column);
        planes[at] = Number(stone === side);
        planes[at + 1] = Number(stone === 1 - side);
      }
  }

  nameOf(action: number): string {
    return "abcdefg"[action]!;
  }

  /** Takes columns by letter, and by number as positions have them. */
  override actionOf(name: string): number {
    const [, digit] = /^\s*([1-7])\s*$/.exec(name) ?? [];
    return super.actionOf(digit ? "abcdefg"[Number(digit) - 1]! : name);
  }

  /** The columns played, counted from 1, as collections of positions write them. */
  position(): string {
    return this.moves.map((column) => column + 1).join("");
  }

  toString(): string {
    return drawBoard(
      Array.from({ length: rows }, (_, row) =>
        Array.from({ length: columns }, (_, column) => "XO."[this.board[column + columns * (rows - 1 - row)]!]!),
      ),
    );
  }

  clone(): ConnectFourState {
    const copy = new ConnectFourState();
    for (const move of this.moves) copy.play(move);
    return copy;
  }
}

/** Four in a row on seven columns of six. A move is a column. A position is the columns played, counted from 1: "4453". */
export const connectFour: Game = {
  name: "connect4",
  title: "Connect Four",
  rows,
  columns,
  planes: 2,
  actions: columns,
  movePlanes: 0,
  symmetries: [false, true].map((mirrored) => ({
    squares: Int32Array.from({ length: rows * columns }, (_, i) => (mirrored ? i - (i % columns) + columns - 1 - (i % columns) : i)),
    actions: Int32Array.from({ length: columns }, (_, i) => (mirrored ? columns - 1 - i : i)),
  })),
  typicalLength: 36,
  begin(position = "") {
    const state = new ConnectFourState();
    for (const digit of position) {
      const column = Number(digit) - 1;
      if (state.outcome || !state.legal().includes(column))
        throw new FormatError(
          "Connect Four",
          `${quoted(position)} is no position: "${digit}" cannot be played`,
          "Give the columns played, from 1 to 7: 4453",
        );
      state.play(column);
    }
    return state;
  },
};
