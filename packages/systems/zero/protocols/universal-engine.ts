import { ArgumentError, StateError } from "@gradus/tensor";
import type { Game, State } from "../games/game.ts";
import { movesOf } from "../games/moves.ts";
import { type Choice, LateError, type Limits, type Player } from "../player.ts";
import { type EngineOptions, Program, words } from "./process.ts";
import type { Dialect } from "./universal.ts";

export interface UniversalEngineOptions extends EngineOptions {
  /** Options that it is set to at the start, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Another program that speaks UCI or USI. It is started when it is first asked, and anew after it died, said nothing in time or played what
 * is not legal. Where limits say nothing it has a second for each move.
 */
export class UniversalEngine implements Player {
  private readonly command: string;
  private readonly dialect: Dialect;
  private readonly options: UniversalEngineOptions;
  private readonly patience: number;
  private ownName: string | null = null;
  private program: Program | null = null;
  /** The game it was told of last: where it began, and its moves. */
  private told: { readonly start: string; readonly moves: readonly number[] } | null = null;

  constructor(command: string, dialect: Dialect, options: UniversalEngineOptions = {}) {
    this.command = command;
    this.dialect = dialect;
    this.options = options;
    this.patience = options.patience ?? 120;
    words(command);
  }

  get name(): string {
    return this.options.name ?? this.ownName ?? this.command;
  }

  /** Starts it, hears who it is, and waits until it is ready. ArgumentError for a game that it has not, StateError where it does not answer. */
  async greet(game: Game): Promise<void> {
    this.mustHave(game);
    await this.spoken((program) => this.ready(program));
  }

  async choose(state: State, limits: Limits): Promise<Choice> {
    this.mustHave(state.game);
    if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
    return this.spoken(async (program) => {
      await this.tell(program, state);
      return this.think(program, state, limits);
    });
  }

  private mustHave(game: Game): void {
    if (game !== this.dialect.game)
      throw new ArgumentError(this.name, `it speaks ${this.dialect.name.toUpperCase()}, which has no ${game.title}`);
  }

  /** Speaks with the program, which is started where it does not run, and ended where it fails. */
  private async spoken<T>(speak: (program: Program) => Promise<T>): Promise<T> {
    try {
      return await speak(this.program ?? (await this.start()));
    } catch (error) {
      // Whatever it says from here on would be taken for an answer to something else.
      this.program?.kill();
      this.program = null;
      throw error;
    }
  }

  /** Reads lines until one begins with a word. StateError when it does not come in time, or the program has ended. */
  private async until(program: Program, word: string, seconds: number, each: (line: string) => void = () => {}): Promise<string[]> {
    const limit = performance.now() + 1000 * seconds;
    for (;;) {
      const left = Math.max(0, limit - performance.now()) / 1000;
      const line = await program.line(left, `it did not say ${word} in ${Math.round(10 * seconds) / 10} s`);
      const found = line.trim().split(/\s+/);
      if (found[0] === word) return found;
      if (performance.now() > limit) throw new LateError(this.name, `it talks, but does not say ${word}`);
      each(line);
    }
  }

  private async start(): Promise<Program> {
    const { name } = this.dialect;
    const program = new Program(this.command, this);
    this.program = program;
    this.told = null;
    program.send(name);
    await this.until(program, `${name}ok`, this.patience, (line) => {
      const [, own] = /^\s*id\s+name\s+(.*\S)/.exec(line) ?? [];
      if (own) this.ownName = own.slice(0, 100);
    });
    for (const [option, value] of Object.entries(this.options.settings ?? {})) program.send(`setoption name ${option} value ${value}`);
    return program;
  }

  private async ready(program: Program): Promise<void> {
    program.send("isready");
    await this.until(program, "readyok", this.patience);
  }

  /** Sends it the game so far. */
  private async tell(program: Program, state: State): Promise<void> {
    const { game, notation, name } = this.dialect;
    const begin = state.clone();
    while (begin.ply) begin.undo();
    const start = begin.position();
    const moves = movesOf(state);
    if (this.told?.start !== start || !this.told.moves.every((move, i) => move === moves[i])) {
      await this.ready(program);
      program.send(`${name}newgame`);
    }
    this.told = { start, moves };
    const played = moves.map((move) => {
      const text = begin.nameOf(move);
      begin.play(move);
      return text;
    });
    const from = start === game.begin().position() ? "startpos" : `${notation} ${start}`;
    program.send(`position ${from}${played.length ? ` moves ${played.join(" ")}` : ""}`);
  }

  private async think(program: Program, state: State, { simulations, seconds, signal, progress }: Limits): Promise<Choice> {
    const { name, scale, none, resign } = this.dialect;
    const time = seconds ?? 1;
    const milliseconds = Math.max(1, Math.round(1000 * time));
    if (time === Infinity) program.send("go infinite");
    else if (simulations !== undefined && seconds === undefined) program.send(`go nodes ${simulations}`);
    // Engines of shogi know byo-yomi better than times for a move.
    else program.send(name === "usi" ? `go btime 0 wtime 0 byoyomi ${milliseconds}` : `go movetime ${milliseconds}`);
    let soFar: Omit<Choice, "move"> = { value: 0, simulations: 0, line: [] };
    const stop = (): void => {
      try {
        program.send("stop");
      } catch (error) {
        // It has ended, which whoever waits for its move is told.
        if (!(error instanceof StateError)) throw error;
      }
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    let answer: string;
    try {
      // Timers hold no more than some weeks.
      const patience = seconds === undefined ? time + this.patience : seconds + (this.options.margin ?? this.patience);
      [, answer = ""] = await this.until(program, "bestmove", Math.min(1e6, patience), (line) => {
        soFar = { ...soFar, ...thought(line, state, scale) };
        if (soFar.line.length) progress?.({ ...soFar, move: soFar.line[0]! });
      });
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    const legal = state.legal();
    if ([none, resign, "resign", "(none)", "0000"].includes(answer))
      return { ...soFar, move: legal[0]!, value: -1, line: [], resign: true };
    const move = legal.find((action) => state.nameOf(action) === answer);
    // By rules of its own it may do what ours have no word for.
    if (move === undefined) throw new StateError(this.name, `it plays ${answer.slice(0, 20) || "nothing"}, which is not legal here`);
    return { ...soFar, move, line: soFar.line[0] === move ? soFar.line : [move] };
  }

  close(): void {
    this.program?.close();
    this.program = null;
  }
}

/** What a line that begins with "info" tells. */
function thought(text: string, state: State, scale: number): Partial<Choice> {
  if (!/^info\s/.test(text) || /\sstring\s/.test(text)) return {};
  const number = (pattern: RegExp): number | null => {
    const found = pattern.exec(text);
    return found ? Number(found[1]) : null;
  };
  const nodes = number(/\snodes (\d+)/);
  const points = number(/\sscore cp (-?\d+)/);
  const mate = /\sscore mate ([+-])?/.exec(text);
  const copy = state.clone();
  const line: number[] = [];
  for (const name of /\spv (.*)/.exec(text)?.[1]?.trim().split(/\s+/) ?? []) {
    const move = copy.legal().find((action) => copy.nameOf(action) === name);
    if (move === undefined) break;
    line.push(move);
    copy.play(move);
  }
  return {
    ...(nodes === null ? {} : { simulations: nodes }),
    ...(points === null ? (mate ? { value: mate[1] === "-" ? -1 : 1 } : {}) : { value: Math.tanh(points / (2 * scale)) }),
    ...(line.length ? { line } : {}),
  };
}
