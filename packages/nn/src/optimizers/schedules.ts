import { ArgumentError, cos, log, type Tensor, tensor, where } from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized, serialize } from "../serialize.ts";

/** A learning rate that depends on the number of updates done. */
export abstract class LearningRateSchedule implements Serializable {
  static readonly className: string = "LearningRateSchedule";
  /** The rate at a step (float32, zero-dimensional, from 0), as part of the program. */
  abstract call(step: Tensor): Tensor;
  abstract getConfig(): Config;
}

/** Schedules that files may name. Own ones are added with `scheduleRegistry.register(MySchedule)`. */
export const scheduleRegistry = new Registry<LearningRateSchedule>("learning rate schedule");

const float = (x: number): Tensor => tensor(x, { dtype: "float32" });

function positive(schedule: string, what: string, x: number): number {
  if (!(x > 0)) throw new ArgumentError(schedule, `${what} is ${x}`, "Give a positive number");
  return x;
}

export interface StaircaseOptions {
  /** Change the rate every `decaySteps` steps only. */
  readonly staircase?: boolean;
}

/** A rate that falls by steps: what ExponentialDecay and InverseTimeDecay share. */
abstract class RateDecay extends LearningRateSchedule {
  protected readonly settings: {
    readonly initialLearningRate: number;
    readonly decaySteps: number;
    readonly decayRate: number;
    readonly staircase: boolean;
  };
  constructor(name: string, initialLearningRate: number, decaySteps: number, decayRate: number, { staircase = false }: StaircaseOptions) {
    super();
    this.settings = { initialLearningRate, decaySteps: positive(name, "decaySteps", decaySteps), decayRate, staircase };
  }
  /** How many times decaySteps have passed. */
  protected periods(step: Tensor): Tensor {
    const periods = step.div(this.settings.decaySteps);
    return this.settings.staircase ? periods.floor() : periods;
  }
  override getConfig(): Config {
    return { ...this.settings };
  }
}

/**
 * initialLearningRate · decayRate^(step / decaySteps).
 * @example
 * const rate = new schedules.ExponentialDecay(0.1, 50, 0.5);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class ExponentialDecay extends RateDecay {
  static override readonly className = "ExponentialDecay";
  constructor(initialLearningRate: number, decaySteps: number, decayRate: number, options: StaircaseOptions = {}) {
    super("ExponentialDecay", initialLearningRate, decaySteps, positive("ExponentialDecay", "decayRate", decayRate), options);
  }
  static fromConfig({ initialLearningRate, decaySteps, decayRate, ...options }: Config): LearningRateSchedule {
    return new ExponentialDecay(initialLearningRate as number, decaySteps as number, decayRate as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decayRate } = this.settings;
    return this.periods(step).mul(Math.log(decayRate)).exp().mul(initialLearningRate);
  }
}

/**
 * initialLearningRate / (1 + decayRate · step / decaySteps).
 * @example
 * const rate = new schedules.InverseTimeDecay(0.1, 50, 1);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class InverseTimeDecay extends RateDecay {
  static override readonly className = "InverseTimeDecay";
  constructor(initialLearningRate: number, decaySteps: number, decayRate: number, options: StaircaseOptions = {}) {
    super("InverseTimeDecay", initialLearningRate, decaySteps, decayRate, options);
  }
  static fromConfig({ initialLearningRate, decaySteps, decayRate, ...options }: Config): LearningRateSchedule {
    return new InverseTimeDecay(initialLearningRate as number, decaySteps as number, decayRate as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decayRate } = this.settings;
    return float(initialLearningRate).div(this.periods(step).mul(decayRate).add(1));
  }
}

/**
 * values[0] up to and including step boundaries[0], values[1] up to boundaries[1], ..., then the last value.
 * @example
 * const rate = new schedules.PiecewiseConstantDecay([30, 60], [0.1, 0.01, 0.001]);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class PiecewiseConstantDecay extends LearningRateSchedule {
  static override readonly className = "PiecewiseConstantDecay";
  private readonly boundaries: readonly number[];
  private readonly values: readonly number[];
  constructor(boundaries: readonly number[], values: readonly number[]) {
    super();
    if (values.length !== boundaries.length + 1)
      throw new ArgumentError(
        "PiecewiseConstantDecay",
        `${boundaries.length} boundaries and ${values.length} values were given`,
        "Give one value more than boundaries",
      );
    if (boundaries.some((b, i) => i > 0 && !(b > boundaries[i - 1]!)))
      throw new ArgumentError("PiecewiseConstantDecay", `boundaries ${boundaries.join(", ")} do not rise`);
    this.boundaries = [...boundaries];
    this.values = [...values];
  }
  static fromConfig({ boundaries, values }: Config): LearningRateSchedule {
    return new PiecewiseConstantDecay(boundaries as number[], values as number[]);
  }
  override call(step: Tensor): Tensor {
    return this.boundaries.reduceRight<Tensor>(
      (later, boundary, i) => where(step.lessEqual(boundary), float(this.values[i]!), later),
      float(this.values.at(-1)!),
    );
  }
  override getConfig(): Config {
    return { boundaries: this.boundaries, values: this.values };
  }
}

export interface PolynomialOptions {
  readonly endLearningRate?: number;
  /** 1 (default): a straight line. */
  readonly power?: number;
  /** Start again, over a longer time each, instead of staying at the end. */
  readonly cycle?: boolean;
}

/**
 * From initialLearningRate to endLearningRate (default 0.0001) over decaySteps, along (1 - step / decaySteps)^power.
 * @example
 * const rate = new schedules.PolynomialDecay(0.1, 80);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class PolynomialDecay extends LearningRateSchedule {
  static override readonly className = "PolynomialDecay";
  private readonly settings: Required<PolynomialOptions> & { readonly initialLearningRate: number; readonly decaySteps: number };
  constructor(
    initialLearningRate: number,
    decaySteps: number,
    { endLearningRate = 0.0001, power = 1, cycle = false }: PolynomialOptions = {},
  ) {
    super();
    positive("PolynomialDecay", "decaySteps", decaySteps);
    this.settings = { initialLearningRate, decaySteps, endLearningRate, power, cycle };
  }
  static fromConfig({ initialLearningRate, decaySteps, ...options }: Config): LearningRateSchedule {
    return new PolynomialDecay(initialLearningRate as number, decaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, endLearningRate, power, cycle } = this.settings;
    const passed = step.div(decaySteps);
    const share = cycle ? passed.div(passed.ceil().maximum(1)) : passed.minimum(1);
    return share
      .neg()
      .add(1)
      .pow(power)
      .mul(initialLearningRate - endLearningRate)
      .add(endLearningRate);
  }
  override getConfig(): Config {
    return { ...this.settings };
  }
}

/** From 1 to 0 along half a cosine, for a share from 0 to 1. */
const halfCosine = (share: Tensor): Tensor => cos(share.mul(Math.PI)).add(1).mul(0.5);

export interface CosineOptions {
  /** The rate at the end, as a share of that at the start; default 0. */
  readonly alpha?: number;
  /** A rate to rise to first, in a straight line over `warmupSteps`. */
  readonly warmupTarget?: number | null;
  readonly warmupSteps?: number;
}

/**
 * Down to alpha times the start along half a cosine over decaySteps, after warming up if wanted (Loshchilov & Hutter 2017).
 * @example
 * const rate = new schedules.CosineDecay(0.1, 80, { warmupTarget: 0.2, warmupSteps: 20 });
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class CosineDecay extends LearningRateSchedule {
  static override readonly className = "CosineDecay";
  private readonly settings: Required<CosineOptions> & { readonly initialLearningRate: number; readonly decaySteps: number };
  constructor(initialLearningRate: number, decaySteps: number, { alpha = 0, warmupTarget = null, warmupSteps = 0 }: CosineOptions = {}) {
    super();
    positive("CosineDecay", "decaySteps", decaySteps);
    this.settings = { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps };
  }
  static fromConfig({ initialLearningRate, decaySteps, ...options }: Config): LearningRateSchedule {
    return new CosineDecay(initialLearningRate as number, decaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps } = this.settings;
    const decay = (from: number, steps: Tensor): Tensor =>
      halfCosine(steps.div(decaySteps).clip(0, 1))
        .mul(1 - alpha)
        .add(alpha)
        .mul(from);
    if (warmupTarget === null) return decay(initialLearningRate, step);
    const rise = step.mul((warmupTarget - initialLearningRate) / Math.max(warmupSteps, 1)).add(initialLearningRate);
    return where(step.less(warmupSteps), rise, decay(warmupTarget, step.sub(warmupSteps)));
  }
  override getConfig(): Config {
    return { ...this.settings };
  }
}

export interface RestartOptions {
  /** How much longer each period is than the one before; default 2. */
  readonly tMul?: number;
  /** What each period's first rate is multiplied by; default 1. */
  readonly mMul?: number;
  readonly alpha?: number;
}

/**
 * Cosine decay that starts again and again, over longer and longer periods (Loshchilov & Hutter 2017, SGDR).
 * @example
 * const rate = new schedules.CosineDecayRestarts(0.1, 20);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class CosineDecayRestarts extends LearningRateSchedule {
  static override readonly className = "CosineDecayRestarts";
  private readonly settings: Required<RestartOptions> & { readonly initialLearningRate: number; readonly firstDecaySteps: number };
  constructor(initialLearningRate: number, firstDecaySteps: number, { tMul = 2, mMul = 1, alpha = 0 }: RestartOptions = {}) {
    super();
    positive("CosineDecayRestarts", "firstDecaySteps", firstDecaySteps);
    if (!(tMul >= 1)) throw new ArgumentError("CosineDecayRestarts", `tMul is ${tMul}`, "Give a number from 1 on");
    this.settings = { initialLearningRate, firstDecaySteps, tMul, mMul: positive("CosineDecayRestarts", "mMul", mMul), alpha };
  }
  static fromConfig({ initialLearningRate, firstDecaySteps, ...options }: Config): LearningRateSchedule {
    return new CosineDecayRestarts(initialLearningRate as number, firstDecaySteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { initialLearningRate, firstDecaySteps, tMul, mMul, alpha } = this.settings;
    const passed = step.div(firstDecaySteps);
    const { restarts, share } = tMul === 1 ? { restarts: passed.floor(), share: passed.sub(passed.floor()) } : periodOf(passed, tMul);
    return halfCosine(share)
      .mul(restarts.mul(Math.log(mMul)).exp())
      .mul(1 - alpha)
      .add(alpha)
      .mul(initialLearningRate);
  }
  override getConfig(): Config {
    return { ...this.settings };
  }
}

/** Which period of a length growing by `factor` is at hand, and how much of it has passed; `passed` in first periods. */
function periodOf(passed: Tensor, factor: number): { restarts: Tensor; share: Tensor } {
  const length = (i: Tensor): Tensor => i.mul(Math.log(factor)).exp();
  const start = (i: Tensor): Tensor =>
    i
      .mul(Math.log(factor))
      .expm1()
      .div(factor - 1);
  const guess = log(passed.mul(factor - 1).add(1))
    .div(Math.log(factor))
    .add(1e-5)
    .floor();
  // A start within rounding of now counts as reached.
  return { restarts: guess, share: passed.sub(start(guess)).div(length(guess)).clip(0, 1) };
}

export interface OneCycleOptions {
  /** Share of the steps in which the rate rises; default 0.3. */
  readonly warmupShare?: number;
  /** The highest rate over the first; default 25. */
  readonly divFactor?: number;
  /** The first rate over the last; default 10000. */
  readonly finalDivFactor?: number;
}

/**
 * One rise to maxLearningRate and one longer fall far below the start, both along half cosines (Smith 2018, as in PyTorch and fastai).
 * @example
 * const rate = new schedules.OneCycle(0.1, 100);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class OneCycle extends LearningRateSchedule {
  static override readonly className = "OneCycle";
  private readonly settings: Required<OneCycleOptions> & { readonly maxLearningRate: number; readonly totalSteps: number };
  constructor(
    maxLearningRate: number,
    totalSteps: number,
    { warmupShare = 0.3, divFactor = 25, finalDivFactor = 1e4 }: OneCycleOptions = {},
  ) {
    super();
    if (!(Number.isInteger(totalSteps) && totalSteps > 1))
      throw new ArgumentError("OneCycle", `totalSteps is ${totalSteps}`, "Give an integer from 2 on");
    if (!(warmupShare > 0 && warmupShare < 1))
      throw new ArgumentError("OneCycle", `warmupShare is ${warmupShare}`, "Give a number between 0 and 1");
    positive("OneCycle", "divFactor", divFactor);
    positive("OneCycle", "finalDivFactor", finalDivFactor);
    this.settings = { maxLearningRate, totalSteps, warmupShare, divFactor, finalDivFactor };
  }
  static fromConfig({ maxLearningRate, totalSteps, ...options }: Config): LearningRateSchedule {
    return new OneCycle(maxLearningRate as number, totalSteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { maxLearningRate, totalSteps, warmupShare, divFactor, finalDivFactor } = this.settings;
    const first = maxLearningRate / divFactor;
    const last = first / finalDivFactor;
    const top = warmupShare * totalSteps - 1;
    const between = (from: number, to: number, share: Tensor): Tensor =>
      halfCosine(share.clip(0, 1))
        .mul(from - to)
        .add(to);
    const rise = between(first, maxLearningRate, step.div(Math.max(top, 1e-6)));
    const fall = between(maxLearningRate, last, step.sub(top).div(totalSteps - 1 - top));
    return where(step.less(top), rise, fall);
  }
  override getConfig(): Config {
    return { ...this.settings };
  }
}

export interface WarmupOptions {
  /** The rate of step 0; default 0. */
  readonly initialLearningRate?: number;
}

/**
 * A straight rise over warmupSteps to where a schedule (or a fixed rate) begins, which then runs from its own step 0.
 * @example
 * const rate = new schedules.LinearWarmup(0.1, 20);
 * plot(line(Array.from({ length: 100 }, (_, step) => rate.call(array(step)).dataSync()[0]!)), { x: "step", y: "learning rate" })
 */
export class LinearWarmup extends LearningRateSchedule {
  static override readonly className = "LinearWarmup";
  private readonly after: LearningRateSchedule | number;
  private readonly warmupSteps: number;
  private readonly initialLearningRate: number;
  constructor(after: LearningRateSchedule | number, warmupSteps: number, { initialLearningRate = 0 }: WarmupOptions = {}) {
    super();
    this.after = after;
    this.warmupSteps = positive("LinearWarmup", "warmupSteps", warmupSteps);
    this.initialLearningRate = initialLearningRate;
  }
  static fromConfig({ after, warmupSteps, ...options }: Config): LearningRateSchedule {
    const schedule = typeof after === "number" ? after : scheduleRegistry.deserialize(after as Serialized);
    return new LinearWarmup(schedule, warmupSteps as number, options);
  }
  override call(step: Tensor): Tensor {
    const { after, warmupSteps, initialLearningRate } = this;
    const later = (t: Tensor): Tensor => (typeof after === "number" ? float(after) : after.call(t));
    const rise = later(float(0)).sub(initialLearningRate).mul(step.div(warmupSteps)).add(initialLearningRate);
    return where(step.less(warmupSteps), rise, later(step.sub(warmupSteps).maximum(0)));
  }
  override getConfig(): Config {
    const { after, warmupSteps, initialLearningRate } = this;
    return { after: typeof after === "number" ? after : serialize(after), warmupSteps, initialLearningRate };
  }
}

scheduleRegistry.register(ExponentialDecay);
scheduleRegistry.register(InverseTimeDecay);
scheduleRegistry.register(PiecewiseConstantDecay);
scheduleRegistry.register(PolynomialDecay);
scheduleRegistry.register(CosineDecay);
scheduleRegistry.register(CosineDecayRestarts);
scheduleRegistry.register(OneCycle);
scheduleRegistry.register(LinearWarmup);
