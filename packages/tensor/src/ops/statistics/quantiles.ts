import { isFloat } from "../../dtype.ts";
import { ArgumentError } from "../../errors.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxes } from "../../shape.ts";
import { asTensor, floatType, type TensorLike, wrap } from "../core.ts";
import { gatherAlong } from "../indexing.ts";
import { constant, isNan, keptShape, needElements, type ReduceOptions, termsOf } from "./reductions.ts";

/**
 * Where the q-th quantile of n sorted elements lies, as a fractional index (Hyndman & Fan 1996): the nine methods of that
 * paper, and four simple ones around the index of `linear`.
 */
const quantileMethods = {
  linear: (n: number, q: number) => (n - 1) * q,
  lower: (n: number, q: number) => Math.floor((n - 1) * q),
  higher: (n: number, q: number) => Math.ceil((n - 1) * q),
  midpoint: (n: number, q: number) => 0.5 * (Math.floor((n - 1) * q) + Math.ceil((n - 1) * q)),
  nearest: (n: number, q: number) => roundHalfToEven((n - 1) * q),
  invertedCdf: (n: number, q: number) => Math.ceil(n * q) - 1,
  averagedInvertedCdf: (n: number, q: number) => (Number.isInteger(n * q) ? n * q - 0.5 : Math.ceil(n * q) - 1),
  closestObservation: (n: number, q: number) => roundHalfToEven(n * q) - 1,
  interpolatedInvertedCdf: (n: number, q: number) => n * q - 1,
  hazen: (n: number, q: number) => n * q - 0.5,
  weibull: (n: number, q: number) => (n + 1) * q - 1,
  medianUnbiased: (n: number, q: number) => (n + 1 / 3) * q - 2 / 3,
  normalUnbiased: (n: number, q: number) => (n + 1 / 4) * q - 5 / 8,
};
export type QuantileMethod = keyof typeof quantileMethods;

/** Methods that choose an element and so keep the type. */
const choosing: readonly string[] = ["lower", "higher", "nearest", "invertedCdf", "closestObservation"];

function roundHalfToEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

export interface QuantileOptions extends ReduceOptions {
  /** How to place a quantile between two elements. Default "linear". */
  readonly method?: QuantileMethod;
}

/**
 * The value below which a share q (0 to 1) of the elements over axes lies; for several q, stacked along a new first
 * axis (NumPy; methods of Hyndman & Fan 1996). NaN where there is one. ShapeError for no elements, ArgumentError for a
 * q out of range or an unknown method.
 * @example
 * quantile([1, 2, 3, 4], 0.25)
 */
export const quantile = (x: TensorLike, q: number | readonly number[], options: QuantileOptions = {}): Tensor =>
  quantiles("quantile", x, q, 1, options);

/**
 * `quantile` with q from 0 to 100.
 * @example
 * percentile([1, 2, 3, 4], 90)
 */
export const percentile = (x: TensorLike, q: number | readonly number[], options: QuantileOptions = {}): Tensor =>
  quantiles("percentile", x, q, 100, options);

/**
 * The middle element over axes, or the mean of the two middle ones. NaN where there is one, ShapeError for no elements.
 * @example
 * median([3, 1, 2, 10])
 */
export const median = (x: TensorLike, options: ReduceOptions = {}): Tensor => quantiles("median", x, 0.5, 1, options);

function quantiles(operation: string, x: TensorLike, q: number | readonly number[], whole: number, options: QuantileOptions): Tensor {
  const { method = "linear", keepdims = false } = options;
  const indexOf = quantileMethods[method];
  if (!indexOf)
    throw new ArgumentError(operation, `unknown method ${JSON.stringify(method)}`, `Use one of ${Object.keys(quantileMethods).join(", ")}`);
  const wanted = typeof q === "number" ? [q] : [...q];
  for (const share of wanted)
    if (!(share >= 0 && share <= whole)) throw new ArgumentError(operation, `q = ${share} is outside 0 to ${whole}`);

  const t = asTensor(x, undefined, operation);
  const type = choosing.includes(method) && t.dtype !== "bool" ? t.dtype : floatType(t.dtype);
  const axes = normalizeAxes(operation, options.axis, t.ndim);
  needElements(operation, t.shape, axes);
  const sorted = sortedLast(make.cast(t.node, type), axes); // [rows.., n]
  const rows = sorted.shape.slice(0, -1);
  const n = sorted.shape[rows.length]!;
  const at = (i: number): Node => {
    const starts = [...rows.map(() => 0), i];
    return make.reshape(
      make.slice(
        sorted,
        starts,
        starts.map(() => 1),
        [...rows, 1],
      ),
      rows,
    );
  };
  const last = at(n - 1);
  const results = wanted.map((share) => {
    const place = Math.min(n - 1, Math.max(0, indexOf(n, share / whole)));
    const [low, high] = [at(Math.floor(place)), at(Math.min(n - 1, Math.floor(place) + 1))];
    // NumPy's median is the mean of the two in the middle, which one infinity does not turn into NaN.
    const middle = operation === "median" && place % 1 === 0.5;
    const value = middle ? make.binary("mul", make.binary("add", low, high), constant(0.5, low)) : between(low, high, place % 1);
    const result = isFloat(type) ? make.where(isNan(last), last, value) : value; // NaN sorts last
    return keepdims ? make.reshape(result, keptShape(t.shape, axes)) : result;
  });
  if (typeof q === "number") return wrap(results[0]!);
  const shape = keepdims ? keptShape(t.shape, axes) : rows;
  if (!results.length) return wrap(make.constant(0, [0, ...shape], type));
  return wrap(
    make.concat(
      results.map((r) => make.reshape(r, [1, ...shape])),
      0,
    ),
  );
}

/** The chosen axes moved last, joined and sorted, NaN at the end. */
function sortedLast(x: Node, axes: readonly number[]): Node {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const rows = kept.map((i) => x.shape[i]!);
  const joined = make.reshape(make.permute(x, [...kept, ...axes]), [...rows, termsOf(x.shape, axes)]);
  return gatherAlong(joined, make.argsort(joined, rows.length), rows.length);
}

/** a + (b - a)·t, exact at both ends; equal infinities stay what they are. */
function between(a: Node, b: Node, t: number): Node {
  if (t === 0) return a;
  const step = make.binary("sub", b, a);
  const value =
    t < 0.5
      ? make.binary("add", a, make.binary("mul", step, constant(t, a)))
      : make.binary("sub", b, make.binary("mul", step, constant(1 - t, a)));
  return make.where(make.compare("eq", a, b), a, value);
}
