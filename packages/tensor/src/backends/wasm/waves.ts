import type { Slot } from "../../compile/kernel.ts";
import type { FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import { kernelParameters } from "./chain.ts";

/**
 * Small kernels, too small for threads to share one of them, run in waves: kernels that do not depend on each other, whole or
 * in pieces, spread evenly over the threads. What a network of a few thousand weights does in a training step is mostly such.
 */

/** A function of the module in its place in the program. */
export interface Part {
  readonly fn: FunctionRef;
  /** Where its table of arguments starts, in words. */
  readonly word: number;
  readonly units: number;
  /** Units that go together in a piece at least. */
  readonly together: number;
  /** Microseconds on one thread, roughly; Infinity for what runs by itself. */
  readonly cost: number;
  readonly reads: readonly Slot[];
  readonly writes: readonly Slot[];
}

/** A part's units from `begin` to `end`. */
interface Piece {
  readonly part: Part;
  readonly begin: number;
  readonly end: number;
  readonly cost: number;
}

/** Kernels to be called one after the other by one thread, or on several threads at the same time. */
export type Wave = { readonly alone: Part } | { readonly serial: readonly Part[] } | { readonly threads: readonly (readonly Piece[])[] };

/** What several threads must save at least, in microseconds, to be worth waking: a handshake takes about a third of it. */
const worthSharing = 1;
/** Pieces shorter than this cost more than they even out. */
const shortest = 0.4;

/**
 * Puts parts in waves, each part after all that it must follow. `inPlace[o]` is the input whose memory output o may take,
 * or -1.
 */
export function waves(parts: readonly Part[], threads: number, inPlace: readonly number[]): Wave[] {
  const result: Wave[] = [];
  let segment: Part[] = [];
  const close = (): void => {
    const levels: Part[][] = [];
    const at = new Map<Part, number>();
    const regions = segment.map((part) => regionsOf(part, inPlace));
    segment.forEach((part, i) => {
      let level = 0;
      for (let j = 0; j < i; j++) if (conflict(regions[j]!, regions[i]!)) level = Math.max(level, at.get(segment[j]!)! + 1);
      at.set(part, level);
      (levels[level] ??= []).push(part);
    });
    for (const level of levels) {
      const shared = share(level, threads);
      const last = result.at(-1);
      if (shared) result.push({ threads: shared });
      else if (last && "serial" in last) result[result.length - 1] = { serial: [...last.serial, ...level] };
      else result.push({ serial: level });
    }
    segment = [];
  };
  for (const part of parts) {
    if (part.cost < Number.POSITIVE_INFINITY) segment.push(part);
    else {
      close();
      result.push({ alone: part });
    }
  }
  close();
  return result;
}

/** Pieces for each thread, or null where threads would not help. */
function share(level: readonly Part[], threads: number): Piece[][] | null {
  const total = level.reduce((sum, part) => sum + part.cost, 0);
  const pieces = level.flatMap((part) => cut(part, Math.max(shortest, total / (2 * threads))));
  const bins = Array.from({ length: Math.min(threads, pieces.length) }, () => ({ cost: 0, pieces: [] as Piece[] }));
  for (const piece of [...pieces].sort((a, b) => b.cost - a.cost)) {
    const least = bins.reduce((a, b) => (b.cost < a.cost ? b : a));
    least.pieces.push(piece);
    least.cost += piece.cost;
  }
  const longest = Math.max(...bins.map((bin) => bin.cost));
  return total - longest < worthSharing ? null : bins.map((bin) => bin.pieces);
}

function cut(part: Part, aim: number): Piece[] {
  const { units, together, cost } = part;
  const count = Math.max(1, Math.min(Math.round(cost / aim), Math.floor(units / together)));
  const each = Math.ceil(units / count / together) * together;
  const pieces: Piece[] = [];
  for (let begin = 0; begin < units || begin === 0; begin += each) {
    const end = Math.min(units, begin + each);
    pieces.push({ part, begin, end, cost: (cost * (end - begin)) / Math.max(1, units) });
  }
  return pieces;
}

/** A stretch of memory: of the arena, or of an input or output. */
interface Region {
  readonly memory: string;
  readonly begin: number;
  readonly end: number;
}

interface Regions {
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
}

function regionsOf({ reads, writes }: Part, inPlace: readonly number[]): Regions {
  const region = ({ place, bytes }: Slot): Region[] => {
    if (place.kind === "block") return [];
    if (place.kind === "arena") return [{ memory: "arena", begin: place.offset, end: place.offset + bytes }];
    const input = place.kind === "input" ? place.index : (inPlace[place.index] ?? -1);
    return [{ memory: input >= 0 ? `input ${input}` : `output ${place.index}`, begin: 0, end: Math.max(1, bytes) }];
  };
  return { reads: reads.flatMap(region), writes: writes.flatMap(region) };
}

const overlap = (a: readonly Region[], b: readonly Region[]): boolean =>
  a.some((x) => b.some((y) => x.memory === y.memory && x.begin < y.end && y.begin < x.end));

/** Whether the order of two parts matters. */
const conflict = (a: Regions, b: Regions): boolean =>
  overlap(a.writes, b.reads) || overlap(a.writes, b.writes) || overlap(a.reads, b.writes);

/** A function (table, begin, end, scratch) that does the work of threads `begin` to `end`; all of it for parts in series. */
export function emitWave(module: ModuleBuilder, name: string, wave: Exclude<Wave, { alone: Part }>): FunctionRef {
  return module.func(name, kernelParameters, [], (f) => {
    const [table, begin, end, scratch] = f.params as [Local, Local, Local, Local];
    const call = ({ part, begin, end }: Pick<Piece, "part" | "begin" | "end">): void => {
      f.get(table)
        .i32(4 * part.word)
        .op("i32.add")
        .i32(begin)
        .i32(end)
        .get(scratch)
        .call(part.fn);
    };
    if ("serial" in wave) {
      for (const part of wave.serial) call({ part, begin: 0, end: part.units });
      return;
    }
    wave.threads.forEach((pieces, thread) => {
      f.block((skip) => {
        f.i32(thread).get(begin).op("i32.lt_s").br_if(skip);
        f.i32(thread).get(end).op("i32.ge_s").br_if(skip);
        pieces.forEach(call);
      });
    });
  });
}
