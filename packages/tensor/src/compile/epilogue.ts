import { sizeOf, stridesOf } from "../shape.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Access, ContractionKernel, Kernel, LoopKernel, Slot } from "./kernel.ts";
import { type Lowered, mostSlots } from "./lower.ts";
import type { Target } from "./target.ts";

/** How far apart a contraction and its epilogue may stand. */
const reach = 64;

/**
 * Joins contractions with elementwise kernels that read the product element by element (bias, activation, residual): they
 * get it in registers. A product that nobody else reads needs no memory.
 */
export function joinElements({ kernels, slots }: Lowered, target: Target): Lowered {
  const list: (Kernel | null)[] = [...kernels];
  list.forEach((first, i) => {
    if (first?.kind !== "contraction" || first.gap) return;
    for (let j = i + 1; j < Math.min(list.length, i + reach); j++) {
      const loop = list[j];
      if (!loop || !readSlots(loop).has(first.out)) continue;
      if (loop.kind === "loop" && readsInOrder(loop, first.out)) {
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
        if (used.size <= Math.min(mostSlots, target.slots) && (later || earlier)) {
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

/** Whether point p of an elementwise kernel reads element p of the slot and no other. */
function readsInOrder(loop: LoopKernel, slot: Slot): boolean {
  if (loop.split !== loop.dims.length || sizeOf(loop.dims) !== slot.size) return false;
  const strides = stridesOf(loop.dims);
  const inOrder = (a: Access) => !a.guards.length && a.offset === 0 && loop.dims.every((n, d) => n === 1 || a.strides[d] === strides[d]);
  return loop.body.every((v) => v.op !== "load" || v.access.slot !== slot || inOrder(v.access));
}
