import { sizeOf } from "../shape.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Access, Block, ChainKernel, ContractionKernel, Kernel, LoopKernel, Slot } from "./kernel.ts";
import type { Lowered } from "./lower.ts";

/** Threads share the rows of a contraction, and then those of its epilogue; fewer are left apart unless all is small. */
const fewRows = 32;
const smallWork = 2 ** 15;
/** How far apart a contraction and its epilogue may stand. */
const reach = 64;

/**
 * Joins contractions with the loop kernels that go on with their rows, so that these work on a block of rows that is still
 * in cache. A result that nobody else reads needs no memory beyond such a block.
 */
export function chain({ kernels, slots }: Lowered): Lowered {
  const list: (Kernel | null)[] = [...kernels];
  for (let j = 1; j < list.length; j++) {
    const loop = list[j];
    if (loop?.kind !== "loop") continue;
    for (let i = j - 1; i >= Math.max(0, j - reach); i--) {
      const first = list[i];
      if (first?.kind !== "contraction" && first?.kind !== "chain") continue;
      const joined = append(first, loop);
      if (!joined) continue;
      const written = new Set(writtenSlots(first));
      const between = list.slice(i + 1, j).filter((k): k is Kernel => k !== null);
      // Later only: an epilogue may overwrite a parameter (an optimizer's update) that is still read in between.
      if (between.some((k) => [...readSlots(k)].some((s) => written.has(s)))) continue;
      list[j] = joined;
      list[i] = null;
      break;
    }
  }
  const kept = list.filter((k): k is Kernel => k !== null);
  return { kernels: kept.map((k) => (k.kind === "chain" ? { ...k, blocks: [...k.blocks, ...takeBlocks(k, kept)] } : k)), slots };
}

function append(first: ContractionKernel | ChainKernel, loop: LoopKernel): ChainKernel | null {
  const { units, stages, blocks } =
    first.kind === "chain" ? first : { units: rowsOf(first), stages: [{ kernel: first, each: 1 }], blocks: [] };
  const reads = readSlots(loop);
  const passed = writtenSlots(first).filter((slot) => reads.has(slot));
  if (!passed.length || (units < fewRows && sizeOf(loop.dims) > smallWork)) return null;
  if (!passed.every((slot) => staysWithin(loop, units, slot))) return null;
  const of = (k: ContractionKernel | LoopKernel) => (k.kind === "loop" ? staysWithinAll(k, units, passed) : true);
  if (!stages.every((s) => of(s.kernel))) return null;
  return { kind: "chain", units, stages: [...stages, { kernel: loop, each: sizeOf(loop.dims.slice(0, loop.split)) / units }], blocks };
}

const rowsOf = (kernel: ContractionKernel): number => sizeOf(kernel.batch) * sizeOf(kernel.rows);

const staysWithinAll = (loop: LoopKernel, units: number, slots: readonly Slot[]): boolean =>
  slots.every((slot) => staysWithin(loop, units, slot));

/** Whether units cut the loop's units and the slot into equal stretches such that a stretch of the loop sees no other of the slot. */
function staysWithin(loop: LoopKernel, units: number, slot: Slot): boolean {
  const outer = leading(loop.dims.slice(0, loop.split), units);
  if (!outer || slot.size % units) return false;
  const accesses: Access[] = loop.body.flatMap((v) => (v.op === "load" && v.access.slot === slot ? [v.access] : []));
  for (const s of loop.stores) if (s.access.slot === slot) accesses.push(s.access);
  return accesses.every((access) => accessStaysWithin(access, loop.dims, outer, slot.size / units));
}

/** Dimensions, the last of them perhaps in part, that make up `units`: how many whole ones, and how much of the next. */
function leading(dims: readonly number[], units: number): { whole: number; part: number } | null {
  let product = 1;
  for (let d = 0; d <= dims.length; d++) {
    if (product === units) return { whole: d, part: 1 };
    if (d === dims.length || units % product) return null;
    if (product * dims[d]! > units) return dims[d]! % (units / product) ? null : { whole: d, part: units / product };
    product *= dims[d]!;
  }
  return null;
}

function accessStaysWithin(access: Access, dims: readonly number[], outer: { whole: number; part: number }, width: number): boolean {
  if (access.guards.length) return false;
  let stride = width;
  let [low, high] = [access.offset, access.offset];
  const widen = (step: number, count: number): void => {
    if (step < 0) low += step * (count - 1);
    else high += step * (count - 1);
  };
  // Whole dimensions step from one stretch to another, what remains of a dimension cut in two steps within one.
  const steps: { stride: number; size: number }[] = [];
  dims.forEach((size, d) => {
    const s = access.strides[d]!;
    if (d < outer.whole) steps.push({ stride: s, size });
    else if (d === outer.whole && outer.part > 1) {
      steps.push({ stride: s * (size / outer.part), size: outer.part });
      widen(s, size / outer.part);
    } else widen(s, size);
  });
  for (const step of steps.reverse()) {
    if (step.size > 1 && step.stride !== stride) return false;
    stride *= step.size;
  }
  return low >= 0 && high < width;
}

/** The slots that only this chain uses. From now on they have no memory of their own. */
function takeBlocks(kernel: ChainKernel, all: readonly Kernel[]): Block[] {
  const others = all.filter((k) => k !== kernel).flatMap((k) => [...readSlots(k), ...writtenSlots(k)]);
  const own = new Set(kernel.stages.flatMap((s) => [...readSlots(s.kernel)]));
  const blocks: Block[] = [];
  for (const slot of writtenSlots(kernel)) {
    if (slot.place.kind !== "arena" || !own.has(slot) || others.includes(slot)) continue;
    slot.place = { kind: "block" };
    blocks.push({ slot, each: slot.size / kernel.units });
  }
  return blocks;
}
