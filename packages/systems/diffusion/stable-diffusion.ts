import type { Layer } from "@gradus/nn";
import { type DType, FormatError } from "@gradus/tensor";
import { type ModelFolder, readObject } from "../model-folder.ts";
import { Autoencoder, latentScale } from "./autoencoder.ts";
import { autoencoderConfigOf, schedulerConfigOf, textConfigOf, unetConfigOf } from "./checkpoint-config.ts";
import { ClipTextEncoder } from "./clip.ts";
import { ClipTokenizer } from "./clip-tokenizer.ts";
import type { StableDiffusionConfig } from "./config.ts";
import { limits } from "./fields.ts";
import { needJson, needText } from "./folder.ts";
import { parametersOf } from "./parameters.ts";
import { sampler } from "./samplers/index.ts";
import { Schedule } from "./schedule.ts";
import { UNet } from "./unet.ts";
import { loadPart, type PartName, typeOfPart } from "./weights.ts";

const operation = "loadStableDiffusion";

export interface LoadOptions {
  /**
   * Type that weights are kept in; they are computed with in float32. Default: that of the files, but float16 for a U-Net of more than
   * 100 million weights, which would not fit otherwise.
   */
  readonly dtype?: "float32" | "float16";
  /** Keep parts in memory between pictures. Default: where all of them take less than 1 GiB. */
  readonly keep?: boolean;
}

/** Prompts as numbers. */
export interface Tokenizer {
  /** Numbers that there are, and how many a prompt takes. */
  readonly size: number;
  readonly context: number;
  /** A prompt's numbers, filled up, and what of it is not among them. */
  encode(text: string): { readonly ids: Int32Array; readonly cut: string };
}

/** The networks of a model by the names of their folders. */
export interface Networks {
  readonly text_encoder: ClipTextEncoder;
  readonly unet: UNet;
  readonly vae: Autoencoder;
}

/**
 * A text-to-image model of Stable Diffusion's kind: its configuration, its tokenizer, and its networks, which are read when they are
 * needed and, where memory is short, let go before the next one comes.
 */
export class StableDiffusion {
  readonly config: StableDiffusionConfig;
  readonly tokenizer: Tokenizer;
  private readonly read: <P extends PartName>(part: P) => Promise<Networks[P]>;
  private readonly keep: boolean;
  private readonly held = new Map<PartName, Promise<Layer>>();

  constructor(
    config: StableDiffusionConfig,
    tokenizer: Tokenizer,
    read: <P extends PartName>(part: P) => Promise<Networks[P]>,
    keep: boolean,
  ) {
    if (tokenizer.size > config.text.vocabulary)
      throw new FormatError(
        operation,
        `the tokenizer has ${tokenizer.size} tokens, the text encoder knows ${config.text.vocabulary}`,
        "They do not belong together",
      );
    const { unet, autoencoder } = config;
    const { latentChannels } = autoencoder;
    if (unet.inChannels !== latentChannels || unet.outChannels !== latentChannels)
      throw new FormatError(
        operation,
        `the U-Net takes ${unet.inChannels} channels and gives ${unet.outChannels}, latents have ${latentChannels}`,
        unet.inChannels === 2 * latentChannels + 1
          ? "Networks made for inpainting alone are not computed here: every other network can paint over parts, too"
          : "The files may be of different models",
      );
    if (unet.contextWidth !== config.text.width)
      throw new FormatError(
        operation,
        `the text encoder gives vectors of ${config.text.width} numbers, the U-Net takes ${unet.contextWidth}`,
      );
    // What makes no schedule, or no sampler, is found now and not when a picture is waited for.
    sampler(config.sampler, new Schedule(config.schedule), 1, config.samplerOptions);
    this.config = config;
    this.tokenizer = tokenizer;
    this.read = read;
    this.keep = keep;
  }

  /** A model whose networks are in memory. */
  static of(config: StableDiffusionConfig, tokenizer: Tokenizer, networks: Networks): StableDiffusion {
    return new StableDiffusion(config, tokenizer, async (part) => networks[part], true);
  }

  /** A part with its weights, read unless it is there. */
  part<P extends PartName>(part: P): Promise<Networks[P]> {
    let found = this.held.get(part) as Promise<Networks[P]> | undefined;
    if (!found) {
      found = this.read(part);
      this.held.set(part, found);
      found.catch(() => this.held.delete(part));
    }
    return found;
  }

  /** Called when a part has done its work for a picture. */
  async done(part: PartName): Promise<void> {
    if (this.keep) return;
    const network = await this.held.get(part);
    this.held.delete(part);
    for (const weight of network?.weights ?? []) weight.dispose();
  }
}

/**
 * A model from a folder as diffusers lays it out: `unet`, `vae` and `text_encoder` with `config.json` and weights in safetensors,
 * `tokenizer` with `vocab.json` and `merges.txt`, `scheduler/scheduler_config.json`. FormatError for files that are missing, damaged, or
 * ask for what is not computed here; ShapeError for weights of another model.
 */
export async function loadStableDiffusion(folder: ModelFolder, options: LoadOptions = {}): Promise<StableDiffusion> {
  const text = textConfigOf(await needJson(operation, folder, "text_encoder/config.json"));
  const unet = unetConfigOf(await needJson(operation, folder, "unet/config.json"));
  const autoencoder = autoencoderConfigOf(await needJson(operation, folder, "vae/config.json"));
  const scheduler = schedulerConfigOf(await needJson(operation, folder, "scheduler/scheduler_config.json"));
  const size = (await readObject(operation, folder, "unet/config.json"))!["sample_size"];
  const scale = latentScale(autoencoder);
  const config: StableDiffusionConfig = {
    ...{ text, unet, autoencoder, ...scheduler },
    size: typeof size === "number" && Number.isInteger(size) && size > 0 && size * scale <= limits.size ? size * scale : 512,
  };
  const tokenizer = await tokenizerIn(folder, text.context);
  const networks = {
    text_encoder: (dtype: DType) => new ClipTextEncoder(text, { dtype }),
    unet: (dtype: DType) => new UNet(unet, { dtype }),
    vae: (dtype: DType) => new Autoencoder(autoencoder, { dtype }),
  };
  const parts = Object.keys(networks) as PartName[];
  const types = new Map<PartName, DType>();
  let bytes = 0;
  for (const part of parts) {
    const given = await typeOfPart(folder, part);
    const numbers = parametersOf(networks[part](given)).reduce((n, { variable }) => n + variable.size, 0);
    const type = options.dtype ?? (numbers > 1e8 ? "float16" : given);
    types.set(part, type);
    bytes += numbers * (type === "float16" ? 2 : 4);
  }
  const read = async <P extends PartName>(part: P): Promise<Networks[P]> => {
    const network = networks[part](types.get(part)!) as Networks[P];
    await loadPart(network, folder, part);
    return network;
  };
  return new StableDiffusion(config, tokenizer, read, options.keep ?? bytes < 2 ** 30);
}

async function tokenizerIn(folder: ModelFolder, context: number): Promise<ClipTokenizer> {
  const [vocabulary, merges] = [
    await needText(operation, folder, "tokenizer/vocab.json"),
    await needText(operation, folder, "tokenizer/merges.txt"),
  ];
  const settings = await readObject(operation, folder, "tokenizer/tokenizer_config.json");
  // The token itself, or an object that says how it is cut out of texts.
  const given = settings?.["pad_token"];
  const pad = typeof given === "object" && given !== null ? (given as { readonly content?: unknown }).content : given;
  return new ClipTokenizer(vocabulary, merges, { context, ...(typeof pad === "string" ? { pad } : {}) });
}
