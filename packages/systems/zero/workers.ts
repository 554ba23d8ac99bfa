import { StateError } from "@gradus/tensor";
import type { NetworkConfig } from "./model.ts";
import type { PlayedGame, SelfPlayOptions } from "./self-play.ts";

/** What a thread that plays is told first, and then each time it is to play on. */
export type Order =
  | {
      readonly kind: "begin";
      readonly game: string;
      readonly network: NetworkConfig;
      readonly options: SelfPlayOptions;
      readonly seed: number;
    }
  | { readonly kind: "play"; readonly weights: readonly Float32Array[]; readonly games: number };

export type Answer =
  | { readonly kind: "game"; readonly game: PlayedGame }
  | { readonly kind: "done"; readonly evaluations: number; readonly moves: number }
  | { readonly kind: "failed"; readonly message: string };

/** Threads of Node.js that play games against themselves, each on one core. */
export class SelfPlayThreads {
  private readonly threads: readonly Thread[];

  private constructor(threads: readonly Thread[]) {
    this.threads = threads;
  }

  static async start(count: number, order: Omit<Extract<Order, { kind: "begin" }>, "kind" | "seed">, seed: (i: number) => number) {
    const threads = await Promise.all(Array.from({ length: count }, () => Thread.start()));
    for (const [i, thread] of threads.entries()) thread.post({ ...order, kind: "begin", seed: seed(i) });
    return new SelfPlayThreads(threads);
  }

  /** So many more games with these weights, handed out as they end. */
  async play(
    weights: readonly Float32Array[],
    games: number,
    ended: (game: PlayedGame) => void,
  ): Promise<{ evaluations: number; moves: number }> {
    const counts = this.threads.map((_, i) => Math.floor(games / this.threads.length) + Number(i < games % this.threads.length));
    const done = await Promise.all(this.threads.map((thread, i) => thread.play({ kind: "play", weights, games: counts[i]! }, ended)));
    return done.reduce((a, b) => ({ evaluations: a.evaluations + b.evaluations, moves: a.moves + b.moves }));
  }

  stop(): void {
    for (const thread of this.threads) thread.stop();
  }
}

class Thread {
  readonly post: (order: Order) => void;
  readonly stop: () => void;
  private listener: ((answer: Answer) => void) | null = null;

  private constructor(post: (order: Order) => void, stop: () => void) {
    this.post = post;
    this.stop = stop;
  }

  static async start(): Promise<Thread> {
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { execArgv: [] });
    const thread = new Thread(
      (order) => worker.postMessage(order),
      () => {
        thread.listener = null;
        void worker.terminate();
      },
    );
    worker.on("message", (answer: Answer) => thread.listener?.(answer));
    const failed = (message: string) => thread.listener?.({ kind: "failed", message });
    worker.on("error", (error) => failed(error.message));
    worker.on("exit", () => failed("it stopped"));
    return thread;
  }

  play(order: Order, ended: (game: PlayedGame) => void): Promise<{ evaluations: number; moves: number }> {
    return new Promise((resolve, reject) => {
      this.listener = (answer) => {
        if (answer.kind === "game") ended(answer.game);
        else if (answer.kind === "done") resolve(answer);
        else reject(new StateError("self-play", `a thread failed: ${answer.message}`));
      };
      this.post(order);
    });
  }
}
