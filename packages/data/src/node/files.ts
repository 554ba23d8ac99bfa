import { createReadStream } from "node:fs";
import { open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { openFile } from "@gradus/tensor/io";
import { archiveFiles } from "../formats/archives.ts";
import type { FileEntry } from "../formats/files.ts";
import type { ReadOptions } from "../formats/source.ts";
import { tarFiles } from "../formats/tar.ts";

export interface FileOptions extends ReadOptions {
  /** Refuse a folder of more files than this. Default 10 million. */
  readonly maxFiles?: number;
  /** Follow links in a folder, also out of it, to files and to folders (each once). Default false. */
  readonly followLinks?: boolean;
}

/** The bytes of a file chunk by chunk: a source for `lines`, `fasta`, `readIdx`, ... that is never held whole. */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 2 ** 18 });
}

/** FormatError for what is neither a file nor a folder: a pipe might never end, or never begin. */
async function isFolder(operation: string, path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ArgumentError(
      operation,
      error.code === "ENOENT" ? `there is no ${path}` : `${path} cannot be read (${error.code})`,
      "Check the path",
    );
  });
  if (!found.isFile() && !found.isDirectory()) throw new FormatError(operation, `${path} is neither a file nor a folder`);
  return found.isDirectory();
}

/**
 * All files below a folder, sorted by name. Links are not followed unless wanted, so nothing outside of it is reached. ArgumentError where
 * there is no such folder.
 */
export async function folderFiles(path: string, { maxFiles = 1e7, followLinks = false }: FileOptions = {}): Promise<FileEntry[]> {
  if (!(await isFolder("folderFiles", path))) throw new ArgumentError("folderFiles", `${path} is no folder`, "Give the folder it is in");
  const found: FileEntry[] = [];
  for await (const full of filesBelow(path, followLinks, new Set([await realpath(path)]))) {
    if (found.length >= maxFiles) throw new FormatError("folderFiles", `${path} holds more than ${maxFiles} files`);
    const name = relative(path, full).replaceAll(sep, "/");
    const { size } = await stat(full);
    found.push({ name, size, read: () => wholeFile(full, size) });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Paths of the files below a folder. `seen`: folders that were entered, by which rings of links end. */
async function* filesBelow(folder: string, followLinks: boolean, seen: Set<string>): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = join(folder, entry.name);
    const link = entry.isSymbolicLink();
    // A link that leads nowhere is no file.
    const found = link && followLinks ? await stat(full).catch(() => entry) : entry;
    if (found.isFile()) yield full;
    if (!found.isDirectory()) continue;
    const place = link ? await realpath(full) : full;
    if (link && seen.has(place)) continue;
    yield* filesBelow(full, followLinks, seen.add(place));
  }
}

/** FormatError for files that are too large to be read at once. */
async function wholeFile(path: string, size: number): Promise<Uint8Array> {
  if (size >= 2 ** 31) throw new FormatError("folderFiles", `${path} has ${size} bytes`, "Files of less than 2 GiB can be read");
  return new Uint8Array(await readFile(path));
}

/**
 * The files of a folder, a tar archive (read in place, file by file), or a zip or packed tar archive (held in memory).
 * Throws FormatError for what is none of these, ArgumentError where there is nothing.
 */
export async function openArchive(path: string, options: FileOptions = {}): Promise<FileEntry[]> {
  if (await isFolder("openArchive", path)) return folderFiles(path, options);
  const head = new Uint8Array(2);
  const file = await open(path);
  await file.read(head, 0, 2, 0);
  await file.close();
  const packed = (head[0] === 0x1f && head[1] === 0x8b) || (head[0] === 0x50 && head[1] === 0x4b);
  return packed ? archiveFiles(fileChunks(path), options) : tarFileEntries(path);
}

/** Finds the files with the archive open; each is read later by opening it anew, so that no file stays open. */
async function tarFileEntries(path: string): Promise<FileEntry[]> {
  const opened = await openFile(path);
  let indexing = true;
  try {
    return await tarFiles({
      size: opened.size,
      read: (offset, length) => (indexing ? opened.read(offset, length) : readPart(path, offset, length)),
    });
  } finally {
    indexing = false;
    await opened.close();
  }
}

async function readPart(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    return await file.read(offset, length);
  } finally {
    await file.close();
  }
}
