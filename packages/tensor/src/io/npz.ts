import type { ArrayData } from "../array-data.ts";
import { npyHeader, readNpy, writeNpy } from "./npy.ts";
import { unpackZipEntry, zipBytes, zipEntries } from "./zip.ts";

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
  const files = [...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)] as const);
  return zipBytes("writeNpz", files);
}
