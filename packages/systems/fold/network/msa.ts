import { einsum, type Tensor } from "@gradus/tensor";
import { attention, attentionParameters, globalAttention, globalAttentionParameters } from "./attention.ts";
import { byRows, type LinearWeights, linear, type Mask, norm, type Pass, rowsOf } from "./layers.ts";
import { linearParameters, normParameters, Parameter, type Weights } from "./parameters.ts";

/** Updates of the MSA representation m [s, r, c_m], and what it tells the pair representation z [r, r, c_z]. Masks are [s, r]. */

export interface MsaAttentionSizes {
  readonly heads: number;
  /** Channels of a head. */
  readonly width: number;
}

export const msaRowAttentionParameters = (c_m: number, c_z: number, sizes: MsaAttentionSizes) => ({
  query_norm: normParameters(c_m),
  feat_2d_norm: normParameters(c_z),
  feat_2d_weights: new Parameter([c_z, sizes.heads], "linear"),
  attention: attentionParameters({ queries: c_m, ...sizes }),
});

export const msaColumnAttentionParameters = (c_m: number, sizes: MsaAttentionSizes) => ({
  query_norm: normParameters(c_m),
  attention: attentionParameters({ queries: c_m, ...sizes }),
});

export const msaColumnGlobalAttentionParameters = (c_m: number, sizes: MsaAttentionSizes) => ({
  query_norm: normParameters(c_m),
  attention: globalAttentionParameters({ queries: c_m, ...sizes }),
});

export const outerProductMeanParameters = (c_m: number, c_z: number, c: number) => ({
  layer_norm_input: normParameters(c_m),
  left_projection: linearParameters(c_m, c),
  right_projection: linearParameters(c_m, c),
  output_w: new Parameter([c, c, c_z], 0),
  output_b: new Parameter([c_z], 0),
});

export type RowWeights = Weights<ReturnType<typeof msaRowAttentionParameters>>;
export type ColumnWeights = Weights<ReturnType<typeof msaColumnAttentionParameters>>;
export type GlobalColumnWeights = Weights<ReturnType<typeof msaColumnGlobalAttentionParameters>>;
export type OuterWeights = Weights<ReturnType<typeof outerProductMeanParameters>>;

/** Algorithm 7: each sequence attends along its residues; pairs bias it. */
export function msaRowAttentionWithPairBias(m: Tensor, z: Tensor, mask: Mask, weights: RowWeights, { chunk }: Pass = {}): Tensor {
  const bias = einsum("ijc,ch->hij", norm(z, weights.feat_2d_norm), weights.feat_2d_weights);
  return byRows(m.shape[0]!, chunk, (from, to) => {
    const x = norm(rowsOf(m, from, to), weights.query_norm);
    return attention(x, x, weights.attention, { bias, mask: rowsOf(mask, from, to) });
  });
}

/** [s, r, c] → [s, r, c] by way of [r, s, c], some columns at a time. */
function byColumns(m: Tensor, mask: Mask, chunk: number | undefined, f: (x: Tensor, mask: Mask) => Tensor): Tensor {
  const [x, turned] = [m.swapaxes(0, 1), mask?.swapaxes(0, 1)];
  return byRows(x.shape[0]!, chunk, (from, to) => f(rowsOf(x, from, to), rowsOf(turned, from, to))).swapaxes(0, 1);
}

/** Algorithm 8: each residue attends along the sequences. */
export const msaColumnAttention = (m: Tensor, mask: Mask, weights: ColumnWeights, { chunk }: Pass = {}): Tensor =>
  byColumns(m, mask, chunk, (columns, part) => {
    const x = norm(columns, weights.query_norm);
    return attention(x, x, weights.attention, { mask: part });
  });

/** Algorithm 19: the same with one query a residue, for thousands of sequences. */
export const msaColumnGlobalAttention = (m: Tensor, mask: Mask, weights: GlobalColumnWeights, { chunk }: Pass = {}): Tensor =>
  byColumns(m, mask, chunk, (columns, part) => globalAttention(norm(columns, weights.query_norm), weights.attention, part));

/**
 * Algorithm 10: the mean over sequences of the outer product of two residues' channels, [s, r, c_m] → [r, r, c_z]. Of the left factor no more is
 * there than a chunk needs; the right one has few channels.
 */
export function outerProductMean(m: Tensor, mask: Mask, weights: OuterWeights, { chunk }: Pass = {}): Tensor {
  const project = (rows: Tensor, visible: Mask, w: LinearWeights): Tensor => {
    const x = linear(norm(rows, weights.layer_norm_input), w);
    return visible ? x.mul(visible.expandDims({ axis: 2 })) : x;
  };
  const right = byRows(m.shape[0]!, chunk, (from, to) => project(rowsOf(m, from, to), rowsOf(mask, from, to), weights.right_projection));
  return byRows(m.shape[1]!, chunk, (from, to) => {
    const columns = mask?.get(":", `${from}:${to}`);
    const left = project(m.get(":", `${from}:${to}`), columns, weights.left_projection);
    const products = einsum("sic,sjd->ijcd", left, right);
    const sum = einsum("ijcd,cdz->ijz", products, weights.output_w).add(weights.output_b);
    if (!mask) return sum.div(m.shape[0]! + 1e-3);
    const count = einsum("si,sj->ij", columns!, mask);
    return sum.div(count.add(1e-3).expandDims({ axis: 2 }));
  });
}
