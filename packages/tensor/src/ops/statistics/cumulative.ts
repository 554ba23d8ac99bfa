import type { DType } from "../../dtype.ts";
import { ArgumentError } from "../../errors.ts";
import { make, type Node } from "../../graph/node.ts";
import type { ScanKind } from "../../graph/primitives.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxis } from "../../shape.ts";
import { asTensor, broadcastNode, commonType, type TensorLike, wrap } from "../core.ts";
import { keptShape, sumType } from "./reductions.ts";

/** Running sums, products and extremes, and differences of neighbours. */

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

/**
 * Sums of the elements up to each place along an axis, shaped like x; without an axis, of the flattened array (NumPy).
 * Types as for `sum`.
 * @example
 * cumsum([1, 2, 3])
 */
export const cumsum = (x: TensorLike, options: CumulativeOptions = {}): Tensor => running("cumsum", "sum", x, options);

/**
 * Products of the elements up to each place along an axis, shaped like x; without an axis, of the flattened array
 * (NumPy). Types as for `sum`.
 * @example
 * cumprod([1, 2, 3, 4])
 */
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

/**
 * `cumsum` as the array API has it: a first 0 can be included, n → n + 1 elements. ArgumentError when the axis is left
 * out for other than one dimension.
 */
export const cumulativeSum = (x: TensorLike, options: CumulativeFromStartOptions = {}): Tensor =>
  fromStart("cumulativeSum", "sum", x, options);

/**
 * `cumprod` as the array API has it: a first 1 can be included, n → n + 1 elements. ArgumentError when the axis is left
 * out for other than one dimension.
 */
export const cumulativeProd = (x: TensorLike, options: CumulativeFromStartOptions = {}): Tensor =>
  fromStart("cumulativeProd", "prod", x, options);

/**
 * The largest element up to each place along an axis, shaped like x; NaN from the first NaN on. NumPy's
 * maximum.accumulate; without an axis, of the flattened array.
 * @example
 * cummax([1, 3, 2, 5])
 */
export const cummax = (x: TensorLike, options: Pick<CumulativeOptions, "axis"> = {}): Tensor =>
  wrap(scanned("cummax", "max", asTensor(x, undefined, "cummax").node, options.axis ?? null));

/**
 * The smallest element up to each place along an axis, shaped like x; NaN from the first NaN on. NumPy's
 * minimum.accumulate; without an axis, of the flattened array.
 * @example
 * cummin([5, 3, 4, 1])
 */
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

/**
 * Differences of neighbours along an axis (default the last), n times: [..., k] → [..., k - n]. For bool: where
 * neighbours differ. ArgumentError for an n that is no whole number from 0, ShapeError for a `prepend` or `append` that
 * does not fit.
 * @example
 * diff([1, 4, 9, 16])
 */
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
