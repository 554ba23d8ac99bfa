import { ArgumentError } from "@gradus/tensor";
import { type AutoencoderConfig, latentScale } from "./autoencoder.ts";
import type { ClipTextConfig } from "./clip.ts";
import type { SamplerName } from "./samplers/index.ts";
import type { SamplerOptions } from "./samplers/sampler.ts";
import type { ScheduleOptions } from "./schedule.ts";
import type { UNetConfig } from "./unet.ts";

/** What distinguishes one text-to-image model of Stable Diffusion's kind from another. */
export interface StableDiffusionConfig {
  readonly text: ClipTextConfig;
  readonly unet: UNetConfig;
  readonly autoencoder: AutoencoderConfig;
  readonly schedule: ScheduleOptions;
  /** The sampler that is used unless another is asked for, and what it and others are to keep to. */
  readonly sampler: SamplerName;
  readonly samplerOptions: SamplerOptions;
  /** Height and width of pictures unless others are asked for. */
  readonly size: number;
}

/** What height and width of a picture are multiples of: places of its latent, of which a sketch guesses four at once. */
export const sizeStep = ({ autoencoder, unet }: StableDiffusionConfig): number => latentScale(autoencoder) * (unet.sketch ? 2 : 1);

/**
 * The models by name: `sd-1.5` is Stable Diffusion 1.5 (Rombach et al. 2022, as released), 1,066 million weights; `tiny` is of the same
 * form with some thousands, for tests.
 */
export const configs: Readonly<Record<string, StableDiffusionConfig>> = {
  "sd-1.5": {
    text: { vocabulary: 49408, context: 77, width: 768, layers: 12, heads: 12, hidden: 3072, activation: "quickGelu", end: 49407 },
    unet: {
      ...{ inChannels: 4, outChannels: 4, channels: [320, 640, 1280, 1280], layersPerBlock: 2, attention: [true, true, true, false] },
      ...{ heads: 8, contextWidth: 768, groups: 32 },
    },
    autoencoder: {
      ...{ inChannels: 3, latentChannels: 4, channels: [128, 256, 512, 512], layersPerBlock: 2, groups: 32, scalingFactor: 0.18215 },
    },
    schedule: { kind: "scaled-linear", steps: 1000, betaStart: 0.00085, betaEnd: 0.012, prediction: "epsilon" },
    sampler: "pndm",
    samplerOptions: { stepsOffset: 1, finalAlphaOne: false },
    size: 512,
  },
  tiny: {
    text: { vocabulary: 664, context: 12, width: 16, layers: 1, heads: 2, hidden: 32, activation: "quickGelu", end: 663 },
    unet: {
      ...{ inChannels: 4, outChannels: 4, channels: [8, 16], layersPerBlock: 1, attention: [true, false], heads: 2, contextWidth: 16 },
      groups: 4,
    },
    autoencoder: { inChannels: 3, latentChannels: 4, channels: [8, 8], layersPerBlock: 1, groups: 4, scalingFactor: 0.5 },
    schedule: { kind: "scaled-linear", steps: 1000, betaStart: 0.00085, betaEnd: 0.012, prediction: "epsilon" },
    sampler: "pndm",
    samplerOptions: { stepsOffset: 1, finalAlphaOne: false },
    size: 16,
  },
};

/** A configuration by name. ArgumentError names those there are. */
export function configOf(name: string): StableDiffusionConfig {
  if (!Object.hasOwn(configs, name))
    throw new ArgumentError("configOf", `there is no model ${JSON.stringify(name)}`, `Use one of ${Object.keys(configs).join(", ")}`);
  return configs[name]!;
}
