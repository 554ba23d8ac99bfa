import { FormatError } from "@gradus/tensor";

/** A file of a folder or an archive, read when asked for. */
export interface FileEntry {
  /** Path within the folder or archive, with slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  read(): Promise<Uint8Array>;
}

/**
 * A path as it may stand in an archive: relative, with slashes, staying inside. Nothing is ever written to such a path
 * here, but others may do so.
 */
export function safePath(operation: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const unsafe = path.startsWith("/") || /^[a-z]:/i.test(path) || path.includes("\\") || path.includes("\0") || parts.includes("..");
  if (unsafe || !parts.length) throw new FormatError(operation, `the path ${JSON.stringify(path.slice(0, 100))} leads out of the archive`);
  return parts.join("/");
}
