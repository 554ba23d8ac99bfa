import { sizeOf } from "../shape.ts";
import type { Access, Affine, Guard, Kernel, LoopKernel, Slot, Value } from "./kernel.ts";
import { type Lowered, mostSlots } from "./lower.ts";
import { masksFromResults } from "./masks.ts";
import type { Target } from "./target.ts";
import { countBuffers } from "./twins.ts";

/** Limits that keep a fused kernel's registers and code within reason. */
const mostValues = 240;
/** A row kernel needs this many rows for threads to share, unless all of it is small. */
const fewRows = 16;
const smallKernel = 2 ** 14;

/**
 * Merges loop kernels over the same iteration space: a reader with what it reads (softmax, normalisation: several
 * reductions and maps over a row held in cache), and kernels that read the same (an optimizer's three updates). `parts` are those of
 * `parts.ts`.
 */
export function fuse(
  { kernels, slots }: Lowered,
  target: Target,
  twins: ReadonlyMap<Slot, Slot>,
  parts: ReadonlyMap<Kernel, Slot> = new Map(),
): Lowered {
  const slotLimit = Math.min(mostSlots, target.slots);
  const list: (Kernel | null)[] = kernels.map((k) => (k.kind === "loop" ? squeeze(k) : k));
  const partOf = kernels.map((k) => parts.get(k));
  /** What two kernels that fit become, and which way the others between them let one come to the other. */
  const join = (i: number, j: number, between: Between): { merged: LoopKernel; later: boolean } | null => {
    const [a, b] = [list[i], list[j]];
    if (a?.kind !== "loop" || b?.kind !== "loop") return null;
    // Parts of an array stay where they become known, even where they read the same bias.
    if (partOf[i] && partOf[i] === partOf[j]) return null;
    const [first, second] = sameSpace(a, b);
    const split = commonSplit(first, second, target);
    if (split === null || !related(first, second)) return null;
    const later = !first.stores.some((s) => between.read.has(s.access.slot));
    if (!later && [...readSlots(second)].some((s) => between.written.has(s))) return null;
    const merged = merge(first, second, split);
    if (!merged || merged.body.length > mostValues || countBuffers(slotsOf(merged), twins) > slotLimit) return null;
    return { merged, later };
  };
  for (let j = 1; j < list.length; j++) {
    const between: Between = { read: new Set(), written: new Set() };
    // Nearest first: values are still in registers or cache.
    for (let i = j - 1; i >= Math.max(0, j - 64); i--) {
      const joined = join(i, j, between);
      if (!joined) {
        const kernel = list[i];
        if (!kernel) continue;
        for (const s of readSlots(kernel)) between.read.add(s);
        for (const s of writtenSlots(kernel)) between.written.add(s);
        continue;
      }
      partOf[i] ??= partOf[j];
      partOf[j] = partOf[i];
      list[joined.later ? j : i] = joined.merged;
      list[joined.later ? i : j] = null;
      if (!joined.later) break;
    }
  }
  const kept = masksFromResults(list.filter((k): k is Kernel => k !== null));
  const needed = new Map<Slot, number>();
  for (const k of kept) for (const s of readSlots(k)) needed.set(s, (needed.get(s) ?? 0) + 1);
  const trimmed = kept.map((k) => (k.kind === "loop" ? dropDead(k, needed) : k));
  return { kernels: trimmed.map((k) => (k.kind === "loop" ? coalesce(k) : k)), slots };
}

/** What the kernels between two others read and write. */
interface Between {
  readonly read: Set<Slot>;
  readonly written: Set<Slot>;
}

const sameList = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((n, i) => n === b[i]);
export const sameAffine = (a: Affine, b: Affine): boolean => a.offset === b.offset && sameList(a.strides, b.strides);

/** Without dimensions of one element, but for one that a reduction needs. */
function squeeze(kernel: LoopKernel): LoopKernel {
  const kept = kernel.dims.flatMap((n, d) => (n === 1 ? [] : [d]));
  const reduces = kernel.body.some((v) => v.op === "reduce");
  if (reduces && !kept.some((d) => d >= kernel.split)) kept.push(kernel.dims.length - 1);
  if (kept.length === kernel.dims.length) return kernel;
  return {
    ...kernel,
    ...mapAffines(kernel, (a) => ({ ...a, strides: kept.map((d) => a.strides[d]!) })),
    dims: kept.map((d) => kernel.dims[d]!),
    split: kept.filter((d) => d < kernel.split).length,
  };
}

/**
 * Two kernels over one space where they can be: one that does something once a row (a mean from a sum) becomes part of the
 * other's rows.
 */
function sameSpace(a: LoopKernel, b: LoopKernel): [LoopKernel, LoopKernel] {
  if (a.dims.length < b.dims.length) return [onceARow(a, b) ?? a, b];
  return [a, a.dims.length > b.dims.length ? (onceARow(b, a) ?? b) : b];
}

function onceARow(kernel: LoopKernel, rows: LoopKernel): LoopKernel | null {
  if (kernel.split !== kernel.dims.length || !sameList(kernel.dims, rows.dims.slice(0, rows.split))) return null;
  const more = rows.dims.length - kernel.dims.length;
  const widen = <A extends Affine>(a: A): A => ({ ...a, strides: [...a.strides, ...new Array<number>(more).fill(0)] });
  return { ...kernel, ...mapAffines(kernel, widen), dims: rows.dims };
}

/** Body and stores with other index maps. */
function mapAffines(kernel: LoopKernel, map: <A extends Affine>(a: A) => A): Pick<LoopKernel, "body" | "stores"> {
  const access = (a: Access): Access => ({ ...map(a), guards: a.guards.map(map) });
  const body = kernel.body.map((v): Value => {
    if (v.op === "load") return { ...v, access: access(v.access) };
    if (v.op === "index") return { ...v, index: map(v.index) };
    if (v.op === "guard") return { ...v, guards: v.guards.map(map) };
    return v;
  });
  return { body, stores: kernel.stores.map((s) => ({ value: s.value, access: access(s.access) })) };
}

/** The split of the merged kernel, or null where the spaces do not fit. */
function commonSplit(a: LoopKernel, b: LoopKernel, target: Target): number | null {
  if (!sameList(a.dims, b.dims)) return null;
  if (a.split === b.split) return a.split;
  // What is left in rows can go on with the rows of a contraction; a sum over everything cannot.
  if (target.joins === "rows" && Math.min(a.split, b.split) === 0) return null;
  const rank = a.dims.length;
  if (a.split !== rank && b.split !== rank) return null;
  const split = Math.min(a.split, b.split);
  const size = sizeOf(a.dims);
  return sizeOf(a.dims.slice(0, split)) >= fewRows || size <= smallKernel ? split : null;
}

/** Whether the second kernel reads what the first writes, or much of what it reads: a bias alone is no reason to compute both at a time. */
function related(a: LoopKernel, b: LoopKernel): boolean {
  const written = new Set(a.stores.map((s) => s.access.slot));
  const size = sizeOf(b.dims);
  const isMuch = ({ strides }: Access): boolean => size <= smallKernel || 16 * sizeOf(b.dims.filter((_, d) => strides[d] !== 0)) >= size;
  for (const v of b.body)
    if (v.op === "load") {
      const { access } = v;
      if (written.has(access.slot)) return true;
      const same = (w: Value): boolean => w.op === "load" && w.access.slot === access.slot && sameAffine(w.access, access);
      if (isMuch(access) && a.body.some(same)) return true;
    }
  return false;
}

/** What loop kernels read: asked for again and again, in programs of hundreds of kernels. */
const loopReads = new WeakMap<LoopKernel, ReadonlySet<Slot>>();

export function readSlots(kernel: Kernel): ReadonlySet<Slot> {
  if (kernel.kind === "loop") {
    let reads = loopReads.get(kernel);
    if (!reads) {
      reads = new Set(kernel.body.flatMap((v) => (v.op === "load" ? [v.access.slot] : [])));
      loopReads.set(kernel, reads);
    }
    return reads;
  }
  if (kernel.kind === "contraction") {
    const after = kernel.epilogue ? [...readSlots(kernel.epilogue.kernel)].filter((s) => s !== kernel.out) : [];
    return new Set([kernel.a.slot, kernel.b.slot, ...after]);
  }
  if (kernel.kind === "chain") return new Set(kernel.stages.flatMap((s) => [...readSlots(s.kernel)]).filter(isMemory));
  return new Set(kernel.inputs);
}

export function writtenSlots(kernel: Kernel): Slot[] {
  if (kernel.kind === "loop") return kernel.stores.map((s) => s.access.slot);
  if (kernel.kind === "chain") return kernel.stages.flatMap((s) => writtenSlots(s.kernel)).filter(isMemory);
  if (kernel.kind === "contraction" && kernel.epilogue)
    return [...(kernel.epilogue.storesProduct ? [kernel.out] : []), ...writtenSlots(kernel.epilogue.kernel)];
  return [kernel.out];
}

/** Not within a chain only. */
const isMemory = (slot: Slot): boolean => slot.place.kind !== "block";

function slotsOf(kernel: LoopKernel): Set<Slot> {
  return new Set([...readSlots(kernel), ...writtenSlots(kernel)]);
}

/** One kernel doing both, or null where the second reads other elements than the first has just written. */
function merge(first: LoopKernel, second: LoopKernel, split: number): LoopKernel | null {
  const body: Value[] = [...first.body];
  const known = new Map<string, number>(body.map((v, i) => [valueKey(v), i]));
  const place: number[] = [];
  for (const value of second.body) {
    if (value.op === "load") {
      const writers = first.stores.filter((s) => s.access.slot === value.access.slot);
      if (writers.length) {
        const same = writers.find((s) => !value.access.guards.length && sameAffine(s.access, value.access));
        if (!same) return null;
        place.push(same.value);
        continue;
      }
    }
    const moved = { ...value, args: value.args.map((a) => place[a]!) } as Value;
    const key = valueKey(moved);
    let at = known.get(key);
    if (at === undefined) {
      at = body.push(moved) - 1;
      known.set(key, at);
    }
    place.push(at);
  }
  const stores = [...first.stores, ...second.stores.map((s) => ({ value: place[s.value]!, access: s.access }))];
  return { kind: "loop", dims: first.dims, split, body, stores };
}

function valueKey(value: Value): string {
  const affine = (a: Affine) => `${a.offset}:${a.strides.join()}`;
  const guards = (g: readonly Guard[]) => g.map((x) => `${affine(x)}<${x.size}`).join("/");
  const head = `${value.op} ${value.dtype} ${value.args.join()}`;
  if (value.op === "load") return `${head} ${value.access.slot.index} ${affine(value.access)} ${guards(value.access.guards)}`;
  if (value.op === "constant") return `${head} ${Object.is(value.value, -0) ? "-0" : value.value}`;
  if (value.op === "index") return `${head} ${affine(value.index)}`;
  if (value.op === "guard") return `${head} ${guards(value.guards)}`;
  if (value.op === "reduce") return `${head} ${value.kind}`;
  return head;
}

/** Leaves out stores that nobody outside reads, and values that then serve nothing. */
function dropDead(kernel: LoopKernel, needed: ReadonlyMap<Slot, number>): LoopKernel {
  const own = readSlots(kernel);
  const stores = kernel.stores.filter(
    ({ access: { slot } }) => slot.place.kind !== "arena" || (needed.get(slot) ?? 0) > (own.has(slot) ? 1 : 0),
  );
  const used = new Set<number>();
  const visit = (i: number): void => {
    if (used.has(i)) return;
    used.add(i);
    for (const a of kernel.body[i]!.args) visit(a);
  };
  for (const s of stores) visit(s.value);
  const place = new Map<number, number>();
  const body: Value[] = [];
  kernel.body.forEach((value, i) => {
    if (used.has(i)) place.set(i, body.push({ ...value, args: value.args.map((a) => place.get(a)!) } as Value) - 1);
  });
  return { ...kernel, body, stores: stores.map((s) => ({ value: place.get(s.value)!, access: s.access })) };
}

/** Joins neighbouring dimensions wherever everything steps through them as through one, and drops those of size one. */
export function coalesce(kernel: LoopKernel): LoopKernel {
  const affines: Affine[] = [];
  for (const v of kernel.body) {
    if (v.op === "load") affines.push(v.access, ...v.access.guards);
    else if (v.op === "index") affines.push(v.index);
    else if (v.op === "guard") affines.push(...v.guards);
  }
  for (const s of kernel.stores) affines.push(s.access);
  const groups: number[][] = []; // original dimensions that become one, outer to inner
  let split = 0;
  kernel.dims.forEach((n, d) => {
    const inner = d >= kernel.split;
    if (n !== 1) {
      const last = groups.at(-1);
      const joins =
        last !== undefined && last[0]! >= kernel.split === inner && affines.every((a) => a.strides[last.at(-1)!]! === a.strides[d]! * n);
      if (joins) last.push(d);
      else groups.push([d]);
    }
    if (!inner) split = groups.length;
  });
  const strides = (a: Affine) => groups.map((g) => a.strides[g.at(-1)!]!);
  return cutAtGuards({
    kind: "loop",
    dims: groups.map((g) => g.reduce((n, d) => n * kernel.dims[d]!, 1)),
    split,
    ...mapAffines(kernel, (a) => ({ ...a, strides: strides(a) })),
  });
}

/**
 * Cuts the last dimension of an elementwise kernel in two where its guards hold or fail for stretches of equal length
 * (channels padded from 16 to 32): lanes side by side then agree.
 */
function cutAtGuards(kernel: LoopKernel): LoopKernel {
  const last = kernel.dims.length - 1;
  if (last < 0 || kernel.split <= last) return kernel;
  const guards = kernel.body.flatMap((v) => (v.op === "guard" ? v.guards : v.op === "load" ? v.access.guards : []));
  const varying = guards.filter((g) => g.strides[last] !== 0);
  const size = kernel.dims[last]!;
  const stretch = varying.reduce((n, g) => [g.offset, g.size, ...g.strides.slice(0, last)].reduce(greatestDivisor, n), size);
  if (!varying.length || varying.some((g) => g.strides[last] !== 1) || stretch < 4 || stretch === size) return kernel;
  const cut = <A extends Affine>(a: A): A => ({
    ...a,
    strides: [...a.strides.slice(0, last), a.strides[last]! * stretch, a.strides[last]!],
  });
  const guard = (g: Guard): Guard =>
    g.strides[last] === 0
      ? cut(g)
      : { offset: g.offset / stretch, size: g.size / stretch, strides: [...g.strides.slice(0, last).map((s) => s / stretch), 1, 0] };
  const access = (a: Access): Access => ({ ...cut(a), guards: a.guards.map(guard) });
  const body = kernel.body.map((v): Value => {
    if (v.op === "load") return { ...v, access: access(v.access) };
    if (v.op === "index") return { ...v, index: cut(v.index) };
    if (v.op === "guard") return { ...v, guards: v.guards.map(guard) };
    return v;
  });
  return {
    kind: "loop",
    dims: [...kernel.dims.slice(0, last), size / stretch, stretch],
    split: kernel.split + 1,
    body,
    stores: kernel.stores.map((s) => ({ value: s.value, access: access(s.access) })),
  };
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : greatestDivisor(b, a % b);
}
