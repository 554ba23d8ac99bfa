import { readFileSync } from "node:fs";
import { random, randomKey, type Tensor, tensor } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { describe, expect, test } from "vitest";
import { formula, uniform } from "../../test/formula.ts";
import { DiT, type DiTConfig } from "../index.ts";
import { channelsFirst, difference, fill } from "./fixtures.ts";

interface Case {
  readonly config: DiTConfig & { readonly name: string; readonly height: number; readonly wide: number };
  readonly names: Readonly<Record<string, readonly number[]>>;
  readonly out: readonly number[];
}
const { cases } = JSON.parse(readFileSync(new URL("dit.golden.json", import.meta.url), "utf8")) as { cases: Case[] };

const numbers = (shape: readonly number[], stream: number): Tensor =>
  tensor(
    Float32Array.from(
      uniform(
        shape.reduce((a, b) => a * b, 1),
        stream,
      ),
      (u) => 2 * u - 1,
    ),
  ).reshape([...shape]);

describe("the diffusion transformer", () => {
  test.each(cases.map((c) => [c.config.name, c] as const))("told of %s gives what the paper's formulas give in PyTorch", async (_, c) => {
    const { height, wide, outChannels, inChannels } = c.config;
    const net = new DiT({ ...c.config, classes: c.config.classes ?? undefined! });
    const names = Object.keys(c.names).sort();
    const arrays = names.map((name, i): [string, ArrayData] => {
      const shape = c.names[name]!;
      return [name, { dtype: "float32", shape, data: formula(name, shape, i + 1) }];
    });
    fill(net, new Map(arrays));
    const sample = numbers([2, inChannels, height, wide], 1000).permuteDims([0, 2, 3, 1]);
    const context = c.config.contextWidth ? numbers([2, 3, 10], 1001) : undefined;
    const classes = tensor([4, 1], { dtype: "int32" });
    const out = net.forward(sample, tensor([7, 20], { dtype: "int32" }), { context, classes });
    const expected = tensor(Float32Array.from(c.out)).reshape([2, outChannels, height, wide]);
    expect(await difference(channelsFirst(out), expected)).toBeLessThan(2e-5);
  });

  test("starts without an opinion, and refuses what it was not made for", async () => {
    const net = new DiT({ inChannels: 3, outChannels: 3, patch: 2, width: 8, layers: 1, heads: 2, classes: 3 });
    const sample = random.normal(randomKey(1), [1, 4, 4, 3]);
    const classes = tensor([0], { dtype: "int32" });
    expect(
      await net
        .forward(sample, tensor([3]), { classes })
        .abs()
        .max()
        .item(),
    ).toBe(0);
    expect(() => net.forward(sample, tensor([3]))).toThrow("no classes");
    expect(() => net.forward(random.normal(randomKey(1), [1, 4, 5, 3]), tensor([3]), { classes })).toThrow("multiples of 2");
    expect(() => new DiT({ inChannels: 3, outChannels: 3, patch: 2, width: 8, layers: 1, heads: 3 })).toThrow("3 heads");
  });
});
