import { FormatError, type Source } from "@gradus/tensor";
import { Autoencoder } from "../autoencoder.ts";
import { ClipTextEncoder } from "../clip.ts";
import { coarseBytes, setCoarse } from "../coarse-weights.ts";
import type { StableDiffusionConfig } from "../config.ts";
import { configIn, stableDiffusionConfigOf } from "../description.ts";
import { type Parameter, parametersOf } from "../parameters.ts";
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

/** The weights as the bytes of a .safetensors file, about one byte a weight. */
export const sceneBytes = (parts: Parts): Promise<Uint8Array> => coarseBytes(weightsOf(networksOf(parts)));

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
  await setCoarse("loadScenes", weightsOf(networksOf(parts)), weights, where);
  return parts;
}

/** The model of `loadSceneParts`, as it draws. */
export const loadScenes = async (description: string, weights: Source, where?: string): Promise<StableDiffusion> =>
  sceneModel(await loadSceneParts(description, weights, where));

function parseConfig(description: string, where: string): StableDiffusionConfig {
  const config = stableDiffusionConfigOf(configIn("loadScenes", description, where, "scenes", "gradus train diffusion"));
  if (config.text.vocabulary !== vocabularySize || config.text.context !== context)
    throw new FormatError(
      "loadScenes",
      `the model of ${where} knows ${config.text.vocabulary} words, ${config.text.context} a prompt`,
      `Captions have ${vocabularySize} and ${context}: it was trained with another version`,
    );
  return config;
}
