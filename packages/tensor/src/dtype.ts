import { DTypeError } from "./errors.ts";

/** Names of the number types, smallest first within a kind. */
export const dtypes = ["bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "bfloat16", "float32", "float64"] as const;
export type DType = (typeof dtypes)[number];

/** `complex` is not implemented; the kind is named so that tables over kinds stay exhaustive when it comes. */
export type Kind = "bool" | "uint" | "int" | "float";

/** A typed array as stored: bool as 0/1 bytes, float16 and bfloat16 as their bits. */
export type TypedArray = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

interface DTypeInfo {
  readonly kind: Kind;
  readonly bytes: number;
  /** Constructor of the stored form. */
  readonly array: { new (length: number): TypedArray; new (buffer: ArrayBufferLike, offset: number, length: number): TypedArray };
  /** Smallest and largest value of an integer type; ±Infinity for floats. */
  readonly min: number;
  readonly max: number;
}

const info: Record<DType, DTypeInfo> = {
  bool: { kind: "bool", bytes: 1, array: Uint8Array, min: 0, max: 1 },
  uint8: { kind: "uint", bytes: 1, array: Uint8Array, min: 0, max: 255 },
  uint16: { kind: "uint", bytes: 2, array: Uint16Array, min: 0, max: 65535 },
  uint32: { kind: "uint", bytes: 4, array: Uint32Array, min: 0, max: 4294967295 },
  int8: { kind: "int", bytes: 1, array: Int8Array, min: -128, max: 127 },
  int16: { kind: "int", bytes: 2, array: Int16Array, min: -32768, max: 32767 },
  int32: { kind: "int", bytes: 4, array: Int32Array, min: -2147483648, max: 2147483647 },
  float16: { kind: "float", bytes: 2, array: Uint16Array, min: -Infinity, max: Infinity },
  bfloat16: { kind: "float", bytes: 2, array: Uint16Array, min: -Infinity, max: Infinity },
  float32: { kind: "float", bytes: 4, array: Float32Array, min: -Infinity, max: Infinity },
  float64: { kind: "float", bytes: 8, array: Float64Array, min: -Infinity, max: Infinity },
};

/** What a number type is: its kind, bytes per element, constructor of the stored form, smallest and largest value. */
export const dtypeInfo = (dtype: DType): DTypeInfo => info[dtype];
export const bytesOf = (dtype: DType): number => info[dtype].bytes;
export const isFloat = (dtype: DType): boolean => info[dtype].kind === "float";
export const isInteger = (dtype: DType): boolean => info[dtype].kind === "int" || info[dtype].kind === "uint";
export const isUnsigned = (dtype: DType): boolean => info[dtype].kind === "uint";

/** Checks a type name that comes from outside. */
export function asDType(operation: string, name: unknown): DType {
  if (typeof name === "string" && (dtypes as readonly string[]).includes(name)) return name as DType;
  throw new DTypeError(operation, `unknown dtype ${JSON.stringify(name)}`, `Use one of ${dtypes.join(", ")}`);
}

/**
 * The type that holds values of both (array API standard 2024.12, "type promotion"). Where the standard leaves the
 * result open: an integer and a float give the float; uint32 with a signed type gives float64, as there is no int64;
 * float16 with bfloat16 gives float32; bool gives way to everything.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const [ka, kb] = [info[a].kind, info[b].kind];
  if (ka === "bool") return b;
  if (kb === "bool") return a;
  if (ka === "float" || kb === "float") {
    if (ka !== kb) return ka === "float" ? a : b;
    if (bytesOf(a) === bytesOf(b)) return "float32";
    return bytesOf(a) > bytesOf(b) ? a : b;
  }
  if (ka === kb) return bytesOf(a) > bytesOf(b) ? a : b;
  const [signed, unsigned] = ka === "int" ? [a, b] : [b, a];
  if (bytesOf(signed) > bytesOf(unsigned)) return signed;
  return ({ uint8: "int16", uint16: "int32", uint32: "float64" } as Record<string, DType>)[unsigned] as DType;
}

/** The type of `dtype` joined with a plain JavaScript number or boolean: the array's own where its kind can hold it. */
export function promoteScalar(dtype: DType, value: number | boolean): DType {
  if (typeof value === "boolean") return dtype;
  if (isFloat(dtype)) return dtype;
  if (!Number.isInteger(value)) return "float32";
  return dtype === "bool" ? "int32" : dtype;
}

const f32 = new Float32Array(1);
const bits32 = new Uint32Array(f32.buffer);

/** Bits of the float16 nearest to a number (ties to even). */
export function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const x = Math.abs(value);
  if (x >= 65520) return sign | 0x7c00;
  if (x < 2 ** -14) return sign | roundEven(x * 2 ** 24); // subnormal: units of 2^-24; 1024 units are the first normal
  const exponent = Math.floor(Math.log2(x));
  const e = x < 2 ** exponent ? exponent - 1 : x >= 2 ** (exponent + 1) ? exponent + 1 : exponent;
  return sign | (((e + 15) << 10) + roundEven((x / 2 ** e - 1) * 1024)); // a carry runs into the exponent, as it should
}

/** The number a float16's bits stand for. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Bits of the bfloat16 nearest to the float32 of a number (ties to even). */
export function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  f32[0] = value;
  const bits = bits32[0] as number;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number a bfloat16's bits stand for. */
export function bfloat16Value(bits: number): number {
  bits32[0] = (bits & 0xffff) << 16;
  return f32[0] as number;
}

function roundEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** Decodes stored elements into plain numbers: float16 and bfloat16 become a Float32Array, all others stay as they are. */
export function decode(dtype: DType, stored: TypedArray): TypedArray {
  if (dtype !== "float16" && dtype !== "bfloat16") return stored;
  const value = dtype === "float16" ? float16Value : bfloat16Value;
  return new Float32Array(stored).map(value);
}

/** Stores numbers as `dtype` does: integers wrap, bool tests != 0, half types round to nearest even. */
export function encode(dtype: DType, values: ArrayLike<number>): TypedArray {
  const out = new (dtypeInfo(dtype).array)(values.length);
  const bits = bitsOf[dtype];
  if (bits) for (let i = 0; i < values.length; i++) out[i] = bits(values[i] as number);
  else out.set(values);
  return out;
}

/** How types are stored for which typed arrays do not know it themselves. */
const bitsOf: Partial<Record<DType, (x: number) => number>> = {
  bool: (x) => (Number(x) !== 0 ? 1 : 0), // JavaScript booleans come here too
  float16: float16Bits,
  bfloat16: bfloat16Bits,
};
