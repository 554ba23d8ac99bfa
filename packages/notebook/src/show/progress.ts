import { ArgumentError } from "@gradus/tensor";
import type { Content } from "../output.ts";
import { View } from "../view.ts";

/**
 * A bar with the time left: `const bar = progress(100, "games"); ... bar.step();` Its steps are also places where a cell can stop.
 * @example
 * const bar = progress(100, "counting");
 * for (let i = 0; i < 100; i++) bar.step();
 */
export function progress(total: number | null, label = ""): Progress {
  if (total !== null && !(total >= 0)) throw new ArgumentError("progress", `total is ${total}`, "Give how many steps there are, or null");
  return new Progress(total, label);
}

/** A bar that `progress` has shown: how far, and how much time is left. */
export class Progress extends View {
  private readonly total: number | null;
  private readonly label: string;
  private readonly begin = performance.now();
  private done = 0;

  constructor(total: number | null, label: string) {
    super(() => ({ kind: "progress", label, done: 0, total, seconds: 0 }));
    this.total = total;
    this.label = label;
  }

  /** Moves on by `n` steps; `note` stands next to the bar. */
  step(n = 1, note?: string): void {
    this.set(this.done + n, note);
  }

  /** Moves to `done` of `total`. */
  set(done: number, note?: string): void {
    this.done = done;
    this.replace((): Content => {
      const seconds = (performance.now() - this.begin) / 1000;
      return { kind: "progress", label: this.label, done, total: this.total, seconds, ...(note === undefined ? {} : { note }) };
    });
  }
}
