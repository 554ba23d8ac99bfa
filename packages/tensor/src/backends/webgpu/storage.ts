import { bfloat16Bits, type DType, decode, dtypeInfo, encode, type TypedArray } from "../../dtype.ts";
import { storedType } from "./values.ts";

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, f16: Uint16Array } as const;

/** From elements as Gradus stores them to bytes as the GPU does: small types take 32 bits. A copy. */
export function toStored(dtype: DType, data: TypedArray, hasFloat16: boolean): Uint8Array<ArrayBuffer> {
  if (dtype === "float64") return new Uint8Array(data.slice().buffer as ArrayBuffer);
  const type = storedType(dtype, hasFloat16);
  if (type === "f16") {
    const padded = new Uint16Array(data.length + (data.length % 2));
    padded.set(data);
    return new Uint8Array(padded.buffer);
  }
  return new Uint8Array(arrays[type].from(decode(dtype, data)).buffer);
}

/** The way back. */
export function fromStored(dtype: DType, bytes: Uint8Array<ArrayBuffer>, length: number, hasFloat16: boolean): TypedArray {
  const { array } = dtypeInfo(dtype);
  const type = storedType(dtype, hasFloat16);
  if (dtype === "float64" || type === "f16") return new array(bytes.buffer, 0, length);
  const words = new arrays[type](bytes.buffer, 0, length);
  if (words instanceof array) return words;
  if (dtype === "bfloat16") return Uint16Array.from(words, bfloat16Bits);
  if (dtype === "float16") return encode(dtype, words);
  const out = new array(length);
  out.set(words);
  return out;
}
