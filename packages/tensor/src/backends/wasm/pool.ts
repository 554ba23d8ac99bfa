import { ArgumentError, GradusError, StateError } from "../../errors.ts";
import type { Heap } from "./memory.ts";
import { control, type KernelFunction, type MathFunctions, type WorkerStart, workerMain } from "./worker.ts";

export interface PoolOptions {
  /** The calling thread among them. By default as many as the machine runs at once. */
  threads?: number;
  /**
   * What modules may import as ("math", name). Functions other than those of `Math` reach the workers as source text, so
   * they must be written as `function` or arrow function and mention nothing outside of themselves.
   */
  math?: MathFunctions;
  /** How long an idle worker looks out for work before it sleeps. */
  spinMicroseconds?: number;
}

/** A module of kernels, loaded; `dispose` gives its memory back. */
export interface ModuleHandle {
  readonly exports: Readonly<Record<string, KernelFunction>>;
  readonly disposed: boolean;
  dispose(): void;
}

/** Kernels of one module that run one after the other on each chunk of the same units. */
export interface Step {
  readonly handle: ModuleHandle;
  readonly functions: readonly string[];
  /** The address of each kernel's table of arguments. */
  readonly args: readonly number[];
  readonly units: number;
  /** Units a chunk. */
  readonly grain: number;
  /** Whether threads share the units; otherwise the caller does them all at once. */
  readonly parallel: boolean;
}

/** A Step with names looked up. */
interface ReadyStep {
  readonly module: LoadedModule;
  readonly functions: readonly KernelFunction[];
  /** Places among the module's exports. */
  readonly places: readonly number[];
  readonly args: readonly number[];
  readonly units: number;
  readonly grain: number;
  readonly parallel: boolean;
}

interface WorkerLike {
  terminate(): unknown;
}

/** Threads that run kernels on one heap: the calling one, and workers where memory can be shared. */
export class Pool {
  readonly heap: Heap;
  private readonly math: MathFunctions;
  private readonly ready = new WeakMap<readonly Step[], readonly ReadyStep[]>();
  private readonly workers: WorkerLike[] = [];
  /** The control block; of no use without workers. */
  private readonly words: Int32Array;
  private readonly canBlock: boolean;
  private sequence = 0;
  private modulesLoaded = 0;
  private scratchAddress = 0;
  private scratchStride = 0;
  private disposed = false;

  constructor(heap: Heap, { threads = defaultThreads(), math = mathFunctions, spinMicroseconds = 50 }: PoolOptions = {}) {
    if (!(Number.isInteger(threads) && threads >= 1)) {
      throw new ArgumentError("Pool", `threads must be a positive integer. Received: ${threads}`);
    }
    this.heap = heap;
    this.math = math;
    const address = heap.shared && threads > 1 ? heap.allocate(4 * control.WORDS) : 0;
    this.words = new Int32Array(heap.memory.buffer, address, address ? control.WORDS : 0).fill(0);
    this.canBlock = address !== 0 && canBlock(this.words);
    if (address !== 0) {
      const start = { memory: heap.memory, controlAddress: address, control, spinMicroseconds };
      try {
        const source = workerSource(math);
        for (let thread = 1; thread < threads; thread++) this.workers.push(startWorker(source, { ...start, thread }));
      } catch {
        // Workers are forbidden here, or there are too many: those that started will do.
      }
    }
    this.scratch(4096);
  }

  /** Threads asked for and possible. A worker that is still starting is among them. */
  get threads(): number {
    return 1 + this.workers.length;
  }

  /**
   * Resolves when every worker has started, or after so many milliseconds. Nothing needs it for a right result: workers may
   * come late. But a page's workers start only while the page's own code waits.
   */
  async started(timeout = 1000): Promise<void> {
    const deadline = performance.now() + timeout;
    const missing = () => Atomics.load(this.words, control.PRESENT) < this.workers.length;
    while (!this.disposed && this.workers.length > 0 && missing() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Makes every thread's scratch area at least this large. */
  scratch(bytes: number): void {
    if (bytes <= this.scratchStride) return;
    // Two threads never write to neighbouring cache lines.
    const stride = Math.ceil(bytes / 128) * 128 + 128;
    const address = this.heap.allocate(stride * this.threads);
    if (this.scratchStride > 0) this.heap.free(this.scratchAddress);
    this.scratchAddress = address;
    this.scratchStride = stride;
  }

  /** Compiles a module here and now, and on each worker when that first takes part in a step of it. */
  load(bytes: Uint8Array<ArrayBuffer>): ModuleHandle {
    this.check("load");
    const module = new WebAssembly.Module(bytes);
    const instance = new WebAssembly.Instance(module, { env: { memory: this.heap.memory }, math: { ...this.math } });
    let address = 0;
    if (this.workers.length > 0) {
      address = this.heap.allocate(bytes.length);
      this.heap.u8.set(bytes, address);
    }
    const exports = instance.exports as Record<string, KernelFunction>;
    return new LoadedModule(this, ++this.modulesLoaded, exports, address, bytes.length);
  }

  unload(module: LoadedModule): void {
    if (module.address === 0 || this.disposed) return;
    this.heap.free(module.address);
    const count = this.words[control.UNLOADED] as number;
    this.words[control.UNLOADED_RING + (count % control.RING)] = module.number;
    this.words[control.UNLOADED] = count + 1;
  }

  /**
   * Runs the steps in order, and returns when all is done. What is looked up for an array of steps is kept with it: pass
   * the same array again, and do not change it.
   */
  run(steps: readonly Step[]): void {
    this.check("run");
    const ready = this.ready.get(steps) ?? this.prepare(steps);
    for (let i = 0; i < ready.length; i++) {
      const step = ready[i] as ReadyStep;
      if (step.module.disposed) throw new StateError("run", "a step's module was disposed of");
      if (step.parallel && this.workers.length > 0) {
        this.runShared(step);
      } else {
        const { functions, args, units } = step;
        for (let j = 0; j < functions.length; j++) {
          (functions[j] as KernelFunction)(args[j] as number, 0, units, this.scratchAddress);
        }
      }
    }
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.heap.free(this.scratchAddress);
    if (this.workers.length === 0) return;
    // The control block stays allocated: a worker may look at it once more before it ends.
    Atomics.store(this.words, control.SEQUENCE, control.STOP);
    Atomics.notify(this.words, control.SEQUENCE);
    for (const worker of this.workers) worker.terminate();
  }

  private prepare(steps: readonly Step[]): readonly ReadyStep[] {
    const ready = steps.flatMap(resolve);
    this.ready.set(steps, ready);
    return ready;
  }

  private check(operation: string): void {
    if (this.disposed) throw new StateError(operation, "this pool was disposed of");
  }

  private runShared({ module, functions, places, args, units, grain }: ReadyStep): void {
    const { words } = this;
    const chunks = Math.ceil(units / grain);
    words[control.FAILED] = 0;
    words[control.MODULE] = module.number;
    words[control.BYTES] = module.address;
    words[control.BYTES_LENGTH] = module.length;
    words[control.UNITS] = units;
    words[control.GRAIN] = grain;
    words[control.SCRATCH] = this.scratchAddress;
    words[control.SCRATCH_STRIDE] = this.scratchStride;
    words[control.CHAIN_LENGTH] = functions.length;
    for (let i = 0; i < functions.length; i++) {
      words[control.CHAIN + 2 * i] = places[i] as number;
      words[control.CHAIN + 2 * i + 1] = args[i] as number;
    }
    Atomics.store(words, control.NEXT, 0);
    // Even to odd and back, in 31 bits so that STOP never comes up.
    this.sequence = (this.sequence + 2) & 0x7ffffffe;
    Atomics.store(words, control.SEQUENCE, this.sequence + 1);
    if (Atomics.load(words, control.SLEEPERS) > 0) Atomics.notify(words, control.SEQUENCE, chunks - 1);
    try {
      for (;;) {
        const chunk = Atomics.add(words, control.NEXT, 1);
        if (chunk >= chunks) break;
        const begin = chunk * grain;
        const end = Math.min(begin + grain, units);
        for (let j = 0; j < functions.length; j++) {
          (functions[j] as KernelFunction)(args[j] as number, begin, end, this.scratchAddress);
        }
      }
    } finally {
      Atomics.store(words, control.NEXT, chunks);
      Atomics.store(words, control.SEQUENCE, this.sequence + 2);
      this.waitForWorkers();
    }
    if (words[control.FAILED] !== 0) this.throwWorkersError();
  }

  private waitForWorkers(): void {
    const { words } = this;
    for (let spins = 0; spins < 20000 || !this.canBlock; spins++) {
      if (Atomics.load(words, control.ACTIVE) === 0) return;
      pause();
    }
    Atomics.store(words, control.CALLER_WAITS, 1);
    for (let active = 1; active !== 0; active = Atomics.load(words, control.ACTIVE)) {
      Atomics.wait(words, control.ACTIVE, active, 10);
    }
    Atomics.store(words, control.CALLER_WAITS, 0);
  }

  private throwWorkersError(): never {
    const length = this.words[control.MESSAGE_LENGTH] as number;
    const message = String.fromCharCode(...this.words.subarray(control.MESSAGE, control.MESSAGE + length));
    throw new GradusError("run", `a kernel failed on another thread: ${message}`);
  }
}

class LoadedModule implements ModuleHandle {
  readonly number: number;
  readonly exports: Readonly<Record<string, KernelFunction>>;
  /** Where the module's bytes lie for workers to compile; 0 if nowhere. */
  readonly address: number;
  readonly length: number;
  disposed = false;
  private readonly pool: Pool;

  constructor(pool: Pool, number: number, exports: Readonly<Record<string, KernelFunction>>, address: number, length: number) {
    this.pool = pool;
    this.number = number;
    this.exports = exports;
    this.address = address;
    this.length = length;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.pool.unload(this);
  }
}

/** Splits chains longer than the control block holds. */
function resolve(step: Step): ReadyStep[] {
  const { handle, functions: names, args, units, grain } = step;
  if (names.length !== args.length || !(units >= 0) || !(grain >= 1)) {
    throw new ArgumentError("run", `malformed step: ${names.length} kernels, ${args.length} arguments, ${units} units, grain ${grain}`);
  }
  const exported = Object.keys(handle.exports);
  const ready: ReadyStep[] = [];
  for (let first = 0; first < names.length; first += control.LONGEST_CHAIN) {
    const chain = names.slice(first, first + control.LONGEST_CHAIN);
    const functions = chain.map((name) => {
      const kernel = handle.exports[name];
      if (!kernel) throw new ArgumentError("run", `the module exports no kernel named ${name}`);
      return kernel;
    });
    ready.push({
      module: handle as LoadedModule,
      functions,
      places: chain.map((name) => exported.indexOf(name)),
      args: args.slice(first, first + chain.length),
      units,
      grain,
      parallel: step.parallel && units > grain,
    });
  }
  return ready;
}

const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

/** Every function of `Math`, for modules to import. */
export const mathFunctions: MathFunctions = Object.fromEntries(
  Object.getOwnPropertyNames(Math)
    .map((name) => [name, (Math as unknown as Record<string, unknown>)[name]] as const)
    .filter((entry): entry is readonly [string, (...values: number[]) => number] => typeof entry[1] === "function"),
);

/** A browser's main thread must not block, and says so when it is asked to. */
function canBlock(words: Int32Array): boolean {
  try {
    Atomics.wait(words as Int32Array<SharedArrayBuffer>, control.ACTIVE, 1, 0);
    return true;
  } catch {
    return false;
  }
}

function defaultThreads(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** A script that calls `main(start)` with the worker's own copies of the math functions. */
function workerSource(math: MathFunctions): string {
  const own = Object.entries(math).map(([name, fn]) => {
    const isNative = (Math as unknown as Record<string, unknown>)[name] === fn;
    return `${JSON.stringify(name)}: ${isNative ? `Math[${JSON.stringify(name)}]` : `(${fn})`}`;
  });
  return `const main = (start) => (${workerMain})(start, { ${own.join(", ")} });`;
}

interface NodeWorkerThreads {
  Worker: new (source: string, options: object) => WorkerLike & { unref(): void; on(event: string, listener: () => void): void };
}

function startWorker(source: string, start: WorkerStart): WorkerLike {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const threads = process?.getBuiltinModule?.("node:worker_threads") as NodeWorkerThreads | undefined;
  if (threads) {
    const script = `${source} main(require("node:worker_threads").workerData);`;
    const worker = new threads.Worker(script, { eval: true, workerData: start, execArgv: [] });
    worker.unref();
    // One that cannot start is not missed; without a listener the error would end the process.
    worker.on("error", () => {});
    return worker;
  }
  const script = `${source} onmessage = ({ data }) => { main(data); close(); };`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.postMessage(start);
  // Some engines fetch the script only after the constructor has returned.
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  return worker;
}
