import type { Backend, BackendMemory, DeviceBuffer } from "../backends/backend.ts";
import { bytesOf, type DType, type TypedArray } from "../dtype.ts";
import { OutOfMemoryError, StateError } from "../errors.ts";
import { collectGarbage, prepareCollector, yieldToCollector } from "./collector.ts";
import { type Graph, linearise } from "./graph.ts";
import { is, make, type Node } from "./node.ts";
import { Programs } from "./programs.ts";
import type { Tensor, Variable } from "./tensor.ts";

/** What `compile` puts between variables and the graph while it traces a function. */
export interface Trace {
  read(variable: Variable): Node;
  assign(variable: Variable, node: Node): void;
}

export interface MemoryReport extends BackendMemory {
  readonly device: string;
  /** Programs in the cache of uncompiled code. */
  readonly programs: number;
}

/** Bytes and buffers handed out between two looks for garbage. */
const collectBytes = 2 ** 28;
const collectCount = 10_000;

/** Connects the graph to a backend: realises nodes, caches programs, returns memory. There is one, `engine`. */
export class Engine {
  trace: Trace | null = null;
  /** How many gradients are being taken: while any is, computing a value must not cut the graph below it. */
  differentiating = 0;
  /** Arrays made inside of the innermost `scope`. */
  created: Tensor[] | null = null;
  private active: Backend | null = null;
  private makeDefault: (() => Backend) | null = null;
  private programs: Programs | null = null;
  private readonly registry = new FinalizationRegistry<DeviceBuffer>((buffer) => this.reclaim(buffer));
  private readonly owned = new Map<DeviceBuffer, WeakRef<Node>>();
  private allocatedSinceCollection = 0;
  private buffersSinceCollection = 0;

  /** The device in use; the default one is started at its first use. */
  get backend(): Backend {
    if (!this.active) {
      if (!this.makeDefault) throw new StateError("engine", "no backend is registered");
      this.active = this.makeDefault();
      prepareCollector();
    }
    return this.active;
  }

  /** Sets what starts the default device. */
  register(makeDefault: () => Backend): void {
    this.makeDefault = makeDefault;
  }

  /** Changes the device. Arrays of the former device cannot be used together with it. */
  use(backend: Backend): void {
    if (this.active === backend) return;
    this.programs?.dispose();
    this.programs = null;
    this.active = backend;
  }

  /** Makes a realised leaf from stored elements. */
  upload(shape: readonly number[], dtype: DType, data: TypedArray): Node {
    const node = make.parameter(shape, dtype);
    this.adopt(node, this.allocate(dtype, data.length));
    this.backend.write(node.buffer!, data);
    return node;
  }

  /** Memory for a value, after collecting garbage if there is none left. */
  allocate(dtype: DType, length: number): DeviceBuffer {
    this.allocatedSinceCollection += length * bytesOf(dtype);
    this.buffersSinceCollection++;
    try {
      return this.backend.allocate(dtype, length);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      collectGarbage();
      this.sweep();
      return this.backend.allocate(dtype, length);
    }
  }

  /** Gives a node its buffer: from now on the buffer lives as long as the node. */
  adopt(node: Node, buffer: DeviceBuffer): void {
    node.realise(buffer);
    this.owned.set(buffer, new WeakRef(node));
    this.registry.register(node, buffer, buffer);
  }

  /** Takes a buffer away from a node that nobody may use any more. */
  disown(node: Node): DeviceBuffer {
    const buffer = node.buffer!;
    this.registry.unregister(buffer);
    this.owned.delete(buffer);
    node.buffer = null;
    return buffer;
  }

  /** A tensor lets go of a node: its memory returns now if nothing else can read it, else when the collector finds it. */
  release(node: Node): void {
    node.handles--;
    if (node.buffer && node.handles === 0 && node.users === 0) {
      const buffer = this.disown(node);
      buffer.backend.free(buffer);
    }
  }

  /** Computes nodes and keeps their values. Does nothing for those that have one, or while a gradient is being taken. */
  realise(nodes: readonly Node[]): void {
    if (this.differentiating || nodes.every((n) => n.buffer)) return;
    const wanted = [...new Set(nodes)].filter((n) => !n.buffer);
    const order = linearise(wanted);
    // What an earlier run computed and dropped, and is wanted again, is worth keeping.
    const again = order.filter((n) => n.computed && !wanted.includes(n));
    const outputs = [...wanted, ...again];
    const buffers = this.compute(order, outputs);
    for (const node of order) if (worthKeeping(node)) node.computed = true;
    outputs.forEach((node, i) => this.adopt(node, buffers[i]!));
  }

  /** Runs the graph of `outputs`, linearised in `order`, into new buffers. */
  private compute(order: readonly Node[], outputs: readonly Node[]): DeviceBuffer[] {
    for (const node of order)
      if (is(node, "buffer") && !node.buffer)
        throw new StateError(
          "compile",
          "a value was read inside of a compiled function, where it does not exist yet",
          "Return it and read it outside, or use where() to decide",
        );
    const graph: Graph = {
      nodes: order,
      inputs: order.filter((n) => n.op === "buffer"),
      outputs,
      inPlace: outputs.map(() => -1),
    };
    for (const input of graph.inputs) this.checkDevice(input);
    this.programs ??= new Programs(this.backend);
    const program = this.programs.get(graph);
    const buffers: DeviceBuffer[] = [];
    try {
      for (const node of outputs) buffers.push(this.allocate(node.dtype, node.size));
      program.run(
        graph.inputs.map((n) => n.buffer!),
        buffers,
      );
    } catch (error) {
      for (const buffer of buffers) buffer.backend.free(buffer);
      throw error;
    }
    return buffers;
  }

  /** The buffer of a node's value, and what to do when done with it. */
  private valueOf(node: Node): { buffer: DeviceBuffer; done: () => void } {
    this.realise([node]);
    if (node.buffer) {
      this.checkDevice(node);
      return { buffer: node.buffer, done: () => {} };
    }
    const [buffer] = this.compute(linearise([node]), [node]) as [DeviceBuffer];
    return { buffer, done: () => buffer.backend.free(buffer) };
  }

  async read(node: Node): Promise<TypedArray> {
    const { buffer, done } = this.valueOf(node);
    const data = await this.backend.read(buffer, node.dtype, node.size);
    done();
    if (this.allocatedSinceCollection > collectBytes || this.buffersSinceCollection > collectCount) {
      this.allocatedSinceCollection = 0;
      this.buffersSinceCollection = 0;
      collectGarbage();
      await yieldToCollector();
    }
    return data;
  }

  readSync(node: Node): TypedArray {
    if (!this.backend.readSync)
      throw new StateError("dataSync", `the ${this.backend.name} device cannot be read at once`, "Use `await x.data()`");
    const { buffer, done } = this.valueOf(node);
    const data = this.backend.readSync(buffer, node.dtype, node.size);
    done();
    return data;
  }

  memory(): MemoryReport {
    return { device: this.backend.name, programs: this.programs?.size ?? 0, ...this.backend.memory() };
  }

  checkDevice(node: Node): void {
    if (node.buffer && node.buffer.backend !== this.backend)
      throw new StateError(
        "engine",
        `an array lives on device ${node.buffer.backend.name}, the current one is ${this.backend.name}`,
        "Make the array again after init()",
      );
  }

  /** Frees the buffers of nodes that the collector has taken. */
  private sweep(): void {
    for (const [buffer, node] of this.owned) if (!node.deref()) this.reclaim(buffer);
  }

  private reclaim(buffer: DeviceBuffer): void {
    if (!this.owned.delete(buffer)) return; // freed before
    this.registry.unregister(buffer);
    buffer.backend.free(buffer);
  }
}

export const engine = new Engine();

/** Values that cost enough to compute that computing them a second time should be the last time. */
function worthKeeping(node: Node): boolean {
  if (node.op.startsWith("reduce")) return true;
  return ["contract", "attention", "attentionGradient", "scan", "argsort", "linalg", "scatter", "argmax", "argmin", "fold"].includes(
    node.op,
  );
}
