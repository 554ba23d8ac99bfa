import { scenesConfig } from "@gradus/systems/diffusion/scenes";
import { trainDiffusion } from "../src/commands/train-diffusion.ts";

/** `gradus train diffusion` with networks that are compiled and trained in a moment; options as JSON. */
const { text, unet, autoencoder } = scenesConfig;
const config = {
  ...{ ...scenesConfig, text: { ...text, layers: 1 }, autoencoder: { ...autoencoder, channels: [8, 8, 8] } },
  unet: { ...unet, channels: [16], attention: [true], sketch: { width: 16, heads: 2, layers: 1 } },
};
await trainDiffusion({ config, ...JSON.parse(process.argv[2]!) });
