import type { DType, Tensor, TypedArray } from "@gradus/tensor";
import { type AttributeProto, attributeTypes, type NodeProto, type TensorProto } from "./protobuf.ts";
import { int64, onnxTypes } from "./types.ts";

export type AttributeValue = number | string | readonly number[] | readonly string[] | Partial<TensorProto>;
/** Attributes of a node: whole numbers become int, unless their name is one of ONNX's floats. */
export type AttributeValues = Readonly<Record<string, AttributeValue | undefined>>;

/** Attributes that are floats even where their value is a whole number. */
const floats = new Set([
  "alpha",
  "beta",
  "gamma",
  "epsilon",
  "lambd",
  "bias",
  "momentum",
  "cubic_coeff_a",
  "activation_alpha",
  "activation_beta",
]);

const encoder = new TextEncoder();

function attribute(name: string, value: AttributeValue): Partial<AttributeProto> {
  if (typeof value === "string") return { name, type: attributeTypes.string, s: encoder.encode(value) };
  if (typeof value === "number")
    return floats.has(name) ? { name, type: attributeTypes.float, f: value } : { name, type: attributeTypes.int, i: BigInt(value) };
  if (!Array.isArray(value)) return { name, type: attributeTypes.tensor, t: value as Partial<TensorProto> };
  if (typeof value[0] === "string") return { name, type: attributeTypes.strings, strings: value.map((s) => encoder.encode(String(s))) };
  if (floats.has(name)) return { name, type: attributeTypes.floats, floats: value as number[] };
  return { name, type: attributeTypes.ints, ints: (value as number[]).map(BigInt) };
}

/** A graph of ONNX nodes that grows; values are known by name. Numbers of tensors are read when it is finished. */
export class GraphWriter {
  readonly nodes: NodeProto[] = [];
  private readonly weights: { readonly name: string; readonly tensor: Tensor }[] = [];
  private readonly constants = new Map<string, string>();
  private readonly pending: { readonly proto: Partial<TensorProto>; readonly tensor: Tensor }[] = [];
  private readonly taken = new Set<string>();

  /** A name nobody has, like the one wanted. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.taken.has(name); i++) name = `${wanted}_${i}`;
    this.taken.add(name);
    return name;
  }

  /** Adds a node of one result and gives the result's name. */
  node(opType: string, input: readonly string[], attributes: AttributeValues = {}): string {
    return this.nodeOf(opType, input, 1, attributes)[0]!;
  }

  /** Adds a node of several results. */
  nodeOf(opType: string, input: readonly string[], results: number, attributes: AttributeValues = {}, domain = ""): string[] {
    const name = this.unique(opType.toLowerCase());
    const output = Array.from({ length: results }, (_, i) => (i ? `${name}:${i}` : `${name}:out`));
    const given = Object.entries(attributes).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined);
    this.nodes.push({ input: [...input], output, name, opType, domain, attribute: given.map(([key, value]) => attribute(key, value)) });
    return output;
  }

  /** A weight: an initializer of the file. */
  weight(name: string, tensor: Tensor): string {
    const given = this.unique(name);
    this.weights.push({ name: given, tensor });
    return given;
  }

  /** An array that is no weight. */
  constant(tensor: Tensor): string {
    const proto: Partial<TensorProto> = {};
    this.pending.push({ proto, tensor });
    return this.node("Constant", [], { value: proto });
  }

  /** Whole numbers as int64 [n], as shapes, axes and the like are given. */
  ints(values: readonly number[]): string {
    return this.shared(`ints ${values.join()}`, () => ({
      dims: [BigInt(values.length)],
      dataType: int64,
      rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    }));
  }

  /** One number of no axes. */
  scalar(value: number, dtype: DType, make: (value: number, dtype: DType) => Tensor): string {
    const key = `${dtype} ${Object.is(value, -0) ? "-0" : value}`;
    let name = this.constants.get(key);
    if (!name) {
      name = this.constant(make(value, dtype));
      this.constants.set(key, name);
    }
    return name;
  }

  private shared(key: string, make: () => Partial<TensorProto>): string {
    let name = this.constants.get(key);
    if (!name) {
      name = this.node("Constant", [], { value: make() });
      this.constants.set(key, name);
    }
    return name;
  }

  /** Computes all arrays; the initializers among the names that are used. */
  async finish(used: ReadonlySet<string>): Promise<Partial<TensorProto>[]> {
    for (const { proto, tensor } of this.pending) Object.assign(proto, await tensorProto("", tensor));
    const initializers: Partial<TensorProto>[] = [];
    for (const { name, tensor } of this.weights) if (used.has(name)) initializers.push(await tensorProto(name, tensor));
    return initializers;
  }
}

async function tensorProto(name: string, tensor: Tensor): Promise<Partial<TensorProto>> {
  const { dtype, shape } = tensor;
  const stored = storedForm(dtype, await tensor.data());
  return {
    name,
    dims: shape.map(BigInt),
    dataType: onnxTypes[dtype],
    rawData: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength).slice(),
  };
}

/** Elements as a file holds them; half types come out of the engine as float32. */
function storedForm(dtype: DType, data: TypedArray): ArrayBufferView {
  if (dtype === "float16") return new Float16Array(data);
  if (dtype === "bfloat16") return Uint16Array.from(new Uint32Array(data.buffer), (bits) => bits >>> 16);
  return data;
}
