import { nextTurn } from "@gradus/nn";
import { ArgumentError, concat, ShapeError, scope, type Tensor, tensor } from "@gradus/tensor";
import { type ArrayData, toTensor } from "@gradus/tensor/io";
import { type Autoencoder, latentScale } from "./autoencoder.ts";
import { checkDrawn, checkGuidance, checkSeed, finite } from "./checks.ts";
import type { ClipTextEncoder } from "./clip.ts";
import { sizeStep } from "./config.ts";
import { guidedHalves } from "./guidance.ts";
import { noiseOf } from "./noise.ts";
import { oncePer } from "./once-per.ts";
import { type SamplerName, sampler } from "./samplers/index.ts";
import type { SamplerOptions } from "./samplers/sampler.ts";
import { Schedule } from "./schedule.ts";
import type { Networks, StableDiffusion } from "./stable-diffusion.ts";
import type { UNet } from "./unet.ts";
import type { PartName } from "./weights.ts";

export interface DrawOptions {
  /** What the pictures show. ArgumentError for an empty text. */
  readonly prompt: string;
  /** What they should be led away from; default nothing. ArgumentError without guidance, which alone leads away. */
  readonly negativePrompt?: string;
  /** Default those the model was made for; multiples of `sizeStep(config)`, 8 for Stable Diffusion. Others than the model's own look worse. */
  readonly width?: number;
  readonly height?: number;
  /** Steps from noise to picture; default 50. */
  readonly steps?: number;
  /** How far the words lead, up to 1000; 1 is without guidance, and twice as fast. Default 7.5. */
  readonly guidance?: number;
  /** The same seed gives the same picture. Default 0. */
  readonly seed?: number;
  /** Pictures to draw together, with the seeds `seed`, `seed + 1`, ..: each is what it would be alone. At most 2²² pixels. Default 1. */
  readonly count?: number;
  /** Default the model's own. */
  readonly sampler?: SamplerName;
  readonly samplerOptions?: SamplerOptions;
  /** A picture to start from, uint8 [height, width, 3]: `width` and `height` are its. */
  readonly image?: ArrayData;
  /** How much of it is forgotten, from above 0 to 1; default 0.8, or 1 with a mask. */
  readonly strength?: number;
  /** Where to paint: uint8 [height, width] or [height, width, 1], 0 keeps what `image` has, to the bit. */
  readonly mask?: ArrayData;
}

/** A step is done. */
export interface DrawUpdate {
  /** Steps done, from 1 on, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Milliseconds that the step took. */
  readonly ms: number;
  /** What of the prompt did not fit; empty where all did. */
  readonly cut: string;
  /** The latent pictures that the network thinks are behind the noise, [count, h, w, latentChannels]; with a mask, only where it is painted. */
  readonly latents: Tensor;
  /** The same as pictures, uint8 [height, width, 3] each: it takes the autoencoder, so ask only where it is looked at. */
  readonly pictures: () => Promise<ArrayData[]>;
}

export interface Drawing {
  readonly pictures: readonly ArrayData[];
  /** What of the prompt did not fit, and of the negative prompt. */
  readonly cut: string;
  readonly negativeCut: string;
}

/**
 * Pictures from words: text to image, image to image (Meng et al. 2022, SDEdit: noise is added, and taken away again), and inpainting
 * (what is kept gets the noise of every step anew). Gives an update after every step and the pictures in the end. FormatError where the
 * networks give numbers that are not finite.
 */
export async function* draw(model: StableDiffusion, options: DrawOptions): AsyncGenerator<DrawUpdate, Drawing> {
  const { config } = model;
  const checked = check(options, model);
  const { width, height, steps, guidance, seed, count, strength } = checked;
  const scale = latentScale(config.autoencoder);
  const shape = [count, height / scale, width / scale, config.autoencoder.latentChannels];
  const s = sampler(options.sampler ?? config.sampler, new Schedule(config.schedule), steps, {
    ...config.samplerOptions,
    ...options.samplerOptions,
  });
  const { ids, cut, negativeCut } = tokensOf(model, options);
  const guides = guidance !== 1;
  const both = guides ? ids : ids.get("1:");
  const words = await using(model, "text_encoder", (encoder) => wordsOf(encoder)(both)); // of the negative prompt and the prompt, or of the prompt

  let known: Tensor | null = null;
  if (options.image) {
    const pixels = toTensor({ ...options.image, shape: [1, ...options.image.shape] });
    known = await using(model, "vae", (autoencoder) => encoderOf(autoencoder)(pixels, noiseOf(seed, count, shape.slice(1), 1)));
  }
  const painted = options.mask ? shrunk(options.mask, scale) : null;
  /** What is painted of a latent, with what is kept from another around it. */
  const within = (latent: Tensor, around: () => Tensor): Tensor =>
    painted ? latent.mul(painted).add(around().mul(painted.mul(-1).add(1))) : latent;

  // The last steps alone, where a picture is not forgotten.
  const taken = options.image ? Math.max(1, Math.trunc(steps * strength)) : steps;
  const first = taken < steps ? s.timesteps.length - taken : 0;
  const start = noiseOf(seed, count, shape.slice(1), 0);
  const context = words.repeat(count, { axis: 0 });
  const weight = tensor(guidance, { dtype: "float32" });
  let sample = scope(() => (known ? s.addNoise(known, start, first) : start.mul(s.initNoiseSigma)));

  const shown = async (latents: Tensor): Promise<ArrayData[]> => (await decoded(model, latents)).map((picture) => kept(picture, options));

  const unet = await model.part("unet");
  // Who asks for no more updates lets go of the network, too.
  try {
    const run = (guides ? guidedOf : plainOf)(unet);
    for (let i = first; i < s.timesteps.length; i++) {
      const begin = performance.now();
      const output = run(s.scaleModelInput(sample, i), tensor(Float32Array.of(s.timesteps[i]!)), context, weight);
      const noise = s.stochastic ? noiseOf(seed, count, shape.slice(1), 2 + i) : undefined;
      const { previous, original } = s.step(sample, output, i, noise);
      // What is kept is as noisy as the rest will be.
      sample = within(previous, () => (i + 1 < s.timesteps.length ? s.addNoise(known!, start, i + 1) : known!));
      await finite(sample);
      const latents = within(original, () => known!);
      const pictures = (): Promise<ArrayData[]> => shown(latents);
      yield { step: i - first + 1, steps: s.timesteps.length - first, ms: performance.now() - begin, cut, latents, pictures };
      await nextTurn(); // what was made of the pictures can be shown
    }
  } finally {
    await model.done("unet");
  }
  return { pictures: await shown(sample), cut, negativeCut };
}

/** Does something with a part of a model, which is let go in the end where memory is short. */
async function using<P extends PartName, T>(model: StableDiffusion, part: P, work: (network: Networks[P]) => T | Promise<T>): Promise<T> {
  const network = await model.part(part);
  try {
    return await work(network);
  } finally {
    await model.done(part);
  }
}

function check(options: DrawOptions, model: StableDiffusion) {
  const { prompt, image, mask } = options;
  const { size, autoencoder } = model.config;
  const refuse = (problem: string, fix: string): never => {
    throw new ArgumentError("draw", problem, fix);
  };
  if (typeof prompt !== "string" || !prompt.trim()) refuse("the prompt is empty", "Say what the picture should show");
  const { steps = 50, guidance = 7.5, seed = 0, count = 1, strength = mask ? 1 : 0.8, negativePrompt = "" } = options;
  checkSeed(seed);
  checkGuidance(guidance, 7.5);
  if (guidance === 1 && negativePrompt.trim())
    refuse("there is a negative prompt, and guidance is 1, with which it has no effect", "Give more guidance, or leave it out");
  if (!(strength > 0 && strength <= 1)) refuse(`strength is ${strength}`, "Give a number above 0, up to 1");
  if (mask && !image) refuse("there is a mask, and no picture to keep parts of", "Give the picture as image");
  if (image && (image.dtype !== "uint8" || image.shape.length !== 3 || image.shape[2] !== autoencoder.inChannels))
    throw new ShapeError(
      "draw",
      `the picture is ${image.dtype}[${image.shape.join(", ")}]`,
      `Give uint8 [height, width, ${autoencoder.inChannels}]`,
    );
  const { width = image?.shape[1] ?? size, height = image?.shape[0] ?? size } = options;
  checkDrawn(count, height, width, sizeStep(model.config));
  if (image && (image.shape[0] !== height || image.shape[1] !== width))
    refuse(`the picture is ${image.shape[1]} x ${image.shape[0]}, ${width} x ${height} was asked for`, "Resize it first");
  if (mask && (mask.dtype !== "uint8" || mask.shape[0] !== height || mask.shape[1] !== width || mask.data.length !== width * height))
    throw new ShapeError(
      "draw",
      `the mask is ${mask.dtype}[${mask.shape.join(", ")}]`,
      `Give uint8 [${height}, ${width}], as large as the picture`,
    );
  return { width, height, steps, guidance, seed, count, strength };
}

/** The negative prompt and the prompt, int32 [2, context], and what of them did not fit. */
function tokensOf({ tokenizer }: StableDiffusion, { prompt, negativePrompt = "" }: DrawOptions) {
  const [negative, positive] = [tokenizer.encode(negativePrompt), tokenizer.encode(prompt)];
  const both = Int32Array.from([...negative.ids, ...positive.ids]);
  return { ids: tensor(both).reshape([2, tokenizer.context]), cut: positive.cut, negativeCut: negative.cut };
}

type Run = (sample: Tensor, time: Tensor, context: Tensor, guidance: Tensor) => Tensor;

const wordsOf = oncePer((encoder: ClipTextEncoder) => (ids: Tensor) => encoder.forward(ids).last);

/** What the U-Net says about a sample, without the words and with them. */
const guidedOf = oncePer(
  (unet: UNet): Run =>
    (sample, time, context, guidance) =>
      guidedHalves(unet.forward(concat([sample, sample]), time, { context }), guidance),
);
const plainOf = oncePer(
  (unet: UNet): Run =>
    (sample, time, context) =>
      unet.forward(sample, time, { context }),
);

/** A scaled latent as pixels, and pixels as a scaled latent, drawn from those that they may have. */
const decoderOf = oncePer((autoencoder: Autoencoder) => (latent: Tensor) => {
  const pixels = autoencoder.decode(latent.div(autoencoder.config.scalingFactor));
  return pixels.mul(127.5).add(127.5).clip(0, 255).round().astype("uint8");
});
const encoderOf = oncePer((autoencoder: Autoencoder) => (pixels: Tensor, noise: Tensor) => {
  const given = pixels.astype("float32").div(127.5).sub(1);
  return autoencoder.encode(given).sample(noise).mul(autoencoder.config.scalingFactor);
});

/** Scaled latents as pictures, one after the other. */
const decoded = (model: StableDiffusion, latents: Tensor): Promise<ArrayData[]> =>
  using(model, "vae", async (autoencoder) => {
    const decode = decoderOf(autoencoder);
    const pictures: ArrayData[] = [];
    for (let k = 0; k < latents.shape[0]!; k++) {
      const pixels = decode(latents.get(`${k}:${k + 1}`));
      pictures.push({ dtype: "uint8", shape: pixels.shape.slice(1), data: await pixels.data() });
      pixels.dispose();
    }
    return pictures;
  });

/** A picture with what a mask keeps as it was: the decoder's normalisation lets what is painted show through everywhere. */
function kept(picture: ArrayData, { image, mask }: DrawOptions): ArrayData {
  if (!image || !mask) return picture;
  const channels = image.shape[2]!;
  const data = Uint8Array.from(picture.data as Uint8Array, (value, i) =>
    mask.data[Math.floor(i / channels)] ? value : Number(image.data[i]!),
  );
  return { ...picture, data };
}

/** 1 where any pixel of a latent's place is to be painted, [1, h, w, 1]. */
function shrunk(mask: ArrayData, scale: number): Tensor {
  const [height, width] = mask.shape as [number, number];
  return scope(() =>
    toTensor({ dtype: "uint8", shape: [1, height / scale, scale, width / scale, scale], data: mask.data })
      .greater(0)
      .astype("float32")
      .max({ axis: [2, 4] })
      .expandDims({ axis: -1 }),
  );
}
