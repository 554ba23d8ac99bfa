import { type DType, dtypeInfo, isInteger } from "../../dtype.ts";
import { ArgumentError, DTypeError } from "../../errors.ts";
import { add, div, mul, neg, sub } from "../../graph/gradients.ts";
import { make, type Node } from "../../graph/node.ts";
import { Tensor } from "../../graph/tensor.ts";
import { asShape } from "../../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "../core.ts";
import { keyNode, keysOf, type RandomOptions, shr, u32, unit, words } from "./keys.ts";
import {
  checkParameter,
  constantLike,
  exp,
  exponentialNode,
  firstAccepted,
  floor,
  less,
  lessEqual,
  log,
  log1p,
  notNegative,
  parameters,
  polynomial,
  probability,
  repeated,
  sqrt,
  stop,
  where,
} from "./sampling.ts";

/**
 * Distributions over whole numbers, under the names of NumPy's Generator. The result has `shape`, by default the common
 * shape of the parameters, which broadcast to it: ShapeError when they cannot. ArgumentError for plain numbers out of
 * range and for what is no key; arrays of them are taken as they are.
 */

/**
 * True with probability p: bool.
 * @example
 * random.bernoulli(randomKey(1), 0.3, [8])
 */
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

/**
 * Uniform integers in [low, high), int32 unless given: `integers(key, shape, 6)` gives 0..5, `integers(key, shape, 1,
 * 7)` gives 1..6. None is favoured by more than 2^-32. ArgumentError for plain bounds out of order or outside the type,
 * DTypeError for types that are no integers.
 * @example
 * random.integers(randomKey(1), [8], 1, 7)
 */
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

/**
 * Tries up to and including the first success of probability p: 1, 2, ..., int32.
 * @example
 * random.geometric(randomKey(1), 0.5, [8])
 */
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
 * Poisson counts of mean `lam`, int32. Below 10 by inversion (probabilities to about 1e-7); from there by rejection
 * (Hörmann 1993), where no round accepts less often than once in 10^8. Means should stay below 10^7 (float32
 * arithmetic).
 * @example
 * random.poisson(randomKey(1), 4, [8])
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
 * 1e-7); else by rejection (Hörmann 1993), where no round accepts less often than once in 10^8. n below 10^7 (float32
 * arithmetic).
 * @example
 * random.binomial(randomKey(1), 10, 0.5, [8])
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
