import type { ArrayData } from "../array-data.ts";
import { joined } from "../bytes.ts";
import { engine } from "../graph/engine.ts";
import type { Tensor } from "../graph/tensor.ts";
import { asTensor } from "../ops/core.ts";
import { loadFile, openFile, saveFile } from "./files.ts";
import { npyChunks, readNpy } from "./npy.ts";
import { readNpz, writeNpz } from "./npz.ts";
import { openSafetensors, readSafetensors, safetensorsChunks } from "./safetensors.ts";

/** Reading and writing arrays. Files are written whole or not at all. */

/** A path (in Node.js), or the bytes themselves. */
export type Source = string | Uint8Array | ArrayBuffer;

const bytesOf = async (source: Source): Promise<Uint8Array> =>
  typeof source === "string" ? loadFile(source) : source instanceof Uint8Array ? source : new Uint8Array(source);

/** An array of the engine from an array in plain memory, whose elements are copied. */
export const toTensor = (x: ArrayData): Tensor => asTensor(x, undefined, "toTensor");

/** An array of the engine as one in plain memory: a copy. */
export const toArrayData = async (x: Tensor): Promise<ArrayData> => ({ dtype: x.dtype, shape: x.shape, data: await engine.read(x.node) });

/** An array from an `.npy` file: a path, or bytes. Errors as for `readNpy` and `loadFile`. */
export async function loadNpy(source: Source): Promise<Tensor> {
  return toTensor(readNpy(await bytesOf(source)));
}

/** The arrays of an `.npz` archive by name: a path, or bytes. Errors as for `readNpz` and `loadFile`. */
export async function loadNpz(source: Source): Promise<Record<string, Tensor>> {
  const arrays = await readNpz(await bytesOf(source));
  return byName([...arrays].map(([name, a]) => [name, toTensor(a)] as const));
}

/**
 * The arrays of a `.safetensors` file by name: from a path one after the other, so that a large file is never held
 * whole, or from bytes. Errors as for `readSafetensors` and `loadFile`.
 */
export async function loadSafetensors(source: Source): Promise<Record<string, Tensor>> {
  return (await loadSafetensorsFile(source)).tensors;
}

/** The arrays of a `.safetensors` file with the texts in its header. */
export async function loadSafetensorsFile(
  source: Source,
): Promise<{ tensors: Record<string, Tensor>; metadata: Readonly<Record<string, string>> }> {
  if (typeof source !== "string") {
    const { tensors, metadata } = readSafetensors(await bytesOf(source));
    return { tensors: byName([...tensors].map(([name, a]) => [name, toTensor(a)] as const)), metadata };
  }
  const file = await openFile(source);
  try {
    const opened = await openSafetensors(file);
    const found: [string, Tensor][] = [];
    for (const name of opened.entries.keys()) found.push([name, toTensor(await opened.read(name))]);
    return { tensors: byName(found), metadata: opened.metadata };
  } finally {
    await file.close();
  }
}

/** Names come from outside: `__proto__` is a name like any other. */
function byName(entries: readonly (readonly [string, Tensor])[]): Record<string, Tensor> {
  const result: Record<string, Tensor> = Object.create(null);
  for (const [name, t] of entries) result[name] = t;
  return result;
}

/** Computes an array and writes it to an `.npy` file. DTypeError for bfloat16, else errors as for `saveFile`. */
export async function saveNpy(path: string, x: Tensor): Promise<void> {
  await saveFile(path, npyChunks(await toArrayData(x)));
}

/**
 * Computes arrays and writes them to an uncompressed `.npz` archive under their names. Errors as for `writeNpz` and
 * `saveFile`.
 */
export async function saveNpz(path: string, arrays: Readonly<Record<string, Tensor>>): Promise<void> {
  await saveFile(path, [writeNpz(await all(arrays))]);
}

/**
 * Computes arrays and writes them to a `.safetensors` file under their names, with metadata if given. FormatError for
 * the name `__metadata__`, else errors as for `saveFile`.
 */
export async function saveSafetensors(
  path: string,
  arrays: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await saveFile(path, safetensorsChunks(await all(arrays), metadata));
}

/** The bytes of a `.safetensors` file, for where there are no files: downloads, databases. */
export async function safetensorsBytes(
  arrays: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  return joined([...safetensorsChunks(await all(arrays), metadata)]);
}

async function all(arrays: Readonly<Record<string, Tensor>>): Promise<[string, ArrayData][]> {
  const list: [string, ArrayData][] = [];
  for (const [name, x] of Object.entries(arrays)) list.push([name, await toArrayData(x)]);
  return list;
}
