import { ArgumentError, StateError } from "@gradus/tensor";
import type { State } from "../games/game.ts";
import { movesOf } from "../games/moves.ts";
import type { Choice, Limits, Player } from "../player.ts";
import { Program, words } from "./process.ts";
import type { Dialect } from "./universal.ts";

export interface UniversalEngineOptions {
  readonly name?: string;
  /** Seconds that it may take to answer anything, besides those that it is given to think. Default 120. */
  readonly patience?: number;
  /** Options that it is set to at the start, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Another program that speaks UCI or USI. It is started when it is first asked, and anew after it died, said nothing in time or played what
 * is not legal. Where limits say nothing it has a second for each move.
 */
export class UniversalEngine implements Player {
  readonly name: string;
  private readonly command: string;
  private readonly dialect: Dialect;
  private readonly patience: number;
  private readonly settings: Readonly<Record<string, string>>;
  private program: Program | null = null;
  /** The game it was told of last: where it began, and its moves. */
  private told: { readonly start: string; readonly moves: readonly number[] } | null = null;

  constructor(command: string, dialect: Dialect, { name = command, patience = 120, settings = {} }: UniversalEngineOptions = {}) {
    this.name = name;
    this.command = command;
    this.dialect = dialect;
    this.patience = patience;
    this.settings = settings;
    words(command);
  }

  async choose(state: State, limits: Limits): Promise<Choice> {
    const { game, name } = this.dialect;
    if (state.game !== game) throw new ArgumentError(this.name, `it speaks ${name.toUpperCase()}, which has no ${state.game.title}`);
    if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
    try {
      const program = this.program ?? (await this.start());
      await this.tell(program, state);
      return await this.think(program, state, limits);
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
      if (performance.now() > limit) throw new StateError(this.name, `it talks, but does not say ${word}`);
      each(line);
    }
  }

  private async start(): Promise<Program> {
    const { name } = this.dialect;
    const program = new Program(this.command, this.name);
    this.program = program;
    this.told = null;
    program.send(name);
    await this.until(program, `${name}ok`, this.patience);
    for (const [option, value] of Object.entries(this.settings)) program.send(`setoption name ${option} value ${value}`);
    return program;
  }

  /** Sends it the game so far. */
  private async tell(program: Program, state: State): Promise<void> {
    const { game, notation, name } = this.dialect;
    const begin = state.clone();
    while (begin.ply) begin.undo();
    const start = begin.position();
    const moves = movesOf(state);
    if (this.told?.start !== start || !this.told.moves.every((move, i) => move === moves[i])) {
      program.send("isready");
      await this.until(program, "readyok", this.patience);
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
      [, answer = ""] = await this.until(program, "bestmove", Math.min(1e6, time + this.patience), (line) => {
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
