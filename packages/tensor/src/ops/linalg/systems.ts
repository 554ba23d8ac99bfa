import { promote } from "../../dtype.ts";
import { ShapeError } from "../../errors.ts";
import { customGradient, stopGradient } from "../../graph/autodiff.ts";
import * as matrix from "../../graph/linalg.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { broadcastShapes, type Shape, showShape } from "../../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "../core.ts";
import { abs, log, mod, mul, neg, sign, sub } from "../elementwise.ts";
import { cast, checkDiagonals, identityLike, isZero, product, reduce, regularFix, reshape, solvingType, squares, T } from "./matrices.ts";

/** Square systems and what their LU factors give. */

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

/**
 * x with a x = b, for a [..., n, n] and b [..., n, k], or a vector b [n]; shaped like b, batch axes broadcast. Gaussian
 * elimination with partial pivoting. ArgumentError for a singular matrix, ShapeError unless a is square and b has n
 * rows.
 * @example
 * solve([[2, 0], [1, 3]], [4, 11])
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
 * lower one; `transpose` solves with aᵀ; `unitDiagonal` takes the diagonal as ones. Names as in
 * scipy.linalg.solve_triangular. ArgumentError for a zero on the diagonal, ShapeError as for `solve`.
 * @example
 * triangularSolve([[2, 0], [1, 3]], [[4], [11]])
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

/**
 * The inverse, [..., n, n] → [..., n, n]. To solve a system, `solve` is the better way. ArgumentError for a singular
 * matrix, ShapeError unless square.
 * @example
 * inv([[2, 0], [0, 4]])
 */
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

/**
 * The determinant: [..., n, n] → [...]. Its gradient det(x) x⁻ᵀ needs a regular matrix. ShapeError unless square.
 * @example
 * det([[1, 2], [3, 4]])
 */
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

/**
 * Sign and log|det x|, [..., n, n] → twice [...], where det itself would overflow. A singular matrix gives 0 and
 * -Infinity. ShapeError unless square.
 * @example
 * const { sign, logabsdet } = slogdet([[1, 2], [3, 4]]);
 * console.log(sign);
 * logabsdet
 */
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
