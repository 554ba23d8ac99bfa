import { ArgumentError, type DType, type Tensor, type TypedArray, tensor } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";
import type { AttributeProto, TensorProto } from "./protobuf.ts";
import { int64, onnxTypes } from "./types.ts";

/** Whole numbers that are known while the graph runs: shapes, axes, indices. ONNX computes them with operators like any other. */
export interface Known {
  readonly shape: readonly number[];
  readonly ints: readonly number[];
}

/** What flows through an ONNX graph. */
export type Value = Tensor | Known;

export const isKnown = (value: Value): value is Known => "ints" in value;
export const known = (ints: readonly number[], shape: readonly number[] = [ints.length]): Known => ({ ints, shape });

export const asTensor = (value: Value): Tensor =>
  isKnown(value) ? tensor(Int32Array.from(value.ints), { dtype: "int32" }).reshape(value.shape) : value;

/** Number types by their numbers in files. */
const dtypes = new Map(Object.entries(onnxTypes).map(([dtype, number]) => [number, dtype as DType]));

export function dtypeOf(number: number): DType {
  if (number === int64) return "int32";
  const dtype = dtypes.get(number);
  if (!dtype) throw new ArgumentError("importOnnx", `the file uses number type ${number}, which is not known here`);
  return dtype;
}

/** Known whole numbers are kept as such up to this many; longer ones are indices of data. */
const fewInts = 4096;

/** The array in a file. ArgumentError where the bytes are not those of its shape. */
export function arrayIn(proto: Partial<TensorProto>): Value {
  const { dims = [], dataType = 0, rawData, dataLocation } = proto;
  const shape = dims.map(Number);
  const size = shape.reduce((a, b) => a * b, 1);
  const name = JSON.stringify(proto.name ?? "a constant");
  if (dataLocation === 1)
    throw new ArgumentError(
      "importOnnx",
      `the numbers of ${name} are in another file`,
      "Save the model as one file, without external data",
    );
  if (shape.some((n) => n < 0) || !(size <= 2 ** 31)) throw new ArgumentError("importOnnx", `${name} has shape [${shape.join(", ")}]`);
  const wrong = (count: number): ArgumentError =>
    new ArgumentError("importOnnx", `${name} of shape [${shape.join(", ")}] has ${count} numbers`, "The file may be damaged");
  const bytes = rawData?.length ? rawData.slice() : null;
  const listed = (list: readonly (number | bigint)[] | undefined): readonly number[] => {
    if (list?.length !== size) throw wrong(list?.length ?? 0);
    return list.map(Number);
  };
  if (dataType === int64) {
    if (bytes && bytes.length !== 8 * size) throw wrong(bytes.length / 8);
    const wide = bytes ? Array.from(new BigInt64Array(bytes.buffer), Number) : listed(proto.int64Data);
    // Ends of slices are often the largest number there is.
    const ints = wide.map((n) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, n)));
    return size <= fewInts ? known(ints, shape) : tensor(Int32Array.from(ints), { dtype: "int32" }).reshape(shape);
  }
  const dtype = dtypeOf(dataType);
  if (bytes) return toTensor({ dtype, shape, data: elements(dtype, bytes, size, wrong) });
  const list = { float32: proto.floatData, float64: proto.doubleData, uint32: proto.uint64Data }[dtype as string] ?? proto.int32Data;
  return tensor([...listed(list)], { dtype }).reshape(shape);
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: Float16Array,
  bfloat16: Uint16Array,
} as const;

function elements(dtype: DType, bytes: Uint8Array, size: number, wrong: (count: number) => Error): TypedArray {
  const array = arrays[dtype];
  if (bytes.length !== size * array.BYTES_PER_ELEMENT) throw wrong(bytes.length / array.BYTES_PER_ELEMENT);
  const data = new array(bytes.buffer as ArrayBuffer);
  // Half types are float32 in plain memory.
  if (dtype === "float16") return Float32Array.from(data as Float16Array);
  if (dtype === "bfloat16") return new Float32Array(Uint32Array.from(data as Uint16Array, (bits) => bits << 16).buffer);
  return data as TypedArray;
}

/** The attributes of a node, with their defaults. */
export class Attributes {
  private readonly byName: ReadonlyMap<string, Partial<AttributeProto>>;

  constructor(list: readonly Partial<AttributeProto>[]) {
    this.byName = new Map(list.map((a) => [a.name ?? "", a]));
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }
  int(name: string, otherwise: number): number {
    const a = this.byName.get(name);
    return a ? Number(a.i ?? 0n) : otherwise;
  }
  float(name: string, otherwise: number): number {
    const a = this.byName.get(name);
    return a ? (a.f ?? 0) : otherwise;
  }
  text(name: string, otherwise: string): string {
    const a = this.byName.get(name);
    return a ? new TextDecoder().decode(a.s) : otherwise;
  }
  ints(name: string): number[] | null {
    const a = this.byName.get(name);
    return a ? (a.ints ?? []).map(Number) : null;
  }
  texts(name: string): string[] | null {
    const a = this.byName.get(name);
    return a ? (a.strings ?? []).map((s) => new TextDecoder().decode(s)) : null;
  }
  floats(name: string): number[] | null {
    const a = this.byName.get(name);
    return a ? [...(a.floats ?? [])] : null;
  }
  tensor(name: string): Value | null {
    const a = this.byName.get(name);
    return a?.t ? arrayIn(a.t) : null;
  }
}
