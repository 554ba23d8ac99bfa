import { asDType, type DType, dtypeInfo, encode, isFloat } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { make, type Node } from "../graph/node.ts";
import { type Tensor, Variable } from "../graph/tensor.ts";
import { asShape, type Shape, showShape } from "../shape.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "./core.ts";

/**
 * Making arrays, under the names of the array API standard 2024.12 and NumPy. A shape is a list of sizes, or one number
 * for a single axis: ShapeError for sizes that are no whole numbers from 0. DTypeError for an unknown type.
 */

export interface DTypeOption {
  /** Number type of the result. */
  readonly dtype?: DType;
}

/** A shape as functions take it: sizes, or one number for a single axis. */
export type ShapeLike = number | Shape;

const shapeFrom = (operation: string, shape: ShapeLike): number[] => asShape(operation, typeof shape === "number" ? [shape] : shape);

const typeFrom = (operation: string, dtype: DType | undefined, fallback: DType): DType =>
  dtype === undefined ? fallback : asDType(operation, dtype);

/**
 * An array from a number, a boolean, nested arrays or a typed array. Whole numbers become int32, other numbers float32,
 * booleans bool; a typed array keeps its type and has one dimension. ShapeError for ragged nesting, ArgumentError for
 * what is no number, DTypeError for numbers that do not fit a given integer type.
 * @example
 * tensor([1, 2, 3], { dtype: "int32" })
 */
export const tensor = (value: TensorLike, options: DTypeOption = {}): Tensor => wrap(asTensor(value, options.dtype, "tensor").node);

/**
 * NumPy's name for `tensor`.
 * @example
 * array([[1, 2], [3, 4.5]])
 */
export const array = tensor;

/**
 * As `tensor`, but an array of the wanted type is returned as it is.
 * @example
 * asarray([1, 2, 3])
 */
export const asarray = (value: TensorLike, options: DTypeOption = {}): Tensor => asTensor(value, options.dtype, "asarray");

/**
 * An array that can be assigned, such as the weights of a layer; values as for `tensor`. `name` appears in errors.
 * @example
 * const count = variable([0, 0]);
 * count.assign(array([1, 2]));
 * count
 */
export const variable = (value: TensorLike, options: DTypeOption & { readonly name?: string } = {}): Variable =>
  new Variable(asTensor(value, options.dtype, "variable").node, options.name);

/**
 * An array of one value everywhere; the type is that of the value unless given. A value with axes is broadcast to the
 * shape, with ShapeError when it cannot be.
 * @example
 * full([2, 2], 7)
 */
export function full(shape: ShapeLike, value: TensorLike, options: DTypeOption = {}): Tensor {
  const sizes = shapeFrom("full", shape);
  const x = asTensor(value, options.dtype, "full");
  if (x.ndim > sizes.length || x.shape.some((n, i) => n !== 1 && n !== sizes[sizes.length - x.ndim + i]))
    throw new ShapeError("full", `a value of shape ${showShape(x.shape)} does not fill shape ${showShape(sizes)}`);
  return wrap(broadcastNode(x.node, sizes));
}

function filled(operation: string, value: number, shape: ShapeLike, dtype: DType | undefined): Tensor {
  return wrap(make.constant(value, shapeFrom(operation, shape), typeFrom(operation, dtype, "float32")));
}

/**
 * An array of zeros, float32 unless given.
 * @example
 * zeros([2, 3])
 */
export const zeros = (shape: ShapeLike, options: DTypeOption = {}): Tensor => filled("zeros", 0, shape, options.dtype);

/**
 * An array of ones, float32 unless given.
 * @example
 * ones([3], { dtype: "int32" })
 */
export const ones = (shape: ShapeLike, options: DTypeOption = {}): Tensor => filled("ones", 1, shape, options.dtype);

/** An array to be filled later: zeros, since nothing here is ever uninitialised. */
export const empty = (shape: ShapeLike, options: DTypeOption = {}): Tensor => filled("empty", 0, shape, options.dtype);

function filledLike(operation: string, value: number, x: TensorLike, dtype: DType | undefined): Tensor {
  const like = asTensor(x, undefined, operation);
  return filled(operation, value, like.shape, dtype ?? like.dtype);
}

/**
 * Zeros in the shape and type of x.
 * @example
 * zerosLike(arange(3))
 */
export const zerosLike = (x: TensorLike, options: DTypeOption = {}): Tensor => filledLike("zerosLike", 0, x, options.dtype);

/**
 * Ones in the shape and type of x.
 * @example
 * onesLike([[1, 2], [3, 4]])
 */
export const onesLike = (x: TensorLike, options: DTypeOption = {}): Tensor => filledLike("onesLike", 1, x, options.dtype);

/** As `empty`, in the shape and type of x. */
export const emptyLike = (x: TensorLike, options: DTypeOption = {}): Tensor => filledLike("emptyLike", 0, x, options.dtype);

/**
 * One value everywhere, in the shape and type of x; a value with axes is broadcast, as by `full`.
 * @example
 * fullLike(arange(3), 9)
 */
export function fullLike(x: TensorLike, value: TensorLike, options: DTypeOption = {}): Tensor {
  const like = asTensor(x, undefined, "fullLike");
  return full(like.shape, value, { dtype: options.dtype ?? like.dtype });
}

const isInt32 = (x: number): boolean => Number.isInteger(x) && Math.abs(x) < 2 ** 31 && !Object.is(x, -0);

/** `count` numbers as an array, computed here in double precision and rounded once. */
function computed(count: number, dtype: DType, value: (i: number) => number): Tensor {
  const numbers = new Float64Array(count);
  const { min, max } = dtypeInfo(dtype);
  for (let i = 0; i < count; i++) {
    const x = value(i);
    numbers[i] = isFloat(dtype) || dtype === "bool" ? x : Math.min(max, Math.max(min, Math.trunc(x)));
  }
  return wrap(engine.upload([count], dtype, encode(dtype, numbers)));
}

/**
 * The numbers start, start + step, ... before stop: `arange(stop)`, `arange(start, stop)` or `arange(start, stop,
 * step)`, each with options; shape [max(0, ⌈(stop - start) / step⌉)]. int32 if all are whole, else float32. For
 * fractional steps `linspace` is the safer choice. ArgumentError for a step of 0 and for bounds that are not finite.
 * @example
 * arange(2, 10, 3)
 */
export function arange(stop: number, options?: DTypeOption): Tensor;
export function arange(start: number, stop: number, options?: DTypeOption): Tensor;
export function arange(start: number, stop: number, step: number, options?: DTypeOption): Tensor;
export function arange(...args: readonly (number | DTypeOption | undefined)[]): Tensor {
  const numbers = args.filter((x) => typeof x === "number");
  const { dtype: wanted } = (args.find((x) => typeof x === "object") ?? {}) as DTypeOption;
  const [start, stop, step = 1] = (numbers.length === 1 ? [0, numbers[0]] : numbers) as [number, number, number?];
  if (![start, stop, step].every(Number.isFinite) || step === 0)
    throw new ArgumentError(
      "arange",
      `cannot count from ${start} to ${stop} in steps of ${step}`,
      "Use finite numbers and a step other than 0",
    );
  const count = Math.max(0, Math.ceil((stop - start) / step));
  asShape("arange", [count]);
  const whole = [start, step, start + Math.max(0, count - 1) * step].every(isInt32);
  const dtype = typeFrom("arange", wanted, whole && Number.isInteger(stop) ? "int32" : "float32");
  if (!whole) return computed(count, dtype, (i) => start + i * step);
  let x: Node = make.iota([count], 0, "int32");
  if (step !== 1) x = make.binary("mul", x, make.constant(step, [count], "int32"));
  if (start !== 0) x = make.binary("add", x, make.constant(start, [count], "int32"));
  return wrap(make.cast(x, dtype));
}

export interface LinspaceOptions extends DTypeOption {
  /** Whether the last number is `stop` (default) or one step before it. */
  readonly endpoint?: boolean;
}

/** A function of the index that gives the evenly spaced numbers, the last of them exactly. */
function spacing(operation: string, start: number, stop: number, count: number, endpoint: boolean): (i: number) => number {
  if (!Number.isInteger(count) || count < 0)
    throw new ArgumentError(operation, `the count of numbers is ${count}`, "Use a whole number, 0 or more");
  const parts = endpoint ? count - 1 : count;
  const step = (stop - start) / parts;
  return (i) => (endpoint && i === parts && i > 0 ? stop : parts > 0 ? start + i * step : start);
}

/**
 * `count` evenly spaced numbers from start to stop, shape [count], float32 unless given. Integer types round down, as
 * in NumPy. ArgumentError for a count that is negative or fractional.
 * @example
 * linspace(0, 1, 5)
 */
export function linspace(start: number, stop: number, count = 50, options: LinspaceOptions = {}): Tensor {
  const { endpoint = true } = options;
  const dtype = typeFrom("linspace", options.dtype, "float32");
  const at = spacing("linspace", start, stop, count, endpoint);
  return computed(count, dtype, isFloat(dtype) ? at : (i) => Math.floor(at(i)));
}

/**
 * `count` numbers whose logarithms are evenly spaced, from base^start to base^stop, base 10 unless given: [count]
 * (NumPy). ArgumentError as for `linspace`.
 * @example
 * logspace(0, 3, 4)
 */
export function logspace(start: number, stop: number, count = 50, options: LinspaceOptions & { readonly base?: number } = {}): Tensor {
  const { endpoint = true, base = 10 } = options;
  const at = spacing("logspace", start, stop, count, endpoint);
  return computed(count, typeFrom("logspace", options.dtype, "float32"), (i) => base ** at(i));
}

export interface DiagonalChoice {
  /** Which diagonal: 0 the main one, positive above it, negative below. */
  readonly k?: number;
}

function checkDiagonal(operation: string, k: number): void {
  if (!Number.isInteger(k)) throw new ArgumentError(operation, `diagonal k = ${k} is not a whole number`);
}

/** Row and column number of every place of the last two axes. */
function places(shape: Shape): { row: Node; column: Node } {
  return { row: make.iota(shape, shape.length - 2, "int32"), column: make.iota(shape, shape.length - 1, "int32") };
}

const shiftBy = (x: Node, k: number): Node => (k === 0 ? x : make.binary("add", x, make.constant(k, x.shape, "int32")));

/** Where column ≤ row + k. */
function lowerTriangle(shape: Shape, k: number): Node {
  const { row, column } = places(shape);
  return make.compare("le", column, shiftBy(row, k));
}

/**
 * A matrix [rows, columns] with ones on diagonal k and zeros elsewhere; square unless `columns` is given. ArgumentError
 * for a fractional k.
 * @example
 * eye(3)
 */
export function eye(rows: number, options: DTypeOption & DiagonalChoice & { readonly columns?: number } = {}): Tensor {
  const { k = 0, columns = rows } = options;
  checkDiagonal("eye", k);
  const { row, column } = places(asShape("eye", [rows, columns]));
  return wrap(make.cast(make.compare("eq", column, shiftBy(row, k)), typeFrom("eye", options.dtype, "float32")));
}

/**
 * The identity matrix [n, n] (NumPy).
 * @example
 * identity(2)
 */
export const identity = (n: number, options: DTypeOption = {}): Tensor => eye(n, options);

/**
 * A matrix [rows, columns] with ones at and below diagonal k and zeros above (NumPy); square unless `columns` is given.
 * ArgumentError for a fractional k.
 * @example
 * tri(3)
 */
export function tri(rows: number, options: DTypeOption & DiagonalChoice & { readonly columns?: number } = {}): Tensor {
  const { k = 0, columns = rows } = options;
  checkDiagonal("tri", k);
  return wrap(make.cast(lowerTriangle(asShape("tri", [rows, columns]), k), typeFrom("tri", options.dtype, "float32")));
}

function matrices(operation: string, x: TensorLike): Node {
  const { node } = asTensor(x, undefined, operation);
  if (node.shape.length < 2)
    throw new ShapeError(
      operation,
      `needs a matrix or a stack of matrices, received shape ${showShape(node.shape)}`,
      "Add an axis with expandDims()",
    );
  return node;
}

/**
 * The lower triangle of the last two axes, [..., m, n] → [..., m, n]: everything above diagonal k becomes 0. ShapeError
 * below two axes, ArgumentError for a fractional k.
 * @example
 * tril(ones([3, 3]))
 */
export function tril(x: TensorLike, options: DiagonalChoice = {}): Tensor {
  const { k = 0 } = options;
  checkDiagonal("tril", k);
  const node = matrices("tril", x);
  return wrap(make.where(lowerTriangle(node.shape, k), node, make.constant(0, node.shape, node.dtype)));
}

/**
 * The upper triangle of the last two axes, [..., m, n] → [..., m, n]: everything below diagonal k becomes 0. ShapeError
 * below two axes, ArgumentError for a fractional k.
 * @example
 * triu(ones([3, 3]))
 */
export function triu(x: TensorLike, options: DiagonalChoice = {}): Tensor {
  const { k = 0 } = options;
  checkDiagonal("triu", k);
  const node = matrices("triu", x);
  return wrap(make.where(lowerTriangle(node.shape, k - 1), make.constant(0, node.shape, node.dtype), node));
}

/**
 * [n] → the matrix [n + |k|, n + |k|] with x on diagonal k; [m, n] → diagonal k of x (NumPy). ShapeError for other
 * shapes, ArgumentError for a fractional k.
 * @example
 * diag([1, 2, 3])
 */
export function diag(x: TensorLike, options: DiagonalChoice = {}): Tensor {
  const { k = 0 } = options;
  checkDiagonal("diag", k);
  const { node } = asTensor(x, undefined, "diag");
  if (node.shape.length === 1) return wrap(matrixWithDiagonal(node, k));
  if (node.shape.length === 2) return wrap(diagonalOf(node, k));
  throw new ShapeError("diag", `needs one or two dimensions, received shape ${showShape(node.shape)}`);
}

function matrixWithDiagonal(x: Node, k: number): Node {
  const n = x.size + Math.abs(k);
  // Element j of the padded vector belongs to column j, in the row k above it.
  const padded = make.pad(x, [Math.max(k, 0)], [Math.max(-k, 0)]);
  const { row, column } = places([n, n]);
  const onDiagonal = make.compare("eq", column, shiftBy(row, k));
  return make.where(onDiagonal, broadcastNode(padded, [n, n]), make.constant(0, [n, n], x.dtype));
}

/** Neighbours on a diagonal are `columns + 1` apart in row-major order, so it is a strided slice. */
function diagonalOf(x: Node, k: number): Node {
  const [rows, columns] = x.shape as [number, number];
  const [top, left] = [Math.max(-k, 0), Math.max(k, 0)];
  const count = Math.max(0, Math.min(rows - top, columns - left));
  return make.slice(make.reshape(x, [rows * columns]), [top * columns + left], [columns + 1], [count]);
}

/**
 * Coordinate arrays of the grid that vectors span: the i-th result varies along the i-th axis (`indexing: "ij"`), or
 * with the first two axes exchanged, as in plots ("xy", the default: [n], [m] → twice [m, n]). ShapeError for what is
 * no vector, ArgumentError for another indexing.
 * @example
 * const [x, y] = meshgrid([[0, 1, 2], [10, 20]]);
 * console.log(x);
 * y
 */
export function meshgrid(vectors: readonly TensorLike[], options: { readonly indexing?: "xy" | "ij" } = {}): Tensor[] {
  const { indexing = "xy" } = options;
  if (indexing !== "xy" && indexing !== "ij")
    throw new ArgumentError("meshgrid", `indexing is ${JSON.stringify(indexing)}`, 'Use "xy" or "ij"');
  const nodes = vectors.map((v) => asTensor(v, undefined, "meshgrid").node);
  for (const node of nodes)
    if (node.shape.length > 1)
      throw new ShapeError("meshgrid", `a vector has shape ${showShape(node.shape)}`, "Pass one-dimensional arrays");
  const axisOf = (i: number): number => (indexing === "xy" && i < 2 && nodes.length > 1 ? 1 - i : i);
  const shape = new Array<number>(nodes.length);
  nodes.forEach((node, i) => {
    shape[axisOf(i)] = node.size;
  });
  return nodes.map((node, i) => {
    const along = shape.map((_, axis) => (axis === axisOf(i) ? node.size : 1));
    return wrap(make.expand(make.reshape(node, along), shape));
  });
}

/**
 * The number of every place along every axis, stacked: [rank, ...shape], int32 unless given (NumPy).
 * @example
 * indices([2, 2])
 */
export function indices(shape: Shape, options: DTypeOption = {}): Tensor {
  const sizes = asShape("indices", shape);
  const dtype = typeFrom("indices", options.dtype, "int32");
  if (!sizes.length) return zeros([0], { dtype });
  const grids = sizes.map((_, axis) => make.reshape(make.iota(sizes, axis, dtype), [1, ...sizes]));
  return wrap(make.concat(grids, 0));
}

/**
 * The array whose element at (i, j, ...) is f(i, j, ...); f is called once, with whole arrays of indices, int32 unless
 * given. ShapeError when what it returns does not broadcast to `shape`. NumPy's fromfunction.
 * @example
 * fromFunction((i, j) => i.mul(10).add(j), [2, 3])
 */
export function fromFunction(f: (...indices: Tensor[]) => TensorLike, shape: Shape, options: DTypeOption = {}): Tensor {
  const sizes = asShape("fromFunction", shape);
  const dtype = typeFrom("fromFunction", options.dtype, "int32");
  const result = asTensor(f(...sizes.map((_, axis) => wrap(make.iota(sizes, axis, dtype)))), undefined, "fromFunction");
  return full(sizes, result);
}
