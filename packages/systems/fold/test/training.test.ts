import { array, compile, flattenTree, type Tensor, valueAndGrad } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { fineTuning, foldLoss, initialTraining, type LossWeights, type Truth } from "../losses/index.ts";
import type { Recycled } from "../network/features.ts";
import { checkpointed, headsOf, iteration, type ModelWeights, type Stages, stages } from "../network/model.ts";
import { some } from "./reference.ts";
import { features, formula, integers, residues, tiny } from "./tiny.ts";

const given = features(2);
const truth: Truth = {
  positions: some([residues, 37, 3], 50, "float32").mul(8),
  mask: some([residues, 37], 51, "float32").greater(-0.7).astype("float32"),
  trueMsa: integers([3, residues], 23, 52),
  masked: some([3, residues], 53, "float32").greater(0).astype("float32"),
  resolved: array(1, { dtype: "float32" }),
  clamped: array(0.9, { dtype: "float32" }),
};

const before: Recycled = {
  m: some([residues, tiny.channels.msa], 60, "float32"),
  z: some([residues, residues, tiny.channels.pair], 61, "float32"),
  beta: some([residues, 3], 62, "float32").mul(9),
};

function lossOf(weights: ModelWeights, counts: LossWeights, how: Stages): Tensor {
  const outputs = iteration(given, before, weights, tiny.structure.layers, how);
  return foldLoss(outputs, headsOf(outputs, weights), given, truth, counts).total;
}

async function gradientsOf(weights: ModelWeights, how: Stages) {
  const step = compile((w: ModelWeights) => valueAndGrad((v: ModelWeights) => lossOf(v, fineTuning, how))(w));
  const [loss, gradients] = step(weights) as [Tensor, ModelWeights];
  const { leaves, form } = flattenTree("gradients", gradients);
  return { loss: await loss.item(), paths: form.paths, arrays: await Promise.all(leaves.map(async (x) => [...(await x.data())])) };
}

describe("training", () => {
  it("teaches every parameter, and the same whether blocks are computed again for their gradients or kept", async () => {
    const weights = formula(tiny);
    const [kept, again] = [await gradientsOf(weights, stages), await gradientsOf(weights, checkpointed)];
    expect(Number.isFinite(kept.loss)).toBe(true);
    expect(again.loss).toBeCloseTo(kept.loss, 4);
    const scale = Math.max(...kept.arrays.flat().map(Math.abs));
    for (const [i, path] of kept.paths.entries()) {
      const [a, b] = [kept.arrays[i]!, again.arrays[i]!];
      const largest = Math.max(...a.map(Math.abs));
      expect(Number.isFinite(largest), path).toBe(true);
      // The bias of scores moves all of them alike, which softmax does not see.
      if (!/attention_2d\.bias$/.test(path)) expect(largest, path).toBeGreaterThan(0);
      const off = Math.max(...a.map((v, k) => Math.abs(v - b[k]!)));
      expect(off, path).toBeLessThan(1e-4 * Math.max(largest, 1e-3 * scale));
    }
  });

  it("counts violations and what was seen only when a network is trained further", async () => {
    const weights = formula(tiny);
    const parts = async (counts: LossWeights) => {
      const found = compile((w: ModelWeights) => {
        const outputs = iteration(given, before, w, tiny.structure.layers);
        return foldLoss(outputs, headsOf(outputs, w), given, truth, counts);
      })(weights);
      const all = Object.entries(found.parts).map(async ([name, x]) => [name, await x!.item()] as const);
      return { total: await found.total.item(), parts: Object.fromEntries(await Promise.all(all)) };
    };
    const first = await parts(initialTraining);
    expect(Object.keys(first.parts).sort()).toEqual(["backbone", "distogram", "maskedMsa", "plddt", "sidechain", "torsion"]);
    expect(first.total).toBeCloseTo(
      Object.values(first.parts).reduce((a, b) => a + b),
      3,
    );
    expect(Object.values(first.parts).every((x) => x > 0)).toBe(true);
    const further = await parts(fineTuning);
    expect(Object.keys(further.parts)).toHaveLength(9);
    expect(Object.values(further.parts).every((x) => x > 0)).toBe(true);
  });
});
