import { type BlockSizes, evoformerBlockParameters, type Masks, pairUpdates, type Representations } from "./evoformer.ts";
import { keep, type Pass } from "./layers.ts";
import { msaColumnGlobalAttention, msaColumnGlobalAttentionParameters, msaRowAttentionWithPairBias, outerProductMean } from "./msa.ts";
import type { Weights } from "./parameters.ts";
import { transition } from "./transition.ts";

export function extraMsaBlockParameters(c_e: number, c_z: number, sizes: BlockSizes) {
  const { msa_column_attention: _, ...shared } = evoformerBlockParameters(c_e, c_z, sizes);
  return { ...shared, msa_column_global_attention: msaColumnGlobalAttentionParameters(c_e, sizes.msa) };
}

/** Algorithm 18, lines 2 to 10: a block for the thousands of sequences that are left over; m here has few channels. */
export function extraMsaBlock(
  { m, z }: Representations,
  masks: Masks,
  weights: Weights<ReturnType<typeof extraMsaBlockParameters>>,
  pass: Pass = {},
): Representations {
  const { drop = keep } = pass;
  m = m.add(drop(msaRowAttentionWithPairBias(m, z, masks.msa, weights.msa_row_attention_with_pair_bias, pass), 0.15, 0));
  m = m.add(msaColumnGlobalAttention(m, masks.msa, weights.msa_column_global_attention, pass));
  m = m.add(transition(m, weights.msa_transition, pass));
  z = z.add(outerProductMean(m, masks.msa, weights.outer_product_mean, pass));
  return { m, z: pairUpdates(z, masks.pair, weights, pass) };
}
