import { ArgumentError, FormatError } from "@gradus/tensor";
import { BaseState, quoted } from "../base.ts";
import type { Game, Outcome, Side } from "../game.ts";
import { boardSymmetries, drawBoard } from "../grid.ts";
import { Chains, Field, handicapPoints, type Stones } from "./board.ts";

/** The letters of columns; there is no I. */
export const letters = "abcdefghjklmnopqrst";
const steps = 8;

export interface GoOptions {
  /** 5 to 19 lines. */
  readonly size: number;
  /** What white is given for moving second. Default: half a point less than what the best play is known or thought to win. */
  readonly komi?: number;
  /** Black stones that are there at the start, 2 to 9; white begins then. Default 0. */
  readonly handicap?: number;
  /** A position to begin with in place of the empty board. */
  readonly setup?: GoSetup;
}

/** Stones that are there at the start, and who begins. Every chain has a liberty. */
export interface GoSetup {
  readonly black: readonly number[];
  readonly white: readonly number[];
  readonly next: Side;
}

/** 5 x 5: black owns the board (van der Werf 2003). 6 x 6 by 4, 7 x 7 by 9 (van der Werf and Winands 2009; Li 2015). */
export const defaultKomi = (size: number): number => ({ 5: 24.5, 6: 3.5, 7: 8.5 })[size] ?? 7.5;

/** Both halves of a hash as one number: 53 of its 64 bits, those that a number holds. */
const joined = (low: number, high: number): number => (high >>> 0) * 2 ** 21 + (low >>> 11);

/** One move taken back: what was captured, and the hash before. */
interface Undo {
  readonly captured: Int16Array | null;
  readonly low: number;
  readonly high: number;
  readonly passes: number;
}

/**
 * A game of Go: area scoring, positional superko, no suicide (rules of Tromp and Taylor but for the last). It ends after two passes, or
 * after 2 n² moves, as it stands then. `key` tells positions apart by the stones now and one move ago, who moves, passes, and what superko
 * forbids now: two with equal keys have the same moves, but may differ in what superko forbids later.
 */
export class GoState extends BaseState {
  readonly game: GoGame;
  private readonly field: Field;
  private readonly chains: Chains;
  readonly stones: Stones;
  private low = 0;
  private high = 0;
  private passes = 0;
  private readonly undos: Undo[] = [];
  /** The board after each move, the start first: what planes and superko look back at. */
  private readonly past: Stones[];
  private readonly hashes: number[];
  private readonly known: Set<number>;
  /** How often a stone was taken off each point. A stone can only make an old board where there was one before. */
  private readonly emptied: Uint16Array;
  /** Legal moves of this position, and the points that superko alone forbids, once they were asked for. */
  private open: { readonly moves: readonly number[]; readonly forbidden: readonly number[] } | null = null;

  constructor(game: GoGame) {
    super();
    this.game = game;
    this.field = game.field;
    this.chains = game.chains;
    this.stones = new Uint8Array(this.field.points);
    for (const point of game.setup.black) this.put1(point, 1);
    for (const point of game.setup.white) this.put1(point, 2);
    this.past = [this.stones.slice()];
    this.hashes = [this.hash];
    this.known = new Set(this.hashes);
    this.emptied = new Uint16Array(this.field.points);
  }

  get turn(): Side {
    return ((this.ply + this.game.setup.next) & 1) as Side;
  }

  /** 53 bits of the board's hash. */
  private get hash(): number {
    return joined(this.low, this.high);
  }

  get key(): string {
    const before = this.hashes.at(-2) ?? 0;
    return `${this.hash},${before},${this.turn},${this.passes},${this.find().forbidden.join(" ")}`;
  }

  get outcome(): Outcome | null {
    if (this.passes < 2 && this.ply < 2 * this.field.points) return null;
    const lead = this.score();
    const by = Math.abs(lead);
    if (lead === 0) return { winner: null, reason: "both have the same area" };
    return { winner: lead > 0 ? 0 : 1, reason: `${lead > 0 ? "black" : "white"} by ${by}` };
  }

  /** The moves so far. */
  get history(): readonly number[] {
    return this.moves;
  }

  /** Black's area less white's and komi. */
  score(): number {
    let lead = -this.game.komi;
    for (const owner of this.owners()) lead += owner === 1 ? 1 : owner === 2 ? -1 : 0;
    return lead;
  }

  /** Whose each point is, as stones stand: 1 black, 2 white, 0 nobody. */
  owners(): Uint8Array {
    return this.field.owners(this.stones);
  }

  legal(): number[] {
    return [...this.find().moves];
  }

  private find(): NonNullable<GoState["open"]> {
    if (this.open) return this.open;
    if (this.passes >= 2 || this.ply >= 2 * this.field.points) return { moves: [], forbidden: [] };
    const { stones } = this;
    const { points, next } = this.field;
    const { of, liberties, low, high } = this.chains.find(stones);
    const own = this.turn + 1;
    const offset = this.turn * points;
    const moves: number[] = [];
    const forbidden: number[] = [];
    for (let point = 0; point < points; point++) {
      if (stones[point]) continue;
      let free = false;
      let a = this.low ^ this.field.low[offset + point]!;
      let b = this.high ^ this.field.high[offset + point]!;
      for (let k = 4 * point, end = k + 4; k < end; k++) {
        const other = next[k]!;
        if (other < 0) continue;
        const colour = stones[other];
        if (!colour) {
          free = true;
          continue;
        }
        const chain = of[other]!;
        if (colour === own) {
          if (liberties[chain]! > 1) free = true;
        } else if (liberties[chain] === 1) {
          free = true;
          // A chain that lies on several sides is captured once.
          let counted = false;
          for (let j = 4 * point; j < k; j++) counted ||= of[next[j]!] === chain;
          if (counted) continue;
          a ^= low[chain]!;
          b ^= high[chain]!;
        }
      }
      if (free) (this.emptied[point] && this.known.has(joined(a, b)) ? forbidden : moves).push(point);
    }
    moves.push(points);
    this.open = { moves, forbidden };
    return this.open;
  }

  /** One point's legality, which costs less than that of all: a search plays many moves on the way to each position. */
  protected override allows(action: number): boolean {
    const { points } = this.field;
    if (action === points) return true;
    if (this.stones[action] !== 0) return false;
    const colour = this.turn + 1;
    const gone = this.captures(action, colour);
    if (!gone) return false;
    if (!this.emptied[action]) return true;
    let a = this.low ^ this.field.low[(colour - 1) * points + action]!;
    let b = this.high ^ this.field.high[(colour - 1) * points + action]!;
    for (const point of gone) {
      a ^= this.field.low[(2 - colour) * points + point]!;
      b ^= this.field.high[(2 - colour) * points + point]!;
    }
    return !this.known.has(joined(a, b));
  }

  /** The stones that one on an empty point captures; null where it would be suicide. */
  private captures(point: number, colour: number): number[] | null {
    const { next } = this.field;
    const { stones } = this;
    const gone: number[] = [];
    stones[point] = colour;
    for (let k = 4 * point, end = k + 4; k < end; k++) {
      const other = next[k]!;
      if (other < 0 || stones[other] !== 3 - colour || gone.includes(other)) continue;
      const captured = this.field.captured(stones, other);
      if (captured) gone.push(...captured);
    }
    const suicide = !gone.length && this.field.captured(stones, point);
    stones[point] = 0;
    return suicide ? null : gone;
  }

  protected put(action: number): void {
    const { points } = this.field;
    this.open = null;
    const undo = { low: this.low, high: this.high, passes: this.passes };
    if (action === points) {
      this.undos.push({ ...undo, captured: null });
      this.passes++;
    } else {
      this.passes = 0;
      const colour = this.turn + 1;
      const gone = this.captures(action, colour)!;
      this.put1(action, colour);
      for (const point of gone) {
        this.put1(point, 0);
        this.emptied[point]!++;
      }
      this.undos.push({ ...undo, captured: gone.length ? Int16Array.from(gone) : null });
      this.known.add(this.hash);
    }
    this.past.push(this.stones.slice());
    this.hashes.push(this.hash);
  }

  protected take(action: number): void {
    const { captured, low, high, passes } = this.undos.pop()!;
    this.open = null;
    this.past.pop();
    this.hashes.pop();
    if (action < this.field.points) {
      // Superko lets no position with a new stone come twice: this one came by this move alone.
      this.known.delete(this.hash);
      const colour = this.stones[action]!;
      this.stones[action] = 0;
      for (const point of captured ?? []) {
        this.stones[point] = 3 - colour;
        this.emptied[point]!--;
      }
    }
    this.low = low;
    this.high = high;
    this.passes = passes;
  }

  /** Puts a stone or takes it away, hash included. */
  private put1(point: number, colour: number): void {
    const before = this.stones[point]!;
    for (const c of [before, colour]) {
      if (!c) continue;
      this.low ^= this.field.low[(c - 1) * this.field.points + point]!;
      this.high ^= this.field.high[(c - 1) * this.field.points + point]!;
    }
    this.stones[point] = colour;
  }

  /** Own and other stones now and up to seven moves ago, in pairs; whether black is to move (AlphaGo Zero's and AlphaZero's 17 planes). */
  observe(planes: Float32Array): void {
    const { points } = this.field;
    const depth = 2 * steps + 1;
    const own = this.turn + 1;
    planes.fill(0);
    for (let back = 0; back < steps && back < this.past.length; back++) {
      const stones = this.past[this.past.length - 1 - back]!;
      for (let point = 0; point < points; point++) {
        const stone = stones[point];
        if (stone) planes[point * depth + 2 * back + Number(stone !== own)] = 1;
      }
    }
    if (own === 1) for (let point = 0; point < points; point++) planes[point * depth + 2 * steps] = 1;
  }

  nameOf(action: number): string {
    const { size, points } = this.field;
    return action === points ? "pass" : `${letters[action % size]}${size - Math.floor(action / size)}`;
  }

  /** The moves so far, with names as GTP has them: "e5 c3 pass". */
  position(): string {
    return this.moves.map((move) => this.nameOf(move)).join(" ");
  }

  toString(): string {
    const { size } = this.field;
    const rows = Array.from({ length: size }, (_, row) =>
      Array.from({ length: size }, (_, column) => ".XO"[this.stones[row * size + column]!]!),
    );
    return drawBoard(rows, letters);
  }

  clone(): GoState {
    const copy = new GoState(this.game);
    for (const move of this.moves) {
      copy.put(move);
      copy.moves.push(move);
    }
    return copy;
  }
}

interface Shared {
  readonly field: Field;
  readonly chains: Chains;
  readonly symmetries: Game["symmetries"];
}
const sizes = new Map<number, Shared>();

/** What games on boards of one size share. */
function sharedOf(size: number): Shared {
  let shared = sizes.get(size);
  if (!shared) {
    const field = new Field(size);
    shared = { field, chains: new Chains(field), symmetries: boardSymmetries(size, 1) };
    sizes.set(size, shared);
  }
  return shared;
}

/** Go on a board of some size. A position is the moves that led there. */
export class GoGame implements Game {
  readonly name: string;
  readonly title: string;
  readonly size: number;
  readonly rows: number;
  readonly columns: number;
  readonly planes = 2 * steps + 1;
  readonly actions: number;
  readonly movePlanes = 1;
  readonly symmetries: Game["symmetries"];
  readonly typicalLength: number;
  readonly komi: number;
  readonly setup: GoSetup;
  /** @internal */
  readonly field: Field;
  /** @internal */
  readonly chains: Chains;

  constructor({ size, komi = defaultKomi(size), handicap = 0, setup }: GoOptions) {
    if (!(Number.isInteger(size) && size >= 5 && size <= 19))
      throw new ArgumentError("go", `a board of ${size} lines`, "Give a whole number from 5 to 19");
    if (!(Math.abs(komi) <= size * size && Number.isInteger(2 * komi)))
      throw new ArgumentError("go", `komi is ${komi}`, "Give points, half ones if you like, such as 7.5");
    const stones = handicap === 0 ? [] : handicapPoints(size, handicap);
    if (!stones || (setup && handicap))
      throw new ArgumentError(
        "go",
        `${handicap} stones of handicap on ${size} × ${size}`,
        "Give 2 to 9, 2 to 4 on small and even boards, none below 7 × 7",
      );
    this.name = `go${size}${komi === defaultKomi(size) && !handicap ? "" : `:${komi}`}${handicap ? `:${handicap}` : ""}`;
    this.title = `Go on ${size} × ${size}`;
    this.size = size;
    this.rows = size;
    this.columns = size;
    this.actions = size * size + 1;
    this.typicalLength = Math.round(0.8 * size * size);
    this.komi = komi;
    this.setup = setup ?? { black: stones, white: [], next: stones.length ? 1 : 0 };
    ({ field: this.field, chains: this.chains, symmetries: this.symmetries } = sharedOf(size));
    if (setup) this.check(setup);
  }

  private check({ black, white }: GoSetup): void {
    const stones = new Uint8Array(this.field.points);
    const nameOf = (point: number) => `${letters[point % this.size]}${this.size - Math.floor(point / this.size)}`;
    for (const [colour, points] of [black, white].entries())
      for (const point of points) {
        if (stones[point] === undefined)
          throw new ArgumentError("go", `there is no point ${point} for a stone`, `Give 0 to ${stones.length - 1}`);
        if (stones[point]) throw new ArgumentError("go", `two stones lie on ${nameOf(point)}`);
        stones[point] = colour + 1;
      }
    const dead = stones.findIndex((stone, point) => stone !== 0 && this.field.captured(stones, point) !== null);
    if (dead >= 0) throw new ArgumentError("go", `the stone on ${nameOf(dead)} has no liberty`, "Take captured stones off the board");
  }

  begin(position = ""): GoState {
    const state = new GoState(this);
    for (const name of position.split(/\s+/).filter(Boolean))
      try {
        state.play(state.actionOf(name));
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        throw new FormatError(
          "Go",
          `${quoted(position)} is no position: ${error.message}`,
          'Give moves, black and white in turn: "e5 c3 pass"',
        );
      }
    return state;
  }
}

/** Go with these options. ArgumentError for sizes, komi and handicaps that there are not. */
export const go = (options: GoOptions): GoGame => new GoGame(options);

/** A new game from the stones as they are, with a player to move: where one plays twice in a row, or after the end. */
export function continueFrom(state: GoState, next: Side): GoState {
  const { size, komi } = state.game;
  const of = (colour: number) => [...state.stones.keys()].filter((p) => state.stones[p] === colour);
  return go({ size, komi, setup: { black: of(1), white: of(2), next } }).begin();
}

/** Go by a name: "go9", with komi "go9:5.5", and with stones of handicap "go9:0.5:4"; null for another name. */
export function goOf(name: string): GoGame | null {
  const [, size, komi, handicap] = /^go(\d{1,2})(?::(-?\d{1,3}(?:\.5)?))?(?::(\d))?$/.exec(name) ?? [];
  if (size === undefined || Number(size) < 5 || Number(size) > 19) return null;
  return go({
    size: Number(size),
    ...(komi === undefined ? {} : { komi: Number(komi) }),
    ...(handicap === undefined ? {} : { handicap: Number(handicap) }),
  });
}
