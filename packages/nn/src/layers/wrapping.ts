import { ArgumentError, ShapeError, stopGradient, type Tensor, type Variable } from "@gradus/tensor";
import { isTraining } from "../context.ts";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Config, type Serialized, serialize } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";
import { integer } from "./arguments.ts";

/** A layer around another one, whose weights are its own too. */
export abstract class Wrapper extends Layer {
  static override readonly className: string = "Wrapper";
  readonly layer: Layer;

  constructor(layer: Layer, options: LayerOptions = {}) {
    super(options);
    if (!(layer instanceof Layer))
      throw new ArgumentError(String(this), `cannot wrap ${layer === null ? "null" : typeof layer}`, "Give a layer");
    this.layer = layer;
  }

  override getConfig(): Config {
    return { layer: serialize(this.layer), ...super.getConfig() };
  }
}

/**
 * Applies a layer to every time by itself, all with the same weights: [batch, time, ...] → [batch, time, ...'].
 * @example
 * new TimeDistributed(new Dense(4))(zeros([2, 10, 3])).shape
 */
export class TimeDistributed extends Wrapper {
  static override readonly className = "TimeDistributed";
  protected override readonly passesMask = true;

  static fromConfig({ layer, ...options }: Config): Layer {
    return new TimeDistributed(layerRegistry.deserialize(layer as Serialized), options);
  }

  override call(x: Tensor): Tensor {
    if (x.ndim < 3) throw new ShapeError(String(this), `expects [batch, time, ...], received ${showDims(x.shape)}`);
    const [batch, time, ...rest] = x.shape as [number, number, ...number[]];
    const y = this.layer(x.reshape([batch * time, ...rest]));
    return y.reshape([batch, time, ...y.shape.slice(1)]);
  }
}

export interface SpectralNormalizationOptions extends LayerOptions {
  /** Rounds of power iteration a step; default 1. */
  readonly powerIterations?: number;
}

/**
 * Divides the kernel of a layer by (an estimate of) its largest singular value at every training step, so that the layer
 * stretches no vector by more than 1 (Miyato et al. 2018). The gradient is the divided kernel's own, as in Keras. Throws
 * ArgumentError for a layer without a `kernel`.
 * @example
 * new SpectralNormalization(new Dense(4))(zeros([2, 3])).shape
 */
export class SpectralNormalization extends Wrapper {
  static override readonly className = "SpectralNormalization";
  readonly powerIterations: number;
  private kernel!: Variable;
  /** The estimate of the singular vector, [1, outputs]. */
  private vector!: Variable;
  protected override readonly passesMask = true;

  constructor(layer: Layer, options: SpectralNormalizationOptions = {}) {
    super(layer, options);
    this.powerIterations = integer(String(this), "powerIterations", options.powerIterations ?? 1);
  }

  static fromConfig({ layer, ...options }: Config): Layer {
    return new SpectralNormalization(layerRegistry.deserialize(layer as Serialized), options);
  }

  override build(shape: Dims): void {
    this.layer.ensureBuilt(shape);
    const { kernel } = this.layer as Layer & { readonly kernel?: Variable };
    if (!kernel) throw new ArgumentError(String(this), `${this.layer} has no kernel`, "Wrap a Dense or a convolution");
    this.kernel = kernel;
    const initializer = { className: "TruncatedNormal", config: { stddev: 0.02 } };
    this.vector = this.addWeight("vector_u", [1, kernel.shape.at(-1)!], { initializer, trainable: false, dtype: kernel.dtype });
  }

  override call(x: Tensor): Tensor {
    if (isTraining() && this.trainable) this.normalizeKernel();
    return this.layer(x);
  }

  private normalizeKernel(): void {
    const matrix = stopGradient(this.kernel).reshape([-1, this.kernel.shape.at(-1)!]);
    const unit = (v: Tensor): Tensor => v.mul(v.square().sum().maximum(1e-12).rsqrt());
    let u: Tensor = this.vector;
    let v: Tensor = u;
    for (let i = 0; i < this.powerIterations; i++) {
      v = unit(u.matmul(matrix.T));
      u = unit(v.matmul(matrix));
    }
    const largest = v.matmul(matrix).matmul(u.T).reshape([]);
    this.vector.assign(stopGradient(u));
    // The kernel's own node stays in the sum: gradients with respect to it go on.
    this.kernel.assign(this.kernel.add(stopGradient(this.kernel.div(largest).sub(this.kernel))));
  }

  override getConfig(): Config {
    return { powerIterations: this.powerIterations, ...super.getConfig() };
  }
}

layerRegistry.register(TimeDistributed);
layerRegistry.register(SpectralNormalization);
