import { setRandomSeed } from "@gradus/nn";
import { ArgumentError, tensor } from "@gradus/tensor";
import type { ImageSet } from "../../image-set.ts";
import { Denoising } from "../denoising.ts";
import { checkNumbers, type Fitting, fitted, optimizerFor } from "../fitting.ts";
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
  /** How long it took, all parts of a run together that was stopped in between. */
  readonly seconds: number;
}

/** Trains a network to take noise off the pictures of a set (Ho et al. 2020, algorithm 1), told of their classes in nine cases of ten. */
export async function* trainPictures(
  { train, classes }: ImageSet,
  config: PictureConfig,
  options: PictureTraining = {},
): AsyncGenerator<PictureTrainingEvent, TrainedPictures> {
  const { steps = 10_000, batchSize = 64, rate = 1e-3, seed = 1, looks = 10, keep, from } = options;
  checkNumbers({ steps, batchSize, looks }, rate);
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
  const perPass = Math.min(Math.floor(n / batchSize), Math.max(1, Math.floor(steps / looks)));
  const run = fitted(denoising, data, { steps, perPass, batchSize, seed, keep, keepEvery: 100 });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return { model, losses: value.losses, seconds: value.seconds };
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
