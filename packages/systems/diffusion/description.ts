import { FormatError } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import type { AutoencoderConfig } from "./autoencoder.ts";
import type { ClipTextConfig } from "./clip.ts";
import { type StableDiffusionConfig, sizeStep } from "./config.ts";
import type { DenoiserConfig } from "./denoiser.ts";
import type { DiTConfig } from "./dit.ts";
import { Fields, limits } from "./fields.ts";
import type { Json } from "./folder.ts";
import type { PictureConfig } from "./pictures/config.ts";
import { type SamplerName, samplerNames } from "./samplers/index.ts";
import { type SamplerOptions, spacings } from "./samplers/sampler.ts";
import { predictions, type ScheduleOptions, scheduleKinds } from "./schedule.ts";
import type { SketchSizes } from "./sketch.ts";
import type { UNetConfig } from "./unet.ts";

/**
 * The descriptions that training writes beside weights, read strictly: a field that is missing, of another type, beyond any network's size or
 * unknown is refused, since the pictures would only look a little wrong, or never come.
 */

/** The fields of `config` in a description; `what` and `command` say what it should be of, and who writes such. */
export function configIn(operation: string, description: string, where: string, what: string, command: string): Fields {
  const config = (parseJson(description) as { readonly config?: unknown } | null | undefined)?.config;
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new FormatError(operation, `${where} does not describe a model of ${what}`, `It needs config, as ${command} writes it`);
  return new Fields(operation, where, config as Json, "config.");
}

/** What was read, where nothing is left unread. */
function finished<T>(f: Fields, config: T): T {
  f.done();
  return config;
}

/** A model that draws from words. */
export function stableDiffusionConfigOf(f: Fields): StableDiffusionConfig {
  const config: StableDiffusionConfig = finished(f, {
    text: textOf(f.within("text")),
    unet: unetOf(f.within("unet")),
    autoencoder: autoencoderOf(f.within("autoencoder")),
    schedule: scheduleOf(f.within("schedule")),
    sampler: f.oneOf<SamplerName>("sampler", samplerNames),
    samplerOptions: samplerOptionsOf(f.within("samplerOptions")),
    size: f.count("size", limits.size),
  });
  if (config.size % sizeStep(config)) f.refuse("size", `a multiple of ${sizeStep(config)} is expected`);
  return config;
}

/** A model that draws pictures like those of a data set. */
export function pictureConfigOf(f: Fields): PictureConfig {
  const config: PictureConfig = finished(f, {
    size: f.count("size", limits.size),
    channels: f.count("channels", limits.width),
    classes: f.texts("classes", limits.classes),
    network: denoiserOf(f.within("network")),
    schedule: scheduleOf(f.within("schedule")),
    sampler: f.oneOf<SamplerName>("sampler", samplerNames),
  });
  const { channels, classes, network } = config;
  if (
    network.inChannels !== channels ||
    network.outChannels !== channels ||
    network.classes !== (classes.length ? classes.length + 1 : undefined)
  )
    f.refuse("network", "it takes other channels or classes than its pictures have");
  if ((network.contextWidth ?? null) !== null) f.refuse("network", "it takes words, and there are none");
  return config;
}

const textOf = (f: Fields): ClipTextConfig =>
  finished(f, {
    vocabulary: f.count("vocabulary", limits.vocabulary),
    context: f.count("context", limits.context),
    width: f.count("width", limits.width),
    layers: f.count("layers", limits.layers),
    heads: f.count("heads", limits.heads),
    hidden: f.count("hidden", limits.width),
    activation: f.oneOf("activation", ["quickGelu", "gelu"] as const),
    end: f.index("end", limits.vocabulary),
    causal: f.flag("causal"),
  });

const autoencoderOf = (f: Fields): AutoencoderConfig =>
  finished(f, {
    inChannels: f.count("inChannels", limits.width),
    latentChannels: f.count("latentChannels", limits.width),
    channels: f.counts("channels", limits.levels, limits.width),
    layersPerBlock: f.count("layersPerBlock", limits.layersPerBlock),
    groups: f.count("groups", limits.width),
    scalingFactor: f.number("scalingFactor", 1e-4, 1e4),
  });

function denoiserOf(f: Fields): DenoiserConfig {
  return f.oneOf("kind", ["unet", "dit"] as const) === "unet" ? { kind: "unet", ...unetOf(f) } : { kind: "dit", ...ditOf(f) };
}

function unetOf(f: Fields): UNetConfig {
  const channels = f.counts("channels", limits.levels, limits.width);
  return finished(f, {
    channels,
    inChannels: f.count("inChannels", limits.width),
    outChannels: f.count("outChannels", limits.width),
    layersPerBlock: f.count("layersPerBlock", limits.layersPerBlock),
    attention: f.flags("attention", channels.length),
    heads: f.isList("heads") ? f.counts("heads", limits.levels, limits.heads) : f.count("heads", limits.heads),
    groups: f.count("groups", limits.width),
    ...contextOf(f),
    ...classesOf(f),
    ...(f.has("midAttention") ? { midAttention: f.flag("midAttention") } : {}),
    ...(f.has("places") ? { places: f.flag("places") } : {}),
    ...(f.has("gist") ? { gist: f.flag("gist") } : {}),
    ...(f.has("sketch") ? { sketch: sketchOf(f.within("sketch")) } : {}),
  });
}

const ditOf = (f: Fields): DiTConfig =>
  finished(f, {
    inChannels: f.count("inChannels", limits.width),
    outChannels: f.count("outChannels", limits.width),
    patch: f.count("patch", limits.patch),
    width: f.count("width", limits.width),
    layers: f.count("layers", limits.layers),
    heads: f.count("heads", limits.heads),
    ...contextOf(f),
    ...classesOf(f),
    ...(f.has("ratio") ? { ratio: f.count("ratio", limits.ratio) } : {}),
  });

const contextOf = (f: Fields) => ({ contextWidth: f.has("contextWidth") ? f.count("contextWidth", limits.width) : null });
const classesOf = (f: Fields) => (f.has("classes") ? { classes: f.count("classes", limits.classes) } : {});

const sketchOf = (f: Fields): SketchSizes =>
  finished(f, {
    width: f.count("width", limits.width),
    heads: f.count("heads", limits.heads),
    layers: f.count("layers", limits.layers),
  });

/** Without defaults: a file that does not say what its network was asked for would be drawn wrongly. */
function scheduleOf(f: Fields): ScheduleOptions {
  const kind = f.oneOf("kind", scheduleKinds);
  const betas = kind === "linear" || kind === "scaled-linear";
  return finished(f, {
    kind,
    steps: f.count("steps", limits.times),
    prediction: f.oneOf("prediction", predictions),
    ...(betas ? { betaStart: f.number("betaStart", 0, 1), betaEnd: f.number("betaEnd", 0, 1) } : {}),
    ...(kind === "flow" && f.has("shift") ? { shift: f.number("shift", 1e-3, 1e3) } : {}),
  });
}

const samplerOptionsOf = (f: Fields): SamplerOptions =>
  finished(f, {
    ...(f.has("spacing") ? { spacing: f.oneOf("spacing", spacings) } : {}),
    ...(f.has("stepsOffset") ? { stepsOffset: f.index("stepsOffset", limits.times) } : {}),
    ...(f.has("finalAlphaOne") ? { finalAlphaOne: f.flag("finalAlphaOne") } : {}),
    ...(f.has("eta") ? { eta: f.number("eta", 0, 1) } : {}),
    ...(f.has("karras") ? { karras: f.flag("karras") } : {}),
  });
