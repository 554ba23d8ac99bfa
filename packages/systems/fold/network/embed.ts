import { array, clip, concat, oneHot, sum, type Tensor, take } from "@gradus/tensor";
import type { Features, Recycled } from "./features.ts";
import { type LinearWeights, linear, norm } from "./layers.ts";
import { linearParameters, normParameters, type Weights } from "./parameters.ts";

/** Channels of the network's representations. */
export interface Channels {
  /** c_m */
  readonly msa: number;
  /** c_z */
  readonly pair: number;
  /** c_e: of the MSA representation of extra sequences. */
  readonly extra: number;
  /** c_s */
  readonly single: number;
}

/** Channels of the features; see `Features`. */
export interface FeatureChannels {
  readonly target: number;
  readonly msa: number;
}

export const featureChannels: FeatureChannels = { target: 22, msa: 49 };

/** Types that a place in an alignment may have: the 20, unknown, gap, masked. */
export const MSA_TYPES = 23;

/** Bins of distances in what is recycled: as many lower edges, in ångström (algorithm 32). */
export const recycledBins = { from: 3.25, to: 20.75, count: 15 } as const;

/** Relative positions beyond this are all the same (algorithm 4). */
export const RELPOS_K = 32;

export const embedParameters = ({ msa, pair, extra }: Channels, features: FeatureChannels = featureChannels, relposK = RELPOS_K) => ({
  preprocess_1d: linearParameters(features.target, msa),
  preprocess_msa: linearParameters(features.msa, msa),
  left_single: linearParameters(features.target, pair),
  right_single: linearParameters(features.target, pair),
  prev_pos_linear: linearParameters(recycledBins.count, pair),
  prev_msa_first_row_norm: normParameters(msa),
  prev_pair_norm: normParameters(pair),
  pair_activiations: linearParameters(2 * relposK + 1, pair),
  extra_msa_activations: linearParameters(MSA_TYPES + 2, extra),
});

export type EmbedWeights = Weights<ReturnType<typeof embedParameters>>;

/** Algorithm 3: the first MSA and pair representations. */
export function inputEmbedder(
  { targetFeat, residueIndex, msaFeat }: Pick<Features, "targetFeat" | "residueIndex" | "msaFeat">,
  weights: Pick<EmbedWeights, "preprocess_1d" | "preprocess_msa" | "left_single" | "right_single" | "pair_activiations">,
): { readonly m: Tensor; readonly z: Tensor } {
  const left = linear(targetFeat, weights.left_single).expandDims({ axis: 1 });
  const pairs = left.add(linear(targetFeat, weights.right_single));
  return {
    m: linear(msaFeat, weights.preprocess_msa).add(linear(targetFeat, weights.preprocess_1d)),
    z: pairs.add(relpos(residueIndex, weights.pair_activiations)),
  };
}

/** Algorithms 4 and 5: how far apart residues are in the chain, one-hot, by a linear layer: int32 [r] → [r, r, c_z]. */
export function relpos(residueIndex: Tensor, { weights, bias }: LinearWeights): Tensor {
  const k = (weights.shape[0]! - 1) / 2;
  const offset = clip(residueIndex.expandDims({ axis: 1 }).sub(residueIndex), -k, k).add(k);
  // A row of the matrix is what it makes of a one-hot vector.
  return take(weights, offset, { axis: 0 }).add(bias);
}

/** Algorithm 32: what the pass before adds to the first row of the MSA and to the pairs. Zeros before the first pass. */
export function recyclingEmbedder(
  { m, z, beta }: Recycled,
  weights: Pick<EmbedWeights, "prev_pos_linear" | "prev_msa_first_row_norm" | "prev_pair_norm">,
): { readonly m: Tensor; readonly z: Tensor } {
  const { from, to, count } = recycledBins;
  const distances = linear(distogram(beta, from, to, count), weights.prev_pos_linear);
  return {
    m: norm(m, weights.prev_msa_first_row_norm),
    z: distances.add(norm(z, weights.prev_pair_norm)),
  };
}

/** Squared distances of points [r, 3] in bins with `count` lower edges, one-hot: [r, r, count]. Below the first edge all are 0. */
export function distogram(points: Tensor, from: number, to: number, count: number): Tensor {
  const edges = Float64Array.from({ length: count }, (_, k) => (from + (k * (to - from)) / (count - 1)) ** 2);
  const lower = array([...edges], { dtype: points.dtype });
  const upper = array([...edges.slice(1), 1e8], { dtype: points.dtype });
  const squared = sum(points.expandDims({ axis: 1 }).sub(points).square(), { axis: -1, keepdims: true });
  return squared.greater(lower).logicalAnd(squared.less(upper)).astype(points.dtype);
}

/** The first representation of the extra sequences (algorithm 2, line 13): [e, r, c_e]. */
export function extraMsaEmbedder(
  { extraMsa, extraHasDeletion, extraDeletionValue }: Pick<Features, "extraMsa" | "extraHasDeletion" | "extraDeletionValue">,
  weights: LinearWeights,
): Tensor {
  const more = [extraHasDeletion, extraDeletionValue].map((x) => x.expandDims({ axis: 2 }));
  return linear(concat([oneHot(extraMsa, MSA_TYPES, { dtype: extraHasDeletion.dtype }), ...more], { axis: 2 }), weights);
}
