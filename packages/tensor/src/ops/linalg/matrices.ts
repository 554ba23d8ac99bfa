import type { DType } from "../../dtype.ts";
import { ArgumentError, ShapeError } from "../../errors.ts";
import { engine } from "../../graph/engine.ts";
import * as matrix from "../../graph/linalg.ts";
import { make, type Node } from "../../graph/node.ts";
import type { ReduceOp } from "../../graph/primitives.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { broadcastShapes, normalizeAxes, normalizeAxis, type Shape, showShape } from "../../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "../core.ts";

/** What the linear algebra functions share: short words for operations on stacks of matrices, and the checks at the boundary. */

export const reshape = (x: Tensor, shape: Shape) => wrap(make.reshape(x.node, shape));
export const T = (x: Tensor) => wrap(matrix.transpose(x.node));
export const cast = (x: Tensor, dtype: DType) => wrap(make.cast(x.node, dtype));

export function reduce(op: ReduceOp, x: Tensor, axes: readonly number[], keepdims = false): Tensor {
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

/** Moves two axes to the end. */
export function toLast(operation: string, x: Tensor, axis1: number, axis2: number): Node {
  const pair = [axis1, axis2].map((axis) => normalizeAxis(operation, axis, x.ndim));
  normalizeAxes(operation, pair, x.ndim); // throws for the same axis twice
  return make.permute(x.node, [...Array.from(x.shape.keys()).filter((i) => !pair.includes(i)), ...pair]);
}

/** Product of stacks of matrices, batch axes broadcast. */
export function product(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [x, y] = [a, b].map((t) => broadcastNode(t.node, [...batch, ...t.shape.slice(-2)])) as [Node, Node];
  return wrap(matrix.matmul(x, y));
}

export const identityLike = (a: Tensor): Tensor => wrap(matrix.diagonalMatrix(make.constant(1, a.shape.slice(0, -1), a.dtype)));

export const solvingType = (dtype: DType): DType => (dtype === "float64" ? "float64" : "float32");
export const epsilonOf = (dtype: DType): number => (dtype === "float64" ? Number.EPSILON : 2 ** -23);

export function needMatrices(operation: string, x: TensorLike): Tensor {
  const t = asTensor(x, undefined, operation);
  if (t.ndim < 2)
    throw new ShapeError(operation, `needs matrices, received shape ${showShape(t.shape)}`, "Matrices are the last two axes: [..., m, n]");
  return t;
}

/** Matrices in the type that factorisations compute in. */
export function matrices(operation: string, x: TensorLike): Tensor {
  const t = needMatrices(operation, x);
  return cast(t, solvingType(t.dtype));
}

export function squares(operation: string, x: TensorLike): Tensor {
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
export function checkDiagonals(
  operation: string,
  results: readonly Node[],
  isBad: (x: number) => boolean,
  problem: string,
  fix: string,
): void {
  if (engine.trace || engine.differentiating || !engine.backend.readSync) return;
  engine.realise(results);
  const [factor] = results as [Node];
  const at = Array.from(engine.readSync(matrix.diagonalOf(factor))).findIndex(isBad);
  if (at < 0) return;
  const [n, batch] = [factor.shape.at(-1)!, factor.shape.slice(0, -2)];
  const which = batch.length ? `matrix ${Math.floor(at / n)} of the stack ${showShape(batch)}` : "the matrix";
  throw new ArgumentError(operation, `${which} is ${problem} (row ${at % n})`, fix);
}

export const isZero = (x: number) => x === 0;
export const regularFix = "Use lstsq or pinv, or add a small multiple of the identity";
