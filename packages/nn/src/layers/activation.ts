import { ArgumentError, elu, exp, logsumexp, relu, softmax, type Tensor, type Variable, where } from "@gradus/tensor";
import { type ActivationFunction, type ActivationLike, activation, activationName } from "../activations.ts";
import { type Constraint, type ConstraintLike, constraint } from "../constraints.ts";
import { type Initializer, type InitializerLike, initializer } from "../initializers.ts";
import { type CallOptions, Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "../regularizers.ts";
import { type Config, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";
import { withFirst } from "./arguments.ts";

/**
 * An activation as a layer: `new Activation("relu")`.
 * @example
 * new Activation("relu")(array([-1, 2]))
 */
export class Activation extends Layer {
  static override readonly className = "Activation";
  protected override readonly passesMask = true;
  private readonly given: ActivationLike;
  private readonly activation: ActivationFunction;

  constructor(given: ActivationLike, options: LayerOptions = {}) {
    super(options);
    this.given = given;
    this.activation = activation(given);
  }

  static fromConfig({ activation: given, ...options }: Config): Layer {
    return new Activation(given as string, options);
  }

  override call(x: Tensor): Tensor {
    return this.activation(x);
  }

  override getConfig(): Config {
    return { activation: activationName(this.given), ...super.getConfig() };
  }
}

function notNegative(layer: Layer, name: string, value: number): number {
  if (!(value >= 0)) throw new ArgumentError(String(layer), `${name} is ${value}`, "It must not be negative");
  return value;
}

export interface ReLUOptions extends LayerOptions {
  /** Where the function stops growing; default nowhere. */
  readonly maxValue?: number | null;
  readonly negativeSlope?: number;
  /** Where the slope changes; default 0. */
  readonly threshold?: number;
}

/**
 * min(x, maxValue) from `threshold` on, negativeSlope · (x - threshold) below.
 * @example
 * new ReLU()(array([-1, 2]))
 */
export class ReLU extends Layer {
  static override readonly className = "ReLU";
  readonly maxValue: number | null;
  readonly negativeSlope: number;
  readonly threshold: number;
  protected override readonly passesMask = true;

  constructor(options: ReLUOptions = {}) {
    super(options);
    const { maxValue = null, negativeSlope = 0, threshold = 0 } = options;
    this.maxValue = maxValue === null ? null : notNegative(this, "maxValue", maxValue);
    this.negativeSlope = notNegative(this, "negativeSlope", negativeSlope);
    this.threshold = notNegative(this, "threshold", threshold);
  }

  static fromConfig(config: Config): Layer {
    return new ReLU(config);
  }

  override call(x: Tensor): Tensor {
    const { maxValue, negativeSlope, threshold } = this;
    const bounded = maxValue === null ? x : x.minimum(maxValue);
    if (threshold === 0 && negativeSlope === 0) return relu(bounded);
    const below = threshold === 0 ? x.lessEqual(0) : x.less(threshold);
    return where(below, x.sub(threshold).mul(negativeSlope), bounded);
  }

  override getConfig(): Config {
    const { maxValue, negativeSlope, threshold } = this;
    return { maxValue, negativeSlope, threshold, ...super.getConfig() };
  }
}

export interface LeakyReLUOptions extends LayerOptions {
  /** Default 0.3. */
  readonly negativeSlope?: number;
}

/**
 * x where positive, else negativeSlope · x (Maas et al. 2013).
 * @example
 * new LeakyReLU()(array([-1, 2]))
 */
export class LeakyReLU extends Layer {
  static override readonly className = "LeakyReLU";
  readonly negativeSlope: number;
  protected override readonly passesMask = true;

  constructor(negativeSlope?: number | LeakyReLUOptions, options: LeakyReLUOptions = {}) {
    const given = withFirst("negativeSlope", negativeSlope, options);
    super(given);
    this.negativeSlope = notNegative(this, "negativeSlope", given.negativeSlope ?? 0.3);
  }

  static fromConfig(config: Config): Layer {
    return new LeakyReLU(config);
  }

  override call(x: Tensor): Tensor {
    return where(x.lessEqual(0), x.mul(this.negativeSlope), x);
  }

  override getConfig(): Config {
    return { negativeSlope: this.negativeSlope, ...super.getConfig() };
  }
}

export interface PReLUOptions extends LayerOptions {
  readonly alphaInitializer?: InitializerLike;
  readonly alphaRegularizer?: RegularizerLike | null;
  readonly alphaConstraint?: ConstraintLike | null;
  /** Axes along which all places have the same slope, such as [1, 2] for images; default none. */
  readonly sharedAxes?: readonly number[] | null;
}

/**
 * x where positive, else α · x with a learned α for each place of an example (He et al. 2015).
 * @example
 * new PReLU()(array([[-1, 2]]))
 */
export class PReLU extends Layer {
  static override readonly className = "PReLU";
  readonly sharedAxes: readonly number[];
  alpha!: Variable;
  protected override readonly passesMask = true;
  private readonly alphaInitializer: Initializer;
  private readonly alphaRegularizer: Regularizer | null;
  private readonly alphaConstraint: Constraint | null;

  constructor(options: PReLUOptions = {}) {
    super(options);
    this.sharedAxes = options.sharedAxes ?? [];
    if (this.sharedAxes.some((axis) => !Number.isInteger(axis) || axis < 1))
      throw new ArgumentError(
        String(this),
        `sharedAxes is ${JSON.stringify(this.sharedAxes)}`,
        "Count axes from 1, the first after the batch",
      );
    this.alphaInitializer = initializer(options.alphaInitializer ?? "zeros");
    this.alphaRegularizer = options.alphaRegularizer ? regularizer(options.alphaRegularizer) : null;
    this.alphaConstraint = options.alphaConstraint ? constraint(options.alphaConstraint) : null;
  }

  static fromConfig(config: Config): Layer {
    return new PReLU(config);
  }

  override build(shape: Dims): void {
    const places = shape.slice(1).map((_, i) => (this.sharedAxes.includes(i + 1) ? 1 : this.sizeOfAxis(shape, i + 1)));
    this.alpha = this.addWeight("alpha", places, {
      initializer: this.alphaInitializer,
      regularizer: this.alphaRegularizer,
      constraint: this.alphaConstraint,
    });
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.alpha.ndim + 1, "as in the first call");
    for (const [i, n] of this.alpha.shape.entries()) if (!this.sharedAxes.includes(i + 1)) this.expectSize(x, i + 1, n);
    return where(x.lessEqual(0), x.mul(this.alpha), x);
  }

  override getConfig(): Config {
    return {
      alphaInitializer: serialize(this.alphaInitializer),
      alphaRegularizer: this.alphaRegularizer && serialize(this.alphaRegularizer),
      alphaConstraint: this.alphaConstraint && serialize(this.alphaConstraint),
      sharedAxes: this.sharedAxes.length ? this.sharedAxes : null,
      ...super.getConfig(),
    };
  }
}

export interface ELUOptions extends LayerOptions {
  /** Default 1. */
  readonly alpha?: number;
}

/**
 * x where positive, else alpha · (e^x - 1) (Clevert et al. 2016).
 * @example
 * new ELU()(array([-1, 2]))
 */
export class ELU extends Layer {
  static override readonly className = "ELU";
  readonly alpha: number;
  protected override readonly passesMask = true;

  constructor(alpha?: number | ELUOptions, options: ELUOptions = {}) {
    const given = withFirst("alpha", alpha, options);
    super(given);
    this.alpha = given.alpha ?? 1;
  }

  static fromConfig(config: Config): Layer {
    return new ELU(config);
  }

  override call(x: Tensor): Tensor {
    return elu(x, { alpha: this.alpha });
  }

  override getConfig(): Config {
    return { alpha: this.alpha, ...super.getConfig() };
  }
}

export interface SoftmaxLayerOptions extends LayerOptions {
  /** The axis or axes that sum to 1; default the last. */
  readonly axis?: number | readonly number[];
}

/**
 * e^x / Σ e^x along an axis. A mask of the input's shape gives 0 to the places it leaves out.
 * @example
 * new Softmax()(array([[1, 2, 3]]))
 */
export class Softmax extends Layer {
  static override readonly className = "Softmax";
  readonly axis: number | readonly number[];
  protected override readonly passesMask = true;

  constructor(axis?: number | readonly number[] | SoftmaxLayerOptions, options: SoftmaxLayerOptions = {}) {
    const given = withFirst("axis", axis, options);
    super(given);
    this.axis = given.axis ?? -1;
  }

  static fromConfig(config: Config): Layer {
    return new Softmax(config);
  }

  override call(x: Tensor, { mask }: CallOptions): Tensor {
    // The mask of a sequence [batch, time] says nothing about which features take part.
    if (!mask || mask.ndim !== x.ndim) return softmax(x, { axis: this.axis });
    const counted = mask.astype("bool");
    const scores = where(counted, x, Number.NEGATIVE_INFINITY);
    const total = logsumexp(scores, { axis: this.axis, keepdims: true });
    return where(counted.logicalAnd(total.isfinite()), exp(where(counted, x, 0).sub(where(total.isfinite(), total, 0))), 0);
  }

  override getConfig(): Config {
    return { axis: this.axis, ...super.getConfig() };
  }
}

for (const layer of [Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax]) layerRegistry.register(layer);
