import type { ChainKernel, ContractionKernel, Slot } from "../../compile/kernel.ts";
import type { FunctionRef, Local, ModuleBuilder } from "./assembler.ts";

/** A kernel function: (args, begin, end, scratch). */
export const kernelParameters = ["i32", "i32", "i32", "i32"] as const;

/** A kernel's main function, how threads share its units, and the slots its table of arguments lists. */
export interface Compiled {
  readonly units: number;
  readonly grain: number;
  /** Units that a piece should have a multiple of. */
  readonly together: number;
  readonly parallel: boolean;
  /** Microseconds on one thread, roughly. */
  readonly cost: number;
  readonly scratchBytes: number;
  readonly slots: readonly Slot[];
  readonly timed: Timed;
  emit(): FunctionRef;
}

export interface Timed {
  readonly name: string;
  readonly flops: number;
  readonly bytes: number;
}

/** What a block of units passes from stage to stage should stay in the second cache, and leave room for operands. */
const blockBytes = 128 * 1024;
/** Rows a contraction takes at a time at least, to use its operand b often enough: more where b comes from far away. */
const fewestRows = { near: 48, far: 192 };
const nearBytes = 384 * 1024;

/** Stages that take turns on blocks of units. What passes between them lies in scratch, behind a table of its own. */
export function compileChain(kernel: ChainKernel, stages: readonly Compiled[], module: ModuleBuilder, name: string): Compiled {
  const { units, blocks } = kernel;
  const parallel = stages.some((s) => s.parallel);
  const unitBytes = blocks.reduce((n, { slot, each }) => n + slot.bytes * (each / Math.max(1, slot.size)), 0);
  const main = kernel.stages.findIndex((s) => s.kernel.kind === "contraction");
  const { each, kernel: contraction } = kernel.stages[main]!;
  // Units of many rows are few, and other stages have work in them too.
  const grain = each === 1 ? stages[main]!.grain : Math.min(Math.ceil(stages[main]!.grain / each), Math.ceil(units / 4));
  // Whole tiles of rows; the last block may be smaller.
  const { near, far } = fewestRows;
  const fewest = Math.ceil(((contraction as ContractionKernel).b.slot.bytes <= nearBytes ? near : far) / each);
  const most = Math.max(fewest, Math.floor(blockBytes / Math.max(1, unitBytes) / fewest) * fewest);
  const block = Math.min(parallel ? grain : units, most);
  const slots = stages.flatMap((s) => s.slots);
  const align = (bytes: number) => Math.ceil(bytes / 64) * 64;
  const tableBytes = align(4 * slots.length);
  let scratchBytes = tableBytes;
  const placeOf = new Map(
    blocks.map(({ slot, each }) => {
      const at = scratchBytes;
      const bytesEach = (slot.bytes / slot.size) * each;
      scratchBytes += align(block * bytesEach);
      return [slot, { at, bytesEach }];
    }),
  );
  const rest = scratchBytes;
  scratchBytes += Math.max(...stages.map((s) => s.scratchBytes));

  const emit = (): FunctionRef => {
    const functions = stages.map((s) => s.emit());
    return module.func(name, kernelParameters, [], (f) => {
      const [args, begin, end, scratch] = f.params as [Local, Local, Local, Local];
      const until = f.local("i32");
      slots.forEach((slot, i) => {
        if (!placeOf.has(slot))
          f.get(scratch)
            .get(args)
            .load("i32.load", 4 * i)
            .store("i32.store", 4 * i);
      });
      f.block((exit) => {
        f.loop((again) => {
          f.get(begin).get(end).op("i32.ge_u").br_if(exit);
          f.get(begin).i32(block).op("i32.add").set(until);
          f.get(end).get(until).get(end).get(until).op("i32.lt_u").select().set(until);
          // Unit u of a block slot lies at u · bytesEach from the table's address, so that address may be below zero.
          slots.forEach((slot, i) => {
            const place = placeOf.get(slot);
            if (!place) return;
            f.get(scratch).get(scratch).i32(place.at).op("i32.add");
            f.get(begin).i32(place.bytesEach).op("i32.mul").op("i32.sub");
            f.store("i32.store", 4 * i);
          });
          let first = 0;
          functions.forEach((stage, i) => {
            const { each } = kernel.stages[i]!;
            f.get(scratch)
              .i32(4 * first)
              .op("i32.add");
            f.get(begin).i32(each).op("i32.mul");
            f.get(until).i32(each).op("i32.mul");
            f.get(scratch).i32(rest).op("i32.add");
            f.call(stage);
            first += stages[i]!.slots.length;
          });
          f.get(until).set(begin).br(again);
        });
      });
    });
  };
  const flops = stages.reduce((n, s) => n + s.timed.flops, 0);
  const bytes = stages.reduce((n, s) => n + s.timed.bytes, 0) - 2 * blocks.reduce((n, b) => n + b.slot.bytes, 0);
  const cost = stages.reduce((n, s) => n + s.cost, 0);
  const together = Math.ceil(stages[main]!.together / each);
  return { units, grain, together, parallel, cost, scratchBytes, slots, timed: { name, flops, bytes }, emit };
}
