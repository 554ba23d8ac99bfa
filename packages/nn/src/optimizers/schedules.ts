import { ArgumentError, full, type Tensor, tensor, where } from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized, serialize } from "../serialize.ts";

/** A learning rate that depends on the number of updates done. */
export abstract class LearningRateSchedule implements Serializable {
  /** The rate at a step (float32, zero-dimensional), as part of the program. */
  abstract call(step: Tensor): Tensor;
  abstract getConfig(): Config;
}

export const scheduleRegistry = new Registry<LearningRateSchedule>("learning rate schedule");

const number = (x: number): Tensor => tensor(x, { dtype: "float32" });

function positive(name: string, values: Record<string, number>): void {
  for (const [key, value] of Object.entries(values))
    if (!(value > 0)) throw new ArgumentError(name, `${key} is ${value}`, "Give a positive number");
}

/** The share of `decaySteps` that is done, at most 1. */
const progress = (step: Tensor, steps: number): Tensor => step.minimum(steps).div(steps);

/** initial · rate^(step / decaySteps). */
export class ExponentialDecay extends LearningRateSchedule {
  static readonly className = "ExponentialDecay";
  private readonly config: {
    readonly initialLearningRate: number;
    readonly decaySteps: number;
    readonly decayRate: number;
    readonly staircase: boolean;
  };
  constructor(initialLearningRate: number, decaySteps: number, decayRate: number, options: { readonly staircase?: boolean } = {}) {
    super();
    positive("ExponentialDecay", { decaySteps, decayRate });
    this.config = { initialLearningRate, decaySteps, decayRate, staircase: options.staircase ?? false };
  }
  static fromConfig({ initialLearningRate, decaySteps, decayRate, ...options }: Config): LearningRateSchedule {
    return new ExponentialDecay(initialLearningRate as number, decaySteps as number, decayRate as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, decayRate, staircase } = this.config;
    const p = step.div(decaySteps);
    return (staircase ? p.floor() : p).mul(Math.log(decayRate)).exp().mul(initialLearningRate);
  }
  override getConfig(): Config {
    return this.config;
  }
}

/** initial / (1 + rate · step / decaySteps). */
export class InverseTimeDecay extends LearningRateSchedule {
  static readonly className = "InverseTimeDecay";
  private readonly config: {
    readonly initialLearningRate: number;
    readonly decaySteps: number;
    readonly decayRate: number;
    readonly staircase: boolean;
  };
  constructor(initialLearningRate: number, decaySteps: number, decayRate: number, options: { readonly staircase?: boolean } = {}) {
    super();
    positive("InverseTimeDecay", { decaySteps });
    this.config = { initialLearningRate, decaySteps, decayRate, staircase: options.staircase ?? false };
  }
  static fromConfig({ initialLearningRate, decaySteps, decayRate, ...options }: Config): LearningRateSchedule {
    return new InverseTimeDecay(initialLearningRate as number, decaySteps as number, decayRate as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, decayRate, staircase } = this.config;
    const p = step.div(decaySteps);
    return number(initialLearningRate).div((staircase ? p.floor() : p).mul(decayRate).add(1));
  }
  override getConfig(): Config {
    return this.config;
  }
}

/** `values[i]` up to and with step `boundaries[i]`, the last value after all of them. */
export class PiecewiseConstantDecay extends LearningRateSchedule {
  static readonly className = "PiecewiseConstantDecay";
  private readonly config: { readonly boundaries: readonly number[]; readonly values: readonly number[] };
  constructor(boundaries: readonly number[], values: readonly number[]) {
    super();
    if (values.length !== boundaries.length + 1)
      throw new ArgumentError(
        "PiecewiseConstantDecay",
        `${boundaries.length} boundaries need ${boundaries.length + 1} values, received ${values.length}`,
      );
    this.config = { boundaries, values };
  }
  static fromConfig({ boundaries, values }: Config): LearningRateSchedule {
    return new PiecewiseConstantDecay(boundaries as number[], values as number[]);
  }
  override call(step: Tensor): Tensor {
    const { boundaries, values } = this.config;
    return boundaries.reduceRight(
      (rate, boundary, i) => where(step.lessEqual(boundary), values[i]!, rate),
      full([], values.at(-1)!, { dtype: "float32" }),
    );
  }
  override getConfig(): Config {
    return this.config;
  }
}

export interface PolynomialDecayOptions {
  readonly endLearningRate?: number;
  readonly power?: number;
  /** Begin again, over a longer time, when the end is reached. */
  readonly cycle?: boolean;
}

/** From the initial rate to the end rate along a power of what is left. */
export class PolynomialDecay extends LearningRateSchedule {
  static readonly className = "PolynomialDecay";
  private readonly config: Required<PolynomialDecayOptions> & { readonly initialLearningRate: number; readonly decaySteps: number };
  constructor(initialLearningRate: number, decaySteps: number, options: PolynomialDecayOptions = {}) {
    super();
    positive("PolynomialDecay", { decaySteps });
    const { endLearningRate = 0.0001, power = 1, cycle = false } = options;
    this.config = { initialLearningRate, decaySteps, endLearningRate, power, cycle };
  }
  static fromConfig({ initialLearningRate, decaySteps, ...options }: Config): LearningRateSchedule {
    return new PolynomialDecay(initialLearningRate as number, decaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, endLearningRate, power, cycle } = this.config;
    const length = cycle ? step.div(decaySteps).ceil().maximum(1).mul(decaySteps) : number(decaySteps);
    const left = step.minimum(length).div(length).neg().add(1);
    return left
      .pow(power)
      .mul(initialLearningRate - endLearningRate)
      .add(endLearningRate);
  }
  override getConfig(): Config {
    return this.config;
  }
}

export interface CosineDecayOptions {
  /** The last rate as a share of the first. */
  readonly alpha?: number;
  /** The rate that warming up, from the initial one, leads to. */
  readonly warmupTarget?: number | null;
  readonly warmupSteps?: number;
}

/** Half a cosine from the initial rate down, after an optional warm-up in a line (Loshchilov & Hutter 2017). */
export class CosineDecay extends LearningRateSchedule {
  static readonly className = "CosineDecay";
  private readonly config: {
    readonly alpha: number;
    readonly warmupTarget: number | null;
    readonly warmupSteps: number;
    readonly initialLearningRate: number;
    readonly decaySteps: number;
  };
  constructor(initialLearningRate: number, decaySteps: number, options: CosineDecayOptions = {}) {
    super();
    positive("CosineDecay", { decaySteps });
    const { alpha = 0, warmupTarget = null, warmupSteps = 0 } = options;
    this.config = { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps };
  }
  static fromConfig({ initialLearningRate, decaySteps, ...options }: Config): LearningRateSchedule {
    return new CosineDecay(initialLearningRate as number, decaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps } = this.config;
    const decayed = (from: number, at: Tensor): Tensor =>
      cosine(progress(at, decaySteps))
        .mul((1 - alpha) * from)
        .add(alpha * from);
    if (warmupTarget === null || !warmupSteps) return decayed(warmupTarget ?? initialLearningRate, step);
    const warming = step
      .div(warmupSteps)
      .mul(warmupTarget - initialLearningRate)
      .add(initialLearningRate);
    return where(step.less(warmupSteps), warming, decayed(warmupTarget, step.sub(warmupSteps).maximum(0)));
  }
  override getConfig(): Config {
    return this.config;
  }
}

/** From 1 at 0 to 0 at 1. */
const cosine = (p: Tensor): Tensor => p.mul(Math.PI).cos().add(1).mul(0.5);

export interface RestartOptions {
  /** Each period is longer than the one before by this factor. */
  readonly tMul?: number;
  /** Each period starts lower by this factor. */
  readonly mMul?: number;
  readonly alpha?: number;
}

/** Cosine decay that starts again and again (Loshchilov & Hutter 2017). */
export class CosineDecayRestarts extends LearningRateSchedule {
  static readonly className = "CosineDecayRestarts";
  private readonly config: Required<RestartOptions> & { readonly initialLearningRate: number; readonly firstDecaySteps: number };
  constructor(initialLearningRate: number, firstDecaySteps: number, options: RestartOptions = {}) {
    super();
    positive("CosineDecayRestarts", { firstDecaySteps });
    const { tMul = 2, mMul = 1, alpha = 0 } = options;
    this.config = { initialLearningRate, firstDecaySteps, tMul, mMul, alpha };
  }
  static fromConfig({ initialLearningRate, firstDecaySteps, ...options }: Config): LearningRateSchedule {
    return new CosineDecayRestarts(initialLearningRate as number, firstDecaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, firstDecaySteps, tMul, mMul, alpha } = this.config;
    const done = step.div(firstDecaySteps);
    // Period i starts after (tMul^i - 1) / (tMul - 1) first periods.
    const period =
      tMul === 1
        ? done.floor()
        : done
            .mul(tMul - 1)
            .add(1)
            .log()
            .div(Math.log(tMul))
            .add(1e-6)
            .floor();
    const length = period.mul(Math.log(tMul)).exp();
    const start = tMul === 1 ? period : length.sub(1).div(tMul - 1);
    const top = period.mul(Math.log(mMul)).exp();
    const p = done.sub(start).div(length).clip(0, 1);
    return cosine(p)
      .mul(top)
      .mul(1 - alpha)
      .add(alpha)
      .mul(initialLearningRate);
  }
  override getConfig(): Config {
    return this.config;
  }
}

export interface OneCycleOptions {
  /** Share of the steps that the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** The first rate is the largest divided by this. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first divided by this. Default 10,000. */
  readonly finalDivFactor?: number;
}

/** Up to the largest rate and down again along cosines, over all of training (Smith 2018; PyTorch's OneCycleLR). */
export class OneCycle extends LearningRateSchedule {
  static readonly className = "OneCycle";
  private readonly config: Required<OneCycleOptions> & { readonly maxLearningRate: number; readonly totalSteps: number };
  constructor(maxLearningRate: number, totalSteps: number, options: OneCycleOptions = {}) {
    super();
    const { pctStart = 0.3, divFactor = 25, finalDivFactor = 10_000 } = options;
    positive("OneCycle", { maxLearningRate, totalSteps, divFactor, finalDivFactor });
    if (!(pctStart > 0 && pctStart < 1)) throw new ArgumentError("OneCycle", `pctStart is ${pctStart}`, "Give a share between 0 and 1");
    this.config = { maxLearningRate, totalSteps, pctStart, divFactor, finalDivFactor };
  }
  static fromConfig({ maxLearningRate, totalSteps, ...options }: Config): LearningRateSchedule {
    return new OneCycle(maxLearningRate as number, totalSteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { maxLearningRate, totalSteps, pctStart, divFactor, finalDivFactor } = this.config;
    const first = maxLearningRate / divFactor;
    const last = first / finalDivFactor;
    const peak = Math.max(1, pctStart * totalSteps - 1);
    const between = (from: number, to: number, p: Tensor): Tensor =>
      cosine(p.clip(0, 1))
        .mul(from - to)
        .add(to);
    return where(
      step.lessEqual(peak),
      between(first, maxLearningRate, step.div(peak)),
      between(maxLearningRate, last, step.sub(peak).div(Math.max(1, totalSteps - 1 - peak))),
    );
  }
  override getConfig(): Config {
    return this.config;
  }
}

/** A line from 0 to the rate of another schedule (or a fixed rate) over the first steps, then that. */
export class LinearWarmup extends LearningRateSchedule {
  static readonly className = "LinearWarmup";
  private readonly after: number | LearningRateSchedule;
  private readonly warmupSteps: number;
  constructor(after: number | LearningRateSchedule, warmupSteps: number) {
    super();
    positive("LinearWarmup", { warmupSteps });
    this.after = after;
    this.warmupSteps = warmupSteps;
  }
  static fromConfig({ after, warmupSteps }: Config): LearningRateSchedule {
    return new LinearWarmup(typeof after === "number" ? after : scheduleRegistry.deserialize(after as Serialized), warmupSteps as number);
  }
  override call(step: Tensor): Tensor {
    const rate = typeof this.after === "number" ? number(this.after) : this.after.call(step.sub(this.warmupSteps).maximum(0));
    return rate.mul(step.add(1).div(this.warmupSteps).minimum(1));
  }
  override getConfig(): Config {
    return { after: typeof this.after === "number" ? this.after : serialize(this.after), warmupSteps: this.warmupSteps };
  }
}

for (const schedule of [
  ExponentialDecay,
  InverseTimeDecay,
  PiecewiseConstantDecay,
  PolynomialDecay,
  CosineDecay,
  CosineDecayRestarts,
  OneCycle,
  LinearWarmup,
])
  scheduleRegistry.register(schedule);
