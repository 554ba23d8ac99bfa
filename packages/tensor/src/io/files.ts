import { FormatError } from "../errors.ts";
import type { RandomAccess } from "./safetensors.ts";

/**
 * Files in Node.js; FormatError in a page, where there are none. The modules are fetched when a file is touched, so
 * that pages never ask for them.
 */

const node = async () => {
  try {
    return { fs: await import("node:fs/promises"), path: await import("node:path") };
  } catch {
    throw new FormatError("file", "there are no files here", "In a page, pass bytes from fetch() or a file input");
  }
};

/** The bytes of a file. Rejects with Node's own error (ENOENT, ...) for one that cannot be read. */
export async function loadFile(path: string): Promise<Uint8Array> {
  const { fs } = await node();
  return new Uint8Array(await fs.readFile(path));
}

/**
 * Writes all of a file or nothing: into a temporary name beside it, flushed, then renamed. Rejects with Node's own
 * error for a place that cannot be written.
 */
export async function saveFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const { fs } = await node();
  const temporary = `${path}.${globalThis.crypto.randomUUID().slice(0, 8)}.tmp`;
  const file = await fs.open(temporary, "wx");
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
    await file.close();
    await fs.rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

/** Takes away what processes that died within `saveFile` left in a folder. Nobody may be saving a file there meanwhile. */
export async function removeUnfinished(folder: string): Promise<void> {
  const { fs } = await node();
  for (const name of await fs.readdir(folder)) if (/\.[0-9a-f]{8}\.tmp$/.test(name)) await fs.rm(`${folder}/${name}`, { force: true });
}

/**
 * Makes a folder, and those that it lies in, where they are missing. Rejects with Node's own error where that cannot be. Node's own way to
 * make several at once never ends where a folder that is there answers that there is none, as in /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const { fs, path: paths } = await node();
  const isFolder = (at: string): Promise<boolean> =>
    fs.stat(at).then(
      (found) => found.isDirectory(),
      () => false,
    );
  if (await isFolder(path)) return;
  const parent = paths.dirname(paths.resolve(path));
  try {
    await fs.mkdir(path);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (await isFolder(path)) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || (await isFolder(parent))) throw error;
    await makeFolder(parent);
    await makeFolder(path);
  }
}

/** A file whose parts are read when asked for; close it when done. FormatError for a folder and, when reading, for a file that ends too early. */
export async function openFile(path: string): Promise<RandomAccess & { close(): Promise<void> }> {
  const { fs } = await node();
  const file = await fs.open(path, "r");
  const stats = await file.stat();
  if (stats.isDirectory()) {
    await file.close();
    throw new FormatError("file", `${path} is a folder, where a file was expected`);
  }
  const { size } = stats;
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      let at = 0;
      while (at < bytes.length) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, offset + at);
        if (!bytesRead) throw new FormatError("file", `${path} ends at ${offset + at}, ${offset + length} was expected`);
        at += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}
