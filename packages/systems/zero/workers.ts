import type { Worker } from "node:worker_threads";
import { ArgumentError, StateError } from "@gradus/tensor";
import type { NetworkConfig } from "./model.ts";
import type { PlayedGame, SelfPlayOptions } from "./self-play.ts";
import type { Players } from "./train.ts";

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

/** What it answers: games as they end, then what the order came to. */
export type Answer =
  | { readonly kind: "game"; readonly game: PlayedGame }
  | { readonly kind: "done"; readonly evaluations: number; readonly moves: number }
  | { readonly kind: "failed"; readonly message: string };

/** More are of no use: each has a network of its own. */
export const mostThreads = 64;

/** Threads of Node.js that play games against themselves, each on one core. */
export class SelfPlayThreads implements Players {
  private readonly threads: readonly Thread[];

  private constructor(threads: readonly Thread[]) {
    this.threads = threads;
  }

  /** StateError where a thread cannot begin, now or later, when it has stopped. */
  static async start(count: number, order: Omit<Extract<Order, { kind: "begin" }>, "kind" | "seed">, seed: (i: number) => number) {
    if (!(Number.isInteger(count) && count >= 1 && count <= mostThreads))
      throw new ArgumentError("self-play", `the number of threads is ${count}`, `Give a whole number from 1 to ${mostThreads}`);
    const { Worker } = await import("node:worker_threads");
    const open = () => new Thread(new Worker(new URL("./worker.ts", import.meta.url), { execArgv: [] }));
    const all = new SelfPlayThreads(Array.from({ length: count }, open));
    try {
      await Promise.all(all.threads.map((thread, i) => thread.ask({ ...order, kind: "begin", seed: seed(i) })));
    } catch (error) {
      all.stop();
      throw error;
    }
    return all;
  }

  /** So many more games with these weights. Each thread plays its share, and the threads' games are numbered in turn. */
  async play(...[weights, games, ended]: Parameters<Players["play"]>): ReturnType<Players["play"]> {
    const n = this.threads.length;
    const done = await Promise.all(
      this.threads.map((thread, i) => {
        let own = 0;
        const order = { kind: "play", weights, games: Math.floor(games / n) + Number(i < games % n) } as const;
        return thread.ask(order, (game) => ended({ number: i + n * own++, ...game }));
      }),
    );
    return done.reduce((a, b) => ({ evaluations: a.evaluations + b.evaluations, moves: a.moves + b.moves }));
  }

  stop(): void {
    for (const thread of this.threads) thread.stop();
  }
}

class Thread {
  private readonly worker: Worker;
  /** Why it answers no more. */
  private failure: StateError | null = null;
  private heard: (answer: Answer) => void = () => {};

  constructor(worker: Worker) {
    this.worker = worker;
    worker.on("message", (answer: Answer) => {
      if (answer.kind === "failed") this.fail(answer.message);
      else this.heard(answer);
    });
    worker.on("error", (error) => this.fail(error.message));
    worker.on("exit", () => this.fail("it stopped"));
  }

  /** Gives an order, and waits until it is carried out. StateError once the thread has failed, whenever that was. */
  ask(order: Order, ended: (game: PlayedGame) => void = () => {}): ReturnType<Players["play"]> {
    return new Promise((resolve, reject) => {
      this.heard = (answer) => {
        if (answer.kind === "game") ended(answer.game);
        else if (answer.kind === "failed") reject(this.failure);
        else resolve(answer);
      };
      if (this.failure) reject(this.failure);
      else this.worker.postMessage(order);
    });
  }

  stop(): void {
    void this.worker.terminate();
  }

  private fail(message: string): void {
    this.failure ??= new StateError("self-play", `a thread failed: ${message}`);
    this.heard({ kind: "failed", message });
  }
}
