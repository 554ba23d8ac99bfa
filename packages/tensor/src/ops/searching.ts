import { isFloat } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxis, sameShape, showShape } from "../shape.ts";
import { asTensor, commonType, type TensorLike, wrap } from "./core.ts";
import { gatherAlong, prepareIndices } from "./indexing.ts";

export interface SortOptions {
  /** Default: the last. `null` sorts the flattened array. */
  readonly axis?: number | null;
  readonly descending?: boolean;
  /** Equal elements keep their order: always so, whatever is given. */
  readonly stable?: boolean;
}

function toSort(operation: string, x: TensorLike, options: SortOptions): { node: Node; axis: number } {
  const t = asTensor(x, undefined, operation);
  if (options.axis === null) return { node: make.reshape(t.node, [t.size]), axis: 0 };
  return { node: t.node, axis: normalizeAxis(operation, options.axis ?? -1, t.ndim) };
}

/**
 * The indices (int32) that sort x along an axis (default the last), shaped like x; stable, NaN last.
 * @example
 * argsort([30, 10, 20])
 */
export function argsort(x: TensorLike, options: SortOptions = {}): Tensor {
  const { node, axis } = toSort("argsort", x, options);
  return wrap(make.argsort(node, axis, options.descending ?? false));
}

/**
 * x sorted along an axis (default the last), shaped like x; stable, NaN last. Differentiable: the gradient follows the
 * elements to their old places.
 * @example
 * sort([3, 1, 2])
 */
export function sort(x: TensorLike, options: SortOptions = {}): Tensor {
  const { node, axis } = toSort("sort", x, options);
  return wrap(gatherAlong(node, make.argsort(node, axis, options.descending ?? false), axis));
}

export interface TopKOptions {
  readonly axis?: number;
  /** The smallest elements instead. */
  readonly largest?: boolean;
}

/**
 * The k largest (or smallest) elements along an axis (default the last) in order, and their int32 indices there: [...,
 * n] → [..., k]; ties by first index. ArgumentError for a k that is no whole number from 0 to n. PyTorch's topk.
 * @example
 * const { values, indices } = topK([1, 9, 4, 7], 2);
 * console.log(values);
 * indices
 */
export function topK(x: TensorLike, k: number, options: TopKOptions = {}): { values: Tensor; indices: Tensor } {
  const t = asTensor(x, undefined, "topK");
  const axis = normalizeAxis("topK", options.axis ?? -1, t.ndim);
  const n = t.shape[axis]!;
  if (!Number.isInteger(k) || k < 0 || k > n)
    throw new ArgumentError(
      "topK",
      `k is ${k}, axis ${axis} of shape ${showShape(t.shape)} has ${n} elements`,
      `Use an integer from 0 to ${n}`,
    );
  const order = make.argsort(t.node, axis, options.largest ?? true);
  const indices = make.slice(
    order,
    t.shape.map(() => 0),
    t.shape.map(() => 1),
    t.shape.map((m, i) => (i === axis ? k : m)),
  );
  return { values: wrap(gatherAlong(t.node, indices, axis)), indices: wrap(indices) };
}

export interface SearchOptions {
  /** "left": before equal elements (a[i-1] < v <= a[i]); "right": after them. */
  readonly side?: "left" | "right";
  /** Indices that sort the first array, if it is not sorted. */
  readonly sorter?: TensorLike;
}

/**
 * Where each value would go in a sorted one-dimensional array to keep it sorted: int32, shaped like `values`. NaN sorts
 * last, as in NumPy. A binary search of ⌈log2(n + 1)⌉ rounds for all values at once. ShapeError for a sorted array of
 * other than one dimension or a sorter of another shape, ArgumentError for an unknown side.
 * @example
 * searchsorted([1, 3, 5], [0, 3, 9])
 */
export function searchsorted(sorted: TensorLike, values: TensorLike, options: SearchOptions = {}): Tensor {
  const { side = "left", sorter } = options;
  if (side !== "left" && side !== "right")
    throw new ArgumentError("searchsorted", `side is ${JSON.stringify(side)}`, `Use "left" or "right"`);
  const a = asTensor(sorted, undefined, "searchsorted");
  const v = asTensor(values, undefined, "searchsorted");
  if (a.ndim !== 1) throw new ShapeError("searchsorted", `the sorted array has shape ${showShape(a.shape)}, one dimension is needed`);
  const type = commonType([sorted, values]);
  let node = make.cast(a.node, type);
  if (sorter !== undefined) {
    const order = asTensor(sorter, undefined, "searchsorted");
    if (!sameShape(order.shape, a.shape))
      throw new ShapeError("searchsorted", `the sorter has shape ${showShape(order.shape)}, the array ${showShape(a.shape)}`);
    node = make.gather(node, prepareIndices("searchsorted", order, a.size, 0), 0);
  }
  return wrap(searchNode(node, make.cast(v.node, type), side));
}

/** @internal searchsorted on nodes of one type. */
export function searchNode(sorted: Node, values: Node, side: "left" | "right"): Node {
  const n = sorted.shape[0]!;
  const { shape } = values;
  const int = (value: number) => make.constant(value, shape, "int32");
  if (n === 0 || values.size === 0) return int(0);
  // Orders NaN after every number: a < b, or only b is NaN.
  const less = (a: Node, b: Node): Node => {
    const below = make.compare("lt", a, b);
    if (!isFloat(a.dtype)) return below;
    return make.binary("or", below, make.binary("and", make.compare("eq", a, a), make.compare("ne", b, b)));
  };
  let low = int(0);
  let high = int(n);
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    const middle = make.binary("shr", make.binary("add", low, high), int(1));
    const element = make.gather(sorted, make.binary("min", middle, int(n - 1)), 0);
    const after = side === "left" ? less(element, values) : make.unary("not", less(values, element));
    const right = make.binary("and", after, make.compare("lt", low, high));
    low = make.where(right, make.binary("add", middle, int(1)), low);
    high = make.where(right, high, middle);
  }
  return low;
}
