import { AdamW, BackupAndRestore, History, type Model, schedules } from "@gradus/nn";

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

export interface FittingOptions {
  /** Steps of a pass over the data, and passes. */
  readonly perPass: number;
  readonly passes: number;
  /** Null for batches that come as such. */
  readonly batchSize: number | null;
  readonly seed: number;
  /** A file that the run goes on from where it was stopped, and steps from one writing to the next. */
  readonly keep?: string | undefined;
  readonly keepEvery?: number;
}

/** Fits a model whose loss is its own, and tells how it goes; the mean loss of each pass comes back. */
export async function* fitted(
  model: Model,
  data: Parameters<Model["fitEvents"]>[0],
  { perPass, passes, batchSize, seed, keep, keepEvery = 500 }: FittingOptions,
): AsyncGenerator<Fitting, number[]> {
  const kept = keep ? [new BackupAndRestore(keep, { saveFreq: keepEvery, deleteCheckpoint: false })] : [];
  const events = model.fitEvents(data, null, {
    ...{ epochs: passes, stepsPerEpoch: perPass, seed, callbacks: kept },
    ...(batchSize ? { batchSize } : {}),
  });
  const steps = perPass * passes;
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) return [...((value as History).history["loss"] ?? [])] as number[];
      const paused = value.kind === "epoch";
      yield { step: value.epoch * perPass + (paused ? perPass : value.batch), steps, loss: value.logs["loss"]!, paused };
    }
  } finally {
    await events.return(new History());
  }
}
