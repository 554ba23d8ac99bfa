import { explainPlan } from "../../compile/explain.ts";
import { readSlots, writtenSlots } from "../../compile/fuse.ts";
import type { ContractionKernel, Kernel, LoopKernel, Slot } from "../../compile/kernel.ts";
import { type Plan, plan } from "../../compile/plan.ts";
import type { AttentionSizes, Target } from "../../compile/target.ts";
import { bytesOf, type DType, dtypeInfo, type TypedArray } from "../../dtype.ts";
import { StateError } from "../../errors.ts";
import { debugLevel } from "../../graph/debug.ts";
import type { Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../shape.ts";
import type { Backend, BackendMemory, DeviceBuffer, Executable } from "../backend.ts";
import { evaluate } from "../reference/index.ts";
import { hasRelaxedSimd, ModuleBuilder } from "./assembler.ts";
import { type Compiled, compileChain, kernelParameters, type Timed } from "./chain.ts";
import { disassemble } from "./disassemble.ts";
import { planContraction } from "./gemm.ts";
import { hostFunctions } from "./host-functions.ts";
import { emitLoop, loopScratch, unitsTogether } from "./loop.ts";
import { MathLibrary, mathImports } from "./math.ts";
import { Heap } from "./memory.ts";
import { planOpaque } from "./opaque.ts";
import { type ModuleHandle, Pool, type Step } from "./pool.ts";
import { Speller } from "./values.ts";
import { emitWave, type Part, type Wave, waves } from "./waves.ts";

export interface WasmOptions {
  /** Threads, the calling one among them; by default what the machine runs at once. */
  readonly threads?: number;
  /** Use fused multiply-add; by default wherever the engine has it. */
  readonly relaxed?: boolean;
  readonly shared?: boolean;
  readonly limitBytes?: number;
}

/** What this backend asks of a plan. */
export const target: Target = {
  bytesOf,
  alignment: 64,
  segment: Number.POSITIVE_INFINITY,
  slots: Number.POSITIVE_INFINITY,
  contractions: ["float32", "float64"],
  guardedOperands: false,
  joins: "rows",
  winograd: true,
  ownAttention,
  fewHeads: 8,
};

/** Scores that fit the caches, and features with which a matrix product runs at full speed. */
const cachedScores = 2 ** 20;
const wideFeatures = 16;

/**
 * As measured, kernels that never store scores are faster, but for one case: with a gradient they compute scores twice,
 * which costs more than keeping few of them unless causal attention lets them skip half.
 */
function ownAttention({ heads, T, S, d, dtype, causal, withGradient }: AttentionSizes): boolean {
  if (dtype !== "float32") return false;
  return !withGradient || causal || heads * T * S >= cachedScores || d < wideFeatures;
}

/** Elements a chunk must hold to be worth handing to another thread: some tens of microseconds of work. */
const chunkWork = 2 ** 15;

class WasmBuffer implements DeviceBuffer {
  readonly backend: Backend;
  readonly bytes: number;
  readonly address: number;
  freed = false;

  constructor(backend: Backend, bytes: number, address: number) {
    this.backend = backend;
    this.bytes = bytes;
    this.address = address;
  }
}

/** Generated WebAssembly SIMD on the CPU, with threads over shared memory where the engine allows them. */
export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly heap: Heap;
  readonly pool: Pool;
  readonly relaxed: boolean;
  private buffers = 0;
  private count = 0;
  private arenaAddress = 0;
  private arenaBytes = 0;

  constructor(options: WasmOptions = {}) {
    const { threads, relaxed, shared, limitBytes } = options;
    this.heap = new Heap({ ...(shared === undefined ? {} : { shared }), ...(limitBytes === undefined ? {} : { limitBytes }) });
    const math = { ...mathImports, ...hostFunctions } as unknown as Record<string, (...values: number[]) => number>;
    this.pool = new Pool(this.heap, { math, ...(threads === undefined ? {} : { threads }) });
    this.relaxed = relaxed ?? hasRelaxedSimd();
  }

  get description(): string {
    const threads = this.pool.threads;
    return `WebAssembly SIMD${this.relaxed ? " with fused multiply-add" : ""}, ${threads} thread${threads === 1 ? "" : "s"}`;
  }

  ready(): Promise<void> {
    return this.pool.started();
  }

  allocate(dtype: DType, length: number): WasmBuffer {
    const bytes = length * bytesOf(dtype);
    const buffer = new WasmBuffer(this, bytes, this.heap.allocate(Math.max(bytes, 1)));
    this.buffers += bytes;
    this.count++;
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    const own = buffer as WasmBuffer;
    if (own.freed) throw new StateError("free", "a buffer was freed twice");
    own.freed = true;
    this.buffers -= own.bytes;
    this.count--;
    this.heap.free(own.address);
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.heap.u8.set(bytes, (buffer as WasmBuffer).address);
  }

  readSync(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    const { address } = buffer as WasmBuffer;
    const { array } = dtypeInfo(dtype);
    const out = new array(length);
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(this.heap.u8.subarray(address, address + length * bytesOf(dtype)));
    return out;
  }

  read(buffer: DeviceBuffer, dtype: DType, length: number): Promise<TypedArray> {
    return Promise.resolve(this.readSync(buffer, dtype, length));
  }

  build(graph: Graph): Executable {
    return new WasmProgram(this, plan(graph, target), graph.inPlace);
  }

  /** Intermediates of all programs share one stretch of memory: programs run one at a time. */
  arena(bytes: number): number {
    if (bytes > this.arenaBytes) {
      // Given back first: nobody needs what is in it, and the larger one may begin in its place.
      if (this.arenaBytes) this.heap.free(this.arenaAddress);
      this.arenaBytes = 0;
      this.arenaAddress = this.heap.allocate(bytes);
      this.arenaBytes = bytes;
    }
    return this.arenaAddress;
  }

  memory(): BackendMemory {
    return { buffers: this.buffers, arenas: this.arenaBytes, reserved: this.heap.statistics().reserved, count: this.count };
  }

  dispose(): void {
    this.pool.dispose();
  }
}

/** A place in a table of arguments that has to be filled with a slot's address. */
interface Entry {
  readonly word: number;
  readonly slot: Slot;
}

/** Steps to run, and the same kernel by kernel for profiles. */
type Action =
  | { readonly steps: readonly Step[]; readonly kernels: readonly Step[] }
  | { readonly host: Extract<Kernel, { kind: "opaque" }> };

/** A kernel's function, with what threads and the profile need to know. */
interface KernelPart extends Part {
  readonly name: string;
  readonly grain: number;
  readonly parallel: boolean;
  readonly timed: Timed;
}

/** Workspaces from this size on are shared: what is smaller may run at the same time as others, and must not wait for them. */
const sharedFrom = 2 ** 18;

/**
 * Memory behind the planned arena for what one kernel alone needs: packed operands, sums of threads. All kernels have the same place
 * for their large ones, so that a network's weights are not all packed at once; where they may not follow each other closely, `waves`
 * sees that they write to the same addresses.
 */
class Workspaces {
  private end: number;
  private readonly shared: { readonly place: { offset: number }; readonly offset: number }[] = [];
  private sharedBytes = 0;
  private used = 0;

  constructor(end: number) {
    this.end = end;
  }

  /** Begins with another kernel. */
  next(): void {
    this.used = 0;
  }

  reserve(dtype: DType, bytes: number): Slot {
    const aligned = Math.ceil(bytes / 64) * 64;
    const place = { kind: "arena" as const, offset: this.end };
    if (bytes < sharedFrom) this.end += aligned;
    else {
      this.shared.push({ place, offset: this.used });
      this.used += aligned;
      this.sharedBytes = Math.max(this.sharedBytes, this.used);
    }
    return { index: -1, dtype, size: 0, bytes, place };
  }

  /** Gives all their places, and returns where they end. */
  place(): number {
    for (const { place, offset } of this.shared) place.offset = this.end + offset;
    return this.end + this.sharedBytes;
  }
}

class WasmProgram implements Executable {
  readonly arenaBytes: number;
  private readonly backend: WasmBackend;
  private readonly plan: Plan;
  private readonly module: ModuleHandle | null;
  private readonly actions: readonly Action[];
  private readonly timed: readonly Timed[][];
  private readonly entries: readonly Entry[];
  private readonly table: number;
  private readonly code: number;
  private arenaAddress = -1;
  private disposed = false;

  constructor(backend: WasmBackend, planned: Plan, inPlace: readonly number[]) {
    this.backend = backend;
    this.plan = planned;
    const module = new ModuleBuilder();
    module.importMemory("env", "memory", backend.heap.limits);
    const math = new MathLibrary(module, { relaxed: backend.relaxed });
    const speller = new Speller(module, math);
    const entries: Entry[] = [];
    const pending: KernelPart[][] = [];
    const actions: ({ steps: number } | { host: Extract<Kernel, { kind: "opaque" }> })[] = [];
    let words = 0;
    const workspaces = new Workspaces(planned.arenaBytes);
    let scratch = 0;
    let group: KernelPart[] | null = null;
    const add = (part: KernelPart): void => {
      if (!group) {
        group = [];
        pending.push(group);
        actions.push({ steps: pending.length - 1 });
      }
      group.push(part);
    };
    /** Reserves places for slots in the table; returns the first. */
    const reserve = (slots: readonly Slot[]): number => {
      const word = words;
      slots.forEach((slot, k) => {
        if (slot.place.kind !== "block") entries.push({ word: word + k, slot });
      });
      words += slots.length;
      return word;
    };
    /** A loop or contraction: adds what must run before it, and returns its main function with the slots of its table. */
    const compile = (kernel: LoopKernel | ContractionKernel, name: string): Compiled => {
      if (kernel.kind === "loop") {
        const slots = [...new Set([...readSlots(kernel), ...writtenSlots(kernel)])];
        const emit = () =>
          module.func(name, kernelParameters, [], (f) => emitLoop(f, kernel, speller, (access) => slots.indexOf(access.slot)));
        const work = loopWork(kernel);
        return { emit, slots, ...sharing(kernel), cost: costOf(work, "loop"), scratchBytes: loopScratch(kernel), timed: { name, ...work } };
      }
      const code = planContraction(kernel, backend.relaxed, name);
      const packed = workspaces.reserve(kernel.dtype, code.packedBytes);
      const slots = [kernel.a.slot, kernel.b.slot, kernel.out, packed];
      const before = code.kernels.slice(0, -1);
      for (const part of before) {
        scratch = Math.max(scratch, part.scratchBytes);
        const timed = { name: part.name, flops: 0, bytes: code.packedBytes };
        const cost = part.parallel ? Number.POSITIVE_INFINITY : costOf(timed, "loop");
        add({ ...part, fn: part.emit(module), word: reserve(slots), timed, cost, reads: [kernel.b.slot], writes: [packed] });
      }
      const main = code.kernels.at(-1)!;
      const work = contractionWork(kernel);
      return { ...main, emit: () => main.emit(module), slots, cost: costOf(work, "contraction"), timed: { name, ...work } };
    };
    planned.kernels.forEach((kernel, i) => {
      const name = `k${i}`;
      workspaces.next();
      if (kernel.kind === "opaque") {
        const opaque = planOpaque(kernel, speller, backend.pool.threads);
        if (!opaque) {
          group = null;
          actions.push({ host: kernel });
          return;
        }
        const fn = module.func(name, kernelParameters, [], (f) => opaque.emit(f, module, math));
        const { units, work, arenaBytes, scratchBytes } = opaque;
        scratch = Math.max(scratch, scratchBytes);
        const workspace = workspaces.reserve("uint8", arenaBytes);
        const slots = [...kernel.inputs, kernel.out, workspace];
        const grain = Math.max(1, Math.ceil(chunkWork / work));
        const bytes = slots.reduce((n, s) => n + s.bytes, 0);
        const parallel = units * work >= 2 * chunkWork && units > 1;
        const [timed, cost] = [{ name, flops: 0, bytes }, Number.POSITIVE_INFINITY];
        add({ name, fn, word: reserve(slots), units, grain, parallel, together: 1, timed, cost, reads: [], writes: [] });
        return;
      }
      const compiled =
        kernel.kind === "chain"
          ? compileChain(
              kernel,
              kernel.stages.map((s, k) => compile(s.kernel, `${name}.${k}`)),
              module,
              name,
            )
          : compile(kernel, name);
      scratch = Math.max(scratch, compiled.scratchBytes);
      const fn = compiled.emit();
      // What was packed beforehand is read by this kernel alone.
      const reads = [...readSlots(kernel), ...compiled.slots.filter((slot) => slot.index < 0)];
      const cost = compiled.parallel ? Number.POSITIVE_INFINITY : compiled.cost;
      add({ ...compiled, name, fn, word: reserve(compiled.slots), cost, reads, writes: writtenSlots(kernel) });
    });
    this.arenaBytes = workspaces.place();
    const waved = pending.map((parts, k) =>
      waves(parts, backend.pool.threads, inPlace).map((wave, i): Wave & { name: string } => {
        const name = `w${k}_${i}`;
        if (!("alone" in wave)) emitWave(module, name, wave);
        return { ...wave, name };
      }),
    );
    this.entries = entries;
    this.table = backend.heap.allocate(Math.max(4 * words, 4));
    if (pending.length) {
      const bytes = module.finish();
      this.code = bytes.length;
      if (debugLevel() >= 4) console.error(disassemble(bytes));
      this.module = backend.pool.load(bytes);
    } else {
      this.code = 0;
      this.module = null;
    }
    backend.pool.scratch(scratch);
    const handle = this.module!;
    const stepOf = ({ name, word, units, grain, parallel }: KernelPart): Step => ({
      ...{ handle, functions: [name], args: [this.table + 4 * word] },
      ...{ units, grain, parallel },
    });
    const lists = waved.map((list) =>
      list.map((wave): Step => {
        if ("alone" in wave) return stepOf(wave.alone as KernelPart);
        const units = "threads" in wave ? wave.threads.length : 1;
        return { handle, functions: [wave.name], args: [this.table], units, grain: 1, parallel: units > 1 };
      }),
    );
    this.actions = actions.map((a) => ("host" in a ? a : { steps: lists[a.steps]!, kernels: pending[a.steps]!.map(stepOf) }));
    this.timed = pending.map((parts) => parts.map((f) => f.timed));
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    if (this.disposed) throw new StateError("run", "the program was disposed");
    const { backend } = this;
    const arena = this.arenaBytes ? backend.arena(this.arenaBytes) : 0;
    const words = backend.heap.u32;
    const base = this.table >>> 2;
    for (const { word, slot } of this.entries) {
      const { place } = slot;
      if (place.kind === "input") words[base + word] = (inputs[place.index] as WasmBuffer).address;
      else if (place.kind === "output") words[base + word] = (outputs[place.index] as WasmBuffer).address;
      else if (place.kind === "arena" && arena !== this.arenaAddress) words[base + word] = arena + place.offset;
    }
    this.arenaAddress = arena;
    const debug = debugLevel();
    let list = 0;
    for (const action of this.actions) {
      if ("host" in action) this.host(action.host, arena, inputs, outputs);
      else if (debug >= 2) this.runTimed(action.kernels, list++);
      else backend.pool.run(action.steps);
    }
    if (debug >= 3) console.error(this.explain());
  }

  private runTimed(steps: readonly Step[], list: number): void {
    steps.forEach((step, i) => {
      const start = performance.now();
      this.backend.pool.run([step]);
      const ms = performance.now() - start;
      const { name, flops, bytes } = this.timed[list]![i]!;
      const rate = flops > 4 * bytes ? `${(flops / ms / 1e6).toFixed(1)} GFLOP/s` : `${(bytes / ms / 1e6).toFixed(1)} GB/s`;
      console.error(`${name.padEnd(24)} ${ms.toFixed(3).padStart(9)} ms  ${rate}`);
    });
  }

  /** A primitive without a generated kernel runs the reference backend's routine on the same memory. */
  private host(
    kernel: Extract<Kernel, { kind: "opaque" }>,
    arena: number,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
  ): void {
    const { heap } = this.backend;
    const view = (slot: Slot): TypedArray => {
      const place = slot.place as Exclude<Slot["place"], { kind: "block" }>; // what a chain keeps to itself is never an operand here
      const address =
        place.kind === "arena" ? arena + place.offset : ((place.kind === "output" ? outputs : inputs)[place.index] as WasmBuffer).address;
      return new (dtypeInfo(slot.dtype).array)(heap.memory.buffer, address, slot.size);
    };
    const result = evaluate(kernel.node, kernel.inputs.map(view));
    view(kernel.out).set(result as never);
  }

  explain(): string {
    return `${explainPlan(this.plan)}\ncode: ${this.code} bytes of WebAssembly`;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.module?.dispose();
    this.backend.heap.free(this.table);
  }
}

/** How many units a loop kernel has and how threads share them. */
function sharing(kernel: LoopKernel): Pick<Compiled, "units" | "grain" | "together" | "parallel"> {
  const units = sizeOf(kernel.dims.slice(0, kernel.split));
  const work = sizeOf(kernel.dims.slice(kernel.split)) * Math.max(1, kernel.body.length / 8);
  const total = units * work;
  const grain = Math.max(1, Math.min(Math.ceil(chunkWork / work), Math.ceil(units / 4)));
  const together = unitsTogether(kernel);
  return { units, grain: Math.ceil(grain / together) * together, together, parallel: total >= 2 * chunkWork && units > together };
}

/** Microseconds on one thread, roughly: what is done, where it lies, and getting started. */
function costOf({ flops, bytes }: { flops: number; bytes: number }, kind: "loop" | "contraction"): number {
  return flops / (kind === "loop" ? 10_000 : 45_000) + bytes / 40_000 + 0.1;
}

function loopWork(kernel: LoopKernel): { flops: number; bytes: number } {
  const slots = new Set([...readSlots(kernel), ...writtenSlots(kernel)]);
  return { flops: sizeOf(kernel.dims) * kernel.body.length, bytes: [...slots].reduce((n, s) => n + s.bytes, 0) };
}

function contractionWork(kernel: ContractionKernel): { flops: number; bytes: number } {
  const points = sizeOf([...kernel.batch, ...kernel.rows, ...kernel.columns, ...kernel.inner]);
  return { flops: 2 * points, bytes: kernel.a.slot.bytes + kernel.b.slot.bytes + kernel.out.bytes };
}
