import { FormatError } from "@gradus/tensor";
import { BaseState, quoted } from "./base.ts";
import type { Game, Outcome, Side } from "./game.ts";
import { boardSymmetries, drawBoard } from "./grid.ts";

const lines = [7, 56, 448, 73, 146, 292, 273, 84];
const full = 511;

class TicTacToeState extends BaseState {
  readonly game = ticTacToe;
  /** Squares of each side, a bit each: square 0 is the top left one. */
  private readonly stones: [number, number];
  private readonly first: Side;

  constructor(stones: readonly [number, number], first: Side) {
    super();
    this.stones = [...stones];
    this.first = first;
  }

  get turn(): Side {
    return ((this.first + this.ply) & 1) as Side;
  }

  get outcome(): Outcome | null {
    for (const side of [0, 1] as const)
      if (lines.some((line) => (this.stones[side] & line) === line)) return { winner: side, reason: "three in a row" };
    return (this.stones[0] | this.stones[1]) === full ? { winner: null, reason: "the board is full" } : null;
  }

  get key(): string {
    return `${this.stones[0]},${this.stones[1]},${this.turn}`;
  }

  legal(): number[] {
    if (this.outcome) return [];
    return [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((square) => !((this.stones[0] | this.stones[1]) & (1 << square)));
  }

  protected put(action: number): void {
    this.stones[this.turn] |= 1 << action;
  }

  protected take(action: number): void {
    this.stones[this.turn] ^= 1 << action;
  }

  observe(planes: Float32Array): void {
    const [own, other] = [this.stones[this.turn], this.stones[1 - this.turn]!];
    for (let square = 0; square < 9; square++) {
      planes[2 * square] = (own >> square) & 1;
      planes[2 * square + 1] = (other >> square) & 1;
    }
  }

  nameOf(action: number): string {
    return `${"abc"[action % 3]}${3 - Math.floor(action / 3)}`;
  }

  private sign(square: number): "X" | "O" | "." {
    return (this.stones[0] >> square) & 1 ? "X" : (this.stones[1] >> square) & 1 ? "O" : ".";
  }

  position(): string {
    return Array.from({ length: 9 }, (_, square) => this.sign(square)).join("");
  }

  toString(): string {
    return drawBoard([0, 3, 6].map((row) => [0, 1, 2].map((column) => this.sign(row + column))));
  }

  clone(): TicTacToeState {
    const copy = new TicTacToeState(this.stones, this.first);
    copy.moves.push(...this.moves);
    return copy;
  }
}

/** Three in a row on nine squares. A position is nine of "X", "O", ".", row by row from the top; X began. */
export const ticTacToe: Game = {
  name: "tictactoe",
  title: "Tic-tac-toe",
  rows: 3,
  columns: 3,
  planes: 2,
  actions: 9,
  movePlanes: 1,
  symmetries: boardSymmetries(3, 0),
  typicalLength: 9,
  begin(position = ".........") {
    const count = (sign: string) => position.split(sign).length - 1;
    const more = count("X") - count("O");
    if (!/^[XO.]{9}$/.test(position) || (more !== 0 && more !== 1))
      throw new FormatError(
        "tic-tac-toe",
        `${quoted(position)} is no position`,
        "Give nine of X, O and ., row by row, with as many X as O or one more",
      );
    const bits = (sign: string) => [...position].reduce((sum, at, square) => sum | (Number(at === sign) << square), 0);
    return new TicTacToeState([bits("X"), bits("O")], more as Side);
  },
};
