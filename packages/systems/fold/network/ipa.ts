import { concat, einsum, type Shape, softmax, softplus, sqrt, sum, type Tensor } from "@gradus/tensor";
import { apply, applyInverse, at, type Frames } from "./frames.ts";
import { type LinearWeights, linear, type Mask, type Pass } from "./layers.ts";
import { linearParameters, Parameter, type Weights } from "./parameters.ts";

export interface IpaSizes {
  readonly heads: number;
  /** Channels of a head's queries, keys and values. */
  readonly width: number;
  /** Points of a head's queries and keys. */
  readonly queryPoints: number;
  readonly valuePoints: number;
}

export function ipaParameters(c_s: number, c_z: number, { heads, width, queryPoints, valuePoints }: IpaSizes) {
  return {
    q_scalar: linearParameters(c_s, heads * width),
    kv_scalar: linearParameters(c_s, 2 * heads * width),
    q_point_local: linearParameters(c_s, 3 * heads * queryPoints),
    kv_point_local: linearParameters(c_s, 3 * heads * (queryPoints + valuePoints)),
    // softplus makes 1 of it.
    trainable_point_weights: new Parameter([heads], Math.log(Math.E - 1)),
    attention_2d: linearParameters(c_z, heads),
    output_projection: linearParameters(heads * (width + 4 * valuePoints + c_z), c_s, 0),
  };
}

export type IpaWeights = Weights<ReturnType<typeof ipaParameters>>;

/**
 * Algorithm 22: invariant point attention. Residues s [r, c_s] attend by channels, by pairs z [r, r, c_z], and by how near points lie
 * that each makes in its own frame; turning and moving all frames together changes nothing. `mask` [r].
 */
export function invariantPointAttention(
  s: Tensor,
  z: Tensor,
  frames: Frames,
  mask: Mask,
  weights: IpaWeights,
  { observe }: Pass = {},
): Tensor {
  const residues = s.shape[0]!;
  const heads = weights.trainable_point_weights.shape[0]!;
  const split = (w: LinearWeights): Tensor => linear(s, w).reshape([residues, heads, -1]);
  /** Points in global coordinates, [r, heads, points, 3]. Their channels are all x, then all y, then all z. */
  const points = (w: LinearWeights): Tensor => {
    const local = linear(s, w).reshape([residues, 3, heads, -1]).permuteDims([0, 2, 3, 1]);
    return apply(at(frames, ":", null, null), local);
  };
  const q = split(weights.q_scalar);
  const width = q.shape[2]!;
  const kv = split(weights.kv_scalar);
  const [k, v] = [kv.get(`..., :${width}`), kv.get(`..., ${width}:`)];
  const qPoints = points(weights.q_point_local);
  const count = qPoints.shape[2]!;
  const kvPoints = points(weights.kv_point_local);
  const [kPoints, vPoints] = [kvPoints.get(`:, :, :${count}`), kvPoints.get(`:, :, ${count}:`)];

  const alike = einsum("ihc,jhc->hij", q, k).mul(Math.sqrt(1 / (3 * width)));
  const paired = einsum("ijc,ch->hij", z, weights.attention_2d.weights).add(weights.attention_2d.bias.reshape([heads, 1, 1]));
  const importance = softplus(weights.trainable_point_weights).mul(0.5 * Math.sqrt(1 / (3 * 4.5 * count)));
  let scores = alike.add(paired.mul(Math.sqrt(1 / 3))).sub(squaredDistances(qPoints, kPoints).mul(importance.reshape([heads, 1, 1])));
  if (mask) scores = scores.add(mask.expandDims({ axis: 1 }).mul(mask).sub(1).mul(1e5));
  const a = softmax(scores);
  observe?.("points", a);

  const flat = (x: Tensor): Tensor => x.reshape([residues, -1]);
  const found = applyInverse(at(frames, ":", null, null), einsum("hij,jhpx->ihpx", a, vPoints));
  const lengths = sqrt(sum(found.square(), { axis: -1 }).add(1e-8));
  const parts = [
    flat(einsum("hij,jhc->ihc", a, v)),
    ...[0, 1, 2].map((axis) => flat(found.get("...", axis))),
    flat(lengths),
    flat(einsum("hij,ijc->ihc", a, z)),
  ];
  return linear(concat(parts, { axis: 1 }), weights.output_projection);
}

/** Summed over the points of a head: [r, h, p, 3] twice → [h, r, r]. From differences, since squares are large beside them. */
function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const [residues, heads] = a.shape as [number, number];
  const byHead = (x: Tensor, shape: Shape): Tensor =>
    x
      .reshape([residues, heads, -1])
      .swapaxes(0, 1)
      .reshape([...shape]);
  const difference = byHead(a, [heads, residues, 1, -1]).sub(byHead(b, [heads, 1, residues, -1]));
  return sum(difference.square(), { axis: -1 });
}
