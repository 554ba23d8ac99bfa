import { ArgumentError, pad, repeat, resize, ShapeError, slice, type Tensor } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";
import { showDims } from "../symbolic.ts";
import {
  choice,
  type DataFormat,
  type DataFormatOption,
  dataFormatOf,
  integer,
  type PerAxis,
  perAxis,
  withChannelsLast,
  withFirst,
} from "./arguments.ts";

export interface FlattenOptions extends LayerOptions, DataFormatOption {}

/**
 * Each example as one line of numbers, the channels changing fastest: [batch, ...] → [batch, all].
 * @example
 * new Flatten()(zeros([2, 4, 4, 3])).shape
 */
export class Flatten extends Layer {
  static override readonly className = "Flatten";
  readonly dataFormat: DataFormat;

  constructor(options: FlattenOptions = {}) {
    super(options);
    this.dataFormat = dataFormatOf(String(this), options.dataFormat);
  }

  static fromConfig(config: Config): Layer {
    return new Flatten(config);
  }

  override call(x: Tensor): Tensor {
    const last = this.dataFormat === "channelsFirst" && x.ndim > 2 ? x.moveaxis(1, -1) : x;
    return last.reshape([x.shape[0]!, x.shape.slice(1).reduce((a, b) => a * b, 1)]);
  }

  override getConfig(): Config {
    return { dataFormat: this.dataFormat, ...super.getConfig() };
  }
}

/**
 * Each example in another shape: [batch, ...] → [batch, ...targetShape], where one size may be -1: what is left.
 * @example
 * new Reshape([2, -1])(zeros([5, 6])).shape
 */
export class Reshape extends Layer {
  static override readonly className = "Reshape";
  readonly targetShape: readonly number[];

  constructor(targetShape: readonly number[], options: LayerOptions = {}) {
    super(options);
    if (
      !Array.isArray(targetShape) ||
      targetShape.some((n) => n !== -1 && !(Number.isInteger(n) && n > 0)) ||
      targetShape.filter((n) => n === -1).length > 1
    )
      throw new ArgumentError(String(this), `targetShape is ${JSON.stringify(targetShape)}`, "Give positive sizes, at most one of them -1");
    this.targetShape = [...targetShape];
  }

  static fromConfig({ targetShape, ...options }: Config): Layer {
    return new Reshape(targetShape as number[], options);
  }

  override call(x: Tensor): Tensor {
    const [batch = 1, ...example] = x.shape;
    const size = example.reduce((a, b) => a * b, 1);
    const given = this.targetShape.reduce((a, n) => (n === -1 ? a : a * n), 1);
    if (this.targetShape.includes(-1) ? size % given : size !== given)
      throw new ShapeError(
        String(this),
        `cannot give ${showDims(this.targetShape)} to examples of shape ${showDims(example)}`,
        `They have ${size} elements`,
      );
    return x.reshape([batch, ...this.targetShape.map((n) => (n === -1 ? size / given : n))]);
  }

  override getConfig(): Config {
    return { targetShape: this.targetShape, ...super.getConfig() };
  }
}

/**
 * The axes of each example in another order: `new Permute([2, 1])` swaps the two after the batch. Counted from 1, as in Keras.
 * @example
 * new Permute([2, 1])(zeros([5, 2, 3])).shape
 */
export class Permute extends Layer {
  static override readonly className = "Permute";
  readonly dims: readonly number[];

  constructor(dims: readonly number[], options: LayerOptions = {}) {
    super(options);
    if (!Array.isArray(dims) || [...dims].sort((a, b) => a - b).some((n, i) => n !== i + 1))
      throw new ArgumentError(String(this), `dims is ${JSON.stringify(dims)}`, "Give every axis from 1 on once, such as [2, 1]");
    this.dims = [...dims];
  }

  static fromConfig({ dims, ...options }: Config): Layer {
    return new Permute(dims as number[], options);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.dims.length + 1, `(batch and ${this.dims.length} more)`);
    return x.permuteDims([0, ...this.dims]);
  }

  override getConfig(): Config {
    return { dims: this.dims, ...super.getConfig() };
  }
}

/**
 * The same features at n times: [batch, features] → [batch, n, features].
 * @example
 * new RepeatVector(3)(array([[1, 2]]))
 */
export class RepeatVector extends Layer {
  static override readonly className = "RepeatVector";
  readonly n: number;

  constructor(n: number, options: LayerOptions = {}) {
    super(options);
    this.n = integer(String(this), "n", n);
  }

  static fromConfig({ n, ...options }: Config): Layer {
    return new RepeatVector(n as number, options);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, 2, "[batch, features]");
    return x.expandDims({ axis: 1 }).broadcastTo([x.shape[0]!, this.n, x.shape[1]!]);
  }

  override getConfig(): Config {
    return { n: this.n, ...super.getConfig() };
  }
}

/** How much at both ends of the spatial axes: one number, one for each axis, or [before, after] for each. */
export type Margins = number | readonly (number | readonly [number, number])[];
type Pair = readonly [number, number];

/** [before, after] for each axis, else ArgumentError. With one axis, two numbers are its two ends. */
function marginsOf(layer: string, name: string, given: Margins, rank: number): Pair[] {
  const list =
    typeof given === "number" ? new Array<number>(rank).fill(given) : rank === 1 && given.length === 2 ? [given as unknown as Pair] : given;
  const pairs = Array.isArray(list) ? list.map((m): Pair => (typeof m === "number" ? [m, m] : m)) : [];
  const fine = (pair: Pair) => Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= 0);
  if (pairs.length !== rank || !pairs.every(fine))
    throw new ArgumentError(
      layer,
      `${name} is ${JSON.stringify(given)}`,
      `Give one number, ${rank === 1 ? "or [before, after]" : `${rank} numbers, or ${rank} pairs [before, after]`}`,
    );
  return pairs;
}

export interface ZeroPaddingOptions extends LayerOptions, DataFormatOption {
  /** Default 1. */
  readonly padding?: Margins;
}

/** Zeros around the spatial axes. */
abstract class ZeroPadding extends Layer {
  readonly padding: readonly Pair[];
  readonly dataFormat: DataFormat;

  constructor(rank: number, padding: Margins | ZeroPaddingOptions | undefined, options: ZeroPaddingOptions) {
    const given = withFirst("padding", padding, options);
    super(given);
    this.padding = marginsOf(String(this), "padding", given.padding ?? 1, rank);
    this.dataFormat = dataFormatOf(String(this), given.dataFormat);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.padding.length + 2, `(batch, ${this.padding.length} of space, channels)`);
    return withChannelsLast(x, this.dataFormat, (last) => pad(last, [[0, 0], ...this.padding, [0, 0]]));
  }

  override getConfig(): Config {
    const { padding, dataFormat } = this;
    return { padding: padding.length === 1 ? padding[0] : padding, dataFormat, ...super.getConfig() };
  }
}

/**
 * Zeros before and after: [batch, length, channels] → [batch, before + length + after, channels].
 * @example
 * new ZeroPadding1D(1)(ones([1, 3, 1])).squeeze()
 */
export class ZeroPadding1D extends ZeroPadding {
  static override readonly className = "ZeroPadding1D";
  constructor(padding?: Margins | ZeroPaddingOptions, options: ZeroPaddingOptions = {}) {
    super(1, padding, options);
  }
  static fromConfig(config: Config): Layer {
    return new ZeroPadding1D(config);
  }
}

/**
 * Zeros around images: 1, [height, width] or [[top, bottom], [left, right]].
 * @example
 * new ZeroPadding2D(1)(zeros([1, 8, 8, 3])).shape
 */
export class ZeroPadding2D extends ZeroPadding {
  static override readonly className = "ZeroPadding2D";
  constructor(padding?: Margins | ZeroPaddingOptions, options: ZeroPaddingOptions = {}) {
    super(2, padding, options);
  }
  static fromConfig(config: Config): Layer {
    return new ZeroPadding2D(config);
  }
}

/** Zeros around volumes: 1, [depth, height, width] or three pairs. */
export class ZeroPadding3D extends ZeroPadding {
  static override readonly className = "ZeroPadding3D";
  constructor(padding?: Margins | ZeroPaddingOptions, options: ZeroPaddingOptions = {}) {
    super(3, padding, options);
  }
  static fromConfig(config: Config): Layer {
    return new ZeroPadding3D(config);
  }
}

export interface CroppingOptions extends LayerOptions, DataFormatOption {
  /** Default 1, for images 0. */
  readonly cropping?: Margins;
}

/** Less of the spatial axes. */
abstract class Cropping extends Layer {
  readonly cropping: readonly Pair[];
  readonly dataFormat: DataFormat;

  constructor(rank: number, cropping: Margins | CroppingOptions | undefined, options: CroppingOptions) {
    const given = withFirst("cropping", cropping, options);
    super(given);
    this.cropping = marginsOf(String(this), "cropping", given.cropping ?? (rank === 2 ? 0 : 1), rank);
    this.dataFormat = dataFormatOf(String(this), given.dataFormat);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.cropping.length + 2, `(batch, ${this.cropping.length} of space, channels)`);
    return withChannelsLast(x, this.dataFormat, (last) => {
      const sizes = last.shape.slice(1, -1);
      if (sizes.some((n, i) => n <= this.cropping[i]![0] + this.cropping[i]![1]))
        throw new ShapeError(String(this), `cropping ${JSON.stringify(this.cropping)} leaves nothing of ${showDims(sizes)}`, "Crop less");
      return last.get(":", ...sizes.map((n, i) => slice(this.cropping[i]![0], n - this.cropping[i]![1])));
    });
  }

  override getConfig(): Config {
    const { cropping, dataFormat } = this;
    return { cropping: cropping.length === 1 ? cropping[0] : cropping, dataFormat, ...super.getConfig() };
  }
}

/**
 * Cuts places off both ends of [batch, length, channels].
 * @example
 * new Cropping1D(1)(ones([1, 5, 1])).shape
 */
export class Cropping1D extends Cropping {
  static override readonly className = "Cropping1D";
  constructor(cropping?: Margins | CroppingOptions, options: CroppingOptions = {}) {
    super(1, cropping, options);
  }
  static fromConfig(config: Config): Layer {
    return new Cropping1D(config);
  }
}

/**
 * Cuts the edges off images: 1, [height, width] or [[top, bottom], [left, right]].
 * @example
 * new Cropping2D(2)(zeros([1, 8, 8, 3])).shape
 */
export class Cropping2D extends Cropping {
  static override readonly className = "Cropping2D";
  constructor(cropping?: Margins | CroppingOptions, options: CroppingOptions = {}) {
    super(2, cropping, options);
  }
  static fromConfig(config: Config): Layer {
    return new Cropping2D(config);
  }
}

/** Cuts the faces off volumes: 1, [depth, height, width] or three pairs. */
export class Cropping3D extends Cropping {
  static override readonly className = "Cropping3D";
  constructor(cropping?: Margins | CroppingOptions, options: CroppingOptions = {}) {
    super(3, cropping, options);
  }
  static fromConfig(config: Config): Layer {
    return new Cropping3D(config);
  }
}

export interface UpSamplingOptions extends LayerOptions, DataFormatOption {
  /** How many times larger; default 2. */
  readonly size?: PerAxis;
}

const repeatAxes = (x: Tensor, size: readonly number[]): Tensor => size.reduce((y, n, i) => repeat(y, n, { axis: i + 1 }), x);

/** Every place several times in a row. */
abstract class UpSampling extends Layer {
  readonly size: readonly number[];
  readonly dataFormat: DataFormat;

  constructor(rank: number, options: UpSamplingOptions) {
    super(options);
    this.size = perAxis(String(this), "size", options.size ?? 2, rank);
    this.dataFormat = dataFormatOf(String(this), options.dataFormat);
  }

  override call(x: Tensor): Tensor {
    this.expectRank(x, this.size.length + 2, `(batch, ${this.size.length} of space, channels)`);
    return withChannelsLast(x, this.dataFormat, (last) => this.enlarge(last));
  }

  protected enlarge(x: Tensor): Tensor {
    return repeatAxes(x, this.size);
  }

  override getConfig(): Config {
    return { size: this.size, dataFormat: this.dataFormat, ...super.getConfig() };
  }
}

/**
 * Every time `size` times in a row: [batch, length, channels] → [batch, length · size, channels].
 * @example
 * new UpSampling1D(2)(array([[[1], [2]]])).squeeze()
 */
export class UpSampling1D extends UpSampling {
  static override readonly className = "UpSampling1D";
  constructor(size?: PerAxis | UpSamplingOptions, options: UpSamplingOptions = {}) {
    super(1, withFirst("size", size, options));
  }
  static fromConfig(config: Config): Layer {
    return new UpSampling1D(config);
  }
}

export interface UpSampling2DOptions extends UpSamplingOptions {
  /** Default "nearest": each pixel repeated. */
  readonly interpolation?: "nearest" | "bilinear" | "bicubic";
}

/**
 * Images `size` times larger: [batch, height, width, channels] → [batch, height · size₀, width · size₁, channels].
 * @example
 * new UpSampling2D(2)(zeros([1, 8, 8, 3])).shape
 */
export class UpSampling2D extends UpSampling {
  static override readonly className = "UpSampling2D";
  readonly interpolation: "nearest" | "bilinear" | "bicubic";

  constructor(size?: PerAxis | UpSampling2DOptions, options: UpSampling2DOptions = {}) {
    const given = withFirst("size", size, options);
    super(2, given);
    this.interpolation = choice(String(this), "interpolation", given.interpolation ?? "nearest", ["nearest", "bilinear", "bicubic"]);
  }
  static fromConfig(config: Config): Layer {
    return new UpSampling2D(config);
  }

  protected override enlarge(x: Tensor): Tensor {
    if (this.interpolation === "nearest") return super.enlarge(x);
    return resize(
      x,
      this.size.map((n, i) => n * x.shape[i + 1]!),
      { method: this.interpolation },
    );
  }

  override getConfig(): Config {
    return { interpolation: this.interpolation, ...super.getConfig() };
  }
}

/** Volumes `size` times larger, each place repeated: [batch, depth, height, width, channels]. */
export class UpSampling3D extends UpSampling {
  static override readonly className = "UpSampling3D";
  constructor(size?: PerAxis | UpSamplingOptions, options: UpSamplingOptions = {}) {
    super(3, withFirst("size", size, options));
  }
  static fromConfig(config: Config): Layer {
    return new UpSampling3D(config);
  }
}

export interface MaskingOptions extends LayerOptions {
  /** Default 0. */
  readonly maskValue?: number;
}

/**
 * Marks times whose features all equal `maskValue` as padding, for the layers after it, and sets them to 0: [batch, time, features].
 * @example
 * // steps of zeros are skipped by the layers that follow
 * new Sequential([Input([4, 2]), new Masking(), new LSTM(3)])(zeros([1, 4, 2]))
 */
export class Masking extends Layer {
  static override readonly className = "Masking";
  readonly maskValue: number;

  constructor(maskValue?: number | MaskingOptions, options: MaskingOptions = {}) {
    const given = withFirst("maskValue", maskValue, options);
    super(given);
    this.maskValue = given.maskValue ?? 0;
  }

  static fromConfig(config: Config): Layer {
    return new Masking(config);
  }

  override call(x: Tensor): Tensor {
    return x.mul(this.counted(x).expandDims({ axis: -1 }).astype(x.dtype));
  }

  protected override computeMask(x: Tensor): Tensor {
    return this.counted(x);
  }

  private counted(x: Tensor): Tensor {
    return x.notEqual(this.maskValue).any({ axis: -1 });
  }

  override getConfig(): Config {
    return { maskValue: this.maskValue, ...super.getConfig() };
  }
}

for (const layer of [Flatten, Reshape, Permute, RepeatVector, Masking]) layerRegistry.register(layer);
for (const layer of [ZeroPadding1D, ZeroPadding2D, ZeroPadding3D, Cropping1D, Cropping2D, Cropping3D]) layerRegistry.register(layer);
for (const layer of [UpSampling1D, UpSampling2D, UpSampling3D]) layerRegistry.register(layer);
