import { type JailOptions, type JailResult, runInJail } from "./run.ts";

export interface JailQueueOptions {
  /** Jobs that run at the same time. */
  readonly concurrent: number;
  /** Jobs that may wait; 1000 by default. */
  readonly waiting?: number;
}

export interface QueuedOptions extends JailOptions {
  /** Whose job it is: owners take turns, so that nobody waits for all of another's jobs. */
  readonly owner?: string;
}

interface Waiting {
  readonly start: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Runs jobs a few at a time: owners in turn, each owner's jobs in their order. */
export class JailQueue {
  readonly concurrent: number;
  readonly mostWaiting: number;
  private readonly lines = new Map<string, Waiting[]>();
  private readonly running = new Map<Promise<void>, AbortController>();
  private closed = false;

  constructor({ concurrent, waiting = 1000 }: JailQueueOptions) {
    if (!(Number.isInteger(concurrent) && concurrent > 0))
      throw new RangeError(`JailQueue: concurrent should be a whole number above 0. Received: ${concurrent}`);
    if (!(Number.isInteger(waiting) && waiting >= 0))
      throw new RangeError(`JailQueue: waiting should be a whole number, 0 or more. Received: ${waiting}`);
    this.concurrent = concurrent;
    this.mostWaiting = waiting;
  }

  /** Jobs that wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const line of this.lines.values()) count += line.length;
    return count;
  }

  /** Runs a job when its turn comes. Rejects when the queue is full or closed, and with the signal's reason on an abort. */
  async run({ owner = "", ...options }: QueuedOptions): Promise<JailResult> {
    if (this.closed) throw new Error(closedMessage);
    options.signal?.throwIfAborted();
    if (this.running.size >= this.concurrent && this.waiting >= this.mostWaiting)
      throw new Error(`${this.waiting} submissions are waiting already, which is as many as may. Try again in a minute.`);
    return new Promise<JailResult>((resolve, reject) => {
      const { signal } = options;
      const leave = () => {
        this.forget(owner, entry);
        reject(signal!.reason);
      };
      const start = () => {
        signal?.removeEventListener("abort", leave);
        const stop = new AbortController();
        const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
        const job = runInJail({ ...options, signal: both })
          .then(resolve, reject)
          .finally(() => {
            this.running.delete(job);
            this.next();
          });
        this.running.set(job, stop);
      };
      const entry = { start, reject };
      signal?.addEventListener("abort", leave, { once: true });
      this.lines.set(owner, [...(this.lines.get(owner) ?? []), entry]);
      this.next();
    });
  }

  /** Rejects what waits, kills what runs, and resolves when no process is left. */
  async close(): Promise<void> {
    this.closed = true;
    const error = new Error(closedMessage);
    for (const line of this.lines.values()) for (const { reject } of line) reject(error);
    this.lines.clear();
    for (const stop of this.running.values()) stop.abort(error);
    await Promise.all(this.running.keys());
  }

  private next(): void {
    while (this.running.size < this.concurrent) {
      const [turn] = this.lines; // a Map keeps the order in which owners came
      if (!turn) return;
      const [owner, [first, ...rest]] = turn;
      this.lines.delete(owner);
      if (rest.length) this.lines.set(owner, rest); // to the end: the others' turn
      first!.start();
    }
  }

  private forget(owner: string, entry: Waiting): void {
    const rest = (this.lines.get(owner) ?? []).filter((other) => other !== entry);
    if (rest.length) this.lines.set(owner, rest);
    else this.lines.delete(owner);
  }
}

const closedMessage = "The queue is closed, because the server is stopping. Submit again when it is back.";
