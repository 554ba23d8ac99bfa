import { mostBytes } from "./arena.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Kernel, Slot } from "./kernel.ts";

/**
 * The kernels in an order that lets go of memory sooner, or as they are where that saves less than a tenth. A training step is written as
 * its losses and then all updates, of which the first needs the whole way back: all activations and all gradients would wait for the
 * others. Here what needs least comes first, so that each layer's gradients are used up on the way. `twins`: see `twinsOf`.
 */
export function inOrder(kernels: Kernel[], twins: ReadonlyMap<Slot, Slot>): Kernel[] {
  const before = orderOf(kernels, twins);
  const depth: number[] = [];
  for (const earlier of before) depth.push(1 + earlier.reduce((most, k) => Math.max(most, depth[k]!), 0));
  const shallow = (list: Iterable<number>): number[] => [...list].sort((a, b) => depth[b]! - depth[a]! || b - a);
  const isNeeded = new Set(before.flat());
  const order: number[] = [];
  const [begun, done] = [new Set<number>(), new Set<number>()];
  const stack = shallow([...kernels.keys()].filter((k) => !isNeeded.has(k)));
  while (stack.length) {
    const k = stack.at(-1)!;
    if (begun.has(k)) {
      stack.pop();
      if (!done.has(k)) order.push(k);
      done.add(k);
      continue;
    }
    begun.add(k);
    stack.push(...shallow(before[k]!.filter((earlier) => !begun.has(earlier))));
  }
  const sooner = order.map((k) => kernels[k]!);
  return mostBytes(sooner) < 0.9 * mostBytes(kernels) ? sooner : kernels;
}

/** For each kernel the earlier ones that it has to come after: those that write what it reads, and those that touch what it overwrites. */
function orderOf(kernels: readonly Kernel[], twins: ReadonlyMap<Slot, Slot>): number[][] {
  const bufferOf = (slot: Slot): Slot => twins.get(slot) ?? slot;
  const writers = new Map<Slot, number[]>();
  const readers = new Map<Slot, number[]>();
  const add = (map: Map<Slot, number[]>, slot: Slot, k: number): void => {
    const list = map.get(slot);
    if (list) list.push(k);
    else map.set(slot, [k]);
  };
  return kernels.map((kernel, k) => {
    const reads = [...readSlots(kernel)].map(bufferOf);
    const writes = writtenSlots(kernel).map(bufferOf);
    const earlier = [...reads, ...writes].flatMap((slot) => writers.get(slot) ?? []);
    for (const slot of writes) earlier.push(...(readers.get(slot) ?? []));
    for (const slot of reads) add(readers, slot, k);
    for (const slot of writes) add(writers, slot, k);
    return [...new Set(earlier)];
  });
}
