import {
  BackupAndRestore,
  type Callback,
  History,
  losses,
  type Model,
  SGD,
  schedules,
  setRandomSeed,
  type TrainingEvent,
} from "@gradus/nn";
import { ArgumentError, StateError } from "@gradus/tensor";
import type { ImageSet, Pictures } from "../image-set.ts";
import type { ResNetConfig } from "./config.ts";
import { normalisationOf, plainBatches, trainingBatches } from "./data.ts";
import { resnet } from "./model.ts";
import type { Normalisation } from "./preprocess.ts";

/**
 * How to train. "paper": §4.2, 64,000 steps with a rate of 0.1 that is divided by ten after a half and three quarters. "fast": one
 * cycle of the rate up to 0.2 and down to nothing (Smith and Topin 2018), stronger weight decay, Nesterov's momentum.
 */
export type Recipe = "paper" | "fast";

export interface TrainOptions {
  /** Default "paper". */
  readonly recipe?: Recipe;
  /** Passes over the training pictures. Default 164 (paper: 64,000 steps on CIFAR-10) or 30 (fast). */
  readonly epochs?: number;
  /** Default: `batchSizeOf` the network. */
  readonly batchSize?: number;
  /** Default 1. Same seed, same numbers. */
  readonly seed?: number;
  /** A file that the run goes on from when it was stopped, `kill -9` included. It stays: remove it when the results are safe. */
  readonly checkpoint?: string;
  readonly callbacks?: readonly Callback[];
}

/** What came out of a run. */
export interface Trained {
  readonly model: Model;
  readonly normalisation: Normalisation;
  readonly history: Readonly<Record<string, readonly number[]>>;
  /** How long it took, all parts of a run that was stopped together. */
  readonly seconds: number;
}

export const recipes = {
  paper: { epochs: 164, weightDecay: 1e-4 },
  fast: { epochs: 30, weightDecay: 5e-4 },
} as const;

/** Pictures a step unless said otherwise: the paper's 128 of CIFAR-10; of large pictures so many that 4 GiB hold what training keeps of them. */
export const batchSizeOf = (config: ResNetConfig): number => (config.stem === "small" ? 128 : depthOf(config) <= 50 ? 32 : 16);

/** Fewer steps have no half and three quarters that differ. */
const fewestSteps = 4;

/** The optimizer of a recipe for so many steps. */
function optimizerFor(recipe: Recipe, steps: number, depth: number): SGD {
  if (recipe === "fast") return new SGD({ learningRate: new schedules.OneCycle(0.2, steps), momentum: 0.9, nesterov: true });
  const [half, threeQuarters] = [Math.round(steps / 2), Math.round((3 * steps) / 4)];
  // 110 layers begin at 0.01, until they learn at all: some 400 steps.
  const warm = depth >= 110 && half > 400;
  const rate = warm
    ? new schedules.PiecewiseConstantDecay([400, half, threeQuarters], [0.01, 0.1, 0.01, 0.001])
    : new schedules.PiecewiseConstantDecay([half, threeQuarters], [0.1, 0.01, 0.001]);
  return new SGD({ learningRate: rate, momentum: 0.9 });
}

/** Layers with weights on the way from picture to logits, as the paper counts them. */
export const depthOf = ({ blocks, block }: ResNetConfig): number => (block === "basic" ? 2 : 3) * blocks.reduce((a, b) => a + b, 0) + 2;

/** Trains a network as a stream of events, and gives it at the end. Test pictures are looked at after each epoch, and choose nothing. */
export async function* train(set: ImageSet, config: ResNetConfig, options: TrainOptions = {}): AsyncGenerator<TrainingEvent, Trained> {
  const { recipe = "paper", batchSize = batchSizeOf(config), seed = 1, checkpoint, callbacks = [] } = options;
  const epochs = options.epochs ?? recipes[recipe].epochs;
  const stepsPerEpoch = Math.floor(set.train.labels.length / batchSize);
  if (!stepsPerEpoch) throw new ArgumentError("train", `${set.train.labels.length} pictures do not fill a batch of ${batchSize}`);
  const steps = epochs * stepsPerEpoch;
  if (steps < fewestSteps)
    throw new ArgumentError(
      "train",
      `${epochs} × ${stepsPerEpoch} batches of ${batchSize} are ${steps} steps, and the learning rate needs ${fewestSteps} to rise and fall`,
      "Give more epochs or a smaller batch",
    );
  if (set.classes.length !== config.classes)
    throw new ArgumentError("train", `the network tells ${config.classes} classes, the pictures have ${set.classes.length}`);
  setRandomSeed(seed);
  const normalisation = normalisationOf(set.train);
  const model = resnet(config, { weightDecay: recipes[recipe].weightDecay });
  model.compile({
    optimizer: optimizerFor(recipe, steps, depthOf(config)),
    loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }),
    metrics: ["accuracy"],
  });
  const begin = performance.now();
  const backup = checkpoint
    ? new BackupAndRestore(checkpoint, { saveFreq: 100, saveSeconds: 20, deleteCheckpoint: false }, callbacks)
    : null;
  const events = model.fitEvents(trainingBatches(set.train, normalisation, batchSize, seed), null, {
    epochs,
    seed,
    validationData: plainBatches(set.test, normalisation),
    callbacks: [...callbacks, ...(backup ? [backup] : [])],
  });
  let history = new History();
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (!done) {
        yield value;
        continue;
      }
      history = value;
      break;
    }
  } finally {
    await events.return(history);
  }
  return { model, normalisation, history: history.history, seconds: backup?.seconds ?? (performance.now() - begin) / 1000 };
}

/** How well a network does on pictures. */
export interface Evaluation {
  /** Share of the pictures whose class got the highest probability, and whose class is among the five highest. */
  readonly top1: number;
  readonly top5: number;
  /** How many of class i were taken for class j: confusion[i][j]. */
  readonly confusion: readonly (readonly number[])[];
}

export async function evaluate(model: Model, pictures: Pictures, normalisation: Normalisation): Promise<Evaluation> {
  const classes = model.output.shape.at(-1)!;
  const logits = (await (await model.predict(plainBatches(pictures, normalisation).map(([x]) => x))).data()) as Float32Array;
  if (!logits.every(Number.isFinite))
    throw new StateError("evaluate", "the network gives numbers that are not finite", "Its weights are damaged, or its training diverged");
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let [first, five] = [0, 0];
  pictures.labels.forEach((label, i) => {
    const z = logits.subarray(i * classes, (i + 1) * classes);
    // Of equal ones the first comes first, also for the confusion: its diagonal is what top1 counts.
    const better = z.reduce((n, v, j) => n + Number(v > z[label]! || (v === z[label] && j < label)), 0);
    confusion[label]![z.indexOf(Math.max(...z))]!++;
    first += Number(better === 0);
    five += Number(better < 5);
  });
  const n = pictures.labels.length;
  return { top1: first / n, top5: five / n, confusion };
}
