import { array, type Tensor } from "@gradus/tensor";
import { configOf, type FoldConfig } from "../config.ts";
import type { Features } from "../network/features.ts";
import { type ModelWeights, modelParameters } from "../network/model.ts";
import { visitParameters } from "../network/parameters.ts";
import { some } from "./reference.ts";

/** A very small network with all parts, and made-up features for it. */
const pair = { multiplication: 6, heads: 2, width: 3, transition: 2 };
export const tiny: FoldConfig = {
  ...configOf("model_1_ptm"),
  channels: { msa: 8, pair: 6, extra: 4, single: 10 },
  evoformer: { blocks: 2, msa: { heads: 2, width: 4 }, outer: 3, transition: 2, pair },
  extraMsa: { blocks: 1, msa: { heads: 2, width: 2 }, outer: 3, transition: 2, pair },
  templates: { channels: 4, blocks: 1, heads: 2, width: 3, pair: { multiplication: 4, heads: 2, width: 2, transition: 2 } },
  structure: { ipa: { heads: 2, width: 3, queryPoints: 2, valuePoints: 2 }, angles: 12, layers: 2 },
  heads: { plddt: 12, error: true },
  recycles: 1,
};

/** Weights of a formula, none zero, so that every part counts. */
export function formula(config: FoldConfig): ModelWeights {
  let seed = 0;
  return visitParameters(modelParameters(config), ({ shape }) => some(shape, ++seed, "float32").mul(0.4)) as ModelWeights;
}

export const integers = (shape: readonly number[], count: number, seed: number): Tensor =>
  some(shape, seed, "float32")
    .add(1)
    .mul(count / 2)
    .floor()
    .minimum(count - 1)
    .astype("int32");
const positive = (shape: readonly number[], seed: number): Tensor => some(shape, seed, "float32").square();

export const residues = 7;

export function features(templates: number): Features {
  const [s, e, r, t] = [3, 4, residues, templates];
  return {
    aatype: integers([r], 20, 1),
    residueIndex: array([...Array(r).keys()], { dtype: "int32" }),
    seqMask: null,
    targetFeat: some([r, 22], 2, "float32"),
    msaFeat: some([s, r, 49], 3, "float32"),
    msaMask: null,
    extraMsa: integers([e, r], 23, 4),
    extraHasDeletion: positive([e, r], 5),
    extraDeletionValue: positive([e, r], 6),
    extraMsaMask: null,
    templates:
      t === 0
        ? null
        : {
            aatype: integers([t, r], 22, 7),
            positions: some([t, r, 37, 3], 8, "float32").mul(10),
            atomMask: some([t, r, 37], 9, "float32").greater(-0.8).astype("float32"),
            mask: array(new Array(t).fill(1)),
          },
  };
}
