import type { ArrayData } from "../array-data.ts";
import { bytesOf, type DType, dtypeInfo } from "../dtype.ts";
import { DTypeError, FormatError } from "../errors.ts";
import { sizeOf } from "../shape.ts";
import { parseJson } from "./json.ts";
import { fromWide } from "./npy.ts";

/** The `.safetensors` format, checked as its own reader does: header within limits, spans contiguous, nothing left over. */

const operation = "readSafetensors";
const types: Record<string, { dtype: DType; bytes: number } | { wide: "signed" | "unsigned"; bytes: 8 }> = {
  BOOL: { dtype: "bool", bytes: 1 },
  U8: { dtype: "uint8", bytes: 1 },
  I8: { dtype: "int8", bytes: 1 },
  U16: { dtype: "uint16", bytes: 2 },
  I16: { dtype: "int16", bytes: 2 },
  U32: { dtype: "uint32", bytes: 4 },
  I32: { dtype: "int32", bytes: 4 },
  F16: { dtype: "float16", bytes: 2 },
  BF16: { dtype: "bfloat16", bytes: 2 },
  F32: { dtype: "float32", bytes: 4 },
  F64: { dtype: "float64", bytes: 8 },
  I64: { wide: "signed", bytes: 8 },
  U64: { wide: "unsigned", bytes: 8 },
};
const nameOf = Object.fromEntries(Object.entries(types).flatMap(([name, t]) => ("dtype" in t ? [[t.dtype, name]] : []))) as Record<
  DType,
  string
>;
const largestHeader = 100_000_000;

/** Bytes that can be read piece by piece: a file, a range-requesting URL, an array in memory. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface SafetensorsEntry {
  readonly type: string;
  readonly shape: readonly number[];
  /** Where the elements lie in the file. */
  readonly start: number;
  readonly end: number;
}

interface Safetensors {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

function headerLength(first: Uint8Array, size: number): number {
  if (first.length < 8) throw new FormatError(operation, `a file of ${size} bytes is too short for a header`);
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > largestHeader)
    throw new FormatError(
      operation,
      `the first 8 bytes announce a header of ${length} bytes, larger than the ${largestHeader} allowed`,
      "Is it a .safetensors file?",
    );
  if (8 + length > size) throw new FormatError(operation, `the header claims ${length} bytes, the file has ${size}`, "It may be truncated");
  return length;
}

function parseHeader(bytes: Uint8Array, size: number): Safetensors {
  const header = parseJson(bytes, (problem) => {
    throw new FormatError(operation, `the header ${problem}`);
  });
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw new FormatError(operation, "the header is no JSON object");
  const names = topLevelNames(new TextDecoder().decode(bytes));
  if (new Set(names).size !== names.length)
    throw new FormatError(operation, `the header names ${JSON.stringify(names.find((n, i) => names.indexOf(n) !== i))} twice`);
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  const base = 8 + bytes.length;
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    const fail = (problem: string): never => {
      throw new FormatError(operation, `${JSON.stringify(name)}: ${problem}`);
    };
    if (typeof value !== "object" || value === null) fail("its entry is no object");
    if (name === "__metadata__") {
      for (const v of Object.values(value as object)) if (typeof v !== "string") fail("metadata values must be strings");
      metadata = { ...(value as Record<string, string>) };
      continue;
    }
    const { dtype, shape, data_offsets: span } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    const type = typeof dtype === "string" && Object.hasOwn(types, dtype) ? types[dtype]! : fail(`unknown dtype ${JSON.stringify(dtype)}`);
    const whole = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
    if (!Array.isArray(shape) || !shape.every(whole)) fail(`shape ${JSON.stringify(shape)} is no list of sizes`);
    if (!Array.isArray(span) || span.length !== 2 || !span.every(whole)) fail(`data_offsets ${JSON.stringify(span)} are no two positions`);
    const [from, to] = span as [number, number];
    const wanted = sizeOf(shape as number[]) * type.bytes;
    if (!Number.isSafeInteger(wanted) || to - from !== wanted)
      fail(`${String(dtype)}[${String(shape)}] takes ${wanted} bytes, its offsets span ${to - from}`);
    if (base + to > size) fail(`its elements end at ${base + to}, the file at ${size}`);
    entries.set(name, { type: dtype as string, shape: shape as number[], start: base + from, end: base + to });
  }
  let at = base;
  for (const [name, e] of [...entries].sort((a, b) => a[1].start - b[1].start || a[1].end - b[1].end)) {
    if (e.start !== at)
      throw new FormatError(
        operation,
        `${JSON.stringify(name)} begins at ${e.start}, ${at} was expected: elements ${e.start < at ? "overlap" : "have a gap"}`,
      );
    at = e.end;
  }
  if (at !== size) throw new FormatError(operation, `${size - at} bytes after the last array belong to nothing`);
  return { entries, metadata };
}

/** Keys of the outermost object as written, duplicates included: JSON.parse keeps the last one silently. */
function topLevelNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const start = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === "\\") i++;
      if (depth === 1 && /^\s*:/.test(text.slice(i + 1, i + 65))) names.push(JSON.parse(text.slice(start, i + 1)) as string);
    } else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
  }
  return names;
}

function decodeEntry({ type, shape }: SafetensorsEntry, raw: Uint8Array): ArrayData {
  const t = types[type]!;
  const bytes = new Uint8Array(raw); // aligned, and nobody else's: a Buffer's slice() would be a view
  if ("wide" in t) return { ...fromWide(operation, new BigInt64Array(bytes.buffer, 0, bytes.length / 8), t.wide === "unsigned"), shape };
  const data = new (dtypeInfo(t.dtype).array)(bytes.buffer, 0, bytes.length / t.bytes);
  return { dtype: t.dtype, shape, data: t.dtype === "bool" ? data.map((b) => (b ? 1 : 0)) : data };
}

/**
 * All arrays of a file in memory, and its metadata. FormatError for anything that is no valid file, DTypeError for
 * 64-bit integers that fit no type exactly.
 */
export function readSafetensors(bytes: Uint8Array): { tensors: Map<string, ArrayData>; metadata: Readonly<Record<string, string>> } {
  const length = headerLength(bytes, bytes.length);
  const { entries, metadata } = parseHeader(bytes.subarray(8, 8 + length), bytes.length);
  return { tensors: new Map([...entries].map(([name, e]) => [name, decodeEntry(e, bytes.subarray(e.start, e.end))])), metadata };
}

/**
 * Opens a file of any size: the header is read and checked now, arrays when asked for. FormatError for a file that is
 * not valid, and when reading a name it does not have.
 */
export async function openSafetensors(source: RandomAccess): Promise<Safetensors & { read(name: string): Promise<ArrayData> }> {
  const length = headerLength(await source.read(0, Math.min(8, source.size)), source.size);
  const found = parseHeader(await source.read(8, length), source.size);
  return {
    ...found,
    async read(name) {
      const entry = found.entries.get(name);
      if (!entry)
        throw new FormatError(
          operation,
          `there is no array ${JSON.stringify(name)}`,
          `The file has ${[...found.entries.keys()].slice(0, 5).join(", ")}${found.entries.size > 5 ? ", ..." : ""}`,
        );
      return decodeEntry(entry, await source.read(entry.start, entry.end - entry.start));
    },
  };
}

/**
 * The pieces of a file: header, then each array, in the given order. FormatError for a name given twice or reserved
 * (`__metadata__`).
 */
export function* safetensorsChunks(
  tensors: Iterable<readonly [string, ArrayData]>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const list = [...tensors];
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let at = 0;
  for (const [name, a] of list) {
    if (name === "__metadata__" || name in header)
      throw new FormatError("writeSafetensors", `${JSON.stringify(name)} cannot name an array${name in header ? " twice" : ""}`);
    const type = nameOf[a.dtype];
    if (!type) throw new DTypeError("writeSafetensors", `the format has no ${a.dtype}`);
    const end = at + a.data.length * bytesOf(a.dtype);
    header[name] = { dtype: type, shape: a.shape, data_offsets: [at, end] };
    at = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8; // padded with blanks, so that elements are aligned
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, 8);
  yield head;
  for (const [, { data }] of list) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
