import { AdamW, BackupAndRestore, Callback, History, type Logs, type Model, schedules } from "@gradus/nn";
import { ArgumentError } from "@gradus/tensor";

/** ArgumentError for numbers that no training can have. */
export function checkNumbers(counts: Readonly<Record<string, number>>, rate: number): void {
  for (const [name, value] of Object.entries(counts))
    if (!(Number.isSafeInteger(value) && value >= 1)) throw new ArgumentError("train", `${name} is ${value}`, "Give a positive integer");
  if (!(rate > 0 && Number.isFinite(rate))) throw new ArgumentError("train", `rate is ${rate}`, "Give a positive number");
}

/** The rate rises over a twentieth of the steps, and falls along a cosine. Averages reach over 1000 steps, at most a tenth of all. */
export function optimizerFor(steps: number, rate: number, useEma: boolean): AdamW {
  const warmupSteps = Math.ceil(steps / 20);
  const learningRate = new schedules.CosineDecay(rate / 100, Math.max(1, steps - warmupSteps), {
    alpha: 0.01,
    warmupTarget: rate,
    warmupSteps,
  });
  const emaMomentum = Math.max(0, 1 - 1 / Math.min(1000, steps / 10));
  return new AdamW({ learningRate, weightDecay: 0.001, globalClipnorm: 1, useEma, emaMomentum });
}

/** What a run of steps tells. */
export interface Fitting {
  readonly step: number;
  readonly steps: number;
  /** Mean since the pass over the data began. */
  readonly loss: number;
  /** Whether a pass is done: the weights stay as they are until the next event is asked for. */
  readonly paused: boolean;
}

/** What is thought of a model after each pass, plain JSON: part of the run, so that a stop loses none of it. */
export type Look<L> = (step: number, loss: number) => Promise<L>;

export interface FittingOptions<L = never> {
  readonly steps: number;
  /** Steps of a pass over the data, at most; passes are of one length, but for the last. */
  readonly perPass: number;
  /** Null for batches that come as such. */
  readonly batchSize: number | null;
  readonly seed: number;
  readonly look?: Look<L> | undefined;
  /** A file that the run goes on from where it was stopped, and steps from one writing to the next. */
  readonly keep?: string | undefined;
  readonly keepEvery?: number;
}

export interface Fitted<L = never> {
  /** The mean loss of each pass, and what was thought of the model then. */
  readonly losses: readonly number[];
  readonly looks: readonly L[];
  /** How long it took, all parts of the run together. */
  readonly seconds: number;
}

/** Fits a model whose loss is its own, and tells how it goes. */
export async function* fitted<L = never>(
  model: Model,
  data: Parameters<Model["fitEvents"]>[0],
  { steps, batchSize, seed, look, keep, keepEvery = 500, ...options }: FittingOptions<L>,
): AsyncGenerator<Fitting, Fitted<L>> {
  const passes = Math.ceil(steps / options.perPass);
  const perPass = Math.ceil(steps / passes);
  const passing = new Passing(steps, look);
  const begin = performance.now();
  const backup = keep ? new BackupAndRestore(keep, { saveFreq: keepEvery, deleteCheckpoint: false }, [passing]) : null;
  const events = model.fitEvents(data, null, {
    ...{ epochs: passes, stepsPerEpoch: perPass, seed, callbacks: [passing, ...(backup ? [backup] : [])] },
    ...(batchSize ? { batchSize } : {}),
  });
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) {
        const losses = [...((value as History).history["loss"] ?? [])] as number[];
        return { losses, looks: passing.looks, seconds: backup?.seconds ?? (performance.now() - begin) / 1000 };
      }
      const paused = value.kind === "epoch";
      yield { step: value.epoch * perPass + (paused ? value.steps : value.batch), steps, loss: value.logs["loss"]!, paused };
    }
  } finally {
    await events.return(new History());
  }
}

/** Ends a run after its steps, of which the last pass may not have as many as the others, and has the model looked at after each pass. */
class Passing<L> extends Callback {
  looks: readonly L[] = [];
  private step = 0;
  private readonly steps: number;
  private readonly look: Look<L> | undefined;

  constructor(steps: number, look: Look<L> | undefined) {
    super();
    this.steps = steps;
    this.look = look;
  }

  override onTrainBatch(): void {
    if (++this.step >= this.steps) this.model.stopTraining = true;
  }

  override async onEpochEnd(_epoch: number, logs: Logs): Promise<void> {
    if (this.look) this.looks = [...this.looks, await this.look(this.step, logs["loss"]!)];
  }

  override getState(): unknown {
    return { step: this.step, looks: this.looks };
  }
  override setState(state: unknown): void {
    ({ step: this.step, looks: this.looks } = state as { readonly step: number; readonly looks: readonly L[] });
  }
}
