import { Dataset } from "@gradus/data";
import { AdamW, BackupAndRestore, Callback, History, losses, schedules, setRandomSeed, type TrainingEvent } from "@gradus/nn";
import { ArgumentError } from "@gradus/tensor";
import { type Accuracy, Captioner, type CaptionerConfig, CaptionNetwork, evaluate, smallCaptioner } from "./captioner.ts";
import { encodeCaption, endOfText, mostWords } from "./captions.ts";
import { scene } from "./scenes.ts";

export interface TrainOptions {
  readonly config?: CaptionerConfig;
  /** Default 4000. */
  readonly steps?: number;
  /** Scenes a step, each seen once. Default 32. */
  readonly batchSize?: number;
  /** The highest learning rate; it rises over a twentieth of the steps and falls along a cosine. Default 0.0015. */
  readonly rate?: number;
  /** Default 1. Same seed, same numbers. */
  readonly seed?: number;
  /** A file that the run goes on from when it was stopped, `kill -9` included. It stays: remove it when the results are safe. */
  readonly checkpoint?: string;
  readonly callbacks?: readonly Callback[];
}

/** What came out of a run. */
export interface Trained {
  readonly captioner: Captioner;
  /** After each twentieth of the steps: their loss (nats a word) and accuracies on unseen scenes. */
  readonly history: readonly Measured[];
  /** How long it took, all parts of a run that was stopped together. */
  readonly seconds: number;
}
export type Measured = Accuracy & { readonly step: number; readonly loss: number };

/** What training tells: progress, and at the end of each twentieth what was measured. */
export type CaptionerEvent =
  | { readonly kind: "progress"; readonly step: number; readonly steps: number; readonly loss: number }
  | ({ readonly kind: "measured"; readonly steps: number } & Measured);

const parts = 20;
const measuredScenes = 256;
/** No word: places after a caption's end, which do not count. */
const nothing = -1;

/** What a step is made with: [pictures, words so far] and the words to come, of so many scenes from training scene `first` on. */
function batches(seed: number, steps: number, batchSize: number) {
  const count = steps * batchSize;
  return Dataset.range(count)
    .map((i, { epoch }) => {
      const { picture, caption } = scene(seed, "training", epoch * count + i);
      const words = encodeCaption(caption);
      const padded = (list: readonly number[], filler: number) => Int32Array.from({ length: mostWords + 1 }, (_, k) => list[k] ?? filler);
      return [[picture, padded([endOfText, ...words], endOfText)], padded([...words, endOfText], nothing)] as const;
    })
    .batch(batchSize);
}

/** Trains encoder and language network together, from nothing, as a stream of events; the loss counts captions only. */
export async function* train(options: TrainOptions = {}): AsyncGenerator<CaptionerEvent, Trained> {
  const { config = smallCaptioner, steps = 4000, batchSize = 32, rate = 0.0015, seed = 1, checkpoint, callbacks = [] } = options;
  for (const [name, value] of Object.entries({ steps, batchSize }))
    if (!(Number.isSafeInteger(value) && value >= 1)) throw new ArgumentError("train", `${name} is ${value}`, "Give a positive integer");
  if (!(rate > 0 && Number.isFinite(rate))) throw new ArgumentError("train", `rate is ${rate}`, "Give a positive number");
  const epochs = Math.min(parts, steps);
  const each = Math.ceil(steps / epochs);
  const total = each * epochs;
  setRandomSeed(seed);
  const network = new CaptionNetwork(config);
  const warmupSteps = Math.ceil(total / 20);
  const learningRate = new schedules.CosineDecay(rate / 100, Math.max(1, total - warmupSteps), {
    alpha: 0,
    warmupTarget: rate,
    warmupSteps,
  });
  network.compile({
    optimizer: new AdamW({ learningRate, weightDecay: 0.01, globalClipnorm: 1 }),
    loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true, ignoreClass: nothing }),
  });
  const captioner = new Captioner(network);
  const measuring = new Measuring(captioner, seed, each);
  const begin = performance.now();
  const kept = [measuring, ...callbacks];
  const backup = checkpoint ? new BackupAndRestore(checkpoint, { saveFreq: 100, saveSeconds: 20, deleteCheckpoint: false }, kept) : null;
  const events = network.fitEvents(batches(seed, each, batchSize), null, {
    ...{ epochs, seed },
    callbacks: [...kept, ...(backup ? [backup] : [])],
  });
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) break;
      yield value.kind === "epoch"
        ? { kind: "measured", steps: total, ...measuring.history.at(-1)! }
        : { kind: "progress", step: value.epoch * each + value.batch, steps: total, loss: value.logs["loss"]! };
    }
  } finally {
    await events.return(new History());
  }
  return { captioner, history: measuring.history, seconds: backup?.seconds ?? (performance.now() - begin) / 1000 };
}

/** Captions some unseen scenes after each epoch; what was measured is part of a run's checkpoint. It chooses nothing. */
class Measuring extends Callback {
  history: Measured[] = [];
  private readonly captioner: Captioner;
  private readonly seed: number;
  private readonly each: number;

  constructor(captioner: Captioner, seed: number, each: number) {
    super();
    this.captioner = captioner;
    this.seed = seed;
    this.each = each;
  }

  override async onEpochEnd(epoch: number, logs: TrainingEvent["logs"]): Promise<void> {
    const accuracy = await evaluate(this.captioner, "unseen", { scenes: measuredScenes, seed: this.seed });
    this.history.push({ step: (epoch + 1) * this.each, loss: logs["loss"]!, ...accuracy });
  }

  override getState(): unknown {
    return this.history;
  }
  override setState(state: unknown): void {
    this.history = [...(state as Measured[])];
  }
}
