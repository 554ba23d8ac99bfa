import type { Tensor } from "@gradus/tensor";
import { keep, type Mask, type Pass } from "./layers.ts";
import {
  type MsaAttentionSizes,
  msaColumnAttention,
  msaColumnAttentionParameters,
  msaRowAttentionParameters,
  msaRowAttentionWithPairBias,
  outerProductMean,
  outerProductMeanParameters,
} from "./msa.ts";
import type { Weights } from "./parameters.ts";
import { transition, transitionParameters } from "./transition.ts";
import {
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

export type PairWeights = Weights<ReturnType<typeof pairParameters>>;

export const evoformerBlockParameters = (c_m: number, c_z: number, sizes: BlockSizes) => ({
  msa_row_attention_with_pair_bias: msaRowAttentionParameters(c_m, c_z, sizes.msa),
  msa_column_attention: msaColumnAttentionParameters(c_m, sizes.msa),
  msa_transition: transitionParameters(c_m, sizes.transition),
  outer_product_mean: outerProductMeanParameters(c_m, c_z, sizes.outer),
  ...pairParameters(c_z, sizes.pair),
});

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

/** Algorithm 6, lines 2 to 10: one of the Evoformer's blocks. */
export function evoformerBlock(
  { m, z }: Representations,
  masks: Masks,
  weights: Weights<ReturnType<typeof evoformerBlockParameters>>,
  pass: Pass = {},
): Representations {
  const { drop = keep } = pass;
  m = m.add(drop(msaRowAttentionWithPairBias(m, z, masks.msa, weights.msa_row_attention_with_pair_bias, pass), 0.15, 0));
  m = m.add(msaColumnAttention(m, masks.msa, weights.msa_column_attention, pass));
  m = m.add(transition(m, weights.msa_transition, pass));
  z = z.add(outerProductMean(m, masks.msa, weights.outer_product_mean, pass));
  return { m, z: pairUpdates(z, masks.pair, weights, pass) };
}

/** Algorithm 6, lines 6 to 10: the updates of pairs by triangles. */
export function pairUpdates(z: Tensor, mask: Mask, weights: PairWeights, pass: Pass = {}): Tensor {
  const { drop = keep } = pass;
  z = z.add(drop(triangleMultiplicationOutgoing(z, mask, weights.triangle_multiplication_outgoing, pass), 0.25, 0));
  z = z.add(drop(triangleMultiplicationIncoming(z, mask, weights.triangle_multiplication_incoming, pass), 0.25, 0));
  z = z.add(drop(triangleAttentionStartingNode(z, mask, weights.triangle_attention_starting_node, pass), 0.25, 0));
  z = z.add(drop(triangleAttentionEndingNode(z, mask, weights.triangle_attention_ending_node, pass), 0.25, 1));
  return z.add(transition(z, weights.pair_transition, pass));
}
