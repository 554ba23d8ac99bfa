import {
  ArgumentError,
  arange,
  compile,
  concat,
  isfinite,
  positive,
  stack,
  Tensor,
  type Tree,
  type TypedArray,
  tensor,
  type Variable,
  valueAndGrad,
  variable,
  where,
} from "@gradus/tensor";
import { withContext } from "../context.ts";
import type { Layer } from "../layer.ts";
import type { LossLike } from "../losses/loss.ts";
import type { Metric, MetricLike } from "../metrics/metric.ts";
import { Mean } from "../metrics/reduction.ts";
import type { Model } from "../model.ts";
import { type Optimizer, type OptimizerLike, optimizer } from "../optimizers/optimizer.ts";
import { nextSeed } from "../seed.ts";
import { type Serializable, serialize } from "../serialize.ts";
import type { Callback } from "./callbacks.ts";
import { type Arrays, asArrays, type Data, examples, isStream, listOf, type Parts, partsOf, range, rows, shuffledOrder } from "./data.ts";
import { reportDivergence } from "./divergence.ts";
import { History, type Logs } from "./history.ts";
import { checkNames, type OutputTraining, perOutput, resolveOutputs } from "./outputs.ts";
import { defaultVerbosity, progressBar } from "./progress.ts";
import {
  type ArraySource,
  batchOfStep,
  makeSource,
  partsFrom,
  type Source,
  type StreamSource,
  splitValidation,
  stepsOf,
  withClassWeights,
} from "./source.ts";
import { nextTurn } from "./turns.ts";

type PerOutput<T> = T | readonly (T | null)[] | { readonly [output: string]: T | null };

export interface CompileSettings {
  readonly optimizer?: OptimizerLike;
  /** One loss, or one for each output (array, or by the outputs' names). Without, only losses added by layers count. */
  readonly loss?: PerOutput<LossLike> | null;
  readonly lossWeights?: readonly number[] | { readonly [output: string]: number };
  readonly metrics?: readonly MetricLike[] | { readonly [output: string]: readonly MetricLike[] | MetricLike };
  /** Metrics that sample and class weights count in. */
  readonly weightedMetrics?: readonly MetricLike[];
}

export interface EvaluateOptions {
  readonly batchSize?: number;
  readonly sampleWeight?: Tensor | readonly number[] | null;
  readonly verbose?: 0 | 1 | 2;
  /** At most so many batches. */
  readonly steps?: number | null;
}

export interface PredictOptions {
  readonly batchSize?: number;
}

export interface FitOptions extends EvaluateOptions {
  readonly epochs?: number;
  readonly initialEpoch?: number;
  /** Share of the examples, the last ones, that are not trained on but measured after each epoch. */
  readonly validationSplit?: number;
  readonly validationData?: readonly [Data, Data] | readonly [Data, Data, Tensor] | Data | null;
  readonly validationFreq?: number;
  /** New order of the examples in each epoch; default true. */
  readonly shuffle?: boolean;
  /** How much an example of each class counts. */
  readonly classWeight?: Readonly<Record<number, number>> | null;
  readonly callbacks?: readonly Callback[];
  /** 0 silent, 1 a progress bar, 2 one line an epoch. Default 1 in a terminal, else 2. */
  readonly verbose?: 0 | 1 | 2;
  /** Batches in an epoch, for streams without an end. */
  readonly stepsPerEpoch?: number | null;
  /** Fixes the order of the examples; default from `setRandomSeed`. */
  readonly seed?: number;
}

/** What `fitEvents` tells. */
export type TrainingEvent =
  | {
      readonly kind: "progress";
      readonly epoch: number;
      readonly batch: number;
      readonly steps: number | null;
      readonly logs: Logs;
      readonly seconds: number;
    }
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly epochs: number;
      readonly steps: number;
      readonly logs: Logs;
      readonly seconds: number;
    };

/** Where a run of `fit` stands: enough, with the variables, to go on to the same numbers. */
export interface RunPosition {
  readonly seed: number;
  readonly epoch: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  readonly history: History;
}

/** A thread is given back to the page or server at least this often, in ms. */
const turn = 30;
/** Progress is told this often, in ms. */
const progressEvery = 100;

/** Trains one model: holds optimizer, losses and metrics, and the compiled programs of a step. */
export class Trainer {
  /** Set by callbacks: the epoch at hand is the last. */
  stopTraining = false;
  /** Where `fit` stands; setting it in `onTrainBegin` makes `fit` go on from there. */
  run: RunPosition | null = null;
  private chosenOptimizer: Optimizer | null = null;
  private readonly model: Model;
  private readonly settings: CompileSettings;
  private readonly total = new Mean({ name: "loss" });
  private outputs: OutputTraining[] | null = null;
  /** The first step whose loss was not finite, -1 while there is none. */
  private readonly divergedAt = variable(tensor(-1, { dtype: "int32" }));
  private readonly stepCount = variable(tensor(0, { dtype: "int32" }));
  /** Where in the order of examples the next batch starts. */
  private readonly position = variable(tensor(0, { dtype: "int32" }));
  private programs: Programs | null = null;

  constructor(model: Model, settings: CompileSettings) {
    this.model = model;
    this.settings = settings;
    checkNames(settings);
    if (settings.optimizer !== undefined) this.chosenOptimizer = optimizer(settings.optimizer);
  }

  /** Keras's default unless one was given. */
  get optimizer(): Optimizer {
    this.chosenOptimizer ??= optimizer("rmsprop");
    return this.chosenOptimizer;
  }

  // ------------------------------------------------------------------------------------------------ what a step computes

  /** Chooses losses and metrics, once the shapes of a first batch are known. */
  private prepare({ x, y }: Parts): void {
    if (this.outputs) return;
    const { outputs, named } = this.forward(x, false);
    const names = named ?? outputNames(this.model, outputs.length);
    this.outputs = resolveOutputs(this.settings, names, y, outputs);
  }

  private forward(x: Arrays, training: boolean): { outputs: readonly Tensor[]; named: readonly string[] | null; added: Tensor[] } {
    const added: Tensor[] = [];
    const result = withContext({ training, losses: added }, () => this.model.invoke([x, { training }])) as Arrays;
    return { outputs: listOf(result), named: result instanceof Tensor || Array.isArray(result) ? null : Object.keys(result), added };
  }

  private targets({ y }: Parts): readonly (Tensor | null)[] {
    const names = this.outputs!.map((o) => o.name);
    return y === null ? names.map(() => null) : perOutput<Tensor>("y", y, names);
  }

  /** The loss to minimise, with what metrics need. */
  private objective(parts: Parts, training: boolean): { total: Tensor; single: readonly (Tensor | null)[]; outputs: readonly Tensor[] } {
    const prepared = this.outputs!;
    const { outputs, added } = this.forward(parts.x, training);
    const targets = this.targets(parts);
    const terms: Tensor[] = [];
    const single = prepared.map(({ loss, weight }, i) => {
      if (!loss) return null;
      if (!targets[i]) throw new ArgumentError("fit", "the loss needs targets", "Pass y");
      const value = loss.call(targets[i], outputs[i]!, parts.weight);
      terms.push(weight === 1 ? value : value.mul(weight));
      return value;
    });
    for (const [, w] of this.model.namedWeights()) if (w.regularizer && w.trainable) terms.push(w.regularizer.call(w.variable));
    terms.push(...added);
    if (!terms.length)
      throw new ArgumentError("fit", "there is nothing to minimise", `Compile with a loss: model.compile({ loss: "mse" })`);
    return { total: terms.map((t) => t.astype("float32")).reduce((a, b) => a.add(b)), single, outputs };
  }

  /** One update, written as graph: loss, gradients, optimizer, constraints, metrics. */
  private trainStep(parts: Parts): void {
    const { model } = this;
    const weights = model.trainableWeights;
    const others = [...model.nonTrainableWeights, ...model.seedStates];
    const before = others.map((v) => positive(v));
    const step = valueAndGrad(
      () => {
        const { total, single, outputs } = this.objective(parts, true);
        return [total, { single, outputs } as Tree];
      },
      { wrt: weights, hasAux: true },
    );
    const [[total, aux], gradients] = step() as [[Tensor, { single: (Tensor | null)[]; outputs: Tensor[] }], Tensor[]];
    // After a loss that is not finite nothing may change: what led to it can still be looked at.
    const fine = isfinite(total).logicalAnd(this.divergedAt.less(0));
    this.optimizer.apply(gradients, weights, fine);
    // What the step has not touched, such as all that is frozen, is not copied.
    others.forEach((v, i) => {
      if (v.node !== before[i]!.node) v.assign(where(fine, v, before[i]!));
    });
    for (const [, w] of model.namedWeights()) if (w.constraint && w.trainable) w.variable.assign(w.constraint.call(w.variable));
    this.measure(parts, total, aux.single, aux.outputs);
    this.divergedAt.assign(where(fine.logicalOr(this.divergedAt.greaterEqual(0)), this.divergedAt, this.stepCount));
    this.stepCount.assign(this.stepCount.add(1));
  }

  private testStep(parts: Parts): void {
    const { total, single, outputs } = this.objective(parts, false);
    this.measure(parts, total, single, outputs);
  }

  private measure(parts: Parts, total: Tensor, single: readonly (Tensor | null)[], outputs: readonly Tensor[]): void {
    const size = tensor(listOf(parts.x)[0]!.shape[0] ?? 1, { dtype: "float32" });
    this.total.updateState(total, size);
    const targets = this.targets(parts);
    this.outputs!.forEach(({ mean, metrics }, i) => {
      if (mean && single[i]) mean.updateState(single[i], size);
      for (const { metric, weighted } of metrics)
        if (targets[i]) metric.updateState(targets[i], outputs[i]!, weighted ? parts.weight : null);
    });
  }

  private get allMetrics(): { metric: Metric; prefix: string }[] {
    return [
      { metric: this.total, prefix: "" },
      ...(this.outputs ?? []).flatMap(({ mean, metrics }) => [...(mean ? [{ metric: mean as Metric, prefix: "" }] : []), ...metrics]),
    ];
  }

  private async logs(prefix = ""): Promise<Logs> {
    const { results } = this.compiled();
    return this.named(await results().data(), prefix);
  }

  private named(values: TypedArray, prefix = ""): Logs {
    return Object.fromEntries(this.allMetrics.map(({ metric, prefix: own }, i) => [`${prefix}${own}${metric.name}`, values[i]!]));
  }

  private resetMetrics(): void {
    this.compiled().reset();
  }

  // ---------------------------------------------------------------------------------------------------------- programs

  /** The compiled forms of a step; made anew when other layers are trainable. */
  private compiled(): Programs {
    if (this.programs?.layers.every(([layer, trainable]) => layer.trainable === trainable)) return this.programs;
    const layers = allLayers(this.model).map((layer) => [layer, layer.trainable] as const);
    const results = (): Tensor => stack(this.allMetrics.map(({ metric }) => singleResult(metric)));
    const reset = (): void => {
      for (const { metric } of this.allMetrics) metric.resetState();
    };
    const train = (parts: Parts): void => this.trainStep(parts);
    const test = (parts: Parts): void => this.testStep(parts);
    const next = (parts: Parts, order: Tensor, size: number): Parts => {
      const places = order.take(this.position.add(arange(size, { dtype: "int32" })));
      this.position.assign(this.position.add(size));
      return rows(parts, places);
    };
    this.programs = {
      layers,
      train: compile(train),
      test: compile(test),
      trainRows: compile((parts: Parts, order: Tensor, size: number) => train(next(parts, order, size))),
      testRows: compile((parts: Parts, order: Tensor, size: number) => test(next(parts, order, size))),
      predict: compile((x: Arrays) => this.forward(x, false).outputs as Tensor[]),
      trainOnce: compile((parts: Parts) => {
        reset();
        this.trainStep(parts);
        return results();
      }),
      results: compile(results),
      reset: compile(reset),
    };
    return this.programs;
  }

  /** Builds the model and everything that training needs, for examples like these. */
  private start(parts: Parts): void {
    const few = range(parts, 0, Math.min(2, examples(parts)));
    this.prepare(few);
    this.optimizer.build(this.model.trainableWeights);
  }

  /** The same for a stream: its first batch is looked at, and given again later. */
  private async startStream(source: StreamSource, epoch: number): Promise<void> {
    for await (const parts of source.batches(epoch)) {
      this.start(parts);
      return;
    }
    throw new ArgumentError("fit", "the data set gives no batch");
  }

  // --------------------------------------------------------------------------------------------------------------- fit

  async fit(x: Data, y: Data | null, options: FitOptions): Promise<History> {
    const verbose = options.verbose ?? defaultVerbosity();
    const bar = progressBar(verbose, options.epochs ?? 1);
    const events = this.events(x, y, options);
    try {
      for (;;) {
        const { value, done } = await events.next();
        if (done) return value;
        bar(value);
      }
    } finally {
      await events.return(new History());
    }
  }

  async *events(x: Data, y: Data | null, options: FitOptions): AsyncGenerator<TrainingEvent, History> {
    const { epochs = 1, initialEpoch = 0, validationFreq = 1, callbacks = [] } = options;
    const source = makeSource(x, y, options);
    const { training, validation } = splitValidation(source, options);
    this.run = { seed: options.seed ?? nextSeed(), epoch: initialEpoch, batch: 0, history: new History() };
    for (const callback of callbacks) {
      callback.model = this.model;
      callback.params = { epochs, steps: stepsOf(training, options), batchSize: options.batchSize ?? 32 };
    }
    this.stopTraining = false;
    this.divergedAt.assign(tensor(-1, { dtype: "int32" }));
    this.stepCount.assign(tensor(0, { dtype: "int32" }));
    if (training.kind === "arrays") this.start(training.parts);
    else await this.startStream(training, initialEpoch);
    this.resetMetrics();
    for (const c of callbacks) await c.onTrainBegin();
    const { history, seed } = this.run;
    let logs: Logs = {};
    for (let { epoch } = this.run; epoch < epochs && !this.stopTraining; epoch++) {
      const begin = performance.now();
      const { batch } = this.run;
      if (batch === 0) {
        this.resetMetrics();
        for (const c of callbacks) await c.onEpochBegin(epoch);
      }
      const steps = yield* this.epoch(training, epoch, batch, seed, options);
      logs = await this.logs();
      await this.checkDivergence(training, seed, options);
      if (validation && (epoch + 1) % validationFreq === 0) logs = { ...logs, ...(await this.measureAll(validation, options, "val_")) };
      history.add(epoch, logs);
      this.run = { seed, epoch: epoch + 1, batch: 0, history };
      for (const c of callbacks) await c.onEpochEnd(epoch, logs);
      yield { kind: "epoch", epoch, epochs, steps, logs, seconds: (performance.now() - begin) / 1000 };
    }
    this.optimizer.finalizeWeights();
    for (const c of callbacks) await c.onTrainEnd(logs);
    this.run = null;
    return history;
  }

  /** One pass over the data, from batch `first` on; returns the number of batches. */
  private async *epoch(
    source: Source,
    epoch: number,
    first: number,
    seed: number,
    options: FitOptions,
  ): AsyncGenerator<TrainingEvent, number> {
    const { callbacks = [], shuffle = true, stepsPerEpoch } = options;
    const measured = callbacks.filter((c) => c.onTrainBatchEnd);
    const silent = callbacks.filter((c) => c.onTrainBatch);
    const { history } = this.run!;
    const begin = performance.now();
    const steps = stepsOf(source, options);
    let lastTurn = begin;
    let lastProgress = begin;
    let batch = first;
    const batches =
      source.kind === "arrays"
        ? this.arrayBatches(source, shuffle ? shuffledOrder(source.count, seed, epoch) : null, options, true, first)
        : this.streamBatches(source, epoch, first, options);
    for await (const _ of batches) {
      batch++;
      if (silent.length || measured.length) this.run = { seed, epoch, batch, history };
      for (const c of silent) await c.onTrainBatch!(batch - 1);
      if (measured.length) {
        const logs = await this.logs();
        for (const c of measured) await c.onTrainBatchEnd!(batch - 1, logs);
      }
      const now = performance.now();
      if (now - lastProgress > progressEvery) {
        await this.checkDivergence(source, seed, options);
        yield { kind: "progress", epoch, batch, steps, logs: await this.logs(), seconds: (now - begin) / 1000 };
        lastProgress = performance.now();
      }
      if (now - lastTurn > turn) {
        await nextTurn();
        lastTurn = performance.now();
      }
      if (this.stopTraining || (stepsPerEpoch && batch >= stepsPerEpoch)) break;
    }
    return batch;
  }

  /** Trains on an epoch's batches of a stream, passing over those that were done before. */
  private async *streamBatches(source: StreamSource, epoch: number, first: number, options: FitOptions): AsyncGenerator<void> {
    let at = 0;
    for await (const parts of source.batches(epoch)) {
      if (at++ < first) continue;
      this.compiled().train(withClassWeights(parts, options.classWeight));
      yield;
    }
  }

  /** Runs one program a batch on rows of arrays that stay on the device. */
  private *arrayBatches(
    source: ArraySource,
    order: Int32Array | null,
    options: EvaluateOptions,
    training: boolean,
    first = 0,
  ): Generator<void> {
    const { batchSize = 32 } = options;
    const programs = this.compiled();
    const run = training ? programs.trainRows : programs.testRows;
    const indices = order ? tensor(order) : arange(source.count, { dtype: "int32" });
    indices.realize();
    this.position.assign(tensor(first * batchSize, { dtype: "int32" }));
    for (let at = first * batchSize; at < source.count; at += batchSize) {
      run(source.parts, indices, Math.min(batchSize, source.count - at));
      yield;
    }
    indices.dispose();
  }

  private async checkDivergence(source: Source, seed: number, options: FitOptions): Promise<void> {
    const step = await this.divergedAt.item();
    if (step < 0) return;
    const parts = source.kind === "arrays" ? batchOfStep(source, seed, options, step) : null;
    await reportDivergence(this.model, this.optimizer, parts?.x ?? null, step);
  }

  /** One update; resolves to the measurements of this batch. One program does it all, so plain loops are as fast as `fit`. */
  async trainOnBatch(x: Data, y: Data | null, sampleWeight: Tensor | null = null): Promise<Logs> {
    const parts = partsFrom(x, y, sampleWeight);
    if (!this.outputs) this.start(parts);
    const result = this.compiled().trainOnce(parts);
    const logs = this.named(await result.data());
    result.dispose();
    if (!Number.isFinite(logs.loss!)) {
      const step = await this.divergedAt.item();
      this.divergedAt.assign(tensor(-1, { dtype: "int32" }));
      await reportDivergence(this.model, this.optimizer, parts.x, Math.max(0, step));
    }
    return logs;
  }

  // ---------------------------------------------------------------------------------------------- evaluate and predict

  async evaluate(x: Data, y: Data | null, options: EvaluateOptions): Promise<Logs> {
    return this.measureAll(makeSource(x, y, options), options, "");
  }

  private async measureAll(source: Source, options: EvaluateOptions, prefix: string): Promise<Logs> {
    let batch = 0;
    if (source.kind === "arrays") {
      this.start(source.parts);
      this.resetMetrics();
      let last = performance.now();
      for (const _ of this.arrayBatches(source, null, options, false)) {
        if (++batch === options.steps) break;
        if (performance.now() - last > turn) {
          await nextTurn();
          last = performance.now();
        }
      }
    } else
      for await (const parts of source.batches(0)) {
        if (batch === 0) {
          this.start(parts);
          this.resetMetrics();
        }
        this.compiled().test(parts);
        if (++batch === options.steps) break;
      }
    if (batch === 0) throw new ArgumentError("evaluate", "there is no data", "Give at least one example");
    return this.logs(prefix);
  }

  async predict(x: Data, { batchSize = 32 }: PredictOptions): Promise<Tensor> {
    const results: Tensor[][] = [];
    const run = (batch: Arrays): void => {
      results.push((this.compiled().predict(batch) as Tensor[]).map((t) => t));
    };
    if (isStream(x)) for await (const batch of x) run(partsOf(batch).x);
    else {
      const arrays = asArrays("x", x);
      const count = examples({ x: arrays, y: null, weight: null });
      for (let at = 0; at < count; at += batchSize) {
        run(range({ x: arrays, y: null, weight: null }, at, Math.min(count, at + batchSize)).x);
        if ((at / batchSize) % 64 === 63) await nextTurn();
      }
    }
    if (!results.length) throw new ArgumentError("predict", "there is no data", "Give at least one example");
    const joined = results[0]!.map((_, i) =>
      concat(
        results.map((r) => r[i]!),
        { axis: 0 },
      ).realize(),
    );
    return (joined.length === 1 ? joined[0]! : joined) as Tensor;
  }

  /** Optimizer, loss and metrics as plain JSON; null where a function of one's own is among them. */
  describe(): unknown {
    const { optimizer: _, ...others } = this.settings;
    const plain = (x: unknown): unknown => {
      if (Array.isArray(x)) return x.map(plain);
      // Losses and metrics are functions themselves, and can be described.
      if (x !== null && (typeof x === "object" || typeof x === "function") && "getConfig" in x)
        return serialize(x as unknown as Serializable);
      if (typeof x === "function") throw new ArgumentError("save", "a function cannot be written to a file");
      if (typeof x !== "object" || x === null) return x;
      return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)]));
    };
    try {
      return { optimizer: serialize(this.optimizer), ...(plain(others) as object) };
    } catch {
      return null;
    }
  }

  /** Everything a checkpoint of a run must hold besides the model's weights, in a fixed order. */
  get stateVariables(): Variable[] {
    const metrics = this.allMetrics.flatMap(({ metric }) => metric.variables);
    return [...this.optimizer.variables, ...metrics, ...this.model.seedStates, this.stepCount];
  }
}

type RowProgram = (parts: Parts, order: Tensor, size: number) => void;

interface Programs {
  readonly layers: readonly (readonly [Layer, boolean])[];
  readonly train: (parts: Parts) => void;
  readonly test: (parts: Parts) => void;
  readonly trainRows: RowProgram;
  readonly testRows: RowProgram;
  readonly predict: (x: Arrays) => unknown;
  readonly trainOnce: (parts: Parts) => Tensor;
  readonly results: () => Tensor;
  readonly reset: () => void;
}

/** What a metric gives, as one number for the logs. */
function singleResult(metric: Metric): Tensor {
  const result = metric.result().astype("float32");
  if (result.size !== 1)
    throw new ArgumentError(
      "fit",
      `the metric ${metric.name} gives ${result.size} numbers, logs hold one`,
      `Choose an average, such as average: "macro", or one threshold`,
    );
  return result.reshape([]);
}

/** Names of a model's outputs: those of the layers they come from, else "output_0", ... */
function outputNames(model: Model, count: number): readonly string[] {
  try {
    return model.outputs.map((x) => x.source!.call.layer.name);
  } catch {
    return Array.from({ length: count }, (_, i) => `output_${i}`);
  }
}

/** A layer and all layers in it. */
const allLayers = (layer: Layer): Layer[] => [layer, ...layer.layers.flatMap(allLayers)];
