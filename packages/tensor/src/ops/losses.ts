import { isFloat, isInteger } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { add, div, mul, neg, sub, sum } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxis, sameShape, showShape } from "../shape.ts";
import { floatNode, logSoftmaxNode, softplusNode } from "./activations.ts";
import { asTensor, floatType, type TensorLike, unify, wrap } from "./core.ts";
import { prepareIndices } from "./indexing.ts";

/**
 * Losses. The result is one number, [], or with reduction "none" one loss per example. ShapeError when predictions and
 * targets differ in shape: a loss does not broadcast. ArgumentError for an unknown reduction.
 */

export interface LossOptions {
  /** "mean" over all examples (default), "sum", or "none": one loss per example. */
  readonly reduction?: "mean" | "sum" | "none";
}

function reduce(operation: string, losses: Node, { reduction = "mean" }: LossOptions): Tensor {
  if (reduction === "none") return wrap(losses);
  if (reduction !== "mean" && reduction !== "sum")
    throw new ArgumentError(operation, `reduction is ${JSON.stringify(reduction)}`, `Use "mean", "sum" or "none"`);
  const total = sum(
    losses,
    losses.shape.map((_, i) => i),
  );
  return wrap(reduction === "sum" ? total : div(total, losses.size));
}

export interface CrossEntropyOptions extends LossOptions {
  /** The axis of classes; default the last. */
  readonly axis?: number;
  /** Share of each target spread evenly over all classes (Szegedy et al. 2016). */
  readonly labelSmoothing?: number;
}

/**
 * -Σ target · log softmax(logits), [..., K] → [] (or [...] with reduction "none"). Labels are integers, shaped like the
 * logits without the axis of classes, or probabilities (one-hot) shaped like the logits. IndexError for a known label
 * that is no class, DTypeError for class labels that are not integers, ArgumentError for labelSmoothing outside 0 to 1.
 * @example
 * // logits of two rows, the right classes as numbers
 * softmaxCrossEntropy([[2, 0, 0], [0, 0, 5]], array([0, 2], { dtype: "int32" }))
 */
export function softmaxCrossEntropy(logits: TensorLike, labels: TensorLike, options: CrossEntropyOptions = {}): Tensor {
  const operation = "softmaxCrossEntropy";
  const { labelSmoothing = 0 } = options;
  const x = floatNode(operation, logits);
  const target = asTensor(labels, undefined, operation);
  const axis = normalizeAxis(operation, options.axis ?? -1, x.shape.length);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(operation, `labelSmoothing is ${labelSmoothing}`, "It must be from 0 to 1");
  const others = x.shape.filter((_, i) => i !== axis);
  const logs = logSoftmaxNode(x, [axis]);
  const n = x.shape[axis]!;
  let chosen: Node;
  if (sameShape(target.shape, x.shape)) chosen = sum(mul(make.cast(target.node, x.dtype), logs), [axis]);
  else if (!sameShape(target.shape, others))
    throw new ShapeError(
      operation,
      `labels have shape ${showShape(target.shape)} for logits ${showShape(x.shape)}`,
      `Give integers of shape ${showShape(others)}, or probabilities of shape ${showShape(x.shape)}`,
    );
  else if (!isInteger(target.dtype))
    throw new DTypeError(operation, `class labels are ${target.dtype}`, `Cast them with astype("int32"), or pass one-hot rows`);
  else {
    // One term of each sum is not 0: unlike a gather, and its scatter back, this becomes part of the softmax's kernels.
    const index = make.reshape(
      prepareIndices(operation, target, n, axis),
      x.shape.map((m, i) => (i === axis ? 1 : m)),
    );
    const hit = make.compare("eq", make.expand(index, x.shape), make.iota(x.shape, axis, "int32"));
    chosen = sum(make.where(hit, logs, make.constant(0, x.shape, x.dtype)), [axis]);
  }
  const loss = neg(chosen);
  if (labelSmoothing === 0) return reduce(operation, loss, options);
  const even = neg(div(sum(logs, [axis]), n));
  return reduce(operation, add(mul(loss, 1 - labelSmoothing), mul(even, labelSmoothing)), options);
}

/** Two float operands of one type and the same shape. */
function operands(operation: string, predictions: TensorLike, targets: TensorLike): [Node, Node] {
  const [a, b] = [asTensor(predictions, undefined, operation), asTensor(targets, undefined, operation)];
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(
      operation,
      `predictions have shape ${showShape(a.shape)}, targets ${showShape(b.shape)}`,
      "A loss does not broadcast: reshape one of them",
    );
  const [x, y] = unify(operation, [a, b]) as [Node, Node];
  const type = isFloat(x.dtype) ? x.dtype : floatType(x.dtype);
  return [make.cast(x, type), make.cast(y, type)];
}

/**
 * -z log σ(x) - (1 - z) log(1 - σ(x)) for logits x and targets z in [0, 1], as softplus(x) - x·z: no overflow.
 * @example
 * sigmoidCrossEntropy([3, -3], [1, 0])
 */
export function sigmoidCrossEntropy(logits: TensorLike, targets: TensorLike, options: LossOptions = {}): Tensor {
  const [x, z] = operands("sigmoidCrossEntropy", logits, targets);
  return reduce("sigmoidCrossEntropy", sub(softplusNode(x), mul(x, z)), options);
}

/**
 * Mean of squared differences.
 * @example
 * mse([1, 2, 5], [1, 2, 3])
 */
export function mse(predictions: TensorLike, targets: TensorLike, options: LossOptions = {}): Tensor {
  const [x, y] = operands("mse", predictions, targets);
  const difference = sub(x, y);
  return reduce("mse", mul(difference, difference), options);
}

/**
 * Mean of absolute differences.
 * @example
 * mae([1, 2, 5], [1, 2, 3])
 */
export function mae(predictions: TensorLike, targets: TensorLike, options: LossOptions = {}): Tensor {
  const [x, y] = operands("mae", predictions, targets);
  return reduce("mae", make.unary("abs", sub(x, y)), options);
}

/**
 * Half the squared difference up to `delta` (default 1), from there on a line of that slope (Huber 1964). ArgumentError
 * for delta ≤ 0.
 * @example
 * huber([1, 2, 9], [1, 2, 3])
 */
export function huber(predictions: TensorLike, targets: TensorLike, options: LossOptions & { readonly delta?: number } = {}): Tensor {
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new ArgumentError("huber", `delta is ${delta}`, "It must be positive");
  const [x, y] = operands("huber", predictions, targets);
  const difference = sub(x, y);
  const size = make.unary("abs", difference);
  const near = make.compare("le", size, make.constant(delta, size.shape, size.dtype));
  const loss = make.where(near, mul(mul(difference, difference), 0.5), mul(sub(size, delta / 2), delta));
  return reduce("huber", loss, options);
}
