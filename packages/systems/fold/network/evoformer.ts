import type { Tensor } from "@gradus/tensor";
import { keep, type Mask, type Pass } from "./layers.ts";
import {
  type ColumnWeights,
  type GlobalColumnWeights,
  type MsaAttentionSizes,
  msaColumnAttention,
  msaColumnAttentionParameters,
  msaColumnGlobalAttention,
  msaColumnGlobalAttentionParameters,
  msaRowAttentionParameters,
  msaRowAttentionWithPairBias,
  type OuterWeights,
  outerProductMean,
  outerProductMeanParameters,
  type RowWeights,
} from "./msa.ts";
import type { Weights } from "./parameters.ts";
import { type TransitionWeights, transition, transitionParameters } from "./transition.ts";
import {
  type TriangleAttentionWeights,
  type TriangleMultiplicationWeights,
  triangleAttentionEndingNode,
  triangleAttentionParameters,
  triangleAttentionStartingNode,
  triangleMultiplicationIncoming,
  triangleMultiplicationOutgoing,
  triangleMultiplicationParameters,
} from "./triangle.ts";

/** Channels inside the updates of pairs. */
export interface PairSizes {
  /** Inside triangle multiplications. */
  readonly multiplication: number;
  /** Heads of triangle attention, and channels of each. */
  readonly heads: number;
  readonly width: number;
  /** How many times as many channels transitions have inside. */
  readonly transition: number;
}

/** Sizes of a block that has an MSA and pairs. */
export interface BlockSizes {
  readonly msa: MsaAttentionSizes;
  /** Channels whose outer product is taken. */
  readonly outer: number;
  readonly transition: number;
  readonly pair: PairSizes;
}

export const pairParameters = (c_z: number, { multiplication, heads, width, transition }: PairSizes) => ({
  triangle_multiplication_outgoing: triangleMultiplicationParameters(c_z, multiplication),
  triangle_multiplication_incoming: triangleMultiplicationParameters(c_z, multiplication),
  triangle_attention_starting_node: triangleAttentionParameters(c_z, heads, width),
  triangle_attention_ending_node: triangleAttentionParameters(c_z, heads, width),
  pair_transition: transitionParameters(c_z, transition),
});

type PairWeights = Weights<ReturnType<typeof pairParameters>>;

export const evoformerBlockParameters = (c_m: number, c_z: number, sizes: BlockSizes) => ({
  msa_row_attention_with_pair_bias: msaRowAttentionParameters(c_m, c_z, sizes.msa),
  msa_column_attention: msaColumnAttentionParameters(c_m, sizes.msa),
  msa_transition: transitionParameters(c_m, sizes.transition),
  outer_product_mean: outerProductMeanParameters(c_m, c_z, sizes.outer),
  ...pairParameters(c_z, sizes.pair),
});

export function extraMsaBlockParameters(c_e: number, c_z: number, sizes: BlockSizes) {
  const { msa_column_attention: _, ...shared } = evoformerBlockParameters(c_e, c_z, sizes);
  return { ...shared, msa_column_global_attention: msaColumnGlobalAttentionParameters(c_e, sizes.msa) };
}

/** What goes through the blocks: MSA and pair representation. */
export interface Representations {
  /** [s, r, c_m] */
  readonly m: Tensor;
  /** [r, r, c_z] */
  readonly z: Tensor;
}

/** Masks, 1 where there is something; null where there is something everywhere. */
export interface Masks {
  /** [s, r] */
  readonly msa: Mask;
  /** [r, r] */
  readonly pair: Mask;
}

/**
 * The updates that blocks are made of. Each takes what it changes first, and gives it back changed: as programs of their own they work in
 * place.
 */
export const updates = {
  msaRowAttention: (m: Tensor, z: Tensor, mask: Mask, weights: RowWeights, pass: Pass): Tensor =>
    m.add(dropped(msaRowAttentionWithPairBias(m, z, mask, weights, pass), 0.15, 0, pass)),

  msaColumnAttention: (m: Tensor, mask: Mask, weights: ColumnWeights, pass: Pass): Tensor =>
    m.add(msaColumnAttention(m, mask, weights, pass)),

  msaColumnGlobalAttention: (m: Tensor, mask: Mask, weights: GlobalColumnWeights, pass: Pass): Tensor =>
    m.add(msaColumnGlobalAttention(m, mask, weights, pass)),

  outerProductMean: (z: Tensor, m: Tensor, mask: Mask, weights: OuterWeights, pass: Pass): Tensor =>
    z.add(outerProductMean(m, mask, weights, pass)),

  triangleMultiplicationOutgoing: (z: Tensor, mask: Mask, weights: TriangleMultiplicationWeights, pass: Pass): Tensor =>
    z.add(dropped(triangleMultiplicationOutgoing(z, mask, weights, pass), 0.25, 0, pass)),

  triangleMultiplicationIncoming: (z: Tensor, mask: Mask, weights: TriangleMultiplicationWeights, pass: Pass): Tensor =>
    z.add(dropped(triangleMultiplicationIncoming(z, mask, weights, pass), 0.25, 0, pass)),

  triangleAttentionStartingNode: (z: Tensor, mask: Mask, weights: TriangleAttentionWeights, pass: Pass): Tensor =>
    z.add(dropped(triangleAttentionStartingNode(z, mask, weights, pass), 0.25, 0, pass)),

  triangleAttentionEndingNode: (z: Tensor, mask: Mask, weights: TriangleAttentionWeights, pass: Pass): Tensor =>
    z.add(dropped(triangleAttentionEndingNode(z, mask, weights, pass), 0.25, 1, pass)),

  transition: (x: Tensor, weights: TransitionWeights, pass: Pass): Tensor => x.add(transition(x, weights, pass)),
};

export type Updates = typeof updates;

const dropped = (x: Tensor, rate: number, shared: 0 | 1, { drop = keep }: Pass): Tensor => drop(x, rate, shared);

/** Algorithm 6, lines 2 to 10: one of the Evoformer's blocks. */
export function evoformerBlock(
  { m, z }: Representations,
  masks: Masks,
  weights: Weights<ReturnType<typeof evoformerBlockParameters>>,
  pass: Pass = {},
  u: Updates = updates,
): Representations {
  m = u.msaRowAttention(m, z, masks.msa, weights.msa_row_attention_with_pair_bias, pass);
  m = u.msaColumnAttention(m, masks.msa, weights.msa_column_attention, pass);
  m = u.transition(m, weights.msa_transition, pass);
  z = u.outerProductMean(z, m, masks.msa, weights.outer_product_mean, pass);
  return { m, z: updatePairs(z, masks.pair, weights, pass, u) };
}

/** Algorithm 18, lines 2 to 10: a block for the thousands of sequences that are left over; m has few channels here. */
export function extraMsaBlock(
  { m, z }: Representations,
  masks: Masks,
  weights: Weights<ReturnType<typeof extraMsaBlockParameters>>,
  pass: Pass = {},
  u: Updates = updates,
): Representations {
  m = u.msaRowAttention(m, z, masks.msa, weights.msa_row_attention_with_pair_bias, pass);
  m = u.msaColumnGlobalAttention(m, masks.msa, weights.msa_column_global_attention, pass);
  m = u.transition(m, weights.msa_transition, pass);
  z = u.outerProductMean(z, m, masks.msa, weights.outer_product_mean, pass);
  return { m, z: updatePairs(z, masks.pair, weights, pass, u) };
}

/** Algorithm 6, lines 6 to 10: the updates of pairs by triangles. */
function updatePairs(z: Tensor, mask: Mask, weights: PairWeights, pass: Pass, u: Updates): Tensor {
  z = u.triangleMultiplicationOutgoing(z, mask, weights.triangle_multiplication_outgoing, pass);
  z = u.triangleMultiplicationIncoming(z, mask, weights.triangle_multiplication_incoming, pass);
  z = u.triangleAttentionStartingNode(z, mask, weights.triangle_attention_starting_node, pass);
  z = u.triangleAttentionEndingNode(z, mask, weights.triangle_attention_ending_node, pass);
  return u.transition(z, weights.pair_transition, pass);
}
