import type { Model } from "../model.ts";
import type { Logs } from "./history.ts";

/** What `fit` was told, for callbacks. */
export interface FitParameters {
  readonly epochs: number;
  /** Batches in an epoch; null while not known. */
  readonly steps: number | null;
  readonly batchSize: number | null;
}

/** Hooks into training. All may be asynchronous; training waits for them. */
export abstract class Callback {
  model!: Model;
  params!: FitParameters;

  onTrainBegin(): void | Promise<void> {}
  onTrainEnd(_logs: Logs): void | Promise<void> {}
  onEpochBegin(_epoch: number): void | Promise<void> {}
  /** `logs` holds the epoch's means, those of the validation data with the prefix "val_". */
  onEpochEnd(_epoch: number, _logs: Logs): void | Promise<void> {}
  /** Called with measurements of the epoch so far; a callback that has it makes training read them at every batch. */
  onTrainBatchEnd?(batch: number, logs: Logs): void | Promise<void>;
  /** The same without measurements, and so without reading anything. */
  onTrainBatch?(batch: number): void | Promise<void>;

  /** What a resumed run must give back to this callback, as plain JSON. */
  getState(): unknown {
    return null;
  }
  setState(_state: unknown): void {}
}

export type LambdaHooks = Partial<Pick<Callback, "onTrainBegin" | "onTrainEnd" | "onEpochBegin" | "onEpochEnd" | "onTrainBatchEnd">>;

/**
 * A callback from single functions: `new LambdaCallback({ onEpochEnd: (epoch, logs) => ... })`.
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 5, validationSplit: 0.2, verbose: 0, callbacks: [new LambdaCallback({ onEpochEnd: (epoch, logs) => console.log(epoch, logs.loss) })] });
 * history.epoch.length
 */
export class LambdaCallback extends Callback {
  constructor(hooks: LambdaHooks) {
    super();
    Object.assign(this, hooks);
  }
}
