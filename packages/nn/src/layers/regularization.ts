import { ArgumentError, dropout, random, ShapeError, type Tensor, where } from "@gradus/tensor";
import { isTraining } from "../context.ts";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { L1L2 } from "../regularizers.ts";
import { SeedGenerator } from "../seed.ts";
import type { Config } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";
import { type DataFormat, type DataFormatOption, dataFormatOf, rateOf } from "./arguments.ts";

export interface RandomLayerOptions extends LayerOptions {
  /** Makes the layer's random numbers repeat, whatever `setRandomSeed` was given. */
  readonly seed?: number | null;
}

/** A layer that does something random in training and hands its input on otherwise. */
abstract class RandomLayer extends Layer {
  readonly seed: number | null;
  readonly seedGenerator: SeedGenerator;
  protected override readonly passesMask = true;

  constructor(options: RandomLayerOptions) {
    super(options);
    this.seed = options.seed ?? null;
    this.seedGenerator = new SeedGenerator(this.seed);
  }

  override call(x: Tensor): Tensor {
    return isTraining() ? this.disturb(x, this.seedGenerator.next()) : x;
  }

  /** What training sees of x. */
  protected abstract disturb(x: Tensor, key: Tensor): Tensor;

  override getConfig(): Config {
    return { seed: this.seed, ...super.getConfig() };
  }
}

export interface DropoutLayerOptions extends RandomLayerOptions {
  /** Shape of the decisions, null where it is the input's: size 1 drops along a whole axis together. */
  readonly noiseShape?: Dims | null;
}

/** The shape of the decisions for an input; ShapeError where it does not broadcast to the input's. */
function noiseShapeFor(layer: string, noiseShape: Dims | null, x: Tensor): readonly number[] {
  if (!noiseShape) return x.shape;
  if (noiseShape.length !== x.ndim || noiseShape.some((n, i) => n !== null && n !== 1 && n !== x.shape[i]))
    throw new ShapeError(
      layer,
      `noiseShape is ${showDims(noiseShape)} for an input of shape ${showDims(x.shape)}`,
      "Give 1, null or the input's size for each axis",
    );
  return noiseShape.map((n, i) => n ?? x.shape[i]!);
}

/**
 * In training, zeroes elements with probability `rate` and divides the others by 1 - rate (Srivastava et al. 2014).
 * @example
 * const layer = new Dropout(0.5, { seed: 1 });
 * console.log(layer(ones([8]), { training: true }));
 * layer(ones([8]))
 */
export class Dropout extends RandomLayer {
  static override readonly className: string = "Dropout";
  readonly rate: number;
  readonly noiseShape: Dims | null;

  constructor(rate: number, options: DropoutLayerOptions = {}) {
    super(options);
    this.rate = rateOf(String(this), rate);
    this.noiseShape = options.noiseShape ?? null;
  }

  static fromConfig({ rate, ...options }: Config): Layer {
    return new Dropout(rate as number, options);
  }

  protected override disturb(x: Tensor, key: Tensor): Tensor {
    return dropout(key, x, this.rate, { shape: this.decisions(x) });
  }

  protected decisions(x: Tensor): readonly number[] {
    return noiseShapeFor(String(this), this.noiseShape, x);
  }

  override getConfig(): Config {
    return { rate: this.rate, noiseShape: this.noiseShape, ...super.getConfig() };
  }
}

export interface SpatialDropoutOptions extends RandomLayerOptions, DataFormatOption {}

/** Dropout of whole channels: neighbouring places tell the same, so dropping single ones would hide little. */
abstract class SpatialDropout extends RandomLayer {
  readonly rate: number;
  readonly dataFormat: DataFormat;
  private readonly rank: number;

  constructor(rank: number, rate: number, options: SpatialDropoutOptions) {
    super(options);
    this.rank = rank;
    this.rate = rateOf(String(this), rate);
    this.dataFormat = dataFormatOf(String(this), options.dataFormat);
  }

  protected override disturb(x: Tensor, key: Tensor): Tensor {
    this.expectRank(x, this.rank + 2, `(batch, ${this.rank} of space, channels)`);
    const channels = this.dataFormat === "channelsLast" ? x.ndim - 1 : 1;
    return dropout(key, x, this.rate, { shape: x.shape.map((n, i) => (i === 0 || i === channels ? n : 1)) });
  }

  override getConfig(): Config {
    return { rate: this.rate, dataFormat: this.dataFormat, ...super.getConfig() };
  }
}

/** In training, drops whole channels of [batch, length, channels] (Tompson et al. 2015). */
export class SpatialDropout1D extends SpatialDropout {
  static override readonly className = "SpatialDropout1D";
  constructor(rate: number, options: SpatialDropoutOptions = {}) {
    super(1, rate, options);
  }
  static fromConfig({ rate, ...options }: Config): Layer {
    return new SpatialDropout1D(rate as number, options);
  }
}

/**
 * In training, drops whole channels of [batch, height, width, channels] (Tompson et al. 2015).
 * @example
 * // whole channels at once
 * new SpatialDropout2D(0.5, { seed: 1 })(ones([1, 2, 2, 4]), { training: true })
 */
export class SpatialDropout2D extends SpatialDropout {
  static override readonly className = "SpatialDropout2D";
  constructor(rate: number, options: SpatialDropoutOptions = {}) {
    super(2, rate, options);
  }
  static fromConfig({ rate, ...options }: Config): Layer {
    return new SpatialDropout2D(rate as number, options);
  }
}

/** In training, drops whole channels of [batch, depth, height, width, channels] (Tompson et al. 2015). */
export class SpatialDropout3D extends SpatialDropout {
  static override readonly className = "SpatialDropout3D";
  constructor(rate: number, options: SpatialDropoutOptions = {}) {
    super(3, rate, options);
  }
  static fromConfig({ rate, ...options }: Config): Layer {
    return new SpatialDropout3D(rate as number, options);
  }
}

type Float = "float32" | "float64";
const normalLike = (key: Tensor, x: Tensor): Tensor => random.normal(key, x.shape, { dtype: x.dtype as Float });

/**
 * In training, adds normal noise of standard deviation `stddev`.
 * @example
 * new GaussianNoise(0.1, { seed: 1 })(zeros([4]), { training: true })
 */
export class GaussianNoise extends RandomLayer {
  static override readonly className = "GaussianNoise";
  readonly stddev: number;

  constructor(stddev: number, options: RandomLayerOptions = {}) {
    super(options);
    if (!(stddev >= 0)) throw new ArgumentError(String(this), `stddev is ${stddev}`, "It must not be negative");
    this.stddev = stddev;
  }

  static fromConfig({ stddev, ...options }: Config): Layer {
    return new GaussianNoise(stddev as number, options);
  }

  protected override disturb(x: Tensor, key: Tensor): Tensor {
    return x.add(normalLike(key, x).mul(this.stddev));
  }

  override getConfig(): Config {
    return { stddev: this.stddev, ...super.getConfig() };
  }
}

/**
 * In training, multiplies by normal numbers of mean 1 and standard deviation sqrt(rate / (1 - rate)) (Srivastava et al. 2014, §10).
 * @example
 * new GaussianDropout(0.3, { seed: 1 })(ones([4]), { training: true })
 */
export class GaussianDropout extends RandomLayer {
  static override readonly className = "GaussianDropout";
  readonly rate: number;

  constructor(rate: number, options: RandomLayerOptions = {}) {
    super(options);
    this.rate = rateOf(String(this), rate);
    if (rate === 1) throw new ArgumentError(String(this), "rate is 1, which would be noise without end", "Give less than 1");
  }

  static fromConfig({ rate, ...options }: Config): Layer {
    return new GaussianDropout(rate as number, options);
  }

  protected override disturb(x: Tensor, key: Tensor): Tensor {
    return x.mul(
      normalLike(key, x)
        .mul(Math.sqrt(this.rate / (1 - this.rate)))
        .add(1),
    );
  }

  override getConfig(): Config {
    return { rate: this.rate, ...super.getConfig() };
  }
}

/** What selu gives for very negative inputs: -scale · alpha of Klambauer et al. */
const saturation = -1.6732632423543772 * 1.0507009873554805;

/**
 * In training, sets elements to selu's lowest value, then scales and shifts so that mean and variance stay (Klambauer et al. 2017, §3).
 * @example
 * new AlphaDropout(0.3, { seed: 1 })(ones([4]), { training: true })
 */
export class AlphaDropout extends RandomLayer {
  static override readonly className = "AlphaDropout";
  readonly rate: number;
  readonly noiseShape: Dims | null;

  constructor(rate: number, options: DropoutLayerOptions = {}) {
    super(options);
    this.rate = rateOf(String(this), rate);
    this.noiseShape = options.noiseShape ?? null;
  }

  static fromConfig({ rate, ...options }: Config): Layer {
    return new AlphaDropout(rate as number, options);
  }

  protected override disturb(x: Tensor, key: Tensor): Tensor {
    const { rate } = this;
    if (rate === 0) return x;
    if (rate === 1) return x.mul(0);
    const kept = random.bernoulli(key, 1 - rate, noiseShapeFor(String(this), this.noiseShape, x));
    const a = 1 / Math.sqrt((1 - rate) * (1 + rate * saturation ** 2));
    return where(kept, x, saturation)
      .mul(a)
      .add(-a * saturation * rate);
  }

  override getConfig(): Config {
    return { rate: this.rate, noiseShape: this.noiseShape, ...super.getConfig() };
  }
}

export interface ActivityRegularizationOptions extends LayerOptions {
  /** Factor of Σ|x| / batch. */
  readonly l1?: number;
  /** Factor of Σx² / batch. */
  readonly l2?: number;
}

/** Hands its input on and adds a penalty on it to the loss. */
export class ActivityRegularization extends Layer {
  static override readonly className = "ActivityRegularization";
  protected override readonly passesMask = true;
  protected override readonly activityRegularizer: L1L2;

  constructor({ l1 = 0, l2 = 0, ...options }: ActivityRegularizationOptions = {}) {
    super(options);
    this.activityRegularizer = new L1L2({ l1, l2 });
  }

  static fromConfig(config: Config): Layer {
    return new ActivityRegularization(config);
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  override getConfig(): Config {
    const { l1, l2 } = this.activityRegularizer;
    return { l1, l2, ...super.getConfig() };
  }
}

for (const layer of [Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, GaussianNoise, GaussianDropout, AlphaDropout])
  layerRegistry.register(layer);
layerRegistry.register(ActivityRegularization);
