import {
  ArgumentError,
  groupNorm,
  l2Normalize,
  layerNorm,
  moments,
  rmsNorm,
  stopGradient,
  type Tensor,
  type Variable,
} from "@gradus/tensor";
import { type Constraint, type ConstraintLike, constraint } from "../constraints.ts";
import { isTraining } from "../context.ts";
import { type Initializer, type InitializerLike, initializer } from "../initializers.ts";
import { type CallOptions, Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "../regularizers.ts";
import { type Config, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";
import { axisOf, integer, withFirst } from "./arguments.ts";

export interface ScaleOptions extends LayerOptions {
  /** Added to the variance. */
  readonly epsilon?: number;
  /** Whether an offset β is learned; default true. */
  readonly center?: boolean;
  /** Whether a scale γ is learned; default true. */
  readonly scale?: boolean;
  readonly betaInitializer?: InitializerLike;
  readonly gammaInitializer?: InitializerLike;
  readonly betaRegularizer?: RegularizerLike | null;
  readonly gammaRegularizer?: RegularizerLike | null;
  readonly betaConstraint?: ConstraintLike | null;
  readonly gammaConstraint?: ConstraintLike | null;
}

/** One of the two parameters of normalising layers: how it starts and what it is held to. */
class Parameter {
  readonly name: string;
  private readonly initializer: Initializer;
  private readonly regularizer: Regularizer | null;
  private readonly constraint: Constraint | null;

  constructor(name: "beta" | "gamma", options: ScaleOptions) {
    this.name = name;
    this.initializer = initializer(options[`${name}Initializer`] ?? (name === "beta" ? "zeros" : "ones"));
    const [penalty, limit] = [options[`${name}Regularizer`], options[`${name}Constraint`]];
    this.regularizer = penalty ? regularizer(penalty) : null;
    this.constraint = limit ? constraint(limit) : null;
  }

  get weightOptions() {
    return { initializer: this.initializer, regularizer: this.regularizer, constraint: this.constraint };
  }

  config(): Config {
    return {
      [`${this.name}Initializer`]: serialize(this.initializer),
      [`${this.name}Regularizer`]: this.regularizer && serialize(this.regularizer),
      [`${this.name}Constraint`]: this.constraint && serialize(this.constraint),
    };
  }
}

/** A layer that brings its input to a mean and a variance, then applies a learned scale γ and offset β. */
abstract class ScalingLayer extends Layer {
  readonly epsilon: number;
  readonly center: boolean;
  readonly scale: boolean;
  gamma: Variable | null = null;
  beta: Variable | null = null;
  protected override readonly passesMask = true;
  private readonly parameters: { readonly gamma: Parameter; readonly beta: Parameter };

  constructor(options: ScaleOptions) {
    super(options);
    const { epsilon = 1e-3, center = true, scale = true } = options;
    if (!(epsilon >= 0)) throw new ArgumentError(String(this), `epsilon is ${epsilon}`, "It must not be negative");
    this.epsilon = epsilon;
    this.center = center;
    this.scale = scale;
    this.parameters = { gamma: new Parameter("gamma", options), beta: new Parameter("beta", options) };
  }

  protected addScale(shape: readonly number[]): void {
    const { gamma, beta } = this.parameters;
    if (this.scale) this.gamma = this.addWeight("gamma", shape, gamma.weightOptions);
    if (this.center) this.beta = this.addWeight("beta", shape, beta.weightOptions);
  }

  /** The parameters as the functions of tensor take them. */
  protected get scaleAndOffset(): { epsilon: number; scale?: Tensor; offset?: Tensor } {
    return { epsilon: this.epsilon, ...(this.gamma ? { scale: this.gamma } : {}), ...(this.beta ? { offset: this.beta } : {}) };
  }

  override getConfig(): Config {
    const { epsilon, center, scale, parameters } = this;
    return { epsilon, center, scale, ...parameters.gamma.config(), ...parameters.beta.config(), ...super.getConfig() };
  }
}

export interface BatchNormalizationOptions extends ScaleOptions {
  /** The axis of features, whose statistics are kept apart; default the last. */
  readonly axis?: number;
  /** Share of the old moving statistics that each batch leaves; default 0.99. */
  readonly momentum?: number;
  readonly movingMeanInitializer?: InitializerLike;
  readonly movingVarianceInitializer?: InitializerLike;
}

/**
 * Mean 0 and variance 1 for each feature over the batch, then γ x + β (Ioffe & Szegedy 2015). In training by the batch's own
 * statistics, which move the moving ones (the variance without Bessel's correction, as in Keras); otherwise, and where
 * `trainable` is false, by the moving ones. Places that a mask [batch, time] leaves out take no part in the statistics.
 * @example
 * // training: the batch's own mean and variance
 * new BatchNormalization()(array([[1, 10], [3, 30]]), { training: true })
 */
export class BatchNormalization extends ScalingLayer {
  static override readonly className = "BatchNormalization";
  readonly axis: number;
  readonly momentum: number;
  movingMean!: Variable;
  movingVariance!: Variable;
  private readonly movingMeanInitializer: Initializer;
  private readonly movingVarianceInitializer: Initializer;

  constructor(options: BatchNormalizationOptions = {}) {
    super(options);
    this.axis = options.axis ?? -1;
    this.momentum = options.momentum ?? 0.99;
    this.movingMeanInitializer = initializer(options.movingMeanInitializer ?? "zeros");
    this.movingVarianceInitializer = initializer(options.movingVarianceInitializer ?? "ones");
  }

  static fromConfig(config: Config): Layer {
    return new BatchNormalization(config);
  }

  override build(shape: Dims): void {
    const features = [this.sizeOfAxis(shape, this.axis)];
    this.addScale(features);
    this.movingMean = this.addWeight("moving_mean", features, { initializer: this.movingMeanInitializer, trainable: false });
    this.movingVariance = this.addWeight("moving_variance", features, { initializer: this.movingVarianceInitializer, trainable: false });
  }

  override call(x: Tensor, { mask = null }: CallOptions): Tensor {
    const axis = axisOf(String(this), this.axis, x.shape);
    this.expectSize(x, axis, this.movingMean.shape[0]!);
    const learning = isTraining() && this.trainable;
    const { mean, variance } = learning ? this.batchStatistics(x, axis, mask) : { mean: this.movingMean, variance: this.movingVariance };
    if (learning) this.moveStatistics(mean, variance);
    // Everything of the size of the features first: what is left is one multiplication and two additions an element.
    const inverse = variance.add(this.epsilon).rsqrt();
    const along = (v: Tensor): Tensor => v.reshape(x.shape.map((n, i) => (i === axis ? n : 1)));
    const y = x.sub(along(mean)).mul(along(this.gamma ? inverse.mul(this.gamma) : inverse));
    return this.beta ? y.add(along(this.beta)) : y;
  }

  private batchStatistics(x: Tensor, axis: number, mask: Tensor | null): { mean: Tensor; variance: Tensor } {
    const others = [...x.shape.keys()].filter((i) => i !== axis);
    if (!mask) return moments(x, { axis: others });
    const weights = mask.astype(x.dtype).reshape([...mask.shape, ...new Array<number>(x.ndim - mask.ndim).fill(1)]);
    const total = weights.mul(x.mul(0).add(1)).sum({ axis: others });
    const mean = x
      .mul(weights)
      .sum({ axis: others, keepdims: true })
      .div(total.reshape(x.shape.map((n, i) => (i === axis ? n : 1))));
    const variance = x.sub(mean).square().mul(weights).sum({ axis: others }).div(total);
    return { mean: mean.reshape([-1]), variance };
  }

  private moveStatistics(mean: Tensor, variance: Tensor): void {
    const move = (moving: Variable, batch: Tensor) =>
      moving.assign(
        moving.mul(this.momentum).add(
          stopGradient(batch)
            .astype(moving.dtype)
            .mul(1 - this.momentum),
        ),
      );
    move(this.movingMean, mean);
    move(this.movingVariance, variance);
  }

  override getConfig(): Config {
    return {
      axis: this.axis,
      momentum: this.momentum,
      movingMeanInitializer: serialize(this.movingMeanInitializer),
      movingVarianceInitializer: serialize(this.movingVarianceInitializer),
      ...super.getConfig(),
    };
  }
}

export interface LayerNormalizationOptions extends ScaleOptions {
  /** The axis or axes to normalise over; default the last. */
  readonly axis?: number | readonly number[];
  /** Leaves the mean where it is, and learns no β: x / sqrt(variance + ε) · γ. See `RMSNormalization` for the mean square. */
  readonly rmsScaling?: boolean;
}

/**
 * Mean 0 and variance 1 over the features of each place, then γ x + β (Ba et al. 2016).
 * @example
 * new LayerNormalization()(array([[1, 2, 3], [10, 20, 30]]))
 */
export class LayerNormalization extends ScalingLayer {
  static override readonly className = "LayerNormalization";
  readonly axis: number | readonly number[];
  readonly rmsScaling: boolean;

  constructor(options: LayerNormalizationOptions = {}) {
    super(options.rmsScaling ? { ...options, center: false, scale: true } : options);
    this.axis = options.axis ?? -1;
    this.rmsScaling = options.rmsScaling ?? false;
  }

  static fromConfig(config: Config): Layer {
    return new LayerNormalization(config);
  }

  override build(shape: Dims): void {
    this.addScale(this.axes(shape).map((axis) => this.sizeOfAxis(shape, axis)));
  }

  override call(x: Tensor): Tensor {
    const axis = this.axes(x.shape);
    const parameter = this.gamma ?? this.beta;
    if (parameter) for (const [i, a] of axis.entries()) this.expectSize(x, a, parameter.shape[i]!);
    if (!this.rmsScaling) return layerNorm(x, { axis, ...this.scaleAndOffset });
    const { variance } = moments(x, { axis, keepdims: true });
    return x.mul(variance.add(this.epsilon).rsqrt()).mul(this.gamma!.reshape(x.shape.map((n, i) => (axis.includes(i) ? n : 1))));
  }

  private axes(shape: Dims): number[] {
    const axes = typeof this.axis === "number" ? [this.axis] : this.axis;
    return axes.map((axis) => axisOf(String(this), axis, shape)).sort((a, b) => a - b);
  }

  override getConfig(): Config {
    return { axis: this.axis, rmsScaling: this.rmsScaling, ...super.getConfig() };
  }
}

export interface RMSNormalizationOptions extends LayerOptions {
  readonly axis?: number;
  /** Added to the mean square; default 1e-6. */
  readonly epsilon?: number;
}

/**
 * x / sqrt(mean(x²) + ε) · scale over an axis, default the last (Zhang & Sennrich 2019).
 * @example
 * new RMSNormalization()(array([[3, 4]]))
 */
export class RMSNormalization extends Layer {
  static override readonly className = "RMSNormalization";
  readonly axis: number;
  readonly epsilon: number;
  scale!: Variable;
  protected override readonly passesMask = true;

  constructor(options: RMSNormalizationOptions = {}) {
    super(options);
    this.axis = options.axis ?? -1;
    this.epsilon = options.epsilon ?? 1e-6;
  }

  static fromConfig(config: Config): Layer {
    return new RMSNormalization(config);
  }

  override build(shape: Dims): void {
    this.scale = this.addWeight("scale", [this.sizeOfAxis(shape, this.axis)], { initializer: "ones" });
  }

  override call(x: Tensor): Tensor {
    this.expectSize(x, this.axis, this.scale.shape[0]!);
    return rmsNorm(x, { axis: this.axis, epsilon: this.epsilon, scale: this.scale });
  }

  override getConfig(): Config {
    return { axis: this.axis, epsilon: this.epsilon, ...super.getConfig() };
  }
}

export interface GroupNormalizationOptions extends ScaleOptions {
  /** How many groups the channels form; default 32, -1: each channel by itself (instance normalisation). */
  readonly groups?: number;
  /** The axis of channels; default the last. */
  readonly axis?: number;
}

/**
 * Mean 0 and variance 1 over the places and channels of each group of one example, then γ x + β (Wu & He 2018).
 * @example
 * new GroupNormalization(2)(array([[1, 3, 10, 30]]))
 */
export class GroupNormalization extends ScalingLayer {
  static override readonly className = "GroupNormalization";
  readonly groups: number;
  readonly axis: number;

  constructor(groups?: number | GroupNormalizationOptions, options: GroupNormalizationOptions = {}) {
    const given = withFirst("groups", groups, options);
    super(given);
    this.groups = given.groups ?? 32;
    this.axis = given.axis ?? -1;
    if (this.groups !== -1) integer(String(this), "groups", this.groups);
  }

  static fromConfig(config: Config): Layer {
    return new GroupNormalization(config);
  }

  override build(shape: Dims): void {
    const channels = this.sizeOfAxis(shape, this.axis);
    if (this.groups !== -1 && channels % this.groups)
      throw new ArgumentError(
        String(this),
        `${channels} channels do not divide into ${this.groups} groups`,
        "Choose another number of groups",
      );
    this.addScale([channels]);
  }

  override call(x: Tensor): Tensor {
    const axis = axisOf(String(this), this.axis, x.shape);
    const parameter = this.gamma ?? this.beta;
    if (parameter) this.expectSize(x, axis, parameter.shape[0]!);
    const groups = this.groups === -1 ? x.shape[axis]! : this.groups;
    return groupNorm(x.moveaxis(axis, -1), groups, this.scaleAndOffset).moveaxis(-1, axis);
  }

  override getConfig(): Config {
    return { groups: this.groups, axis: this.axis, ...super.getConfig() };
  }
}

export interface UnitNormalizationOptions extends LayerOptions {
  /** The axis or axes whose vectors get length 1; default the last. */
  readonly axis?: number | readonly number[];
}

/**
 * x / ‖x‖ along an axis.
 * @example
 * new UnitNormalization()(array([[3, 4]]))
 */
export class UnitNormalization extends Layer {
  static override readonly className = "UnitNormalization";
  readonly axis: number | readonly number[];
  protected override readonly passesMask = true;

  constructor(options: UnitNormalizationOptions = {}) {
    super(options);
    this.axis = options.axis ?? -1;
  }

  static fromConfig(config: Config): Layer {
    return new UnitNormalization(config);
  }

  override call(x: Tensor): Tensor {
    return l2Normalize(x, { axis: this.axis, epsilon: 1e-6 });
  }

  override getConfig(): Config {
    return { axis: this.axis, ...super.getConfig() };
  }
}

for (const layer of [BatchNormalization, LayerNormalization, RMSNormalization, GroupNormalization, UnitNormalization])
  layerRegistry.register(layer);
