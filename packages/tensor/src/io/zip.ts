import { joined } from "../bytes.ts";
import { FormatError } from "../errors.ts";

/**
 * Zip archives. The directory is read here (the platform inflates), so that sizes are checked before a byte is unpacked.
 * Archives beyond 4 GiB (zip64) are refused.
 */

export interface ZipEntry {
  readonly name: string;
  /** Bytes of the file, as the archive declares and `unpackZipEntry` checks. */
  readonly size: number;
  readonly method: number;
  readonly packed: Uint8Array;
}

/** The files of an archive, as its directory lists them. Throws FormatError for what is no valid archive. */
export function zipEntries(operation: string, bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && end > bytes.length - 22 - 65536 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50)
    throw new FormatError(operation, "not a zip archive: no end of its directory is found");
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff)
    throw new FormatError(operation, "zip64 archives cannot be read", "Save arrays of more than 4 GiB as .npy");
  const entries: ZipEntry[] = [];
  let spent = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      throw new FormatError(operation, `entry ${i} of the directory is damaged`);
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [nameLength, extra, comment, local] = [
      view.getUint16(at + 28, true),
      view.getUint16(at + 30, true),
      view.getUint16(at + 32, true),
      view.getUint32(at + 42, true),
    ];
    if (at + 46 + nameLength > bytes.length) throw new FormatError(operation, `the name of entry ${i} runs past the end of the file`);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    at += 46 + nameLength + extra + comment;
    if (flags & 1) throw new FormatError(operation, `${JSON.stringify(name)} is encrypted`);
    if (local + 30 > bytes.length || view.getUint32(local, true) !== 0x04034b50)
      throw new FormatError(operation, `${JSON.stringify(name)} is not where the directory says`);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + packed > bytes.length)
      throw new FormatError(operation, `${JSON.stringify(name)} runs past the end of the file`, "It may be truncated");
    // Several entries may not share the same bytes: that is how small files unpack to huge ones.
    spent += packed;
    if (spent > bytes.length) throw new FormatError(operation, "entries overlap");
    entries.push({ name, size, method, packed: bytes.subarray(start, start + packed) });
  }
  return entries;
}

/** The bytes of a file. `begun`, if given, may refuse it by its first bytes, before the rest is unpacked. */
export async function unpackZipEntry(
  operation: string,
  entry: ZipEntry,
  begun: (head: Uint8Array) => void = () => {},
): Promise<Uint8Array> {
  const { size, method, packed } = entry;
  const name = JSON.stringify(entry.name);
  if (method === 0) {
    if (packed.length !== size) throw new FormatError(operation, `${name} has ${packed.length} bytes, ${size} are declared`);
    return packed;
  }
  if (method !== 8) throw new FormatError(operation, `${name} is packed by method ${method}; only stored and deflated files can be read`);
  // Deflate packs at most 1032 to 1, so a larger claim is a lie.
  if (size > 1032 * packed.length + 64) throw new FormatError(operation, `${name} claims ${size} bytes from ${packed.length} packed ones`);
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const out = new Uint8Array(size);
  let at = 0;
  try {
    for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
      if (at + chunk.length > size) throw new FormatError(operation, `${name} unpacks to more than the ${size} bytes declared`);
      out.set(chunk, at);
      if (at < 4096 && at + chunk.length >= 128) begun(out.subarray(0, at + chunk.length));
      at += chunk.length;
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(operation, `${name} cannot be unpacked: ${(error as Error).message}`, "The file may be damaged");
  }
  if (at !== size) throw new FormatError(operation, `${name} unpacks to ${at} bytes, ${size} are declared`);
  return out;
}

/** The bytes of an uncompressed archive of files by name. FormatError beyond 4 GiB. */
export function zipBytes(operation: string, files: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  let count = 0;
  for (const [path, body] of files) {
    const name = new TextEncoder().encode(path);
    if (offset + body.length > 0xfffffffe)
      throw new FormatError(operation, "the archive grows beyond 4 GiB", "Save large arrays as .npy or .safetensors");
    const fields = (signature: number, length: number): DataView => {
      const view = new DataView(new ArrayBuffer(length));
      view.setUint32(0, signature, true);
      return view;
    };
    const common = (view: DataView, at: number): void => {
      view.setUint16(at, 20, true);
      view.setUint16(at + 2, 0x800, true); // names are UTF-8
      view.setUint16(at + 8, 33, true); // 1980-01-01: archives of equal arrays are equal
      view.setUint32(at + 10, crc32(body), true);
      view.setUint32(at + 14, body.length, true);
      view.setUint32(at + 18, body.length, true);
      view.setUint16(at + 22, name.length, true);
    };
    const local = fields(0x04034b50, 30);
    common(local, 4);
    const central = fields(0x02014b50, 46);
    central.setUint16(4, 20, true);
    common(central, 6);
    central.setUint32(42, offset, true);
    for (const part of [new Uint8Array(local.buffer), name, body]) parts.push(part);
    directory.push(new Uint8Array(central.buffer), name);
    offset += 30 + name.length + body.length;
    count++;
  }
  const size = directory.reduce((n, d) => n + d.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, count, true);
  end.setUint16(10, count, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return joined([...parts, ...directory, new Uint8Array(end.buffer)]);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const b of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ b) & 255]!;
  return (crc ^ 0xffffffff) >>> 0;
}
