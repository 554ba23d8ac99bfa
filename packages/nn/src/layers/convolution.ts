import {
  ArgumentError,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type Tensor,
  type Variable,
} from "@gradus/tensor";
import { type Constraint, type ConstraintLike, constraint } from "../constraints.ts";
import { type Initializer, type InitializerLike, initializer } from "../initializers.ts";
import { type Layer, layerRegistry } from "../layer.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "../regularizers.ts";
import { type Config, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";
import {
  channelAxis,
  choice,
  type DataFormat,
  type DataFormatOption,
  dataFormatOf,
  integer,
  type PerAxis,
  perAxis,
  withChannelsLast,
} from "./arguments.ts";
import { KernelLayer, type KernelOptions } from "./dense.ts";

type Padding = "valid" | "same" | "causal";

interface WindowedOptions extends KernelOptions, DataFormatOption {
  /** Places from one window to the next; default 1. */
  readonly strides?: PerAxis;
  /** "valid": none; "same": ⌈size / stride⌉ places, zeros split evenly, the odd one after; "causal" (one axis only): zeros before. */
  readonly padding?: Padding;
  /** Places from one element of the kernel to the next; default 1. */
  readonly dilationRate?: PerAxis;
}

export interface ConvolutionOptions extends WindowedOptions {
  /** Splits channels and filters into groups that do not mix; default 1. */
  readonly groups?: number;
}

const convolutions = [conv1d, conv2d, conv3d] as const;
const transposes = [convTranspose1d, convTranspose2d, convTranspose3d] as const;

/** What all convolutions share: the window, its steps, and where the channels are. */
abstract class WindowedLayer extends KernelLayer {
  readonly rank: number;
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly padding: Padding;
  readonly dilationRate: readonly number[];
  readonly dataFormat: DataFormat;
  bias: Variable | null = null;

  constructor(rank: number, kernelSize: PerAxis, options: WindowedOptions, paddings: readonly Padding[] = ["valid", "same"]) {
    super(options);
    const layer = String(this);
    this.rank = rank;
    this.kernelSize = perAxis(layer, "kernelSize", kernelSize, rank);
    this.strides = perAxis(layer, "strides", options.strides ?? 1, rank);
    this.padding = choice(layer, "padding", options.padding ?? "valid", paddings);
    this.dilationRate = perAxis(layer, "dilationRate", options.dilationRate ?? 1, rank);
    this.dataFormat = dataFormatOf(layer, options.dataFormat);
  }

  /** Channels of the input; throws ShapeError where it has another rank or leaves them open. */
  protected channelsOf(shape: Dims): number {
    const [first, last] = this.dataFormat === "channelsFirst" ? ["channels, ", ""] : ["", ", channels"];
    this.expectRank(
      { shape },
      this.rank + 2,
      `[batch, ${first}${["length", "height, width", "depth, height, width"][this.rank - 1]}${last}]`,
    );
    return this.sizeOfAxis(shape, channelAxis(this.dataFormat));
  }

  /** Checks the input, moves its channels last, and adds bias and activation to what `linear` makes of it. */
  protected transform(x: Tensor, channels: number, linear: (x: Tensor) => Tensor): Tensor {
    this.channelsOf(x.shape);
    this.expectSize(x, channelAxis(this.dataFormat), channels);
    const { bias } = this;
    return this.activation(withChannelsLast(x, this.dataFormat, (last) => (bias ? linear(last).add(bias) : linear(last))));
  }

  protected convolve(x: Tensor, kernel: Tensor, groups: number): Tensor {
    const options = { stride: this.strides, dilation: this.dilationRate, groups };
    if (this.rank === 1) return conv1d(x, kernel, { ...options, padding: this.padding });
    return convolutions[this.rank - 1]!(x, kernel, { ...options, padding: this.padding as "valid" | "same" });
  }

  override getConfig(): Config {
    const { kernelSize, strides, padding, dilationRate, dataFormat } = this;
    return { kernelSize, strides, padding, dilationRate, dataFormat, ...super.getConfig() };
  }
}

/** activation(x ∗ kernel + bias), the kernel [...kernelSize, channels / groups, filters]. */
abstract class Convolution extends WindowedLayer {
  readonly filters: number;
  readonly groups: number;
  kernel!: Variable;

  constructor(rank: number, filters: number, kernelSize: PerAxis, options: ConvolutionOptions) {
    super(rank, kernelSize, options, rank === 1 ? ["valid", "same", "causal"] : ["valid", "same"]);
    this.filters = integer(String(this), "filters", filters);
    this.groups = integer(String(this), "groups", options.groups ?? 1);
    if (filters % this.groups) throw new ArgumentError(String(this), `${filters} filters do not divide into ${this.groups} groups`);
  }

  override build(shape: Dims): void {
    const channels = this.channelsOf(shape);
    if (channels % this.groups) throw new ArgumentError(String(this), `${channels} channels do not divide into ${this.groups} groups`);
    this.kernel = this.addKernel([...this.kernelSize, channels / this.groups, this.filters]);
    this.bias = this.addBias(this.filters);
  }

  override call(x: Tensor): Tensor {
    const { kernel, groups } = this;
    return this.transform(x, kernel.shape.at(-2)! * groups, (last) => this.convolve(last, kernel, groups));
  }

  override getConfig(): Config {
    return { filters: this.filters, groups: this.groups, ...super.getConfig() };
  }
}

/**
 * Convolution over sequences, [batch, length, channels] → [batch, places, filters]; padding may be "causal" (van den Oord et al. 2016).
 * @example
 * new Conv1D(8, 5)(zeros([1, 100, 2])).shape
 */
export class Conv1D extends Convolution {
  static override readonly className = "Conv1D";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionOptions = {}) {
    super(1, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv1D(filters as number, kernelSize as PerAxis, options);
  }
}

/**
 * Convolution over images, [batch, height, width, channels] → [batch, height', width', filters] (LeCun et al. 1989).
 * @example
 * const model = new Sequential([Input([28, 28, 1]), new Conv2D(16, 3, { strides: 2, padding: "same", activation: "relu" })]);
 * model.summary();
 */
export class Conv2D extends Convolution {
  static override readonly className = "Conv2D";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionOptions = {}) {
    super(2, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv2D(filters as number, kernelSize as PerAxis, options);
  }
}

/**
 * Convolution over volumes, [batch, depth, height, width, channels] → [batch, depth', height', width', filters].
 * @example
 * new Conv3D(4, 3)(zeros([1, 8, 8, 8, 1])).shape
 */
export class Conv3D extends Convolution {
  static override readonly className = "Conv3D";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionOptions = {}) {
    super(3, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv3D(filters as number, kernelSize as PerAxis, options);
  }
}

export interface ConvolutionTransposeOptions extends WindowedOptions {
  /** Chooses among the sizes whose convolution has the input's size; by default "same" gives size · stride. */
  readonly outputPadding?: PerAxis | null;
}

/** Transpose of a convolution (its gradient in the input): makes images larger. The kernel is [...kernelSize, filters, channels]. */
abstract class ConvolutionTranspose extends WindowedLayer {
  readonly filters: number;
  readonly outputPadding: readonly number[] | null;
  kernel!: Variable;

  constructor(rank: number, filters: number, kernelSize: PerAxis, options: ConvolutionTransposeOptions) {
    super(rank, kernelSize, options);
    const { outputPadding = null } = options;
    this.filters = integer(String(this), "filters", filters);
    this.outputPadding = outputPadding === null ? null : perAxis(String(this), "outputPadding", outputPadding, rank, 0);
    if (this.outputPadding?.some((n, i) => n >= this.strides[i]!))
      throw new ArgumentError(String(this), `outputPadding is ${JSON.stringify(outputPadding)}`, "It must be smaller than the strides");
  }

  override build(shape: Dims): void {
    this.kernel = this.addKernel([...this.kernelSize, this.filters, this.channelsOf(shape)]);
    this.bias = this.addBias(this.filters);
  }

  override call(x: Tensor): Tensor {
    return this.transform(x, this.kernel.shape.at(-1)!, (last) => {
      const { padding, outputPadding } = this.geometry(last.shape.slice(1, -1));
      const options = { stride: this.strides, dilation: this.dilationRate, padding, outputPadding };
      return transposes[this.rank - 1]!(last, this.kernel, options);
    });
  }

  /** What to cut off (or to add at the end of) the sum of all windows, so that the result has Keras's size. */
  private geometry(sizes: readonly number[]): { padding: [number, number][]; outputPadding: number[] } {
    const surplus = sizes.map((n, i) => {
      const [stride, size] = [this.strides[i]!, this.kernelSize[i]!];
      const span = (size - 1) * this.dilationRate[i]! + 1;
      return (n - 1) * stride + span - this.outputSize(n, stride, span, this.outputPadding?.[i] ?? null);
    });
    return {
      padding: surplus.map((n) => [Math.floor(Math.max(n, 0) / 2), Math.ceil(Math.max(n, 0) / 2)]),
      outputPadding: surplus.map((n) => Math.max(-n, 0)),
    };
  }

  private outputSize(n: number, stride: number, span: number, extra: number | null): number {
    if (extra !== null) return (n - 1) * stride + span - (this.padding === "same" ? 2 * Math.floor(span / 2) : 0) + extra;
    return this.padding === "same" ? n * stride : n * stride + Math.max(span - stride, 0);
  }

  override getConfig(): Config {
    return { filters: this.filters, outputPadding: this.outputPadding, ...super.getConfig() };
  }
}

/**
 * Transpose of `Conv1D`: [batch, length, channels] → [batch, longer, filters].
 * @example
 * new Conv1DTranspose(4, 3, { strides: 2, padding: "same" })(zeros([1, 10, 2])).shape
 */
export class Conv1DTranspose extends ConvolutionTranspose {
  static override readonly className = "Conv1DTranspose";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionTransposeOptions = {}) {
    super(1, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv1DTranspose(filters as number, kernelSize as PerAxis, options);
  }
}

/**
 * Transpose of `Conv2D`: [batch, height, width, channels] → [batch, higher, wider, filters].
 * @example
 * new Conv2DTranspose(4, 3, { strides: 2, padding: "same" })(zeros([1, 8, 8, 3])).shape
 */
export class Conv2DTranspose extends ConvolutionTranspose {
  static override readonly className = "Conv2DTranspose";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionTransposeOptions = {}) {
    super(2, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv2DTranspose(filters as number, kernelSize as PerAxis, options);
  }
}

/** Transpose of `Conv3D`: [batch, depth, height, width, channels] → [batch, deeper, higher, wider, filters]. */
export class Conv3DTranspose extends ConvolutionTranspose {
  static override readonly className = "Conv3DTranspose";
  constructor(filters: number, kernelSize: PerAxis, options: ConvolutionTransposeOptions = {}) {
    super(3, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new Conv3DTranspose(filters as number, kernelSize as PerAxis, options);
  }
}

export interface DepthwiseOptions extends Omit<WindowedOptions, "kernelInitializer" | "kernelRegularizer" | "kernelConstraint"> {
  /** Filters for each channel; default 1. */
  readonly depthMultiplier?: number;
  readonly depthwiseInitializer?: InitializerLike;
  readonly depthwiseRegularizer?: RegularizerLike | null;
  readonly depthwiseConstraint?: ConstraintLike | null;
}

/** Every channel has filters of its own: the kernel is [...kernelSize, channels, depthMultiplier]. */
abstract class Depthwise extends WindowedLayer {
  readonly depthMultiplier: number;
  kernel!: Variable;

  constructor(rank: number, kernelSize: PerAxis, options: DepthwiseOptions) {
    const { depthwiseInitializer, depthwiseRegularizer = null, depthwiseConstraint = null } = options;
    super(
      rank,
      kernelSize,
      {
        ...options,
        ...(depthwiseInitializer ? { kernelInitializer: depthwiseInitializer } : {}),
        kernelRegularizer: depthwiseRegularizer,
        kernelConstraint: depthwiseConstraint,
      },
      rank === 1 ? ["valid", "same", "causal"] : ["valid", "same"],
    );
    this.depthMultiplier = integer(String(this), "depthMultiplier", options.depthMultiplier ?? 1);
  }

  override build(shape: Dims): void {
    this.kernel = this.addKernel([...this.kernelSize, this.channelsOf(shape), this.depthMultiplier], this.kernelName);
    this.buildOutput(this.channelsOf(shape) * this.depthMultiplier);
  }

  protected get kernelName(): string {
    return "kernel";
  }

  /** Weights for what follows the depthwise convolution. */
  protected buildOutput(channels: number): void {
    this.bias = this.addBias(channels);
  }

  override call(x: Tensor): Tensor {
    return this.transform(x, this.kernel.shape.at(-2)!, (last) => this.depthwise(last));
  }

  protected depthwise(x: Tensor): Tensor {
    const [channels, each] = this.kernel.shape.slice(-2) as [number, number];
    return this.convolve(x, this.kernel.reshape([...this.kernelSize, 1, channels * each]), channels);
  }

  override getConfig(): Config {
    const { kernelInitializer, kernelRegularizer, kernelConstraint, ...rest } = super.getConfig();
    return {
      ...rest,
      depthMultiplier: this.depthMultiplier,
      depthwiseInitializer: kernelInitializer,
      depthwiseRegularizer: kernelRegularizer,
      depthwiseConstraint: kernelConstraint,
    };
  }
}

/** Convolution of every channel by itself, [batch, length, channels] → [batch, places, channels · depthMultiplier]. */
export class DepthwiseConv1D extends Depthwise {
  static override readonly className = "DepthwiseConv1D";
  constructor(kernelSize: PerAxis, options: DepthwiseOptions = {}) {
    super(1, kernelSize, options);
  }
  static fromConfig({ kernelSize, ...options }: Config): Layer {
    return new DepthwiseConv1D(kernelSize as PerAxis, options);
  }
}

/**
 * Convolution of every channel by itself, [batch, height, width, channels] → [batch, height', width', channels · depthMultiplier].
 * @example
 * new DepthwiseConv2D(3)(zeros([1, 8, 8, 3])).shape
 */
export class DepthwiseConv2D extends Depthwise {
  static override readonly className = "DepthwiseConv2D";
  constructor(kernelSize: PerAxis, options: DepthwiseOptions = {}) {
    super(2, kernelSize, options);
  }
  static fromConfig({ kernelSize, ...options }: Config): Layer {
    return new DepthwiseConv2D(kernelSize as PerAxis, options);
  }
}

export interface SeparableOptions extends DepthwiseOptions {
  readonly pointwiseInitializer?: InitializerLike;
  readonly pointwiseRegularizer?: RegularizerLike | null;
  readonly pointwiseConstraint?: ConstraintLike | null;
}

/** A depthwise convolution, then one that mixes the channels of each place (Chollet 2017). */
abstract class Separable extends Depthwise {
  readonly filters: number;
  protected readonly pointwiseInitializer: Initializer;
  protected readonly pointwiseRegularizer: Regularizer | null;
  protected readonly pointwiseConstraint: Constraint | null;
  /** [...1, channels · depthMultiplier, filters]. */
  pointwiseKernel!: Variable;

  constructor(rank: number, filters: number, kernelSize: PerAxis, options: SeparableOptions) {
    super(rank, kernelSize, options);
    this.filters = integer(String(this), "filters", filters);
    this.pointwiseInitializer = initializer(options.pointwiseInitializer ?? "glorotUniform");
    this.pointwiseRegularizer = options.pointwiseRegularizer ? regularizer(options.pointwiseRegularizer) : null;
    this.pointwiseConstraint = options.pointwiseConstraint ? constraint(options.pointwiseConstraint) : null;
  }

  protected override get kernelName(): string {
    return "depthwise_kernel";
  }

  protected override buildOutput(channels: number): void {
    this.pointwiseKernel = this.addWeight("pointwise_kernel", [...this.kernelSize.map(() => 1), channels, this.filters], {
      initializer: this.pointwiseInitializer,
      regularizer: this.pointwiseRegularizer,
      constraint: this.pointwiseConstraint,
    });
    this.bias = this.addBias(this.filters);
  }

  protected override depthwise(x: Tensor): Tensor {
    return super.depthwise(x).matmul(this.pointwiseKernel.reshape([-1, this.filters]));
  }

  override getConfig(): Config {
    return {
      filters: this.filters,
      ...super.getConfig(),
      pointwiseInitializer: serialize(this.pointwiseInitializer),
      pointwiseRegularizer: this.pointwiseRegularizer && serialize(this.pointwiseRegularizer),
      pointwiseConstraint: this.pointwiseConstraint && serialize(this.pointwiseConstraint),
    };
  }
}

/**
 * Depthwise, then pointwise convolution: [batch, length, channels] → [batch, places, filters].
 * @example
 * new SeparableConv1D(16, 3)(zeros([1, 10, 4])).shape
 */
export class SeparableConv1D extends Separable {
  static override readonly className = "SeparableConv1D";
  constructor(filters: number, kernelSize: PerAxis, options: SeparableOptions = {}) {
    super(1, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new SeparableConv1D(filters as number, kernelSize as PerAxis, options);
  }
}

/**
 * Depthwise, then pointwise convolution: [batch, height, width, channels] → [batch, height', width', filters].
 * @example
 * new SeparableConv2D(16, 3)(zeros([1, 8, 8, 3])).shape
 */
export class SeparableConv2D extends Separable {
  static override readonly className = "SeparableConv2D";
  constructor(filters: number, kernelSize: PerAxis, options: SeparableOptions = {}) {
    super(2, filters, kernelSize, options);
  }
  static fromConfig({ filters, kernelSize, ...options }: Config): Layer {
    return new SeparableConv2D(filters as number, kernelSize as PerAxis, options);
  }
}

for (const layer of [Conv1D, Conv2D, Conv3D, Conv1DTranspose, Conv2DTranspose, Conv3DTranspose]) layerRegistry.register(layer);
for (const layer of [DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D]) layerRegistry.register(layer);
