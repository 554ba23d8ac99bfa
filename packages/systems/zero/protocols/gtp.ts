import { GradusError } from "@gradus/tensor";
import { secondsForMove } from "../clock.ts";
import type { Side } from "../games/game.ts";
import { handicapPoints } from "../games/go/board.ts";
import { continueFrom, type GoGame, type GoState, go } from "../games/go/go.ts";
import type { Choice, Limits, Player } from "../player.ts";
import { readSgf } from "../records/sgf.ts";
import { type Analyst, infoLine, readAnalysis } from "./gtp-analysis.ts";
import { colourOf, nameOf, numberOf, pointOf, Refusal, whole } from "./gtp-words.ts";

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
  /** Where lines of an answer go that come while it is thinking: those of `lz-analyze` and its like. */
  readonly write?: (text: string) => void;
  /** Reads a file of `loadsgf`. */
  readonly readFile?: (path: string) => Promise<string>;
}

/** Main time first, then so many stones in each of the periods that follow; seconds. */
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
    this.board = {
      options,
      state,
      komi: komi ?? null,
      earlier: [],
      player: null,
      time: null,
      left: [null, null],
      analysis: null,
      ended: false,
    };
  }

  /** After `quit`. */
  get ended(): boolean {
    return this.board.ended;
  }

  /** Ends the analysis under way, if there is any, and its answer. */
  async stop(): Promise<void> {
    const { analysis, options } = this.board;
    if (!analysis) return;
    this.board.analysis = null;
    analysis.abort.abort();
    await analysis.done;
    options.write?.("\n");
  }

  /**
   * The answer with its empty line; "" where the line asks nothing. An analysis goes on after it, until the next line comes, whatever that
   * says: its thoughts, and the empty line at the end, are written.
   */
  async answer(line: string): Promise<string> {
    await this.stop();
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
      const result = await command.call(this.board, rest ? rest.split(/\s+/) : [], rest);
      if (this.board.analysis) return `=${id}\n`;
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
  /** As it was set; null: boards have their own. */
  komi: number | null;
  /** States before the stones were set up anew: what `undo` goes back to. */
  earlier: GoState[];
  player: { readonly size: number; readonly player: Player } | null;
  /** What `time_settings` said; null without a clock. */
  time: Time | null;
  left: [Time | null, Time | null];
  /** Under way; `done` when it has ended. */
  analysis: { readonly abort: AbortController; readonly done: Promise<void> } | null;
  ended: boolean;
}

/** The text of the answer, if there is any. What follows a command's name comes as words, and as it was written. */
type Command = (this: Board, args: string[], rest: string) => unknown;

/** The position with a colour to move: GTP has colours play twice in a row, and go on after the end. */
const facing = ({ state }: Board, colour: Side): GoState => (state.turn === colour && !state.outcome ? state : continueFrom(state, colour));

/** Plays a move of a position from `facing`. */
function play(board: Board, state: GoState, move: number): void {
  if (state !== board.state) board.earlier.push(board.state);
  state.play(move);
  board.state = state;
}

const withKomi = (state: GoState, komi: number): GoState =>
  go({ size: state.game.size, komi, setup: state.game.setup }).begin(state.position());

async function playerFor(board: Board, game: GoGame): Promise<Player> {
  if (board.player?.size !== game.size) board.player = { size: game.size, player: await board.options.player(game) };
  return board.player.player;
}

/** Thinks about a move, as long as the clock of its colour says. */
async function think(board: Board, state: GoState): Promise<Choice> {
  const player = await playerFor(board, state.game);
  const clock = board.left[state.turn];
  let limits = board.options.limits;
  if (clock) {
    const { ply, game } = state;
    const seconds =
      clock.main > 0
        ? secondsForMove({ remaining: clock.main + clock.byoyomi }, ply, game.typicalLength)
        : secondsForMove({ remaining: clock.byoyomi, movesToGo: Math.max(1, clock.stones) }, ply, game.typicalLength);
    limits = { seconds };
  }
  return player.choose(state, limits);
}

/** Chooses a move of a colour, and plays it unless that is to resign. */
async function generate(board: Board, side: Side): Promise<{ state: GoState; choice: Choice }> {
  const state = facing(board, side);
  const start = performance.now();
  const choice = await think(board, state);
  const clock = board.left[side];
  // Until the controller says what the clock shows, it is kept here.
  if (clock) board.left[side] = after(clock, (performance.now() - start) / 1000, board.time);
  if (!choice.resign) play(board, state, choice.move);
  return { state, choice };
}

/** A move as `generate` has it, after what was thought of all moves. How often to tell of it is not heeded. */
async function generateTold(board: Board, args: readonly string[], analyst: Analyst): Promise<string> {
  const { colour, most } = readAnalysis(args, analyst);
  const { state, choice } = await generate(board, colour ?? board.state.turn);
  return `\n${infoLine(analyst, state, choice, most)}\nplay ${choice.resign ? "resign" : nameOf(state, choice.move)}`;
}

/** Begins to think without end about the position, and writes what comes of it. */
async function analyse(board: Board, args: readonly string[], analyst: Analyst): Promise<void> {
  const { colour, every, most } = readAnalysis(args, analyst);
  const state = facing(board, colour ?? board.state.turn);
  const player = await playerFor(board, state.game);
  const abort = new AbortController();
  const tell = (choice: Choice): void => {
    if (!abort.signal.aborted) board.options.write?.(`${infoLine(analyst, state, choice, most)}\n`);
  };
  const run = async (): Promise<void> => {
    // What is thought comes after the first line of the answer.
    await new Promise((resolve) => setTimeout(resolve));
    // When it has seen all that it has memory for, it says so once more; the answer goes on until the next command.
    tell(await player.choose(state, { seconds: Infinity, signal: abort.signal, progress: tell, every }));
  };
  const done = run();
  // Told of when the next command comes, or the input ends.
  done.catch(() => {});
  board.analysis = { abort, done };
}

/** A clock after a move that took so long. */
function after({ main, byoyomi, stones }: Time, seconds: number, settings: Time | null): Time {
  const renewed = settings ?? { byoyomi, stones };
  if (main > 0) return main > seconds ? { main: main - seconds, byoyomi, stones } : { ...renewed, main: 0 };
  return stones > 1 ? { main, byoyomi: Math.max(0, byoyomi - seconds), stones: stones - 1 } : { ...renewed, main };
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
    const { komi } = this;
    const state = go({ size: n, ...(komi === null ? {} : { komi: Math.abs(komi) <= n * n ? komi : 0 }) }).begin();
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
    const value = numberOf(komi, Number.isFinite);
    if (!Number.isInteger(2 * value)) throw new Refusal("komi is no multiple of 0.5");
    const { size } = this.state.game;
    if (Math.abs(value) > size * size) throw new Refusal(`komi is beyond the ${size * size} points of the board`);
    this.komi = value;
    this.state = withKomi(this.state, value);
    this.earlier = this.earlier.map((state) => withKomi(state, value));
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
    const state = facing(this, side);
    if (!state.legal().includes(move)) throw new Refusal("illegal move");
    play(this, state, move);
  },
  async genmove([colour]) {
    const { state, choice } = await generate(this, colourOf(colour));
    return choice.resign ? "resign" : nameOf(state, choice.move);
  },
  async "lz-genmove_analyze"(args) {
    return generateTold(this, args, "lz");
  },
  async "kata-genmove_analyze"(args) {
    return generateTold(this, args, "kata");
  },
  async "lz-analyze"(args) {
    await analyse(this, args, "lz");
  },
  async "kata-analyze"(args) {
    await analyse(this, args, "kata");
  },
  async reg_genmove([colour]) {
    const state = facing(this, colourOf(colour));
    const { move, resign } = await think(this, state);
    return resign ? "resign" : nameOf(state, move);
  },
  undo() {
    if (!this.state.ply) throw new Refusal("cannot undo");
    this.state.undo();
    // What was set up for the move that is gone goes with it.
    if (!this.state.ply) this.state = this.earlier.pop() ?? this.state;
  },
  time_settings([main, byoyomi, stones]) {
    const time = { main: numberOf(main, whole), byoyomi: numberOf(byoyomi, whole), stones: numberOf(stones, whole) };
    // Byo-yomi without stones: no limit. Nor do controllers that send nothing but zeros mean one.
    const endless = time.stones === 0 && (time.byoyomi > 0 || time.main === 0);
    this.time = endless ? null : time;
    this.left = [this.time, this.time];
  },
  time_left([colour, time, stones]) {
    const side = colourOf(colour);
    const [seconds, n] = [numberOf(time, (x) => x >= 0), numberOf(stones, whole)];
    const { byoyomi, stones: period } = this.time ?? { byoyomi: 0, stones: 0 };
    this.left[side] = n === 0 ? { main: seconds, byoyomi, stones: period } : { main: 0, byoyomi: seconds, stones: n };
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
  async loadsgf(_, rest) {
    // A path may have spaces in it; a number at the end is that of a move.
    const [, path = "", number] = /^(.*?)(?:\s+(\d+))?$/.exec(rest)!;
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
