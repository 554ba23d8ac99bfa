/** Runs that take longer, in ms, are made when a knob is let go, not while it moves. */
const slow = 150;

/** Runs what depends on a value; resolves when all of it is over, with the time that it took, in ms. */
export type Send<T> = (value: T) => Promise<number>;

/**
 * A control that is dragged. What depends on it runs while it moves as long as such a run is quick, with one run at a time; else once
 * it is let go. Where the hand has it, there it stays: what runs say of the value counts only when all is over.
 */
export class Knob<T> {
  private readonly send: Send<T>;
  /** Told where the knob is; null when the cell's own value counts again. */
  private readonly show: (value: T | null) => void;
  private held = false;
  private running = false;
  private value: T | null = null;
  private sent: T | null = null;
  /** Of the last run. */
  private milliseconds = 0;

  constructor(send: Send<T>, show: (value: T | null) => void) {
    this.send = send;
    this.show = show;
  }

  /** The hand has moved it. */
  move(value: T): void {
    this.held = true;
    this.value = value;
    this.show(value);
    if (!this.running && this.milliseconds < slow) void this.run();
  }

  /** The hand has let go, at this value. */
  release(value: T): void {
    this.move(value);
    this.held = false;
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    // What came while a run went on is made up for by one more.
    while (this.value !== null && !same(this.value, this.sent) && (!this.held || this.milliseconds < slow)) {
      this.sent = this.value;
      this.milliseconds = await this.send(this.value).catch(() => 0);
    }
    this.running = false;
    if (this.held) return;
    this.value = this.sent = null;
    this.show(null);
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
