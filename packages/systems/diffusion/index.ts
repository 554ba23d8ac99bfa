/** Latent diffusion (Rombach et al. 2022), the architecture of Stable Diffusion: parts that know nothing of each other. */

export type { ModelFolder } from "../model-folder.ts";
export { Autoencoder, type AutoencoderConfig, Gaussian } from "./autoencoder.ts";
export { checkDrawn } from "./checks.ts";
export { type ClipText, type ClipTextConfig, ClipTextEncoder } from "./clip.ts";
export { ClipTokenizer, type ClipTokenizerOptions, type EncodedText } from "./clip-tokenizer.ts";
export { configOf, configs, type StableDiffusionConfig, sizeStep } from "./config.ts";
export { type Denoiser, type DenoiserConfig, denoiserOf } from "./denoiser.ts";
export { Denoising, type DenoisingOptions } from "./denoising.ts";
export { DiT, type DiTConditions, type DiTConfig } from "./dit.ts";
export { type Fidelity, fidelity } from "./fidelity.ts";
export { guided, guidedHalves } from "./guidance.ts";
export { arrayOf, type Parameter, parametersOf, setParameter } from "./parameters.ts";
export { type Drawing, type DrawOptions, type DrawUpdate, draw } from "./pipeline.ts";
export { normalized, Reconstruction } from "./reconstruction.ts";
export { type SamplerName, sampler, samplerNames } from "./samplers/index.ts";
export type { Sampler, SamplerOptions, Step } from "./samplers/sampler.ts";
export { type Parts, type Prediction, Schedule, type ScheduleKind, type ScheduleOptions } from "./schedule.ts";
export { type LoadOptions, loadStableDiffusion, type Networks, StableDiffusion, type Tokenizer } from "./stable-diffusion.ts";
export type { Observer, Surroundings } from "./transformer.ts";
export { type Conditions, UNet, type UNetConfig } from "./unet.ts";
export { loadPart, type PartName, savePart } from "./weights.ts";
