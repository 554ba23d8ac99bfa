import type { StableDiffusionConfig } from "../config.ts";
import { sceneSize } from "./scene.ts";
import { context, endOfPrompt, vocabularySize } from "./words.ts";

/**
 * Stable Diffusion's architecture for pictures of scenes, trained from nothing on two cores: pictures of 64 × 64, latents of 16 × 16 × 4,
 * words in place of parts of words, v in place of ε (Salimans & Ho 2022). The autoencoder's scale is found when it has been trained.
 */
export const scenesConfig: StableDiffusionConfig = {
  text: {
    vocabulary: vocabularySize,
    context,
    width: 64,
    layers: 2,
    heads: 4,
    hidden: 256,
    activation: "quickGelu",
    end: endOfPrompt,
    causal: false,
  },
  unet: {
    ...{ inChannels: 4, outChannels: 4, channels: [32, 64, 128], layersPerBlock: 1, attention: [false, true, true], heads: 4 },
    ...{ contextWidth: 64, groups: 16, places: true, gist: true, sketch: { width: 64, heads: 4, layers: 2 } },
  },
  autoencoder: { inChannels: 3, latentChannels: 4, channels: [16, 32, 32], layersPerBlock: 1, groups: 8, scalingFactor: 1 },
  schedule: { kind: "scaled-linear", steps: 1000, betaStart: 0.00085, betaEnd: 0.02, prediction: "v" },
  sampler: "dpm++2m",
  samplerOptions: {},
  size: sceneSize,
};
