import { type Shape, sizeOf } from "../shape.ts";
import { make, type Node } from "./node.ts";
import type { LinalgName } from "./primitives.ts";

/** Stacks of matrices as nodes: the factorisations with their results apart, and the few words their formulas need. */

type Options = Readonly<Record<string, string | number | boolean>>;

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Shapes of the results of one matrix, in the order in which the primitive packs them. */
export function factorShapes(name: LinalgName, inputs: readonly Shape[], options: Options = {}): number[][] {
  const [m, n] = inputs[0]!.slice(-2) as [number, number];
  const k = Math.min(m, n);
  switch (name) {
    case "cholesky":
      return [[n, n]];
    case "lu":
      return [[m, n], [m]];
    case "qr":
      return options.mode === "complete"
        ? [
            [m, m],
            [m, n],
          ]
        : [
            [m, k],
            [k, n],
          ];
    case "eigh":
      return [[n], [n, n]];
    case "svd":
      return options.fullMatrices ? [[m, m], [k], [n, n]] : [[m, k], [k], [k, n]];
    case "triangularSolve":
      return [inputs[1]!.slice(-2)];
  }
}

/** The results of a `linalg` primitive, or their cotangents, taken out of the packed form: each [...batch, ...shape]. */
export function unpack(packed: Node, shapes: readonly Shape[]): Node[] {
  const batch = packed.shape.slice(0, -1);
  let end = 0;
  return shapes.map((shape) => {
    const starts = [...batch.map(() => 0), end];
    end += sizeOf(shape);
    const part = make.slice(
      packed,
      starts,
      packed.shape.map(() => 1),
      [...batch, sizeOf(shape)],
    );
    return make.reshape(part, [...batch, ...shape]);
  });
}

/** Applies a factorisation to stacks whose batch axes agree. */
export function factorize(name: LinalgName, inputs: readonly Node[], options: Options = {}): Node[] {
  const shapes = factorShapes(
    name,
    inputs.map((x) => x.shape),
    options,
  );
  const packedSize = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  return unpack(make.linalg(name, inputs, [...inputs[0]!.shape.slice(0, -2), packedSize], options), shapes);
}

/** X with op(A) X = B. */
export const triangularSolve = (a: Node, b: Node, options: { lower: boolean; transpose?: boolean; unitDiagonal?: boolean }): Node =>
  factorize("triangularSolve", [a, b], { transpose: false, unitDiagonal: false, ...options })[0]!;

/** Swaps the last two axes. */
export function transpose(x: Node): Node {
  const rank = x.shape.length;
  return make.permute(x, [...upTo(rank - 2), rank - 1, rank - 2]);
}

/** Matrix product of stacks whose batch axes agree. */
export function matmul(a: Node, b: Node): Node {
  const rank = a.shape.length;
  const batch = upTo(rank - 2);
  return make.contract(a, b, { batch: [batch, batch], contract: [[rank - 1], [rank - 2]] });
}

/** A vector of length n as every row of an [..., m, n] matrix. */
export const asRows = (x: Node, m: number): Node => stretch(x, [...x.shape.slice(0, -1), 1, x.shape.at(-1)!], -2, m);
/** A vector of length m as every column of an [..., m, n] matrix. */
export const asColumns = (x: Node, n: number): Node => stretch(x, [...x.shape, 1], -1, n);

function stretch(x: Node, shape: number[], axis: number, n: number): Node {
  return make.expand(make.reshape(x, shape), shape.with(axis, n));
}

/** Where an [..., m, n] matrix has its elements on, below or above the diagonal. */
export function isWhere(shape: Shape, place: "on" | "below" | "above"): Node {
  const [row, column] = [-2, -1].map((axis) => make.iota(shape, shape.length + axis, "int32")) as [Node, Node];
  if (place === "on") return make.compare("eq", row, column);
  return place === "below" ? make.compare("lt", column, row) : make.compare("lt", row, column);
}

/** One triangle of a matrix with its diagonal times a factor; zero elsewhere. */
export function triangle(x: Node, part: "below" | "above", diagonal: number): Node {
  const zero = make.constant(0, x.shape, x.dtype);
  const scaled = make.binary("mul", x, make.constant(diagonal, x.shape, x.dtype));
  return make.where(isWhere(x.shape, part), x, diagonal === 0 ? zero : make.where(isWhere(x.shape, "on"), scaled, zero));
}

/** A vector as the diagonal of a square matrix. */
export function diagonalMatrix(x: Node): Node {
  const wide = asRows(x, x.shape.at(-1)!);
  return make.where(isWhere(wide.shape, "on"), wide, make.constant(0, wide.shape, x.dtype));
}

/** The diagonal, `offset` places above the main one (negative: below it): [..., m, n] to [..., length]. */
export function diagonalOf(x: Node, offset = 0): Node {
  const [m, n] = x.shape.slice(-2) as [number, number];
  const batch = x.shape.slice(0, -2);
  const length = Math.max(0, offset < 0 ? Math.min(m + offset, n) : Math.min(m, n - offset));
  const start = length === 0 ? 0 : offset < 0 ? -offset * n : offset;
  const zeros = batch.map(() => 0);
  return make.slice(make.reshape(x, [...batch, m * n]), [...zeros, start], [...batch.map(() => 1), n + 1], [...batch, length]);
}

/** Rows of each matrix in the order that its int32 vector gives: x [..., m, n] and order [..., m] to [..., m, n]. */
export function takeRows(x: Node, order: Node): Node {
  const [m, n] = x.shape.slice(-2) as [number, number];
  const stack = sizeOf(x.shape.slice(0, -2));
  const offset = make.binary("mul", make.iota([stack, m], 0, "int32"), make.constant(m, [stack, m], "int32"));
  const rows = make.binary("add", make.reshape(order, [stack, m]), offset);
  return make.reshape(make.gather(make.reshape(x, [stack * m, n]), rows, 0), x.shape);
}
