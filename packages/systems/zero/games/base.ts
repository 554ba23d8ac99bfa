import { ArgumentError, StateError } from "@gradus/tensor";
import type { Game, Outcome, Side, State } from "./game.ts";

/** A text in quotes as an error tells of it: its beginning, where it is long. */
export const quoted = (text: string): string => `"${text.length > 100 ? `${text.slice(0, 100)}...` : text}"`;

/** What the states of all games share: the moves so far, and refusing those that are not legal. */
export abstract class BaseState implements State {
  abstract readonly game: Game;
  abstract readonly turn: Side;
  abstract readonly outcome: Outcome | null;
  abstract readonly key: string;
  protected readonly moves: number[] = [];

  get ply(): number {
    return this.moves.length;
  }

  get last(): number | null {
    return this.moves.at(-1) ?? null;
  }

  play(action: number): void {
    if (this.outcome) throw new ArgumentError("play", `the game is over: ${this.outcome.reason}`);
    if (!this.allows(action)) {
      const known = Number.isInteger(action) && action >= 0 && action < this.game.actions;
      throw new ArgumentError("play", `${known ? this.nameOf(action) : action} is not legal here`, `Legal are ${this.choices()}`);
    }
    this.put(action);
    this.moves.push(action);
  }

  undo(): void {
    const action = this.moves.pop();
    if (action === undefined) throw new StateError("undo", "no move was played");
    this.take(action);
  }

  actionOf(name: string): number {
    const wanted = name.trim().toLowerCase();
    const action = this.legal().find((move) => this.nameOf(move).toLowerCase() === wanted);
    if (action === undefined) throw new ArgumentError("play", `${quoted(name)} is no legal move here`, `Legal are ${this.choices()}`);
    return action;
  }

  private choices(): string {
    const names = this.legal().map((move) => this.nameOf(move));
    return names.length > 12 ? `${names.slice(0, 12).join(", ")} and ${names.length - 12} more` : names.join(", ");
  }

  /** Whether a move is legal, of a game that is not over. Any number may be asked for. */
  protected allows(action: number): boolean {
    return this.legal().includes(action);
  }

  /** Plays a move that is legal. */
  protected abstract put(action: number): void;
  /** Undoes what `put` did last. */
  protected abstract take(action: number): void;
  abstract legal(): number[];
  abstract observe(planes: Float32Array): void;
  abstract nameOf(action: number): string;
  abstract position(): string;
  abstract toString(): string;
  abstract clone(): State;
}
