import { ArgumentError, OutOfMemoryError, StateError } from "../../errors.ts";
import { hasThreads, type MemoryLimits } from "./assembler.ts";

export interface HeapOptions {
  /** Memory that threads can share; by default wherever the engine allows it. */
  shared?: boolean;
  /** Never reserve more than this, by default what a 32-bit memory can hold. */
  limitBytes?: number;
}

export interface HeapStatistics {
  /** Bytes handed out (rounded up to 64 a buffer), their greatest sum so far, and bytes obtained from the system. */
  readonly used: number;
  readonly peak: number;
  readonly reserved: number;
  readonly limit: number;
  readonly count: number;
  /** Unused stretches, and the longest of them. */
  readonly holes: number;
  readonly largestHole: number;
}

const PAGE = 65536;
const UNIT = 64;
const MIB = 2 ** 20;
/** One page short of 4 GiB, so that the end of a buffer is still a 32-bit number. */
const MOST_PAGES = 65535;
const SMALLEST_STEP = 16 * MIB;
const LARGEST_STEP = 512 * MIB;

/** A stretch of memory, in units of 64 bytes; neighbours in memory are linked, and so are free blocks of one class. */
class Block {
  start: number;
  size: number;
  free = false;
  before: Block | null = null;
  after: Block | null = null;
  previousFree: Block | null = null;
  nextFree: Block | null = null;

  constructor(start: number, size: number) {
    this.start = start;
    this.size = size;
  }
}

/**
 * The memory that all kernels work in, and who owns which part of it.
 *
 * Free blocks are kept in two-level segregated lists (Masmano et al. 2004, TLSF): 16 classes for every power of two, and
 * bit masks of the classes that have any. Allocating and freeing take constant time. The bookkeeping lies outside of the
 * memory, where no kernel can overwrite it.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** What a module that imports this memory has to declare. */
  readonly limits: MemoryLimits;
  private readonly limitPages: number;
  private readonly allocated = new Map<number, Block>();
  private readonly classes: (Block | null)[] = new Array(32 * 16).fill(null);
  private readonly secondLevel = new Int32Array(32);
  private firstLevel = 0;
  private last: Block;
  private holes = 0;
  private usedUnits = 0;
  private peakUnits = 0;
  private views!: Views;

  constructor({ shared = hasThreads(), limitBytes = MOST_PAGES * PAGE }: HeapOptions = {}) {
    if (!(limitBytes >= PAGE)) {
      throw new ArgumentError("Heap", `limitBytes must be at least ${PAGE}. Received: ${limitBytes}`);
    }
    this.limitPages = Math.min(Math.floor(limitBytes / PAGE), MOST_PAGES);
    const initial = Math.min(MIB / PAGE, this.limitPages);
    this.shared = shared;
    this.memory = shared ? sharedMemory(initial) : new WebAssembly.Memory({ initial });
    this.limits = shared ? { initialPages: 1, maximumPages: 65536, shared } : { initialPages: 1 };
    this.refreshViews();
    // The first unit stays ours: no buffer has address 0.
    this.last = new Block(1, (initial * PAGE) / UNIT - 1);
    this.insert(this.last);
  }

  get u8(): Uint8Array {
    return this.views.u8;
  }
  get i32(): Int32Array {
    return this.views.i32;
  }
  get u32(): Uint32Array {
    return this.views.u32;
  }
  get f32(): Float32Array {
    return this.views.f32;
  }
  get f64(): Float64Array {
    return this.views.f64;
  }

  /** The address of `bytes` bytes that nobody else has, a multiple of 64. Contents are undefined. */
  allocate(bytes: number): number {
    if (!(bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER)) {
      throw new ArgumentError("allocate", `expected a number of bytes. Received: ${bytes}`);
    }
    const size = Math.max(1, Math.ceil(bytes / UNIT));
    const block = this.find(size) ?? this.grow(size, bytes);
    this.remove(block);
    if (block.size > size) {
      const rest = new Block(block.start + size, block.size - size);
      block.size = size;
      rest.before = block;
      rest.after = block.after;
      if (rest.after) rest.after.before = rest;
      else this.last = rest;
      block.after = rest;
      this.insert(rest);
    }
    this.allocated.set(block.start, block);
    this.usedUnits += size;
    if (this.usedUnits > this.peakUnits) this.peakUnits = this.usedUnits;
    return block.start * UNIT;
  }

  free(address: number): void {
    let block = this.allocated.get(address / UNIT);
    if (!block) throw new StateError("free", `no buffer begins at address ${address}`, "Was it freed before?");
    this.allocated.delete(block.start);
    this.usedUnits -= block.size;
    const { before, after } = block;
    if (before?.free) {
      this.remove(before);
      block = this.merge(before, block);
    }
    if (after?.free) {
      this.remove(after);
      block = this.merge(block, after);
    }
    this.insert(block);
  }

  statistics(): HeapStatistics {
    let largest = 0;
    if (this.firstLevel !== 0) {
      const first = 31 - Math.clz32(this.firstLevel);
      const second = 31 - Math.clz32(this.secondLevel[first] as number);
      for (let b = this.classes[first * 16 + second] ?? null; b; b = b.nextFree) largest = Math.max(largest, b.size);
    }
    return {
      used: this.usedUnits * UNIT,
      peak: this.peakUnits * UNIT,
      reserved: this.views.u8.byteLength,
      limit: this.limitPages * PAGE,
      count: this.allocated.size,
      holes: this.holes,
      largestHole: largest * UNIT,
    };
  }

  /** A free block of at least `size` units: the best of a few in its own class, or any of the next class that has one. */
  private find(size: number): Block | null {
    if (size > (MOST_PAGES * PAGE) / UNIT) return null;
    const own = classOf(size);
    let best: Block | null = null;
    let tries = 0;
    for (let block = this.classes[own] ?? null; block && tries < 16; block = block.nextFree, tries++) {
      if (block.size === size) return block;
      if (block.size > size && (!best || block.size < best.size)) best = block;
    }
    if (best) return best;

    let first = own >> 4;
    // Shifting by 32 would shift by nothing, hence two steps.
    let seconds = (this.secondLevel[first] as number) & ((-1 << (own & 15)) << 1);
    if (seconds === 0) {
      const firsts = this.firstLevel & ((-1 << first) << 1);
      if (firsts === 0) return this.findAnywhere(own, size);
      first = lowestBit(firsts);
      seconds = this.secondLevel[first] as number;
    }
    return this.classes[first * 16 + lowestBit(seconds)] ?? null;
  }

  private findAnywhere(own: number, size: number): Block | null {
    let block = this.classes[own] ?? null;
    while (block && block.size < size) block = block.nextFree;
    return block;
  }

  /** Makes the memory longer, so that its last block is free and has `size` units. */
  private grow(size: number, bytes: number): Block {
    const reserved = this.views.u8.byteLength;
    const trailing = this.last.free ? this.last.size : 0;
    const needed = Math.ceil(((size - trailing) * UNIT) / PAGE);
    const possible = this.limitPages - reserved / PAGE;
    const step = Math.min(Math.max(reserved / 2, SMALLEST_STEP), LARGEST_STEP) / PAGE;
    const wanted = Math.min(Math.max(needed, Math.floor(step)), possible);
    const grown = needed <= possible && (this.tryGrow(wanted) || (needed < wanted && this.tryGrow(needed)));
    if (!grown) {
      throw new OutOfMemoryError(
        "allocate",
        `${inMiB(bytes)} asked for, ${inMiB(this.usedUnits * UNIT)} in use in ${this.allocated.size} buffers, ` +
          `${inMiB(reserved)} reserved of at most ${inMiB(this.limitPages * PAGE)}`,
        "Dispose of arrays that are no longer needed, or work on smaller batches",
      );
    }
    this.refreshViews();
    const added = (this.views.u8.byteLength - reserved) / UNIT;
    if (this.last.free) {
      this.remove(this.last);
      this.last.size += added;
    } else {
      const block = new Block(reserved / UNIT, added);
      block.before = this.last;
      this.last.after = block;
      this.last = block;
    }
    this.insert(this.last);
    return this.last;
  }

  private tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }

  private refreshViews(): void {
    const { buffer } = this.memory;
    this.views = {
      u8: new Uint8Array(buffer),
      i32: new Int32Array(buffer),
      u32: new Uint32Array(buffer),
      f32: new Float32Array(buffer),
      f64: new Float64Array(buffer),
    };
  }

  /** Both are in no list. */
  private merge(low: Block, high: Block): Block {
    low.size += high.size;
    low.after = high.after;
    if (low.after) low.after.before = low;
    else this.last = low;
    return low;
  }

  private insert(block: Block): void {
    const index = classOf(block.size);
    const head = this.classes[index] ?? null;
    block.free = true;
    block.previousFree = null;
    block.nextFree = head;
    if (head) head.previousFree = block;
    this.classes[index] = block;
    this.secondLevel[index >> 4]! |= 1 << (index & 15);
    this.firstLevel |= 1 << (index >> 4);
    this.holes++;
  }

  private remove(block: Block): void {
    const index = classOf(block.size);
    const { previousFree, nextFree } = block;
    if (previousFree) previousFree.nextFree = nextFree;
    else this.classes[index] = nextFree;
    if (nextFree) nextFree.previousFree = previousFree;
    if (!this.classes[index]) {
      const seconds = (this.secondLevel[index >> 4]! &= ~(1 << (index & 15)));
      if (seconds === 0) this.firstLevel &= ~(1 << (index >> 4));
    }
    block.free = false;
    block.previousFree = block.nextFree = null;
    this.holes--;
  }
}

interface Views {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
}

/** Engines reserve the addresses of a shared memory when they make it; not all of them have 4 GiB to give. */
function sharedMemory(initial: number): WebAssembly.Memory {
  for (let maximum = 65536; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      if (maximum <= 4096) throw error;
    }
  }
}

/** 16 classes a power of two; sizes below 16 have a class each. */
function classOf(size: number): number {
  if (size < 16) return size;
  const first = 31 - Math.clz32(size);
  return (first - 3) * 16 + ((size >> (first - 4)) & 15);
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

function inMiB(bytes: number): string {
  return bytes < MIB ? `${bytes} bytes` : `${(bytes / MIB).toFixed(1)} MiB`;
}
