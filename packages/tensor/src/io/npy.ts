import type { ArrayData } from "../array-data.ts";
import { joined } from "../bytes.ts";
import { type DType, dtypeInfo, encode, type TypedArray } from "../dtype.ts";
import { DTypeError, FormatError } from "../errors.ts";
import { sizeOf, stridesOf } from "../shape.ts";

/** The `.npy` format, versions 1 to 3 (NumPy Enhancement Proposal 1). */

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const readable: Record<string, DType> = {
  "?": "bool",
  b1: "bool",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};
const written: Partial<Record<DType, string>> = {
  bool: "|b1",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
};

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: number[];
  /** Where the elements begin. */
  readonly start: number;
  /** Bytes of the elements. */
  readonly bytes: number;
}

/** Checks the header; needs only the first bytes of a file of `total` bytes. */
export function npyHeader(bytes: Uint8Array, total: number): Header {
  const operation = "readNpy";
  if (bytes.length < 10 || magic.some((b, i) => bytes[i] !== b))
    throw new FormatError(operation, "not an .npy file: it does not begin with \\x93NUMPY");
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw new FormatError(operation, `version ${version} of the format is unknown`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const before = version === 1 ? 10 : 12;
  if (bytes.length < before) throw new FormatError(operation, "the file ends inside its header");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = before + length;
  if (length > 2 ** 16 || start > total || start > bytes.length)
    throw new FormatError(operation, `a header of ${length} bytes does not fit the file of ${total}`);
  const text = new TextDecoder().decode(bytes.subarray(before, start));
  const field = (name: string, pattern: string): string => {
    const found = new RegExp(`['"]${name}['"]\\s*:\\s*(${pattern})`).exec(text)?.[1];
    if (found === undefined) throw new FormatError(operation, `the header has no valid ${name}: ${JSON.stringify(text.slice(0, 80))}`);
    return found;
  };
  if (/['"]descr['"]\s*:\s*\[/.test(text))
    throw new DTypeError(operation, "structured arrays cannot be read", "Save each field as an array of its own");
  const descr = field("descr", "['\"][^'\"]{1,16}['\"]").slice(1, -1);
  const fortran = field("fortran_order", "True|False") === "True";
  const shape = field("shape", "\\([0-9,\\sL]*\\)")
    .slice(1, -1)
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean)
    .map((s) => Number.parseInt(s, 10));
  const itemSize = Number(/\d+$/.exec(descr)?.[0] ?? 1);
  let count = 1;
  for (const n of shape) {
    count *= n;
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(count))
      throw new FormatError(operation, `shape [${shape.join(", ")}] has too many elements`);
  }
  const size = count * itemSize;
  if (!Number.isSafeInteger(size) || size > total - start)
    throw new FormatError(
      operation,
      `shape [${shape.join(", ")}] of ${descr} needs ${size} bytes, the file has ${total - start}`,
      "It may be truncated",
    );
  return { descr, fortran, shape, start, bytes: size };
}

/**
 * Reads an `.npy` file. 64-bit integers become int32 or uint32 when all fit, else float64 when that is exact.
 * FormatError for what is no valid file, DTypeError for complex, object, string and structured arrays, and for 64-bit
 * integers that fit no type.
 */
export function readNpy(bytes: Uint8Array): ArrayData {
  const header = npyHeader(bytes, bytes.length);
  return decodeElements(header, bytes.subarray(header.start, header.start + header.bytes));
}

function decodeElements({ descr, fortran, shape }: Header, raw: Uint8Array): ArrayData {
  const order = /^[<>|=]/.test(descr) ? descr[0]! : "=";
  const kind = descr.replace(/^[<>|=]/, "");
  const item = Number(/\d+$/.exec(kind)?.[0] ?? 1);
  let copy = new Uint8Array(raw); // aligned, and nobody else's: a Buffer's slice() would be a view
  if (order === ">" && item > 1) swap(copy, item);
  let array: { dtype: DType; data: TypedArray };
  if (kind === "i8" || kind === "u8") array = fromWide("readNpy", new BigInt64Array(copy.buffer, 0, copy.length / 8), kind === "u8");
  else {
    const dtype = readable[kind];
    if (!dtype)
      throw new DTypeError("readNpy", `arrays of type ${JSON.stringify(descr)} cannot be read`, "Convert it with astype before saving");
    if (dtype === "bool") copy = copy.map((b) => (b ? 1 : 0));
    array = { dtype, data: new (dtypeInfo(dtype).array)(copy.buffer, 0, copy.length / item) };
  }
  if (!fortran || shape.length < 2) return { ...array, shape };
  // Column-major: the file's axes are ours in reverse.
  const out = new (dtypeInfo(array.dtype).array)(array.data.length);
  const strides = stridesOf([...shape].reverse()).reverse();
  const index = shape.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    out[i] = array.data[index.reduce((s, v, a) => s + v * strides[a]!, 0)]!;
    for (let a = shape.length - 1; a >= 0; a--) {
      if (++index[a]! < shape[a]!) break;
      index[a] = 0;
    }
  }
  return { dtype: array.dtype, data: out, shape };
}

function swap(bytes: Uint8Array, item: number): void {
  for (let i = 0; i + item <= bytes.length; i += item) bytes.subarray(i, i + item).reverse();
}

/** 64-bit integers in a type we have. */
export function fromWide(operation: string, wide: BigInt64Array, unsigned: boolean): { dtype: DType; data: TypedArray } {
  const read = (x: bigint) => (unsigned ? BigInt.asUintN(64, x) : x);
  let [low, high] = [0n, 0n];
  for (const x of wide) {
    const value = read(x);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const dtype: DType = low >= -(2n ** 31n) && high < 2n ** 31n ? "int32" : low >= 0n && high < 2n ** 32n ? "uint32" : "float64";
  if (dtype === "float64" && (high > 2n ** 53n || low < -(2n ** 53n)))
    throw new DTypeError(
      operation,
      `64-bit integers up to ${high > -low ? high : low} fit no type exactly`,
      "Gradus has integers of 32 bits; convert before saving",
    );
  return {
    dtype,
    data: encode(
      dtype,
      Array.from(wide, (x) => Number(read(x))),
    ),
  };
}

/**
 * The bytes of an `.npy` file (version 1), as NumPy writes them. DTypeError for bfloat16, which the format has no name
 * for; FormatError for elements that do not fill the shape.
 */
export function writeNpy(a: ArrayData): Uint8Array {
  return joined([...npyChunks(a)]);
}

/** What `writeNpy` gives, in pieces, without a second copy of the elements. */
export function* npyChunks({ dtype, shape, data }: ArrayData): Generator<Uint8Array> {
  const descr = written[dtype];
  if (!descr)
    throw new DTypeError("writeNpy", `the .npy format has no ${dtype}`, `Cast it with astype("float32"), or save as .safetensors`);
  if (data.length !== sizeOf(shape)) throw new FormatError("writeNpy", `shape [${shape.join(", ")}] and ${data.length} elements differ`);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padding = (64 - ((10 + text.length + 1) % 64)) % 64;
  const header = new Uint8Array(10 + text.length + padding + 1).fill(0x20);
  header.set([...magic, 1, 0]);
  new DataView(header.buffer).setUint16(8, header.length - 10, true);
  header.set(new TextEncoder().encode(text), 10);
  header[header.length - 1] = 0x0a;
  yield header;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const piece = 2 ** 22;
  for (let i = 0; i < bytes.length; i += piece) yield bytes.subarray(i, i + piece);
}

/**
 * Reads an `.npy` file from a stream, whose pieces are joined once; stops after the last element. `total` is the length
 * of the stream, where known. Errors as for `readNpy`.
 */
export async function readNpyStream(stream: ReadableStream<Uint8Array>, total = Number.MAX_SAFE_INTEGER): Promise<ArrayData> {
  const reader = stream.getReader();
  let head = new Uint8Array(0);
  let header: Header | null = null;
  let chunks: Uint8Array[] = [];
  let have = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (value) {
      if (!header) {
        const joined = new Uint8Array(head.length + value.length);
        joined.set(head);
        joined.set(value, head.length);
        head = joined;
        const enough =
          head.length >= 12 &&
          head.length >=
            12 + (head[6] === 1 ? head[8]! + 256 * head[9]! : Math.min(2 ** 17, head[8]! + 256 * head[9]! + 65536 * head[10]!));
        if (!enough && !done) continue;
        header = npyHeader(head, total);
        chunks = [head.subarray(header.start)];
        have = chunks[0]!.length;
      } else {
        chunks.push(value);
        have += value.length;
      }
      if (have >= header.bytes) {
        await reader.cancel();
        break;
      }
    }
    if (done) break;
  }
  if (!header) header = npyHeader(head, head.length);
  if (have < header.bytes)
    throw new FormatError("readNpy", `the file ends after ${have} of ${header.bytes} bytes of elements`, "It may be truncated");
  const raw = new Uint8Array(header.bytes);
  let at = 0;
  for (const c of chunks) {
    raw.set(c.subarray(0, header.bytes - at), at);
    at += c.length;
    if (at >= header.bytes) break;
  }
  return decodeElements(header, raw);
}
