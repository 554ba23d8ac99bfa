import type { DType, TypedArray } from "../dtype.ts";

/** A realised array outside of the engine: elements as stored, row-major. */
export interface ArrayData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}
