import { ArgumentError, asarray, compile, type Shape, type Tensor, type TensorLike, type Variable, variable, zeros } from "@gradus/tensor";
import { alignWeights, divideNoNaN, type LossFunction } from "../losses/loss.ts";
import { maskOf } from "../masking.ts";
import { type Config, Registry, type Serializable, type Serialized } from "../serialize.ts";

export interface MetricOptions {
  readonly name?: string;
}

/**
 * Something measured over many batches: `updateState` takes in a batch, `result` gives the value so far. All state is in
 * variables, so that both may run in programs. Subclasses give `update` and `result`.
 */
export abstract class Metric implements Serializable {
  static readonly className: string = "Metric";
  readonly name: string;
  readonly variables: Variable[] = [];
  private readonly settings: Config;
  private built = false;
  private readonly program = compile((yTrue: Tensor, yPred: Tensor | null, weights: Tensor | null) => this.update(yTrue, yPred!, weights));

  constructor(name: string, options: MetricOptions = {}, settings: Config = {}) {
    this.name = options.name ?? name;
    this.settings = settings;
  }

  static fromConfig(this: new (config: Config) => Metric, config: Config): Metric {
    return new this(config);
  }

  /** State that starts at zero and goes back there at `resetState`. */
  protected addVariable(name: string, shape: Shape = []): Variable {
    const state = variable(zeros([...shape], { dtype: "float32" }), { name: `${this.name}/${name}` });
    this.variables.push(state);
    return state;
  }

  /** Makes state whose shape depends on targets and predictions. */
  protected build(_yTrue: Shape, _yPred: Shape): void {}

  /** Makes the state for targets and predictions of these shapes, once: before a program that updates it is traced. */
  ensureBuilt(yTrue: Shape, yPred: Shape): void {
    if (!this.built) this.build(yTrue, yPred);
    this.built = true;
  }

  /** Takes in a batch; outside of programs it is one. */
  protected abstract update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void;

  /**
   * Takes in targets and predictions of a batch. Weights fit from the left: [batch], or one for each value. Places masked
   * by earlier layers do not count.
   */
  updateState(yTrue: TensorLike, yPred: TensorLike, sampleWeight: TensorLike | null = null): void {
    const [target, prediction] = [asarray(yTrue), asarray(yPred)];
    const mask = maskOf(prediction)?.astype("float32") ?? null;
    const given = sampleWeight === null ? null : asarray(sampleWeight).astype("float32");
    this.ensureBuilt(target.shape, prediction.shape);
    this.program(target, prediction, mask && given ? mask.mul(alignWeights(given, mask)) : (given ?? mask));
  }

  abstract result(): Tensor;

  resetState(): void {
    for (const v of this.variables) v.assign(zeros([...v.shape], { dtype: v.dtype }));
  }

  getConfig(): Config {
    return { name: this.name, ...this.settings };
  }
}

/** State and result of a weighted mean. */
export abstract class Averaging extends Metric {
  private readonly total = this.addVariable("total");
  private readonly count = this.addVariable("count");

  /** Takes in values of any shape; weights broadcast from the left. */
  protected add(values: Tensor, weights: Tensor | null): void {
    const x = values.astype("float32");
    const w = weights && alignWeights(weights, x).broadcastTo([...x.shape]);
    this.total.assign(this.total.add((w ? x.mul(w) : x).sum()));
    this.count.assign(this.count.add(w ? w.sum() : x.size));
  }

  /** 0 of nothing, as in Keras. */
  override result(): Tensor {
    return divideNoNaN(this.total, this.count);
  }
}

/** The mean of a function of targets and predictions that gives one value for each example (or place). */
export class MeanMetric extends Averaging {
  private readonly f: LossFunction;
  constructor(f: LossFunction, name: string, options: MetricOptions = {}, settings: Config = {}) {
    super(name, options, settings);
    this.f = f;
  }
  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    this.add(this.f(yTrue, yPred), weights);
  }
}

/** Metrics that `compile` and files may name. Own ones are added with `metricRegistry.register(MyMetric)`. */
export const metricRegistry = new Registry<Metric>("metric");

/** A metric by Keras's name ("accuracy", "mae", "auc"), an object, or a function giving one value for each example. */
export type MetricLike = string | Metric | LossFunction | Serialized;

export function metric(given: MetricLike): Metric {
  if (typeof given === "function") {
    if (!given.name) throw new ArgumentError("metric", "the function has no name", "Give it one: const myMetric = (yTrue, yPred) => ...");
    return new MeanMetric(given, given.name);
  }
  // Logs use the name that was asked for, as Keras's do.
  return metricRegistry.get(given, typeof given === "string" ? { name: given } : {});
}
