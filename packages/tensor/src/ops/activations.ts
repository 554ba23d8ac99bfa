import { ArgumentError } from "../errors.ts";
import { add, div, mul, neg, restore, sub, sum } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxes } from "../shape.ts";
import { asTensor, floatType, type TensorLike, wrap } from "./core.ts";

/**
 * Activation functions. Each keeps the shape of x unless it says otherwise; integers and bool become float32.
 * IndexError for an axis that is not there.
 */

/** @internal An argument as a node of a floating type. */
export function floatNode(operation: string, x: TensorLike): Node {
  const t = asTensor(x, undefined, operation);
  return make.cast(t.node, floatType(t.dtype));
}

const constant = (value: number, like: Node): Node => make.constant(value, like.shape, like.dtype);
const exp = (x: Node): Node => make.unary("exp", x);
const tanh = (x: Node): Node => make.unary("tanh", x);
const max = (x: Node, value: number): Node => make.binary("max", x, constant(value, x));
const min = (x: Node, value: number): Node => make.binary("min", x, constant(value, x));
/** x <= 0, false for NaN: it picks the other branch, which passes NaN on. */
const notPositive = (x: Node): Node => make.compare("le", x, constant(0, x));
const elementwise =
  (name: string, f: (x: Node) => Node) =>
  (x: TensorLike): Tensor =>
    wrap(f(floatNode(name, x)));

let rules = 0;
/** @internal A value with a derivative of its own where the plain formula's would lose digits: `slope` may use the result. */
export function withSlope(x: Node, value: Node, slope: (result: Node) => Node): Node {
  const rule = { id: ++rules, vjp: (g: unknown) => [mul(g as Node, slope(result))] };
  const result: Node = make.alias({ kind: "custom", rule }, [value, x]);
  return result;
}

/** @internal 1 / (1 + e^-x) from e^-|x|, exact in both tails; s' = s (1 - s). */
export function sigmoidNode(x: Node): Node {
  const e = exp(neg(make.unary("abs", x)));
  const negative = make.compare("lt", x, constant(0, x));
  const value = div(make.where(negative, e, constant(1, x)), add(e, 1));
  return withSlope(x, value, (s) => mul(s, sub(1, s)));
}

/** @internal log(1 + e^x) = max(x, 0) + log1p(e^-|x|), whose derivative is the sigmoid. */
export function softplusNode(x: Node): Node {
  const value = add(max(x, 0), make.unary("log1p", exp(neg(make.unary("abs", x)))));
  return withSlope(x, value, () => sigmoidNode(x));
}

/**
 * max(x, 0) (Nair & Hinton 2010); the gradient at 0 is 0.
 * @example
 * relu([-1, 0, 2])
 */
export const relu = elementwise("relu", (x) => make.where(notPositive(x), constant(0, x), x));
/**
 * min(max(x, 0), 6) (Howard et al. 2017).
 * @example
 * relu6([-1, 3, 9])
 */
export const relu6 = elementwise("relu6", (x) => min(make.where(notPositive(x), constant(0, x), x), 6));

/**
 * x where positive, else negativeSlope · x, default 0.01 (Maas et al. 2013).
 * @example
 * leakyRelu([-1, 2])
 */
export function leakyRelu(x: TensorLike, options: { readonly negativeSlope?: number } = {}): Tensor {
  const node = floatNode("leakyRelu", x);
  return wrap(make.where(notPositive(node), mul(node, options.negativeSlope ?? 0.01), node));
}

/** expm1 of the negative part: computed on min(x, 0), so that large x do not overflow in the branch not taken. */
const negativeExponential = (x: Node): Node => make.unary("expm1", make.where(notPositive(x), x, constant(0, x)));

/**
 * x where positive, else alpha · (e^x - 1), default alpha 1 (Clevert et al. 2016).
 * @example
 * elu([-1, 2])
 */
export function elu(x: TensorLike, options: { readonly alpha?: number } = {}): Tensor {
  const node = floatNode("elu", x);
  return wrap(make.where(notPositive(node), mul(negativeExponential(node), options.alpha ?? 1), node));
}

/**
 * Scaled elu that keeps mean 0 and variance 1 (Klambauer et al. 2017).
 * @example
 * selu([-1, 2])
 */
export const selu = elementwise("selu", (x) => {
  const [alpha, scale] = [1.6732632423543772, 1.0507009873554805];
  return make.where(notPositive(x), mul(negativeExponential(x), scale * alpha), mul(x, scale));
});

/**
 * x · Φ(x), Φ the normal distribution function (Hendrycks & Gimpel 2016); with `approximate`, by tanh as GPT-2 computes it.
 * @example
 * gelu([-1, 0, 2])
 */
export function gelu(x: TensorLike, options: { readonly approximate?: boolean } = {}): Tensor {
  const node = floatNode("gelu", x);
  const half = mul(node, 0.5);
  if (!options.approximate) return wrap(mul(half, add(make.unary("erf", mul(node, Math.SQRT1_2)), 1)));
  const inner = mul(add(node, mul(mul(mul(node, node), node), 0.044715)), Math.sqrt(2 / Math.PI));
  return wrap(mul(half, add(tanh(inner), 1)));
}

/**
 * 1 / (1 + e^-x), the logistic function, exact in both tails.
 * @example
 * sigmoid([-2, 0, 2])
 */
export const sigmoid = elementwise("sigmoid", sigmoidNode);
/**
 * log(sigmoid(x)) = -softplus(-x).
 * @example
 * logSigmoid([-2, 0, 2])
 */
export const logSigmoid = elementwise("logSigmoid", (x) => neg(softplusNode(neg(x))));
/**
 * x · sigmoid(x) (Elfwing et al. 2018), also called swish (Ramachandran et al. 2017).
 * @example
 * silu([-1, 0, 2])
 */
export const silu = elementwise("silu", (x) => mul(x, sigmoidNode(x)));
/**
 * log(1 + e^x), without overflow (Dugas et al. 2001).
 * @example
 * softplus([-1, 0, 2])
 */
export const softplus = elementwise("softplus", softplusNode);
/**
 * x / (1 + |x|) (Turian et al. 2009).
 * @example
 * softsign([-1, 0, 3])
 */
export const softsign = elementwise("softsign", (x) => {
  const below = add(make.unary("abs", x), 1);
  return withSlope(x, div(x, below), () => div(1, mul(below, below)));
});
/**
 * x · tanh(softplus(x)) (Misra 2019).
 * @example
 * mish([-1, 0, 2])
 */
export const mish = elementwise("mish", (x) => mul(x, tanh(softplusNode(x))));
/**
 * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, as in PyTorch).
 * @example
 * hardSigmoid([-4, 0, 4])
 */
export const hardSigmoid = elementwise("hardSigmoid", (x) => div(min(max(add(x, 3), 0), 6), 6));
/**
 * x · hardSigmoid(x) (Howard et al. 2019).
 * @example
 * hardSilu([-4, 0, 4])
 */
export const hardSilu = elementwise("hardSilu", (x) => mul(x, div(min(max(add(x, 3), 0), 6), 6)));
/**
 * x · sigmoid(gate) for the halves of an axis (default the last): [..., 2n] → [..., n] (Dauphin et al. 2017).
 * ArgumentError for an odd axis.
 * @example
 * glu([1, 2, 0, 0])
 */
export function glu(x: TensorLike, options: { readonly axis?: number } = {}): Tensor {
  const node = floatNode("glu", x);
  const [axis] = normalizeAxes("glu", options.axis ?? -1, node.shape.length) as [number];
  const n = node.shape[axis]!;
  if (n % 2) throw new ArgumentError("glu", `axis ${axis} has ${n} elements`, "It must have an even number, to be halved");
  const part = (at: number) =>
    make.slice(
      node,
      node.shape.map((_, i) => (i === axis ? at : 0)),
      node.shape.map(() => 1),
      node.shape.map((m, i) => (i === axis ? n / 2 : m)),
    );
  return wrap(mul(part(0), sigmoidNode(part(n / 2))));
}

export interface SoftmaxOptions {
  /** Axis or axes that sum to 1; default the last. */
  readonly axis?: number | readonly number[];
}

const stop = (x: Node): Node => make.alias({ kind: "stop" }, [x]);

/** The largest element, as a constant: subtracting it changes no result, so it needs no gradient. */
function shift(x: Node, axes: readonly number[]): Node {
  return make.reduce("reduceMax", stop(x), axes);
}

const softmaxAxes = (operation: string, axis: SoftmaxOptions["axis"], x: Node) => normalizeAxes(operation, axis ?? -1, x.shape.length);

/**
 * e^x / Σ e^x along an axis or axes (default the last), without overflow (Bridle 1990).
 * @example
 * softmax([1, 2, 3])
 */
export function softmax(x: TensorLike, options: SoftmaxOptions = {}): Tensor {
  const node = floatNode("softmax", x);
  const axes = softmaxAxes("softmax", options.axis, node);
  if (node.size === 0) return wrap(node);
  const e = exp(sub(node, restore(shift(node, axes), axes, node.shape)));
  return wrap(div(e, restore(sum(e, axes), axes, node.shape)));
}

/** @internal log(softmax(x)). */
export function logSoftmaxNode(x: Node, axes: readonly number[]): Node {
  if (x.size === 0) return x;
  const moved = sub(x, restore(shift(x, axes), axes, x.shape));
  return sub(moved, restore(make.unary("log", sum(exp(moved), axes)), axes, x.shape));
}

/**
 * log(softmax(x)) along an axis or axes (default the last), computed as x - logsumexp(x), which loses no digits.
 * @example
 * logSoftmax([1, 2, 3])
 */
export function logSoftmax(x: TensorLike, options: SoftmaxOptions = {}): Tensor {
  const node = floatNode("logSoftmax", x);
  return wrap(logSoftmaxNode(node, softmaxAxes("logSoftmax", options.axis, node)));
}

export interface LogSumExpOptions {
  /** Axis or axes to reduce; default all. */
  readonly axis?: number | readonly number[] | null;
  readonly keepdims?: boolean;
}

/**
 * log Σ e^x without overflow, over an axis, several or all, which go unless `keepdims`; -Infinity where all are.
 * scipy.special's.
 * @example
 * logsumexp([1000, 1000])
 */
export function logsumexp(x: TensorLike, options: LogSumExpOptions = {}): Tensor {
  const node = floatNode("logsumexp", x);
  const axes = normalizeAxes("logsumexp", options.axis, node.shape.length);
  const kept = node.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const top = shift(node, axes);
  // An infinite maximum would give Infinity - Infinity.
  const finite = make.compare("lt", make.unary("abs", top), constant(Number.POSITIVE_INFINITY, top));
  const safe = make.where(finite, top, constant(0, top));
  const result = add(make.unary("log", sum(exp(sub(node, restore(safe, axes, node.shape))), axes)), safe);
  return wrap(options.keepdims ? make.reshape(result, kept) : result);
}
