import { init, memoryReport } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { configOf } from "../config.ts";
import { estimate } from "../estimate.ts";
import { FoldNetwork } from "../fold.ts";
import { singleSequence } from "../io/alignment.ts";
import type { FoldConfig } from "../network/index.ts";
import { initialModel } from "../network/model.ts";
import { predict, taskOf } from "../predict.ts";

await init({ device: "wasm", threads: 1 });

const MIB = 2 ** 20;
/** Wide and short: memory grows with the channels, time with the blocks too. */
const wide: FoldConfig = {
  ...configOf("small"),
  channels: { msa: 32, pair: 64, extra: 16, single: 32 },
  evoformer: { ...configOf("small").evoformer, blocks: 1 },
  structure: { ...configOf("small").structure, layers: 1 },
};
const sequenceOf = (n: number): string => "AELKMQRVITYFW".repeat(n).slice(0, n);

describe("an estimate", () => {
  // Memory once reserved is not given back: what takes less comes first.
  test.each([
    [144, 16],
    [144, undefined],
  ])("of the memory for %d residues with chunks of %s is within a factor of two of what the engine holds", async (residues, chunk) => {
    const network = new FoldNetwork(wide, initialModel(wide, 1));
    const sequence = sequenceOf(residues);
    const input = { sequence, alignments: [singleSequence(sequence)] };
    const { bytes } = estimate(wide, taskOf(network, input), chunk);
    let most = 0;
    const look = (): void => {
      const { buffers, arenas } = memoryReport();
      most = Math.max(most, buffers + arenas);
    };
    for await (const _ of predict(network, input, { recycles: 1, relax: false, progress: look, ...(chunk ? { chunk } : {}) })) look();
    expect(most).toBeGreaterThan(20 * MIB);
    expect(bytes).toBeGreaterThan(most / 2);
    expect(bytes).toBeLessThan(2 * most);
    // The heap grows by half of itself at a time.
    expect(memoryReport().reserved).toBeLessThan(2 * bytes + 32 * MIB);
  });

  test("of the full network grows as the supplement says: time with the cube, memory with the square of a chain, less with chunks", () => {
    const config = configOf("model_1");
    const of = (residues: number, chunk?: number) =>
      estimate(config, { residues, sequences: 508, extraSequences: 1024, templates: 0 }, chunk);
    const [a, b] = [of(384), of(768)];
    expect(b.operations / a.operations).toBeGreaterThan(2.5);
    expect(b.operations / a.operations).toBeLessThan(8);
    expect(b.bytes / a.bytes).toBeGreaterThan(1.5);
    expect(b.bytes / a.bytes).toBeLessThan(4);
    expect(of(384, 16).bytes).toBeLessThan(0.6 * a.bytes);
    expect(of(384, 16).operations).toBe(a.operations);
    const { blocks, operations } = a;
    expect(48 * blocks.evoformer + 4 * blocks.extra).toBeLessThan(operations);
    expect(48 * blocks.evoformer + 4 * blocks.extra).toBeGreaterThan(0.9 * operations);
  });

  test("of a single residue counts each of the weights about once: there are 93 million", () => {
    // The structure module uses its own eight times.
    const config = configOf("model_3");
    const { operations } = estimate(config, { residues: 1, sequences: 1, extraSequences: 1, templates: 0 });
    expect(operations / 2).toBeGreaterThan(93e6);
    expect(operations / 2).toBeLessThan(1.5 * 93e6);
  });
});
