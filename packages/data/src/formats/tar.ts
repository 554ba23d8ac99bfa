import { FormatError } from "@gradus/tensor";
import type { RandomAccess } from "@gradus/tensor/io";
import { type FileEntry, safePath } from "./files.ts";

const operation = "tarFiles";
const block = 512;
/** A header that only carries a long name or a few attributes is small. */
const maxHeaderBytes = 2 ** 20;

/**
 * The files of a tar archive (POSIX.1-1988 ustar, pax headers, GNU's long names), with their places: contents stay where
 * they are until `read`. Folders, links and devices are left out. Throws FormatError for damage and for paths that lead
 * out of the archive.
 */
export async function tarFiles(archive: RandomAccess): Promise<FileEntry[]> {
  const files: FileEntry[] = [];
  let at = 0;
  let longName: string | undefined;
  let longSize: number | undefined;
  for (;;) {
    if (at === archive.size && at > 0) return files; // without the two empty blocks at the end, as some programs write
    if (at + block > archive.size)
      throw new FormatError(operation, `the archive ends at byte ${archive.size}, inside a header`, "It may be truncated");
    const header = await archive.read(at, block);
    if (header.every((b) => b === 0)) return files;
    checkSum(header, at);
    const type = String.fromCharCode(header[156]!);
    const size = longSize ?? number(header, 124, 12);
    const start = at + block;
    if (start + size > archive.size)
      throw new FormatError(
        operation,
        `${text(header, 0, 100)} needs ${size} bytes, ${archive.size - start} are left`,
        "It may be truncated",
      );
    at = start + Math.ceil(size / block) * block;
    if (at > archive.size) at = archive.size; // the last block need not be filled up

    if (type === "x" || type === "L" || type === "g") {
      if (size > maxHeaderBytes) throw new FormatError(operation, `a header of ${size} bytes`);
      const body = await archive.read(start, size);
      if (type === "L") longName = text(body, 0, size);
      if (type === "x") {
        const attributes = paxAttributes(body);
        longName = attributes.get("path") ?? longName;
        if (attributes.has("size")) longSize = Number(attributes.get("size"));
        if (longSize !== undefined && !Number.isSafeInteger(longSize)) throw new FormatError(operation, "a size is no number");
      }
      continue;
    }
    const ustar = text(header, 257, 5) === "ustar";
    const prefix = ustar ? text(header, 345, 155) : "";
    const name = longName ?? (prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100));
    longName = undefined;
    longSize = undefined;
    if (type === "0" || type === "\0" || type === "7")
      if (!name.endsWith("/")) files.push({ name: safePath(operation, name), size, read: () => archive.read(start, size) });
  }
}

/** The sum of a header's bytes, with its own field as blanks. */
function checkSum(header: Uint8Array, at: number): void {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  if (sum !== number(header, 148, 8)) throw new FormatError(operation, `no valid header at byte ${at}`, "Is this a tar archive?");
}

/** Octal digits; large numbers in base 256 with the first bit set (GNU). */
function number(bytes: Uint8Array, at: number, length: number): number {
  if (bytes[at]! & 0x80) {
    let value = bytes[at]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i]!;
    if (!Number.isSafeInteger(value)) throw new FormatError(operation, "a size is too large");
    return value;
  }
  const digits = text(bytes, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new FormatError(operation, `${JSON.stringify(digits)} is no octal number`);
  return digits ? Number.parseInt(digits, 8) : 0;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Records `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record. */
function paxAttributes(body: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(32, at);
    const length = blank < 0 ? Number.NaN : Number(new TextDecoder().decode(body.subarray(at, Math.min(blank, at + 20))));
    if (!Number.isSafeInteger(length) || length < 5 || at + length > body.length)
      throw new FormatError(operation, "a pax header is damaged");
    const [key, ...value] = new TextDecoder().decode(body.subarray(blank + 1, at + length - 1)).split("=");
    found.set(key!, value.join("="));
    at += length;
  }
  return found;
}
