import { type DType, dtypeInfo, Tensor, type TypedArray } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";

/**
 * What data sets are made of: trees (arrays and plain objects) of arrays, numbers and strings. `ArrayData`
 * (`{ shape, dtype, data }`) is an array in plain memory, such as an image: cheap to make, and it can be sent to workers.
 */
export type Leaf = Tensor | ArrayData | TypedArray | number | boolean | string | null | undefined;

/** The type of a batch of elements T: arrays of numbers become tensors with a first axis, strings become lists. */
export type Batched<T> = T extends string | null | undefined
  ? T[]
  : T extends number | boolean | Tensor | ArrayData | TypedArray
    ? Tensor
    : T extends object
      ? { -readonly [K in keyof T]: Batched<T[K]> }
      : unknown[];

export const isTypedArray = (x: unknown): x is TypedArray => ArrayBuffer.isView(x) && !(x instanceof DataView);

export const isArrayData = (x: unknown): x is ArrayData =>
  typeof x === "object" && x !== null && "shape" in x && "dtype" in x && "data" in x && Array.isArray(x.shape) && isTypedArray(x.data);

/** A branch of a tree, as opposed to a leaf. */
export function isBranch(x: unknown): x is readonly unknown[] | Readonly<Record<string, unknown>> {
  if (Array.isArray(x)) return true;
  if (typeof x !== "object" || x === null || x instanceof Tensor || isTypedArray(x) || isArrayData(x)) return false;
  const prototype = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** Applies a function to every leaf; branches are rebuilt. `path` reads like the code that reaches the leaf. */
export function mapLeaves(tree: unknown, f: (leaf: unknown, path: string) => unknown, path = ""): unknown {
  if (!isBranch(tree)) return f(tree, path);
  if (Array.isArray(tree)) return tree.map((inner, i) => mapLeaves(inner, f, `${path}[${i}]`));
  return Object.fromEntries(Object.entries(tree).map(([k, inner]) => [k, mapLeaves(inner, f, path ? `${path}.${k}` : k)]));
}

/** The number type of a plain typed array. */
export function dtypeOf(x: TypedArray): DType {
  const name = x.constructor.name.replace("Array", "").replace("Clamped", "").toLowerCase();
  return (name === "buffer" ? "uint8" : name) as DType; // Node.js: a Buffer is a Uint8Array
}

/** An array of zeros in plain memory. */
export function allocate(shape: readonly number[], dtype: DType): ArrayData {
  return { shape, dtype, data: new (dtypeInfo(dtype).array)(shape.reduce((n, d) => n * d, 1)) };
}
