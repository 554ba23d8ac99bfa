import { type ArrayData, isArrayData } from "../array-data.ts";
import { asDType, type DType, decode, encode, isFloat, promote, promoteScalar, type TypedArray } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { make, type Node } from "../graph/node.ts";
import type { UnaryOp } from "../graph/primitives.ts";
import { type NestedArray, Tensor } from "../graph/tensor.ts";
import { broadcastShapes, type Shape, sameShape, showShape, sizeOf } from "../shape.ts";

/** What array functions take: an array, a number or boolean, nested plain arrays, a typed array (one dimension) or one with its shape. */
export type TensorLike = Tensor | NestedArray | TypedArray | ArrayData;

/** Wraps a node. Ops end with this. */
export const wrap = (node: Node): Tensor => new Tensor(node);

/**
 * An array from whatever an array function takes. Plain numbers become float32 unless all are integers (int32);
 * booleans become bool; a typed array keeps its type. Throws ShapeError for ragged nesting.
 */
export function asTensor(x: TensorLike, dtype?: DType, operation = "tensor"): Tensor {
  if (x instanceof Tensor) return dtype && dtype !== x.dtype ? wrap(make.cast(x.node, dtype)) : x;
  if (dtype !== undefined) asDType(operation, dtype);
  if (typeof x === "number" || typeof x === "boolean") return wrap(scalar(x, dtype ?? naturalType(x), []));
  if (ArrayBuffer.isView(x)) return fromTypedArray(operation, x as TypedArray, dtype);
  if (isArrayData(x)) return fromArrayData(operation, x, dtype);
  if (!Array.isArray(x))
    throw new ArgumentError(
      operation,
      `cannot make an array of ${x === null ? "null" : typeof x}`,
      "Pass numbers, nested arrays or a typed array",
    );
  const shape = nestedShape(operation, x);
  const flat = x.flat(Number.POSITIVE_INFINITY) as (number | boolean)[];
  if (flat.length !== sizeOf(shape)) throw ragged(operation);
  const found =
    dtype ?? flat.map(naturalType).reduce((a, b) => (a === b ? a : promote(a, b)), flat.length ? naturalType(flat[0]!) : "float32");
  for (const value of flat) checkFits(operation, value, found);
  return wrap(engine.upload(shape, found, encode(found, flat as number[])));
}

function naturalType(value: unknown): DType {
  if (typeof value === "boolean") return "bool";
  if (typeof value !== "number") throw new ArgumentError("tensor", `${JSON.stringify(value) ?? typeof value} is not a number or boolean`);
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 && !Object.is(value, -0) ? "int32" : "float32";
}

function checkFits(operation: string, value: number | boolean, dtype: DType): void {
  if (typeof value !== "boolean" && typeof value !== "number")
    throw new ArgumentError(operation, `${JSON.stringify(value) ?? typeof value} is not a number or boolean`);
  if (isFloat(dtype) || dtype === "bool") return;
  make.constant(Number(value), [], dtype); // throws a sentence when it does not fit
}

function nestedShape(operation: string, x: readonly unknown[]): number[] {
  const shape: number[] = [];
  for (let level: unknown = x; Array.isArray(level); level = level[0]) shape.push(level.length);
  const check = (level: unknown, axis: number): void => {
    if (axis === shape.length) {
      if (Array.isArray(level)) throw ragged(operation);
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[axis]) throw ragged(operation);
    for (const inner of level) check(inner, axis + 1);
  };
  check(x, 0);
  return shape;
}

const ragged = (operation: string) =>
  new ShapeError(operation, "nested arrays of different lengths or depths", "Every row needs the same number of elements");

function fromArrayData(operation: string, { shape, dtype: own, data }: ArrayData, dtype: DType | undefined): Tensor {
  if (sizeOf(shape) !== data.length)
    throw new ShapeError(operation, `shape ${showShape(shape)} has ${sizeOf(shape)} elements, the data ${data.length}`);
  return asTensor(wrap(engine.upload(shape, asDType(operation, own), data)), dtype, operation);
}

function fromTypedArray(operation: string, x: TypedArray, dtype: DType | undefined): Tensor {
  const own = (
    {
      Uint8Array: "uint8",
      Uint8ClampedArray: "uint8",
      Uint16Array: "uint16",
      Uint32Array: "uint32",
      Int8Array: "int8",
      Int16Array: "int16",
      Int32Array: "int32",
      Float32Array: "float32",
      Float64Array: "float64",
    } as Record<string, DType>
  )[x.constructor.name];
  if (!own)
    throw new ArgumentError(operation, `cannot make an array of a ${x.constructor.name}`, "Convert it to Float64Array or Int32Array");
  return wrap(engine.upload([x.length], dtype ?? own, dtype && dtype !== own ? encode(dtype, decode(own, x)) : x));
}

/** A node with one number everywhere, of a given type. */
export function scalar(value: number | boolean, dtype: DType, shape: Shape): Node {
  return make.constant(Number(value), shape, dtype);
}

/** Broadcasts a node to a shape, adding axes in front. */
export function broadcastNode(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  if (x.op === "constant") return make.constant((x.attrs as { value: number }).value, shape, x.dtype);
  const padded = [...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  return make.expand(make.reshape(x, padded), shape);
}

/** Common type of operands; plain numbers and booleans adapt to the arrays beside them. */
export function commonType(xs: readonly TensorLike[]): DType {
  const arrays = xs.filter((x) => typeof x !== "number" && typeof x !== "boolean").map((x) => asTensor(x).dtype);
  const scalars = xs.filter((x): x is number | boolean => typeof x === "number" || typeof x === "boolean");
  if (!arrays.length) return scalars.map(naturalType).reduce(promote);
  return scalars.reduce((dtype: DType, x) => promoteScalar(dtype, x), arrays.reduce(promote));
}

/** Nodes of one type and shape from operands that may differ in both. */
export function unify(operation: string, xs: readonly TensorLike[], dtype?: DType): Node[] {
  const tensors = xs.map((x) => (typeof x === "number" || typeof x === "boolean" ? x : asTensor(x, undefined, operation)));
  const type = dtype ?? commonType(tensors);
  const shape = broadcastShapes(operation, ...tensors.map((x) => (x instanceof Tensor ? x.shape : [])));
  return tensors.map((x) =>
    x instanceof Tensor ? broadcastNode(make.cast(x.node, type), shape) : scalar(x as number | boolean, type, shape),
  );
}

/** An elementwise function whose result is a float: integers and bool become float32 first. */
export function floatUnary(op: UnaryOp, x: TensorLike): Tensor {
  const t = asTensor(x, undefined, op);
  return wrap(make.unary(op, make.cast(t.node, floatType(t.dtype))));
}

/** The float type a function of floats computes in: the array's own, or float32. */
export const floatType = (dtype: DType): DType => (isFloat(dtype) ? dtype : "float32");
