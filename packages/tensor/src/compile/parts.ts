import { readSlots, writtenSlots } from "./fuse.ts";
import type { Kernel, Slot } from "./kernel.ts";
import type { Lowered } from "./lower.ts";

/**
 * Arrays put together from parts (`concat`), each of which is computed for that alone, such as the results for one range of rows after the
 * other. A part goes to its place as soon as it is there: else all parts and the whole would be in memory at the same time.
 */

/** The kernels that bring such parts to their places, each with the array that it is a part of. */
export function partKernels(kernels: readonly Kernel[]): Map<Kernel, Slot> {
  const writers = new Map<Slot, Kernel[]>();
  const readers = new Map<Slot, number>();
  for (const kernel of kernels) {
    for (const slot of writtenSlots(kernel)) writers.set(slot, [...(writers.get(slot) ?? []), kernel]);
    for (const slot of readSlots(kernel)) readers.set(slot, (readers.get(slot) ?? 0) + 1);
  }
  const isPart = (kernel: Kernel): boolean =>
    kernel.kind === "loop" && [...readSlots(kernel)].some((s) => s.place.kind === "arena" && readers.get(s) === 1 && writers.has(s));
  const found = new Map<Kernel, Slot>();
  for (const [slot, list] of writers)
    if (list.length > 1 && slot.place.kind === "arena" && list.every(isPart)) for (const kernel of list) found.set(kernel, slot);
  return found;
}

/** Each of them right after the last kernel that it needs. */
export function placeParts({ kernels, slots }: Lowered, parts: ReadonlyMap<Kernel, Slot>): Lowered {
  if (!parts.size) return { kernels, slots };
  const written = new Map<Slot, number>();
  const after = new Map<number, Kernel[]>();
  kernels.forEach((kernel, i) => {
    if (parts.has(kernel)) {
      const last = Math.max(...[...readSlots(kernel)].map((slot) => written.get(slot) ?? -1));
      after.set(last, [...(after.get(last) ?? []), kernel]);
    }
    for (const slot of writtenSlots(kernel)) written.set(slot, i);
  });
  const others = kernels.map((kernel, i) => [...(parts.has(kernel) ? [] : [kernel]), ...(after.get(i) ?? [])]);
  return { kernels: others.flat(), slots };
}
