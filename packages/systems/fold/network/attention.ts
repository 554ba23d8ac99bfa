import { concat, einsum, onesLike, scaledDotProductAttention, sigmoid, softmax, type Tensor } from "@gradus/tensor";
import type { Mask } from "./layers.ts";
import { Parameter, type Weights } from "./parameters.ts";

export interface AttentionSizes {
  /** Channels that queries are made of. */
  readonly queries: number;
  /** Channels that keys and values are made of; default: those of queries. */
  readonly keys?: number;
  readonly heads: number;
  /** Channels of a head. */
  readonly width: number;
  /** Default: as many as queries. */
  readonly outputs?: number;
}

const projections = ({ queries, keys = queries, heads, width, outputs = queries }: AttentionSizes) => ({
  query_w: new Parameter([queries, heads, width], "glorot"),
  key_w: new Parameter([keys, heads, width], "glorot"),
  value_w: new Parameter([keys, heads, width], "glorot"),
  output_w: new Parameter([heads, width, outputs], 0),
  output_b: new Parameter([outputs], 0),
});

const gates = ({ queries, heads, width }: AttentionSizes) => ({
  gating_w: new Parameter([queries, heads, width], 0),
  gating_b: new Parameter([heads, width], 1),
});

/** Attention without gates, which only templates have. */
export const plainAttentionParameters = projections;

export const attentionParameters = (sizes: AttentionSizes) => ({ ...projections(sizes), ...gates(sizes) });

/** Attention with one query for all, and keys and values that heads share. */
export const globalAttentionParameters = (sizes: AttentionSizes) => ({
  ...attentionParameters(sizes),
  key_w: new Parameter([sizes.queries, sizes.width], "glorot"),
  value_w: new Parameter([sizes.queries, sizes.width], "glorot"),
});

export type PlainAttentionWeights = Weights<ReturnType<typeof plainAttentionParameters>>;
export type AttentionWeights = PlainAttentionWeights & Partial<Weights<ReturnType<typeof gates>>>;
export type GlobalAttentionWeights = Weights<ReturnType<typeof globalAttentionParameters>>;

/** What a mask takes off the score of a place that must not be seen. */
const HIDDEN = 1e9;

/**
 * Gated attention of several heads: [B, T, queries], [B, S, keys] → [B, T, outputs]. `bias` [heads, T, S] is added to the scores of
 * every row, `mask` [B, S] is 1 where keys may be seen. A row that may see nothing sees all alike. `observe` is shown the weights,
 * [B, heads, T, S].
 */
export function attention(
  x: Tensor,
  from: Tensor,
  weights: AttentionWeights,
  {
    bias,
    mask,
    observe,
  }: { readonly bias?: Tensor | null; readonly mask?: Tensor | null; readonly observe?: ((weights: Tensor) => void) | undefined } = {},
): Tensor {
  const { query_w, key_w, value_w, gating_w, gating_b, output_w, output_b } = weights;
  const scale = query_w.shape[2]! ** -0.5;
  let q = einsum("btx,xhc->bhtc", x, query_w).mul(scale);
  let k = einsum("bsx,xhc->bhsc", from, key_w);
  const v = einsum("bsx,xhc->bhsc", from, value_w);
  if (mask) {
    // As one more channel the mask is part of the product, and no array of all scores is needed.
    const hidden = mask
      .sub(1)
      .mul(HIDDEN)
      .expandDims({ axis: [1, 3] });
    q = concat([q, onesLike(q.get("..., :1"))], { axis: -1 });
    k = concat([k, hidden.broadcastTo([...k.shape.slice(0, 3), 1])], { axis: -1 });
  }
  if (observe) {
    const scores = einsum("bhtc,bhsc->bhts", q, k);
    observe(softmax(bias ? scores.add(bias) : scores));
  }
  let y = scaledDotProductAttention(q, k, v, { scale: 1, ...(bias ? { mask: bias } : {}) }).permuteDims([0, 2, 1, 3]);
  if (gating_w && gating_b) y = y.mul(sigmoid(einsum("btx,xhc->bthc", x, gating_w).add(gating_b)));
  return einsum("bthc,hco->bto", y, output_w).add(output_b);
}

/**
 * Attention with the mean of all places as its query: [B, T, c] → [B, T, outputs], mask [B, T]. Its cost grows with T, not with T².
 * Algorithm 19, lines 2 to 6.
 */
export function globalAttention(x: Tensor, weights: GlobalAttentionWeights, mask: Mask): Tensor {
  const { query_w, key_w, value_w, gating_w, gating_b, output_w, output_b } = weights;
  const mean = mask ? einsum("bt,btx->bx", mask, x).div(mask.sum({ axis: 1 }).add(1e-10).expandDims({ axis: 1 })) : x.mean({ axis: 1 });
  const q = einsum("bx,xhc->bhc", mean, query_w).mul(query_w.shape[2]! ** -0.5);
  let scores = einsum("bhc,btc->bht", q, x.matmul(key_w));
  if (mask) scores = scores.add(mask.sub(1).mul(HIDDEN).expandDims({ axis: 1 }));
  const found = einsum("bht,btc->bhc", softmax(scores), x.matmul(value_w));
  const gates = sigmoid(einsum("btx,xhc->bthc", x, gating_w).add(gating_b));
  return einsum("bthc,hco->bto", gates.mul(found.expandDims({ axis: 1 })), output_w).add(output_b);
}
