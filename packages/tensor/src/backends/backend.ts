import type { DType, TypedArray } from "../dtype.ts";
import type { Graph } from "../graph/graph.ts";

/** Memory on a device. `free` may be called once; using it afterwards is an error of the engine. */
export interface DeviceBuffer {
  readonly bytes: number;
  readonly backend: Backend;
}

/** A graph made ready to run any number of times on buffers of the same shapes. */
export interface Executable {
  /** Runs on one buffer per graph input into one buffer per graph output (which may be an input's, see Graph.inPlace). */
  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void;
  /** Bytes of intermediates a run needs. */
  readonly arenaBytes: number;
  /** Kernels and memory plan, readably. */
  explain(): string;
  dispose(): void;
}

export interface BackendMemory {
  /** Bytes in buffers that tensors own, in arenas of programs, and reserved from the system in all. */
  readonly buffers: number;
  readonly arenas: number;
  readonly reserved: number;
  readonly count: number;
}

/** What a device has been asked to do since it started. */
export interface BackendWork {
  /** Kernels started. */
  readonly dispatches: number;
  /** Elementary operations on numbers, and bytes that kernels read and write at least. */
  readonly operations: number;
  readonly bytes: number;
}

/** Where computation happens. Everything a device has to offer the engine. */
export interface Backend {
  readonly name: string;
  /** One line for people: threads, instruction sets. */
  readonly description: string;
  /** Resolves when the device runs at its full speed, such as when its threads have started. It computes before as well. */
  ready?(): Promise<void>;
  /** Memory for `length` elements, of undefined contents. Throws OutOfMemoryError and stays usable. */
  allocate(dtype: DType, length: number): DeviceBuffer;
  free(buffer: DeviceBuffer): void;
  /** Sets all elements, given as stored (see TypedArray). */
  write(buffer: DeviceBuffer, data: TypedArray): void;
  read(buffer: DeviceBuffer, dtype: DType, length: number): Promise<TypedArray>;
  /** Only where the device allows it (CPU backends). A copy. */
  readSync?(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray;
  build(graph: Graph): Executable;
  /** Resolves when everything asked for is done, where that takes its time. */
  finish?(): Promise<void>;
  memory(): BackendMemory;
  /** Where the device keeps count. */
  work?(): BackendWork;
}
