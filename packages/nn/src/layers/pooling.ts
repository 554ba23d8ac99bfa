import {
  averagePool1d,
  averagePool2d,
  averagePool3d,
  globalAveragePool,
  globalMaxPool,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type Tensor,
  where,
} from "@gradus/tensor";
import { type CallOptions, Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";
import {
  choice,
  type DataFormat,
  type DataFormatOption,
  dataFormatOf,
  type PerAxis,
  perAxis,
  withChannelsLast,
  withFirst,
} from "./arguments.ts";

export interface PoolingOptions extends LayerOptions, DataFormatOption {
  /** Size of the windows; default 2. */
  readonly poolSize?: PerAxis;
  /** Places from one window to the next; default the size of the windows. */
  readonly strides?: PerAxis | null;
  /** "valid": only whole windows; "same": ⌈size / stride⌉ windows, padding taking no part. */
  readonly padding?: "valid" | "same";
}

const spatialNames = ["length", "height, width", "depth, height, width"];
const showInput = (rank: number, format: DataFormat): string =>
  format === "channelsLast" ? `[batch, ${spatialNames[rank - 1]}, channels]` : `[batch, channels, ${spatialNames[rank - 1]}]`;

/** One number for each window of an input. */
abstract class Pooling extends Layer {
  readonly poolSize: readonly number[];
  readonly strides: readonly number[];
  readonly padding: "valid" | "same";
  readonly dataFormat: DataFormat;
  private readonly rank: number;
  private readonly pool: typeof maxPool1d;

  constructor(rank: number, pool: typeof maxPool1d, options: PoolingOptions) {
    super(options);
    const layer = String(this);
    this.rank = rank;
    this.pool = pool;
    this.poolSize = perAxis(layer, "poolSize", options.poolSize ?? 2, rank);
    this.strides = perAxis(layer, "strides", options.strides ?? this.poolSize, rank);
    this.padding = choice(layer, "padding", options.padding ?? "valid", ["valid", "same"]);
    this.dataFormat = dataFormatOf(layer, options.dataFormat);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.rank + 2, showInput(this.rank, this.dataFormat));
    const { poolSize, strides: stride, padding, pool } = this;
    return withChannelsLast(x, this.dataFormat, (last) => pool(last, poolSize, { stride, padding }));
  }

  override getConfig(): Config {
    const { poolSize, strides, padding, dataFormat } = this;
    return { poolSize, strides, padding, dataFormat, ...super.getConfig() };
  }
}

type PoolingArgument = PerAxis | PoolingOptions;

/**
 * Largest element of each window: [batch, length, channels] → [batch, windows, channels].
 * @example
 * new MaxPooling1D(2)(zeros([1, 10, 4])).shape
 */
export class MaxPooling1D extends Pooling {
  static override readonly className = "MaxPooling1D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(1, maxPool1d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new MaxPooling1D(config);
  }
}

/**
 * Largest element of each window: [batch, height, width, channels] → [batch, height', width', channels].
 * @example
 * new MaxPooling2D(2)(arange(16).reshape([1, 4, 4, 1])).squeeze()
 */
export class MaxPooling2D extends Pooling {
  static override readonly className = "MaxPooling2D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(2, maxPool2d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new MaxPooling2D(config);
  }
}

/** Largest element of each window: [batch, depth, height, width, channels] → [batch, depth', height', width', channels]. */
export class MaxPooling3D extends Pooling {
  static override readonly className = "MaxPooling3D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(3, maxPool3d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new MaxPooling3D(config);
  }
}

/**
 * Mean of each window: [batch, length, channels] → [batch, windows, channels].
 * @example
 * new AveragePooling1D(2)(zeros([1, 10, 4])).shape
 */
export class AveragePooling1D extends Pooling {
  static override readonly className = "AveragePooling1D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(1, averagePool1d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new AveragePooling1D(config);
  }
}

/**
 * Mean of each window: [batch, height, width, channels] → [batch, height', width', channels].
 * @example
 * new AveragePooling2D(2)(arange(16, { dtype: "float32" }).reshape([1, 4, 4, 1])).squeeze()
 */
export class AveragePooling2D extends Pooling {
  static override readonly className = "AveragePooling2D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(2, averagePool2d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new AveragePooling2D(config);
  }
}

/** Mean of each window: [batch, depth, height, width, channels] → [batch, depth', height', width', channels]. */
export class AveragePooling3D extends Pooling {
  static override readonly className = "AveragePooling3D";
  constructor(poolSize?: PoolingArgument, options: PoolingOptions = {}) {
    super(3, averagePool3d, withFirst("poolSize", poolSize, options));
  }
  static fromConfig(config: Config): Layer {
    return new AveragePooling3D(config);
  }
}

export interface GlobalPoolingOptions extends LayerOptions, DataFormatOption {
  /** Keeps the spatial axes, with size 1. */
  readonly keepdims?: boolean;
}

/** One number for each channel. */
abstract class GlobalPooling extends Layer {
  readonly dataFormat: DataFormat;
  readonly keepdims: boolean;
  protected readonly rank: number;
  private readonly pool: typeof globalMaxPool;

  constructor(rank: number, pool: typeof globalMaxPool, options: GlobalPoolingOptions) {
    super(options);
    this.rank = rank;
    this.pool = pool;
    this.dataFormat = dataFormatOf(String(this), options.dataFormat);
    this.keepdims = options.keepdims ?? false;
  }

  override call(x: Tensor, _options: CallOptions): Tensor {
    this.expectRank(x, this.rank + 2, showInput(this.rank, this.dataFormat));
    const last = this.dataFormat === "channelsLast" ? x : x.moveaxis(1, -1);
    const y = this.pool(last, { keepdims: this.keepdims });
    return this.keepdims && this.dataFormat === "channelsFirst" ? y.moveaxis(-1, 1) : y;
  }

  override getConfig(): Config {
    return { dataFormat: this.dataFormat, keepdims: this.keepdims, ...super.getConfig() };
  }
}

/**
 * Largest element over time: [batch, length, channels] → [batch, channels].
 * @example
 * new GlobalMaxPooling1D()(zeros([1, 10, 4])).shape
 */
export class GlobalMaxPooling1D extends GlobalPooling {
  static override readonly className = "GlobalMaxPooling1D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(1, globalMaxPool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalMaxPooling1D(config);
  }
}

/**
 * Largest element over all places: [batch, height, width, channels] → [batch, channels].
 * @example
 * new GlobalMaxPooling2D()(zeros([1, 8, 8, 3])).shape
 */
export class GlobalMaxPooling2D extends GlobalPooling {
  static override readonly className = "GlobalMaxPooling2D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(2, globalMaxPool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalMaxPooling2D(config);
  }
}

/** Largest element over all places: [batch, depth, height, width, channels] → [batch, channels]. */
export class GlobalMaxPooling3D extends GlobalPooling {
  static override readonly className = "GlobalMaxPooling3D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(3, globalMaxPool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalMaxPooling3D(config);
  }
}

/**
 * Mean over time: [batch, length, channels] → [batch, channels]. With a mask [batch, length], over the places that count; 0 where none does.
 * @example
 * new GlobalAveragePooling1D()(zeros([1, 10, 4])).shape
 */
export class GlobalAveragePooling1D extends GlobalPooling {
  static override readonly className = "GlobalAveragePooling1D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(1, globalAveragePool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalAveragePooling1D(config);
  }

  override call(x: Tensor, options: CallOptions): Tensor {
    const { mask } = options;
    if (!mask) return super.call(x, options);
    this.expectRank(x, 3, showInput(1, this.dataFormat));
    const axis = this.dataFormat === "channelsLast" ? 1 : 2;
    const counted = mask.astype("bool").expandDims({ axis: axis === 1 ? 2 : 1 });
    const count = counted.astype(x.dtype).sum({ axis, keepdims: true });
    const mean = where(counted, x, 0).sum({ axis, keepdims: true }).div(count.maximum(1));
    return this.keepdims ? mean : mean.squeeze({ axis });
  }
}

/**
 * Mean over all places: [batch, height, width, channels] → [batch, channels] (Lin et al. 2014).
 * @example
 * new GlobalAveragePooling2D()(zeros([1, 8, 8, 3])).shape
 */
export class GlobalAveragePooling2D extends GlobalPooling {
  static override readonly className = "GlobalAveragePooling2D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(2, globalAveragePool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalAveragePooling2D(config);
  }
}

/** Mean over all places: [batch, depth, height, width, channels] → [batch, channels]. */
export class GlobalAveragePooling3D extends GlobalPooling {
  static override readonly className = "GlobalAveragePooling3D";
  constructor(options: GlobalPoolingOptions = {}) {
    super(3, globalAveragePool, options);
  }
  static fromConfig(config: Config): Layer {
    return new GlobalAveragePooling3D(config);
  }
}

for (const layer of [MaxPooling1D, MaxPooling2D, MaxPooling3D, AveragePooling1D, AveragePooling2D, AveragePooling3D])
  layerRegistry.register(layer);
for (const layer of [GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D]) layerRegistry.register(layer);
for (const layer of [GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D]) layerRegistry.register(layer);
