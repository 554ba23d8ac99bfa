import { isFloat } from "../../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../errors.ts";
import { add, mul } from "../../graph/gradients.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { asShape, broadcastShapes, normalizeAxis, type Shape, sameShape, showShape, sizeOf } from "../../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "../core.ts";
import { gatherAlong } from "../indexing.ts";
import { searchNode } from "../searching.ts";
import { integers } from "./discrete.ts";
import { keyNode, keysOf, unit, words } from "./keys.ts";
import { gumbelNode, log } from "./sampling.ts";

/** Choosing among given things: categories, slices of arrays, orders. ArgumentError for what is no key. */

/** Running sums of weights along the last axis, and a uniform number below their total, found among them. */
function pickByWeight(key: Node, weights: Node, shape: Shape): Node {
  const total = make.scan(weights, 0, "sum");
  const n = weights.shape[0]!;
  const last = broadcastNode(make.slice(total, [n - 1], [1], [1]), [sizeOf(shape)]);
  const u = mul(unit(key, [sizeOf(shape)], weights.dtype), last);
  const place = searchNode(total, u, "right");
  return make.reshape(make.binary("min", place, make.constant(n - 1, place.shape, "int32")), shape);
}

function weightsOf(operation: string, p: TensorLike, n: number): Node {
  const t = asTensor(p, undefined, operation);
  if (!sameShape(t.shape, [n]))
    throw new ShapeError(operation, `probabilities have shape ${showShape(t.shape)}`, `One per choice is needed: [${n}]`);
  return make.cast(t.node, t.dtype === "float64" ? "float64" : "float32");
}

/**
 * How often each of K categories of probabilities `p` ([K], scaled to sum to 1) occurs in n draws: int32 [...shape, K].
 * Draws them one by one: time and memory grow with n. ArgumentError for an n that is no whole number from 0, ShapeError
 * for a p of other than one dimension.
 * @example
 * random.multinomial(randomKey(1), 100, [0.5, 0.3, 0.2])
 */
export function multinomial(key: Tensor, n: number, p: TensorLike, shape: readonly number[] = []): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError("multinomial", `n is ${n}`, "Give a non-negative integer");
  const K = asTensor(p, undefined, "multinomial").shape[0] ?? 0;
  const weights = weightsOf("multinomial", p, K);
  const size = asShape("multinomial", shape);
  const rows = sizeOf(size);
  const zero = make.constant(0, [rows * K], "int32");
  if (rows * n * K === 0) return wrap(make.reshape(zero, [...size, K]));
  const drawn = pickByWeight(keyNode("multinomial", key), weights, [rows, n]);
  const place = add(drawn, mul(make.iota([rows, n], 0, "int32"), K));
  const counts = make.scatter(zero, make.reshape(place, [rows * n]), make.constant(1, [rows * n], "int32"), 0, "add");
  return wrap(make.reshape(counts, [...size, K]));
}

export interface CategoricalOptions {
  readonly axis?: number;
  /** Shape of the result; must broadcast from that of the logits without the axis. Default: that. */
  readonly shape?: readonly number[];
}

/**
 * Categories drawn with probabilities softmax(logits) along an axis (default the last): [..., K] → int32 [...], or
 * `shape`, to which they broadcast (else ShapeError). The largest of logits plus Gumbel numbers (Gumbel 1954; Maddison
 * et al. 2014). DTypeError for logits that are no floats.
 * @example
 * // logits: twice as likely with every log(2) more
 * random.categorical(randomKey(1), [0, Math.log(2), Math.log(4)], { shape: [10] })
 */
export function categorical(key: Tensor, logits: TensorLike, options: CategoricalOptions = {}): Tensor {
  const t = asTensor(logits, undefined, "categorical");
  if (!isFloat(t.dtype))
    throw new DTypeError("categorical", `logits are ${t.dtype}`, "Pass logarithms of probabilities as a floating type");
  const axis = normalizeAxis("categorical", options.axis ?? -1, t.ndim);
  const others = t.shape.filter((_, i) => i !== axis);
  const last = make.permute(t.node, [...t.shape.map((_, i) => i).filter((i) => i !== axis), axis]);
  const shape = options.shape ? asShape("categorical", options.shape) : others;
  if (!sameShape(broadcastShapes("categorical", others, shape), shape))
    throw new ShapeError("categorical", `logits of batch shape ${showShape(others)} do not broadcast to ${showShape(shape)}`);
  const wideLogits = broadcastNode(last, [...shape, t.shape[axis]!]);
  const noisy = add(wideLogits, gumbelNode(keyNode("categorical", key), wideLogits.shape, t.dtype));
  return wrap(make.reduce("argmax", noisy, [shape.length]));
}

/** An order of 0..n-1 along an axis of a shape, independent across the others: sorts random words, twice for long axes so that equal words do not matter. */
function orderNode(key: Tensor, shape: Shape, axis: number): Node {
  const rounds = Math.max(1, Math.ceil((3 * Math.log(Math.max(2, shape[axis]!))) / Math.log(2 ** 32)));
  const keys = keysOf("permutation", key, rounds);
  let order = make.argsort(words(keys[0]!, shape), axis);
  for (const k of keys.slice(1)) order = gatherAlong(order, make.argsort(words(k, shape), axis), axis);
  return order;
}

export interface PermutationOptions {
  readonly axis?: number;
}

/**
 * A random order of 0..n-1 (int32 [n]), or the slices of an array along an axis (default the first) in random order.
 * ArgumentError for an n that is no whole number from 0.
 * @example
 * random.permutation(randomKey(1), 6)
 */
export function permutation(key: Tensor, x: TensorLike, options: PermutationOptions = {}): Tensor {
  if (typeof x === "number") {
    if (!Number.isInteger(x) || x < 0)
      throw new ArgumentError("permutation", `the length is ${x}`, "Give a non-negative integer or an array");
    return wrap(orderNode(key, [x], 0));
  }
  const t = asTensor(x, undefined, "permutation");
  const axis = normalizeAxis("permutation", options.axis ?? 0, t.ndim);
  return wrap(make.gather(t.node, orderNode(key, [t.shape[axis]!], 0), axis));
}

/**
 * A copy of x with each line along the axis shuffled on its own; without an axis, all elements. NumPy's permuted.
 * @example
 * random.permuted(randomKey(1), [[1, 2, 3], [4, 5, 6]], { axis: 1 })
 */
export function permuted(key: Tensor, x: TensorLike, options: PermutationOptions = {}): Tensor {
  const t = asTensor(x, undefined, "permuted");
  if (options.axis === undefined) {
    const order = orderNode(key, [t.size], 0);
    return wrap(make.reshape(make.gather(make.reshape(t.node, [t.size]), order, 0), t.shape));
  }
  const axis = normalizeAxis("permuted", options.axis, t.ndim);
  return wrap(gatherAlong(t.node, orderNode(key, t.shape, axis), axis));
}

export interface ChoiceOptions {
  /** Whether an element may be drawn again. Default true. */
  readonly replace?: boolean;
  /** Probability of each, in proportion; default equal. */
  readonly p?: TensorLike;
  readonly axis?: number;
}

/**
 * Draws [...shape] from 0..a-1, or slices of an array along an axis. Without replacement and with probabilities by the
 * largest of log p plus Gumbel numbers, which equals drawing one after the other (Kool et al. 2019). ArgumentError for
 * drawing from nothing or more than there are, ShapeError for another number of probabilities.
 * @example
 * random.choice(randomKey(1), [10, 20, 30], [5])
 */
export function choice(key: Tensor, a: TensorLike, shape: readonly number[] = [], options: ChoiceOptions = {}): Tensor {
  const { replace = true, p } = options;
  const size = asShape("choice", shape);
  const source = typeof a === "number" ? null : asTensor(a, undefined, "choice");
  const axis = source ? normalizeAxis("choice", options.axis ?? 0, source.ndim) : 0;
  const n = source ? source.shape[axis]! : (a as number);
  const count = sizeOf(size);
  if (!Number.isInteger(n) || n < 0 || (n === 0 && count > 0))
    throw new ArgumentError("choice", `cannot draw ${count} of ${n}`, "Give a positive integer or a non-empty array");
  if (!replace && count > n)
    throw new ArgumentError("choice", `cannot draw ${count} of ${n} without replacement`, "Draw fewer, or allow replacement");
  const weights = p === undefined ? null : weightsOf("choice", p, n);
  let indices: Node;
  if (count === 0) indices = make.constant(0, size, "int32");
  else if (replace) indices = weights ? pickByWeight(keyNode("choice", key), weights, size) : integers(key, size, n).node;
  else {
    const order = weights
      ? make.argsort(add(log(weights), gumbelNode(keyNode("choice", key), [n], weights.dtype)), 0, true)
      : orderNode(key, [n], 0);
    indices = make.reshape(make.slice(order, [0], [1], [count]), size);
  }
  return source ? wrap(make.gather(source.node, indices, axis)) : wrap(indices);
}
