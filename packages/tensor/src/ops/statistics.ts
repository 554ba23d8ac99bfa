import { asDType, type DType, dtypeInfo, isFloat, isInteger } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError, StateError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { make, type Node } from "../graph/node.ts";
import type { ReduceOp, ScanKind } from "../graph/primitives.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxes, normalizeAxis, type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { asTensor, broadcastNode, commonType, floatType, type TensorLike, wrap } from "./core.ts";
import { type ClosenessOptions, isclose } from "./elementwise.ts";
import { gatherAlong } from "./indexing.ts";
import { searchNode } from "./searching.ts";

export interface ReduceOptions {
  /** One axis or several; all of them when left out. */
  readonly axis?: number | readonly number[] | null;
  /** Keep reduced axes with size 1. */
  readonly keepdims?: boolean;
}

export interface TypedReduceOptions extends ReduceOptions {
  /** Type to compute in and return. */
  readonly dtype?: DType;
}

const constant = (value: number, like: Node): Node => make.constant(value, like.shape, like.dtype);

/** The shape with the given axes kept at size 1. */
const keptShape = (shape: Shape, axes: readonly number[]): number[] => shape.map((n, i) => (axes.includes(i) ? 1 : n));

/** How many elements go into each result. */
const termsOf = (shape: Shape, axes: readonly number[]): number => axes.reduce((n, a) => n * shape[a]!, 1);

/** Applies a reduction to the chosen axes and restores them with size 1 if asked. */
function reduced(operation: string, node: Node, options: ReduceOptions, reduce: (axes: number[]) => Node): Tensor {
  const axes = normalizeAxes(operation, options.axis, node.shape.length);
  const result = reduce(axes);
  return wrap(options.keepdims ? make.reshape(result, keptShape(node.shape, axes)) : result);
}

const reduceNode = (op: ReduceOp, x: Node, axes: readonly number[]): Node => (axes.length ? make.reduce(op, x, axes) : x);

/** A reduced result spread over the shape it came from. */
const spread = (x: Node, axes: readonly number[], shape: Shape): Node => make.expand(make.reshape(x, keptShape(shape, axes)), shape);

function needElements(operation: string, shape: Shape, axes: readonly number[]): void {
  if (termsOf(shape, axes) === 0)
    throw new ShapeError(
      operation,
      `no element to choose from: shape ${showShape(shape)} has none along axes [${axes.join(", ")}]`,
      "Check for empty arrays first",
    );
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums and products

/** Integers are summed in 32 bits, bool as int32: the default integer type of the array API. */
export function sumType(operation: string, dtype: DType, wanted?: DType): DType {
  if (wanted !== undefined) return asDType(operation, wanted);
  if (isFloat(dtype)) return dtype;
  return dtypeInfo(dtype).kind === "uint" ? "uint32" : "int32";
}

function accumulate(operation: string, op: ReduceOp, x: TensorLike, options: TypedReduceOptions): Tensor {
  const t = asTensor(x, undefined, operation);
  const node = make.cast(t.node, sumType(operation, t.dtype, options.dtype));
  return reduced(operation, node, options, (axes) => reduceNode(op, node, axes));
}

/** The sum over axes; 0 of none. bool and small integers are summed as int32 or uint32. */
export const sum = (x: TensorLike, options: TypedReduceOptions = {}): Tensor => accumulate("sum", "reduceSum", x, options);

/** The product over axes; 1 of none. Types as for `sum`. */
export const prod = (x: TensorLike, options: TypedReduceOptions = {}): Tensor => accumulate("prod", "reduceProd", x, options);

/** The type means are computed in: half floats would lose most of their digits in the sum. */
const meanType = (dtype: DType): DType => (dtypeInfo(dtype).bytes === 2 && isFloat(dtype) ? "float32" : floatType(dtype));

function checkFloat(operation: string, dtype: DType): DType {
  if (!isFloat(asDType(operation, dtype))) throw new DTypeError(operation, `dtype ${dtype} cannot hold a mean`, "Use a floating type");
  return dtype;
}

function meanNode(x: Node, axes: readonly number[]): Node {
  const total = reduceNode("reduceSum", x, axes);
  return make.binary("div", total, constant(termsOf(x.shape, axes), total));
}

/** The arithmetic mean over axes; NaN of none. float32 for integers. */
export function mean(x: TensorLike, options: TypedReduceOptions = {}): Tensor {
  const t = asTensor(x, undefined, "mean");
  const type = options.dtype === undefined ? floatType(t.dtype) : checkFloat("mean", options.dtype);
  const node = make.cast(t.node, meanType(type));
  return reduced("mean", node, options, (axes) => make.cast(meanNode(node, axes), type));
}

export interface VarianceOptions extends TypedReduceOptions {
  /** The sum of squares is divided by the count minus this: 0 for the whole population, 1 for a sample. Default 0. */
  readonly correction?: number;
}

/** In two passes, the mean first: one pass over squares would cancel. */
function fromVariance(operation: string, x: TensorLike, options: VarianceOptions, finish: (v: Node) => Node): Tensor {
  const { correction = 0 } = options;
  const t = asTensor(x, undefined, operation);
  const type = options.dtype === undefined ? floatType(t.dtype) : checkFloat(operation, options.dtype);
  const node = make.cast(t.node, meanType(type));
  return reduced(operation, node, options, (axes) => {
    const deviation = make.binary("sub", node, spread(meanNode(node, axes), axes, node.shape));
    const total = reduceNode("reduceSum", make.binary("mul", deviation, deviation), axes);
    const count = Math.max(0, termsOf(node.shape, axes) - correction);
    return make.cast(finish(make.binary("div", total, constant(count, total))), type);
  });
}

/** The variance over axes: the mean squared distance from the mean. Also exported as `var`, which no declaration may be called. */
export const variance = (x: TensorLike, options: VarianceOptions = {}): Tensor => fromVariance("var", x, options, (v) => v);
export { variance as var };

/** The standard deviation over axes: the square root of the variance. */
export const std = (x: TensorLike, options: VarianceOptions = {}): Tensor => fromVariance("std", x, options, (v) => make.unary("sqrt", v));

export interface AverageOptions extends ReduceOptions {
  /** Shaped like x, or one dimension along the single axis. Default: all equal. */
  readonly weights?: TensorLike;
}

/** The weighted mean over axes: Σ w·x / Σ w. */
export function average(x: TensorLike, options: AverageOptions = {}): Tensor {
  if (options.weights === undefined) return mean(x, options);
  const t = asTensor(x, undefined, "average");
  const w = asTensor(options.weights, undefined, "average");
  const type = floatType(commonType([t, w]));
  const node = make.cast(t.node, type);
  const weights = broadcastNode(alignWeights(make.cast(w.node, type), t, options.axis), t.shape);
  return reduced("average", node, options, (axes) =>
    make.binary("div", reduceNode("reduceSum", make.binary("mul", node, weights), axes), reduceNode("reduceSum", weights, axes)),
  );
}

function alignWeights(w: Node, x: Tensor, axis: ReduceOptions["axis"]): Node {
  if (sameShape(w.shape, x.shape)) return w;
  const single = typeof axis === "number" ? axis : axis?.length === 1 ? axis[0] : undefined;
  if (w.shape.length !== 1 || single === undefined)
    throw new ShapeError(
      "average",
      `weights of shape ${showShape(w.shape)} do not fit x of shape ${showShape(x.shape)}`,
      "Shape them like x, or give one axis and as many weights",
    );
  const at = normalizeAxis("average", single, x.ndim);
  if (w.size !== x.shape[at]) throw new ShapeError("average", `${w.size} weights for axis ${at} of ${x.shape[at]} elements`);
  return make.reshape(
    w,
    x.shape.map((n, i) => (i === at ? n : 1)),
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Extremes and truth

function extreme(operation: string, op: ReduceOp, x: TensorLike, options: ReduceOptions): Tensor {
  const { node } = asTensor(x, undefined, operation);
  return reduced(operation, node, options, (axes) => {
    needElements(operation, node.shape, axes);
    return reduceNode(op, node, axes);
  });
}

/** The largest element over axes; NaN if there is one. Throws ShapeError for no elements. */
export const max = (x: TensorLike, options: ReduceOptions = {}): Tensor => extreme("max", "reduceMax", x, options);

/** The smallest element over axes; NaN if there is one. Throws ShapeError for no elements. */
export const min = (x: TensorLike, options: ReduceOptions = {}): Tensor => extreme("min", "reduceMin", x, options);

/** The distance from the smallest to the largest element ("peak to peak"). */
export function ptp(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "ptp");
  return reduced("ptp", node, options, (axes) => {
    needElements("ptp", node.shape, axes);
    return make.binary("sub", reduceNode("reduceMax", node, axes), reduceNode("reduceMin", node, axes));
  });
}

function truth(operation: string, op: ReduceOp, ofNone: number, x: TensorLike, options: ReduceOptions): Tensor {
  const node = make.cast(asTensor(x, undefined, operation).node, "bool");
  return reduced(operation, node, options, (axes) => {
    if (termsOf(node.shape, axes)) return reduceNode(op, node, axes);
    return make.constant(
      ofNone,
      node.shape.filter((_, i) => !axes.includes(i)),
      "bool",
    );
  });
}

/** Whether all elements over axes are true (not 0); true of none. */
export const all = (x: TensorLike, options: ReduceOptions = {}): Tensor => truth("all", "reduceMin", 1, x, options);

/** Whether any element over axes is true (not 0); false of none. */
export const any = (x: TensorLike, options: ReduceOptions = {}): Tensor => truth("any", "reduceMax", 0, x, options);

/** Whether all elements of a and b are equal within a tolerance (see `isclose`), as an array of no dimensions. */
export const allclose = (a: TensorLike, b: TensorLike, options: ClosenessOptions = {}): Tensor => all(isclose(a, b, options));

/** Number of elements that are not 0, int32. */
export function countNonzero(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const node = make.cast(asTensor(x, undefined, "countNonzero").node, "bool");
  return sum(wrap(node), options);
}

export interface ArgOptions {
  /** Default: the flattened array. */
  readonly axis?: number | null;
  readonly keepdims?: boolean;
}

function position(operation: string, op: "argmax" | "argmin", x: TensorLike, options: ArgOptions): Tensor {
  const { node } = asTensor(x, undefined, operation);
  const { axis = null, keepdims = false } = options;
  const flat = axis === null ? make.reshape(node, [node.size]) : node;
  const at = axis === null ? 0 : normalizeAxis(operation, axis, node.shape.length);
  needElements(operation, flat.shape, [at]);
  const result = make.reduce(op, flat, [at]);
  if (!keepdims) return wrap(result);
  return wrap(make.reshape(result, axis === null ? node.shape.map(() => 1) : keptShape(node.shape, [at])));
}

/** Index (int32) of the first largest element along an axis, or in the flattened array; that of a NaN if there is one. */
export const argmax = (x: TensorLike, options: ArgOptions = {}): Tensor => position("argmax", "argmax", x, options);

/** Index (int32) of the first smallest element along an axis, or in the flattened array; that of a NaN if there is one. */
export const argmin = (x: TensorLike, options: ArgOptions = {}): Tensor => position("argmin", "argmin", x, options);

// ---------------------------------------------------------------------------------------------------------------------
// Ignoring NaN

const isNan = (x: Node): Node => make.compare("ne", x, x);

/** The sum over axes of what is not NaN. */
export function nansum(x: TensorLike, options: TypedReduceOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "nansum");
  return sum(wrap(isFloat(node.dtype) ? make.where(isNan(node), constant(0, node), node) : node), options);
}

/** The mean over axes of what is not NaN; NaN where nothing is. */
export function nanmean(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "nanmean");
  if (!isFloat(node.dtype)) return mean(wrap(node), options);
  const wide = make.cast(node, meanType(node.dtype));
  return reduced("nanmean", wide, options, (axes) => {
    const missing = isNan(wide);
    const total = reduceNode("reduceSum", make.where(missing, constant(0, wide), wide), axes);
    const count = reduceNode("reduceSum", make.cast(make.unary("not", missing), wide.dtype), axes);
    return make.cast(make.binary("div", total, count), node.dtype);
  });
}

function nanExtreme(operation: string, op: "reduceMax" | "reduceMin", x: TensorLike, options: ReduceOptions): Tensor {
  const { node } = asTensor(x, undefined, operation);
  if (!isFloat(node.dtype)) return extreme(operation, op, wrap(node), options);
  return reduced(operation, node, options, (axes) => {
    needElements(operation, node.shape, axes);
    const missing = isNan(node);
    const best = reduceNode(op, make.where(missing, constant(op === "reduceMax" ? -Infinity : Infinity, node), node), axes);
    return make.where(reduceNode("reduceMin", missing, axes), constant(Number.NaN, best), best);
  });
}

/** The largest element over axes that is not NaN; NaN where nothing is. */
export const nanmax = (x: TensorLike, options: ReduceOptions = {}): Tensor => nanExtreme("nanmax", "reduceMax", x, options);

/** The smallest element over axes that is not NaN; NaN where nothing is. */
export const nanmin = (x: TensorLike, options: ReduceOptions = {}): Tensor => nanExtreme("nanmin", "reduceMin", x, options);

// ---------------------------------------------------------------------------------------------------------------------
// Cumulative functions and differences

export interface CumulativeOptions {
  /** Default: the flattened array. */
  readonly axis?: number | null;
  readonly dtype?: DType;
}

function scanned(operation: string, kind: ScanKind, node: Node, axis: number | null): Node {
  if (axis !== null) return make.scan(node, normalizeAxis(operation, axis, node.shape.length), kind);
  return make.scan(make.reshape(node, [node.size]), 0, kind);
}

function running(operation: string, kind: "sum" | "prod", x: TensorLike, options: CumulativeOptions): Tensor {
  const t = asTensor(x, undefined, operation);
  return wrap(scanned(operation, kind, make.cast(t.node, sumType(operation, t.dtype, options.dtype)), options.axis ?? null));
}

/** Sums of the elements up to each place along an axis. Types as for `sum`. */
export const cumsum = (x: TensorLike, options: CumulativeOptions = {}): Tensor => running("cumsum", "sum", x, options);

/** Products of the elements up to each place along an axis. Types as for `sum`. */
export const cumprod = (x: TensorLike, options: CumulativeOptions = {}): Tensor => running("cumprod", "prod", x, options);

export interface CumulativeFromStartOptions extends CumulativeOptions {
  /** Begin with the sum or product of nothing, which makes the axis one longer. */
  readonly includeInitial?: boolean;
}

function fromStart(operation: string, kind: "sum" | "prod", x: TensorLike, options: CumulativeFromStartOptions): Tensor {
  const t = asTensor(x, undefined, operation);
  if ((options.axis ?? null) === null && t.ndim !== 1)
    throw new ArgumentError(
      operation,
      `an array of ${t.ndim} dimensions needs an axis`,
      `Pass { axis }, or flatten with ${kind === "sum" ? "cumsum" : "cumprod"}()`,
    );
  const axis = normalizeAxis(operation, options.axis ?? 0, t.ndim);
  const { node } = running(operation, kind, t, { ...options, axis });
  if (!options.includeInitial) return wrap(node);
  const first = make.constant(kind === "sum" ? 0 : 1, keptShape(node.shape, [axis]), node.dtype);
  return wrap(make.concat([first, node], axis));
}

/** `cumsum` as the array API has it: the axis may be left out for one dimension only, and a first 0 can be included. */
export const cumulativeSum = (x: TensorLike, options: CumulativeFromStartOptions = {}): Tensor =>
  fromStart("cumulativeSum", "sum", x, options);

/** `cumprod` as the array API has it: the axis may be left out for one dimension only, and a first 1 can be included. */
export const cumulativeProd = (x: TensorLike, options: CumulativeFromStartOptions = {}): Tensor =>
  fromStart("cumulativeProd", "prod", x, options);

/** The largest element up to each place along an axis; NaN from the first NaN on. */
export const cummax = (x: TensorLike, options: Pick<CumulativeOptions, "axis"> = {}): Tensor =>
  wrap(scanned("cummax", "max", asTensor(x, undefined, "cummax").node, options.axis ?? null));

/** The smallest element up to each place along an axis; NaN from the first NaN on. */
export const cummin = (x: TensorLike, options: Pick<CumulativeOptions, "axis"> = {}): Tensor =>
  wrap(scanned("cummin", "min", asTensor(x, undefined, "cummin").node, options.axis ?? null));

export interface DiffOptions {
  /** How often differences are taken. Default 1. */
  readonly n?: number;
  /** Default: the last. */
  readonly axis?: number;
  /** Put before or after x along the axis first; numbers are repeated as needed. */
  readonly prepend?: TensorLike;
  readonly append?: TensorLike;
}

/** Differences of neighbours along an axis, which gets shorter by n. For bool: where neighbours differ. */
export function diff(x: TensorLike, options: DiffOptions = {}): Tensor {
  const { n = 1, prepend, append } = options;
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError("diff", `n is ${n}`, "Use a whole number, 0 or more");
  const t = asTensor(x, undefined, "diff");
  const axis = normalizeAxis("diff", options.axis ?? -1, t.ndim);
  const sides = [prepend, t, append].filter((part) => part !== undefined);
  const type = commonType(sides);
  const parts = sides.map((part) => {
    const { node } = asTensor(part, type, "diff");
    return node.shape.length === 0 ? broadcastNode(node, keptShape(t.shape, [axis])) : node;
  });
  let node = make.concat(parts, axis);
  for (let i = 0; i < n && node.shape[axis]! > 0; i++) {
    const shape = node.shape.map((m, a) => (a === axis ? m - 1 : m));
    const steps = shape.map(() => 1);
    const later = make.slice(
      node,
      shape.map((_, a) => (a === axis ? 1 : 0)),
      steps,
      shape,
    );
    const earlier = make.slice(
      node,
      shape.map(() => 0),
      steps,
      shape,
    );
    node = type === "bool" ? make.binary("xor", later, earlier) : make.binary("sub", later, earlier);
  }
  return wrap(node);
}

// ---------------------------------------------------------------------------------------------------------------------
// Quantiles

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
 * The value below which a share q (0 to 1) of the elements over axes lies; for several q, stacked along a new first axis.
 * NaN where there is one. Throws ShapeError for no elements.
 */
export const quantile = (x: TensorLike, q: number | readonly number[], options: QuantileOptions = {}): Tensor =>
  quantiles("quantile", x, q, 1, options);

/** `quantile` with q from 0 to 100. */
export const percentile = (x: TensorLike, q: number | readonly number[], options: QuantileOptions = {}): Tensor =>
  quantiles("percentile", x, q, 100, options);

/** The middle element over axes, or the mean of the two middle ones. */
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

// ---------------------------------------------------------------------------------------------------------------------
// Covariance

export interface CovarianceOptions {
  /** More variables, in the form of x. */
  readonly y?: TensorLike;
  /** Whether each row is a variable (default) or each column. */
  readonly rowvar?: boolean;
  /** The sum is divided by the count minus this. Default 1. */
  readonly correction?: number;
}

/** Variables as rows of one float matrix. */
function variables(operation: string, x: TensorLike, options: CovarianceOptions): Node {
  const { y, rowvar = true } = options;
  const given = [x, ...(y === undefined ? [] : [y])].map((part) => asTensor(part, undefined, operation));
  const type = floatType(commonType(given));
  const parts = given.map(({ node }) => {
    if (node.shape.length > 2) throw new ShapeError(operation, `needs one or two dimensions, received shape ${showShape(node.shape)}`);
    const wide = make.cast(node, type);
    if (wide.shape.length < 2) return make.reshape(wide, [1, wide.size]);
    return rowvar ? wide : make.permute(wide, [1, 0]);
  });
  return make.concat(parts, 0);
}

function covariance(operation: string, x: TensorLike, options: CovarianceOptions): Node {
  const { correction = 1 } = options;
  const rows = variables(operation, x, options); // [variables, observations]
  const centred = make.binary("sub", rows, spread(meanNode(rows, [1]), [1], rows.shape));
  const products = make.contract(centred, centred, { batch: [[], []], contract: [[1], [1]] });
  return make.binary("div", products, constant(Math.max(0, rows.shape[1]! - correction), products));
}

/** The covariance matrix of variables (rows of x): shape [variables, variables], or [] for a single one. */
export function cov(x: TensorLike, options: CovarianceOptions = {}): Tensor {
  const result = covariance("cov", x, options);
  return wrap(result.size === 1 ? make.reshape(result, []) : result);
}

/** The matrix of Pearson's correlation coefficients of variables (rows of x), within [-1, 1]. */
export function corrcoef(x: TensorLike, options: Omit<CovarianceOptions, "correction"> = {}): Tensor {
  const c = covariance("corrcoef", x, options);
  const count = c.shape[0]!;
  const diagonal = make.slice(make.reshape(c, [count * count]), [0], [count + 1], [count]);
  const deviation = make.unary("sqrt", diagonal);
  const byColumn = make.binary("div", c, broadcastNode(deviation, c.shape));
  const byBoth = make.binary("div", byColumn, broadcastNode(make.reshape(deviation, [count, 1]), c.shape));
  const result = make.binary("min", make.binary("max", byBoth, constant(-1, byBoth)), constant(1, byBoth));
  return wrap(result.size === 1 ? make.reshape(result, []) : result);
}

// ---------------------------------------------------------------------------------------------------------------------
// Counting

export interface HistogramOptions {
  /** How many equal intervals, or their edges in rising order. Default 10. */
  readonly bins?: number | TensorLike;
  /** The interval to divide; elements outside are not counted. Default: from the smallest to the largest element. */
  readonly range?: readonly [number, number];
  /** Divide by the total and the widths, so that the area is 1. */
  readonly density?: boolean;
  /** What each element counts; shaped like x. */
  readonly weights?: TensorLike;
}

/** How many elements fall into each interval, and the edges; each interval holds its left edge, the last both. */
export function histogram(x: TensorLike, options: HistogramOptions = {}): [counts: Tensor, edges: Tensor] {
  const { density = false } = options;
  const t = asTensor(x, undefined, "histogram");
  const values = make.reshape(make.cast(t.node, floatType(t.dtype)), [t.size]);
  const edges = histogramEdges(values, options);
  const bins = edges.size - 1;
  const given = options.weights === undefined ? null : asTensor(options.weights, undefined, "histogram");
  if (given && !sameShape(given.shape, t.shape))
    throw new ShapeError("histogram", `weights of shape ${showShape(given.shape)} for elements of shape ${showShape(t.shape)}`);
  const weights = given
    ? make.reshape(make.cast(given.node, sumType("histogram", given.dtype)), [t.size])
    : make.constant(1, [t.size], "int32");

  const edge = (i: number) => broadcastNode(make.reshape(make.slice(edges, [i], [1], [1]), []), values.shape);
  const inside = make.binary("and", make.compare("le", edge(0), values), make.compare("le", values, edge(bins)));
  const found = make.binary("add", searchNode(edges, values, "right"), make.constant(-1, values.shape, "int32"));
  const bin = make.binary("min", make.binary("max", found, constant(0, found)), constant(bins - 1, found));
  const counts = make.scatter(make.constant(0, [bins], weights.dtype), bin, make.where(inside, weights, constant(0, weights)), 0, "add");
  if (!density) return [wrap(counts), wrap(edges)];
  const real = make.cast(counts, edges.dtype);
  const total = broadcastNode(make.reduce("reduceSum", real, [0]), real.shape);
  return [wrap(make.binary("div", make.binary("div", real, diff(wrap(edges)).node), total)), wrap(edges)];
}

/** The edges that histogram() would use, as an array of one more element than there are intervals. */
export function histogramBinEdges(x: TensorLike, options: Pick<HistogramOptions, "bins" | "range"> = {}): Tensor {
  const t = asTensor(x, undefined, "histogramBinEdges");
  return wrap(histogramEdges(make.reshape(make.cast(t.node, floatType(t.dtype)), [t.size]), options));
}

function histogramEdges(values: Node, options: HistogramOptions): Node {
  const { bins = 10, range } = options;
  if (typeof bins !== "number") {
    const edges = asTensor(bins, values.dtype, "histogram");
    if (edges.ndim !== 1 || edges.size < 2)
      throw new ShapeError(
        "histogram",
        `the edges have shape ${showShape(edges.shape)}`,
        "Give one dimension of two or more, or a number of bins",
      );
    return edges.node;
  }
  if (!Number.isInteger(bins) || bins < 1) throw new ArgumentError("histogram", `bins is ${bins}`, "Use a whole number, 1 or more");
  if (range && !(range[0] <= range[1] && range.every(Number.isFinite)))
    throw new ArgumentError("histogram", `the range [${range.join(", ")}] does not rise`);
  const limit = (i: 0 | 1): Node => {
    if (range) return make.constant(range[i], [], values.dtype);
    if (values.size === 0) return make.constant(i, [], values.dtype);
    return make.reduce(i === 0 ? "reduceMin" : "reduceMax", values, [0]);
  };
  const [low, high] = [limit(0), limit(1)];
  // All elements equal: an interval of width 1 around them.
  const half = make.where(make.compare("eq", low, high), constant(0.5, low), constant(0, low));
  const wide = (x: Node) => broadcastNode(x, [bins + 1]);
  const [first, last] = [wide(make.binary("sub", low, half)), wide(make.binary("add", high, half))];
  const place = make.iota([bins + 1], 0, values.dtype);
  const width = make.binary("div", make.binary("sub", last, first), constant(bins, last));
  const inner = make.binary("add", first, make.binary("mul", place, width));
  return make.where(make.compare("eq", place, constant(bins, place)), last, inner);
}

export interface BincountOptions {
  /** What each element counts; shaped like x. */
  readonly weights?: TensorLike;
  /** The result has at least this many elements. */
  readonly minlength?: number;
  /** The result has exactly this many elements, larger values are not counted: then no value need be read. */
  readonly length?: number;
}

/**
 * How often each of 0, 1, 2, ... occurs in one dimension of integers, int32 (or the sums of weights). The length depends on the
 * values, so they are computed at once, unless `length` is given; then negative and larger values are ignored.
 */
export function bincount(x: TensorLike, options: BincountOptions = {}): Tensor {
  const { minlength = 0 } = options;
  const t = asTensor(x, undefined, "bincount");
  if (t.ndim !== 1) throw new ShapeError("bincount", `needs one dimension, received shape ${showShape(t.shape)}`, "Flatten it first");
  if (!isInteger(t.dtype) && t.size > 0)
    throw new DTypeError("bincount", `needs integers, received ${t.dtype}`, 'Cast with astype("int32")');
  const length = options.length ?? Math.max(minlength, 1 + largestOf(t));
  if (!Number.isInteger(length) || length < 0) throw new ArgumentError("bincount", `length is ${length}`, "Use a whole number, 0 or more");
  const given = options.weights === undefined ? null : asTensor(options.weights, undefined, "bincount");
  if (given && !sameShape(given.shape, t.shape))
    throw new ShapeError("bincount", `weights of shape ${showShape(given.shape)} for elements of shape ${showShape(t.shape)}`);
  const weights = given ? make.cast(given.node, sumType("bincount", given.dtype)) : make.constant(1, t.shape, "int32");
  const zeros = make.constant(0, [length], weights.dtype);
  if (sizeOf(t.shape) === 0 || length === 0) return wrap(zeros);
  const index = make.cast(t.node, "int32");
  const top = constant(length - 1, index);
  const inside = make.binary("and", make.compare("le", constant(0, index), index), make.compare("le", index, top));
  const safe = make.binary("min", make.binary("max", index, constant(0, index)), top);
  return wrap(make.scatter(zeros, safe, make.where(inside, weights, constant(0, weights)), 0, "add"));
}

function largestOf(x: Tensor): number {
  let largest = -1;
  for (const value of readNow("bincount", x)) {
    if (value < 0) throw new ArgumentError("bincount", `${value} is negative`, "Count with unique(), or shift the values");
    if (value > largest) largest = value;
  }
  return largest;
}

function readNow(operation: string, x: Tensor): ArrayLike<number> & Iterable<number> {
  try {
    return engine.readSync(x.node);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    throw new StateError(operation, "the size of the result depends on values that cannot be read here", "Pass { length }");
  }
}

/** The number of the interval between rising edges that each element falls into: 0 before the first, edges.size after the last. */
export function digitize(x: TensorLike, edges: TensorLike, options: { readonly right?: boolean } = {}): Tensor {
  const [t, e] = [asTensor(x, undefined, "digitize"), asTensor(edges, undefined, "digitize")];
  if (e.ndim !== 1) throw new ShapeError("digitize", `the edges have shape ${showShape(e.shape)}, one dimension is needed`);
  const type = commonType([t, e]);
  return wrap(searchNode(make.cast(e.node, type), make.cast(t.node, type), options.right ? "left" : "right"));
}
