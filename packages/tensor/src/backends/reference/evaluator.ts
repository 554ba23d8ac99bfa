import { type DType, encode, type TypedArray } from "../../dtype.ts";
import type { Node } from "../../graph/node.ts";
import type { Op } from "../../graph/primitives.ts";
import { type Shape, sizeOf } from "../../shape.ts";

/** The value of a primitive from those of its inputs. All are row-major and as stored; the result is a new array. */
export type Evaluate<K extends Op> = (node: Node<K>, inputs: readonly TypedArray[]) => TypedArray;
export type Evaluators<K extends Op = Op> = { readonly [P in K]: Evaluate<P> };

/**
 * Numbers as stored, once per primitive: integers wrap at their width, floats round to nearest even. Half types are
 * computed in float32, so they round twice.
 */
export function store(dtype: DType, values: ArrayLike<number>): TypedArray {
  return encode(dtype, dtype === "float16" ? Float32Array.from(values) : values);
}

/**
 * Where the elements of a view lie: for every index of `shape` in row-major order, `start` + Σ index · stride. Strides may
 * be zero or negative.
 */
export function offsets(shape: Shape, strides: readonly number[], start = 0): Uint32Array {
  const out = new Uint32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let offset = start;
  for (let i = 0; i < out.length; i++) {
    out[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** The elements of an array at some places, as they are stored. */
export function pick(x: TypedArray, places: Uint32Array): TypedArray {
  const out = new (x.constructor as new (length: number) => TypedArray)(places.length);
  for (let i = 0; i < out.length; i++) out[i] = x[places[i]!]!;
  return out;
}
