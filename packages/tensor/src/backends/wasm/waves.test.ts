import { expect, test } from "vitest";
import type { Slot } from "../../compile/kernel.ts";
import type { FunctionRef } from "./assembler.ts";
import { type Part, type Wave, waves } from "./waves.ts";

const slot = (place: Slot["place"], bytes = 64): Slot => ({ index: 0, dtype: "float32", size: bytes / 4, bytes, place });
const arena = (offset: number): Slot => slot({ kind: "arena", offset });
const input = (index: number): Slot => slot({ kind: "input", index });
const output = (index: number): Slot => slot({ kind: "output", index });

let words = 0;
const part = (reads: Slot[], writes: Slot[], { cost = 4, units = 32, together = 4 } = {}): Part => ({
  ...{ fn: {} as FunctionRef, word: words++, units, together, cost, reads, writes },
});

/** Which wave every part is in, -1 for those by themselves; and that all units of each are done once. */
function placed(list: readonly Wave[], parts: readonly Part[]): number[] {
  return parts.map((p) =>
    list.findIndex((wave) => {
      if ("alone" in wave) return wave.alone === p;
      if ("serial" in wave) return wave.serial.includes(p);
      const pieces = wave.threads.flat().filter((piece) => piece.part === p);
      if (!pieces.length) return false;
      const sorted = pieces.sort((a, b) => a.begin - b.begin);
      expect(sorted[0]!.begin).toBe(0);
      expect(sorted.at(-1)!.end).toBe(p.units);
      for (let i = 1; i < sorted.length; i++) expect(sorted[i]!.begin).toBe(sorted[i - 1]!.end);
      return true;
    }),
  );
}

test("independent kernels share a wave, cut in whole tiles and evenly", () => {
  const parts = [part([input(0)], [arena(0)], { cost: 8 }), part([input(0)], [arena(64)], { cost: 2 }), part([input(1)], [arena(128)])];
  const list = waves(parts, 2, []);
  expect(placed(list, parts)).toEqual([0, 0, 0]);
  const [wave] = list;
  if (!wave || !("threads" in wave)) throw new Error("not shared");
  const loads = wave.threads.map((pieces) => pieces.reduce((sum, piece) => sum + piece.cost, 0));
  expect(Math.max(...loads)).toBeLessThan(8.5);
  for (const { begin, part: of } of wave.threads.flat()) expect(begin % of.together).toBe(0);
});

test("a kernel waits for what it reads, and for the readers of what it overwrites", () => {
  const makes = part([input(0)], [arena(0)]);
  const reads = part([arena(0)], [arena(64)]);
  const beside = part([input(1)], [arena(128)]);
  const overwrites = part([input(1)], [arena(32)]); // half of the one, half of the other
  expect(placed(waves([makes, reads, beside, overwrites], 2, []), [makes, reads, beside, overwrites])).toEqual([0, 1, 0, 2]);
});

test("an output in the place of an input counts as that input", () => {
  const reads = part([input(3)], [arena(0)]);
  const updates = part([input(1)], [output(0)]);
  expect(placed(waves([reads, updates], 2, [-1]), [reads, updates])).toEqual([0, 0]);
  expect(placed(waves([reads, updates], 2, [3]), [reads, updates])).toEqual([0, 1]);
});

test("small work stays on one thread, and large kernels keep their place", () => {
  const [a, b, c] = [
    part([input(0)], [arena(0)], { cost: 0.3 }),
    part([input(0)], [arena(64)], { cost: 0.3 }),
    part([arena(0)], [arena(128)]),
  ];
  const large = part([arena(64)], [arena(192)], { cost: Number.POSITIVE_INFINITY });
  const last = part([input(0)], [output(0)], { cost: 0.3 });
  const list = waves([a, b, large, c, last], 2, [-1]);
  expect(list.map((w) => Object.keys(w)[0])).toEqual(["serial", "alone", "threads"]);
  expect(waves([a, b, c, last], 1, [-1]).map((w) => Object.keys(w)[0])).toEqual(["serial"]);
});
