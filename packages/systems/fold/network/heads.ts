import { arange, array, softmax, sum, type Tensor } from "@gradus/tensor";
import type { Channels } from "./embed.ts";
import { linear, norm, reluLinear } from "./layers.ts";
import { linearParameters, normParameters, type Weights } from "./parameters.ts";

/** Heads that say how sure the network is, and that teach it in training (supplement, section 1.9). */

/** Bins of distances, of lDDT and of errors. */
export const bins = { distogram: 64, plddt: 50, error: 64 } as const;

/** The largest error that the bins tell apart, in ångström. */
const LARGEST_ERROR = 31;

export interface HeadSizes {
  /** Channels inside the head that predicts lDDT. */
  readonly plddt: number;
  /** Whether errors of pairs are predicted: the ptm networks. */
  readonly error: boolean;
}

export const distogramParameters = (c_z: number, count: number = bins.distogram) => ({ half_logits: linearParameters(c_z, count, 0) });

export const plddtParameters = (c_s: number, c: number, count: number = bins.plddt) => ({
  input_layer_norm: normParameters(c_s),
  act_0: linearParameters(c_s, c, "relu"),
  act_1: linearParameters(c, c, "relu"),
  logits: linearParameters(c, count, 0),
});

export const headParameters = ({ msa, pair, single }: Channels, { plddt, error }: HeadSizes) => ({
  distogram_head: distogramParameters(pair),
  experimentally_resolved_head: { logits: linearParameters(single, 37, 0) },
  masked_msa_head: { logits: linearParameters(msa, 23, 0) },
  predicted_lddt_head: plddtParameters(single, plddt),
  ...(error ? { predicted_aligned_error_head: { logits: linearParameters(pair, bins.error, 0) } } : {}),
});

export type HeadWeights = Weights<ReturnType<typeof headParameters>>;

/** Logits of distances between pseudo-beta atoms, the same for i, j and j, i: [r, r, c_z] → [r, r, 64]. */
export function distogramLogits(z: Tensor, { half_logits }: Weights<ReturnType<typeof distogramParameters>>): Tensor {
  const half = linear(z, half_logits);
  return half.add(half.swapaxes(0, 1));
}

/** Edges between the bins of distances: 63 from 2.3125 to 21.6875 Å. */
export const distanceEdges = (count: number): number[] =>
  Array.from({ length: count - 1 }, (_, k) => 2.3125 + (k * (21.6875 - 2.3125)) / (count - 2));

/** Expected distance between pseudo-beta atoms, in ångström; what is farther than 21.7 Å counts as that: [r, r, 64] → [r, r]. */
export function expectedDistance(logits: Tensor): Tensor {
  const edges = distanceEdges(logits.shape.at(-1)!);
  const half = (edges[1]! - edges[0]!) / 2;
  const middles = [...edges.map((edge) => edge - half), edges.at(-1)! + half];
  return sum(softmax(logits).mul(array(middles, { dtype: logits.dtype })), { axis: -1 });
}

/** Algorithm 29: logits of a residue's lDDT, [r, c_s] → [r, 50]. */
export const plddtLogits = (s: Tensor, weights: Weights<ReturnType<typeof plddtParameters>>): Tensor =>
  linear(reluLinear(reluLinear(norm(s, weights.input_layer_norm), weights.act_0), weights.act_1), weights.logits);

/** Predicted lDDT from 0 to 100: the mean of the bins' middles. [r, 50] → [r]. */
export function plddtOf(logits: Tensor): Tensor {
  const count = logits.shape.at(-1)!;
  const middles = arange(count, { dtype: logits.dtype }).add(0.5).div(count);
  return sum(softmax(logits).mul(middles), { axis: -1 }).mul(100);
}

/** Lower edges of the bins of errors but the first, in ångström. */
export const errorEdges = (count: number): number[] => Array.from({ length: count - 1 }, (_, k) => (k * LARGEST_ERROR) / (count - 2));

/** Middles of the bins of errors, in ångström. */
const errorMiddles = (logits: Tensor): Tensor => {
  const count = logits.shape.at(-1)!;
  return arange(count, { dtype: logits.dtype })
    .add(0.5)
    .mul(LARGEST_ERROR / (count - 2));
};

/** The largest error that can be expected, in ångström: the middle of the last bin. */
export const mostAlignedError = (count: number = bins.error): number => ((count - 0.5) * LARGEST_ERROR) / (count - 2);

/** Expected error of residue j's place in the frame of residue i, in ångström: [r, r, 64] → [r, r]. */
export const alignedError = (logits: Tensor): Tensor => sum(softmax(logits).mul(errorMiddles(logits)), { axis: -1 });

/**
 * Predicted TM-score (supplement, section 1.9.7): the best, over frames to align on, of the expected score of all residues. `weights`
 * [r] say how much each residue counts, by default all alike.
 */
export function ptmOf(logits: Tensor, weights?: Tensor): Tensor {
  const residues = logits.shape[0]!;
  const w = weights ?? array(new Array(residues).fill(1), { dtype: logits.dtype });
  const count = sum(w).maximum(19);
  const d0 = count
    .sub(15)
    .pow(1 / 3)
    .mul(1.24)
    .sub(1.8);
  const score = errorMiddles(logits).div(d0).square().add(1).reciprocal();
  const expected = sum(softmax(logits).mul(score), { axis: -1 });
  const perFrame = sum(expected.mul(w), { axis: 1 }).div(sum(w).add(1e-8));
  return perFrame.max();
}
