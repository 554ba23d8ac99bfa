import type { Graph } from "../graph/graph.ts";
import { placeInArena } from "./arena.ts";
import { chain } from "./chain.ts";
import { joinElements } from "./epilogue.ts";
import { coalesce, fuse, readSlots, writtenSlots } from "./fuse.ts";
import type { Access, Kernel, LoopKernel, Slot } from "./kernel.ts";
import { type Lowered, lower } from "./lower.ts";
import { inOrder } from "./order.ts";
import { partKernels, placeParts } from "./parts.ts";
import { rewrite } from "./rewrite.ts";
import type { Target } from "./target.ts";
import { countBuffers, twinsOf } from "./twins.ts";
import { winograd } from "./winograd.ts";

/** All a backend needs to generate code: kernels in order, slots with places, and how much memory the arena takes. */
export interface Plan extends Lowered {
  readonly arenaBytes: number;
}

/** From graph to kernels with planned memory. */
export function plan(graph: Graph, target: Target): Plan {
  const simple = rewrite(graph, target);
  const planned = planWith(simple, target, true);
  // An output in place that must be computed aside first is one buffer more than its kernel was merged for.
  const twins = twinsOf(planned.slots, graph.inPlace);
  const fits = planned.kernels.every((k) => countBuffers([...readSlots(k), ...writtenSlots(k)], twins) <= target.slots);
  return fits ? planned : planWith(simple, target, false);
}

/** `shared`: take an output in place and its input for one buffer where kernels are merged. */
function planWith(graph: Graph, target: Target, shared: boolean): Plan {
  const lowered = lower(graph, target);
  const parts = partKernels(lowered.kernels);
  const twins = shared ? twinsOf(lowered.slots, graph.inPlace) : new Map<Slot, Slot>();
  const fused = fuse(placeParts(lowered, parts), target, twins, parts);
  const convolved = target.winograd ? winograd(fused) : fused;
  const joined = target.joins === "rows" ? chain(convolved) : joinElements(convolved, target, twins);
  const ordered = { ...joined, kernels: inOrder(joined.kernels, twinsOf(joined.slots, graph.inPlace)) };
  const safe = protectInPlace(ordered, graph);
  return { ...safe, arenaBytes: placeInArena(safe, target) };
}

/** An output may overwrite an input only after the last read of it; else it is computed elsewhere and copied at the end. */
function protectInPlace({ kernels, slots }: Lowered, graph: Graph): Lowered {
  const place = (kind: "input" | "output", index: number) => slots.find((s) => s.place.kind === kind && s.place.index === index);
  let list = kernels;
  const copies: LoopKernel[] = [];
  graph.inPlace.forEach((input, output) => {
    if (input < 0) return;
    const [from, to] = [place("input", input)!, place("output", output)!];
    const firstWrite = list.findIndex((k) => writtenSlots(k).includes(to));
    if (firstWrite < 0) return;
    const conflict = list.some(
      (k, i) => i >= firstWrite && readSlots(k).has(from) && !(i === firstWrite && readsWhatItWrites(k, from, to)),
    );
    if (!conflict) return;
    const aside: Slot = { ...to, index: slots.length, place: { kind: "arena", offset: -1 } };
    slots.push(aside);
    list = list.map((k) => redirect(k, to, aside));
    const access = (slot: Slot): Access => ({ slot, offset: 0, strides: [1], guards: [] });
    copies.push({
      kind: "loop",
      dims: [to.size],
      split: 1,
      body: [{ op: "load", access: access(aside), args: [], dtype: to.dtype }],
      stores: [{ value: 0, access: access(to) }],
    });
  });
  return { kernels: [...list, ...copies.map(coalesce)], slots };
}

/** True where each point of a kernel reads only the element of `from` that it writes in `to`. */
function readsWhatItWrites(kernel: Kernel, from: Slot, to: Slot): boolean {
  if (kernel.kind === "chain") return kernel.stages.every(({ kernel: k }) => !readSlots(k).has(from) || readsWhatItWrites(k, from, to));
  if (kernel.kind !== "loop") return false;
  const writes = kernel.stores.filter((s) => s.access.slot === to);
  if (writes.length !== 1) return false;
  const { access } = writes[0]!;
  // With a reduction a row is read again after its first elements were written, unless it is written once, in the end.
  const varies = access.strides.some((s, d) => d >= kernel.split && s !== 0 && kernel.dims[d] !== 1);
  if (varies && kernel.body.some((v) => v.op === "reduce")) return false;
  return kernel.body.every(
    (v) =>
      v.op !== "load" ||
      v.access.slot !== from ||
      (!v.access.guards.length && v.access.offset === access.offset && v.access.strides.every((s, i) => s === access.strides[i])),
  );
}

function redirect<K extends Kernel>(kernel: K, from: Slot, to: Slot): K;
function redirect(kernel: Kernel, from: Slot, to: Slot): Kernel {
  const swap = (slot: Slot) => (slot === from ? to : slot);
  if (kernel.kind === "loop")
    return {
      ...kernel,
      body: kernel.body.map((v) => (v.op === "load" ? { ...v, access: { ...v.access, slot: swap(v.access.slot) } } : v)),
      stores: kernel.stores.map((s) => ({ ...s, access: { ...s.access, slot: swap(s.access.slot) } })),
    };
  if (kernel.kind === "contraction")
    return {
      ...kernel,
      a: { ...kernel.a, slot: swap(kernel.a.slot) },
      b: { ...kernel.b, slot: swap(kernel.b.slot) },
      out: swap(kernel.out),
      ...(kernel.epilogue ? { epilogue: { ...kernel.epilogue, kernel: redirect(kernel.epilogue.kernel, from, to) } } : {}),
    };
  if (kernel.kind === "chain")
    return { ...kernel, stages: kernel.stages.map(({ kernel: k, each }) => ({ kernel: redirect(k, from, to), each })) };
  return { ...kernel, inputs: kernel.inputs.map(swap), out: swap(kernel.out) };
}
