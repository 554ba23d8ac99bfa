import { Dataset } from "@gradus/data";
import { type Model, setRandomSeed } from "@gradus/nn";
import { ArgumentError, compile, type Tensor, tensor } from "@gradus/tensor";
import { Autoencoder } from "../autoencoder.ts";
import { ClipTextEncoder } from "../clip.ts";
import type { StableDiffusionConfig } from "../config.ts";
import { Denoising } from "../denoising.ts";
import { checkNumbers, type Fitted, type FittingOptions, fitted, optimizerFor } from "../fitting.ts";
import { normalized, Reconstruction } from "../reconstruction.ts";
import { Schedule } from "../schedule.ts";
import { Sketching } from "../sketch.ts";
import { UNet } from "../unet.ts";
import { scenesConfig } from "./config.ts";
import { scene, sceneSize } from "./scene.ts";
import { context, WordTokenizer } from "./words.ts";

export interface TrainOptions<L = never> {
  readonly config?: StableDiffusionConfig;
  /** Steps of the autoencoder, and of the denoiser with its text encoder. Default 1500 and 12000. */
  readonly autoencoderSteps?: number;
  readonly steps?: number;
  /** Steps before these in which words learn what the picture will be like at each place (`sketch.ts`). Default 6000. */
  readonly sketchSteps?: number;
  /** Scenes that the denoiser learns from, again and again. Default 100,000. */
  readonly scenes?: number;
  /** Scenes of one of the denoiser's steps; the autoencoder's have half as many. Default 64. */
  readonly batchSize?: number;
  /** The denoiser's highest learning rate. Default 0.001. */
  readonly rate?: number;
  /** How much strong noise counts, see `DenoisingOptions`. Default 0. */
  readonly snrLeast?: number;
  /** Default 1. Same seed, same numbers. */
  readonly seed?: number;
  /**
   * Asked after each of the denoiser's passes over the scenes, for the parts as they are. What it says is plain JSON and part of the run: the
   * answers come back in the end, those before a stop too.
   */
  readonly look?: (parts: Parts, at: { readonly step: number; readonly steps: number; readonly loss: number }) => Promise<L>;
  /** Where the run keeps its state to go on from: files that begin so. */
  readonly keep?: string;
  /** An autoencoder that is trained already: its part of the run is left out. */
  readonly autoencoder?: Autoencoder;
  /** Parts that are trained already and learn on, in place of new ones: the autoencoder's part of the run is left out. */
  readonly from?: Parts;
}

/** The parts of a model of scenes. */
export interface Parts {
  readonly config: StableDiffusionConfig;
  readonly autoencoder: Autoencoder;
  readonly text: ClipTextEncoder;
  readonly unet: UNet;
}

/** What training tells. Losses are means since the part began. */
export interface SceneTrainingEvent {
  readonly part: "autoencoder" | "latents" | "sketch" | "denoiser";
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
}
/** What came out of it: the parts, the denoiser's weights being averages over the last steps. */
export interface TrainedScenes<L = never> extends Parts {
  /** Mean losses of each pass. */
  readonly losses: { readonly autoencoder: readonly number[]; readonly denoiser: readonly number[] };
  readonly looks: readonly L[];
  /** How long autoencoder, sketch and denoiser took, also where they were stopped in between. */
  readonly seconds: number;
}

const usual = {
  autoencoderSteps: 1500,
  sketchSteps: 6000,
  steps: 12_000,
  scenes: 100_000,
  batchSize: 64,
  rate: 1e-3,
  snrLeast: 0,
  seed: 1,
};

/** All latents are in memory at once, as one array. */
const mostBytes = 2 ** 31;
const latentBytes = ({ autoencoder: { channels, latentChannels } }: StableDiffusionConfig): number =>
  4 * latentChannels * (sceneSize / 2 ** (channels.length - 1)) ** 2;

/** ArgumentError for what cannot be trained: `trainScenes` asks it too, but not before its first step. */
export function checkTraining<L>(options: TrainOptions<L>): void {
  const { autoencoderSteps, sketchSteps, steps, scenes, batchSize, rate, snrLeast } = { ...usual, ...options };
  checkNumbers({ autoencoderSteps, sketchSteps, steps, scenes, batchSize }, rate);
  if (scenes < batchSize) throw new ArgumentError("train", `there are ${scenes} scenes for batches of ${batchSize}`, "Give more scenes");
  const most = Math.floor(mostBytes / latentBytes(options.config ?? options.from?.config ?? scenesConfig));
  if (scenes > most)
    throw new ArgumentError("train", `the latents of ${scenes} scenes take more than 2 GB of memory`, `Give at most ${most} scenes`);
  if (!(snrLeast >= 0 && snrLeast <= 5)) throw new ArgumentError("train", `snrLeast is ${snrLeast}`, "Give a ratio from 0 to 5");
}

/** Trains autoencoder, then text encoder and sketch, then both and the denoiser together on its latents, from nothing. */
export async function* trainScenes<L = never>(options: TrainOptions<L> = {}): AsyncGenerator<SceneTrainingEvent, TrainedScenes<L>> {
  checkTraining(options);
  const { autoencoderSteps, sketchSteps, steps, scenes, batchSize, rate, snrLeast, seed, keep, from, look } = { ...usual, ...options };
  setRandomSeed(seed);
  const { config: given = from?.config ?? scenesConfig } = options;
  let autoencoder = from?.autoencoder ?? options.autoencoder ?? new Autoencoder(given.autoencoder);
  const before: Record<"autoencoder" | "sketch", Fitted | null> = { autoencoder: null, sketch: null };
  if (!from && !options.autoencoder) {
    const model = new Reconstruction(autoencoder);
    model.compile({ optimizer: optimizerFor(autoencoderSteps, 3e-3, false) });
    const size = Math.max(1, Math.floor(batchSize / 2));
    const pictures = Dataset.range(autoencoderSteps * size)
      .map((i) => scene(seed, "training", i).picture)
      .batch(size, { dropRemainder: true });
    const fit = { steps: autoencoderSteps, perPass: autoencoderSteps, batchSize: null, seed, keep };
    before.autoencoder = yield* part("autoencoder", model, pictures, fit);
  }

  const { latents, deviation: measured } = yield* latentsOf(autoencoder, scenes, seed);
  const deviation = from ? 1 / from.config.autoencoder.scalingFactor : measured;
  const config = { ...given, autoencoder: { ...given.autoencoder, scalingFactor: 1 / deviation } };
  autoencoder = rescaled(autoencoder, config.autoencoder);
  const { text, unet } = from ?? { text: new ClipTextEncoder(config.text), unet: new UNet(config.unet) };
  const schedule = new Schedule(config.schedule);
  const encode = (z: Tensor): Tensor => z.div(deviation);
  const tokenizer = new WordTokenizer();
  const captions = new Int32Array(scenes * context);
  for (let i = 0; i < scenes; i++) captions.set(tokenizer.encode(scene(seed, "training", i).caption).ids, i * context);
  const data = [latents, tensor(captions).reshape([scenes, context])];
  const perPass = Math.floor(scenes / batchSize);
  if (unet.sketch && !from) {
    const model = new Sketching(unet.sketch, text, encode);
    model.compile({ optimizer: optimizerFor(sketchSteps, 1e-3, false) });
    before.sketch = yield* part("sketch", model, data, { steps: sketchSteps, perPass, batchSize, seed, keep });
  }
  // Where things are is the sketch's part, so that the strongest noise may count little at first: colours and shapes are learned sooner then.
  const model = new Denoising({ network: unet, text, schedule, encode, drop: 0.1, snrLeast });
  model.compile({ optimizer: optimizerFor(steps, rate, true) });
  const parts: Parts = { config, autoencoder, text, unet };
  const denoiser = yield* part("denoiser", model, data, {
    ...{ steps, perPass, batchSize, seed, keep },
    look: look && ((step, loss) => look(parts, { step, steps, loss })),
  });
  return {
    ...parts,
    losses: { autoencoder: before.autoencoder?.losses ?? [], denoiser: denoiser.losses },
    looks: denoiser.looks,
    seconds: (before.autoencoder?.seconds ?? 0) + (before.sketch?.seconds ?? 0) + denoiser.seconds,
  };
}

/** The same autoencoder, whose latents have another scale. */
function rescaled(autoencoder: Autoencoder, config: Autoencoder["config"]): Autoencoder {
  const copy = new Autoencoder(config);
  const own = copy.weights;
  for (const [i, weight] of autoencoder.weights.entries()) own[i]!.assign(weight);
  return copy;
}

/** Fits a part of the model, and tells how it goes. */
async function* part<L>(
  name: "autoencoder" | "sketch" | "denoiser",
  model: Model,
  data: Parameters<Model["fitEvents"]>[0],
  options: FittingOptions<L>,
): AsyncGenerator<SceneTrainingEvent, Fitted<L>> {
  const run = fitted(model, data, { ...options, keep: options.keep && `${options.keep}.${name}` });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return value;
    const { step, steps, loss } = value;
    yield { part: name, step, steps, loss };
  }
}

/** Pictures that are encoded at once. */
const atOnce = 50;

/** Likeliest latents of training scenes, [N, h, w, channels], and the standard deviation of their numbers. */
async function* latentsOf(
  autoencoder: Autoencoder,
  scenes: number,
  seed: number,
): AsyncGenerator<SceneTrainingEvent, { latents: Tensor; deviation: number }> {
  const { scale, config } = autoencoder;
  const side = sceneSize / scale;
  const each = side * side * config.latentChannels;
  const all = new Float32Array(scenes * each);
  const encode = compile((pictures: Tensor) => autoencoder.encode(normalized(pictures)).mean);
  for (let i = 0; i < scenes; i += atOnce) {
    const pixels = new Uint8Array(atOnce * sceneSize * sceneSize * 3);
    const count = Math.min(atOnce, scenes - i);
    for (let k = 0; k < count; k++) pixels.set(scene(seed, "training", i + k).picture.data as Uint8Array, k * sceneSize * sceneSize * 3);
    const x = tensor(pixels, { dtype: "uint8" }).reshape([atOnce, sceneSize, sceneSize, 3]);
    const z = encode(x);
    all.set(((await z.data()) as Float32Array).subarray(0, count * each), i * each);
    for (const t of [x, z]) t.dispose();
    yield { part: "latents", step: Math.min(i + atOnce, scenes), steps: scenes, loss: null };
  }
  let [sum, squares] = [0, 0];
  for (const v of all) {
    sum += v;
    squares += v * v;
  }
  const deviation = Math.sqrt(squares / all.length - (sum / all.length) ** 2);
  return { latents: tensor(all).reshape([scenes, side, side, config.latentChannels]), deviation };
}
