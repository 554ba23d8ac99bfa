import { expect, test } from "vitest";
import { target as cpu } from "../backends/wasm/index.ts";
import { linearise } from "../graph/graph.ts";
import { make, type Node } from "../graph/node.ts";
import { readSlots, writtenSlots } from "./fuse.ts";
import type { Slot } from "./kernel.ts";
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

test("results for one range of rows after the other go to their place at once, and share the memory of what they are computed from", () => {
  const [rows, width, inner, chunks] = [512, 64, 1024, 8];
  const x = make.parameter([rows, width], "float32");
  const [up, down] = [make.parameter([width, inner], "float32"), make.parameter([inner, width], "float32")];
  const bias = make.parameter([1, width], "float32");

  const parts = Array.from({ length: chunks }, (_, i) => {
    const part = make.slice(x, [(i * rows) / chunks, 0], [1, 1], [rows / chunks, width]);
    const shifted = make.binary("add", make.binary("mul", part, part), make.expand(bias, part.shape));
    return make.binary("add", product(make.unary("tanh", product(shifted, up)), down), make.expand(bias, part.shape));
  });
  const outputs = [make.binary("add", x, make.concat(parts, 0))];
  const graph = { nodes: linearise(outputs), inputs: [x, up, down, bias], outputs, inPlace: [0] };
  const whole = 4 * rows * width;
  const chunk = (4 * rows * (inner + width)) / chunks;
  expect(plan(graph, cpu).arenaBytes).toBeLessThanOrEqual(whole + chunk);
});

const product = (a: Node, b: Node, contract: readonly [readonly number[], readonly number[]] = [[1], [0]]): Node =>
  make.contract(a, b, { batch: [[], []], contract });
const zero = (x: Node): Node => make.constant(0, x.shape, "float32");

test("gradients of the last layers are used up before those of the first are computed, in whatever order they are asked for", () => {
  const [rows, width, depth] = [512, 64, 12];
  const x = make.parameter([rows, width], "float32");
  const weights = Array.from({ length: depth }, () => make.parameter([width, width], "float32"));
  const layers = [x];
  for (const w of weights) layers.push(make.unary("tanh", product(layers.at(-1)!, w)));
  let down = layers.at(-1)!;
  const updates: Node[] = [];
  for (let i = depth - 1; i >= 0; i--) {
    const y = layers[i + 1]!;
    const bent = make.binary("sub", make.constant(1, y.shape, "float32"), make.binary("mul", y, y));
    const z = make.binary("mul", down, bent);
    updates[i] = make.binary("sub", weights[i]!, product(layers[i]!, z, [[0], [0]]));
    down = product(z, weights[i]!, [[1], [1]]);
  }
  const bytes = 4 * rows * width;
  const inputs = [x, ...weights];
  for (const outputs of [updates, updates.toReversed()]) {
    const inPlace = outputs.map((o) => inputs.indexOf(weights[updates.indexOf(o)]!));
    const { kernels, slots, arenaBytes } = plan({ nodes: linearise(outputs), inputs, outputs, inPlace }, cpu);
    expect(arenaBytes).toBeLessThan((depth + 5) * bytes);
    // Each weight is overwritten only after its last reader.
    for (const [output, input] of inPlace.entries()) {
      const [from, to] = (["input", "output"] as const).map((kind) => {
        const index = kind === "input" ? input : output;
        return slots.find((s) => s.place.kind === kind && s.place.index === index)!;
      }) as [Slot, Slot];
      const written = kernels.findIndex((k) => writtenSlots(k).includes(to));
      expect(kernels.findLastIndex((k) => readSlots(k).has(from))).toBeLessThanOrEqual(written);
    }
  }
});

test("of a sum that is rectified only the result is kept, where the rest of the program asks for no more than its signs", () => {
  const [rows, width] = [512, 256];
  const [x, w, v, g] = [
    [rows, width],
    [width, width],
    [width, width],
    [rows, width],
  ].map((shape) => make.parameter(shape, "float32")) as [Node, Node, Node, Node];
  const sum = make.binary("add", make.unary("tanh", product(x, w)), x);
  const negative = make.compare("le", sum, zero(sum));
  const result = make.where(negative, zero(sum), sum);
  const next = product(make.unary("tanh", product(result, v)), v);
  const back = make.where(negative, zero(sum), make.binary("add", g, next));
  const kept = (outputs: Node[]): number => {
    const inputs = [x, w, v, g];
    const { slots, kernels } = plan({ nodes: linearise(outputs), inputs, outputs, inPlace: outputs.map(() => -1) }, cpu);
    const used = new Set(kernels.flatMap((k) => [...readSlots(k), ...writtenSlots(k)]));
    return slots.filter((s) => s.place.kind === "arena" && used.has(s)).length;
  };
  const signs = kept([product(back, w), product(result, w)]);
  // Here the sum itself is asked for.
  const all = kept([product(make.binary("mul", back, sum), w), product(result, w)]);
  expect(signs).toBe(all - 1);
});
