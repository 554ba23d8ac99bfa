import { setRandomSeed } from "@gradus/nn";
import { ArgumentError, tensor } from "@gradus/tensor";
import type { ImageSet } from "../../image-set.ts";
import { Denoising } from "../denoising.ts";
import { type Fitting, fitted, optimizerFor } from "../fitting.ts";
import { normalized } from "../reconstruction.ts";
import type { PictureConfig } from "./config.ts";
import { type PictureModel, pictureModel } from "./model.ts";

export interface PictureTraining {
  /** Default 10,000. */
  readonly steps?: number;
  /** Pictures a step; default 64. */
  readonly batchSize?: number;
  /** The highest learning rate; default 0.001. */
  readonly rate?: number;
  /** Default 1. Same seed, same numbers. */
  readonly seed?: number;
  /** How often the run pauses to be looked at, at least; default 10. */
  readonly looks?: number;
  /** A file that the run keeps its state in, to go on from. */
  readonly keep?: string;
  /** A model that learns on, in place of a new one. */
  readonly from?: PictureModel;
}

export interface PictureTrainingEvent extends Fitting {
  /** The model as it is, which stays so until the next event is asked for where the run is `paused`. */
  readonly model: PictureModel;
}

/** What came out of it: the weights are averages over the last steps. */
export interface TrainedPictures {
  readonly model: PictureModel;
  /** Mean loss between any two pauses. */
  readonly losses: readonly number[];
}

/** Trains a network to take noise off the pictures of a set (Ho et al. 2020, algorithm 1), told of their classes in nine cases of ten. */
export async function* trainPictures(
  { train, classes }: ImageSet,
  config: PictureConfig,
  options: PictureTraining = {},
): AsyncGenerator<PictureTrainingEvent, TrainedPictures> {
  const { steps = 10_000, batchSize = 64, rate = 1e-3, seed = 1, looks = 10, keep, from } = options;
  for (const [name, value] of Object.entries({ steps, batchSize, looks }))
    if (!(Number.isSafeInteger(value) && value >= 1)) throw new ArgumentError("train", `${name} is ${value}`, "Give a positive integer");
  if (!(rate > 0 && Number.isFinite(rate))) throw new ArgumentError("train", `rate is ${rate}`, "Give a positive number");
  const n = train.labels.length;
  if (n < batchSize) throw new ArgumentError("train", `${n} pictures do not fill a batch of ${batchSize}`, "Give a smaller batch");
  checkSet(train.images.shape, classes, from?.config ?? config);
  setRandomSeed(seed);
  const model = from ?? pictureModel(config);
  const denoising = new Denoising({
    ...{ network: model.network, text: null, schedule: model.schedule, encode: normalized },
    // Of all times, an error counts in full; the last class stands for any.
    ...{ drop: 0.1, anyClass: classes.length, snrLimit: Infinity },
  });
  denoising.compile({ optimizer: optimizerFor(steps, rate, true) });
  const data = [tensor(train.images.data as Uint8Array, { dtype: "uint8" }).reshape(train.images.shape)];
  if (classes.length) data.push(tensor(train.labels));
  const passes = Math.max(Math.ceil(steps / Math.floor(n / batchSize)), Math.min(looks, steps));
  const run = fitted(denoising, data, { perPass: Math.ceil(steps / passes), passes, batchSize, seed, keep, keepEvery: 100 });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return { model, losses: value };
    yield { ...value, model };
  }
}

/** ArgumentError where a model is for other pictures than these. */
function checkSet([, size, , channels]: readonly number[], classes: readonly string[], config: PictureConfig): void {
  const words = (s: number, c: number, names: readonly string[]): string =>
    `${s} × ${s} pixels, ${c === 1 ? "grey" : `${c} channels`}, ${names.length ? `the classes ${names.join(", ")}` : "no classes"}`;
  const [own, its] = [words(size!, channels!, classes), words(config.size, config.channels, config.classes)];
  if (own !== its) throw new ArgumentError("train", `the pictures have ${own}; the model is for ${its}`, "Train a new model");
}
