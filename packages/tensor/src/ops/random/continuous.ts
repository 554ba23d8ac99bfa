import type { DType } from "../../dtype.ts";
import { ArgumentError, ShapeError } from "../../errors.ts";
import { add, div, mul, neg, restore, sub } from "../../graph/gradients.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Shape } from "../../shape.ts";
import { asTensor, type TensorLike, wrap } from "../core.ts";
import { floatDType, keyNode, keysOf, type RandomOptions, tails, unit, wide } from "./keys.ts";
import {
  constantLike,
  exp,
  exponentialNode,
  firstAccepted,
  gumbelNode,
  less,
  lessEqual,
  log,
  log1p,
  normalNode,
  normalTail,
  notNegative,
  parameters,
  positive,
  repeated,
  sqrt,
  stop,
  where,
} from "./sampling.ts";

/**
 * Continuous distributions, under the names of NumPy's Generator. The result has `shape`, by default [] or the common
 * shape of the parameters, and a float type, by default float32. Parameters broadcast to it: ShapeError when they
 * cannot. ArgumentError for plain numbers out of range (a negative scale) and for what is no key; arrays of them are
 * taken as they are. DTypeError for a type that is no float.
 */

export interface UniformOptions extends RandomOptions {
  readonly low?: TensorLike;
  readonly high?: TensorLike;
}

/**
 * Uniform numbers in [low, high), default [0, 1): multiples of 2^-24 (float64: 2^-53) when low and high are left out.
 * Gradients flow to the bounds.
 * @example
 * random.uniform(randomKey(1), [2, 3], { low: -1, high: 1 })
 */
export function uniform(key: Tensor, shape: readonly number[] = [], options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options;
  const dtype = floatDType("uniform", options.dtype);
  const { shape: size, nodes } = parameters("uniform", shape, dtype, low, high);
  const u = unit(keyNode("uniform", key), size, dtype);
  if (low === 0 && high === 1) return wrap(u);
  const [a, b] = nodes as [Node, Node];
  const scaled = add(a, mul(sub(b, a), u));
  // Rounding may reach the upper bound: step back.
  const reached = make.binary("and", lessEqual(b, scaled), less(a, b));
  return wrap(where(reached, make.binary("nextafter", b, a), scaled));
}

export interface LocationOptions extends RandomOptions {
  readonly loc?: TensorLike;
  readonly scale?: TensorLike;
}

function locationScale(
  operation: string,
  key: Tensor,
  shape: readonly number[],
  options: LocationOptions,
  standard: (key: Node, shape: Shape, dtype: DType) => Node,
): Tensor {
  const { loc = 0, scale = 1 } = options;
  notNegative(operation, "scale", scale);
  const dtype = floatDType(operation, options.dtype);
  const { shape: size, nodes } = parameters(operation, shape, dtype, loc, scale);
  let x = standard(keyNode(operation, key), size, dtype);
  if (scale !== 1) x = mul(x, nodes[1]!);
  if (loc !== 0) x = add(x, nodes[0]!);
  return wrap(x);
}

/**
 * Normal numbers of mean `loc` and standard deviation `scale`, by the quantile of AS 241 (Wichura 1988). Gradients flow
 * to both.
 * @example
 * random.normal(randomKey(1), [2, 3])
 */
export const normal = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("normal", key, shape, options, normalNode);

/**
 * exp of normal numbers of mean `loc` and standard deviation `scale`.
 * @example
 * random.lognormal(randomKey(1), [4])
 */
export const lognormal = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  wrap(exp(locationScale("lognormal", key, shape, options, normalNode).node));

/**
 * Exponential numbers of mean `scale` (NumPy's parameter; the rate is 1 / scale).
 * @example
 * random.exponential(randomKey(1), [4])
 */
export const exponential = (key: Tensor, shape: readonly number[] = [], options: Omit<LocationOptions, "loc"> = {}): Tensor =>
  locationScale("exponential", key, shape, options, exponentialNode);

/**
 * Laplace (two-sided exponential) numbers of mean `loc` and mean distance `scale` from it.
 * @example
 * random.laplace(randomKey(1), [4])
 */
export const laplace = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("laplace", key, shape, options, (k, size, dtype) => {
    const { p, upper } = tails(k, size, wide(dtype));
    const size1 = neg(log(mul(p, 2)));
    return make.cast(where(upper, size1, neg(size1)), dtype);
  });

/**
 * Logistic numbers: loc + scale · log(u / (1 - u)).
 * @example
 * random.logistic(randomKey(1), [4])
 */
export const logistic = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("logistic", key, shape, options, (k, size, dtype) => {
    const { p, upper } = tails(k, size, wide(dtype));
    const far = sub(log1p(neg(p)), log(p));
    return make.cast(where(upper, far, neg(far)), dtype);
  });

/**
 * Gumbel numbers: loc - scale · log of exponential ones.
 * @example
 * random.gumbel(randomKey(1), [4])
 */
export const gumbel = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("gumbel", key, shape, options, gumbelNode);

/** erfc of a plain number to about 1e-15 relative: Taylor series near 0, Lentz's continued fraction in the tail. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let f = x;
  for (let n = 120; n > 0; n--) f = x + n / 2 / f;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / f;
}

export interface TruncatedNormalOptions extends LocationOptions {
  /** Bounds of the standard normal number, before scale and loc; default -2 and 2. */
  readonly lower?: number;
  readonly upper?: number;
}

/**
 * Normal numbers with the standard one kept within [lower, upper] (default ±2) by inverting the distribution function.
 * Accurate to about 1e-6 (float64: 1e-14) also far out in a tail, as long as its probability is above 1e-30.
 * ArgumentError for bounds out of order.
 * @example
 * random.truncatedNormal(randomKey(1), [4])
 */
export function truncatedNormal(key: Tensor, shape: readonly number[] = [], options: TruncatedNormalOptions = {}): Tensor {
  const { lower = -2, upper = 2 } = options;
  if (!(lower < upper)) throw new ArgumentError("truncatedNormal", `bounds ${lower} and ${upper} are not in order`);
  return locationScale("truncatedNormal", key, shape, options, (k, size, dtype) => {
    const type = wide(dtype);
    // Work from the tail that holds the bounds, where probabilities keep their digits.
    const mirrored = lower + upper > 0;
    const [a, b] = mirrored ? [-upper, -lower] : [lower, upper];
    const below = (z: number) => erfc(-z / Math.SQRT2) / 2;
    const [pa, pb] = [below(a), below(b)];
    const u = tails(k, size, type);
    const fraction = where(u.upper, sub(1, u.p), u.p);
    const p = add(mul(fraction, pb - pa), pa);
    const inUpper = less(make.constant(0.5, size, type), p);
    const tail = where(inUpper, sub(1, p), p);
    const z = normalTail(make.binary("max", tail, make.constant(1e-37, size, type)));
    const signed = where(inUpper, z, neg(z));
    const kept = make.binary("min", make.binary("max", signed, make.constant(a, size, type)), make.constant(b, size, type));
    return make.cast(mirrored ? neg(kept) : kept, dtype);
  });
}

/**
 * Standard gamma numbers as `value` · exp(`logFactor`): Marsaglia & Tsang 2000, 8 rounds, of which each accepts with
 * probability above 0.95. Below a = 1, gamma(a + 1) · u^(1/a); kept as a logarithm, since it underflows for small a.
 */
function gammaParts(keys: readonly Node[], a: Node): { value: Node; logFactor: Node } {
  const rounds = 8;
  a = stop(a);
  const boosted = less(a, 1);
  const d = sub(where(boosted, add(a, 1), a), 1 / 3);
  const wideD = repeated(d, rounds);
  const x = normalNode(keys[0]!, wideD.shape, a.dtype);
  const e = exponentialNode(keys[1]!, wideD.shape, a.dtype); // -log of the uniform number that decides
  const root = add(div(x, mul(sqrt(wideD), 3)), 1);
  const v = mul(mul(root, root), root);
  const safe = where(less(v, 1e-30), constantLike(1, v), v);
  const bound = add(mul(mul(x, x), 0.5), mul(wideD, add(sub(1, v), log(safe))));
  const accepted = make.binary("and", make.compare("lt", constantLike(1e-30, v), v), make.compare("lt", neg(e), bound));
  const value = mul(d, firstAccepted(v, accepted, make.constant(1, a.shape, a.dtype)));
  const logFactor = where(boosted, neg(div(exponentialNode(keys[2]!, a.shape, a.dtype), where(boosted, a, 1))), 0);
  return { value, logFactor };
}

const logGamma = (keys: readonly Node[], a: Node): Node => {
  const { value, logFactor } = gammaParts(keys, a);
  return add(log(value), logFactor);
};

export interface ScaleOptions extends RandomOptions {
  readonly scale?: TensorLike;
}

/**
 * Gamma numbers of shape parameter `a` (the mean is a · scale), by rejection (Marsaglia & Tsang 2000). No round accepts
 * less often than once in 10^10. Gradients flow to `scale`, not to `a`.
 * @example
 * random.gamma(randomKey(1), 2, [4])
 */
export function gamma(key: Tensor, a: TensorLike, shape?: readonly number[], options: ScaleOptions = {}): Tensor {
  const { scale = 1 } = options;
  positive("gamma", "the shape parameter", a);
  notNegative("gamma", "scale", scale);
  const dtype = floatDType("gamma", options.dtype);
  const { nodes } = parameters("gamma", shape, wide(dtype), a, scale);
  const { value, logFactor } = gammaParts(keysOf("gamma", key, 3), nodes[0]!);
  return wrap(make.cast(mul(mul(value, exp(logFactor)), nodes[1]!), dtype));
}

/**
 * Chi-square numbers of `df` degrees of freedom: 2 · gamma(df / 2).
 * @example
 * random.chisquare(randomKey(1), 3, [4])
 */
export function chisquare(key: Tensor, df: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  positive("chisquare", "df", df);
  const half = typeof df === "number" ? df / 2 : wrap(mul(make.cast(asTensor(df).node, wide(options.dtype ?? "float32")), 0.5));
  return gamma(key, half, shape, { ...options, scale: 2 });
}

/**
 * Student's t numbers of `df` degrees of freedom: normal / sqrt(chisquare / df).
 * @example
 * random.standardT(randomKey(1), 3, [4])
 */
export function standardT(key: Tensor, df: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  positive("standardT", "df", df);
  const dtype = floatDType("standardT", options.dtype);
  const { shape: size, nodes } = parameters("standardT", shape, wide(dtype), df);
  const [k, ...rest] = keysOf("standardT", key, 4) as [Node, Node, Node, Node];
  const half = mul(nodes[0]!, 0.5);
  const { value, logFactor } = gammaParts(rest, half);
  const shrink = sqrt(div(mul(value, exp(logFactor)), half));
  return wrap(make.cast(div(normalNode(k, size, wide(dtype)), shrink), dtype));
}

/**
 * Beta numbers: x / (x + y) for gamma numbers x of `a` and y of `b`, from logarithms, so small parameters work.
 * @example
 * random.beta(randomKey(1), 2, 5, [4])
 */
export function beta(key: Tensor, a: TensorLike, b: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  positive("beta", "a", a);
  positive("beta", "b", b);
  const dtype = floatDType("beta", options.dtype);
  const { nodes } = parameters("beta", shape, wide(dtype), a, b);
  const keys = keysOf("beta", key, 6);
  const difference = sub(logGamma(keys.slice(3), nodes[1]!), logGamma(keys.slice(0, 3), nodes[0]!));
  return wrap(make.cast(div(1, add(exp(difference), 1)), dtype));
}

/**
 * Dirichlet numbers: rows that sum to 1, [...shape, K] for `alpha` of shape [..., K]; `shape` excludes the last axis.
 * ShapeError for an alpha that is a single number.
 * @example
 * random.dirichlet(randomKey(1), [1, 1, 1], [2])
 */
export function dirichlet(key: Tensor, alpha: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  const dtype = floatDType("dirichlet", options.dtype);
  const a = asTensor(alpha, undefined, "dirichlet");
  if (a.ndim === 0) throw new ShapeError("dirichlet", "alpha is a single number", "Give one parameter per category");
  const { nodes } = parameters("dirichlet", shape && [...shape, a.shape[a.ndim - 1]!], wide(dtype), a);
  const logs = logGamma(keysOf("dirichlet", key, 3), nodes[0]!);
  const axes = [logs.shape.length - 1];
  const e = exp(sub(logs, restore(make.reduce("reduceMax", logs, axes), axes, logs.shape)));
  return wrap(make.cast(div(e, restore(make.reduce("reduceSum", e, axes), axes, e.shape)), dtype));
}
