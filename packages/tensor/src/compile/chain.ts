import { sizeOf } from "../shape.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Access, Block, ChainKernel, ContractionKernel, Kernel, LoopKernel, Slot, Stage } from "./kernel.ts";
import type { Lowered } from "./lower.ts";

/** Threads share the rows of a contraction, and then those of its epilogue; fewer are left apart unless all is small. */
const fewRows = 32;
const smallWork = 2 ** 15;
/** How far apart a contraction and its epilogue may stand. */
const reach = 64;

/** Contractions may follow on another's rows where the matrices they multiply by all stay near. */
const nearBytes = 2 ** 16;

/**
 * Joins contractions with the loop kernels that go on with their rows, so that these work on a block of rows that is still
 * in cache, and with further small contractions of those rows: the layers of a small network. A result that nobody else
 * reads needs no memory beyond such a block.
 */
export function chain({ kernels, slots }: Lowered): Lowered {
  const list: (Kernel | null)[] = [...kernels];
  for (let j = 1; j < list.length; j++) {
    const next = list[j];
    if (next?.kind !== "loop" && next?.kind !== "contraction") continue;
    for (let i = j - 1; i >= Math.max(0, j - reach); i--) {
      const first = list[i];
      if (first?.kind !== "contraction" && first?.kind !== "chain") continue;
      const joined = next.kind === "loop" ? append(first, next) : follow(first, next);
      if (!joined) continue;
      const between = list.slice(i + 1, j).filter((k): k is Kernel => k !== null);
      if (mayComeLater(first, between)) [list[i], list[j]] = [null, joined];
      else if (mayComeEarlier(next, between)) [list[i], list[j]] = [joined, null];
      else continue;
      break;
    }
  }
  const kept = list.filter((k): k is Kernel => k !== null);
  const users = new Map<Slot, number>();
  for (const k of kept) for (const slot of new Set([...readSlots(k), ...writtenSlots(k)])) users.set(slot, (users.get(slot) ?? 0) + 1);
  return { kernels: kept.map((k) => (k.kind === "chain" ? { ...k, blocks: [...k.blocks, ...takeBlocks(k, users)] } : k)), slots };
}

function mayComeLater(kernel: Kernel, between: readonly Kernel[]): boolean {
  const written = new Set(writtenSlots(kernel));
  return !between.some((k) => [...readSlots(k)].some((s) => written.has(s)));
}

/** Not what overwrites a parameter (an optimizer's update): that may still be read in between. */
function mayComeEarlier(kernel: Kernel, between: readonly Kernel[]): boolean {
  const reads = readSlots(kernel);
  return writtenSlots(kernel).every((s) => s.place.kind === "arena") && !between.some((k) => writtenSlots(k).some((s) => reads.has(s)));
}

type Started = Pick<ChainKernel, "units" | "stages" | "blocks">;

const started = (first: ContractionKernel | ChainKernel): Started =>
  first.kind === "chain" ? first : { units: rowsOf(first), stages: [{ kernel: first, each: 1 }], blocks: [] };

function append(first: ContractionKernel | ChainKernel, loop: LoopKernel): ChainKernel | null {
  const { units, stages, blocks } = started(first);
  const reads = readSlots(loop);
  const passed = writtenSlots(first).filter((slot) => reads.has(slot));
  if (!passed.length || (units < fewRows && sizeOf(loop.dims) > smallWork)) return null;
  if (!passed.every((slot) => staysWithin(loop, units, slot)) || !fitsStages(stages, units, passed)) return null;
  return { kind: "chain", units, stages: [...stages, { kernel: loop, each: sizeOf(loop.dims.slice(0, loop.split)) / units }], blocks };
}

/** A contraction of rows that the first has just made, by matrices that are there already. */
function follow(first: ContractionKernel | ChainKernel, next: ContractionKernel): ChainKernel | null {
  const { units, stages, blocks } = started(first);
  const { a, b, rows, inner } = next;
  const written = writtenSlots(first);
  const near = [...stages.flatMap(({ kernel }) => (kernel.kind === "contraction" ? [kernel.b.slot.bytes] : [])), b.slot.bytes];
  if (!written.includes(a.slot) || written.includes(b.slot) || near.reduce((x, y) => x + y) > nearBytes) return null;
  if (units < fewRows || sizeOf(next.batch) !== 1 || next.gap || rowsOf(next) % units || a.slot.size % units) return null;
  const outer = leading(rows, units);
  const access: Access = { slot: a.slot, offset: a.offset, strides: [...a.free, ...a.inner], guards: [] };
  if (!outer || !accessStaysWithin(access, [...rows, ...inner], outer, a.slot.size / units)) return null;
  if (!fitsStages(stages, units, [a.slot])) return null;
  return { kind: "chain", units, stages: [...stages, { kernel: next, each: rowsOf(next) / units }], blocks };
}

/** Whether the stages so far make what is passed on unit by unit. */
const fitsStages = (stages: readonly Stage[], units: number, passed: readonly Slot[]): boolean =>
  stages.every(({ kernel }) => kernel.kind !== "loop" || passed.every((slot) => staysWithin(kernel, units, slot)));

const rowsOf = (kernel: ContractionKernel): number => sizeOf(kernel.batch) * sizeOf(kernel.rows);

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

/** The slots that only this chain uses, by how many kernels use each. From now on they have no memory of their own. */
function takeBlocks(kernel: ChainKernel, users: ReadonlyMap<Slot, number>): Block[] {
  const own = new Set(kernel.stages.flatMap((s) => [...readSlots(s.kernel)]));
  const blocks: Block[] = [];
  for (const slot of writtenSlots(kernel)) {
    if (slot.place.kind !== "arena" || !own.has(slot) || users.get(slot)! > 1) continue;
    slot.place = { kind: "block" };
    blocks.push({ slot, each: slot.size / kernel.units });
  }
  return blocks;
}
