import { type DType, dtypeInfo, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type ByteSource, type ReadOptions, readBytes } from "./source.ts";

const types: Readonly<Record<number, DType>> = { 8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64" };

/** An array from an IDX file, as MNIST comes in (LeCun, Cortes, Burges: two zeros, type, axes, sizes, big-endian elements). */
export async function readIdx(source: ByteSource, options: ReadOptions = {}): Promise<ArrayData> {
  const operation = "readIdx";
  const bytes = await readBytes(source, options);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dtype = types[bytes[2] ?? -1];
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || !dtype)
    throw new FormatError(operation, "not an IDX file: it does not begin with 0 0 and a type");
  const axes = bytes[3]!;
  const start = 4 + 4 * axes;
  if (bytes.length < start) throw new FormatError(operation, "the file ends inside its header", "It may be truncated");
  const shape = Array.from({ length: axes }, (_, a) => view.getUint32(4 + 4 * a));
  const item = dtypeInfo(dtype).bytes;
  const size = shape.reduce((n, d) => n * d, item);
  if (size !== bytes.length - start)
    throw new FormatError(
      operation,
      `${dtype}[${shape.join(", ")}] needs ${size} bytes, the file has ${bytes.length - start}`,
      "It may be truncated",
    );
  const copy = bytes.slice(start);
  if (item > 1) for (let i = 0; i < copy.length; i += item) copy.subarray(i, i + item).reverse();
  return { dtype, shape, data: new (dtypeInfo(dtype).array)(copy.buffer, 0, copy.length / item) };
}
