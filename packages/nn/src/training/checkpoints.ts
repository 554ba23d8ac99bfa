import { ArgumentError, FormatError, loadSafetensorsFile, ShapeError, saveSafetensors, type Tensor } from "@gradus/tensor";
import { assignWeights, weightsByPath } from "../files/native.ts";
import { Callback } from "./callbacks.ts";
import { History, type Logs } from "./history.ts";
import { Monitor, type MonitorOptions } from "./stopping.ts";

export interface ModelCheckpointOptions extends MonitorOptions {
  /** Keep only the best so far. */
  readonly saveBestOnly?: boolean;
  readonly saveWeightsOnly?: boolean;
}

/** Saves the model after each epoch. `{epoch}` and measurements such as `{val_loss:.2f}` in the path are filled in. */
export class ModelCheckpoint extends Callback {
  private readonly path: string;
  private readonly options: ModelCheckpointOptions;
  private readonly monitor: Monitor;

  constructor(path: string, options: ModelCheckpointOptions = {}) {
    super();
    this.path = path;
    this.options = options;
    this.monitor = new Monitor(options);
  }

  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    if (this.options.saveBestOnly) {
      const value = this.monitor.read(logs);
      if (value === null || !this.monitor.isBetter(value)) return;
      this.monitor.best = value;
    }
    const path = fillIn(this.path, { ...logs, epoch: epoch + 1 });
    await (this.options.saveWeightsOnly ? this.model.saveWeights(path) : this.model.save(path));
  }

  override getState(): unknown {
    return { best: this.monitor.best };
  }
  override setState(state: unknown): void {
    this.monitor.best = (state as { best: number }).best;
  }
}

/** "{epoch:02d}-{val_loss:.2f}" with values. */
function fillIn(path: string, values: Logs): string {
  return path.replace(/\{(\w+)(?::0?(\d*)(?:\.(\d+))?[dfe]?)?\}/g, (whole, name: string, width?: string, digits?: string) => {
    const value = values[name];
    if (value === undefined)
      throw new ArgumentError("ModelCheckpoint", `${whole} in the path is no measurement`, `There are ${Object.keys(values).join(", ")}`);
    return (digits === undefined ? String(value) : value.toFixed(Number(digits))).padStart(Number(width || 0), "0");
  });
}

export interface BackupOptions {
  /** After each epoch, or after so many batches. Default "epoch". */
  readonly saveFreq?: "epoch" | number;
  /** Also after a batch that ends so many seconds after the last time, or later where saving would take more than a twentieth of the time. */
  readonly saveSeconds?: number;
  /** Remove the file when training is done. Default true. */
  readonly deleteCheckpoint?: boolean;
}

interface RunDescription {
  readonly format: "gradus-run-1";
  readonly seed: number;
  readonly epoch: number;
  readonly batch: number;
  readonly epochs: readonly number[];
  readonly history: Record<string, number[]>;
  readonly callbacks: readonly unknown[];
  readonly seconds?: number;
}

/**
 * Makes a run survive being stopped, `kill -9` included: all of its state goes to a file (written beside and renamed), and
 * the same `fit` called again goes on from there to the same numbers as without the stop.
 */
export class BackupAndRestore extends Callback {
  private readonly path: string;
  private readonly options: BackupOptions;
  private readonly others: readonly Callback[];
  private begin = 0;
  /** When the last save ended, and how long it took, in milliseconds. */
  private saved = { at: 0, took: 0 };
  private before = 0;

  /** `others`: callbacks whose state is part of the run (EarlyStopping, ReduceLROnPlateau, ...). */
  constructor(path: string, options: BackupOptions = {}, others: readonly Callback[] = []) {
    super();
    const { saveFreq = "epoch" } = options;
    if (saveFreq !== "epoch" && !(Number.isInteger(saveFreq) && saveFreq > 0))
      throw new ArgumentError("BackupAndRestore", `saveFreq is ${saveFreq}`, `Give "epoch" or a number of batches`);
    this.path = path;
    this.options = options;
    this.others = others;
  }

  /** How long the run has been trained, all its parts together; what a stop lost is not counted. */
  get seconds(): number {
    return this.before + (this.begin && (performance.now() - this.begin) / 1000);
  }

  override async onTrainBegin(): Promise<void> {
    this.begin = performance.now();
    this.saved = { at: this.begin, took: 0 };
    const { existsSync } = await import("node:fs");
    if (!existsSync(this.path)) return;
    await this.restore().catch((error: unknown) => {
      if (!(error instanceof FormatError || error instanceof ShapeError)) throw error;
      throw new FormatError("BackupAndRestore", `${this.path} is no backup of this run: ${error.problem}`, "Remove the file to start anew");
    });
  }

  override async onTrainBatch(batch: number): Promise<void> {
    const { saveFreq, saveSeconds = Infinity } = this.options;
    // After its last batch an epoch is still to be ended: gone on from there, it would have a batch more.
    if (batch + 1 === this.params.steps || this.model.stopTraining) return;
    const { at, took } = this.saved;
    const late = performance.now() - at >= Math.max(1000 * saveSeconds, 20 * took);
    if (late || (typeof saveFreq === "number" && (batch + 1) % saveFreq === 0)) await this.save();
  }

  override async onEpochEnd(): Promise<void> {
    await this.save();
  }

  override async onTrainEnd(): Promise<void> {
    if (this.options.deleteCheckpoint === false) return;
    const { rm } = await import("node:fs/promises");
    await rm(this.path, { force: true });
  }

  private async save(): Promise<void> {
    const begin = performance.now();
    const { trainer } = this.model;
    const { seed, epoch, batch, history } = trainer.run!;
    const run: RunDescription = {
      format: "gradus-run-1",
      seed,
      epoch,
      batch,
      epochs: history.epoch,
      history: history.history,
      callbacks: this.others.map((c) => c.getState()),
      seconds: this.seconds,
    };
    const weights = [...weightsByPath(this.model)].map(([path, w]): [string, Tensor] => [`model:${path}`, w]);
    const state = trainer.stateVariables.map((v, i): [string, Tensor] => [`state:${i}`, v]);
    await saveSafetensors(this.path, Object.fromEntries([...weights, ...state]), { run: JSON.stringify(run) });
    const at = performance.now();
    this.saved = { at, took: at - begin };
  }

  private async restore(): Promise<void> {
    const { trainer } = this.model;
    const { tensors, metadata } = await loadSafetensorsFile(this.path);
    const run = parseRun(metadata.run);
    const variables = trainer.stateVariables;
    const state = variables.map((_, i) => tensors[`state:${i}`]);
    if (state.some((x, i) => x?.shape.join() !== variables[i]!.shape.join()))
      throw new FormatError("BackupAndRestore", "it belongs to a run with another optimizer or other metrics");
    if (run.callbacks.length !== this.others.length)
      throw new FormatError("BackupAndRestore", `it has the state of ${run.callbacks.length} callbacks, the run has ${this.others.length}`);
    const weights = Object.entries(tensors).flatMap(([name, x]) => (name.startsWith("model:") ? [[name.slice(6), x] as const] : []));
    assignWeights(this.model, Object.fromEntries(weights), "BackupAndRestore");
    state.forEach((x, i) => {
      variables[i]!.assign(x!.astype(variables[i]!.dtype));
    });
    this.others.forEach((c, i) => {
      c.setState(run.callbacks[i]);
    });
    this.before = run.seconds ?? 0;
    const history = new History();
    history.epoch.push(...run.epochs);
    Object.assign(history.history, run.history);
    trainer.run = { seed: run.seed, epoch: run.epoch, batch: run.batch, history };
  }
}

function parseRun(text: string | undefined): RunDescription {
  try {
    const run = JSON.parse(text ?? "") as RunDescription;
    const whole = [run.seed, run.epoch, run.batch].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (run.format === "gradus-run-1" && whole && Array.isArray(run.epochs) && Array.isArray(run.callbacks)) return run;
  } catch {}
  throw new FormatError("BackupAndRestore", "it does not say how far the run was");
}
