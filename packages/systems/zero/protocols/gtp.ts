import { GradusError } from "@gradus/tensor";
import { secondsForMove } from "../clock.ts";
import type { Side } from "../games/game.ts";
import { handicapPoints } from "../games/go/board.ts";
import { continueFrom, type GoGame, type GoState, go } from "../games/go/go.ts";
import type { Limits, Player } from "../player.ts";
import { readSgf } from "../records/sgf.ts";

export interface GtpOptions {
  readonly name: string;
  readonly version: string;
  /** Lines of the board to begin with. */
  readonly size: number;
  readonly komi?: number;
  /** A player for a game; asked for anew when the board's size changes. GradusError where it plays no such board. */
  readonly player: (game: GoGame) => Promise<Player>;
  /** How long a move is thought about where no clock runs. */
  readonly limits: Limits;
  /** Reads a file of `loadsgf`. */
  readonly readFile?: (path: string) => Promise<string>;
}

/** What is wrong with a command: GTP's own words where it has some. */
class Refusal extends Error {}

interface Time {
  readonly main: number;
  readonly byoyomi: number;
  readonly stones: number;
}

/**
 * The engine's side of the Go Text Protocol, version 2 (Farneback 2002): a line in, an answer out. Scores and the state of stones follow the
 * area as it stands, as the games do that networks learn from.
 */
export class Gtp {
  private readonly board: Board;

  constructor(options: GtpOptions) {
    const { size, komi } = options;
    const state = go({ size, ...(komi === undefined ? {} : { komi }) }).begin();
    this.board = { options, state, earlier: [], player: null, time: null, left: [null, null], ended: false };
  }

  /** After `quit`. */
  get ended(): boolean {
    return this.board.ended;
  }

  /** The answer with its empty line; "" where the line asks nothing. */
  async answer(line: string): Promise<string> {
    const text = line
      .replace(/#.*/s, "")
      .replaceAll("\t", " ")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: GTP has them thrown away.
      .replace(/[\x00-\x1f\x7f]/g, "")
      .trim();
    if (!text) return "";
    const [, id = "", name = "", rest = ""] = /^(?:(\d+)(?:\s+|$))?(\S*)\s*(.*)$/.exec(text)!;
    try {
      const command = Object.hasOwn(commands, name) ? commands[name]! : null;
      if (!command) throw new Refusal("unknown command");
      const result = await command.call(this.board, rest ? rest.split(/\s+/) : []);
      return `=${id}${typeof result === "string" && result ? ` ${result}` : ""}\n\n`;
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof GradusError)) throw error;
      return `?${id} ${error.message.replace(/\s*\n+\s*/g, " ")}\n\n`;
    }
  }
}

/** The state of the engine as commands work on it. */
interface Board {
  readonly options: GtpOptions;
  state: GoState;
  /** States before the stones were set up anew: what `undo` goes back to. */
  earlier: GoState[];
  player: { readonly size: number; readonly player: Player } | null;
  time: Time | null;
  left: [Time | null, Time | null];
  ended: boolean;
}

/** The text of the answer, if there is any. */
type Command = (this: Board, args: string[]) => unknown;

const colourOf = (text: string | undefined): Side => {
  const colour = text?.toLowerCase();
  if (colour === "b" || colour === "black") return 0;
  if (colour === "w" || colour === "white") return 1;
  throw new Refusal("invalid color");
};

function numberOf(text: string | undefined, valid: (n: number) => boolean): number {
  const value = Number(text);
  if (text === undefined || !text.trim() || !Number.isFinite(value) || !valid(value)) throw new Refusal("syntax error");
  return value;
}
const whole = (n: number): boolean => Number.isInteger(n) && n >= 0;

/** A point by its name, such as D4. */
function pointOf(text: string | undefined, { game }: GoState): number {
  const start = game.begin();
  const point = [...Array(game.size ** 2).keys()].find((p) => start.nameOf(p) === text?.toLowerCase());
  if (point === undefined) throw new Refusal("invalid vertex");
  return point;
}

const nameOf = (state: GoState, move: number): string => {
  const name = state.nameOf(move);
  return name === "pass" ? name : name.toUpperCase();
};

/** Makes the colour the one to move: GTP has colours play twice in a row, and go on after the end. */
function toMove(board: Board, colour: Side): void {
  if (board.state.turn === colour && !board.state.outcome) return;
  board.earlier.push(board.state);
  board.state = continueFrom(board.state, colour);
}

async function playerFor(board: Board): Promise<Player> {
  const { game } = board.state;
  if (board.player?.size !== game.size) board.player = { size: game.size, player: await board.options.player(game) };
  return board.player.player;
}

/** Thinks about a move of a colour, which is to move. */
async function think(board: Board, colour: Side): Promise<{ move: number; resign: boolean }> {
  const player = await playerFor(board);
  const clock = board.left[colour] ?? board.time;
  let limits = board.options.limits;
  // Main time first, then so many stones in each of the periods that follow.
  if (clock && (clock.main > 0 || clock.byoyomi > 0 || clock.stones > 0)) {
    const { ply, game } = board.state;
    const seconds =
      clock.main > 0
        ? secondsForMove({ remaining: clock.main + clock.byoyomi }, ply, game.typicalLength)
        : secondsForMove({ remaining: clock.byoyomi, movesToGo: Math.max(1, clock.stones) }, ply, game.typicalLength);
    limits = { seconds };
  }
  const { move, resign = false } = await player.choose(board.state, limits);
  return { move, resign };
}

/** Stones of handicap on an empty board. */
function handicap(board: Board, points: readonly number[]): string {
  const { state } = board;
  if (state.ply || state.stones.some(Boolean)) throw new Refusal("board not empty");
  const { size, komi } = state.game;
  board.earlier = [];
  board.state = go({ size, komi, setup: { black: points, white: [], next: 1 } }).begin();
  return points.map((p) => nameOf(state, p)).join(" ");
}

/** Chains of a colour, a line each. */
function chains(state: GoState): string {
  const seen = new Set<number>();
  const lines: string[] = [];
  for (const [start, colour] of state.stones.entries()) {
    if (!colour || seen.has(start)) continue;
    const chain = [start];
    seen.add(start);
    for (const p of chain)
      for (const q of state.game.field.next.subarray(4 * p, 4 * p + 4))
        if (q >= 0 && state.stones[q] === colour && !seen.has(q)) {
          seen.add(q);
          chain.push(q);
        }
    lines.push(chain.map((p) => nameOf(state, p)).join(" "));
  }
  return lines.join("\n");
}

const commands: Readonly<Record<string, Command>> = {
  protocol_version: () => "2",
  name() {
    return this.options.name;
  },
  version() {
    return this.options.version;
  },
  known_command: ([name = ""]) => String(Object.hasOwn(commands, name)),
  list_commands: () => Object.keys(commands).join("\n"),
  quit() {
    this.ended = true;
  },
  async boardsize([size]) {
    const n = numberOf(size, whole);
    if (n < 5 || n > 19) throw new Refusal("unacceptable size");
    const { komi } = this.state.game;
    const state = go({ size: n, komi: Math.abs(komi) <= n * n ? komi : 0 }).begin();
    if (n !== this.state.game.size) {
      // Who cannot play on such a board says so now.
      try {
        this.player = { size: n, player: await this.options.player(state.game) };
      } catch (error) {
        if (error instanceof GradusError) throw new Refusal("unacceptable size");
        throw error;
      }
    }
    this.state = state;
    this.earlier = [];
  },
  clear_board() {
    const { size, komi } = this.state.game;
    this.state = go({ size, komi }).begin();
    this.earlier = [];
  },
  komi([komi]) {
    const { size, setup } = this.state.game;
    const value = Math.round(2 * numberOf(komi, Number.isFinite)) / 2;
    const moves = this.state.position();
    this.state = go({ size, komi: Math.max(-size * size, Math.min(size * size, value)), setup }).begin(moves);
  },
  fixed_handicap([stones]) {
    const points = handicapPoints(this.state.game.size, numberOf(stones, whole));
    if (!points) throw new Refusal("invalid number of stones");
    return handicap(this, points);
  },
  place_free_handicap([stones]) {
    const n = numberOf(stones, whole);
    if (n < 2) throw new Refusal("invalid number of stones");
    // As many as the fixed places are for, fewer than were asked for where there are no more.
    for (let k = Math.min(9, n); k >= 2; k--) {
      const points = handicapPoints(this.state.game.size, k);
      if (points) return handicap(this, points);
    }
    throw new Refusal("invalid number of stones");
  },
  set_free_handicap(vertices) {
    const points = vertices.map((v) => pointOf(v, this.state));
    if (points.length < 2 || new Set(points).size !== points.length) throw new Refusal("bad vertex list");
    handicap(this, points);
  },
  play([colour, vertex]) {
    const side = colourOf(colour);
    if (vertex?.toLowerCase() === "resign") return;
    const move = vertex?.toLowerCase() === "pass" ? this.state.game.size ** 2 : pointOf(vertex, this.state);
    const before = this.earlier.length;
    toMove(this, side);
    if (this.state.legal().includes(move)) return this.state.play(move);
    if (this.earlier.length > before) this.state = this.earlier.pop()!;
    throw new Refusal("illegal move");
  },
  async genmove([colour]) {
    const side = colourOf(colour);
    toMove(this, side);
    const { move, resign } = await think(this, side);
    if (resign) return "resign";
    const name = nameOf(this.state, move);
    this.state.play(move);
    return name;
  },
  async reg_genmove([colour]) {
    const side = colourOf(colour);
    const board = { ...this, state: this.state.turn === side && !this.state.outcome ? this.state : continueFrom(this.state, side) };
    const { move, resign } = await think(board, side);
    this.player = board.player;
    return resign ? "resign" : nameOf(board.state, move);
  },
  undo() {
    if (this.state.ply) {
      this.state.undo();
      // What was set up for the move that is gone goes with it.
      if (!this.state.ply) this.state = this.earlier.pop() ?? this.state;
      return;
    }
    throw new Refusal("cannot undo");
  },
  time_settings([main, byoyomi, stones]) {
    const time = { main: numberOf(main, whole), byoyomi: numberOf(byoyomi, whole), stones: numberOf(stones, whole) };
    // Byo-yomi without stones: no limit.
    this.time = time.byoyomi > 0 && time.stones === 0 ? null : time;
    this.left = [null, null];
  },
  time_left([colour, time, stones]) {
    const side = colourOf(colour);
    const [seconds, n] = [numberOf(time, (x) => x >= 0), numberOf(stones, whole)];
    const { byoyomi = 0 } = this.time ?? {};
    this.left[side] = n === 0 ? { main: seconds, byoyomi, stones: 0 } : { main: 0, byoyomi: seconds, stones: n };
  },
  final_score() {
    const lead = this.state.score();
    return lead === 0 ? "0" : `${lead > 0 ? "B" : "W"}+${Math.abs(lead)}`;
  },
  final_status_list([status]) {
    if (status === "alive") return chains(this.state);
    if (status === "dead" || status === "seki") return "";
    throw new Refusal("invalid status");
  },
  showboard() {
    const { turn, game } = this.state;
    return `\n${this.state}\n${turn === 0 ? "black" : "white"} to move, komi ${game.komi}`;
  },
  async loadsgf([path, number]) {
    if (!path || !this.options.readFile) throw new Refusal("cannot load file");
    const text = await this.options.readFile(path).catch(() => {
      throw new Refusal("cannot load file");
    });
    const loaded = readSgf(text);
    // Up to the move of that number, which is not played.
    if (number !== undefined) while (loaded.ply >= Math.max(1, numberOf(number, whole))) loaded.undo();
    this.state = loaded;
    this.earlier = [];
    return loaded.turn === 0 ? "black" : "white";
  },
};
