import { FormatError } from "@gradus/tensor";

/**
 * ONNX files are Protocol Buffers (onnx.proto, IR version 8). Only the messages and fields used here are described; others
 * are skipped when read. The library is fetched when a file is touched.
 */

type Scalar = "string" | "bytes" | "int32" | "int64" | "float" | "double" | "uint64";
/** Name → number, type (a scalar or a message), and whether it repeats. */
type Fields = Readonly<Record<string, readonly [number: number, type: string, repeated?: true]>>;

const messages: Readonly<Record<string, Fields>> = {
  ModelProto: {
    irVersion: [1, "int64"],
    producerName: [2, "string"],
    producerVersion: [3, "string"],
    graph: [7, "GraphProto"],
    opsetImport: [8, "OperatorSetIdProto", true],
    metadataProps: [14, "StringStringEntryProto", true],
  },
  OperatorSetIdProto: { domain: [1, "string"], version: [2, "int64"] },
  StringStringEntryProto: { key: [1, "string"], value: [2, "string"] },
  GraphProto: {
    node: [1, "NodeProto", true],
    name: [2, "string"],
    initializer: [5, "TensorProto", true],
    input: [11, "ValueInfoProto", true],
    output: [12, "ValueInfoProto", true],
  },
  NodeProto: {
    input: [1, "string", true],
    output: [2, "string", true],
    name: [3, "string"],
    opType: [4, "string"],
    attribute: [5, "AttributeProto", true],
    domain: [7, "string"],
  },
  AttributeProto: {
    name: [1, "string"],
    f: [2, "float"],
    i: [3, "int64"],
    s: [4, "bytes"],
    t: [5, "TensorProto"],
    floats: [7, "float", true],
    ints: [8, "int64", true],
    strings: [9, "bytes", true],
    type: [20, "int32"],
  },
  TensorProto: {
    dims: [1, "int64", true],
    dataType: [2, "int32"],
    floatData: [4, "float", true],
    int32Data: [5, "int32", true],
    int64Data: [7, "int64", true],
    name: [8, "string"],
    rawData: [9, "bytes"],
    doubleData: [10, "double", true],
    uint64Data: [11, "uint64", true],
    dataLocation: [14, "int32"],
  },
  ValueInfoProto: { name: [1, "string"], type: [2, "TypeProto"] },
  TypeProto: { tensorType: [1, "TypeTensor"] },
  TypeTensor: { elemType: [1, "int32"], shape: [2, "TensorShapeProto"] },
  TensorShapeProto: { dim: [1, "Dimension", true] },
  Dimension: { dimValue: [1, "int64"], dimParam: [2, "string"] },
};

export interface TensorProto {
  dims: bigint[];
  dataType: number;
  name: string;
  rawData: Uint8Array;
  floatData: number[];
  int32Data: number[];
  int64Data: bigint[];
  doubleData: number[];
  uint64Data: bigint[];
  /** 1: the bytes are in another file. */
  dataLocation: number;
}
export interface AttributeProto {
  name: string;
  type: number;
  f: number;
  i: bigint;
  s: Uint8Array;
  t?: Partial<TensorProto>;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
}
export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  domain: string;
  attribute: Partial<AttributeProto>[];
}
export interface ValueInfoProto {
  name: string;
  type?: {
    tensorType?: {
      elemType: number;
      shape?: { dim: { dimValue?: bigint /** The name of a size that is not known. */; dimParam?: string }[] };
    };
  };
}
export interface GraphProto {
  name: string;
  node: NodeProto[];
  initializer: Partial<TensorProto>[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}
export interface ModelProto {
  irVersion: bigint;
  producerName: string;
  producerVersion: string;
  opsetImport: { domain: string; version: bigint }[];
  graph?: GraphProto;
  metadataProps: { key: string; value: string }[];
}

/** Numbers of AttributeProto.type. */
export const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

/** The reflected schema of a ModelProto. */
async function schema() {
  const { create, createFileRegistry } = await import("@bufbuild/protobuf");
  const { FieldDescriptorProto_Label, FieldDescriptorProto_Type, FileDescriptorProtoSchema } = await import("@bufbuild/protobuf/wkt");
  const scalars: Readonly<Record<Scalar, number>> = {
    string: FieldDescriptorProto_Type.STRING,
    bytes: FieldDescriptorProto_Type.BYTES,
    int32: FieldDescriptorProto_Type.INT32,
    int64: FieldDescriptorProto_Type.INT64,
    uint64: FieldDescriptorProto_Type.UINT64,
    float: FieldDescriptorProto_Type.FLOAT,
    double: FieldDescriptorProto_Type.DOUBLE,
  };
  const messageType = Object.entries(messages).map(([name, fields]) => ({
    name,
    field: Object.entries(fields).map(([field, [number, type, repeated]]) => ({
      name: field,
      jsonName: field,
      number,
      label: repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
      type: type in scalars ? scalars[type as Scalar] : FieldDescriptorProto_Type.MESSAGE,
      ...(type in scalars ? {} : { typeName: `.onnx.${type}` }),
    })),
  }));
  const file = create(FileDescriptorProtoSchema, { name: "onnx.proto", package: "onnx", syntax: "proto3", messageType } as never);
  return createFileRegistry(file, () => undefined).getMessage("onnx.ModelProto")!;
}

/** A model as the bytes of an ONNX file. */
export async function encodeModel(model: ModelProto): Promise<Uint8Array> {
  const { create, toBinary } = await import("@bufbuild/protobuf");
  const type = await schema();
  return toBinary(type, create(type, model as never));
}

/** FormatError for bytes that are no Protocol Buffer of an ONNX model. */
export async function decodeModel(bytes: Uint8Array): Promise<ModelProto> {
  const { fromBinary } = await import("@bufbuild/protobuf");
  const type = await schema();
  try {
    return fromBinary(type, bytes) as unknown as ModelProto;
  } catch (error) {
    throw new FormatError("importOnnx", `the file is not an ONNX model, or is cut off (${(error as Error).message})`);
  }
}
