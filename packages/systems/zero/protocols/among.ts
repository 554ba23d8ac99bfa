import { ArgumentError } from "@gradus/tensor";
import type { Game, Outcome, Side, State } from "../games/game.ts";

/** A position where only some of the legal moves may be chosen. What follows them is free; its keys are its own, so that nothing is mixed up. */
export class Among implements State {
  private readonly state: State;
  private readonly root: number;
  /** Ascending. */
  private readonly moves: readonly number[];

  constructor(state: State, moves: readonly number[], root = state.ply) {
    this.state = state;
    this.moves = moves;
    this.root = root;
  }

  get game(): Game {
    return this.state.game;
  }
  get turn(): Side {
    return this.state.turn;
  }
  get ply(): number {
    return this.state.ply;
  }
  get outcome(): Outcome | null {
    return this.state.outcome;
  }
  get key(): string {
    return `${this.state.key} ${this.root} ${this.moves}`;
  }
  get last(): number | null {
    return this.state.last;
  }

  legal(): number[] {
    return this.ply === this.root ? [...this.moves] : this.state.legal();
  }

  play(action: number): void {
    if (this.ply === this.root && !this.moves.includes(action))
      throw new ArgumentError("play", `${action} is none of the moves to choose from`);
    this.state.play(action);
  }

  undo(): void {
    this.state.undo();
  }
  observe(planes: Float32Array): void {
    this.state.observe(planes);
  }
  nameOf(action: number): string {
    return this.state.nameOf(action);
  }
  actionOf(name: string): number {
    return this.state.actionOf(name);
  }
  position(): string {
    return this.state.position();
  }
  toString(): string {
    return this.state.toString();
  }
  clone(): Among {
    return new Among(this.state.clone(), this.moves, this.root);
  }
}
