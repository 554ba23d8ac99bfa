import { isInteger } from "../../dtype.ts";
import { ArgumentError, DTypeError, ShapeError, StateError } from "../../errors.ts";
import { engine } from "../../graph/engine.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { sameShape, showShape, sizeOf } from "../../shape.ts";
import { asTensor, broadcastNode, commonType, floatType, type TensorLike, wrap } from "../core.ts";
import { searchNode } from "../searching.ts";
import { diff } from "./cumulative.ts";
import { constant, sumType } from "./reductions.ts";

/** Counting how often values occur. */

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

/**
 * How many elements fall into each interval, [bins], and the edges, [bins + 1]; each interval holds its left edge, the
 * last both (NumPy). ShapeError for edges of other than one dimension and for weights not shaped like x, ArgumentError
 * for less than one bin or a range that does not rise.
 * @example
 * histogram([1, 2, 2, 3, 9], { bins: 4 })
 */
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

/** The edges that `histogram` would use, [bins + 1], with the same errors (NumPy). */
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
 * How often each of 0, 1, 2, ... occurs in one dimension of integers, int32 (or the sums of weights), [largest + 1]
 * (NumPy). That length depends on the values, so they are computed at once (StateError inside `compile`), unless
 * `length` is given; then negative and larger values are ignored. ArgumentError for negative values, DTypeError for no
 * integers, ShapeError for other dimensions.
 * @example
 * bincount([0, 1, 1, 3])
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

/**
 * The number of the interval between rising edges that each element falls into, int32, shaped like x: 0 before the
 * first, edges.size after the last (NumPy). ShapeError for edges of other than one dimension.
 * @example
 * digitize([0.5, 1.5, 9], [1, 2])
 */
export function digitize(x: TensorLike, edges: TensorLike, options: { readonly right?: boolean } = {}): Tensor {
  const [t, e] = [asTensor(x, undefined, "digitize"), asTensor(edges, undefined, "digitize")];
  if (e.ndim !== 1) throw new ShapeError("digitize", `the edges have shape ${showShape(e.shape)}, one dimension is needed`);
  const type = commonType([t, e]);
  return wrap(searchNode(make.cast(e.node, type), make.cast(t.node, type), options.right ? "left" : "right"));
}
