/**
 * Random numbers from a counter-based generator, Threefry-2x32 with 20 rounds (Salmon et al. 2011): the same on every
 * device. The functions take a key and are pure, so they work inside `compile`; use each key once and derive others with
 * `split` and `foldIn`. `Generator` keeps a key of its own and offers the methods of NumPy's.
 *
 * Bits are `threefry(key, counter)` alone. Uniform numbers use the top 24 bits of a word (float64: 53 bits of two words).
 * Distributions with an inverse start from a tail probability p in (0, 1/2] and a side (see `tails`): both tails are
 * resolved to 2^-33 (float64: 2^-55). The others reject in a fixed number of rounds, all drawn at once; each says how
 * rarely no round accepts, in which case the mode is returned.
 */

import { type DType, dtypeInfo, isFloat, isInteger } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { add, div, mul, neg, restore, sub } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import { Tensor, Variable } from "../graph/tensor.ts";
import { asShape, broadcastShapes, normalizeAxis, type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "./core.ts";
import { gatherAlong } from "./indexing.ts";
import { searchNode } from "./searching.ts";

// ---------------------------------------------------------------------------------------------------------------- keys

/** A key from a seed, a non-negative integer below 2^53: uint32[2]. */
export function randomKey(seed: number): Tensor {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError("randomKey", `the seed is ${seed}`, "Give an integer from 0 to 2**53 - 1");
  return wrap(engine.upload([2], "uint32", Uint32Array.of(Math.floor(seed / 2 ** 32), seed >>> 0)));
}

function keyNode(operation: string, key: Tensor): Node {
  if (!(key instanceof Tensor) || key.dtype !== "uint32" || !sameShape(key.shape, [2]))
    throw new ArgumentError(
      operation,
      `the key is ${key instanceof Tensor ? `${key.dtype}${showShape(key.shape)}` : typeof key}`,
      "Make one with randomKey(seed), and more with split(key)",
    );
  return key.node;
}

/** Keys for different purposes must not meet, so each purpose flips other bits of the key first. */
const purposes = {
  splitHigh: [0x1b873593, 0xcc9e2d51],
  splitLow: [0x85ebca6b, 0xc2b2ae35],
  foldHigh: [0x27d4eb2f, 0x165667b1],
  foldLow: [0x9e3779b1, 0x7f4a7c15],
} as const;

function forPurpose(key: Node, purpose: keyof typeof purposes): Node {
  const place = make.iota([2], 0, "uint32");
  const [a, b] = purposes[purpose];
  const first = make.compare("eq", place, make.constant(0, [2], "uint32"));
  return make.binary("xor", key, make.where(first, make.constant(a, [2], "uint32"), make.constant(b, [2], "uint32")));
}

/** n independent keys from one, which should not be used again. */
export function split(key: Tensor, n = 2): Tensor[] {
  const node = keyNode("split", key);
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError("split", `the number of keys is ${n}`, "Give a non-negative integer");
  const counter = make.iota([n], 0, "uint32");
  const words = (purpose: keyof typeof purposes) => make.reshape(make.threefry(forPurpose(node, purpose), counter), [n, 1]);
  const keys = make.concat([words("splitHigh"), words("splitLow")], 1);
  return Array.from({ length: n }, (_, i) => wrap(make.reshape(make.slice(keys, [i, 0], [1, 1], [1, 2]), [2])));
}

/** A key from a key and a number, such as a step or a layer's place: an integer, or an integer array of one element. */
export function foldIn(key: Tensor, data: number | Tensor): Tensor {
  const node = keyNode("foldIn", key);
  if (typeof data === "number" && (!Number.isInteger(data) || data < 0 || data >= 2 ** 32))
    throw new ArgumentError("foldIn", `the number is ${data}`, "Give an integer from 0 to 2**32 - 1");
  const given = typeof data === "number" ? make.constant(data, [1], "uint32") : data.node;
  if (!isInteger(given.dtype) || given.size !== 1)
    throw new ArgumentError("foldIn", `the number is ${given.dtype}${showShape(given.shape)}`, "Give one integer");
  const counter = make.reshape(make.cast(given, "uint32"), [1]);
  return wrap(make.concat([make.threefry(forPurpose(node, "foldHigh"), counter), make.threefry(forPurpose(node, "foldLow"), counter)], 0));
}

/** Threefry-2x32-20 in plain arithmetic: the block that the primitive's first word comes from (Salmon et al. 2011). */
export function threefry2x32(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const ks = [key[0], key[1], (key[0] ^ key[1] ^ 0x1bd11bda) >>> 0];
  let x = (counter[0] + ks[0]!) >>> 0;
  let y = (counter[1] + ks[1]!) >>> 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x = (x + y) >>> 0;
    y = (((y << r) | (y >>> (32 - r))) ^ x) >>> 0;
    if (round % 4 === 3) {
      const n = (round + 1) / 4;
      x = (x + ks[n % 3]!) >>> 0;
      y = (y + ks[(n + 1) % 3]! + n) >>> 0;
    }
  }
  return [x, y];
}

// ---------------------------------------------------------------------------------------------------------------- bits

/** Words number `block`·size to (block + 1)·size of a key's stream. */
function words(key: Node, shape: Shape, block = 0): Node {
  const size = sizeOf(shape);
  if ((block + 1) * size > 2 ** 32)
    throw new ShapeError("random", `${size} elements of shape ${showShape(shape)} exceed a key's 2^32 words`, "Split the key");
  let counter: Node = make.iota([size], 0, "uint32");
  if (block && size) counter = make.binary("add", counter, make.constant(block * size, [size], "uint32"));
  return make.reshape(make.threefry(key, counter), shape);
}

const shr = (x: Node, by: number) => make.binary("shr", x, make.constant(by, x.shape, "uint32"));
const u32 = (value: number, shape: Shape) => make.constant(value, shape, "uint32");

/** Random uint32 words. */
export function bits(key: Tensor, shape: readonly number[] = []): Tensor {
  return wrap(words(keyNode("bits", key), asShape("bits", shape)));
}

export interface RandomOptions {
  /** Default float32 (integers: int32). */
  readonly dtype?: DType;
}

function floatDType(operation: string, dtype: DType = "float32"): DType {
  if (!isFloat(dtype)) throw new DTypeError(operation, `dtype is ${dtype}`, "Random real numbers need a floating type");
  return dtype;
}

/** Distributions are computed in float32 or float64 and then cast. */
const wide = (dtype: DType): DType => (dtype === "float64" ? dtype : "float32");

/** Multiples of 2^-24 (float16: 2^-11, bfloat16: 2^-8, float64: 2^-53) in [0, 1). */
function unit(key: Node, shape: Shape, dtype: DType): Node {
  const high = words(key, shape);
  if (dtype === "float64") {
    const low = words(key, shape, 1);
    return mul(add(mul(make.cast(shr(high, 5), dtype), 2 ** 26), make.cast(shr(low, 6), dtype)), 2 ** -53);
  }
  const precision = dtype === "float16" ? 11 : dtype === "bfloat16" ? 8 : 24;
  return mul(make.cast(shr(high, 32 - precision), dtype), 2 ** -precision);
}

/**
 * A uniform number u in (0, 1) as its distance p from the nearer end and which end that is, so that both tails keep all
 * their digits. p = (k + 1/2) · 2^-32 for 31 random bits k (float64: 53 bits), rounded.
 */
function tails(key: Node, shape: Shape, dtype: DType): { p: Node; upper: Node } {
  const high = words(key, shape);
  const upper = make.compare("le", u32(2 ** 31, shape), high);
  const rest = make.binary("and", high, u32(2 ** 31 - 1, shape));
  if (dtype === "float64") {
    const k = add(mul(make.cast(rest, dtype), 2 ** 22), make.cast(shr(words(key, shape, 1), 10), dtype));
    return { p: mul(add(k, 0.5), 2 ** -54), upper };
  }
  // Through int32, which these 31 bits fit: every device converts that to floats directly.
  return { p: mul(add(make.cast(make.bitcast(rest, "int32"), dtype), 0.5), 2 ** -32), upper };
}

const log = (x: Node) => make.unary("log", x);
const log1p = (x: Node) => make.unary("log1p", x);
const sqrt = (x: Node) => make.unary("sqrt", x);
const exp = (x: Node) => make.unary("exp", x);
const floor = (x: Node) => make.unary("floor", x);
const less = (a: Node, b: Node | number) => make.compare("lt", a, constantLike(b, a));
const lessEqual = (a: Node, b: Node | number) => make.compare("le", a, constantLike(b, a));
const constantLike = (x: Node | number, like: Node): Node => (typeof x === "number" ? make.constant(x, like.shape, like.dtype) : x);
const where = (c: Node, a: Node, b: Node | number) => make.where(c, a, constantLike(b, a));
const polynomial = (coefficients: readonly number[], x: Node): Node =>
  coefficients.slice(0, -1).reduceRight((sum, c) => add(mul(sum, x), c), make.constant(coefficients.at(-1)!, x.shape, x.dtype) as Node);

// Rational approximations of the normal quantile: Wichura 1988, AS 241, PPND7 (error 1e-7) and PPND16 (1e-16).
const quantile7 = [
  [
    [3.3871327179, 50.434271938, 159.29113202, 59.10937472],
    [1, 17.895169469, 78.757757664, 67.1875636],
  ],
  [
    [1.4234372777, 2.75681539, 1.3067284816, 0.17023821103],
    [1, 0.7370016425, 0.12021132975],
  ],
  [
    [6.657905115, 3.081226386, 0.42868294337, 0.017337203997],
    [1, 0.24197894225, 0.012258202635],
  ],
] as const;
const quantile16 = [
  [
    [
      3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087, 33430.57558358813,
      2509.0809287301227,
    ],
    [
      1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
      5226.495278852854,
    ],
  ],
  [
    [
      1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
      0.022723844989269184, 0.0007745450142783414,
    ],
    [
      1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457, 0.0005475938084995345,
      1.0507500716444169e-9,
    ],
  ],
  [
    [
      6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124, 0.0012426609473880784,
      2.7115555687434876e-5, 2.0103343992922881e-7,
    ],
    [
      1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5, 1.421511758316446e-7,
      2.0442631033899397e-15,
    ],
  ],
] as const;

/** The z > 0 that a standard normal number exceeds with probability p <= 1/2. */
function normalTail(p: Node): Node {
  const [middle, outer, far] = p.dtype === "float64" ? quantile16 : quantile7;
  const rational = ([top, bottom]: readonly [readonly number[], readonly number[]], x: Node) =>
    div(polynomial(top, x), polynomial(bottom, x));
  const q = sub(0.5, p);
  const r = sqrt(neg(log(p)));
  const tail = where(less(r, 5), rational(outer, sub(r, 1.6)), rational(far, sub(r, 5)));
  return where(lessEqual(q, 0.425), mul(q, rational(middle, sub(0.180625, mul(q, q)))), tail);
}

/** Standard normal numbers as nodes. */
function normalNode(key: Node, shape: Shape, dtype: DType): Node {
  const { p, upper } = tails(key, shape, wide(dtype));
  const z = normalTail(p);
  return make.cast(where(upper, z, neg(z)), dtype);
}

/** Standard exponential numbers: -log(1 - u), from whichever end of the unit interval u is near. */
function exponentialNode(key: Node, shape: Shape, dtype: DType): Node {
  const { p, upper } = tails(key, shape, wide(dtype));
  return make.cast(where(upper, neg(log(p)), neg(log1p(neg(p)))), dtype);
}

// ---------------------------------------------------------------------------------------------- continuous distributions

/** Parameters as nodes of one type and shape: the shape asked for, or their own. */
function parameters(
  operation: string,
  shape: readonly number[] | undefined,
  dtype: DType,
  ...values: TensorLike[]
): { shape: Shape; nodes: Node[] } {
  const tensors = values.map((v) => asTensor(v, undefined, operation));
  const common = broadcastShapes(operation, ...tensors.map((t) => t.shape));
  const wanted = shape === undefined ? common : asShape(operation, shape);
  if (!sameShape(broadcastShapes(operation, common, wanted), wanted))
    throw new ShapeError(operation, `parameters of shape ${showShape(common)} do not broadcast to ${showShape(wanted)}`);
  return { shape: wanted, nodes: tensors.map((t) => broadcastNode(make.cast(t.node, dtype), wanted)) };
}

/** Refuses plain numbers outside a parameter's range; arrays are taken as they are. */
function checkParameter(operation: string, name: string, value: TensorLike, fits: (x: number) => boolean, expected: string): void {
  if (typeof value === "number" && !fits(value)) throw new ArgumentError(operation, `${name} is ${value}`, `It must be ${expected}`);
}
const positive = (operation: string, name: string, value: TensorLike) => checkParameter(operation, name, value, (x) => x > 0, "positive");
const notNegative = (operation: string, name: string, value: TensorLike) =>
  checkParameter(operation, name, value, (x) => x >= 0, "at least 0");
const probability = (operation: string, name: string, value: TensorLike) =>
  checkParameter(operation, name, value, (x) => x >= 0 && x <= 1, "from 0 to 1");

export interface UniformOptions extends RandomOptions {
  readonly low?: TensorLike;
  readonly high?: TensorLike;
}

/** Uniform numbers in [low, high), default [0, 1). Gradients flow to the bounds. */
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

/** Normal numbers of mean `loc` and standard deviation `scale`, by the quantile of AS 241. Gradients flow to both. */
export const normal = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("normal", key, shape, options, normalNode);

/** exp of normal numbers of mean `loc` and standard deviation `scale`. */
export const lognormal = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  wrap(exp(locationScale("lognormal", key, shape, options, normalNode).node));

/** Exponential numbers of mean `scale`. */
export const exponential = (key: Tensor, shape: readonly number[] = [], options: Omit<LocationOptions, "loc"> = {}): Tensor =>
  locationScale("exponential", key, shape, options, exponentialNode);

/** Laplace (two-sided exponential) numbers. */
export const laplace = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("laplace", key, shape, options, (k, size, dtype) => {
    const { p, upper } = tails(k, size, wide(dtype));
    const size1 = neg(log(mul(p, 2)));
    return make.cast(where(upper, size1, neg(size1)), dtype);
  });

/** Logistic numbers: log(u / (1 - u)). */
export const logistic = (key: Tensor, shape: readonly number[] = [], options: LocationOptions = {}): Tensor =>
  locationScale("logistic", key, shape, options, (k, size, dtype) => {
    const { p, upper } = tails(k, size, wide(dtype));
    const far = sub(log1p(neg(p)), log(p));
    return make.cast(where(upper, far, neg(far)), dtype);
  });

const gumbelNode = (key: Node, shape: Shape, dtype: DType): Node => make.cast(neg(log(exponentialNode(key, shape, wide(dtype)))), dtype);

/** Gumbel numbers: -log of exponential ones. */
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

const keysOf = (operation: string, key: Tensor, n: number): Node[] => {
  keyNode(operation, key);
  return split(key, n).map((k) => k.node);
};

/**
 * Along a new first axis of `rounds` proposals, the first that is accepted; `otherwise` where none is. All rounds are
 * drawn at once: no loop depends on values.
 */
function firstAccepted(proposals: Node, accepted: Node, otherwise: Node): Node {
  const rounds = proposals.shape[0]!;
  const round = make.iota(proposals.shape, 0, "int32");
  const first = make.reduce("reduceMin", where(accepted, round, rounds), [0]);
  const chosen = make.compare("eq", round, restore(first, [0], proposals.shape));
  // A rejected proposal may be NaN or infinite, so select before summing.
  const value = make.reduce("reduceSum", where(chosen, proposals, 0), [0]);
  return where(less(first, rounds), value, otherwise);
}

const repeated = (x: Node, rounds: number): Node => broadcastNode(x, [rounds, ...x.shape]);
const stop = (x: Node): Node => make.alias({ kind: "stop" }, [x]);

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
 * Gamma numbers of shape parameter `a` (the mean is a · scale). No round accepts less often than once in 10^10.
 * Gradients flow to `scale`, not to `a`.
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

/** Chi-square numbers of `df` degrees of freedom: 2 · gamma(df / 2). */
export function chisquare(key: Tensor, df: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  positive("chisquare", "df", df);
  const half = typeof df === "number" ? df / 2 : wrap(mul(make.cast(asTensor(df).node, wide(options.dtype ?? "float32")), 0.5));
  return gamma(key, half, shape, { ...options, scale: 2 });
}

/** Student's t numbers of `df` degrees of freedom: normal / sqrt(chisquare / df). */
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

/** Beta numbers: x / (x + y) for gamma numbers x of `a` and y of `b`, from logarithms, so small parameters work. */
export function beta(key: Tensor, a: TensorLike, b: TensorLike, shape?: readonly number[], options: RandomOptions = {}): Tensor {
  positive("beta", "a", a);
  positive("beta", "b", b);
  const dtype = floatDType("beta", options.dtype);
  const { nodes } = parameters("beta", shape, wide(dtype), a, b);
  const keys = keysOf("beta", key, 6);
  const difference = sub(logGamma(keys.slice(3), nodes[1]!), logGamma(keys.slice(0, 3), nodes[0]!));
  return wrap(make.cast(div(1, add(exp(difference), 1)), dtype));
}

/** Dirichlet numbers: rows that sum to 1, [..shape, K] for `alpha` of shape [.., K]; `shape` excludes the last axis. */
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

// ------------------------------------------------------------------------------------------------ discrete distributions

/** True with probability p: bool. */
export function bernoulli(key: Tensor, p: TensorLike = 0.5, shape?: readonly number[]): Tensor {
  probability("bernoulli", "p", p);
  const type = p instanceof Tensor && p.dtype === "float64" ? "float64" : "float32";
  const { shape: size, nodes } = parameters("bernoulli", shape, type, p);
  return wrap(less(unit(keyNode("bernoulli", key), size, type), nodes[0]!));
}

/** The high 32 bits of the products of uint32 numbers, from 16-bit halves: no device needs 64-bit integers. */
function multiplyHigh(a: Node, b: Node): Node {
  const low = (x: Node) => make.binary("and", x, u32(0xffff, x.shape));
  const high = (x: Node) => shr(x, 16);
  const [al, ah, bl, bh] = [low(a), high(a), low(b), high(b)];
  const first = add(mul(ah, bl), high(mul(al, bl)));
  const second = add(mul(al, bh), low(first));
  return add(add(mul(ah, bh), high(first)), high(second));
}

/** Uniform integers in 0..n-1 for uint32 n: ⌊n · u⌋ for a u of 64 bits, so no value is favoured by more than 2^-32. */
function below(key: Node, n: Node): Node {
  const [high, low] = [words(key, n.shape), words(key, n.shape, 1)];
  const carry = multiplyHigh(low, n);
  const middle = mul(high, n); // low word of high · n; add the carry and see whether it overflows
  const sum = add(middle, carry);
  return add(multiplyHigh(high, n), make.cast(less(sum, middle), "uint32"));
}

export interface IntegersOptions extends RandomOptions {
  /** Includes `high`. */
  readonly endpoint?: boolean;
}

/** Uniform integers in [low, high): `integers(key, shape, 6)` gives 0..5, `integers(key, shape, 1, 7)` gives 1..6. */
export function integers(key: Tensor, shape: readonly number[], low: TensorLike, high?: TensorLike, options: IntegersOptions = {}): Tensor {
  const dtype = options.dtype ?? "int32";
  if (!isInteger(dtype)) throw new DTypeError("integers", `dtype is ${dtype}, not an integer type`);
  const [from, to] = high === undefined ? [0, low] : [low, high];
  const type: DType = dtype === "uint32" ? "uint32" : "int32";
  const size = asShape("integers", shape);
  const k = keyNode("integers", key);
  if (typeof from === "number" && typeof to === "number") {
    const end = options.endpoint ? to + 1 : to;
    const { min, max } = dtypeInfo(dtype);
    if (!Number.isInteger(from) || !Number.isInteger(to) || from >= end || from < min || end > max + 1)
      throw new ArgumentError(
        "integers",
        `no ${dtype} integers from ${from} to ${end - 1}`,
        `low must be below high, both within ${min} to ${max}`,
      );
    const n = end - from;
    const offset = n === 2 ** 32 ? words(k, size) : below(k, u32(n, size));
    return wrap(make.cast(make.bitcast(add(offset, u32(from < 0 ? from + 2 ** 32 : from, size)), type), dtype));
  }
  const bounds = [from, to].map((x) => {
    const t = asTensor(x, undefined, "integers");
    if (!isInteger(t.dtype)) throw new DTypeError("integers", `a bound is ${t.dtype}, not an integer`, `Cast it with astype("int32")`);
    return broadcastNode(make.bitcast(make.cast(t.node, type), "uint32"), size);
  }) as [Node, Node];
  const span = sub(bounds[1], bounds[0]);
  return wrap(make.cast(make.bitcast(add(below(k, options.endpoint ? add(span, u32(1, size)) : span), bounds[0]), type), dtype));
}

/** Tries up to and including the first success of probability p: 1, 2, ... int32. */
export function geometric(key: Tensor, p: TensorLike, shape?: readonly number[]): Tensor {
  checkParameter("geometric", "p", p, (x) => x > 0 && x <= 1, "above 0 and at most 1");
  const { shape: size, nodes } = parameters("geometric", shape, "float32", p);
  const e = exponentialNode(keyNode("geometric", key), size, "float32");
  const tries = make.unary("ceil", div(e, neg(log1p(neg(nodes[0]!)))));
  return wrap(make.cast(make.binary("max", tries, make.constant(1, size, "float32")), "int32"));
}

/** k! = √(2πk) (k/e)^k exp(stirling(k)), for k >= 1. */
function stirling(k: Node): Node {
  const inverse = div(1, k);
  return mul(inverse, polynomial([1 / 12, -1 / 360, 1 / 1260, -1 / 1680], mul(inverse, inverse)));
}

/** x log(x / m) + m - x without cancellation for x near m (Loader 2000): m ((1 + d) log(1 + d) - d) with d = (x - m) / m. */
function deviance(x: Node, m: Node): Node {
  const d = div(sub(x, m), m);
  const small = make.compare("lt", make.unary("abs", d), constantLike(0.02, d));
  const series = mul(mul(d, d), polynomial([1 / 2, -1 / 6, 1 / 12, -1 / 20, 1 / 30], d));
  const onePlus = make.binary("max", add(d, 1), constantLike(1e-30, d));
  return mul(m, where(small, series, sub(mul(onePlus, log(onePlus)), d)));
}

/** Poisson counts by walking up the distribution function: for means up to 12, to 50. */
function poissonSmall(key: Node, mean: Node): Node {
  const u = unit(key, mean.shape, mean.dtype);
  let term = exp(neg(mean));
  let reached = term;
  let count = make.cast(lessEqual(reached, u), mean.dtype);
  for (let k = 1; k < 50; k++) {
    term = mul(term, div(mean, k));
    reached = add(reached, term);
    count = add(count, make.cast(lessEqual(reached, u), mean.dtype));
  }
  return count;
}

const rejectionRounds = 14;

/** Poisson counts by transformed rejection (Hörmann 1993, PTRS): for means from 10. */
function poissonLarge(keys: readonly Node[], mean: Node): Node {
  const m = repeated(mean, rejectionRounds);
  const b = add(mul(sqrt(m), 2.53), 0.931);
  const a = add(mul(b, 0.02483), -0.059);
  const inverseAlpha = add(div(1.1328, sub(b, 3.4)), 1.1239);
  const u = sub(unit(keys[0]!, m.shape, m.dtype), 0.5);
  const e = exponentialNode(keys[1]!, m.shape, m.dtype); // -log v
  const us = make.binary("max", sub(0.5, make.unary("abs", u)), constantLike(2 ** -25, u));
  const k = floor(add(add(mul(add(div(mul(a, 2), us), b), u), m), 0.43));
  const atLeast1 = make.binary("max", k, constantLike(1, k));
  const logProbability = where(
    less(k, 0.5),
    neg(m),
    sub(neg(deviance(atLeast1, m)), add(stirling(atLeast1), mul(log(mul(atLeast1, 2 * Math.PI)), 0.5))),
  );
  const decided = add(sub(log(inverseAlpha), e), neg(log(add(div(a, mul(us, us)), b))));
  const accepted = make.binary("and", lessEqual(constantLike(0, k), k), lessEqual(decided, logProbability));
  return firstAccepted(k, accepted, floor(mean));
}

/** One of two computations where a plain number decides, both joined by `where` else. */
function choose(first: boolean | null, condition: Node, yes: () => Node, no: () => Node): Node {
  return first === null ? make.where(condition, yes(), no()) : first ? yes() : no();
}

/**
 * Poisson counts of mean `lam`, int32. Below 10 by inversion (probabilities to about 1e-7); from there by rejection,
 * where no round accepts less often than once in 10^8. Means should stay below 10^7 (float32 arithmetic).
 */
export function poisson(key: Tensor, lam: TensorLike, shape?: readonly number[]): Tensor {
  notNegative("poisson", "lam", lam);
  const { nodes } = parameters("poisson", shape, "float32", lam);
  const mean = stop(nodes[0]!);
  const keys = keysOf("poisson", key, 3);
  const count = choose(
    typeof lam === "number" ? lam < 10 : null,
    less(mean, 10),
    () => poissonSmall(keys[0]!, make.binary("min", mean, constantLike(10, mean))),
    () => poissonLarge(keys.slice(1), make.binary("max", mean, constantLike(10, mean))),
  );
  return wrap(make.cast(count, "int32"));
}

/** Binomial counts by walking up the distribution function: for n·p up to 10 and p up to 1/2, to 50. */
function binomialSmall(key: Node, n: Node, p: Node): Node {
  const u = unit(key, n.shape, n.dtype);
  const odds = div(p, sub(1, p));
  let term = exp(mul(n, log1p(neg(p))));
  let reached = term;
  let count = make.cast(lessEqual(reached, u), n.dtype);
  for (let k = 1; k < 50; k++) {
    term = mul(term, mul(odds, div(make.binary("max", sub(n, k - 1), constantLike(0, n)), k)));
    reached = add(reached, term);
    count = add(count, make.cast(lessEqual(reached, u), n.dtype));
  }
  return make.binary("min", count, n);
}

/** Binomial counts by transformed rejection (Hörmann 1993, BTRS): for n·p from 10 and p up to 1/2. */
function binomialLarge(keys: readonly Node[], count: Node, chance: Node): Node {
  const [n, p] = [repeated(count, rejectionRounds), repeated(chance, rejectionRounds)];
  const q = sub(1, p);
  const spread = sqrt(mul(mul(n, p), q));
  const b = add(mul(spread, 2.53), 1.15);
  const a = add(add(mul(b, 0.0248), mul(p, 0.01)), -0.0873);
  const c = add(mul(n, p), 0.5);
  const alpha = mul(add(div(5.1, b), 2.83), spread);
  const u = sub(unit(keys[0]!, n.shape, n.dtype), 0.5);
  const e = exponentialNode(keys[1]!, n.shape, n.dtype);
  const us = make.binary("max", sub(0.5, make.unary("abs", u)), constantLike(2 ** -25, u));
  const k = floor(add(mul(add(div(mul(a, 2), us), b), u), c));
  // log f(k) - log f(mode), with f by Loader's saddle point, which loses no digits for large n.
  const logProbability = (x: Node): Node => {
    const inner = make.binary("min", make.binary("max", x, constantLike(1, x)), sub(n, 1));
    const other = sub(n, inner);
    const body = sub(sub(stirling(n), add(stirling(inner), stirling(other))), add(deviance(inner, mul(n, p)), deviance(other, mul(n, q))));
    const edge = sub(body, mul(log(div(mul(mul(inner, other), 2 * Math.PI), n)), 0.5));
    return where(less(x, 0.5), mul(n, log1p(neg(p))), where(less(sub(n, 0.5), x), mul(n, log(p)), edge));
  };
  const mode = floor(mul(add(n, 1), p));
  const decided = sub(sub(log(alpha), e), log(add(div(a, mul(us, us)), b)));
  const fits = make.binary("and", lessEqual(constantLike(0, k), k), lessEqual(k, n));
  const full = lessEqual(decided, sub(logProbability(k), logProbability(mode)));
  const accepted = make.binary("and", fits, full);
  return firstAccepted(k, accepted, floor(mul(add(count, 1), chance)));
}

/**
 * Successes among n tries of probability p, int32. Where n · min(p, 1 - p) < 10 by inversion (probabilities to about
 * 1e-7); else by rejection, where no round accepts less often than once in 10^8. n below 10^7 (float32 arithmetic).
 */
export function binomial(key: Tensor, n: TensorLike, p: TensorLike, shape?: readonly number[]): Tensor {
  checkParameter("binomial", "n", n, (x) => Number.isInteger(x) && x >= 0, "a non-negative integer");
  probability("binomial", "p", p);
  const { nodes } = parameters("binomial", shape, "float32", n, p);
  const [count, chance] = nodes.map(stop) as [Node, Node];
  const flipped = less(constantLike(0.5, chance), chance);
  const smaller = make.where(flipped, sub(1, chance), chance);
  const mean = mul(count, smaller);
  const few = less(mean, 10);
  const keys = keysOf("binomial", key, 3);
  const known = typeof n === "number" && typeof p === "number" ? n * Math.min(p, 1 - p) < 10 : null;
  // The branch not taken still computes: give it parameters it can bear.
  const successes = choose(
    known,
    few,
    () => binomialSmall(keys[0]!, count, known === true ? smaller : where(few, smaller, 0)),
    () =>
      known === false
        ? binomialLarge(keys.slice(1), count, smaller)
        : binomialLarge(keys.slice(1), where(few, constantLike(40, count), count), where(few, constantLike(0.5, count), smaller)),
  );
  return wrap(make.cast(make.where(flipped, sub(count, successes), successes), "int32"));
}

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
 * How often each of K categories of probabilities `p` ([K], scaled to sum to 1) occurs in n draws: int32 [..shape, K].
 * Draws them one by one: time and memory grow with n.
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

/** Categories drawn with probabilities softmax(logits) along an axis, int32, by the largest of logits plus Gumbel numbers. */
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

// ----------------------------------------------------------------------------------------------------- orders and choices

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

/** A random order of 0..n-1 (int32), or the slices of an array along an axis (default the first) in random order. */
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

/** A copy of x with each line along the axis shuffled on its own; without an axis, all elements. NumPy's permuted. */
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
 * Draws from 0..a-1, or slices of an array along an axis. Without replacement and with probabilities by the largest of
 * log p plus Gumbel numbers, which equals drawing one after the other. Throws when more are drawn than there are.
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

// ------------------------------------------------------------------------------------------------------------ Generator

/**
 * Random numbers with the methods of NumPy's Generator; sizes come last. Every call takes a new key from the generator's
 * own, a Variable, so inside `compile` each call of the program draws anew. Default type float32.
 */
export class Generator {
  /** The state: save and assign it to go on from the same place. */
  readonly key: Variable;

  constructor(key: Tensor) {
    this.key = new Variable(keyNode("Generator", key), "random key");
  }

  /** A key not used before; the generator moves on. */
  nextKey(): Tensor {
    const [state, key] = split(this.key) as [Tensor, Tensor];
    this.key.assign(state);
    if (!engine.trace) engine.realise([state.node]); // else a chain of splits would grow from call to call
    return key;
  }

  /** n generators independent of this one and of each other. */
  spawn(n: number): Generator[] {
    return split(this.nextKey(), n).map((key) => new Generator(key));
  }

  /** In [0, 1). */
  random(size: readonly number[] = [], options: RandomOptions = {}): Tensor {
    return uniform(this.nextKey(), size, options);
  }
  /** In [low, high). */
  uniform(low: TensorLike = 0, high: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return uniform(this.nextKey(), size ?? shapeOf(low, high), { ...options, low, high });
  }
  standardNormal(size: readonly number[] = [], options: RandomOptions = {}): Tensor {
    return normal(this.nextKey(), size, options);
  }
  /** Of mean `loc` and standard deviation `scale`. */
  normal(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return normal(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  /** exp of normal numbers of mean `mean` and standard deviation `sigma`. */
  lognormal(mean: TensorLike = 0, sigma: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return lognormal(this.nextKey(), size ?? shapeOf(mean, sigma), { ...options, loc: mean, scale: sigma });
  }
  /** Standard normal within ±2, or options' bounds. */
  truncatedNormal(size: readonly number[] = [], options: TruncatedNormalOptions = {}): Tensor {
    return truncatedNormal(this.nextKey(), size, options);
  }
  exponential(scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return exponential(this.nextKey(), size ?? shapeOf(scale), { ...options, scale });
  }
  laplace(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return laplace(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  logistic(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return logistic(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  gumbel(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return gumbel(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  gamma(shape: TensorLike, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return gamma(this.nextKey(), shape, size, { ...options, scale });
  }
  beta(a: TensorLike, b: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return beta(this.nextKey(), a, b, size, options);
  }
  chisquare(df: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return chisquare(this.nextKey(), df, size, options);
  }
  standardT(df: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return standardT(this.nextKey(), df, size, options);
  }
  dirichlet(alpha: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return dirichlet(this.nextKey(), alpha, size, options);
  }
  /** Integers in [low, high), or [0, low) with one bound. */
  integers(low: TensorLike, high?: TensorLike, size?: readonly number[], options: IntegersOptions = {}): Tensor {
    return integers(this.nextKey(), size ?? shapeOf(low, high ?? 0), low, high, options);
  }
  bernoulli(p: TensorLike = 0.5, size?: readonly number[]): Tensor {
    return bernoulli(this.nextKey(), p, size);
  }
  binomial(n: TensorLike, p: TensorLike, size?: readonly number[]): Tensor {
    return binomial(this.nextKey(), n, p, size);
  }
  poisson(lam: TensorLike = 1, size?: readonly number[]): Tensor {
    return poisson(this.nextKey(), lam, size);
  }
  geometric(p: TensorLike, size?: readonly number[]): Tensor {
    return geometric(this.nextKey(), p, size);
  }
  multinomial(n: number, pvals: TensorLike, size: readonly number[] = []): Tensor {
    return multinomial(this.nextKey(), n, pvals, size);
  }
  categorical(logits: TensorLike, options: CategoricalOptions = {}): Tensor {
    return categorical(this.nextKey(), logits, options);
  }
  choice(a: TensorLike, size: readonly number[] = [], options: ChoiceOptions = {}): Tensor {
    return choice(this.nextKey(), a, size, options);
  }
  permutation(x: TensorLike, options: PermutationOptions = {}): Tensor {
    return permutation(this.nextKey(), x, options);
  }
  /** NumPy's `shuffle` as a new array: see also `permutation`, which keeps slices whole. */
  permuted(x: TensorLike, options: PermutationOptions = {}): Tensor {
    return permuted(this.nextKey(), x, options);
  }
}

const shapeOf = (...xs: TensorLike[]): number[] => broadcastShapes("random", ...xs.map((x) => asTensor(x).shape));

/** A generator with a seed, or with one from the system's entropy. */
export function defaultRng(seed?: number | Tensor): Generator {
  if (seed instanceof Tensor) return new Generator(seed);
  if (seed === undefined) {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
    return new Generator(randomKey((high & 0x1fffff) * 2 ** 32 + low));
  }
  return new Generator(randomKey(seed));
}
