import type { DType } from "../../dtype.ts";
import { ArgumentError, ShapeError } from "../../errors.ts";
import * as matrix from "../../graph/linalg.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxis, showShape } from "../../shape.ts";
import { asTensor, commonType, type TensorLike, unify, wrap } from "../core.ts";
import { mul, sub } from "../elementwise.ts";
import { cast, identityLike, needMatrices, product, reduce, reshape, squares, T, toLast } from "./matrices.ts";
import { inv } from "./systems.ts";

/** Products beside `matmul` (ops/contraction.ts), and views of matrices. */

/**
 * x multiplied by itself n times, [..., m, m] → [..., m, m], by repeated squaring; n = 0 gives the identity, negative n
 * powers of the inverse. ArgumentError for a fractional n and for a singular matrix to a negative power, ShapeError
 * unless square.
 * @example
 * matrixPower([[1, 1], [1, 0]], 10)
 */
export function matrixPower(x: TensorLike, n: number): Tensor {
  if (!Number.isInteger(n)) throw new ArgumentError("matrixPower", `the exponent ${n} is not an integer`);
  const given = needMatrices("matrixPower", x);
  if (given.shape.at(-1) !== given.shape.at(-2)) squares("matrixPower", given);
  const a = given.dtype === "bool" ? cast(given, "int32") : given;
  let base = n < 0 ? inv(a) : a;
  let result: Tensor | null = null;
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2) result = result ? product(result, base) : base;
    if (left > 1) base = product(base, base);
  }
  return result ?? identityLike(a);
}

/**
 * The product of two or more matrices in the order that needs the fewest multiplications (Cormen et al., Introduction
 * to Algorithms, §14.2); the first and the last may be vectors. ShapeError for sizes that do not fit, ArgumentError for
 * less than two. NumPy's multi_dot.
 * @example
 * multiDot([eye(2), ones([2, 3]), ones([3, 1])])
 */
export function multiDot(arrays: readonly TensorLike[]): Tensor {
  if (!Array.isArray(arrays) || arrays.length < 2)
    throw new ArgumentError("multiDot", `needs at least two arrays, received ${arrays?.length ?? String(arrays)}`);
  const type = commonType(arrays);
  const given = arrays.map((x) => asTensor(x, type, "multiDot"));
  const end = given.length - 1;
  const factors = given.map((x, i) => {
    if (x.ndim === 1 && i === 0) return reshape(x, [1, x.size]);
    if (x.ndim === 1 && i === end) return reshape(x, [x.size, 1]);
    if (x.ndim !== 2)
      throw new ShapeError(
        "multiDot",
        `array ${i} has shape ${showShape(x.shape)}`,
        "All are matrices; the first and the last may be vectors",
      );
    return x;
  });
  factors.slice(1).forEach((x, i) => {
    if (factors[i]!.shape[1] !== x.shape[0])
      throw new ShapeError(
        "multiDot",
        `arrays ${i} and ${i + 1}, ${showShape(given[i]!.shape)} · ${showShape(given[i + 1]!.shape)}, do not fit`,
        "Inner sizes must be equal",
      );
  });
  const sizes = [factors[0]!.shape[0]!, ...factors.map((x) => x.shape[1]!)];
  // plans[from][to]: the cheapest way to multiply factors from..to, filled from short chains to long ones.
  const plans = factors.map(() => factors.map((_, to) => ({ cost: 0, split: to })));
  for (let length = 1; length <= end; length++)
    for (let from = 0; from + length <= end; from++) {
      const to = from + length;
      let best = { cost: Number.POSITIVE_INFINITY, split: from };
      for (let split = from; split < to; split++) {
        const own = sizes[from]! * sizes[split + 1]! * sizes[to + 1]!;
        const cost = plans[from]![split]!.cost + plans[split + 1]![to]!.cost + own;
        if (cost < best.cost) best = { cost, split };
      }
      plans[from]![to] = best;
    }
  const multiply = (from: number, to: number): Tensor => {
    if (from === to) return factors[from]!;
    const { split } = plans[from]![to]!;
    return product(multiply(from, split), multiply(split + 1, to));
  };
  const ends = [given[0]!, given[end]!].map((x, i) => (x.ndim === 1 ? [] : [x.shape[i]!]));
  return reshape(multiply(0, end), ends.flat());
}

/**
 * x_i y_j of two vectors: [m], [n] → [m, n]. ShapeError for other dimensions.
 * @example
 * outer([1, 2], [10, 20])
 */
export function outer(x1: TensorLike, x2: TensorLike): Tensor {
  const [x, y] = [x1, x2].map((t) => asTensor(t, undefined, "outer")) as [Tensor, Tensor];
  if (x.ndim !== 1 || y.ndim !== 1)
    throw new ShapeError(
      "outer",
      `needs two vectors, received shapes ${showShape(x.shape)} and ${showShape(y.shape)}`,
      "Flatten them with reshape(x, [-1])",
    );
  return mul(reshape(x, [x.size, 1]), y);
}

/**
 * The Kronecker product (NumPy): every element of `a` times all of `b`, shapes multiplied axis by axis (the shorter
 * padded by ones).
 * @example
 * kron([1, 10], [1, 2])
 */
export function kron(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = [asTensor(a, undefined, "kron"), asTensor(b, undefined, "kron")];
  const rank = Math.max(x.ndim, y.ndim);
  const padded = (t: Tensor) => [...new Array<number>(rank - t.ndim).fill(1), ...t.shape];
  const [p, q] = [padded(x), padded(y)];
  const wide = mul(
    reshape(
      x,
      p.flatMap((n) => [n, 1]),
    ),
    reshape(
      y,
      q.flatMap((n) => [1, n]),
    ),
  );
  return reshape(
    wide,
    p.map((n, i) => n * q[i]!),
  );
}

/**
 * The vector product of 3-vectors along `axis` (default the last): [..., 3], [..., 3] → [..., 3]; other axes broadcast.
 * ShapeError for another size on that axis.
 * @example
 * cross([1, 0, 0], [0, 1, 0])
 */
export function cross(x1: TensorLike, x2: TensorLike, options: { readonly axis?: number } = {}): Tensor {
  const given = [x1, x2].map((t) => asTensor(t, undefined, "cross"));
  const [a, b] = unify("cross", given) as [Node, Node];
  const axis = normalizeAxis("cross", options.axis ?? -1, a.shape.length);
  if (given.some((t) => t.shape[axis - a.shape.length + t.ndim] !== 3))
    throw new ShapeError(
      "cross",
      `shapes ${given.map((t) => showShape(t.shape)).join(" and ")} need size 3 on axis ${axis - a.shape.length}`,
      "Choose the axis of the vectors with { axis }",
    );
  const next = (x: Node, by: number): Tensor => {
    const part = (from: number, to: number) =>
      make.slice(
        x,
        x.shape.map((_, i) => (i === axis ? from : 0)),
        x.shape.map(() => 1),
        x.shape.with(axis, to - from),
      );
    return wrap(make.concat([part(by, 3), part(0, by)], axis));
  };
  return sub(mul(next(a, 1), next(b, 2)), mul(next(a, 2), next(b, 1)));
}

/** Swaps the last two axes: [..., m, n] → [..., n, m]. ShapeError below two. */
export const matrixTranspose = (x: TensorLike): Tensor => T(needMatrices("matrixTranspose", x));

export interface DiagonalOptions {
  /** Diagonals above the main one (positive) or below it (negative). */
  readonly offset?: number;
  /** The axes of the matrices; the standard's default is the last two (numpy.diagonal takes 0 and 1). */
  readonly axis1?: number;
  readonly axis2?: number;
}

/**
 * The diagonals of matrices, [..., m, n] → [..., length]. ShapeError below two axes, ArgumentError for a fractional
 * offset, IndexError for axes that are not there or the same.
 * @example
 * diagonal([[1, 2], [3, 4]])
 */
export function diagonal(x: TensorLike, options: DiagonalOptions = {}): Tensor {
  return diagonals("diagonal", x, options);
}

function diagonals(operation: string, x: TensorLike, { offset = 0, axis1 = -2, axis2 = -1 }: DiagonalOptions): Tensor {
  if (!Number.isInteger(offset)) throw new ArgumentError(operation, `the offset ${offset} is not an integer`);
  return wrap(matrix.diagonalOf(toLast(operation, needMatrices(operation, x), axis1, axis2), offset));
}

/**
 * The sum of the diagonal, [..., m, n] → [...]. Bool and integers narrower than 32 bits are summed in 32. Errors as for
 * `diagonal`.
 * @example
 * trace([[1, 2], [3, 4]])
 */
export function trace(x: TensorLike, options: DiagonalOptions & { readonly dtype?: DType } = {}): Tensor {
  const parts = diagonals("trace", x, options);
  const wider: Partial<Record<DType, DType>> = {
    bool: "int32",
    int8: "int32",
    int16: "int32",
    uint8: "uint32",
    uint16: "uint32",
  };
  return reduce("reduceSum", cast(parts, options.dtype ?? wider[parts.dtype] ?? parts.dtype), [parts.ndim - 1]);
}
