import type { Tensor } from "@gradus/tensor";
import { Callback } from "./callbacks.ts";
import type { Logs } from "./history.ts";

export interface MonitorOptions {
  /** The measurement to watch; default "val_loss". */
  readonly monitor?: string;
  /** Whether smaller or larger is better; "auto" goes by the name. */
  readonly mode?: "auto" | "min" | "max";
  /** What counts as better. Default 0. */
  readonly minDelta?: number;
}

/** Watches one measurement: is it the best so far? */
export class Monitor {
  readonly name: string;
  private value: number;
  private readonly sign: number;
  private readonly minDelta: number;
  private warned = false;

  constructor({ monitor = "val_loss", mode = "auto", minDelta = 0 }: MonitorOptions) {
    this.name = monitor;
    const larger = mode === "max" || (mode === "auto" && /acc|auc|precision|recall|f1|fbeta|iou|r2|similarity/.test(monitor));
    this.sign = larger ? 1 : -1;
    this.minDelta = Math.abs(minDelta);
    this.value = -this.sign * Number.POSITIVE_INFINITY;
  }

  get best(): number {
    return this.value;
  }
  /** Null, which is what JSON makes of infinity, where there was none yet. */
  set best(value: number | null) {
    this.value = value ?? -this.sign * Number.POSITIVE_INFINITY;
  }

  /** The measurement, null (with one warning) where it is missing. */
  read(logs: Logs): number | null {
    const value = logs[this.name];
    if (value === undefined && !this.warned) {
      console.warn(`"${this.name}" is not measured; there are ${Object.keys(logs).join(", ")}`);
      this.warned = true;
    }
    return value ?? null;
  }

  isBetter(value: number): boolean {
    return this.sign * (value - this.best) > this.minDelta;
  }
}

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without a better value before training stops. Default 0. */
  readonly patience?: number;
  /** Also better than this from the start. */
  readonly baseline?: number | null;
  /** Go back to the weights of the best epoch. */
  readonly restoreBestWeights?: boolean;
  /** Epochs at the start that do not count. */
  readonly startFromEpoch?: number;
}

/**
 * Stops training when a measurement no longer gets better.
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 60, validationSplit: 0.2, verbose: 0, callbacks: [new EarlyStopping({ patience: 3, restoreBestWeights: true })] });
 * history.epoch.length
 */
export class EarlyStopping extends Callback {
  /** The epoch after which training stopped; 0 if it did not. */
  stoppedEpoch = 0;
  bestEpoch = 0;
  private readonly options: EarlyStoppingOptions;
  private monitor: Monitor;
  private wait = 0;
  private weights: Tensor[] | null = null;

  constructor(options: EarlyStoppingOptions = {}) {
    super();
    this.options = options;
    this.monitor = new Monitor(options);
  }

  override onTrainBegin(): void {
    this.monitor = new Monitor(this.options);
    if (typeof this.options.baseline === "number") this.monitor.best = this.options.baseline;
    this.wait = 0;
    this.stoppedEpoch = 0;
    this.weights = null;
  }

  override onEpochEnd(epoch: number, logs: Logs): void {
    const { patience = 0, restoreBestWeights = false, startFromEpoch = 0 } = this.options;
    const value = this.monitor.read(logs);
    if (value === null || epoch < startFromEpoch) return;
    if (restoreBestWeights && !this.weights) this.keep(epoch);
    this.wait++;
    if (this.monitor.isBetter(value)) {
      this.monitor.best = value;
      this.bestEpoch = epoch;
      if (restoreBestWeights) this.keep(epoch);
      this.wait = 0;
      return;
    }
    if (this.wait >= patience && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.model.stopTraining = true;
    }
  }

  private keep(epoch: number): void {
    this.bestEpoch = epoch;
    this.weights = this.model.getWeights().map((w) => w.realize());
  }

  override onTrainEnd(): void {
    if (this.weights && this.stoppedEpoch) this.model.setWeights(this.weights);
  }

  override getState(): unknown {
    return { wait: this.wait, best: this.monitor.best, bestEpoch: this.bestEpoch };
  }
  override setState(state: unknown): void {
    const { wait, best, bestEpoch } = state as { wait: number; best: number; bestEpoch: number };
    this.wait = wait;
    this.monitor.best = best;
    this.bestEpoch = bestEpoch;
  }
}

export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** The new rate is the old one times this. Default 0.1. */
  readonly factor?: number;
  /** Epochs without a better value before that happens. Default 10. */
  readonly patience?: number;
  /** Epochs after a reduction that do not count. */
  readonly cooldown?: number;
  readonly minLr?: number;
}

/**
 * Makes the learning rate smaller when a measurement no longer gets better.
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 60, validationSplit: 0.2, verbose: 0, callbacks: [new ReduceLROnPlateau({ patience: 2 })] });
 * history.epoch.length
 */
export class ReduceLROnPlateau extends Callback {
  private readonly options: ReduceLROnPlateauOptions;
  private monitor: Monitor;
  private wait = 0;
  private cooling = 0;

  constructor(options: ReduceLROnPlateauOptions = {}) {
    super();
    this.options = { minDelta: 1e-4, ...options };
    this.monitor = new Monitor(this.options);
  }

  override onTrainBegin(): void {
    this.monitor = new Monitor(this.options);
    this.wait = 0;
    this.cooling = 0;
  }

  override async onEpochEnd(_epoch: number, logs: Logs): Promise<void> {
    const { factor = 0.1, patience = 10, cooldown = 0, minLr = 0 } = this.options;
    const value = this.monitor.read(logs);
    if (value === null) return;
    if (this.cooling > 0) {
      this.cooling--;
      this.wait = 0;
    }
    if (this.monitor.isBetter(value)) {
      this.monitor.best = value;
      this.wait = 0;
    } else if (this.cooling === 0 && ++this.wait >= patience) {
      const { optimizer } = this.model;
      optimizer.learningRate = Math.max(minLr, (await optimizer.readLearningRate()) * factor);
      this.cooling = cooldown;
      this.wait = 0;
    }
  }

  override getState(): unknown {
    return { wait: this.wait, cooling: this.cooling, best: this.monitor.best };
  }
  override setState(state: unknown): void {
    const { wait, cooling, best } = state as { wait: number; cooling: number; best: number };
    this.wait = wait;
    this.cooling = cooling;
    this.monitor.best = best;
  }
}

/**
 * Sets the learning rate before each epoch: a function of the epoch and the rate so far.
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 60, validationSplit: 0.2, verbose: 0, callbacks: [new LearningRateScheduler((epoch) => 0.02 * 0.95 ** epoch)] });
 * history.epoch.length
 */
export class LearningRateScheduler extends Callback {
  private readonly schedule: (epoch: number, rate: number) => number;

  constructor(schedule: (epoch: number, rate: number) => number) {
    super();
    this.schedule = schedule;
  }

  override async onEpochBegin(epoch: number): Promise<void> {
    const { optimizer } = this.model;
    optimizer.learningRate = this.schedule(epoch, await optimizer.readLearningRate());
  }
}
