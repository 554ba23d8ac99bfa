import { ArgumentError } from "../../errors.ts";
import type { ReduceOp } from "../../graph/primitives.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxes, normalizeAxis, showShape } from "../../shape.ts";
import { asTensor, floatType, type TensorLike, wrap } from "../core.ts";
import { abs, div, equal, mul, notEqual, pow, sqrt, where } from "../elementwise.ts";
import { svdvals } from "./factorizations.ts";
import { cast, needMatrices, reduce, reshape, toLast } from "./matrices.ts";

/** Norms of vectors and matrices. */

/** x^(1/p), flat at zero: norms have no slope there, and zero is a subgradient. */
function root(x: Tensor, p: number): Tensor {
  const zero = equal(x, 0);
  const safe = where(zero, 1, x);
  return where(zero, p < 0 ? div(1, x) : 0, p === 2 ? sqrt(safe) : pow(safe, 1 / p));
}

/** Orders of matrix norms; the numbers are 1, -1, 2, -2, Infinity and -Infinity. */
export type MatrixOrder = "fro" | "nuc" | number;

/**
 * Norms of matrices, [..., m, n] → [...] ([..., 1, 1] with `keepdims`). `ord`: "fro" (default) the root of the sum of
 * squares, "nuc" the sum of singular values, 2 and -2 the largest and smallest of them, 1 and -1 the largest and
 * smallest absolute sum of a column, Infinity and -Infinity of a row. ArgumentError for another order.
 * @example
 * matrixNorm([[3, 0], [0, 4]])
 */
export function matrixNorm(x: TensorLike, options: { readonly ord?: MatrixOrder; readonly keepdims?: boolean } = {}): Tensor {
  const { ord = "fro", keepdims = false } = options;
  return normOfMatrices("matrixNorm", x, ord, keepdims);
}

function normOfMatrices(operation: string, x: TensorLike, ord: MatrixOrder, keepdims: boolean): Tensor {
  const a = asFloat(needMatrices(operation, x));
  const [rows, columns] = [a.ndim - 2, a.ndim - 1];
  const shaped = (norm: Tensor) => (keepdims ? reshape(norm, [...norm.shape, 1, 1]) : norm);
  const extreme: ReduceOp = typeof ord === "number" && ord < 0 ? "reduceMin" : "reduceMax";
  switch (ord) {
    case "fro":
      return shaped(root(reduce("reduceSum", mul(a, a), [rows, columns]), 2));
    case "nuc":
    case 2:
    case -2: {
      const s = svdvals(a);
      return cast(shaped(reduce(ord === "nuc" ? "reduceSum" : extreme, s, [rows])), a.dtype);
    }
    case 1:
    case -1:
      return shaped(reduce(extreme, reduce("reduceSum", abs(a), [rows]), [rows]));
    case Number.POSITIVE_INFINITY:
    case Number.NEGATIVE_INFINITY:
      return shaped(reduce(extreme, reduce("reduceSum", abs(a), [columns]), [rows]));
    default:
      throw new ArgumentError(
        operation,
        `${JSON.stringify(ord)} is no order of a matrix norm`,
        `Use "fro", "nuc", 1, -1, 2, -2, Infinity or -Infinity`,
      );
  }
}

const asFloat = (x: Tensor): Tensor => cast(x, floatType(x.dtype));

/**
 * Norms of vectors along `axis` (one, several taken as one vector, or null for all elements): (Σ |x|^ord)^(1/ord),
 * default 2. Infinity and -Infinity give the largest and smallest |x|, 0 the number of elements that are not zero.
 * ArgumentError for an order that is no number.
 * @example
 * vectorNorm([3, 4])
 */
export function vectorNorm(
  x: TensorLike,
  options: { readonly axis?: number | readonly number[] | null; readonly ord?: number; readonly keepdims?: boolean } = {},
): Tensor {
  return normOfVectors("vectorNorm", x, options.axis ?? null, options.ord ?? 2, options.keepdims ?? false);
}

function normOfVectors(operation: string, x: TensorLike, axis: number | readonly number[] | null, ord: number, keepdims: boolean): Tensor {
  const a = asFloat(asTensor(x, undefined, operation));
  if (typeof ord !== "number" || Number.isNaN(ord))
    throw new ArgumentError(operation, `${JSON.stringify(ord)} is no order of a vector norm`, "Use a number");
  const axes = normalizeAxes(operation, axis, a.ndim);
  const over = (op: ReduceOp, values: Tensor) => reduce(op, values, axes, keepdims);
  if (ord === Number.POSITIVE_INFINITY) return over("reduceMax", abs(a));
  if (ord === Number.NEGATIVE_INFINITY) return over("reduceMin", abs(a));
  if (ord === 0) return over("reduceSum", cast(notEqual(a, 0), a.dtype));
  if (ord === 1) return over("reduceSum", abs(a));
  return root(over("reduceSum", ord === 2 ? mul(a, a) : pow(abs(a), ord)), ord);
}

/**
 * NumPy's `norm`: of vectors for one `axis`, of matrices for two. Without axis, the 2-norm of all elements, or with
 * `ord` the norm of a vector or matrix of that order. ArgumentError for an unknown order, and for one over other than
 * one or two axes.
 * @example
 * norm([3, 4])
 */
export function norm(
  x: TensorLike,
  options: {
    readonly ord?: MatrixOrder | null;
    readonly axis?: number | readonly number[] | null;
    readonly keepdims?: boolean;
  } = {},
): Tensor {
  const { ord = null, axis = null, keepdims = false } = options;
  const a = asTensor(x, undefined, "norm");
  if (axis === null && ord === null) return normOfVectors("norm", a, null, 2, keepdims);
  const named = axis === null ? Array.from(a.shape.keys()) : typeof axis === "number" ? [axis] : axis;
  const axes = named.map((i) => normalizeAxis("norm", i, a.ndim));
  if (axes.length === 1) return normOfVectors("norm", a, axes, (ord ?? 2) as number, keepdims);
  if (axes.length !== 2)
    throw new ArgumentError(
      "norm",
      `order ${String(ord)} over ${axes.length} axes of shape ${showShape(a.shape)}`,
      "Name one axis for vectors or two for matrices",
    );
  const result = normOfMatrices("norm", wrap(toLast("norm", a, axes[0]!, axes[1]!)), (ord ?? "fro") as MatrixOrder, false);
  return keepdims
    ? reshape(
        result,
        a.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
      )
    : result;
}
