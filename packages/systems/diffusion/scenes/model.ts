import { FormatError, loadSafetensors, ShapeError, type Source, safetensorsBytes, type Tensor, tensor } from "@gradus/tensor";
import { toArrayData, toTensor } from "@gradus/tensor/io";
import { Autoencoder } from "../autoencoder.ts";
import { ClipTextEncoder } from "../clip.ts";
import type { StableDiffusionConfig } from "../config.ts";
import { arrayOf, type Parameter, parametersOf, setParameter } from "../parameters.ts";
import { type Networks, StableDiffusion } from "../stable-diffusion.ts";
import { UNet } from "../unet.ts";
import type { Parts } from "./train.ts";
import { context, vocabularySize, WordTokenizer } from "./words.ts";

/** The networks' weights by part and name: "unet.conv_in.weight". */
function weightsOf(networks: Networks): [string, Parameter][] {
  return Object.entries(networks).flatMap(([part, network]) =>
    parametersOf(network).map((p): [string, Parameter] => [`${part}.${p.name}`, p]),
  );
}

const networksOf = ({ autoencoder, text, unet }: Parts): Networks => ({ text_encoder: text, unet, vae: autoencoder });

/** The model as it draws. */
export const sceneModel = (parts: Parts): StableDiffusion => StableDiffusion.of(parts.config, new WordTokenizer(), networksOf(parts));

/** Weights from so many numbers on are kept with 8 bits each, a scale for each of their first axis; others as float16. */
const coarseFrom = 4096;
const scaleOf = (name: string): string => `${name}.scale`;

/** The weights as the bytes of a .safetensors file, about one byte a weight. */
export async function sceneBytes(parts: Parts): Promise<Uint8Array> {
  const arrays: Record<string, Tensor> = {};
  for (const [name, parameter] of weightsOf(networksOf(parts))) {
    const array = await arrayOf(parameter);
    if (array.data.length < coarseFrom) {
      arrays[name] = toTensor(array).astype("float16");
      continue;
    }
    const { codes, scales } = coarse(array.data as Float32Array, array.shape[0]!);
    arrays[name] = tensor(codes, { dtype: "int8" }).reshape(array.shape);
    arrays[scaleOf(name)] = tensor(scales);
  }
  const bytes = await safetensorsBytes(arrays);
  for (const array of Object.values(arrays)) array.dispose();
  return bytes;
}

/** Each row's numbers as whole multiples of a 127th of its largest. */
function coarse(values: Float32Array, rows: number): { readonly codes: Int8Array; readonly scales: Float32Array } {
  const each = values.length / rows;
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * each, (row + 1) * each);
    const scale = own.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / 127 || 1;
    scales[row] = scale;
    for (let i = 0; i < each; i++) codes[row * each + i] = Math.round(own[i]! / scale);
  }
  return { codes, scales };
}

/**
 * The parts of a model from what training wrote: its description as JSON, which has `config`, and its weights. FormatError for other
 * files, ShapeError for weights of another model.
 */
export async function loadSceneParts(description: string, weights: Source, where = "the description"): Promise<Parts> {
  const config = parseConfig(description, where);
  const parts: Parts = {
    ...{ config, autoencoder: new Autoencoder(config.autoencoder) },
    ...{ text: new ClipTextEncoder(config.text), unet: new UNet(config.unet) },
  };
  const arrays = await loadSafetensors(weights);
  try {
    const left = new Set(Object.keys(arrays));
    const wanted = weightsOf(networksOf(parts)).map(([name, parameter]) => {
      const [array, scale] = [arrays[name], arrays[scaleOf(name)]];
      const { shape } = parameter;
      if (!array) throw new FormatError("loadScenes", `the weights lack ${name}`, `Are they those of ${where}?`);
      if (array.shape.join() !== shape.join() || (scale && scale.shape.join() !== `${shape[0]}`))
        throw new ShapeError("loadScenes", `${name} is [${array.shape.join(", ")}], [${shape.join(", ")}] by ${where}`);
      for (const used of [name, ...(scale ? [scaleOf(name)] : [])]) left.delete(used);
      return { parameter, array, scale };
    });
    if (left.size) throw new FormatError("loadScenes", `the model has no place for ${[...left][0]} of the weights`);
    for (const { parameter, array, scale } of wanted) {
      const value = scale ? array.astype("float32").mul(scale.reshape([-1, ...array.shape.slice(1).map(() => 1)])) : array;
      setParameter(parameter, await toArrayData(value));
    }
  } finally {
    for (const array of Object.values(arrays)) array.dispose();
  }
  return parts;
}

/** The model of `loadSceneParts`, as it draws. */
export const loadScenes = async (description: string, weights: Source, where?: string): Promise<StableDiffusion> =>
  sceneModel(await loadSceneParts(description, weights, where));

function parseConfig(description: string, where: string): StableDiffusionConfig {
  let config: StableDiffusionConfig | undefined;
  try {
    ({ config } = JSON.parse(description) as { config?: StableDiffusionConfig });
  } catch {}
  if (!config?.unet?.channels || !config.text?.vocabulary || !config.autoencoder?.channels)
    throw new FormatError(
      "loadScenes",
      `${where} does not describe a model of scenes`,
      "It needs config, as gradus train diffusion writes it",
    );
  if (config.text.vocabulary !== vocabularySize || config.text.context !== context)
    throw new FormatError(
      "loadScenes",
      `the model of ${where} knows ${config.text.vocabulary} words, ${config.text.context} a prompt`,
      `Captions have ${vocabularySize} and ${context}: it was trained with another version`,
    );
  return config;
}
