import { promote } from "../../dtype.ts";
import { ShapeError } from "../../errors.ts";
import { customGradient } from "../../graph/autodiff.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { showShape } from "../../shape.ts";
import { asTensor, type TensorLike } from "../core.ts";
import { add, div, less, mul, sub, where } from "../elementwise.ts";
import { svd, svdvals } from "./factorizations.ts";
import { cast, epsilonOf, matrices, product, reduce, reshape, solvingType, T } from "./matrices.ts";

/** Systems that are not square or not regular, by singular values. */

/** Which singular values count: those above rtol (the standard's default: max(m, n) · eps) times the largest. */
function significant(a: Tensor, s: Tensor, rtol: TensorLike | undefined): Tensor {
  const relative = rtol === undefined ? Math.max(...a.shape.slice(-2)) * epsilonOf(a.dtype) : asTensor(rtol, a.dtype);
  const factor = typeof relative === "number" ? relative : reshape(relative, [...relative.shape, 1]);
  if (s.size === 0) return less(s, s);
  return less(mul(reduce("reduceMax", s, [s.ndim - 1], true), factor), s);
}

const countOf = (flags: Tensor): Tensor => reduce("reduceSum", cast(flags, "int32"), [flags.ndim - 1]);

/**
 * How many singular values exceed `rtol` (default max(m, n) · eps) times the largest: [..., m, n] → int32 [...].
 * @example
 * matrixRank([[1, 2], [2, 4]])
 */
export function matrixRank(x: TensorLike, options: { readonly rtol?: TensorLike } = {}): Tensor {
  const a = matrices("matrixRank", x);
  return countOf(significant(a, svdvals(a), options.rtol));
}

/**
 * The Moore-Penrose inverse, [..., m, n] → [..., n, m]: singular values up to `rtol` (default max(m, n) · eps) times
 * the largest count as zero. Its gradient (Golub & Pereyra 1973) holds where the rank does not change.
 * @example
 * pinv([[1, 0], [0, 2], [0, 0]])
 */
export function pinv(x: TensorLike, options: { readonly rtol?: TensorLike } = {}): Tensor {
  const a = matrices("pinv", x);
  const { U, S, Vh } = svd(a, { fullMatrices: false });
  return pseudoInverse(a, U, S, Vh, significant(a, S, options.rtol));
}

function pseudoInverse(a: Tensor, U: Tensor, S: Tensor, Vh: Tensor, kept: Tensor): Tensor {
  const forward = (): Tensor => {
    const inverse = where(kept, div(1, where(kept, S, 1)), 0); // [..., k]
    return product(T(Vh), mul(reshape(inverse, [...inverse.shape, 1]), T(U)));
  };
  // Ā = -Pᵀ P̄ Pᵀ + (I - A P) P̄ᵀ P Pᵀ + Pᵀ P P̄ᵀ (I - P A)
  const backward = (g: Tensor): Tensor => {
    const [pT, gP, pG] = [T(p), product(T(g), p), product(p, T(g))];
    const inside = product(product(pT, g), pT);
    const below = product(sub(gP, product(a, product(p, gP))), pT);
    const beside = product(pT, sub(pG, product(product(pG, p), a)));
    return add(sub(below, inside), beside);
  };
  const p: Tensor = customGradient(forward, backward)(a);
  return p;
}

/**
 * The x of least norm among those that minimise |b - a x|₂ (NumPy), for a [m, n] and b [m] or [m, k]: x [n] or [n, k].
 * `residuals` are the squares |b - a x|² of each column, [k] (NumPy leaves them out where the rank is not full), `s`
 * the singular values of a; those up to `rcond` (default max(m, n) · eps) times the largest count as zero. ShapeError
 * for shapes that are no system.
 */
export function lstsq(
  a: TensorLike,
  b: TensorLike,
  options: { readonly rcond?: number } = {},
): { x: Tensor; residuals: Tensor; rank: Tensor; s: Tensor } {
  const left = matrices("lstsq", a);
  const given = asTensor(b, undefined, "lstsq");
  const isVector = given.ndim === 1;
  if (left.ndim !== 2 || given.ndim === 0 || given.ndim > 2 || given.shape[0] !== left.shape[0])
    throw new ShapeError(
      "lstsq",
      `${showShape(left.shape)} x = ${showShape(given.shape)} is no system`,
      "Shapes are [m, n] and [m] or [m, k]",
    );
  const type = promote(left.dtype, solvingType(given.dtype));
  const A = cast(left, type);
  const B = cast(isVector ? reshape(given, [...given.shape, 1]) : given, type);
  const { U, S, Vh } = svd(A, { fullMatrices: false });
  const kept = significant(A, S, options.rcond);
  const x = product(pseudoInverse(A, U, S, Vh, kept), B);
  const rest = sub(B, product(A, x));
  const residuals = reduce("reduceSum", mul(rest, rest), [0]);
  return { x: isVector ? reshape(x, [x.shape[0]!]) : x, residuals, rank: countOf(kept), s: S };
}
