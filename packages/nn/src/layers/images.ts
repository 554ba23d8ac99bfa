import { ArgumentError, type DType, moments, pad, resize, ShapeError, slice, type Tensor, tensor, type Variable } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";
import { axisOf, choice, type DataFormat, type DataFormatOption, dataFormatOf, integer, withChannelsLast } from "./arguments.ts";

const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float64";

/** Pixels as numbers of a floating type: integers become the layer's. */
export const toFloat = (x: Tensor, dtype: DType): Tensor => (isFloat(x.dtype) ? x : x.astype(dtype));

/**
 * x · scale + offset: `new Rescaling(1 / 255)` brings pixels to 0..1.
 * @example
 * new Rescaling(1 / 255)(array([[0, 51, 255]]))
 */
export class Rescaling extends Layer {
  static override readonly className = "Rescaling";
  readonly scale: number | readonly number[];
  readonly offset: number | readonly number[];
  protected override readonly passesMask = true;

  constructor(
    scale: number | readonly number[],
    { offset = 0, ...options }: LayerOptions & { readonly offset?: number | readonly number[] } = {},
  ) {
    super(options);
    this.scale = scale;
    this.offset = offset;
  }

  static fromConfig({ scale, ...options }: Config): Layer {
    return new Rescaling(scale as number, options);
  }

  override call(x: Tensor): Tensor {
    const y = toFloat(x, this.dtype);
    const like = (value: number | readonly number[]) => (typeof value === "number" ? value : tensor([...value], { dtype: y.dtype }));
    return y.mul(like(this.scale)).add(like(this.offset));
  }

  override getConfig(): Config {
    return { scale: this.scale, offset: this.offset, ...super.getConfig() };
  }
}

export interface NormalizationOptions extends LayerOptions {
  /** The axis or axes whose places have a mean and variance each; default the last. null: one for all numbers. */
  readonly axis?: number | readonly number[] | null;
  /** Fixed statistics, instead of those of `adapt`: both or none. */
  readonly mean?: number | readonly number[] | null;
  readonly variance?: number | readonly number[] | null;
  /** Goes the other way: from mean 0 and variance 1 back to the data's. */
  readonly invert?: boolean;
}

/**
 * (x - mean) / sqrt(variance), with the statistics of data that `adapt` was shown. Until then it changes nothing.
 * @example
 * const layer = new Normalization();
 * await layer.adapt(array([[1, 10], [3, 30]]));
 * layer(array([[1, 10], [3, 30]]))
 */
export class Normalization extends Layer {
  static override readonly className = "Normalization";
  readonly axis: readonly number[];
  readonly invert: boolean;
  private readonly given: { readonly mean: number | readonly number[]; readonly variance: number | readonly number[] } | null;
  private mean: Variable | null = null;
  private variance: Variable | null = null;

  constructor(options: NormalizationOptions = {}) {
    super(options);
    const { axis = -1, mean = null, variance = null, invert = false } = options;
    if ((mean === null) !== (variance === null))
      throw new ArgumentError(String(this), "mean and variance go together", "Give both or none");
    this.axis = axis === null ? [] : typeof axis === "number" ? [axis] : axis;
    this.invert = invert;
    this.given = mean === null || variance === null ? null : { mean, variance };
  }

  static fromConfig(config: Config): Layer {
    return new Normalization(config);
  }

  override build(shape: Dims): void {
    if (this.given) return;
    const kept = this.axes(shape).map((axis) => this.sizeOfAxis(shape, axis));
    this.mean = this.addWeight("mean", kept, { initializer: "zeros", trainable: false });
    this.variance = this.addWeight("variance", kept, { initializer: "ones", trainable: false });
  }

  /** Takes mean and variance from data: an array of examples, [examples, ...]. */
  adapt(data: Tensor): void {
    if (this.given) throw new ArgumentError(String(this), "was made with a mean and a variance", "Leave them out to adapt to data");
    this.ensureBuilt(data.shape);
    const kept = this.axes(data.shape);
    const { mean, variance } = moments(toFloat(data, this.dtype), { axis: [...data.shape.keys()].filter((axis) => !kept.includes(axis)) });
    this.mean!.assign(mean.astype(this.dtype));
    this.variance!.assign(variance.astype(this.dtype));
  }

  override call(x: Tensor): Tensor {
    const y = toFloat(x, this.dtype);
    const axes = this.axes(x.shape);
    const along = (value: Tensor): Tensor => {
      if (value.ndim === 0) return value;
      for (const [i, axis] of axes.entries()) this.expectSize(x, axis, value.shape[i]!);
      return value.reshape(x.shape.map((n, i) => (axes.includes(i) ? n : 1)));
    };
    const fixed = (value: number | readonly number[]): Tensor => tensor(typeof value === "number" ? value : [...value], { dtype: y.dtype });
    const mean = along(this.given ? fixed(this.given.mean) : this.mean!);
    const deviation = along(this.given ? fixed(this.given.variance) : this.variance!)
      .sqrt()
      .maximum(1e-7);
    return this.invert ? y.mul(deviation).add(mean) : y.sub(mean).div(deviation);
  }

  private axes(shape: Dims): number[] {
    return this.axis.map((axis) => axisOf(String(this), axis, shape)).sort((a, b) => a - b);
  }

  override getConfig(): Config {
    const { axis, invert, given } = this;
    return { axis: axis.length ? axis : null, invert, mean: given?.mean ?? null, variance: given?.variance ?? null, ...super.getConfig() };
  }
}

export interface ImageOptions extends LayerOptions, DataFormatOption {}

/** A layer for images, [batch, height, width, channels] or a single one without the batch; gives floats. */
export abstract class ImageLayer extends Layer {
  readonly dataFormat: DataFormat;

  constructor(options: ImageOptions) {
    super(options);
    this.dataFormat = dataFormatOf(String(this), options.dataFormat);
  }

  override call(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4)
      throw new ShapeError(
        String(this),
        `expects images, ${this.dataFormat === "channelsLast" ? "[batch, height, width, channels]" : "[batch, channels, height, width]"}, received ${showDims(x.shape)}`,
      );
    const images = toFloat(x.ndim === 4 ? x : x.expandDims({ axis: 0 }), this.dtype);
    const y = withChannelsLast(images, this.dataFormat, (last) => this.transform(last));
    return x.ndim === 4 ? y : y.squeeze({ axis: 0 });
  }

  /** [batch, height, width, channels] → the same with other pixels. */
  protected abstract transform(images: Tensor): Tensor;

  override getConfig(): Config {
    return { dataFormat: this.dataFormat, ...super.getConfig() };
  }
}

const heightAndWidth = (images: Tensor): [number, number] => [images.shape[1]!, images.shape[2]!];

/** The part of images that starts at a row and a column. */
function crop(images: Tensor, [top, left]: readonly [number, number], [height, width]: readonly [number, number]): Tensor {
  return images.get(":", slice(top, top + height), slice(left, left + width));
}

/** The middle of images. */
function cropMiddle(images: Tensor, size: readonly [number, number]): Tensor {
  const [height, width] = heightAndWidth(images);
  return crop(images, [Math.floor((height - size[0]) / 2), Math.floor((width - size[1]) / 2)], size);
}

/** The largest middle part of images whose sides are in the ratio of a size. */
function cropToRatio(images: Tensor, [toHeight, toWidth]: readonly [number, number]): Tensor {
  const [height, width] = heightAndWidth(images);
  const fitting = (side: number, wanted: number): number => Math.max(1, Math.min(side, Math.floor(wanted)));
  return cropMiddle(images, [fitting(height, (width * toHeight) / toWidth), fitting(width, (height * toWidth) / toHeight)]);
}

/** The middle of images where they are large enough, else the middle scaled. */
export function cropOrScale(images: Tensor, size: readonly [number, number]): Tensor {
  const [height, width] = heightAndWidth(images);
  return height >= size[0] && width >= size[1] ? cropMiddle(images, size) : resize(cropToRatio(images, size), [...size]);
}

export interface ResizingOptions extends ImageOptions {
  readonly interpolation?: "bilinear" | "nearest" | "bicubic";
  /** When shrinking, lets every pixel count. */
  readonly antialias?: boolean;
  /** Keeps the ratio of the sides by cutting edges off. */
  readonly cropToAspectRatio?: boolean;
  /** Keeps the ratio of the sides by filling in `fillValue` around. */
  readonly padToAspectRatio?: boolean;
  readonly fillValue?: number;
}

/**
 * Images of another size: `new Resizing(height, width)`.
 * @example
 * new Resizing(4, 4)(zeros([1, 8, 8, 3])).shape
 */
export class Resizing extends ImageLayer {
  static override readonly className = "Resizing";
  readonly height: number;
  readonly width: number;
  readonly interpolation: "bilinear" | "nearest" | "bicubic";
  readonly antialias: boolean;
  readonly cropToAspectRatio: boolean;
  readonly padToAspectRatio: boolean;
  readonly fillValue: number;

  constructor(height: number, width: number, options: ResizingOptions = {}) {
    super(options);
    const layer = String(this);
    this.height = integer(layer, "height", height);
    this.width = integer(layer, "width", width);
    this.interpolation = choice(layer, "interpolation", options.interpolation ?? "bilinear", ["bilinear", "nearest", "bicubic"]);
    this.antialias = options.antialias ?? false;
    this.cropToAspectRatio = options.cropToAspectRatio ?? false;
    this.padToAspectRatio = options.padToAspectRatio ?? false;
    this.fillValue = options.fillValue ?? 0;
    if (this.cropToAspectRatio && this.padToAspectRatio)
      throw new ArgumentError(layer, "cannot both crop and pad to the aspect ratio", "Choose one");
  }

  static fromConfig({ height, width, ...options }: Config): Layer {
    return new Resizing(height as number, width as number, options);
  }

  protected override transform(images: Tensor): Tensor {
    const size: [number, number] = [this.height, this.width];
    const shaped = this.cropToAspectRatio ? cropToRatio(images, size) : this.padToAspectRatio ? this.padToRatio(images) : images;
    return resize(shaped, size, { method: this.interpolation, antialias: this.antialias });
  }

  private padToRatio(images: Tensor): Tensor {
    const [height, width] = heightAndWidth(images);
    const around = (side: number, wanted: number): [number, number] => {
      const total = Math.max(side, Math.floor(wanted)) - side;
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    };
    const widths = [around(height, (width * this.height) / this.width), around(width, (height * this.width) / this.height)] as const;
    return pad(images, [[0, 0], ...widths, [0, 0]], { value: this.fillValue });
  }

  override getConfig(): Config {
    const { height, width, interpolation, antialias, cropToAspectRatio, padToAspectRatio, fillValue } = this;
    return { height, width, interpolation, antialias, cropToAspectRatio, padToAspectRatio, fillValue, ...super.getConfig() };
  }
}

/**
 * The middle of images: `new CenterCrop(height, width)`. Smaller images are scaled so that the middle has the size.
 * @example
 * new CenterCrop(4, 4)(zeros([1, 8, 8, 3])).shape
 */
export class CenterCrop extends ImageLayer {
  static override readonly className = "CenterCrop";
  readonly height: number;
  readonly width: number;

  constructor(height: number, width: number, options: ImageOptions = {}) {
    super(options);
    this.height = integer(String(this), "height", height);
    this.width = integer(String(this), "width", width);
  }

  static fromConfig({ height, width, ...options }: Config): Layer {
    return new CenterCrop(height as number, width as number, options);
  }

  protected override transform(images: Tensor): Tensor {
    return cropOrScale(images, [this.height, this.width]);
  }

  override getConfig(): Config {
    return { height: this.height, width: this.width, ...super.getConfig() };
  }
}

for (const layer of [Rescaling, Normalization, Resizing, CenterCrop]) layerRegistry.register(layer);
