import { FormatError, GradusError } from "@gradus/tensor";
import { secondsForMove } from "../clock.ts";
import type { Game, State } from "../games/game.ts";
import type { Choice, Limits, Player } from "../player.ts";
import { Among } from "./among.ts";

/** A setting that the program at the other end may change. */
export type Setting = { readonly name: string } & (
  | { readonly type: "check"; readonly value: boolean }
  | { readonly type: "spin"; readonly value: number; readonly least: number; readonly most: number }
  | { readonly type: "combo"; readonly value: string; readonly among: readonly string[] }
);

/** What tells UCI and USI apart; all else they share. */
export interface Dialect {
  readonly name: "uci" | "usi";
  readonly game: Game;
  /** What a position's text is called: "fen", "sfen". */
  readonly notation: string;
  /** Its settings, besides those that both have. */
  readonly settings: readonly Setting[];
  /** Settings that are sent to every engine, and mean nothing to this one. */
  readonly ignored: readonly string[];
  /** Said for a move where there is none. */
  readonly none: string;
  /** Said for a move where the player resigns; null where the protocol has no word for it. */
  readonly resign: string | null;
  /** Said in place of thinking, where something else than a move is best. */
  claim?(state: State, settings: ReadonlyMap<string, string>): string | null;
  /** A game that goes on where our rules see a draw; by default, it begins at its position. */
  onward?(state: State): State;
  /** Hundredths of a pawn where a game is won with odds of e to one. */
  readonly scale: number;
  /** Whether it lets a game end for good (`gameover`), and asks for mates (`go mate`, answered with `checkmate`). */
  readonly japanese: boolean;
}

export interface UniversalOptions {
  readonly name: string;
  readonly version: string;
  /** Asked for once, at the first `isready` or `go`. */
  readonly player: () => Promise<Player>;
  /** How long a move is thought about where `go` does not say. */
  readonly limits: Limits;
  /** Where lines go. */
  readonly write: (line: string) => void;
}

/** A search under way. */
interface Thinking {
  readonly abort: AbortController;
  /** It goes on until the other end says something. */
  open: boolean;
  /** Ends when the move has been said. */
  readonly done: Promise<void>;
  /** The move may be said: after `stop` or `ponderhit`. */
  release(): void;
  /** The opponent has made the move that was pondered about: time runs from now on. */
  hit(): void;
  /** The move is not asked for any more. */
  silent: boolean;
}

/** Seconds held back each move, for the way to whoever keeps the clock. */
const lag = 0.05;

/** The engine's side of UCI and USI (Romstad 2007): lines in, lines out, the move some time after it was asked for. */
export class UniversalProtocol {
  private readonly dialect: Dialect;
  private readonly options: UniversalOptions;
  private readonly settings: ReadonlyMap<string, Setting>;
  private readonly values = new Map<string, string>();
  private readonly commands: Readonly<Record<string, (words: string[]) => unknown>>;
  private loading: Promise<Player> | null = null;
  /** null after a position that could not be read. */
  private state: State | null;
  /** The words that led to it. */
  private placed: { readonly start: string; readonly moves: readonly string[] } = { start: "", moves: [] };
  private thinking: Thinking | null = null;
  private queue: Promise<void> = Promise.resolve();
  private quit = false;

  constructor(dialect: Dialect, options: UniversalOptions) {
    this.dialect = dialect;
    this.options = options;
    this.state = dialect.game.begin();
    const settings: Setting[] = [{ name: "Simulations", type: "spin", value: 0, least: 0, most: 1_000_000 }, ...dialect.settings];
    this.settings = new Map(settings.map((setting) => [setting.name.toLowerCase(), setting]));
    for (const { name, value } of settings) this.values.set(name, String(value));
    const anew = (): void => {
      this.state = dialect.game.begin();
      this.placed = { start: "", moves: [] };
    };
    this.commands = {
      [dialect.name]: () => this.introduce(),
      isready: async () => {
        await this.player();
        this.say("readyok");
      },
      setoption: (words) => this.set(words),
      [`${dialect.name}newgame`]: anew,
      position: (words) => this.place(words),
      go: (words) => this.go(words),
      stop: () => this.halt(),
      ponderhit: () => this.thinking?.hit(),
      quit: async () => {
        this.quit = true;
        await this.halt(true);
      },
      ...(dialect.japanese ? { gameover: () => this.halt(true) } : { debug: () => {}, register: () => {}, d: () => this.draw() }),
    };
  }

  /** After `quit`. */
  get ended(): boolean {
    return this.quit;
  }

  /**
   * Takes a line in. Ends when it has been dealt with, which for `go` is when the thinking has begun. GradusError where there is no player
   * to be had; all else that is wrong with a line is said in a line that begins with "info string".
   */
  receive(line: string): Promise<void> {
    const done = this.queue.then(() => this.obey(line));
    this.queue = done.catch(() => {});
    return done;
  }

  /** No more lines come: the move that is thought about is still said, at once where it was to be thought about without end. */
  async finish(): Promise<void> {
    await this.queue;
    if (this.thinking?.open) await this.halt();
    await this.idle();
  }

  /** Ends when no search is under way. */
  async idle(): Promise<void> {
    await this.queue;
    await this.thinking?.done;
  }

  private async obey(line: string): Promise<void> {
    if (this.quit) return;
    const words = line.trim().split(/\s+/).filter(Boolean);
    if (!words.length) return;
    // Words before the command that mean nothing are read over, as UCI asks.
    const at = words.findIndex((word) => Object.hasOwn(this.commands, word));
    if (at < 0) return this.remark(`there is no command ${words[0]!.slice(0, 40)}`);
    await this.commands[words[at]!]!(words.slice(at + 1));
  }

  /** A state that can be played on: programs at the other end may go on where our rules see a draw, by repetition or length. */
  private onward(state: State): State {
    if (!state.outcome) return state;
    return this.dialect.onward?.(state) ?? state.game.begin(state.position());
  }

  private say(line: string): void {
    this.options.write(line);
  }

  private remark(text: string): void {
    this.say(`info string ${text.replace(/\s+/g, " ")}`);
  }

  private player(): Promise<Player> {
    this.loading ??= this.options.player();
    return this.loading;
  }

  /** The position, for people. */
  private draw(): void {
    if (!this.state) return this.remark("there is no position: the last one could not be read");
    for (const line of [...this.state.toString().split("\n"), `${this.dialect.notation} ${this.state.position()}`])
      this.say(`info string ${line}`);
  }

  private introduce(): void {
    this.say(`id name ${this.options.name} ${this.options.version}`);
    this.say("id author the Gradus project");
    for (const setting of this.settings.values()) {
      const { name, type, value } = setting;
      const more =
        type === "spin"
          ? ` min ${setting.least} max ${setting.most}`
          : type === "combo"
            ? setting.among.map((word) => ` var ${word}`).join("")
            : "";
      this.say(`option name ${name} type ${type} default ${value}${more}`);
    }
    this.say(`${this.dialect.name}ok`);
  }

  private set(words: string[]): void {
    const [, name = "", value = ""] = /^name\s+(.*?)(?:\s+value(?:\s+(.*))?)?$/.exec(words.join(" ")) ?? [];
    if (!name) return this.remark("setoption: give name, the option, value and its value");
    if (this.dialect.ignored.includes(name)) return;
    const setting = this.settings.get(name.toLowerCase());
    if (!setting) return this.remark(`there is no option ${name.slice(0, 40)}`);
    const problem = refusal(setting, value);
    if (problem) return this.remark(`${setting.name} is ${problem}, not ${value ? value.slice(0, 40) : "nothing"}`);
    this.values.set(
      setting.name,
      setting.type === "combo" ? setting.among.find((word) => word.toLowerCase() === value.toLowerCase())! : value,
    );
  }

  private place(words: string[]): void {
    const { game, notation } = this.dialect;
    const at = words.indexOf("moves");
    const [kind, ...text] = at < 0 ? words : words.slice(0, at);
    const before = this.state;
    const start = [kind, ...text].join(" ");
    const moves = at < 0 ? [] : words.slice(at + 1);
    this.state = null;
    try {
      if (kind !== "startpos" && kind !== notation)
        throw new FormatError(
          "position",
          `it says ${kind?.slice(0, 40) ?? "nothing"}`,
          `Give startpos or ${notation} with its text, then moves`,
        );
      // A game is told anew from its start at every move: what is known of it is not played again.
      const { placed } = this;
      const known = before && placed.start === start && placed.moves.every((move, i) => move === moves[i]) ? placed.moves.length : 0;
      let state = known ? before! : kind === "startpos" ? game.begin() : game.begin(text.join(" "));
      for (const name of moves.slice(known)) {
        state = this.onward(state);
        state.play(state.actionOf(name));
      }
      this.placed = { start, moves };
      this.state = state;
    } catch (error) {
      if (!(error instanceof GradusError)) throw error;
      this.remark(error.message);
    }
  }

  /** Begins to think. */
  private async go(words: string[]): Promise<void> {
    await this.halt();
    const { dialect } = this;
    const begun = performance.now();
    const order = readOrder(words, this.dialect.japanese);
    if (order.unknown.length) this.remark(`go: nothing is done about ${order.unknown.join(" ").slice(0, 80)}`);
    if (dialect.japanese && order.mate) return this.say("checkmate notimplemented");
    const player = await this.player();
    if (!this.state) {
      this.remark("there is no position: the last one could not be read");
      return this.say(`bestmove ${dialect.none}`);
    }
    const state = this.onward(this.state.clone());
    if (state.outcome) return this.say(`bestmove ${dialect.none}`);
    const claim = dialect.claim?.(state, this.values);
    if (claim) return this.say(`bestmove ${claim}`);
    const among = state.legal().filter((move) => order.among.includes(state.nameOf(move)));
    if (order.among.length && !among.length) {
      this.remark(`go: none of ${order.among.join(" ").slice(0, 80)} is legal here`);
      return this.say(`bestmove ${dialect.none}`);
    }
    this.think(player, among.length ? new Among(state, among) : state, order, begun);
  }

  private think(player: Player, state: State, order: Order, begun: number): void {
    const abort = new AbortController();
    const { limits: usual } = this.options;
    const simulations = Number(this.values.get("Simulations"));
    const seconds = secondsOf(order, state);
    const open = order.infinite || order.ponder;
    const given: Limits = open
      ? { seconds: Infinity }
      : {
          ...(order.nodes === undefined ? {} : { simulations: order.nodes }),
          ...(seconds === null ? {} : { seconds }),
        };
    const limits = {
      ...(Object.keys(given).length ? given : usual),
      ...(simulations && order.nodes === undefined && !open ? { simulations } : {}),
    };
    let release = (): void => {};
    const released = open ? new Promise<void>((resolve) => void (release = resolve)) : Promise.resolve();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const progress = (soFar: Choice): void => {
      this.tell(state, soFar, begun);
      if (order.depth !== undefined && soFar.line.length >= order.depth) abort.abort();
    };
    const run = async (): Promise<void> => {
      let choice: Choice | null = null;
      try {
        choice = await player.choose(state, { ...limits, signal: abort.signal, progress });
      } catch (error) {
        if (!(error instanceof GradusError)) throw error;
        this.remark(error.message);
      }
      // Who ponders or thinks without end says nothing before being asked.
      await released;
      clearTimeout(timer);
      if (thinking.silent) return;
      if (choice) this.tell(state, choice, begun);
      this.say(`bestmove ${choice ? this.answer(state, choice) : this.dialect.none}`);
    };
    const thinking: Thinking = {
      abort,
      open,
      done: Promise.resolve(),
      release: () => release(),
      hit: () => {
        if (!order.ponder) return;
        const left = secondsOf(order, state);
        // Timers hold no more than some weeks.
        timer = setTimeout(() => abort.abort(), 1000 * Math.min(1e6, left ?? usual.seconds ?? 0));
        thinking.open = false;
        release();
      },
      silent: false,
    };
    this.thinking = thinking;
    const done = run().finally(() => {
      if (this.thinking === thinking) this.thinking = null;
    });
    this.thinking = Object.assign(thinking, { done });
  }

  /** Ends the search there is, if any; with its move, unless nobody wants to know. */
  private async halt(silent = false): Promise<void> {
    const { thinking } = this;
    if (!thinking) return;
    thinking.silent ||= silent;
    thinking.abort.abort();
    thinking.release();
    await thinking.done;
  }

  private answer(state: State, choice: Choice): string {
    if (choice.resign && this.dialect.resign !== null) return this.dialect.resign;
    const [move, reply] = names(state, [choice.move, ...(choice.line[0] === choice.move ? choice.line.slice(1, 2) : [])]);
    return reply === undefined ? move! : `${move} ponder ${reply}`;
  }

  /** What the player thinks so far, as a line. */
  private tell(state: State, { value, simulations, line }: Choice, begun: number): void {
    if (!line.length) return;
    const time = Math.max(1, Math.round(performance.now() - begun));
    // A won game has no odds.
    const v = Math.max(-0.9999, Math.min(0.9999, value));
    const score = Math.round(this.dialect.scale * Math.log((1 + v) / (1 - v)));
    const speed = Math.round((1000 * simulations) / time);
    this.say(
      `info depth ${line.length} time ${time} nodes ${simulations} nps ${speed} score cp ${score} pv ${names(state, line).join(" ")}`,
    );
  }
}

/** What a setting is, where a value does not fit. */
function refusal(setting: Setting, value: string): string | null {
  if (setting.type === "check") return value === "true" || value === "false" ? null : "true or false";
  if (setting.type === "combo")
    return setting.among.some((word) => word.toLowerCase() === value.toLowerCase()) ? null : `one of ${setting.among.join(", ")}`;
  const { least, most } = setting;
  return /^-?\d+$/.test(value) && Number(value) >= least && Number(value) <= most ? null : `a whole number from ${least} to ${most}`;
}

/** Moves by name, each in the position that those before lead to; as many as are legal. */
function names(state: State, moves: readonly number[]): string[] {
  const copy = state.clone();
  const found: string[] = [];
  for (const move of moves) {
    if (!copy.legal().includes(move)) break;
    found.push(copy.nameOf(move));
    copy.play(move);
  }
  return found;
}

/** What `go` says. Times are seconds. */
interface Order {
  readonly clocks: readonly [Clock, Clock];
  readonly byoyomi: number | undefined;
  readonly movesToGo: number | undefined;
  readonly moveTime: number | undefined;
  readonly nodes: number | undefined;
  /** The length of the line that is expected. */
  readonly depth: number | undefined;
  readonly infinite: boolean;
  readonly ponder: boolean;
  readonly mate: boolean;
  /** Moves to choose from; none for all there are. */
  readonly among: readonly string[];
  readonly unknown: readonly string[];
}

interface Clock {
  readonly remaining: number | undefined;
  readonly increment: number;
}

/** Numbers that cannot be read count as not given. */
function readOrder(words: readonly string[], blackFirst: boolean): Order {
  const numbers = new Map<string, number>();
  const flags = new Set<string>();
  const among: string[] = [];
  const unknown: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "infinite" || word === "ponder") flags.add(word);
    // A move has a number in it; the words of `go` have none.
    else if (word === "searchmoves") while (/\d/.test(words[i + 1] ?? "")) among.push(words[++i]!);
    else if (["btime", "wtime", "binc", "winc", "byoyomi", "movestogo", "movetime", "nodes", "mate", "depth"].includes(word)) {
      const next = words[i + 1] ?? "";
      if (/^-?\d{1,15}$/.test(next)) numbers.set(word, Number(words[++i]));
      else if (word !== "mate") unknown.push(word);
      if (word === "mate") flags.add(word);
      if (word === "mate" && next === "infinite") i++;
    } else unknown.push(word);
  }
  const seconds = (name: string): number | undefined => {
    const value = numbers.get(name);
    return value === undefined ? undefined : Math.max(0, value / 1000);
  };
  const positive = (name: string): number | undefined => {
    const value = numbers.get(name);
    return value !== undefined && value > 0 ? value : undefined;
  };
  const clock = (letter: string): Clock => ({ remaining: seconds(`${letter}time`), increment: seconds(`${letter}inc`) ?? 0 });
  const [first, second] = blackFirst ? ["b", "w"] : ["w", "b"];
  return {
    clocks: [clock(first!), clock(second!)],
    byoyomi: seconds("byoyomi"),
    movesToGo: positive("movestogo"),
    moveTime: seconds("movetime"),
    nodes: positive("nodes"),
    depth: positive("depth"),
    infinite: flags.has("infinite"),
    ponder: flags.has("ponder"),
    mate: flags.has("mate"),
    among,
    unknown,
  };
}

/** How long to think, null where nothing is said of time. */
function secondsOf({ clocks, byoyomi = 0, movesToGo, moveTime }: Order, state: State): number | null {
  if (moveTime !== undefined) return Math.max(0.01, moveTime - lag);
  const { remaining = 0, increment } = clocks[state.turn];
  if (clocks[state.turn].remaining === undefined && !byoyomi && !increment) return null;
  const share = remaining
    ? secondsForMove({ remaining, increment, ...(movesToGo === undefined ? {} : { movesToGo }) }, state.ply, state.game.typicalLength)
    : 0;
  // What byo-yomi gives each move is there to be used.
  return Math.max(0.01, Math.min(share + byoyomi, remaining + byoyomi - lag));
}
