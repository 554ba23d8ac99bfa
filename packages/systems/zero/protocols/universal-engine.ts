import { ArgumentError, StateError } from "@gradus/tensor";
import type { State } from "../games/game.ts";
import { movesOf } from "../games/moves.ts";
import type { Choice, Limits, Player } from "../player.ts";
import { Program } from "./process.ts";
import type { Dialect } from "./universal.ts";

export interface UniversalEngineOptions {
  readonly name?: string;
  /** Seconds that it may say nothing, beyond those it is given to think. Default 120. */
  readonly patience?: number;
  /** Options that it is set to at the start, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Another program that speaks UCI or USI. Where limits say nothing it has a second for each move. */
export class UniversalEngine implements Player {
  readonly name: string;
  private readonly dialect: Dialect;
  private readonly program: Program;
  private readonly patience: number;
  private readonly settings: Readonly<Record<string, string>>;
  private started = false;
  /** The game it was told of last: where it began, and its moves. */
  private told: { readonly start: string; readonly moves: readonly number[] } | null = null;

  constructor(command: string, dialect: Dialect, { name = command, patience = 120, settings = {} }: UniversalEngineOptions = {}) {
    this.name = name;
    this.dialect = dialect;
    this.patience = patience;
    this.settings = settings;
    this.program = new Program(command);
  }

  /** Reads lines until one begins with a word. StateError when none comes in time, or the program has ended. */
  private async until(word: string, seconds: number, each: (line: string) => void = () => {}): Promise<string[]> {
    for (;;) {
      const line = await this.program.line(seconds + this.patience);
      const words = line.trim().split(/\s+/);
      if (words[0] === word) return words;
      each(line);
    }
  }

  private async start(): Promise<void> {
    const { name } = this.dialect;
    this.program.send(name);
    await this.until(`${name}ok`, 0);
    for (const [option, value] of Object.entries(this.settings)) this.program.send(`setoption name ${option} value ${value}`);
    await this.ready();
    this.started = true;
  }

  private async ready(): Promise<void> {
    this.program.send("isready");
    await this.until("readyok", 0);
  }

  async choose(state: State, { simulations, seconds, signal, progress }: Limits): Promise<Choice> {
    const { game, notation, name, scale } = this.dialect;
    if (state.game !== game) throw new ArgumentError(this.name, `it speaks ${name.toUpperCase()}, which has no ${state.game.title}`);
    if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
    if (!this.started) await this.start();
    const begin = state.clone();
    while (begin.ply) begin.undo();
    const start = begin.position();
    const moves = movesOf(state);
    if (this.told?.start !== start || !this.told.moves.every((move, i) => move === moves[i])) {
      this.program.send(`${name}newgame`);
      await this.ready();
    }
    this.told = { start, moves };
    const played = moves.map((move) => {
      const text = begin.nameOf(move);
      begin.play(move);
      return text;
    });
    const from = start === game.begin().position() ? "startpos" : `${notation} ${start}`;
    this.program.send(`position ${from}${played.length ? ` moves ${played.join(" ")}` : ""}`);
    const time = Math.max(1, Math.round(1000 * (seconds ?? 1)));
    if (seconds === Infinity) this.program.send("go infinite");
    else if (simulations !== undefined && seconds === undefined) this.program.send(`go nodes ${simulations}`);
    // Engines of shogi know byo-yomi better than times for a move.
    else this.program.send(name === "usi" ? `go btime 0 wtime 0 byoyomi ${time}` : `go movetime ${time}`);

    let soFar: Omit<Choice, "move"> = { value: 0, simulations: 0, line: [] };
    const stop = (): void => this.program.send("stop");
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    let words: string[];
    try {
      words = await this.until("bestmove", seconds === Infinity ? 1e6 : (seconds ?? 1), (line) => {
        soFar = { ...soFar, ...thought(line, state, scale) };
        if (soFar.line.length) progress?.({ ...soFar, move: soFar.line[0]! });
      });
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    const [, answer = ""] = words;
    const legal = state.legal();
    if ([this.dialect.none, this.dialect.resign, "resign", "(none)", "0000"].includes(answer))
      return { move: legal[0]!, value: -1, simulations: soFar.simulations, line: [], resign: true };
    const move = legal.find((action) => state.nameOf(action) === answer);
    // By rules of its own it may do what ours have no word for.
    if (move === undefined) throw new StateError(this.name, `it plays ${answer || "nothing"}, which is not legal here`);
    return { ...soFar, move, line: soFar.line[0] === move ? soFar.line : [move] };
  }

  close(): void {
    try {
      this.program.send("quit");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof StateError)) throw error;
    }
    this.program.close();
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
