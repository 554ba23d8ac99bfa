import { ShapeError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { Tensor } from "../graph/tensor.ts";
import { showShape, sizeOf } from "../shape.ts";
import type { ArrayData } from "./array-data.ts";
import { loadFile, openFile, saveFile } from "./files.ts";
import { npyChunks, readNpy } from "./npy.ts";
import { readNpz, writeNpz } from "./npz.ts";
import { openSafetensors, readSafetensors, safetensorsChunks } from "./safetensors.ts";

/** A path (in Node.js), or the bytes themselves. */
export type Source = string | Uint8Array | ArrayBuffer;

const bytesOf = async (source: Source): Promise<Uint8Array> =>
  typeof source === "string" ? loadFile(source) : source instanceof Uint8Array ? source : new Uint8Array(source);
/** An array of the engine from an array in plain memory, whose elements are copied. */
export function toTensor({ shape, dtype, data }: ArrayData): Tensor {
  if (sizeOf(shape) !== data.length)
    throw new ShapeError("toTensor", `shape ${showShape(shape)} has ${sizeOf(shape)} elements, the data ${data.length}`);
  return new Tensor(engine.upload(shape, dtype, data));
}

/** An array of the engine as one in plain memory: a copy. */
export const toArrayData = async (x: Tensor): Promise<ArrayData> => ({ dtype: x.dtype, shape: x.shape, data: await engine.read(x.node) });

/** An array from an `.npy` file. */
export async function loadNpy(source: Source): Promise<Tensor> {
  return toTensor(readNpy(await bytesOf(source)));
}

/** The arrays of an `.npz` archive, by name. */
export async function loadNpz(source: Source): Promise<Record<string, Tensor>> {
  const arrays = await readNpz(await bytesOf(source));
  return byName([...arrays].map(([name, a]) => [name, toTensor(a)] as const));
}

/** The arrays of a `.safetensors` file, by name; from a path one after the other, so that a large file is never held whole. */
export async function loadSafetensors(source: Source): Promise<Record<string, Tensor>> {
  if (typeof source !== "string")
    return byName([...readSafetensors(await bytesOf(source)).tensors].map(([name, a]) => [name, toTensor(a)] as const));
  const file = await openFile(source);
  try {
    const opened = await openSafetensors(file);
    const found: [string, Tensor][] = [];
    for (const name of opened.entries.keys()) found.push([name, toTensor(await opened.read(name))]);
    return byName(found);
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

export async function saveNpy(path: string, x: Tensor): Promise<void> {
  await saveFile(path, npyChunks(await toArrayData(x)));
}

export async function saveNpz(path: string, arrays: Readonly<Record<string, Tensor>>): Promise<void> {
  await saveFile(path, [writeNpz(await all(arrays))]);
}

export async function saveSafetensors(
  path: string,
  arrays: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await saveFile(path, safetensorsChunks(await all(arrays), metadata));
}

async function all(arrays: Readonly<Record<string, Tensor>>): Promise<[string, ArrayData][]> {
  const list: [string, ArrayData][] = [];
  for (const [name, x] of Object.entries(arrays)) list.push([name, await toArrayData(x)]);
  return list;
}
