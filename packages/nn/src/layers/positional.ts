import { ArgumentError, arange, concat, cos, sin, stack, type Tensor, type Variable } from "@gradus/tensor";
import { type InitializerLike, initializer } from "../initializers.ts";
import { type CallOptions, Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Config, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";

export interface WavelengthOptions extends LayerOptions {
  /** The longest wave. Default 10,000. */
  readonly maxWavelength?: number;
}

/** Angles place / maxWavelength^(i / count) for i below count: [places, count]. */
function angles(places: Tensor, count: number, maxWavelength: number, dtype: Tensor["dtype"]): Tensor {
  const rates = arange(count, { dtype: "float32" })
    .mul(-Math.log(maxWavelength) / count)
    .exp();
  return places.astype("float32").expandDims({ axis: -1 }).mul(rates).astype(dtype);
}

/**
 * Sines and cosines of a place (Vaswani et al. 2017, §3.5), to be added to [batch, time, features]: even features are sines,
 * odd ones cosines. The result has the input's shape.
 * @example
 * plot(heatmap(new SinePositionEncoding()(zeros([1, 40, 32])).squeeze()))
 */
export class SinePositionEncoding extends Layer {
  static override readonly className = "SinePositionEncoding";
  protected override readonly passesMask = true;
  private readonly maxWavelength: number;

  constructor(options: WavelengthOptions = {}) {
    super(options);
    this.maxWavelength = options.maxWavelength ?? 10_000;
  }
  static fromConfig(config: Config): Layer {
    return new SinePositionEncoding(config);
  }

  override call(x: Tensor): Tensor {
    const [time, features] = x.shape.slice(-2) as [number, number];
    const half = Math.ceil(features / 2);
    const turn = angles(arange(time), half, this.maxWavelength ** ((2 * half) / features), x.dtype);
    const waves = stack([sin(turn), cos(turn)], { axis: -1 }).reshape([time, 2 * half]);
    return waves.get(":", `:${features}`).broadcastTo([...x.shape]);
  }

  override getConfig(): Config {
    return { ...super.getConfig(), maxWavelength: this.maxWavelength };
  }
}

export interface PositionEmbeddingOptions extends LayerOptions {
  readonly initializer?: InitializerLike;
}

/**
 * A learned vector for each place up to `sequenceLength`, to be added to [batch, time, features]; of the input's shape.
 * @example
 * new PositionEmbedding(10)(zeros([2, 10, 4])).shape
 */
export class PositionEmbedding extends Layer {
  static override readonly className = "PositionEmbedding";
  protected override readonly passesMask = true;
  readonly sequenceLength: number;
  positionEmbeddings!: Variable;
  private readonly given: InitializerLike;

  constructor(sequenceLength: number, options: PositionEmbeddingOptions = {}) {
    super(options);
    if (!Number.isInteger(sequenceLength) || sequenceLength < 1)
      throw new ArgumentError("PositionEmbedding", `sequenceLength is ${sequenceLength}`, "Give a positive integer");
    this.sequenceLength = sequenceLength;
    this.given = options.initializer ?? "glorotUniform";
  }
  static fromConfig({ sequenceLength, ...options }: Config): Layer {
    return new PositionEmbedding(sequenceLength as number, options);
  }

  override build(shape: Dims): void {
    this.positionEmbeddings = this.addWeight("embeddings", [this.sequenceLength, this.sizeOfAxis(shape, -1)], { initializer: this.given });
  }

  override call(x: Tensor): Tensor {
    const time = x.shape.at(-2)!;
    if (time > this.sequenceLength)
      throw new ArgumentError(
        String(this),
        `the input has ${time} places, the layer was made for ${this.sequenceLength}`,
        "Make it with a larger sequenceLength",
      );
    return this.positionEmbeddings.get(`:${time}`).broadcastTo([...x.shape]);
  }

  override getConfig(): Config {
    return { sequenceLength: this.sequenceLength, ...super.getConfig(), initializer: serialize(initializer(this.given)) };
  }
}

export interface RotaryOptions extends WavelengthOptions {
  /** The axis of places; default 1. */
  readonly sequenceAxis?: number;
}

/**
 * Turns pairs of features by angles that grow with the place, so that products of queries and keys depend on distances only
 * (Su et al. 2021). Feature i is paired with feature i + half, as in GPT-NeoX and Keras. `{ startIndex }` shifts the places.
 * @example
 * new RotaryEmbedding()(ones([1, 3, 1, 4])).shape
 */
export class RotaryEmbedding extends Layer {
  static override readonly className = "RotaryEmbedding";
  protected override readonly passesMask = true;
  private readonly maxWavelength: number;
  private readonly sequenceAxis: number;

  constructor(options: RotaryOptions = {}) {
    super(options);
    this.maxWavelength = options.maxWavelength ?? 10_000;
    this.sequenceAxis = options.sequenceAxis ?? 1;
  }
  static fromConfig(config: Config): Layer {
    return new RotaryEmbedding(config);
  }

  override call(x: Tensor, options: CallOptions & { readonly startIndex?: number } = {}): Tensor {
    const features = x.shape.at(-1)!;
    if (features % 2) throw new ArgumentError(String(this), `needs an even number of features, received ${features}`);
    const half = features / 2;
    const axis = this.sequenceAxis < 0 ? x.ndim + this.sequenceAxis : this.sequenceAxis;
    const time = x.shape[axis];
    if (time === undefined || axis === x.ndim - 1)
      throw new ArgumentError(String(this), `axis ${this.sequenceAxis} is no axis of places in [${x.shape.join(", ")}]`);
    const turn = angles(arange(time).add(options.startIndex ?? 0), half, this.maxWavelength, x.dtype);
    const shape = x.shape.map((_, i) => (i === axis ? time : i === x.ndim - 1 ? half : 1));
    const [c, s] = [cos(turn).reshape(shape), sin(turn).reshape(shape)];
    const [a, b] = [x.get("...", `:${half}`), x.get("...", `${half}:`)];
    return concat([a.mul(c).sub(b.mul(s)), b.mul(c).add(a.mul(s))], { axis: -1 });
  }

  override getConfig(): Config {
    return { ...super.getConfig(), maxWavelength: this.maxWavelength, sequenceAxis: this.sequenceAxis };
  }
}

for (const layer of [SinePositionEncoding, PositionEmbedding, RotaryEmbedding]) layerRegistry.register(layer);
