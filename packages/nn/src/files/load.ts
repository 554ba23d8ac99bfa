import { FormatError, type Source } from "@gradus/tensor";
import { loadFile, openFile } from "@gradus/tensor/io";
import type { Layer } from "../layer.ts";
import type { Model } from "../model.ts";
import { loadEarlierKeras, loadKeras, loadKerasWeights } from "./keras/load.ts";
import { loadNative, loadNativeWeights } from "./native.ts";

/** Formats by the first bytes of a file: names may be anything. */
const signatures = {
  keras: [0x50, 0x4b, 3, 4],
  hdf5: [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a],
} as const;

async function formatOf(source: Source): Promise<keyof typeof signatures | "native"> {
  const head = await firstBytes(source);
  for (const [format, signature] of Object.entries(signatures))
    if (signature.every((byte, i) => head[i] === byte)) return format as keyof typeof signatures;
  return "native";
}

async function firstBytes(source: Source): Promise<Uint8Array> {
  if (typeof source !== "string") return new Uint8Array(source).subarray(0, 8);
  const file = await openFile(source);
  try {
    return await file.read(0, 8);
  } finally {
    await file.close();
  }
}

const bytesOf = async (source: Source): Promise<Uint8Array> =>
  typeof source === "string" ? loadFile(source) : source instanceof Uint8Array ? source : new Uint8Array(source);

/**
 * A model from a file, ready to predict and to go on training: Gradus's own (`model.save`), Keras 3's `.keras`, or an `.h5`
 * file of any Keras. Unknown layers are listed all at once (FormatError); own classes are made known with
 * `layerRegistry.register`. A damaged file gives a FormatError too.
 */
export async function loadModel(source: Source): Promise<Model> {
  const format = await formatOf(source);
  if (format === "keras") return described(async () => loadKeras(await bytesOf(source)));
  if (format === "hdf5") return described(async () => loadEarlierKeras(await bytesOf(source)));
  return native(() => loadNative(source));
}

/**
 * Sets a model's weights from a file of `saveWeights` or `save`, of Gradus or Keras, for the same layers. FormatError lists
 * all that does not fit; then nothing is changed.
 */
export async function loadWeights(layer: Layer, source: Source): Promise<void> {
  const format = await formatOf(source);
  if (format === "keras") throw new FormatError("loadWeights", "the file holds a whole model", "Use loadModel");
  return format === "hdf5" ? loadKerasWeights(layer, await bytesOf(source)) : loadNativeWeights(layer, source);
}

/** A file of another kind is read as `.safetensors` at last: its error should not speak of that alone. */
async function native<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof FormatError) || !error.message.startsWith("readSafetensors")) throw error;
    throw new FormatError(
      "loadModel",
      `the file is no model of Gradus (.safetensors) or Keras (.keras, .h5): ${error.message}`,
      "ONNX files are read with importOnnx",
    );
  }
}

/** Options of a layer that make no sense are the file's fault. */
async function described<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError("loadModel", `the layers that the file describes cannot be made: ${(error as Error).message}`);
  }
}
