import { ArgumentError, StateError } from "@gradus/tensor";
import type { Game, State } from "../games/game.ts";
import { GoGame, type GoState } from "../games/go/go.ts";
import { movesOf } from "../games/moves.ts";
import { type Choice, LateError, type Limits, type Player } from "../player.ts";
import { type EngineOptions, Program, words } from "./process.ts";

/** Lines of one answer. */
const longest = 1000;

function goOf(game: Game, name: string): GoGame {
  if (!(game instanceof GoGame)) throw new ArgumentError(name, `it speaks GTP, which has no ${game.title}`);
  return game;
}

/**
 * Another program that speaks GTP, such as `gnugo --mode gtp --level 10`. It is started when it is first asked, and anew after it died, said
 * nothing in time or spoke no GTP. It cannot be interrupted while it thinks.
 */
export class GtpEngine implements Player {
  private readonly command: string;
  private readonly options: EngineOptions;
  private readonly patience: number;
  private ownName: string | null = null;
  private program: Program | null = null;
  /** The game on its board: which one, and the moves it was told. */
  private game: GoGame | null = null;
  private told: number[] = [];

  constructor(command: string, options: EngineOptions = {}) {
    this.options = options;
    this.patience = options.patience ?? 120;
    this.command = command;
    words(command);
  }

  get name(): string {
    return this.options.name ?? this.ownName ?? this.command;
  }

  /** Starts it, and asks who it is and for the game's board. ArgumentError for a game that GTP has not, StateError where it does not answer. */
  async greet(game: Game): Promise<void> {
    const board = goOf(game, this.name);
    this.ownName = (await this.ask("name")).trim().slice(0, 100) || null;
    await this.follow(board.begin(), board);
  }

  /** What it answers to a command. StateError when it refuses, says nothing in time, or has ended. */
  async ask(command: string, patience = this.patience): Promise<string> {
    this.program ??= new Program(this.command, this);
    const lines: string[] = [];
    try {
      this.program.send(command);
      const limit = performance.now() + 1000 * patience;
      for (;;) {
        const endless = `its answer to ${command} does not end`;
        const left = Math.max(0, limit - performance.now()) / 1000;
        const line = await this.program.line(left, lines.length ? endless : `it said nothing for ${patience} s`);
        // Empty lines before an answer mean nothing; the one after it ends it.
        if (line === "" && lines.length) break;
        if (line !== "") lines.push(line);
        if (lines.length > longest) throw new StateError(this.name, endless);
        if (performance.now() > limit) throw new LateError(this.name, endless);
      }
      const [, sign, text] = /^([=?])\d*\s*(.*)$/s.exec(lines.join("\n")) ?? [];
      if (sign === undefined) throw new StateError(this.name, `its answer to ${command} is no GTP: ${lines.join(" ").slice(0, 100)}`);
      if (sign === "=") return text!;
    } catch (error) {
      // Whatever it says from here on would be taken for an answer to something else.
      this.program.kill();
      this.program = null;
      this.game = null;
      throw error;
    }
    this.game = null;
    throw new StateError(this.name, `it refuses ${command}: ${lines.join(" ").slice(1, 200).trim()}`);
  }

  async choose(state: State, limits: Limits): Promise<Choice> {
    const game = goOf(state.game, this.name);
    if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
    await this.follow(state as GoState, game);
    const { seconds } = limits;
    // Byo-yomi of one move, in whole seconds.
    if (seconds !== undefined) await this.ask(`time_settings 0 ${Math.max(1, Math.round(seconds))} 1`);
    const patience = seconds === undefined ? this.patience : Math.max(1, seconds) + (this.options.margin ?? this.patience);
    const answer = (await this.ask(`genmove ${"bw"[state.turn]}`, patience)).trim().toLowerCase();
    if (answer === "resign") return { move: game.size ** 2, value: -1, simulations: 0, line: [], resign: true };
    const move = state.legal().find((m) => state.nameOf(m) === answer);
    // By rules of its own it may play what ours forbid; its board is not ours then.
    if (move === undefined) {
      this.game = null;
      throw new StateError(this.name, `it plays ${answer.slice(0, 20)}, which is not legal here`);
    }
    this.told.push(move);
    return { move, value: 0, simulations: 0, line: [move] };
  }

  /** Brings its board to the state. */
  private async follow(state: GoState, game: GoGame): Promise<void> {
    const moves = movesOf(state);
    const same = this.game === game;
    let common = 0;
    while (same && common < moves.length && common < this.told.length && moves[common] === this.told[common]) common++;
    if (!same || common < this.told.length) {
      await this.ask(`boardsize ${game.size}`);
      await this.ask("clear_board");
      await this.ask(`komi ${game.komi}`);
      const start = game.begin();
      const { black, white, next } = game.setup;
      const vertices = (points: readonly number[]) => points.map((p) => start.nameOf(p));
      if (black.length && !white.length && next === 1) await this.ask(`set_free_handicap ${vertices(black).join(" ")}`);
      else
        for (const [side, points] of [black, white].entries())
          for (const vertex of vertices(points)) await this.ask(`play ${"bw"[side]} ${vertex}`);
      this.game = game;
      this.told = [];
      common = 0;
    }
    for (const [i, move] of moves.slice(common).entries()) {
      await this.ask(`play ${"bw"[(game.setup.next + common + i) & 1]} ${state.nameOf(move)}`);
      this.told.push(move);
    }
  }

  close(): void {
    this.program?.close();
    this.program = null;
    this.game = null;
  }
}
