import { promote } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { broadcastShapes, sameShape, showShape, sizeOf } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "./core.ts";

export interface AttentionOptions {
  /** Broadcasts to [.., T, S]: bool, true where a query may see a key; or numbers added to the scores. */
  readonly mask?: TensorLike;
  /** Query t sees keys up to t + S - T: with as many queries as keys, up to itself; with a cache, all of the past. */
  readonly causal?: boolean;
  /** Factor of the scores; default 1 / √d. */
  readonly scale?: number;
}

/**
 * softmax(q·kᵀ·scale + mask)·v (Vaswani et al. 2017, §3.2.1): [..., T, d], [..., S, d], [..., S, e] → [..., T, e]. With
 * four or more axes the third from the last is heads, and keys and values may have fewer: each serves as many query
 * heads (grouped-query attention, Ainslie et al. 2023). A query that may see nothing gets zeros. ShapeError for shapes
 * that do not fit, DTypeError for a mask of integers, ArgumentError for a scale that is not finite.
 * @example
 * const x = eye(3).reshape([1, 1, 3, 3]);
 * scaledDotProductAttention(x, x, x)
 */
export function scaledDotProductAttention(query: TensorLike, key: TensorLike, value: TensorLike, options: AttentionOptions = {}): Tensor {
  const operation = "scaledDotProductAttention";
  const given = [query, key, value].map((x) => floatNode(operation, x));
  const type = given.map((n) => n.dtype).reduce(promote);
  const [q, k, v] = given.map((n) => make.cast(n, type)) as [Node, Node, Node];
  const rank = q.shape.length;
  const show = `query ${showShape(q.shape)}, key ${showShape(k.shape)}, value ${showShape(v.shape)}`;
  if (rank < 2 || k.shape.length !== rank || v.shape.length !== rank)
    throw new ShapeError(operation, `${show} need the same number of axes, at least 2`, "Shapes are [.., heads, places, features]");
  const [T, d] = q.shape.slice(-2) as [number, number];
  const [S, e] = v.shape.slice(-2) as [number, number];
  if (k.shape[rank - 1] !== d) throw new ShapeError(operation, `${show}: queries have ${d} features, keys ${k.shape[rank - 1]}`);
  if (k.shape[rank - 2] !== S) throw new ShapeError(operation, `${show}: there are ${k.shape[rank - 2]} keys for ${S} values`);
  const hasHeads = rank >= 4;
  const batch = q.shape.slice(0, hasHeads ? rank - 3 : rank - 2);
  const H = hasHeads ? q.shape[rank - 3]! : 1;
  const shared = hasHeads ? k.shape[rank - 3]! : 1;
  const keyBatch = hasHeads ? rank - 3 : rank - 2;
  if (
    !sameShape(k.shape.slice(0, keyBatch), batch) ||
    !sameShape(v.shape.slice(0, keyBatch), batch) ||
    (hasHeads && v.shape[rank - 3] !== shared)
  )
    throw new ShapeError(operation, `${show} differ in their batch axes, or keys and values in their heads`);
  if (shared === 0 || H % shared)
    throw new ShapeError(
      operation,
      `${H} query heads do not divide among ${shared} key heads`,
      "The number of query heads must be a multiple",
    );
  if (options.scale !== undefined && !Number.isFinite(options.scale)) throw new ArgumentError(operation, `scale is ${options.scale}`);

  const B = sizeOf(batch);
  const heads = (x: Node, n: number, features: number): Node => {
    if (shared === H) return make.reshape(x, [B, H, n, features]);
    const group = make.reshape(x, [B, shared, 1, n, features]);
    return make.reshape(make.expand(group, [B, shared, H / shared, n, features]), [B, H, n, features]);
  };
  const full = hasHeads ? [...batch, H, T, S] : [...batch, T, S];
  const mask = options.mask === undefined ? null : make.reshape(additive(operation, options.mask, type, full), [B, H, T, S]);
  const scale = options.scale ?? 1 / Math.sqrt(d);
  const out = make.attention(make.reshape(q, [B, H, T, d]), heads(k, S, d), heads(v, S, e), mask, options.causal ?? false, scale);
  return wrap(make.reshape(out, [...q.shape.slice(0, -1), e]));
}

function additive(operation: string, mask: TensorLike, type: Node["dtype"], shape: readonly number[]): Node {
  const t = asTensor(mask, undefined, operation);
  if (!sameShape(broadcastShapes(operation, t.shape, shape), shape))
    throw new ShapeError(operation, `the mask has shape ${showShape(t.shape)}, which does not broadcast to ${showShape(shape)}`);
  if (t.dtype !== "bool") {
    if (t.dtype.includes("int"))
      throw new DTypeError(operation, `the mask is ${t.dtype}`, `Use bool (true: may see), or floats to add to the scores`);
    return broadcastNode(make.cast(t.node, type), shape);
  }
  const added = make.where(t.node, make.constant(0, t.shape, type), make.constant(Number.NEGATIVE_INFINITY, t.shape, type));
  return broadcastNode(added, shape);
}
