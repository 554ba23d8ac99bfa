import { ArgumentError, type Tensor, type Variable } from "@gradus/tensor";
import { type ActivationLike, activation, activationName } from "../activations.ts";
import { type Constraint, type ConstraintLike, constraint } from "../constraints.ts";
import { type Initializer, type InitializerLike, initializer } from "../initializers.ts";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "../regularizers.ts";
import { type Config, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";

/** Options shared by layers with a kernel and a bias. */
export interface KernelOptions extends LayerOptions {
  readonly activation?: ActivationLike | null;
  readonly useBias?: boolean;
  readonly kernelInitializer?: InitializerLike;
  readonly biasInitializer?: InitializerLike;
  readonly kernelRegularizer?: RegularizerLike | null;
  readonly biasRegularizer?: RegularizerLike | null;
  readonly activityRegularizer?: RegularizerLike | null;
  readonly kernelConstraint?: ConstraintLike | null;
  readonly biasConstraint?: ConstraintLike | null;
}

/** A layer with a kernel, a bias and an activation: keeps what Keras calls the same for all of them. */
export abstract class KernelLayer extends Layer {
  readonly useBias: boolean;
  protected readonly activation: ReturnType<typeof activation>;
  protected readonly kernelInitializer: Initializer;
  protected readonly biasInitializer: Initializer;
  protected readonly kernelRegularizer: Regularizer | null;
  protected readonly biasRegularizer: Regularizer | null;
  protected override readonly activityRegularizer: Regularizer | null;
  protected readonly kernelConstraint: Constraint | null;
  protected readonly biasConstraint: Constraint | null;
  private readonly givenActivation: ActivationLike | null | undefined;

  constructor(options: KernelOptions = {}) {
    super(options);
    this.useBias = options.useBias ?? true;
    this.givenActivation = options.activation;
    this.activation = activation(options.activation);
    this.kernelInitializer = initializer(options.kernelInitializer ?? "glorotUniform");
    this.biasInitializer = initializer(options.biasInitializer ?? "zeros");
    this.kernelRegularizer = options.kernelRegularizer ? regularizer(options.kernelRegularizer) : null;
    this.biasRegularizer = options.biasRegularizer ? regularizer(options.biasRegularizer) : null;
    this.activityRegularizer = options.activityRegularizer ? regularizer(options.activityRegularizer) : null;
    this.kernelConstraint = options.kernelConstraint ? constraint(options.kernelConstraint) : null;
    this.biasConstraint = options.biasConstraint ? constraint(options.biasConstraint) : null;
  }

  protected addKernel(shape: readonly number[], name = "kernel"): Variable {
    return this.addWeight(name, shape, {
      initializer: this.kernelInitializer,
      regularizer: this.kernelRegularizer,
      constraint: this.kernelConstraint,
    });
  }

  /** The bias, null where the layer has none. */
  protected addBias(size: number): Variable | null {
    if (!this.useBias) return null;
    return this.addWeight("bias", [size], {
      initializer: this.biasInitializer,
      regularizer: this.biasRegularizer,
      constraint: this.biasConstraint,
    });
  }

  override getConfig(): Config {
    const optional = (value: Regularizer | Constraint | null) => (value ? serialize(value) : null);
    return {
      ...super.getConfig(),
      activation: activationName(this.givenActivation),
      useBias: this.useBias,
      kernelInitializer: serialize(this.kernelInitializer),
      biasInitializer: serialize(this.biasInitializer),
      kernelRegularizer: optional(this.kernelRegularizer),
      biasRegularizer: optional(this.biasRegularizer),
      activityRegularizer: optional(this.activityRegularizer),
      kernelConstraint: optional(this.kernelConstraint),
      biasConstraint: optional(this.biasConstraint),
    };
  }
}

/**
 * activation(x · kernel + bias), [..., inputs] → [..., units].
 * @example
 * const layer = new Dense(2, { kernelInitializer: "ones" });
 * layer(array([[1, 2, 3]]))
 */
export class Dense extends KernelLayer {
  static override readonly className = "Dense";
  readonly units: number;
  protected override readonly passesMask = true;
  kernel!: Variable;
  bias: Variable | null = null;

  constructor(units: number, options: KernelOptions = {}) {
    super(options);
    if (!Number.isInteger(units) || units < 1) throw new ArgumentError("Dense", `units is ${units}`, "Give a positive integer");
    this.units = units;
  }

  static fromConfig({ units, ...options }: Config): Layer {
    return new Dense(units as number, options);
  }

  override build(shape: Dims): void {
    this.kernel = this.addKernel([this.sizeOfAxis(shape, -1), this.units]);
    this.bias = this.addBias(this.units);
  }

  override call(x: Tensor): Tensor {
    this.expectSize(x, -1, this.kernel.shape[0]!);
    const y = x.matmul(this.kernel);
    return this.activation(this.bias ? y.add(this.bias) : y);
  }

  override getConfig(): Config {
    return { units: this.units, ...super.getConfig() };
  }
}

layerRegistry.register(Dense);
