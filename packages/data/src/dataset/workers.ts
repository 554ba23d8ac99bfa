import { GradusError, StateError, Tensor } from "@gradus/tensor";
import { toArrayData } from "@gradus/tensor/io";
import type { Stage } from "./cursor.ts";
import { mapLeaves } from "./element.ts";
import { aheadStage } from "./prefetch.ts";
import type { Answer, Task } from "./worker.ts";

interface Thread {
  post(task: Task): void;
  /** Keeps Node.js running while there is work. */
  busy(is: boolean): void;
  stop(): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Listener = { answer(answer: Answer): void; failed(error: Error): void };

/** A few workers that stop when no pass has used them for a while, or when one of them dies. */
class Workers {
  private readonly count: number;
  private threads: { thread: Thread; waiting: Map<number, Waiting> }[] = [];
  private starting: Promise<void> | null = null;
  private nextId = 0;
  private passes = 0;
  private idle: ReturnType<typeof setTimeout> | undefined;

  constructor(count: number) {
    this.count = count;
  }

  /** Says that a pass begins; the result says that it is over. */
  use(): () => void {
    this.passes++;
    clearTimeout(this.idle);
    return () => {
      if (--this.passes) return;
      this.idle = setTimeout(() => this.stop(), 500);
      (this.idle as { unref?: () => void }).unref?.();
    };
  }

  async run(task: Omit<Task, "id">): Promise<unknown> {
    this.starting ??= this.start();
    await this.starting;
    const least = this.threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      least.waiting.set(id, { resolve, reject });
      least.thread.busy(true);
      try {
        least.thread.post({ ...task, id });
      } catch (error) {
        least.waiting.delete(id);
        reject(new StateError("map", `an element cannot be sent to a worker: ${(error as Error).message}`));
      }
    });
  }

  private async start(): Promise<void> {
    for (let i = 0; i < this.count; i++) {
      const waiting = new Map<number, Waiting>();
      const thread = await startThread({
        answer: (answer) => {
          const waiter = waiting.get(answer.id);
          waiting.delete(answer.id);
          if (!waiting.size) thread.busy(false);
          if ("error" in answer) waiter?.reject(new GradusError("map", `a worker's function failed: ${answer.error}`));
          else waiter?.resolve(answer.value);
        },
        failed: (error) => {
          const failure = new GradusError("map", `a worker failed: ${error.message}`);
          for (const waiter of [waiting, ...this.threads.map((t) => t.waiting)].flatMap((w) => [...w.values()])) waiter.reject(failure);
          this.stop(); // the next element starts new ones
        },
      });
      thread.busy(false);
      this.threads.push({ thread, waiting });
    }
  }

  private stop(): void {
    for (const { thread } of this.threads) thread.stop();
    this.threads = [];
    this.starting = null;
  }
}

async function startThread(listener: Listener): Promise<Thread> {
  if (typeof process === "object" && process.versions?.node) {
    const { Worker: NodeWorker } = await import("node:worker_threads");
    const worker = new NodeWorker(new URL("./worker.ts", import.meta.url), { execArgv: [] });
    worker.on("message", (answer: Answer) => listener.answer(answer));
    let stopped = false;
    const failed = (error: Error) => {
      if (!stopped) listener.failed(error);
      stopped = true;
    };
    worker.on("error", failed);
    worker.on("exit", () => failed(new Error("it stopped")));
    return {
      post: (task) => worker.postMessage(task),
      busy: (is) => (is ? worker.ref() : worker.unref()),
      stop: () => {
        stopped = true;
        void worker.terminate();
      },
    };
  }
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => listener.answer(data as Answer);
  worker.onerror = (event) => listener.failed(new Error(event.message || "its module could not be loaded"));
  return { post: (task) => worker.postMessage(task), busy() {}, stop: () => worker.terminate() };
}

export interface WorkerMapOptions {
  /** Number of workers. Default: as many as there are cores, 4 at most. */
  readonly workers?: number;
  /** The function the module exports. Default `default`. */
  readonly name?: string;
  /** Elements in work or waiting to be asked for. Default: 4 a worker. */
  readonly ahead?: number;
  readonly seed?: number;
}

/** Applies a function of another module on workers, in order. Tensors reach it as `{ shape, dtype, data }`. */
export function workerMapStage<T>(source: Stage<T>, module: string, options: WorkerMapOptions): Stage<unknown> {
  const { workers: count = Math.min(4, globalThis.navigator?.hardwareConcurrency ?? 2), name = "default", seed = 0 } = options;
  const workers = new Workers(count);
  const work = async (element: T, epoch: number, index: number): Promise<unknown> =>
    workers.run({ module, name, element: await withoutTensors(element), seed, epoch, index });
  return aheadStage(source, options.ahead ?? 4 * count, work, () => workers.use());
}

async function withoutTensors(tree: unknown): Promise<unknown> {
  const found: { tensor: Tensor; data?: unknown }[] = [];
  mapLeaves(tree, (leaf) => (leaf instanceof Tensor ? found.push({ tensor: leaf }) : 0));
  if (!found.length) return tree;
  for (const entry of found) entry.data = await toArrayData(entry.tensor);
  let next = 0;
  return mapLeaves(tree, (leaf) => (leaf instanceof Tensor ? found[next++]!.data : leaf));
}
