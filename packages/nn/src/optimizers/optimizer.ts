import {
  ArgumentError,
  compile,
  type DType,
  DTypeError,
  FormatError,
  full,
  positive,
  sqrt,
  type Tensor,
  tensor,
  type Variable,
  variable,
  where,
  zerosLike,
} from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized, serialize } from "../serialize.ts";
import { LearningRateSchedule, scheduleRegistry } from "./schedules.ts";

export interface OptimizerOptions {
  readonly name?: string;
  readonly learningRate?: number | LearningRateSchedule;
  /** Decoupled weight decay: each update also takes this share of the weight, times the rate. */
  readonly weightDecay?: number | null;
  /** No gradient longer than this, each weight on its own. */
  readonly clipnorm?: number | null;
  /** No element of a gradient beyond ± this. */
  readonly clipvalue?: number | null;
  /** All gradients together no longer than this. */
  readonly globalClipnorm?: number | null;
  /** Keep a moving average of the weights, and put it in their place when training ends. */
  readonly useEma?: boolean;
  readonly emaMomentum?: number;
  /** Put the average in the weights' place every so many updates. */
  readonly emaOverwriteFrequency?: number | null;
  /** Average the gradients of so many steps before each update. */
  readonly gradientAccumulationSteps?: number | null;
}

/** What optimizers take: options, or just the learning rate. */
export type OptimizerArguments<Options> = Options | number | LearningRateSchedule;

/** Half-precision weights are updated in float32: their own type has no room for epsilon, nor for small steps. */
const computeType = ({ dtype }: Variable): DType => (dtype === "float64" ? "float64" : "float32");

/** Options from what an optimizer was given. */
export const optionsOf = <Options extends OptimizerOptions>(given: OptimizerArguments<Options>): Options =>
  (typeof given === "number" || given instanceof LearningRateSchedule ? { learningRate: given } : given) as Options;

/**
 * Changes weights along their gradients. All of it is graph: `apply` inside of a compiled function becomes part of the
 * program. Subclasses make their state in `createState` and give the new value of a weight in `update`.
 */
export abstract class Optimizer implements Serializable {
  static readonly className: string = "Optimizer";
  readonly name: string;
  /** Updates done so far. */
  readonly iterations: Variable;
  /** State variables, in a fixed order: what a checkpoint holds. */
  readonly variables: Variable[] = [];
  protected readonly options: OptimizerOptions;
  private readonly settings: Config;
  private readonly rate: Variable | null;
  private readonly schedule: LearningRateSchedule | null;
  private weights: readonly Variable[] = [];
  private averages: Variable[] = [];
  private gradientSums: Variable[] = [];
  private attempts: Variable | null = null;
  private keepsItsSize: (weight: Variable) => boolean = () => false;
  /** One program a step in plain loops; inside of a compiled function a part of that. */
  private readonly program = compile((gradients: readonly Tensor[], allowed: Tensor | null) => {
    const steps = this.options.gradientAccumulationSteps ?? 1;
    if (steps > 1) this.accumulate(gradients, steps, allowed);
    else this.step(gradients, allowed);
  });

  /** `settings` are the subclass's own options, for `getConfig`. */
  constructor(name: string, learningRate: number, options: OptimizerOptions, settings: Config = {}) {
    this.name = options.name ?? name;
    this.options = options;
    this.settings = settings;
    const chosen = [options.clipnorm, options.clipvalue, options.globalClipnorm].filter((x) => x !== null && x !== undefined);
    if (chosen.length > 1) throw new ArgumentError(this.name, "clipnorm, clipvalue and globalClipnorm exclude each other", "Choose one");
    if (chosen.some((x) => !(x! > 0)))
      throw new ArgumentError(this.name, `gradients cannot be clipped to ${chosen[0]}`, "Give a positive number");
    const { gradientAccumulationSteps: steps, emaMomentum = 0.99, emaOverwriteFrequency: frequency } = options;
    this.checkCount("gradientAccumulationSteps", steps);
    this.checkCount("emaOverwriteFrequency", frequency);
    if (!(emaMomentum >= 0 && emaMomentum <= 1))
      throw new ArgumentError(this.name, `emaMomentum is ${emaMomentum}`, "Give a number from 0 to 1");
    const given = (options.learningRate ?? learningRate) as number | LearningRateSchedule | Serialized;
    this.schedule = given instanceof LearningRateSchedule ? given : typeof given === "object" ? scheduleRegistry.deserialize(given) : null;
    if (!this.schedule && !((given as number) >= 0 && Number.isFinite(given)))
      throw new ArgumentError(this.name, `the learning rate is ${given}`, "Give a number from 0 on, or a schedule");
    this.rate = this.schedule ? null : this.state("learning_rate", tensor(given as number, { dtype: "float32" }));
    this.iterations = this.state("iterations", tensor(0, { dtype: "int32" }));
  }

  static fromConfig(this: new (config: Config) => Optimizer, config: Config): Optimizer {
    return new this(config);
  }

  private checkCount(what: string, given: number | null | undefined): void {
    if (given !== null && given !== undefined && !(Number.isInteger(given) && given >= 1))
      throw new ArgumentError(this.name, `${what} is ${given}`, "Give a positive integer");
  }

  private state(name: string, value: Tensor): Variable {
    const v = variable(value, { name: `${this.name}/${name}` });
    this.variables.push(v);
    return v;
  }

  /** State shaped like a weight, filled with a number, zero unless told; of the type that updates are computed in. */
  protected stateLike(weight: Variable, name: string, value = 0): Variable {
    return this.state(`${weight.name ?? "weight"}_${name}`, full([...weight.shape], value, { dtype: computeType(weight) }));
  }

  /** A single number of state. */
  protected scalarState(name: string, value: number): Variable {
    return this.state(name, tensor(value, { dtype: "float32" }));
  }

  /** The rate now; on a GPU use `readLearningRate`. Setting it works for fixed rates; a schedule decides by itself (ArgumentError). */
  get learningRate(): number {
    return this.currentRate(this.iterations).itemSync();
  }
  /** The rate now, on every device. */
  readLearningRate(): Promise<number> {
    return this.currentRate(this.iterations).item();
  }
  set learningRate(value: number) {
    if (!this.rate)
      throw new ArgumentError(
        this.name,
        "the learning rate follows a schedule and cannot be set",
        "Make the optimizer with a plain number",
      );
    this.rate.assign(tensor(value, { dtype: "float32" }));
  }

  private currentRate(iterations: Tensor): Tensor {
    return this.schedule ? this.schedule.call(iterations.astype("float32")) : this.rate!;
  }

  /** Makes the state for these weights; once. */
  build(weights: readonly Variable[]): void {
    if (this.weights.length) {
      if (this.weights.length === weights.length && weights.every((w, i) => w === this.weights[i])) return;
      throw new ArgumentError(
        this.name,
        "the weights to train are others than before",
        "Compile the model again after changing what is trainable",
      );
    }
    for (const w of weights)
      if (!w.dtype.includes("float")) throw new DTypeError(this.name, `the weight ${w.name} is ${w.dtype}`, "Make it of a floating type");
    this.weights = [...weights];
    this.createState(weights);
    if (this.options.useEma) this.averages = weights.map((w) => this.stateLike(w, "average"));
    if ((this.options.gradientAccumulationSteps ?? 1) > 1) {
      this.gradientSums = weights.map((w) => this.stateLike(w, "accumulator"));
      this.attempts = this.state("attempts", tensor(0, { dtype: "int32" }));
    }
  }

  /** Makes whatever `update` needs, in `stateLike` variables. */
  protected createState(_weights: readonly Variable[]): void {}

  /**
   * The new value of weight `index`, from its gradient, the learning rate and the number of this update (from 1), both
   * zero-dimensional. All are of one type: float32, or float64 for weights of that type. State is assigned inside.
   */
  protected abstract update(weight: Tensor, gradient: Tensor, rate: Tensor, step: Tensor, index: number): Tensor;

  /**
   * Weights that weight decay leaves alone: these, and those whose name contains one of `varNames`, such as "bias". Keras's
   * `exclude_from_weight_decay`; call it before training.
   */
  excludeFromWeightDecay({
    varList = [],
    varNames = [],
  }: {
    readonly varList?: readonly Variable[];
    readonly varNames?: readonly string[];
  }): void {
    this.keepsItsSize = (w) => varList.includes(w) || varNames.some((name) => w.name?.includes(name));
  }

  /** One update of `weights` along `gradients`; where `allowed` (bool, zero-dimensional) is false nothing changes. */
  apply(gradients: readonly Tensor[], weights: readonly Variable[], allowed: Tensor | null = null): void {
    if (gradients.length !== weights.length)
      throw new ArgumentError(this.name, `${gradients.length} gradients were given for ${weights.length} weights`);
    this.build(weights);
    this.program(gradients, allowed);
  }

  private accumulate(gradients: readonly Tensor[], steps: number, allowed: Tensor | null): void {
    const attempt = this.attempts!.add(1);
    const due = attempt.greaterEqual(steps);
    const totals = gradients.map((g, i) => this.gradientSums[i]!.add(g.astype(computeType(this.weights[i]!))));
    this.step(
      totals.map((t) => t.div(steps)),
      allowed ? allowed.logicalAnd(due) : due,
    );
    const reset = (v: Variable, value: Tensor): void => {
      const next = where(due, zerosLike(value), value);
      v.assign(allowed ? where(allowed, next, v) : next);
    };
    this.gradientSums.forEach((s, i) => {
      reset(s, totals[i]!);
    });
    reset(this.attempts!, attempt);
  }

  private step(gradients: readonly Tensor[], allowed: Tensor | null): void {
    const before = allowed ? this.variables.map((v) => positive(v)) : [];
    const step = this.iterations.add(1);
    const rate = this.currentRate(this.iterations);
    const stepNumber = step.astype("float32");
    const clipped = this.clip(gradients.map((g, i) => g.astype(computeType(this.weights[i]!))));
    const { weightDecay, useEma = false, emaMomentum = 0.99, emaOverwriteFrequency = null } = this.options;
    this.weights.forEach((w, i) => {
      const type = computeType(w);
      const old = w.astype(type);
      const decayed = weightDecay && !this.keepsItsSize(w) ? old.sub(old.mul(rate.mul(weightDecay).astype(type))) : old;
      let next = this.update(decayed, clipped[i]!, rate.astype(type), stepNumber.astype(type), i);
      if (useEma) {
        const average = this.averages[i]!;
        // The first update starts the average at the weight itself.
        const momentum = where(step.equal(1), tensor(0, { dtype: "float32" }), tensor(emaMomentum, { dtype: "float32" })).astype(type);
        const mean = average.mul(momentum).add(next.mul(momentum.neg().add(1)));
        average.assign(mean);
        if (emaOverwriteFrequency) next = where(step.mod(emaOverwriteFrequency).equal(0), mean, next);
      }
      const rounded = next.astype(w.dtype);
      w.assign(allowed ? where(allowed, rounded, w) : rounded);
    });
    this.iterations.assign(step);
    if (allowed)
      this.variables.forEach((v, i) => {
        if (!this.gradientSums.includes(v) && v !== this.attempts) v.assign(where(allowed, v, before[i]!));
      });
  }

  private clip(gradients: readonly Tensor[]): readonly Tensor[] {
    const { clipnorm, clipvalue, globalClipnorm } = this.options;
    const shorten = (g: Tensor, length: Tensor, limit: number): Tensor =>
      g.mul(where(length.greater(limit), tensor(limit).astype(g.dtype).div(length), 1));
    if (clipvalue) return gradients.map((g) => g.clip(-clipvalue, clipvalue));
    if (clipnorm) return gradients.map((g) => shorten(g, sqrt(g.square().sum()), clipnorm));
    if (globalClipnorm) {
      const length = sqrt(gradients.map((g) => g.square().sum().astype("float32")).reduce((a, b) => a.add(b)));
      return gradients.map((g) => shorten(g, length.astype(g.dtype), globalClipnorm));
    }
    return gradients;
  }

  /** Gives the state variables the values they had in another run. FormatError, and nothing changed, where they do not fit. */
  restore(values: readonly Tensor[]): void {
    const fits = values.length === this.variables.length && values.every((x, i) => x.shape.join() === this.variables[i]!.shape.join());
    if (!fits)
      throw new FormatError(
        this.name,
        `the state holds ${values.length} arrays of other shapes than the ${this.variables.length} expected`,
      );
    values.forEach((x, i) => {
      this.variables[i]!.assign(x.astype(this.variables[i]!.dtype));
    });
  }

  /** Puts the moving averages in the weights' place (useEma): what `fit` does at its end. Nothing before the first update. */
  finalizeWeights(): void {
    const begun = this.iterations.greater(0);
    this.averages.forEach((average, i) => {
      const weight = this.weights[i]!;
      weight.assign(where(begun, average.astype(weight.dtype), weight));
    });
  }

  getConfig(): Config {
    const { learningRate: _, ...others } = this.options;
    const learningRate = this.schedule ? serialize(this.schedule) : this.learningRate;
    return { ...others, ...this.settings, name: this.name, learningRate };
  }
}

/** Optimizers that `compile` and files may name. Own ones are added with `optimizerRegistry.register(MyOptimizer)`. */
export const optimizerRegistry = new Registry<Optimizer>("optimizer");

/** An optimizer by Keras's name ("adam", "sgd"), or as it is. */
export type OptimizerLike = string | Optimizer | Serialized;
export const optimizer = (given: OptimizerLike): Optimizer => optimizerRegistry.get(given);
