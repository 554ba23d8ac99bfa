import { expect, test } from "vitest";
import { target as cpu } from "../backends/wasm/index.ts";
import { linearise } from "../graph/graph.ts";
import { make, type Node } from "../graph/node.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import { plan } from "./plan.ts";
import type { Target } from "./target.ts";
import { countBuffers, twinsOf } from "./twins.ts";

const gpu: Target = { ...cpu, alignment: 256, segment: 8192, slots: 8, joins: "elements", guardedOperands: true, winograd: false };

/** Updates of n parameters, each from itself, its neighbours and a sum over all: in place, and read late. */
function updates(n: number, size: number): { inputs: Node[]; outputs: Node[] } {
  const inputs = Array.from({ length: n }, () => make.parameter([size], "float32"));
  const soft = inputs.map((x) => make.unary("tanh", x));
  const total = soft.reduce((a, b) => make.binary("add", a, b));
  const mean = make.expand(make.reshape(make.reduce("reduceSum", total, [0]), [1]), [size]);
  const outputs = inputs.map((x, i) =>
    make.binary("add", make.binary("mul", x, inputs[(i + 1) % n]!), make.binary("sub", soft[(i + 2) % n]!, mean)),
  );
  return { inputs, outputs };
}

test("no kernel uses more buffers than the device allows, whatever is updated in place", () => {
  for (const n of [2, 5, 9, 14])
    for (const inPlace of [true, false]) {
      const { inputs, outputs } = updates(n, 100);
      const places = outputs.map((_, i) => (inPlace ? i : -1));
      const { kernels, slots } = plan({ nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace: places }, gpu);
      const twins = twinsOf(slots, places);
      for (const k of kernels) expect(countBuffers([...readSlots(k), ...writtenSlots(k)], twins)).toBeLessThanOrEqual(gpu.slots);
    }
});

test("intermediates start where the device wants them and stay within its segments, apart from each other while they live", () => {
  const { inputs, outputs } = updates(9, 1000);
  const graph = { nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace: outputs.map((_, i) => i) };
  const { kernels, slots, arenaBytes } = plan(graph, gpu);
  const used = slots.flatMap((s) => (s.place.kind === "arena" && s.bytes ? [{ s, offset: s.place.offset }] : []));
  expect(used.length).toBeGreaterThan(3);
  const life = (slot: (typeof slots)[number]) => {
    const steps = kernels.flatMap((k, i) => ([...readSlots(k), ...writtenSlots(k)].includes(slot) ? [i] : []));
    return [steps[0] ?? 0, steps.at(-1) ?? -1] as const;
  };
  for (const { s, offset } of used) {
    expect(offset % gpu.alignment).toBe(0);
    expect(Math.floor(offset / gpu.segment)).toBe(Math.floor((offset + s.bytes - 1) / gpu.segment));
    expect(offset + s.bytes).toBeLessThanOrEqual(arenaBytes);
    for (const other of used) {
      const [[a, b], [c, d]] = [life(s), life(other.s)];
      if (other.s === s || b < c || d < a) continue;
      expect(offset + s.bytes <= other.offset || other.offset + other.s.bytes <= offset).toBe(true);
    }
  }
});
