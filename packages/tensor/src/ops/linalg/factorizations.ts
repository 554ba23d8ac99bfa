import { ArgumentError } from "../../errors.ts";
import * as matrix from "../../graph/linalg.ts";
import type { Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type TensorLike, wrap } from "../core.ts";
import { checkDiagonals, matrices, squares } from "./matrices.ts";

/**
 * Factorisations of stacks of matrices; Golub & Van Loan, Matrix Computations, is the source of their algorithms
 * (backends/host/linalg.ts).
 */

/**
 * L with x = L Lᵀ for symmetric positive definite x: [..., n, n] → [..., n, n]; with `upper` the factor U = Lᵀ. Reads
 * one triangle only, the lower one (with `upper` the upper one). ArgumentError for a matrix that is not positive
 * definite, ShapeError unless square.
 * @example
 * cholesky([[4, 2], [2, 3]])
 */
export function cholesky(x: TensorLike, options: { readonly upper?: boolean } = {}): Tensor {
  const { upper = false } = options;
  const a = squares("cholesky", x).node;
  const [l] = matrix.factorize("cholesky", [upper ? matrix.transpose(a) : a]) as [Node];
  checkDiagonals("cholesky", [l], Number.isNaN, "not positive definite", "It needs positive eigenvalues, and no NaN");
  return wrap(upper ? matrix.transpose(l) : l);
}

/**
 * x = Q R, Q orthonormal and R upper triangular. For x [..., m, n] and k = min(m, n): "reduced" gives [..., m, k] and
 * [..., k, n], "complete" [..., m, m] and [..., m, n] (without gradient where m > n). ArgumentError for another mode.
 * @example
 * const { Q, R } = qr([[1, 2], [3, 4]]);
 * matmul(Q, R)
 */
export function qr(x: TensorLike, options: { readonly mode?: "reduced" | "complete" } = {}): { Q: Tensor; R: Tensor } {
  const { mode = "reduced" } = options;
  if (mode !== "reduced" && mode !== "complete")
    throw new ArgumentError("qr", `unknown mode ${JSON.stringify(mode)}`, `Use "reduced" or "complete"`);
  const [q, r] = matrix.factorize("qr", [matrices("qr", x).node], { mode }) as [Node, Node];
  return { Q: wrap(q), R: wrap(r) };
}

/**
 * x = U diag(S) Vh, singular values S [..., k] descending, k = min(m, n). U is [..., m, m] and Vh
 * [..., n, n], or with `fullMatrices: false` [..., m, k] and [..., k, n], which is the form that has a gradient.
 * @example
 * const { U, S, Vh } = svd([[3, 0], [0, 4]]);
 * console.log(S);
 * matmul(U.mul(S), Vh)
 */
export function svd(x: TensorLike, options: { readonly fullMatrices?: boolean } = {}): { U: Tensor; S: Tensor; Vh: Tensor } {
  const { fullMatrices = true } = options;
  const [u, s, vh] = matrix.factorize("svd", [matrices("svd", x).node], { fullMatrices }) as [Node, Node, Node];
  return { U: wrap(u), S: wrap(s), Vh: wrap(vh) };
}

/**
 * Singular values, descending: [..., m, n] → [..., min(m, n)]. The standard's name.
 * @example
 * svdvals([[3, 0], [0, 4]])
 */
export const svdvals = (x: TensorLike): Tensor => wrap(matrix.factorize("svd", [matrices("svdvals", x).node], { fullMatrices: false })[1]!);

/**
 * Eigenvalues of symmetric x, ascending [..., n], and eigenvectors as columns [..., n, n]. Reads the lower triangle.
 * The gradient through the vectors is infinite where eigenvalues coincide. ShapeError unless square.
 * @example
 * const { eigenvalues, eigenvectors } = eigh([[2, 1], [1, 2]]);
 * console.log(eigenvalues);
 * eigenvectors
 */
export function eigh(x: TensorLike): { eigenvalues: Tensor; eigenvectors: Tensor } {
  const [w, v] = matrix.factorize("eigh", [squares("eigh", x).node]) as [Node, Node];
  return { eigenvalues: wrap(w), eigenvectors: wrap(v) };
}

/**
 * Eigenvalues of symmetric x, ascending: [..., n, n] → [..., n]. Reads the lower triangle. ShapeError unless square.
 * @example
 * eigvalsh([[2, 1], [1, 2]])
 */
export const eigvalsh = (x: TensorLike): Tensor => wrap(matrix.factorize("eigh", [squares("eigvalsh", x).node])[0]!);
