/**
 * Linear algebra: the `linalg` extension of the array API standard 2024.12, under NumPy's names. Matrices are the last
 * two axes, axes before them a stack. Factorisations compute in float64 on the CPU and return float64 for float64,
 * float32 for every other type. NaN in, NaN out. ShapeError for what has less than two axes where matrices are needed.
 *
 * Singular matrices and the like are reported (ArgumentError) where values can be looked at: on CPU devices, outside of
 * `compile` and of gradients. Elsewhere the result holds NaN or infinity.
 */
export { cholesky, eigh, eigvalsh, qr, svd, svdvals } from "./factorizations.ts";
export { type MatrixOrder, matrixNorm, norm, vectorNorm } from "./norms.ts";
export { cross, type DiagonalOptions, diagonal, kron, matrixPower, matrixTranspose, multiDot, outer, trace } from "./products.ts";
export { lstsq, matrixRank, pinv } from "./pseudoinverse.ts";
export { det, inv, slogdet, solve, triangularSolve } from "./systems.ts";
