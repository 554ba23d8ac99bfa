import type { Target } from "../../compile/target.ts";
import { bytesOf, type DType, type TypedArray } from "../../dtype.ts";
import { DTypeError, StateError } from "../../errors.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Backend, BackendMemory, BackendWork, DeviceBuffer, Executable } from "../backend.ts";
import { mostFeatures } from "./attention.ts";
import { type Gpu, type GpuOptions, lostError, mapRead, openGpu, usage } from "./device.ts";
import { HostProgram } from "./host.ts";
import { measureCut } from "./measure.ts";
import { BufferPool, sizeClass } from "./memory.ts";
import { Pipelines } from "./pipelines.ts";
import { GpuProgram } from "./program.ts";
import { fromStored, toStored } from "./storage.ts";
import { Timeline } from "./timeline.ts";
import { Tuner } from "./tuning.ts";
import { storedType } from "./values.ts";

export interface WebGpuOptions extends GpuOptions {
  /** Most bytes of all arrays and intermediates; by default what the device gives. */
  readonly limitBytes?: number;
  /** What computes graphs with types that the GPU lacks (float64); without it they are refused. */
  readonly fallback?: Backend;
  /** Try how large products run fastest, when they are first met, and keep it for later sessions. Default: on real GPUs. */
  readonly tune?: boolean;
  /** Plan and count all work (see `workReport`), but do none: arrays have no memory and read as zeros. */
  readonly dry?: boolean;
}

/** The types whose contractions go through tiles in shared memory. */
const contractions: readonly DType[] = ["float32", "float16", "bfloat16"];

export class GpuBuffer implements DeviceBuffer {
  readonly backend: WebGpuBackend;
  readonly dtype: DType;
  readonly length: number;
  /** Bytes on the device. */
  readonly bytes: number;
  readonly gpu: GPUBuffer;
  freed = false;
  /** Why the value was never computed. */
  failure: unknown = null;

  constructor(backend: WebGpuBackend, dtype: DType, length: number, bytes: number, gpu: GPUBuffer) {
    this.backend = backend;
    this.dtype = dtype;
    this.length = length;
    this.bytes = bytes;
    this.gpu = gpu;
  }
}

/** Generated WGSL on a GPU: in browsers, and in Node.js through the npm package `webgpu`. */
export class WebGpuBackend implements Backend {
  readonly name = "webgpu";
  readonly gpu: Gpu;
  readonly pipelines: Pipelines;
  readonly timeline = new Timeline();
  readonly tuner: Tuner;
  readonly target: Target;
  private readonly options: WebGpuOptions;
  private readonly buffers: BufferPool;
  private readonly staging: BufferPool;
  private arenaSegments: GPUBuffer[] = [];
  private arenaBytes = 0;
  private empty: GPUBuffer | null = null;
  private readonly parameterLists = new Map<string, GPUBuffer>();
  private arrayBytes = 0;
  private count = 0;
  private done = { dispatches: 0, operations: 0, bytes: 0 };
  readonly dry: boolean;
  /** Why the device is gone. */
  private lost: string | null = null;

  private constructor(gpu: Gpu, options: WebGpuOptions) {
    this.gpu = gpu;
    this.options = options;
    this.dry = options.dry ?? false;
    const { device, traits } = gpu;
    const limit = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const failed = (error: Error) => this.timeline.fail(error);
    this.buffers = new BufferPool(device, usage.storage | usage.copySource | usage.copyTarget, limit, failed);
    this.staging = new BufferPool(device, usage.mapRead | usage.copyTarget, Number.POSITIVE_INFINITY, failed);
    this.pipelines = new Pipelines(device);
    this.target = {
      bytesOf: (dtype) => this.bytesOf(dtype),
      alignment: device.limits.minStorageBufferOffsetAlignment,
      segment: Math.floor(Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize) / 256) * 256,
      slots: traits.slots,
      contractions,
      guardedOperands: true,
      joins: "elements",
      winograd: false,
      // Few queries (text generation) leave most of a block idle; long features take too many registers.
      ownAttention: ({ T, d, e, dtype }) => dtype === "float32" && T >= 8 && Math.max(d, e) <= mostFeatures,
      fewHeads: 1,
    };
    const tunes = (options.tune ?? !gpu.software) && !this.dry;
    this.tuner = new Tuner(gpu.name, traits, tunes ? (kernel, cut) => measureCut(this, kernel, cut) : null);
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.timeline.fail(new StateError("webgpu", `the GPU reports: ${event.error.message}`));
    });
    device.lost.then(({ message, reason }) => {
      this.lost = message || reason || "no reason given";
    });
  }

  /** Opens the fastest GPU; a sentence says why there is none. */
  static async open(options: WebGpuOptions = {}): Promise<WebGpuBackend | string> {
    const gpu = await openGpu(options);
    if (typeof gpu === "string") return gpu;
    const backend = new WebGpuBackend(gpu, options);
    await backend.tuner.load();
    return backend;
  }

  get description(): string {
    const { traits } = this.gpu;
    const has = [traits.subgroups && "subgroups", traits.float16 && "float16"].filter(Boolean);
    return `WebGPU on ${this.gpu.name}${has.length ? ` with ${has.join(" and ")}` : ""}`;
  }

  private bytesOf(dtype: DType): number {
    if (dtype === "float64") return 8;
    return storedType(dtype, this.gpu.traits.float16) === "f16" ? 2 : 4;
  }

  private checkAlive(): void {
    if (this.lost !== null) throw lostError(this.lost);
  }

  allocate(dtype: DType, length: number): GpuBuffer {
    this.checkAlive();
    const bytes = Math.max(4, Math.ceil((length * this.bytesOf(dtype)) / 4) * 4);
    const buffer = new GpuBuffer(this, dtype, length, bytes, this.dry ? this.nothing : this.buffers.acquire(bytes));
    this.arrayBytes += length * bytesOf(dtype);
    this.count++;
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    const own = buffer as GpuBuffer;
    if (own.freed) throw new StateError("free", "a buffer was freed twice");
    own.freed = true;
    this.arrayBytes -= own.length * bytesOf(own.dtype);
    this.count--;
    // Work asked for before may still be waiting for its turn.
    if (!this.dry) this.timeline.add(() => this.buffers.release(own.gpu, own.bytes));
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    this.checkAlive();
    const own = buffer as GpuBuffer;
    if (this.dry) return;
    const stored = toStored(own.dtype, data, this.gpu.traits.float16);
    this.timeline.add(() => {
      own.failure = null;
      this.upload(own.gpu, 0, stored);
    });
  }

  /** Bytes, a multiple of four of them, into a buffer at once. */
  upload(gpu: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.byteLength) this.gpu.device.queue.writeBuffer(gpu, offset, bytes);
  }

  async read(buffer: DeviceBuffer, dtype: DType, length: number): Promise<TypedArray> {
    this.checkAlive();
    const own = buffer as GpuBuffer;
    const bytes = length * this.bytesOf(dtype);
    if (this.dry) return fromStored(dtype, new Uint8Array(Math.ceil(bytes / 4) * 4), length, this.gpu.traits.float16);
    const { waiting } = await this.timeline.reach(() => {
      if (own.failure !== null) throw own.failure;
      return { waiting: this.download(own.gpu, 0, bytes) };
    });
    const stored = await waiting;
    this.timeline.check();
    return fromStored(dtype, stored, length, this.gpu.traits.float16);
  }

  /** Copies bytes out of a buffer, as they are now. */
  async download(gpu: GPUBuffer, offset: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { device } = this.gpu;
    const size = Math.ceil(bytes / 4) * 4;
    if (!size) return new Uint8Array(0);
    const staging = this.staging.acquire(size);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(gpu, offset, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(mapRead, 0, size);
    } catch (error) {
      await Promise.resolve(); // news of a lost device come first
      if (this.lost !== null) throw lostError(this.lost);
      throw new StateError("webgpu", `reading back failed: ${(error as Error).message}`);
    }
    const out = new Uint8Array(size);
    out.set(new Uint8Array(staging.getMappedRange(0, size)));
    staging.unmap();
    this.staging.release(staging, size);
    return out;
  }

  build(graph: Graph): Executable {
    this.checkAlive();
    const lacking = graph.nodes.find((n) => n.dtype === "float64");
    if (!lacking) return new GpuProgram(this, graph);
    const { fallback } = this.options;
    if (!fallback)
      throw new DTypeError(
        lacking.op === "buffer" ? "webgpu" : lacking.op,
        "GPUs have no float64",
        'Use float32, or let the CPU do it: `await init({ device: "webgpu", fallback: "wasm" })`',
      );
    return new HostProgram(this, fallback, graph);
  }

  /**
   * Does work of a program in its turn. Where it fails, or an input was never computed, what it should have computed throws
   * at every read; what it would have overwritten is left as it was.
   */
  attempt(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[], work: () => void | Promise<void>): void {
    const own = outputs.filter((b) => !inputs.includes(b)) as unknown as readonly GpuBuffer[];
    const end = (failure: unknown): void => {
      for (const buffer of own) buffer.failure = failure;
    };
    this.timeline.add(() => {
      const failed = (inputs as readonly GpuBuffer[]).find((b) => b.failure !== null);
      if (failed) return end(failed.failure);
      try {
        const waiting = work();
        if (waiting) return waiting.then(() => end(null), end);
        end(null);
      } catch (error) {
        end(error);
      }
    });
  }

  /** Memory for a while, beside arrays and arena. */
  takeMemory(bytes: number): GPUBuffer {
    return this.buffers.acquire(bytes);
  }

  returnMemory(gpu: GPUBuffer, bytes: number): void {
    this.buffers.release(gpu, bytes);
  }

  /** Memory for the intermediates of the program that runs next, in pieces of `target.segment` bytes. */
  arena(bytes: number): readonly GPUBuffer[] {
    if (bytes > this.arenaBytes) {
      for (const [i, gpu] of this.arenaSegments.entries()) this.buffers.release(gpu, this.segmentSize(i, this.arenaBytes));
      this.arenaSegments = [];
      const size = bytes <= this.target.segment ? Math.min(sizeClass(bytes), this.target.segment) : bytes;
      this.arenaBytes = 0;
      const pieces = Math.ceil(size / this.target.segment);
      this.arenaSegments = Array.from({ length: pieces }, (_, i) => this.buffers.acquire(this.segmentSize(i, size)));
      this.arenaBytes = size;
    }
    return this.arenaSegments;
  }

  /** A buffer for slots of no elements. */
  get nothing(): GPUBuffer {
    this.empty ??= this.buffers.acquire(4);
    return this.empty;
  }

  /** A buffer of these numbers. There are few lists of them, so they are kept. */
  parameters(numbers: readonly number[]): GPUBuffer {
    const key = numbers.join();
    let buffer = this.parameterLists.get(key);
    if (!buffer) {
      buffer = this.gpu.device.createBuffer({ size: 4 * numbers.length, usage: usage.storage | usage.copyTarget });
      this.gpu.device.queue.writeBuffer(buffer, 0, Int32Array.from(numbers));
      this.parameterLists.set(key, buffer);
    }
    return buffer;
  }

  private segmentSize(i: number, bytes: number): number {
    return Math.min(this.target.segment, bytes - i * this.target.segment);
  }

  async finish(): Promise<void> {
    this.checkAlive();
    const done = await this.timeline.reach(() => ({ waiting: this.gpu.device.queue.onSubmittedWorkDone() }));
    await done.waiting;
    this.timeline.check();
  }

  /** Notes work that is submitted. */
  note(operations: number, bytes: number): void {
    this.done.dispatches++;
    this.done.operations += operations;
    this.done.bytes += bytes;
  }

  work(): BackendWork {
    return { ...this.done };
  }

  memory(): BackendMemory {
    return {
      buffers: this.arrayBytes,
      arenas: this.arenaBytes,
      reserved: this.buffers.reserved + this.staging.reserved,
      count: this.count,
    };
  }

  /** Gives the GPU back. */
  dispose(): void {
    this.gpu.device.destroy();
  }
}
