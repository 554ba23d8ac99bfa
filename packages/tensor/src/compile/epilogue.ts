import { sizeOf } from "../shape.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Access, ContractionKernel, Kernel, LoopKernel, Slot } from "./kernel.ts";
import { type Lowered, mostSlots } from "./lower.ts";
import type { Target } from "./target.ts";
import { countBuffers } from "./twins.ts";

/** How far apart a contraction and its epilogue may stand. */
const reach = 64;

/**
 * Joins contractions with elementwise kernels that read the product element by element, be it transposed (bias, activation, residual): they
 * get it in registers. A product that nobody else reads needs no memory.
 */
export function joinElements({ kernels, slots }: Lowered, target: Target, twins: ReadonlyMap<Slot, Slot>): Lowered {
  const list: (Kernel | null)[] = [...kernels];
  list.forEach((first, i) => {
    if (first?.kind !== "contraction" || first.gap || first.epilogue) return;
    for (let j = i + 1; j < Math.min(list.length, i + reach); j++) {
      const loop = list[j];
      if (!loop || !readSlots(loop).has(first.out)) continue;
      if (loop.kind === "loop" && readsEachOnce(loop, first.out)) {
        const between = list.slice(i + 1, j).filter((k): k is Kernel => k !== null);
        const others = list.some((k) => k && k !== first && k !== loop && readSlots(k).has(first.out));
        const joined: ContractionKernel = {
          ...first,
          epilogue: { kernel: loop, storesProduct: others || first.out.place.kind === "output" },
        };
        const used = new Set([...readSlots(joined), ...writtenSlots(joined)]);
        const later = !between.some(
          (k) => overlaps(readSlots(k), writtenSlots(first)) || overlaps(writtenSlots(k), [first.a.slot, first.b.slot]),
        );
        const earlier =
          writtenSlots(loop).every((s) => s.place.kind === "arena") && !between.some((k) => overlaps(readSlots(loop), writtenSlots(k)));
        if (countBuffers(used, twins) <= Math.min(mostSlots, target.slots) && (later || earlier)) {
          list[later ? j : i] = joined;
          list[later ? i : j] = null;
        }
      }
      return; // only the first reader
    }
  });
  return { kernels: list.filter((k): k is Kernel => k !== null), slots };
}

const overlaps = (a: Iterable<Slot>, b: readonly Slot[]): boolean => [...a].some((s) => b.includes(s));

/**
 * Whether an elementwise kernel reads each element of the slot at one point, in whatever order of its dimensions: then the
 * point follows from the element.
 */
function readsEachOnce(loop: LoopKernel, slot: Slot): boolean {
  if (loop.split !== loop.dims.length || sizeOf(loop.dims) !== slot.size) return false;
  const reads = loop.body.flatMap((v) => (v.op === "load" && v.access.slot === slot ? [v.access] : []));
  const first = reads[0]!;
  const same = (a: Access) => a.strides.every((s, d) => s === first.strides[d] || loop.dims[d] === 1);
  if (reads.some((a) => a.guards.length || a.offset !== 0 || !same(a))) return false;
  // Sorted by stride, each dimension steps over all that is within it.
  let within = 1;
  for (const d of [...loop.dims.keys()].filter((d) => loop.dims[d] !== 1).sort((a, b) => first.strides[a]! - first.strides[b]!)) {
    if (first.strides[d] !== within) return false;
    within *= loop.dims[d]!;
  }
  return true;
}
