import { readSlots, sameAffine, writtenSlots } from "./fuse.ts";
import type { Kernel, LoopKernel, Slot, Value } from "./kernel.ts";

/**
 * Where a kernel stores x beside y = relu(x), and all others read x only to see where it is not above zero, they see the same in y: then x
 * is not stored. (Of a residual block's sum its gradient wants no more than that.)
 */
export function masksFromResults(kernels: readonly Kernel[]): readonly Kernel[] {
  const [readers, writers] = [new Map<Slot, Kernel[]>(), new Map<Slot, Kernel[]>()];
  const add = (map: Map<Slot, Kernel[]>, slot: Slot, kernel: Kernel): void => void map.set(slot, [...(map.get(slot) ?? []), kernel]);
  for (const kernel of kernels) {
    for (const slot of readSlots(kernel)) add(readers, slot, kernel);
    for (const slot of writtenSlots(kernel)) add(writers, slot, kernel);
  }
  const instead = new Map<Slot, Slot>();
  for (const kernel of kernels) {
    if (kernel.kind !== "loop") continue;
    for (const [x, y] of rectified(kernel)) {
      const alone = [x, y].every((slot) => slot.place.kind === "arena" && writers.get(slot)!.length === 1);
      if (alone && (readers.get(x) ?? []).every((k) => k !== kernel && readsSignsOnly(k, x))) instead.set(x, y);
    }
  }
  if (!instead.size) return kernels;
  const other = (v: Value): Value =>
    v.op === "load" && instead.has(v.access.slot) ? { ...v, access: { ...v.access, slot: instead.get(v.access.slot)! } } : v;
  return kernels.map((k) => (k.kind === "loop" ? { ...k, body: k.body.map(other) } : k));
}

/** Slots of x and relu(x) that a kernel stores at the same places. */
function rectified({ body, stores }: LoopKernel): [x: Slot, y: Slot][] {
  return stores.flatMap((result) => {
    const chosen = body[result.value]!;
    if (chosen.op !== "where") return [];
    const [condition, zero, value] = chosen.args as [number, number, number];
    if (!isZero(body[zero]!) || !comparesWithZero(body, body[condition]!, value)) return [];
    const same = stores.filter(({ value: v, access }) => v === value && sameAffine(access, result.access));
    return same.map(({ access }): [Slot, Slot] => [access.slot, result.access.slot]);
  });
}

const isZero = (value: Value): boolean => value.op === "constant" && value.value === 0;

/** Whether it says of this value that it is at most zero. */
const comparesWithZero = (body: readonly Value[], { op, args }: Value, value: number): boolean =>
  op === "le" && args[0] === value && isZero(body[args[1]!]!);

function readsSignsOnly(kernel: Kernel, slot: Slot): boolean {
  if (kernel.kind !== "loop") return false;
  const { body, stores } = kernel;
  return body.every((load, i) => {
    if (load.op !== "load" || load.access.slot !== slot) return true;
    const users = body.filter(({ args }) => args.includes(i));
    return users.every((user) => comparesWithZero(body, user, i)) && stores.every(({ value }) => value !== i);
  });
}
