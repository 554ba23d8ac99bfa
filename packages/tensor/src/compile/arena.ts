import { readSlots, writtenSlots } from "./fuse.ts";
import type { Kernel, Slot } from "./kernel.ts";
import type { Lowered } from "./lower.ts";
import type { Target } from "./target.ts";

/** An intermediate, and the kernels from the first that writes it to the last that touches it. */
interface Life {
  readonly slot: Slot;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where intermediates go, and how much memory that takes. */
interface Placed {
  readonly offsets: ReadonlyMap<Slot, number>;
  readonly end: number;
}

/** Programs of more intermediates are placed as they come. */
const mostSorted = 4000;

/** Gives every intermediate an offset; memory whose last reader is done is used again. Returns the size of the arena. */
export function placeInArena({ kernels, slots }: Lowered, target: Target): number {
  const lives = livesOf(kernels, target.alignment);
  const inTurn = placeInTurn(lives, target.segment);
  // What comes in turn leaves gaps, where others begin and end at other times.
  const gaps = inTurn.end > 1.05 * mostBytes(kernels) && lives.length <= mostSorted;
  const bySize = gaps ? placeBySize(lives, target.segment) : inTurn;
  const { offsets, end } = bySize.end < inTurn.end ? bySize : inTurn;
  // Slots of zero elements are never written; they need an address all the same.
  for (const s of slots) if (s.place.kind === "arena") s.place.offset = offsets.get(s) ?? 0;
  return end;
}

/** In the order in which they are first written. */
function livesOf(kernels: readonly Kernel[], alignment: number): Life[] {
  const [first, last] = [new Map<Slot, number>(), new Map<Slot, number>()];
  kernels.forEach((kernel, k) => {
    for (const slot of writtenSlots(kernel)) if (slot.place.kind === "arena" && !first.has(slot)) first.set(slot, k);
    for (const slot of [...readSlots(kernel), ...writtenSlots(kernel)]) last.set(slot, k);
  });
  const align = (bytes: number): number => Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
  return [...first].map(([slot, k]) => ({ slot, bytes: align(slot.bytes), first: k, last: last.get(slot)! }));
}

/** The most bytes of intermediates that are held at a time. */
export function mostBytes(kernels: readonly Kernel[]): number {
  const change = new Array<number>(kernels.length + 1).fill(0);
  for (const { bytes, first, last } of livesOf(kernels, 1)) {
    change[first]! += bytes;
    change[last + 1]! -= bytes;
  }
  let [bytes, most] = [0, 0];
  for (const more of change) {
    bytes += more;
    most = Math.max(most, bytes);
  }
  return most;
}

const crosses = (offset: number, bytes: number, segment: number): boolean =>
  Math.floor(offset / segment) !== Math.floor((offset + bytes - 1) / segment);

/** Each in the smallest stretch that is free when it is first written. */
function placeInTurn(lives: readonly Life[], segment: number): Placed {
  const offsets = new Map<Slot, number>();
  let free: { offset: number; bytes: number }[] = [];
  let end = 0;
  const release = (offset: number, bytes: number): void => {
    free.push({ offset, bytes });
    free.sort((a, b) => a.offset - b.offset);
    const joined: typeof free = [];
    for (const f of free) {
      const before = joined.at(-1);
      if (before && before.offset + before.bytes === f.offset) before.bytes += f.bytes;
      else joined.push({ ...f });
    }
    free = joined;
  };
  const take = (bytes: number): number => {
    const fitting = free.filter((f) => f.bytes >= bytes && !crosses(f.offset, bytes, segment)).sort((a, b) => a.bytes - b.bytes)[0];
    if (fitting) {
      const { offset } = fitting;
      fitting.offset += bytes;
      fitting.bytes -= bytes;
      free = free.filter((f) => f.bytes > 0);
      return offset;
    }
    const tail = free.at(-1);
    if (tail && tail.offset + tail.bytes === end && !crosses(tail.offset, bytes, segment)) {
      free.pop();
      end = tail.offset + bytes;
      return tail.offset;
    }
    if (crosses(end, bytes, segment)) {
      const next = Math.ceil(end / segment) * segment;
      release(end, next - end);
      end = next;
    }
    end += bytes;
    return end - bytes;
  };
  let held: Life[] = [];
  for (const life of lives) {
    for (const { slot, bytes, last } of held) if (last < life.first) release(offsets.get(slot)!, bytes);
    held = held.filter(({ last }) => last >= life.first);
    offsets.set(life.slot, take(life.bytes));
    held.push(life);
  }
  return { offsets, end };
}

/** The largest first, each at the lowest place that nothing has taken during its life. */
function placeBySize(lives: readonly Life[], segment: number): Placed {
  const offsets = new Map<Slot, number>();
  const placed: (Life & { readonly offset: number })[] = []; // by offset
  let end = 0;
  for (const life of lives.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    const within = (): number => (crosses(offset, life.bytes, segment) ? Math.ceil(offset / segment) * segment : offset);
    for (const other of placed) {
      if (other.last < life.first || other.first > life.last) continue;
      offset = within();
      if (offset + life.bytes <= other.offset) break;
      offset = Math.max(offset, other.offset + other.bytes);
    }
    offset = within();
    const later = placed.findIndex((other) => other.offset > offset);
    placed.splice(later < 0 ? placed.length : later, 0, { ...life, offset });
    offsets.set(life.slot, offset);
    end = Math.max(end, offset + life.bytes);
  }
  return { offsets, end };
}
