import { ArgumentError, FormatError } from "@gradus/tensor";
import { BaseState, quoted } from "./base.ts";
import type { Game, Outcome, Side, State, Symmetry } from "./game.ts";

/**
 * Rules of a game as functions of its positions. A position is plain data (numbers, texts, lists and objects of these) that holds all
 * that matters from there on, whose turn it is included, and that no function changes.
 */
export interface Rules<Position> {
  readonly name: string;
  /** Default: the name. */
  readonly title?: string;
  /** What a network sees is [rows, columns, planes]. */
  readonly rows: number;
  readonly columns: number;
  readonly planes: number;
  /** Moves are numbers from 0 up to, not including, this one. */
  readonly actions: number;
  /** Moves per square where moves are numbered square by square. Default 0: moves are no matter of squares. */
  readonly movePlanes?: number;
  /** What changes nothing but the look of the board. Default: nothing does. */
  readonly symmetries?: readonly Symmetry[];
  /** Default: as many moves as squares. */
  readonly typicalLength?: number;
  readonly start: Position;
  /** Whose turn it is: 0 began. */
  turn(position: Position): Side;
  /** Moves that may be played, asked for only while the game goes on. */
  legal(position: Position): readonly number[];
  /** The position after a legal move: a new one. */
  play(position: Position, action: number): Position;
  /** null while the game goes on; at its end who has won, or "draw". */
  outcome(position: Position): Side | "draw" | Outcome | null;
  /** [rows * columns * planes], square by square, from the side of who is to move. */
  observe(position: Position): ArrayLike<number>;
  /** The board as text. Default: the position's data. */
  show?(position: Position): string;
  /** A move as people write it, in one word. Default: its number. */
  nameOf?(action: number): string;
}

/** A game that has not ended after so many moves never will. */
const mostMoves = 1000;

/**
 * A game from its rules: it can be played, searched and learned as those of this library. What the rules do is checked as it happens:
 * ArgumentError says which of them gave what it should not. A position as text is the names of the moves that led there, with spaces
 * between them.
 * @example
 * // Ten sticks; one to three are taken in turn; who takes the last one wins.
 * const sticks = defineGame({
 *   ...{ name: "sticks", rows: 1, columns: 10, planes: 1, actions: 3 },
 *   start: { left: 10, turn: 0 as 0 | 1 },
 *   turn: ({ turn }) => turn,
 *   legal: ({ left }) => [0, 1, 2].filter((a) => a < left),
 *   play: ({ left, turn }, a) => ({ left: left - 1 - a, turn: (1 - turn) as 0 | 1 }),
 *   outcome: ({ left, turn }) => (left ? null : ((1 - turn) as 0 | 1)),
 *   observe: ({ left }) => Array.from({ length: 10 }, (_, i) => Number(i < left)),
 *   nameOf: (a) => String(a + 1),
 * });
 * sticks.begin("3 2 1 3").legal();
 */
export function defineGame<Position>(rules: Rules<Position>): Game {
  const { name, title = name, rows, columns, planes, actions, movePlanes = 0 } = rules;
  if (typeof name !== "string" || !/^\S+$/.test(name))
    throw new ArgumentError("defineGame", `name is ${JSON.stringify(name)}`, "Give a word");
  for (const [key, value] of Object.entries({ rows, columns, planes, actions, movePlanes }))
    if (!Number.isInteger(value) || value < (key === "movePlanes" ? 0 : 1) || value > 100_000)
      throw new ArgumentError(name, `${key} is ${value}`, "Give a whole number above 0");
  if (rows * columns * movePlanes > actions)
    throw new ArgumentError(
      name,
      `${movePlanes} moves for each of ${rows * columns} squares are more than the ${actions} that there are`,
      "Give movePlanes only where moves are numbered square by square",
    );
  for (const key of ["turn", "legal", "play", "outcome", "observe"] as const)
    if (typeof rules[key] !== "function") throw new ArgumentError(name, `${key} is no function`, `Give ${key}(position)`);
  const fits = ({ squares, actions: moves }: Symmetry): boolean => squares.length === rows * columns && moves.length === actions;
  if (rules.symmetries?.every(fits) === false)
    throw new ArgumentError(name, "a symmetry is of another board", `Give ${rows * columns} squares and ${actions} moves`);
  checkPlain(name, rules.start);
  const game: Game = {
    ...{ name, title, rows, columns, planes, actions, movePlanes },
    symmetries: rules.symmetries ?? [
      {
        squares: Int32Array.from({ length: rows * columns }, (_, i) => i),
        actions: Int32Array.from({ length: actions }, (_, i) => i),
      },
    ],
    typicalLength: rules.typicalLength ?? rows * columns,
    begin(position = "") {
      const state = new DefinedState(game, rules, [new Known(rules, rules.start)]);
      for (const move of position.split(/\s+/).filter(Boolean))
        try {
          state.play(state.actionOf(move));
        } catch (error) {
          throw new FormatError(name, `${quoted(position)} is no position: ${(error as Error).message}`, "Give the moves that led there");
        }
      return state;
    },
  };
  return game;
}

/** A position, and what its rules say of it: each is asked once. */
class Known<Position> {
  readonly position: Position;
  readonly key: string;
  readonly turn: Side;
  readonly outcome: Outcome | null;
  private readonly rules: Rules<Position>;
  private moves: readonly number[] | null = null;

  constructor(rules: Rules<Position>, position: Position) {
    this.rules = rules;
    this.position = position;
    this.key = JSON.stringify(position);
    this.turn = rules.turn(position);
    if (this.turn !== 0 && this.turn !== 1) throw new ArgumentError(rules.name, `turn gave ${this.turn}`, "Give 0 or 1");
    const end = rules.outcome(position);
    const winner = typeof end === "object" && end ? end.winner : end;
    if (winner !== null && winner !== 0 && winner !== 1 && winner !== "draw")
      throw new ArgumentError(rules.name, `outcome gave ${JSON.stringify(end)}`, 'Give null, 0, 1 or "draw"');
    if (typeof end === "object") this.outcome = end;
    else this.outcome = end === "draw" ? { winner: null, reason: "a draw" } : { winner: end, reason: `side ${end} has won` };
  }

  get legal(): readonly number[] {
    if (this.outcome) return [];
    if (this.moves) return this.moves;
    const { name, actions } = this.rules;
    const moves = [...this.rules.legal(this.position)].sort((a, b) => a - b);
    const bad = moves.find((move, i) => !Number.isInteger(move) || move < 0 || move >= actions || move === moves[i - 1]);
    if (bad !== undefined)
      throw new ArgumentError(name, `legal gave ${moves.join(", ")}`, `Give different numbers from 0 to ${actions - 1}`);
    if (!moves.length)
      throw new ArgumentError(name, `legal gave no move in ${this.key}, where the game goes on`, "Let outcome say who has won, or draw");
    this.moves = moves;
    return moves;
  }

  after(action: number): Known<Position> {
    const { name } = this.rules;
    const next = this.rules.play(this.position, action);
    if (JSON.stringify(this.position) !== this.key)
      throw new ArgumentError(name, "play changed the position that it was given", "Change a copy: const next = [...position]");
    checkPlain(name, next);
    const known = new Known(this.rules, next);
    if (known.key === this.key)
      throw new ArgumentError(name, `play of ${action} left the position as it was: ${this.key}`, "Let the position hold whose turn it is");
    return known;
  }
}

class DefinedState<Position> extends BaseState {
  readonly game: Game;
  private readonly rules: Rules<Position>;
  /** All positions so far. */
  private readonly past: Known<Position>[];

  constructor(game: Game, rules: Rules<Position>, past: Known<Position>[], moves: readonly number[] = []) {
    super();
    this.game = game;
    this.rules = rules;
    this.past = past;
    this.moves.push(...moves);
  }

  private get now(): Known<Position> {
    return this.past.at(-1)!;
  }

  get turn(): Side {
    return this.now.turn;
  }

  get outcome(): Outcome | null {
    return this.now.outcome;
  }

  get key(): string {
    return this.now.key;
  }

  legal(): number[] {
    return [...this.now.legal];
  }

  protected override allows(action: number): boolean {
    return this.now.legal.includes(action);
  }

  protected put(action: number): void {
    if (this.ply >= mostMoves)
      throw new ArgumentError(
        this.game.name,
        `the game goes on after ${mostMoves} moves`,
        "Let outcome end every game, with a draw if need be",
      );
    this.past.push(this.now.after(action));
  }

  protected take(): void {
    this.past.pop();
  }

  observe(planes: Float32Array): void {
    const seen = this.rules.observe(this.now.position);
    const { rows, columns, planes: depth, name } = this.game;
    if (seen?.length !== planes.length || !Array.from(seen).every(Number.isFinite))
      throw new ArgumentError(
        name,
        `observe gave ${seen?.length === planes.length ? "what is no number" : `${seen?.length} numbers`}`,
        `Give ${rows} * ${columns} * ${depth} numbers`,
      );
    planes.set(seen);
  }

  nameOf(action: number): string {
    const named = this.rules.nameOf?.(action) ?? String(action);
    if (!/^\S+$/.test(named)) throw new ArgumentError(this.game.name, `nameOf gave ${JSON.stringify(named)}`, "Give a word");
    return named;
  }

  position(): string {
    return this.moves.map((move) => this.nameOf(move)).join(" ");
  }

  toString(): string {
    return this.rules.show?.(this.now.position) ?? this.now.key;
  }

  clone(): State {
    return new DefinedState(this.game, this.rules, [...this.past], this.moves);
  }
}

/** Positions are told apart by their JSON: what it loses would make different ones alike. */
function checkPlain(name: string, value: unknown): void {
  const plain =
    value === null ||
    ["string", "boolean"].includes(typeof value) ||
    Number.isFinite(value) ||
    (typeof value === "object" && (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value))));
  if (!plain)
    throw new ArgumentError(
      name,
      `a position holds ${typeof value === "object" ? value!.constructor.name : String(value)}`,
      "Use plain data: numbers, texts, lists and objects of these",
    );
  if (typeof value === "object" && value) for (const part of Object.values(value)) checkPlain(name, part);
}
