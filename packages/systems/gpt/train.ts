import { AdamW, BackupAndRestore, Callback, History, losses, ModelCheckpoint, schedules, setRandomSeed } from "@gradus/nn";
import { ArgumentError, tensor } from "@gradus/tensor";
import { countWeights, type GptConfig } from "./config.ts";
import { type TokenSplit, trainingWindows, validationWindows } from "./data.ts";
import { Gpt } from "./model.ts";

/** How a network is trained. */
export interface Recipe {
  /** Updates of the weights. */
  readonly steps: number;
  /** Windows that go through the network at a time. */
  readonly batchSize: number;
  /** Batches whose gradients are averaged for one update. */
  readonly accumulate: number;
  /** The highest learning rate, reached after `warmup` steps; from there half a cosine leads to a tenth of it. */
  readonly rate: number;
  readonly warmup: number;
  /** How slowly Adam forgets squares of gradients. */
  readonly beta2: number;
  /** Decoupled, for matrices alone: biases, gains and shifts keep their size. */
  readonly weightDecay: number;
  readonly dropout: number;
  /** Steps from one evaluation to the next. */
  readonly evaluateEvery: number;
  /** Windows of the validation text that are looked at, if it has more: then evenly from all of it. */
  readonly validationWindows: number;
}

/** Weights in millions and highest rates: Brown et al. (2020), table 2.1. */
const table21: readonly (readonly [millions: number, rate: number])[] = [
  ...([
    [125, 6e-4],
    [350, 3e-4],
    [760, 2.5e-4],
    [1300, 2e-4],
  ] as const),
  ...([
    [2700, 1.6e-4],
    [6700, 1.2e-4],
    [13_000, 1e-4],
    [Infinity, 0.6e-4],
  ] as const),
];

/** Training as in GPT-3's appendix B, for networks of its sizes; what it does with millions of texts is cut to one that is at hand. */
function gpt3Recipe(config: GptConfig): Recipe {
  const weights = countWeights(config);
  const rate = table21.find(([millions]) => weights <= 1.25e6 * millions)![1];
  return {
    ...{ steps: 5000, batchSize: 2, accumulate: 16, rate, warmup: 200, beta2: 0.95, weightDecay: 0.1, dropout: 0 },
    ...{ evaluateEvery: 250, validationWindows: 64 },
  };
}

/** How a configuration is trained unless said otherwise: `small` and `baby` for a text of a megabyte, others as GPT-3 was. */
export function recipeOf(name: string, config: GptConfig): Recipe {
  const characters = { warmup: 100, beta2: 0.99, weightDecay: 0.1, evaluateEvery: 250, validationWindows: 512 };
  if (name === "small") return { ...characters, steps: 2000, batchSize: 12, accumulate: 1, rate: 3e-3, dropout: 0 };
  // 64 windows an update, in parts that memory holds.
  if (name === "baby") return { ...characters, steps: 5000, batchSize: 16, accumulate: 4, rate: 1e-3, dropout: 0.2 };
  return gpt3Recipe(config);
}

export interface TrainOptions extends Recipe {
  /** Same seed, same numbers. */
  readonly seed: number;
  /** Tokens in a window; default: as many as the network sees. */
  readonly context?: number;
  /** A file that the run goes on from when it was stopped, `kill -9` included. It stays: remove it when the results are safe. */
  readonly checkpoint?: string;
  /** A file for the weights with the lowest validation loss so far, which the network has at the end. Without, it keeps the last ones. */
  readonly best?: string;
  /** Makes a text with the network as it is, at each evaluation. */
  readonly sample?: (network: Gpt) => Promise<string>;
}

/** What training tells. Losses are in nats a token. */
export type TrainingUpdate =
  | {
      readonly kind: "progress";
      /** Updates done, of `steps`. */
      readonly step: number;
      readonly steps: number;
      /** Mean since the last evaluation. */
      readonly loss: number;
    }
  | ({ readonly kind: "evaluation"; readonly steps: number } & Evaluated);

/** What was measured at an evaluation. */
export interface Evaluated {
  readonly step: number;
  /** Mean since the evaluation before, with dropout. */
  readonly loss: number;
  readonly validationLoss: number;
  /** Learning rate of the last step. */
  readonly rate: number;
  /** What `sample` gave. */
  readonly sample?: string;
}

export interface Trained {
  readonly network: Gpt;
  readonly history: readonly Evaluated[];
  /** The evaluation of the weights that the network has. */
  readonly final: Evaluated;
  /** How long it took, all parts of a run that was stopped together. */
  readonly seconds: number;
}

/** Trains a new network on a text as a stream of updates, and gives it at the end. ArgumentError for numbers that make no sense. */
export async function* train(tokens: TokenSplit, config: GptConfig, options: TrainOptions): AsyncGenerator<TrainingUpdate, Trained> {
  const { dropout } = options;
  if (!(dropout >= 0 && dropout < 1)) throw new ArgumentError("train", `dropout is ${dropout}`, "Give a share from 0 to below 1");
  setRandomSeed(options.seed);
  return yield* optimise(new Gpt(config, { dropout }), tokens, options);
}

/** Trains what is trainable in a network, on a text. The loop that `train` and `finetune` share. */
export async function* optimise(
  network: Gpt,
  tokens: TokenSplit,
  options: Omit<TrainOptions, "dropout">,
): AsyncGenerator<TrainingUpdate, Trained> {
  checkOptions(options, network.config.context);
  const { steps, batchSize, accumulate, evaluateEvery, seed, checkpoint, best, sample } = options;
  const { context = network.config.context } = options;
  const largest = [tokens.train, tokens.validation].reduce((m, part) => part.reduce((a, b) => Math.max(a, b), m), 0);
  if (largest >= network.config.vocabulary)
    throw new ArgumentError(
      "train",
      `the text has token ${largest}, the network knows ${network.config.vocabulary}`,
      "Give the network as many tokens as the tokenizer has",
    );
  const schedule = scheduleOf(options);
  network.compile({
    optimizer: optimizerOf(network, schedule, options),
    loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }),
  });

  // An epoch of `fit` lasts from one evaluation to the next.
  const epochs = Math.ceil(steps / evaluateEvery);
  const stepAfter = (epoch: number) => Math.min(steps, (epoch + 1) * evaluateEvery);
  const stepsIn = (epoch: number) => stepAfter(epoch) - epoch * evaluateEvery;
  const batches = (epoch: number) => stepsIn(epoch) * accumulate;
  const keepBest =
    best === undefined ? [] : [new ModelCheckpoint(best, { saveBestOnly: true, saveWeightsOnly: true, monitor: "val_loss" })];
  const samples = new Samples(network, sample);
  const kept = [samples, ...keepBest];
  const begin = performance.now();
  const backup =
    checkpoint === undefined ? null : new BackupAndRestore(checkpoint, { saveFreq: 100, saveSeconds: 20, deleteCheckpoint: false }, kept);
  const events = network.fitEvents(trainingWindows(tokens.train, { context, batchSize, batches, seed }), null, {
    ...{ epochs, seed, callbacks: [...kept, ...(backup ? [backup] : [])] },
    validationData: validationWindows(tokens.validation, { context, batchSize, most: options.validationWindows }),
  });
  const evaluated = async (epoch: number, loss: number, validationLoss: number): Promise<Evaluated> => {
    const step = stepAfter(epoch);
    const rate = await schedule.call(tensor(step - 1, { dtype: "float32" })).item();
    return { step, loss, validationLoss, rate, ...(sample ? { sample: samples.texts[epoch]! } : {}) };
  };

  let done = new History();
  try {
    for (;;) {
      const next = await events.next();
      if (next.done) {
        done = next.value;
        break;
      }
      const { kind, epoch, logs } = next.value;
      if (kind === "epoch") yield { kind: "evaluation", steps, ...(await evaluated(epoch, logs.loss!, logs.val_loss!)) };
      else {
        const step = epoch * evaluateEvery + Math.floor(next.value.batch / accumulate);
        yield { kind: "progress", step, steps, loss: logs.loss! };
      }
    }
  } finally {
    await events.return(done);
  }
  const seconds = backup?.seconds ?? (performance.now() - begin) / 1000;
  const { loss = [], val_loss: validation = [] } = done.history;
  const history = await Promise.all(done.epoch.map((epoch, i) => evaluated(epoch, loss[i]!, validation[i]!)));
  if (best === undefined) return { network, history, final: history.at(-1)!, seconds };
  await network.loadWeights(best);
  return { network, history, final: history.reduce((a, b) => (b.validationLoss < a.validationLoss ? b : a)), seconds };
}

/** Texts made at evaluations. They are part of what a checkpoint keeps. */
class Samples extends Callback {
  texts: string[] = [];
  private readonly network: Gpt;
  private readonly make: TrainOptions["sample"];

  constructor(network: Gpt, make: TrainOptions["sample"]) {
    super();
    this.network = network;
    this.make = make;
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    if (this.make) this.texts[epoch] = await this.make(this.network);
  }
  override getState(): unknown {
    return this.texts;
  }
  override setState(state: unknown): void {
    this.texts = state as string[];
  }
}

/** Learning rates of the updates from 0 on: `warmup` (at most a tenth of all) in a straight line up, then down to a tenth. */
function scheduleOf({ steps, warmup, rate }: Pick<Recipe, "steps" | "warmup" | "rate">): schedules.LearningRateSchedule {
  const rise = Math.min(warmup, Math.floor(steps / 10));
  const shape = { alpha: 0.1, ...(rise ? { warmupTarget: rate, warmupSteps: rise } : {}) };
  return new schedules.CosineDecay(rate / (rise + 1), steps - rise, shape);
}

/** AdamW, gradients cut to a length of 1 all together (Brown et al. 2020, appendix B). */
function optimizerOf(network: Gpt, learningRate: schedules.LearningRateSchedule, recipe: Omit<Recipe, "dropout">): AdamW {
  const { beta2, weightDecay, accumulate } = recipe;
  const optimizer = new AdamW({
    ...{ learningRate, beta1: 0.9, beta2, epsilon: 1e-8, weightDecay, globalClipnorm: 1 },
    gradientAccumulationSteps: accumulate > 1 ? accumulate : null,
  });
  optimizer.excludeFromWeightDecay({ varList: network.trainableWeights.filter((w) => w.ndim < 2) });
  return optimizer;
}

function checkOptions(options: Omit<TrainOptions, "dropout">, context: number): void {
  const fail = (problem: string, fix: string): never => {
    throw new ArgumentError("train", problem, fix);
  };
  const counts = ["steps", "batchSize", "accumulate", "evaluateEvery", "validationWindows"] as const;
  for (const name of counts)
    if (!(Number.isSafeInteger(options[name]) && options[name] >= 1)) fail(`${name} is ${options[name]}`, "Give a whole number from 1 on");
  const { rate, warmup, beta2, weightDecay } = options;
  if (!(rate > 0 && rate < Infinity)) fail(`the rate is ${rate}`, "Give a positive number");
  if (!(warmup >= 0)) fail(`warmup is ${warmup}`, "Give a number of steps from 0 on");
  if (!(beta2 >= 0 && beta2 < 1)) fail(`beta2 is ${beta2}`, "Give a number from 0 to below 1");
  if (!(weightDecay >= 0)) fail(`weightDecay is ${weightDecay}`, "Give a number from 0 on");
  const { context: given = context } = options;
  if (!(Number.isInteger(given) && given >= 1 && given <= context))
    fail(`windows of ${given} tokens for a network that sees ${context}`, `Give a whole number from 1 to ${context}`);
}
