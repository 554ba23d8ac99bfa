import { FormatError } from "@gradus/tensor";
import { openFile, type RandomAccess } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";

/** A model's folder as published: its path (Node.js), or the contents of its files by their paths in it (pages). */
export type ModelFolder = string | ReadonlyMap<string, Uint8Array>;

type OpenFile = RandomAccess & { close(): Promise<void> };

/** For sentences about a folder. */
export const placeOf = (folder: ModelFolder): string => (typeof folder === "string" ? folder : "the files given");

/** A file of the folder; null where it has none of this name. */
export async function openIn(folder: ModelFolder, name: string): Promise<OpenFile | null> {
  if (typeof folder === "string")
    return openFile(`${folder}/${name}`).catch((error: { readonly code?: unknown }) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
      throw error;
    });
  const bytes = folder.get(name);
  if (!bytes) return null;
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length), close: async () => {} };
}

/** The text of a file; null where there is none. FormatError for what is no UTF-8. */
export async function readText(operation: string, folder: ModelFolder, name: string): Promise<string | null> {
  const file = await openIn(folder, name);
  if (!file) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.read(0, file.size));
  } catch (error) {
    if (error instanceof TypeError) throw new FormatError(operation, `${name} is no text`, "Is the download complete?");
    throw error;
  } finally {
    await file.close();
  }
}

/** The object in a JSON file; null where there is none. FormatError for anything else. */
export async function readObject(operation: string, folder: ModelFolder, name: string): Promise<Record<string, unknown> | null> {
  const text = await readText(operation, folder, name);
  if (text === null) return null;
  const value = parseJson(text, (problem) => {
    throw new FormatError(operation, `${name} ${problem}`, "Is the download complete?");
  });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError(operation, `${name} is no JSON object`, "Is the download complete?");
  return value as Record<string, unknown>;
}
