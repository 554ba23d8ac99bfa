import { ArgumentError, type Tensor, type Variable, variable, zeros } from "@gradus/tensor";
import { alignWeights, type LossFunction } from "../losses/loss.ts";
import { type Config, Registry, type Serializable, type Serialized } from "../serialize.ts";

export interface MetricOptions {
  readonly name?: string;
}

/** Something measured over many batches: `update` takes in a batch, `result` gives the value so far. Both run in programs. */
export abstract class Metric implements Serializable {
  readonly name: string;
  readonly variables: Variable[] = [];

  constructor(name: string, options: MetricOptions = {}) {
    this.name = options.name ?? name;
  }

  /** State that starts at zero (or `initial`) and goes back there at `reset`. */
  protected addVariable(name: string, shape: readonly number[] = []): Variable {
    const state = variable(zeros([...shape], { dtype: "float32" }), { name: `${this.name}/${name}` });
    this.variables.push(state);
    return state;
  }

  abstract update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor | null): void;
  abstract result(): Tensor;

  reset(): void {
    for (const v of this.variables) v.assign(zeros([...v.shape], { dtype: v.dtype }));
  }

  getConfig(): Config {
    return { name: this.name };
  }
}

/** The mean of values, weighted where weights are given. */
export class Mean extends Metric {
  static readonly className: string = "Mean";
  private readonly total = this.addVariable("total");
  private readonly count = this.addVariable("count");

  constructor(options: MetricOptions = {}, name = "mean") {
    super(name, options);
  }
  static fromConfig(config: Config): Metric {
    return new Mean(config);
  }

  /** Takes in values of any shape; weights broadcast from the left. */
  add(values: Tensor, sampleWeight: Tensor | null = null): void {
    const x = values.astype("float32");
    if (!sampleWeight) {
      this.total.assign(this.total.add(x.sum()));
      this.count.assign(this.count.add(x.size));
      return;
    }
    const weights = alignWeights(sampleWeight.astype("float32"), x).broadcastTo([...x.shape]);
    this.total.assign(this.total.add(x.mul(weights).sum()));
    this.count.assign(this.count.add(weights.sum()));
  }

  override update(values: Tensor, _unused?: Tensor | null, sampleWeight: Tensor | null = null): void {
    this.add(values, sampleWeight);
  }

  override result(): Tensor {
    // 0 of nothing, as in Keras.
    return this.total.div(this.count.maximum(1e-12));
  }
}

/** The mean of a function of targets and predictions that gives one value for each example. */
export class MeanMetric extends Mean {
  private readonly f: LossFunction;
  constructor(f: LossFunction, name: string, options: MetricOptions = {}) {
    super(options, name);
    this.f = f;
  }
  override update(yTrue: Tensor, yPred: Tensor | null = null, sampleWeight: Tensor | null = null): void {
    this.add(this.f(yTrue, yPred!), sampleWeight);
  }
}

export const metricRegistry = new Registry<Metric>("metric");

/** A metric by Keras's name ("accuracy", "mae", "auc"), an object, or a function giving one value for each example. */
export type MetricLike = string | Metric | LossFunction | Serialized;

export function metric(given: MetricLike): Metric {
  if (typeof given === "function") {
    if (!given.name) throw new ArgumentError("metric", "the function has no name", "Give it one: const myMetric = (yTrue, yPred) => ...");
    return new MeanMetric(given, given.name);
  }
  return metricRegistry.get(given);
}
