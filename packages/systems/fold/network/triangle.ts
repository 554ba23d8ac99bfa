import { einsum, sigmoid, type Tensor } from "@gradus/tensor";
import { attention, attentionParameters } from "./attention.ts";
import { byRows, gate, type LinearWeights, linear, type Mask, norm, type Pass, rowsOf } from "./layers.ts";
import { gateParameters, linearParameters, normParameters, Parameter, type Weights } from "./parameters.ts";

/**
 * Updates of the pair representation z [r, r, c_z] by triangles: what is known of i and j has to fit what is known of both and a third
 * residue k. Masks are [r, r]. With chunks the normalised pairs are computed again for each, instead of kept for all.
 */

export const triangleMultiplicationParameters = (c_z: number, c: number) => ({
  layer_norm_input: normParameters(c_z),
  left_projection: linearParameters(c_z, c),
  right_projection: linearParameters(c_z, c),
  left_gate: gateParameters(c_z, c),
  right_gate: gateParameters(c_z, c),
  center_layer_norm: normParameters(c),
  output_projection: linearParameters(c, c_z, 0),
  gating_linear: gateParameters(c_z, c_z),
});

export type TriangleMultiplicationWeights = Weights<ReturnType<typeof triangleMultiplicationParameters>>;

export const triangleAttentionParameters = (c_z: number, heads: number, width: number) => ({
  query_norm: normParameters(c_z),
  feat_2d_weights: new Parameter([c_z, heads], "linear"),
  attention: attentionParameters({ queries: c_z, heads, width }),
});

export type TriangleAttentionWeights = Weights<ReturnType<typeof triangleAttentionParameters>>;

/** mask · sigmoid(gate) · projection of normalised pairs, channels first: [i, j, c_z] → [c, i, j]. */
function edges(x: Tensor, mask: Mask, projection: LinearWeights, gating: LinearWeights): Tensor {
  const project = ({ weights, bias }: LinearWeights) => einsum("zc,ijz->cij", weights, x).add(bias.expandDims({ axis: [1, 2] }));
  const value = project(projection).mul(sigmoid(project(gating)));
  return mask ? value.mul(mask) : value;
}

/** The same of all pairs, from some rows at a time. */
const allEdges = (z: Tensor, mask: Mask, weights: TriangleMultiplicationWeights, side: "left" | "right", chunk = Infinity): Tensor =>
  byRows(
    z.shape[0]!,
    // Other ranges than those of the sums: of the same, normalised rows would be one computation, and be kept from here to there.
    2 * chunk,
    (from, to) => {
      const x = norm(rowsOf(z, from, to), weights.layer_norm_input);
      return edges(x, rowsOf(mask, from, to), weights[`${side}_projection`], weights[`${side}_gate`]);
    },
    1,
  );

/**
 * Algorithm 11: the edges i → k and j → k, multiplied and summed over k. Of the two factors the left one belongs to i.
 */
export function triangleMultiplicationOutgoing(
  z: Tensor,
  mask: Mask,
  weights: TriangleMultiplicationWeights,
  { chunk }: Pass = {},
): Tensor {
  const right = allEdges(z, mask, weights, "right", chunk);
  return byRows(z.shape[0]!, chunk, (from, to) => {
    const rows = norm(rowsOf(z, from, to), weights.layer_norm_input);
    const left = edges(rows, rowsOf(mask, from, to), weights.left_projection, weights.left_gate);
    return finish(einsum("cik,cjk->ijc", left, right), rows, weights);
  });
}

/**
 * Algorithm 12: the edges k → i and k → j. The official files call the factor that belongs to j the left one here.
 */
export function triangleMultiplicationIncoming(
  z: Tensor,
  mask: Mask,
  weights: TriangleMultiplicationWeights,
  { chunk }: Pass = {},
): Tensor {
  const left = allEdges(z, mask, weights, "left", chunk);
  return byRows(z.shape[0]!, chunk, (from, to) => {
    const columns = `${from}:${to}`;
    const x = norm(z.get(":", columns), weights.layer_norm_input);
    const right = edges(x, mask?.get(":", columns), weights.right_projection, weights.right_gate);
    return finish(einsum("cki,ckj->ijc", right, left), norm(rowsOf(z, from, to), weights.layer_norm_input), weights);
  });
}

/** What both multiplications do with the sums. */
const finish = (sums: Tensor, x: Tensor, weights: TriangleMultiplicationWeights): Tensor =>
  linear(norm(sums, weights.center_layer_norm), weights.output_projection).mul(gate(x, weights.gating_linear));

/** Algorithm 13: the edge i → j attends to the edges i → k, biased by j → k. */
export const triangleAttentionStartingNode = (z: Tensor, mask: Mask, weights: TriangleAttentionWeights, pass: Pass = {}): Tensor =>
  triangleAttention(z, mask, weights, pass, "starting");

/** Algorithm 14: the edge i → j attends to the edges k → j, biased by k → i: the same on transposed pairs. */
export const triangleAttentionEndingNode = (z: Tensor, mask: Mask, weights: TriangleAttentionWeights, pass: Pass = {}): Tensor =>
  triangleAttention(z.swapaxes(0, 1), mask?.swapaxes(0, 1), weights, pass, "ending").swapaxes(0, 1);

function triangleAttention(
  z: Tensor,
  mask: Mask,
  weights: TriangleAttentionWeights,
  { chunk, observe }: Pass,
  node: "starting" | "ending",
): Tensor {
  const look = observe && ((found: Tensor) => observe(node, found));
  const bias = einsum("jkc,ch->hjk", norm(z, weights.query_norm), weights.feat_2d_weights);
  return byRows(z.shape[0]!, chunk, (from, to) => {
    const rows = norm(rowsOf(z, from, to), weights.query_norm);
    return attention(rows, rows, weights.attention, { bias, mask: rowsOf(mask, from, to), observe: look });
  });
}
