import type { DType } from "@gradus/tensor";

/** TensorProto.DataType of number types. */
export const onnxTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
};
/** Gradus has no int64: it comes in as int32, and goes out only as shapes and indices. */
export const int64 = 7;
