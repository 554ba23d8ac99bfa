import { asDType, type DType, dtypeInfo, isFloat } from "../../dtype.ts";
import { ShapeError } from "../../errors.ts";
import { make, type Node } from "../../graph/node.ts";
import type { ReduceOp } from "../../graph/primitives.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxes, normalizeAxis, type Shape, showShape } from "../../shape.ts";
import { asTensor, type TensorLike, wrap } from "../core.ts";
import { type ClosenessOptions, isclose } from "../elementwise.ts";

/** Sums, extremes and truth over axes, which go unless `keepdims`. Default: all axes. */

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

export const constant = (value: number, like: Node): Node => make.constant(value, like.shape, like.dtype);

/** The shape with the given axes kept at size 1. */
export const keptShape = (shape: Shape, axes: readonly number[]): number[] => shape.map((n, i) => (axes.includes(i) ? 1 : n));

/** How many elements go into each result. */
export const termsOf = (shape: Shape, axes: readonly number[]): number => axes.reduce((n, a) => n * shape[a]!, 1);

/** Applies a reduction to the chosen axes and restores them with size 1 if asked. */
export function reduced(operation: string, node: Node, options: ReduceOptions, reduce: (axes: number[]) => Node): Tensor {
  const axes = normalizeAxes(operation, options.axis, node.shape.length);
  const result = reduce(axes);
  return wrap(options.keepdims ? make.reshape(result, keptShape(node.shape, axes)) : result);
}

export const reduceNode = (op: ReduceOp, x: Node, axes: readonly number[]): Node => (axes.length ? make.reduce(op, x, axes) : x);

/** A reduced result spread over the shape it came from. */
export const spread = (x: Node, axes: readonly number[], shape: Shape): Node => make.expand(make.reshape(x, keptShape(shape, axes)), shape);

export function needElements(operation: string, shape: Shape, axes: readonly number[]): void {
  if (termsOf(shape, axes) === 0)
    throw new ShapeError(
      operation,
      `no element to choose from: shape ${showShape(shape)} has none along axes [${axes.join(", ")}]`,
      "Check for empty arrays first",
    );
}

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

/**
 * The sum over axes; 0 of none. bool and integers are summed as int32 or uint32 and wrap. DTypeError for the result
 * type bool.
 * @example
 * sum([[1, 2], [3, 4]], { axis: 0 })
 */
export const sum = (x: TensorLike, options: TypedReduceOptions = {}): Tensor => accumulate("sum", "reduceSum", x, options);

/**
 * The product over axes; 1 of none. Types as for `sum`.
 * @example
 * prod([1, 2, 3, 4])
 */
export const prod = (x: TensorLike, options: TypedReduceOptions = {}): Tensor => accumulate("prod", "reduceProd", x, options);

function extreme(operation: string, op: ReduceOp, x: TensorLike, options: ReduceOptions): Tensor {
  const { node } = asTensor(x, undefined, operation);
  return reduced(operation, node, options, (axes) => {
    needElements(operation, node.shape, axes);
    return reduceNode(op, node, axes);
  });
}

/**
 * The largest element over axes; NaN if there is one. ShapeError for no elements.
 * @example
 * max([[1, 9], [3, 4]], { axis: 1 })
 */
export const max = (x: TensorLike, options: ReduceOptions = {}): Tensor => extreme("max", "reduceMax", x, options);

/**
 * The smallest element over axes; NaN if there is one. ShapeError for no elements.
 * @example
 * min([[1, 9], [3, 4]])
 */
export const min = (x: TensorLike, options: ReduceOptions = {}): Tensor => extreme("min", "reduceMin", x, options);

/**
 * The distance from the smallest to the largest element over axes ("peak to peak", NumPy). ShapeError for no elements,
 * DTypeError for bool.
 * @example
 * ptp([3, 9, 1])
 */
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

/**
 * Whether all elements over axes are true (not 0): bool; true of none.
 * @example
 * all([[true, false], [true, true]], { axis: 1 })
 */
export const all = (x: TensorLike, options: ReduceOptions = {}): Tensor => truth("all", "reduceMin", 1, x, options);

/**
 * Whether any element over axes is true (not 0): bool; false of none.
 * @example
 * any([[true, false], [false, false]], { axis: 1 })
 */
export const any = (x: TensorLike, options: ReduceOptions = {}): Tensor => truth("any", "reduceMax", 0, x, options);

/**
 * Whether all elements of a and b are equal within a tolerance (see `isclose`), as an array of no dimensions: reading
 * it is the caller's choice. ShapeError when they do not broadcast.
 * @example
 * allclose([1, 2], [1, 2.0000001])
 */
export const allclose = (a: TensorLike, b: TensorLike, options: ClosenessOptions = {}): Tensor => all(isclose(a, b, options));

/**
 * Number of elements over axes that are not 0, int32.
 * @example
 * countNonzero([0, 1, 2, 0])
 */
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

/**
 * Index (int32) of the first largest element along an axis, or in the flattened array; that of a NaN if there is one.
 * ShapeError for no elements.
 * @example
 * argmax([[1, 9], [8, 2]], { axis: 1 })
 */
export const argmax = (x: TensorLike, options: ArgOptions = {}): Tensor => position("argmax", "argmax", x, options);

/**
 * Index (int32) of the first smallest element along an axis, or in the flattened array; that of a NaN if there is one.
 * ShapeError for no elements.
 * @example
 * argmin([3, 1, 2])
 */
export const argmin = (x: TensorLike, options: ArgOptions = {}): Tensor => position("argmin", "argmin", x, options);

export const isNan = (x: Node): Node => make.compare("ne", x, x);

/**
 * The sum over axes of what is not NaN (NumPy). Types as for `sum`.
 * @example
 * nansum([1, NaN, 3])
 */
export function nansum(x: TensorLike, options: TypedReduceOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "nansum");
  return sum(wrap(isFloat(node.dtype) ? make.where(isNan(node), constant(0, node), node) : node), options);
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

/**
 * The largest element over axes that is not NaN; NaN where nothing is (NumPy). ShapeError for no elements.
 * @example
 * nanmax([1, NaN, 3])
 */
export const nanmax = (x: TensorLike, options: ReduceOptions = {}): Tensor => nanExtreme("nanmax", "reduceMax", x, options);

/**
 * The smallest element over axes that is not NaN; NaN where nothing is (NumPy). ShapeError for no elements.
 * @example
 * nanmin([1, NaN, 3])
 */
export const nanmin = (x: TensorLike, options: ReduceOptions = {}): Tensor => nanExtreme("nanmin", "reduceMin", x, options);
