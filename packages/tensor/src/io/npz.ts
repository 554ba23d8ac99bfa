import { FormatError } from "../errors.ts";
import type { ArrayData } from "./array-data.ts";
import { npyHeader, readNpy, writeNpy } from "./npy.ts";
import { unpackZipEntry, zipEntries } from "./zip.ts";

/** `.npz`: a zip archive of `.npy` files. */

const operation = "readNpz";

/**
 * All arrays of an archive by name. FormatError for anything that is no valid archive of `.npy` files, DTypeError for
 * arrays that `readNpy` refuses.
 */
export async function readNpz(bytes: Uint8Array): Promise<Map<string, ArrayData>> {
  const result = new Map<string, ArrayData>();
  for (const entry of zipEntries(operation, bytes)) {
    const file = await unpackZipEntry(operation, entry, (head) => void npyHeader(head, entry.size));
    result.set(entry.name.replace(/\.npy$/, ""), readNpy(file));
  }
  return result;
}

/** The bytes of an uncompressed archive, as NumPy's `savez` writes it. FormatError beyond 4 GiB, DTypeError as for `writeNpy`. */
export function writeNpz(arrays: Iterable<readonly [string, ArrayData]>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  let count = 0;
  for (const [key, array] of arrays) {
    const name = new TextEncoder().encode(`${key}.npy`);
    const body = writeNpy(array);
    if (offset + body.length > 0xfffffffe)
      throw new FormatError("writeNpz", "the archive grows beyond 4 GiB", "Save large arrays as .npy or .safetensors");
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
  const all = [...parts, ...directory, new Uint8Array(end.buffer)];
  const out = new Uint8Array(all.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of all) {
    out.set(p, at);
    at += p.length;
  }
  return out;
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
