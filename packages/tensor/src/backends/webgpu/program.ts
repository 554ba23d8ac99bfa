import { explainPlan } from "../../compile/explain.ts";
import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import { type Plan, plan } from "../../compile/plan.ts";
import { twinsOf } from "../../compile/twins.ts";
import { StateError } from "../../errors.ts";
import { debugLevel } from "../../graph/debug.ts";
import type { Graph } from "../../graph/graph.ts";
import type { DeviceBuffer, Executable } from "../backend.ts";
import { evaluate } from "../reference/index.ts";
import { emitKernel } from "./emit.ts";
import type { GpuBuffer, WebGpuBackend } from "./index.ts";
import type { Pipeline } from "./pipelines.ts";
import { profile } from "./profile.ts";
import { type Dispatch, declare } from "./shader.ts";
import { fromStored, toStored } from "./storage.ts";

/** A dispatch with its pipeline and the bind groups it was last run with. */
interface Step {
  readonly dispatch: Dispatch;
  readonly pipeline: Pipeline;
  /** The slot of each binding. */
  readonly slots: readonly Slot[];
  readonly groups: { readonly buffers: readonly GPUBuffer[]; readonly group: GPUBindGroup }[];
}

type Action = { readonly steps: readonly Step[] } | { readonly host: OpaqueKernel };

/** Where the slots of one run lie. */
interface Places {
  readonly inputs: readonly GPUBuffer[];
  readonly outputs: readonly GPUBuffer[];
  readonly arena: readonly GPUBuffer[];
}

/** Bind groups a step keeps: results of a training step move between a few buffers. */
const keptGroups = 4;

/** A graph as dispatches in one command buffer. */
export class GpuProgram implements Executable {
  private readonly backend: WebGpuBackend;
  private readonly plan: Plan;
  private readonly inPlace: readonly number[];
  private actions: readonly Action[] = [];
  /** What kernels need beside the plan's arena while they run, after it. */
  private workspaceBytes = 0;
  /** Products being tried, shaders being compiled. */
  private waiting: Promise<void> | null;
  private disposed = false;

  constructor(backend: WebGpuBackend, graph: Graph) {
    this.backend = backend;
    this.plan = plan(graph, backend.target);
    this.inPlace = graph.inPlace;
    const tried = backend.tuner.tune(this.plan.kernels.filter((k) => k.kind === "contraction"));
    this.waiting = tried ? tried.then(() => this.emit() ?? undefined) : this.emit();
    this.waiting?.then(
      () => {
        this.waiting = null;
      },
      () => {}, // told to whoever runs the program
    );
  }

  get arenaBytes(): number {
    return this.workspaceBytes ? this.workspaceStart + this.workspaceBytes : this.plan.arenaBytes;
  }

  private get workspaceStart(): number {
    const { alignment } = this.backend.target;
    return Math.ceil(this.plan.arenaBytes / alignment) * alignment;
  }

  /** Makes the dispatches; null where all of their shaders are compiled already. */
  private emit(): Promise<void> | null {
    const { backend, plan, workspaceStart: start } = this;
    // An output in place of an input is the same memory, and one binding where a kernel uses both.
    const canonical = twinsOf(plan.slots, this.inPlace);
    const { alignment, segment } = backend.target;
    const actions: Action[] = [];
    const steps: Step[] = [];
    let group: Step[] | null = null;
    plan.kernels.forEach((kernel, i) => {
      let at = start;
      const workspace = (dtype: Slot["dtype"], size: number): Slot => {
        const bytes = Math.max(alignment, Math.ceil((size * backend.target.bytesOf(dtype)) / alignment) * alignment);
        if (Math.floor(at / segment) !== Math.floor((at + bytes - 1) / segment)) at = Math.ceil(at / segment) * segment;
        const slot: Slot = { index: -1, dtype, size, bytes, place: { kind: "arena", offset: at } };
        at += bytes;
        this.workspaceBytes = Math.max(this.workspaceBytes, at - start);
        return slot;
      };
      const dispatches = emitKernel(kernel, `k${i}`, backend.gpu.traits, backend.tuner, workspace);
      if (!dispatches) {
        group = null;
        actions.push({ host: kernel as OpaqueKernel });
        return;
      }
      for (const dispatch of dispatches) {
        const step = this.prepare(dispatch, canonical);
        steps.push(step);
        if (!group) {
          group = [];
          actions.push({ steps: group });
        }
        group.push(step);
      }
    });
    this.actions = actions;
    if (backend.dry) return null;
    return steps.every((s) => s.pipeline.ready) ? null : Promise.all(steps.map((s) => s.pipeline.compiled)).then(() => {});
  }

  private prepare(dispatch: Dispatch, canonical: ReadonlyMap<Slot, Slot>): Step {
    const { backend } = this;
    const slots: Slot[] = [];
    const bindings = dispatch.slots.map((slot) => {
      const own = canonical.get(slot) ?? slot;
      const known = slots.indexOf(own);
      return known >= 0 ? known : slots.push(own) - 1;
    });
    const written = new Set([...dispatch.written].map((slot) => canonical.get(slot) ?? slot));
    // All of the arena that a shader sees counts as written once part of it is.
    const writesArena = [...written].some((s) => s.place.kind === "arena");
    const writable = (slot: Slot) => {
      const own = canonical.get(slot) ?? slot;
      return written.has(own) || (writesArena && own.place.kind === "arena");
    };
    const code = declare(dispatch, backend.gpu.traits, bindings, writable);
    const access = slots.map(writable);
    if (dispatch.parameters) access.push(false);
    if (backend.dry) return { dispatch, slots, pipeline: null!, groups: [] };
    return { dispatch, slots, pipeline: backend.pipelines.get(dispatch.name.replace(/\d+/, ""), code, access), groups: [] };
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    if (this.disposed) throw new StateError("run", "the program was disposed");
    const [from, to] = [inputs, outputs].map((list) => list.map((b) => (b as GpuBuffer).gpu)) as [GPUBuffer[], GPUBuffer[]];
    const sizes = outputs.map((b) => (b as GpuBuffer).bytes);
    const execute = () => this.execute(from, to, sizes);
    this.backend.attempt(inputs, outputs, () => (this.waiting ? this.waiting.then(execute) : execute()));
    if (debugLevel() >= 3) this.backend.timeline.add(() => console.error(this.explain()));
  }

  /** All actions; at once but for those that the CPU does in between. */
  private execute(from: readonly GPUBuffer[], to: readonly GPUBuffer[], sizes: readonly number[]): void | Promise<void> {
    if (this.backend.dry) {
      for (const action of this.actions) if ("steps" in action) this.submit(action.steps, { inputs: [], outputs: [], arena: [] }, []);
      return;
    }
    const places = this.places(from, to);
    const copies = this.copies(from, to, sizes);
    const [first, ...others] = this.actions;
    if (!others.length && (!first || "steps" in first)) return this.submit(first?.steps ?? [], places, copies);
    return (async () => {
      if (copies.length) this.submit([], places, copies);
      for (const action of this.actions) {
        if ("steps" in action) this.submit(action.steps, places, []);
        else await this.host(action.host, places);
      }
    })();
  }

  /** An input that an output may overwrite, but does not, is copied there first. */
  private copies(from: readonly GPUBuffer[], to: readonly GPUBuffer[], sizes: readonly number[]): [GPUBuffer, GPUBuffer, number][] {
    return to.flatMap((buffer, j): [GPUBuffer, GPUBuffer, number][] => {
      const input = from[this.inPlace[j]!];
      return input && input !== buffer ? [[input, buffer, sizes[j]!]] : [];
    });
  }

  private places(from: readonly GPUBuffer[], to: readonly GPUBuffer[]): Places {
    const inputs = [...from];
    this.inPlace.forEach((input, j) => {
      if (input >= 0) inputs[input] = to[j]!;
    });
    return { inputs, outputs: to, arena: this.arenaBytes ? this.backend.arena(this.arenaBytes) : [] };
  }

  private locate(slot: Slot, places: Places): { buffer: GPUBuffer; offset: number } {
    const { place } = slot;
    if (place.kind === "input") return { buffer: places.inputs[place.index]!, offset: 0 };
    if (place.kind === "output") return { buffer: places.outputs[place.index]!, offset: 0 };
    if (place.kind !== "arena") throw new Error(`a GPU has no place of the kind ${place.kind}`);
    if (slot.size === 0) return { buffer: this.backend.nothing, offset: 0 };
    const { segment } = this.backend.target;
    const piece = Math.floor(place.offset / segment);
    return { buffer: places.arena[piece]!, offset: place.offset - piece * segment };
  }

  private bindGroup(step: Step, places: Places): GPUBindGroup {
    const located = step.slots.map((slot) => this.locate(slot, places));
    const known = step.groups.find((g) => g.buffers.every((b, i) => b === located[i]!.buffer));
    if (known) return known.group;
    const { target, gpu } = this.backend;
    const entries = located.map(({ buffer, offset }, binding) => {
      const { size, dtype } = step.slots[binding]!;
      const bytes = Math.max(4, Math.ceil((size * target.bytesOf(dtype)) / 4) * 4);
      return { binding, resource: { buffer, offset, size: bytes } };
    });
    const { parameters } = step.dispatch;
    if (parameters) {
      const buffer = this.backend.parameters(parameters);
      entries.push({ binding: entries.length, resource: { buffer, offset: 0, size: buffer.size } });
    }
    const group = gpu.device.createBindGroup({ layout: step.pipeline.layout, entries });
    step.groups.push({ buffers: located.map((l) => l.buffer), group });
    if (step.groups.length > keptGroups) step.groups.shift();
    return group;
  }

  private submit(steps: readonly Step[], places: Places, copies: readonly [GPUBuffer, GPUBuffer, number][]): void {
    const { device } = this.backend.gpu;
    for (const { dispatch } of steps) this.backend.note(dispatch.flops, dispatch.bytes);
    if (this.backend.dry) return;
    const encoder = device.createCommandEncoder();
    for (const [from, to, bytes] of copies) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
    if (debugLevel() >= 2) {
      profile(this.backend, encoder, steps, (pass, step) => this.encode(pass, step, places));
      return;
    }
    const pass = encoder.beginComputePass();
    for (const step of steps) this.encode(pass, step, places);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  private encode(pass: GPUComputePassEncoder, step: Step, places: Places): void {
    pass.setPipeline(step.pipeline.ready!);
    pass.setBindGroup(0, this.bindGroup(step, places));
    pass.dispatchWorkgroups(...step.dispatch.groups);
  }

  /** A primitive without a kernel (matrix factorisations) runs the reference backend's routine, between other work. */
  private async host(kernel: OpaqueKernel, places: Places): Promise<void> {
    const { backend } = this;
    const { float16 } = backend.gpu.traits;
    const values = await Promise.all(
      kernel.inputs.map(async (slot) => {
        const { buffer, offset } = this.locate(slot, places);
        const stored = await backend.download(buffer, offset, slot.size * backend.target.bytesOf(slot.dtype));
        return fromStored(slot.dtype, stored, slot.size, float16);
      }),
    );
    const { buffer, offset } = this.locate(kernel.out, places);
    backend.upload(buffer, offset, toStored(kernel.out.dtype, evaluate(kernel.node, values), float16));
  }

  explain(): string {
    const steps = this.actions.flatMap((a) => ("steps" in a ? a.steps : []));
    const [flops, bytes] = [steps.reduce((n, s) => n + s.dispatch.flops, 0), steps.reduce((n, s) => n + s.dispatch.bytes, 0)];
    return `${explainPlan(this.plan)}\n${steps.length} dispatches, ${flops} operations, ${bytes} bytes read and written`;
  }

  dispose(): void {
    this.disposed = true;
  }
}
