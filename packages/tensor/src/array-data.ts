import type { DType, TypedArray } from "./dtype.ts";

/** A realised array outside of the engine: elements as stored, row-major. */
export interface ArrayData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Whether x holds elements and their shape. */
export const isArrayData = (x: unknown): x is ArrayData =>
  ArrayBuffer.isView((x as Partial<ArrayData> | null)?.data) && Array.isArray((x as ArrayData).shape);
