import { expect, test } from "vitest";
import { target as cpu } from "../backends/wasm/index.ts";
import { make } from "../graph/node.ts";
import { mostBytes, placeInArena } from "./arena.ts";
import type { Kernel, Slot } from "./kernel.ts";

const target = { ...cpu, alignment: 1 };

/** Slots of these sizes, and kernels that each read slots and write one, by their numbers. */
function program(sizes: readonly number[], steps: readonly (readonly [reads: readonly number[], write: number])[]) {
  const slots = sizes.map((bytes, index): Slot => ({ index, dtype: "uint8", size: bytes, bytes, place: { kind: "arena", offset: -1 } }));
  const node = make.parameter([1], "uint8");
  const kernels = steps.map(
    ([reads, write]): Kernel => ({ kind: "opaque", node, inputs: reads.map((i) => slots[i]!), out: slots[write]! }),
  );
  return { slots, kernels };
}
const offsets = (slots: readonly Slot[]) => slots.map(({ place }) => (place.kind === "arena" ? place.offset : null));

test("memory is used again once its last reader is done", () => {
  const { slots, kernels } = program(
    [10, 10, 10],
    [
      [[], 0],
      [[0], 1],
      [[1], 2],
    ],
  );
  expect(placeInArena({ kernels, slots }, target)).toBe(20);
  expect(offsets(slots)).toEqual([0, 10, 0]);
});

test("where placing in turn would leave gaps, the largest are placed first", () => {
  // The third lies behind the second, whose place is then too small for the fourth.
  const { slots, kernels } = program(
    [10, 100, 20, 115],
    [
      [[], 0],
      [[0], 1],
      [[1], 2],
      [[2], 3],
    ],
  );
  expect(mostBytes(kernels)).toBe(135);
  expect(placeInArena({ kernels, slots }, target)).toBe(135);
  expect(offsets(slots)).toEqual([100, 0, 115, 0]);
  // Nothing may lie across a border of segments.
  expect(placeInArena({ kernels, slots }, { ...target, segment: 120 })).toBe(140);
  expect(offsets(slots)[2]).toBe(120);
});
