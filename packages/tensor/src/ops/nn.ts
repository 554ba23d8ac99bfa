/** Functions of neural networks. The subjects have files of their own; this one holds what is left. */
import { ArgumentError, ShapeError } from "../errors.ts";
import { mul } from "../graph/gradients.ts";
import { make } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { asShape, broadcastShapes, sameShape, showShape } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "./core.ts";
import { take } from "./indexing.ts";
import { bernoulli } from "./random/discrete.ts";

export * from "./activations.ts";
export * from "./attention.ts";
export * from "./convolution.ts";
export * from "./losses.ts";
export * from "./normalization.ts";
export * from "./pooling.ts";
export * from "./resize.ts";

/**
 * Rows of a table [V, D] by integer ids of any shape: [...] → [..., D]. The gradient adds up where ids repeat.
 * ShapeError for a table of other than two axes, DTypeError for ids that are not integers, IndexError for known ids
 * outside the table (computed ones are clamped).
 * @example
 * embedding([[0, 0], [1, 10], [2, 20]], array([2, 0, 2], { dtype: "int32" }))
 */
export function embedding(table: TensorLike, ids: TensorLike): Tensor {
  const t = asTensor(table, undefined, "embedding");
  if (t.ndim !== 2) throw new ShapeError("embedding", `the table has shape ${showShape(t.shape)}`, "It must be [vocabulary, features]");
  return take(t, ids, { axis: 0 });
}

export interface DropoutOptions {
  /** Shape of the decisions, which broadcasts to x's: size 1 drops whole axes together. */
  readonly shape?: readonly number[];
}

/**
 * Zeroes elements with probability `rate` and divides the others by 1 - rate (Srivastava et al. 2014). Not for
 * inference. ArgumentError for a rate outside 0 to 1 or what is no key, ShapeError for decisions that do not broadcast
 * to x.
 * @example
 * dropout(randomKey(1), ones([10]), 0.5)
 */
export function dropout(key: Tensor, x: TensorLike, rate: number, options: DropoutOptions = {}): Tensor {
  if (!(rate >= 0 && rate <= 1)) throw new ArgumentError("dropout", `rate is ${rate}`, "It must be from 0 to 1");
  const node = floatNode("dropout", x);
  if (rate === 0) return wrap(node);
  const zero = make.constant(0, node.shape, node.dtype);
  if (rate === 1) return wrap(mul(node, zero));
  const shape = options.shape ? asShape("dropout", options.shape) : node.shape;
  if (!sameShape(broadcastShapes("dropout", shape, node.shape), node.shape))
    throw new ShapeError("dropout", `decisions of shape ${showShape(shape)} do not broadcast to ${showShape(node.shape)}`);
  const kept = broadcastNode(bernoulli(key, 1 - rate, shape).node, node.shape);
  return wrap(make.where(kept, mul(node, 1 / (1 - rate)), zero));
}
