import { type DType, promote } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { customGradient, stopGradient } from "../graph/autodiff.ts";
import { engine } from "../graph/engine.ts";
import * as matrix from "../graph/linalg.ts";
import { make, type Node } from "../graph/node.ts";
import type { ReduceOp } from "../graph/primitives.ts";
import type { Tensor } from "../graph/tensor.ts";
import { broadcastShapes, normalizeAxes, normalizeAxis, type Shape, showShape } from "../shape.ts";
import { asTensor, broadcastNode, commonType, floatType, type TensorLike, unify, wrap } from "./core.ts";
import { abs, add, div, equal, less, log, mod, mul, neg, notEqual, pow, sign, sqrt, sub, where } from "./elementwise.ts";

/*
 * Linear algebra: the `linalg` extension of the array API standard 2024.12, under NumPy's names. Matrices are the last
 * two axes, axes before them a stack. Factorisations compute in float64 on the CPU and return float64 for float64,
 * float32 for every other type. NaN in, NaN out.
 *
 * Singular matrices and the like are reported where values can be looked at: on CPU devices, outside of `compile` and of
 * gradients. Elsewhere the result holds NaN or infinity.
 */

// --- words in short -----------------------------------------------------------------------------------------------

const reshape = (x: Tensor, shape: Shape) => wrap(make.reshape(x.node, shape));
const T = (x: Tensor) => wrap(matrix.transpose(x.node));
const cast = (x: Tensor, dtype: DType) => wrap(make.cast(x.node, dtype));

function reduce(op: ReduceOp, x: Tensor, axes: readonly number[], keepdims = false): Tensor {
  const result = axes.length ? make.reduce(op, x.node, axes) : x.node;
  return wrap(
    keepdims
      ? make.reshape(
          result,
          x.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
        )
      : result,
  );
}

/** Product of stacks of matrices, batch axes broadcast. */
function product(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [x, y] = [a, b].map((t) => broadcastNode(t.node, [...batch, ...t.shape.slice(-2)])) as [Node, Node];
  return wrap(matrix.matmul(x, y));
}

/** x^(1/p), flat at zero: norms have no slope there, and zero is a subgradient. */
function root(x: Tensor, p: number): Tensor {
  const zero = equal(x, 0);
  const safe = where(zero, 1, x);
  return where(zero, p < 0 ? div(1, x) : 0, p === 2 ? sqrt(safe) : pow(safe, 1 / p));
}

// --- checks at the boundary ---------------------------------------------------------------------------------------

const solvingType = (dtype: DType): DType => (dtype === "float64" ? "float64" : "float32");
const epsilonOf = (dtype: DType): number => (dtype === "float64" ? Number.EPSILON : 2 ** -23);

function needMatrices(operation: string, x: TensorLike): Tensor {
  const t = asTensor(x, undefined, operation);
  if (t.ndim < 2)
    throw new ShapeError(operation, `needs matrices, received shape ${showShape(t.shape)}`, "Matrices are the last two axes: [..., m, n]");
  return t;
}

/** Matrices in the type that factorisations compute in. */
function matrices(operation: string, x: TensorLike): Tensor {
  const t = needMatrices(operation, x);
  return cast(t, solvingType(t.dtype));
}

function squares(operation: string, x: TensorLike): Tensor {
  const t = matrices(operation, x);
  if (t.shape.at(-1) !== t.shape.at(-2))
    throw new ShapeError(
      operation,
      `needs square matrices [..., n, n], received shape ${showShape(t.shape)}`,
      "For systems that are not square use lstsq or pinv",
    );
  return t;
}

/**
 * Throws for the first matrix whose diagonal holds a bad value, where values can be looked at now. `results` are all
 * results of a factorisation, the one to check first: they are computed together, once.
 */
function checkDiagonals(operation: string, results: readonly Node[], isBad: (x: number) => boolean, problem: string, fix: string): void {
  if (engine.trace || engine.differentiating || !engine.backend.readSync) return;
  engine.realise(results);
  const [factor] = results as [Node];
  const at = Array.from(engine.readSync(matrix.diagonalOf(factor))).findIndex(isBad);
  if (at < 0) return;
  const [n, batch] = [factor.shape.at(-1)!, factor.shape.slice(0, -2)];
  const which = batch.length ? `matrix ${Math.floor(at / n)} of the stack ${showShape(batch)}` : "the matrix";
  throw new ArgumentError(operation, `${which} is ${problem} (row ${at % n})`, fix);
}

const isZero = (x: number) => x === 0;
const regularFix = "Use lstsq or pinv, or add a small multiple of the identity";

// --- factorisations -----------------------------------------------------------------------------------------------

/**
 * L with x = L Lᵀ for symmetric positive definite x [..., n, n]; with `upper` the factor U = Lᵀ. Reads one triangle only,
 * the lower one (with `upper` the upper one). Throws ArgumentError for a matrix that is not positive definite.
 */
export function cholesky(x: TensorLike, options: { readonly upper?: boolean } = {}): Tensor {
  const { upper = false } = options;
  const a = squares("cholesky", x).node;
  const [l] = matrix.factorize("cholesky", [upper ? matrix.transpose(a) : a]) as [Node];
  checkDiagonals("cholesky", [l], Number.isNaN, "not positive definite", "It needs positive eigenvalues, and no NaN");
  return wrap(upper ? matrix.transpose(l) : l);
}

/**
 * x = Q R, Q orthonormal and R upper triangular. For x [..., m, n] and k = min(m, n): "reduced" gives
 * [..., m, k] and [..., k, n], "complete" [..., m, m] and [..., m, n] (without gradient where m > n).
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
 */
export function svd(x: TensorLike, options: { readonly fullMatrices?: boolean } = {}): { U: Tensor; S: Tensor; Vh: Tensor } {
  const { fullMatrices = true } = options;
  const [u, s, vh] = matrix.factorize("svd", [matrices("svd", x).node], { fullMatrices }) as [Node, Node, Node];
  return { U: wrap(u), S: wrap(s), Vh: wrap(vh) };
}

/** Singular values, descending: [..., m, n] to [..., min(m, n)]. */
export const svdvals = (x: TensorLike): Tensor => wrap(matrix.factorize("svd", [matrices("svdvals", x).node], { fullMatrices: false })[1]!);

/**
 * Eigenvalues of symmetric x, ascending [..., n], and eigenvectors as columns [..., n, n]. Reads the lower triangle. The
 * gradient through the vectors is infinite where eigenvalues coincide.
 */
export function eigh(x: TensorLike): { eigenvalues: Tensor; eigenvectors: Tensor } {
  const [w, v] = matrix.factorize("eigh", [squares("eigh", x).node]) as [Node, Node];
  return { eigenvalues: wrap(w), eigenvectors: wrap(v) };
}

/** Eigenvalues of symmetric x, ascending: [..., n, n] to [..., n]. Reads the lower triangle. */
export const eigvalsh = (x: TensorLike): Tensor => wrap(matrix.factorize("eigh", [squares("eigvalsh", x).node])[0]!);

// --- systems ------------------------------------------------------------------------------------------------------

/** A factored stack: A[p] = L U, both in `lu`, p in `order`. */
interface Factored {
  readonly a: Tensor;
  readonly lu: Node;
  readonly order: Node;
}

function factored(a: Tensor): Factored {
  const [lu, order] = matrix.factorize("lu", [a.node]) as [Node, Node];
  return { a, lu, order: make.cast(order, "int32") };
}

/** As `factored`, for operations that a singular matrix does not have. */
function factoredRegular(operation: string, a: Tensor): Factored {
  const factors = factored(a);
  checkDiagonals(operation, [factors.lu, factors.order], isZero, "singular", regularFix);
  return factors;
}

/** The factors repeated for a stack of right-hand sides. */
function repeated({ a, lu, order }: Factored, batch: Shape): Factored {
  const [n] = a.shape.slice(-1) as [number];
  return {
    a: wrap(broadcastNode(a.node, [...batch, n, n])),
    lu: broadcastNode(lu, [...batch, n, n]),
    order: broadcastNode(order, [...batch, n]),
  };
}

/** X with op(A) X = B, where op transposes or not: two triangular systems. Shapes agree. */
function solveFactored(factors: Factored, b: Tensor, transposed = false): Tensor {
  const { lu, order } = factors;
  const forward = (): Tensor => {
    if (!transposed) {
      const y = matrix.triangularSolve(lu, matrix.takeRows(b.node, order), { lower: true, unitDiagonal: true });
      return wrap(matrix.triangularSolve(lu, y, { lower: false }));
    }
    const y = matrix.triangularSolve(lu, b.node, { lower: false, transpose: true });
    const x = matrix.triangularSolve(lu, y, { lower: true, unitDiagonal: true, transpose: true });
    return wrap(matrix.takeRows(x, make.argsort(order, order.shape.length - 1)));
  };
  // B̄ = op(A)⁻ᵀ X̄ and op(A)‾ = -B̄ Xᵀ (Giles 2008), with the factors at hand: cheaper than through the factorisation.
  const backward = (g: Tensor): Tensor[] => {
    const bBar = solveFactored(factors, g, !transposed);
    return [neg(transposed ? product(x, T(bBar)) : product(bBar, T(x))), bBar];
  };
  const x: Tensor = customGradient(forward, backward)(factors.a, b);
  return x;
}

const identityLike = (a: Tensor): Tensor => wrap(matrix.diagonalMatrix(make.constant(1, a.shape.slice(0, -1), a.dtype)));

/**
 * x with a x = b, for a [..., n, n] and b [..., n, k], or a vector b [n]; batch axes broadcast. Gaussian elimination
 * with partial pivoting. Throws ArgumentError for a singular matrix.
 */
export function solve(a: TensorLike, b: TensorLike): Tensor {
  const [left, right, restore] = system("solve", a, b);
  const batch = broadcastShapes("solve", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const factors = factoredRegular("solve", left);
  const stack = wrap(broadcastNode(right.node, [...batch, ...right.shape.slice(-2)]));
  return restore(solveFactored(repeated(factors, batch), stack));
}

/** A system's two sides in one type, a vector on the right as a column; `restore` undoes that. */
function system(operation: string, a: TensorLike, b: TensorLike): [left: Tensor, right: Tensor, restore: (x: Tensor) => Tensor] {
  const left = squares(operation, a);
  const given = asTensor(b, undefined, operation);
  const n = left.shape.at(-1)!;
  const isVector = given.ndim === 1;
  if (given.ndim === 0 || given.shape.at(isVector ? -1 : -2) !== n)
    throw new ShapeError(
      operation,
      `${showShape(left.shape)} x = ${showShape(given.shape)}: the right side needs ${n} rows`,
      `Its shape is [${n}] or [..., ${n}, k]${given.shape.at(-1) === n ? "; transpose it?" : ""}`,
    );
  const type = promote(left.dtype, solvingType(given.dtype));
  const right = cast(isVector ? reshape(given, [n, 1]) : given, type);
  return [cast(left, type), right, (x) => (isVector ? reshape(x, x.shape.slice(0, -1)) : x)];
}

/**
 * x with op(a) x = b for triangular a [..., n, n], b as in `solve`. Reads the upper triangle of a, or with `lower` the
 * lower one; `transpose` solves with aᵀ; `unitDiagonal` takes the diagonal as ones. Names as in scipy.linalg. Throws
 * ArgumentError for a zero on the diagonal.
 */
export function triangularSolve(
  a: TensorLike,
  b: TensorLike,
  options: { readonly lower?: boolean; readonly transpose?: boolean; readonly unitDiagonal?: boolean } = {},
): Tensor {
  const { lower = false, transpose = false, unitDiagonal = false } = options;
  const [left, right, restore] = system("triangularSolve", a, b);
  if (!unitDiagonal) checkDiagonals("triangularSolve", [left.node], isZero, "singular: its diagonal holds a zero", regularFix);
  const batch = broadcastShapes("triangularSolve", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [x, y] = [left, right].map((t) => broadcastNode(t.node, [...batch, ...t.shape.slice(-2)])) as [Node, Node];
  return restore(wrap(matrix.triangularSolve(x, y, { lower, transpose, unitDiagonal })));
}

/** The inverse of x [..., n, n]. Throws ArgumentError for a singular matrix. To solve a system, `solve` is the better way. */
export function inv(x: TensorLike): Tensor {
  const factors = factoredRegular("inv", squares("inv", x));
  return solveFactored(factors, identityLike(factors.a));
}

/** +1 or -1 for an even or odd order of rows, by counting pairs out of place: [..., n] int32 to [...]. */
function parity({ order, a }: Factored): Tensor {
  const n = order.shape.at(-1)!;
  const [first, second] = [matrix.asColumns(order, n), matrix.asRows(order, n)];
  const swapped = make.binary("and", make.compare("lt", second, first), matrix.isWhere(first.shape, "above"));
  const count = reduce("reduceSum", cast(wrap(swapped), "int32"), [first.shape.length - 2, first.shape.length - 1]);
  return cast(sub(1, mul(2, mod(count, 2))), a.dtype);
}

const onColumns = (x: Tensor): Tensor => reshape(x, [...x.shape, 1, 1]);

/** The determinant: [..., n, n] to [...]. Its gradient det(x) x⁻ᵀ needs a regular matrix. */
export function det(x: TensorLike): Tensor {
  const factors = factored(squares("det", x));
  const diagonalU = wrap(matrix.diagonalOf(factors.lu));
  const value = mul(parity(factors), reduce("reduceProd", diagonalU, [diagonalU.ndim - 1]));
  const result: Tensor = customGradient(
    () => value,
    (g) => mul(onColumns(mul(g, result)), solveFactored(factors, identityLike(factors.a), true)),
  )(factors.a);
  return result;
}

/** Sign and log|det x|, each [...], where det itself would overflow. A singular matrix gives 0 and -Infinity. */
export function slogdet(x: TensorLike): { sign: Tensor; logabsdet: Tensor } {
  const factors = factored(squares("slogdet", x));
  const diagonalU = wrap(matrix.diagonalOf(factors.lu));
  const last = diagonalU.ndim - 1;
  const signs = mul(parity(factors), reduce("reduceProd", sign(diagonalU), [last]));
  const logabsdet = customGradient(
    () => reduce("reduceSum", log(abs(diagonalU)), [last]),
    (g) => mul(onColumns(g), solveFactored(factors, identityLike(factors.a), true)),
  )(factors.a);
  return { sign: stopGradient(signs), logabsdet };
}

/** Which singular values count: those above rtol (the standard's default: max(m, n) · eps) times the largest. */
function significant(a: Tensor, s: Tensor, rtol: TensorLike | undefined): Tensor {
  const relative = rtol === undefined ? Math.max(...a.shape.slice(-2)) * epsilonOf(a.dtype) : asTensor(rtol, a.dtype);
  const factor = typeof relative === "number" ? relative : reshape(relative, [...relative.shape, 1]);
  if (s.size === 0) return less(s, s);
  return less(mul(reduce("reduceMax", s, [s.ndim - 1], true), factor), s);
}

const countOf = (flags: Tensor): Tensor => reduce("reduceSum", cast(flags, "int32"), [flags.ndim - 1]);

/** How many singular values exceed `rtol` (default max(m, n) · eps) times the largest: [..., m, n] to int32 [...]. */
export function matrixRank(x: TensorLike, options: { readonly rtol?: TensorLike } = {}): Tensor {
  const a = matrices("matrixRank", x);
  return countOf(significant(a, svdvals(a), options.rtol));
}

/**
 * The Moore-Penrose inverse, [..., m, n] to [..., n, m]: singular values up to `rtol` times the largest count as zero.
 * Its gradient (Golub & Pereyra 1973) holds where the rank does not change.
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
 * The x of least norm among those that minimise |b - a x|₂, for a [m, n] and b [m] or [m, k]. `residuals` are the squares
 * |b - a x|² of each column, [k] (NumPy leaves them out where the rank is not full), `s` the singular values of a; those
 * up to `rcond` (default max(m, n) · eps) times the largest count as zero.
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

// --- products -----------------------------------------------------------------------------------------------------

/** x multiplied by itself n times, by repeated squaring; n = 0 gives the identity, negative n powers of the inverse. */
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
 * The product of two or more matrices in the order that needs the fewest multiplications (Cormen et al., Introduction to
 * Algorithms, §14.2). The first and the last may be vectors.
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

/** x_i y_j of two vectors: [m], [n] to [m, n]. */
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

/** The Kronecker product: every element of `a` times all of `b`, shapes multiplied axis by axis (the shorter padded by ones). */
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

/** The vector product of 3-vectors along `axis` (default the last); other axes broadcast. */
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

// --- views --------------------------------------------------------------------------------------------------------

/** Swaps the last two axes: [..., m, n] to [..., n, m]. */
export const matrixTranspose = (x: TensorLike): Tensor => T(needMatrices("matrixTranspose", x));

export interface DiagonalOptions {
  /** Diagonals above the main one (positive) or below it (negative). */
  readonly offset?: number;
  /** The axes of the matrices; the standard's default is the last two (numpy.diagonal takes 0 and 1). */
  readonly axis1?: number;
  readonly axis2?: number;
}

/** The diagonals of matrices, [..., m, n] to [..., length]. */
export function diagonal(x: TensorLike, options: DiagonalOptions = {}): Tensor {
  return diagonals("diagonal", x, options);
}

function diagonals(operation: string, x: TensorLike, { offset = 0, axis1 = -2, axis2 = -1 }: DiagonalOptions): Tensor {
  if (!Number.isInteger(offset)) throw new ArgumentError(operation, `the offset ${offset} is not an integer`);
  return wrap(matrix.diagonalOf(toLast(operation, needMatrices(operation, x), axis1, axis2), offset));
}

/** Moves two axes to the end. */
function toLast(operation: string, x: Tensor, axis1: number, axis2: number): Node {
  const pair = [axis1, axis2].map((axis) => normalizeAxis(operation, axis, x.ndim));
  normalizeAxes(operation, pair, x.ndim); // throws for the same axis twice
  return make.permute(x.node, [...Array.from(x.shape.keys()).filter((i) => !pair.includes(i)), ...pair]);
}

/** The sum of the diagonal, [..., m, n] to [...]. Bool and integers narrower than 32 bits are summed in 32. */
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

// --- norms --------------------------------------------------------------------------------------------------------

/** Orders of matrix norms; the numbers are 1, -1, 2, -2, Infinity and -Infinity. */
export type MatrixOrder = "fro" | "nuc" | number;

/**
 * Norms of matrices, [..., m, n] to [...] ([..., 1, 1] with `keepdims`). `ord`: "fro" (default) the root of the sum of
 * squares, "nuc" the sum of singular values, 2 and -2 the largest and smallest of them, 1 and -1 the largest and smallest
 * absolute sum of a column, Infinity and -Infinity of a row.
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
 * NumPy's `norm`: of vectors for one `axis`, of matrices for two. Without axis, the 2-norm of all elements, or with `ord`
 * the norm of a vector or matrix of that order.
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
