import type { Layer } from "@gradus/nn";
import { random, randomKey } from "@gradus/tensor";
import { type ArrayData, safetensorsChunks } from "@gradus/tensor/io";
import { Autoencoder, ClipTextEncoder, configOf, UNet } from "../index.ts";
import { arrayOf, parametersOf } from "../parameters.ts";
import type { PartName } from "../weights.ts";
import { tinyClipFiles } from "./tiny-clip.ts";

export const tiny = configOf("tiny");
const { text, unet, autoencoder } = tiny;

/** The JSON files of the model `tiny`, as diffusers writes them. */
const json: Readonly<Record<string, object>> = {
  "model_index.json": { _class_name: "StableDiffusionPipeline", _diffusers_version: "0.31.0" },
  "unet/config.json": {
    ...{ _class_name: "UNet2DConditionModel", _diffusers_version: "0.31.0", act_fn: "silu", attention_head_dim: unet.heads },
    ...{ block_out_channels: unet.channels, center_input_sample: false, cross_attention_dim: unet.contextWidth },
    ...{ down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"] },
    ...{ downsample_padding: 1, flip_sin_to_cos: true, freq_shift: 0, in_channels: 4, out_channels: 4, layers_per_block: 1 },
    ...{ mid_block_scale_factor: 1, norm_eps: 1e-5, norm_num_groups: unet.groups, sample_size: 8, class_embed_type: null },
  },
  "vae/config.json": {
    ...{ _class_name: "AutoencoderKL", act_fn: "silu", block_out_channels: autoencoder.channels, in_channels: 3, out_channels: 3 },
    ...{ down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"], up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"] },
    ...{ latent_channels: 4, layers_per_block: 1, norm_num_groups: 4, sample_size: 16, scaling_factor: autoencoder.scalingFactor },
  },
  "text_encoder/config.json": {
    ...{ architectures: ["CLIPTextModel"], model_type: "clip_text_model", hidden_act: "quick_gelu", hidden_size: text.width },
    ...{ intermediate_size: text.hidden, layer_norm_eps: 1e-5, max_position_embeddings: text.context, num_attention_heads: text.heads },
    ...{ num_hidden_layers: text.layers, vocab_size: text.vocabulary, bos_token_id: 0, eos_token_id: 2, pad_token_id: 1 },
  },
  "scheduler/scheduler_config.json": {
    ...{ _class_name: "PNDMScheduler", beta_end: 0.012, beta_schedule: "scaled_linear", beta_start: 0.00085, clip_sample: false },
    ...{ num_train_timesteps: 1000, set_alpha_to_one: false, skip_prk_steps: true, steps_offset: 1, trained_betas: null },
  },
  "tokenizer/tokenizer_config.json": { model_max_length: text.context, pad_token: "<|endoftext|>", tokenizer_class: "CLIPTokenizer" },
};

const networks: Readonly<Record<PartName, () => Layer>> = {
  text_encoder: () => new ClipTextEncoder(text),
  unet: () => new UNet(unet),
  vae: () => new Autoencoder(autoencoder),
};

/** Weights of a part under the names of its checkpoint, from a seed; none of them 0. */
export async function tinyArrays(part: PartName): Promise<Map<string, ArrayData>> {
  const arrays = new Map<string, ArrayData>();
  for (const [i, parameter] of parametersOf(networks[part]()).entries()) {
    const { variable, shape, name } = parameter;
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    const values = random.normal(randomKey(100 * part.length + i), variable.shape);
    variable.assign(shape.length > 1 ? values.mul(0.7 * inputs ** -0.5) : values.mul(0.1).add(name.endsWith("bias") ? 0 : 1));
    arrays.set(name, await arrayOf(parameter));
  }
  return arrays;
}

export const encodedText = (value: string | object): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

export const encodedArrays = (arrays: Iterable<readonly [string, ArrayData]>): Uint8Array => Buffer.concat([...safetensorsChunks(arrays)]);

export const weightFiles: Readonly<Record<PartName, string>> = {
  text_encoder: "text_encoder/model.safetensors",
  unet: "unet/diffusion_pytorch_model.safetensors",
  vae: "vae/diffusion_pytorch_model.safetensors",
};

let made: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

/** The files of the model `tiny`, in the official layout. */
export function tinyFiles(): Promise<Map<string, Uint8Array>> {
  made ??= (async () => {
    const { vocabulary, merges } = tinyClipFiles();
    const files = new Map(Object.entries(json).map(([name, value]) => [name, encodedText(value)]));
    files.set("tokenizer/vocab.json", encodedText(vocabulary));
    files.set("tokenizer/merges.txt", encodedText(merges));
    for (const part of Object.keys(weightFiles) as PartName[]) files.set(weightFiles[part], encodedArrays(await tinyArrays(part)));
    return files;
  })();
  return made.then((files) => new Map(files));
}

/** The files with changes to one of the JSON files. */
export async function changed(name: string, values: object): Promise<Map<string, Uint8Array>> {
  return (await tinyFiles()).set(name, encodedText({ ...json[name], ...values }));
}
