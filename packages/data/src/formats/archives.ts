import { FormatError, IndexError } from "@gradus/tensor";
import { type RandomAccess, unpackZipEntry, zipEntries } from "@gradus/tensor/io";
import { type FileEntry, safePath } from "./files.ts";
import { type ByteSource, type ReadOptions, readBytes } from "./source.ts";
import { tarFiles } from "./tar.ts";

/** The files of a zip archive. */
export function zipFiles(bytes: Uint8Array, { maxBytes = 2 ** 31 }: ReadOptions = {}): FileEntry[] {
  const operation = "zipFiles";
  let total = 0;
  const files: FileEntry[] = [];
  for (const entry of zipEntries(operation, bytes)) {
    if (entry.name.endsWith("/")) continue;
    total += entry.size;
    if (total > maxBytes)
      throw new FormatError(operation, `the archive declares more than ${maxBytes} bytes`, "Raise maxBytes if that is expected");
    files.push({ name: safePath(operation, entry.name), size: entry.size, read: () => unpackZipEntry(operation, entry) });
  }
  return files;
}

/** The files of an archive in memory or a stream: zip, tar, or tar packed by gzip. */
export async function archiveFiles(source: ByteSource, options: ReadOptions = {}): Promise<FileEntry[]> {
  const bytes = await readBytes(source, options);
  return bytes[0] === 0x50 && bytes[1] === 0x4b ? zipFiles(bytes, options) : tarFiles(bytesAccess(bytes));
}

/** Bytes in memory as something that is read in parts. */
export function bytesAccess(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset < 0 || offset + length > bytes.length)
        throw new IndexError("read", `${offset} to ${offset + length} of ${bytes.length} bytes`);
      return bytes.subarray(offset, offset + length);
    },
  };
}
