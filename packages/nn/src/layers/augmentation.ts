import { ArgumentError, arange, flip, random, type Tensor, take, where } from "@gradus/tensor";
import { isTraining } from "../context.ts";
import { type Layer, layerRegistry } from "../layer.ts";
import { SeedGenerator } from "../seed.ts";
import type { Config } from "../serialize.ts";
import { choice, integer } from "./arguments.ts";
import { cropOrScale, ImageLayer, type ImageOptions } from "./images.ts";

export interface AugmentationOptions extends ImageOptions {
  /** Makes the random choices repeat, whatever `setRandomSeed` was given. */
  readonly seed?: number | null;
}

/** A layer that changes images at random in training, each in its own way, and leaves them alone otherwise. */
abstract class Augmentation extends ImageLayer {
  readonly seed: number | null;
  readonly seedGenerator: SeedGenerator;

  constructor(options: AugmentationOptions) {
    super(options);
    this.seed = options.seed ?? null;
    this.seedGenerator = new SeedGenerator(this.seed);
  }

  protected override transform(images: Tensor): Tensor {
    return isTraining() ? this.augment(images) : images;
  }

  protected abstract augment(images: Tensor): Tensor;

  /** A random number for each image, [batch, 1, 1, ...] of a rank, between bounds. */
  protected drawEach(images: Tensor, [low, high]: Range, rank = 4): Tensor {
    const numbers = random.uniform(this.seedGenerator.next(), [images.shape[0]!], { low, high: high > low ? high : low, dtype: "float32" });
    return numbers.astype(images.dtype).reshape([images.shape[0]!, ...new Array<number>(rank - 1).fill(1)]);
  }

  override getConfig(): Config {
    return { seed: this.seed, ...super.getConfig() };
  }
}

/** Bounds of a random amount. */
type Range = readonly [number, number];
/** Bounds of a random amount; a single number f stands for [-f, f]. */
export type Factor = number | Range;

/** Throws ArgumentError unless the bounds are in order and within [least, most]. */
function rangeOf(layer: string, name: string, factor: Factor, [least, most]: Range): Range {
  const range: Range = typeof factor === "number" ? [-Math.abs(factor), Math.abs(factor)] : factor;
  if (!Array.isArray(range) || range.length !== 2 || !(range[0] <= range[1] && range[0] >= least && range[1] <= most))
    throw new ArgumentError(layer, `${name} is ${JSON.stringify(factor)}`, `Give a number or [low, high] within [${least}, ${most}]`);
  return [range[0], range[1]];
}

export interface RandomFlipOptions extends AugmentationOptions {
  readonly mode?: FlipMode;
}
type FlipMode = "horizontal" | "vertical" | "horizontalAndVertical";

/**
 * In training, mirrors each image with probability 1/2: left to right, top to bottom, or (default) each of the two.
 * @example
 * new RandomFlip("horizontal", { seed: 2 })(arange(3, { dtype: "float32" }).reshape([1, 1, 3, 1]), { training: true }).squeeze()
 */
export class RandomFlip extends Augmentation {
  static override readonly className = "RandomFlip";
  readonly mode: FlipMode;

  constructor(mode: FlipMode | RandomFlipOptions = {}, options: RandomFlipOptions = {}) {
    const given = typeof mode === "object" ? { ...options, ...mode } : { ...options, mode };
    super(given);
    this.mode = choice<FlipMode>(String(this), "mode", given.mode ?? "horizontalAndVertical", [
      "horizontal",
      "vertical",
      "horizontalAndVertical",
    ]);
  }

  static fromConfig(config: Config): Layer {
    return new RandomFlip(config);
  }

  protected override augment(images: Tensor): Tensor {
    const maybe = (x: Tensor, axis: number): Tensor => where(this.drawEach(x, [0, 1]).less(0.5), flip(x, { axis }), x);
    const across = this.mode === "vertical" ? images : maybe(images, 2);
    return this.mode === "horizontal" ? across : maybe(across, 1);
  }

  override getConfig(): Config {
    return { mode: this.mode, ...super.getConfig() };
  }
}

type FillMode = "reflect" | "wrap" | "constant" | "nearest";

export interface MotionOptions extends AugmentationOptions {
  /**
   * What lies outside of the image: its mirror image (dcba|abcd|dcba, the default), the other end (abcd|abcd|abcd), its
   * edge (aaaa|abcd|dddd), or `fillValue`.
   */
  readonly fillMode?: FillMode;
  readonly fillValue?: number;
  readonly interpolation?: "bilinear" | "nearest";
}

/** A layer that moves the pixels of images: each place of the result is read from a place of the image. */
abstract class Motion extends Augmentation {
  readonly fillMode: FillMode;
  readonly fillValue: number;
  readonly interpolation: "bilinear" | "nearest";

  constructor(options: MotionOptions) {
    super(options);
    this.fillMode = choice<FillMode>(String(this), "fillMode", options.fillMode ?? "reflect", ["reflect", "wrap", "constant", "nearest"]);
    this.fillValue = options.fillValue ?? 0;
    this.interpolation = choice(String(this), "interpolation", options.interpolation ?? "bilinear", ["bilinear", "nearest"]);
  }

  protected override augment(images: Tensor): Tensor {
    const [, height, width] = images.shape as [number, number, number, number];
    // Coordinates from the centre, so that turning and scaling leave it where it is.
    const y = arange(height, { dtype: "float32" })
      .astype(images.dtype)
      .reshape([1, height, 1])
      .sub((height - 1) / 2);
    const x = arange(width, { dtype: "float32" })
      .astype(images.dtype)
      .reshape([1, 1, width])
      .sub((width - 1) / 2);
    const source = this.sourceOf(images, y, x);
    return this.read(images, source.y.add((height - 1) / 2), source.x.add((width - 1) / 2));
  }

  /** Where the places y [1, height, 1], x [1, 1, width] of the result come from, for each image. */
  protected abstract sourceOf(images: Tensor, y: Tensor, x: Tensor): { y: Tensor; x: Tensor };

  /** Pixels of images at places between them. */
  private read(images: Tensor, y: Tensor, x: Tensor): Tensor {
    if (this.interpolation === "nearest") return this.pixels(images, y.round(), x.round());
    const [top, left] = [y.floor(), x.floor()];
    const [down, right] = [y.sub(top), x.sub(left)].map((t) => t.expandDims({ axis: -1 })) as [Tensor, Tensor];
    const mix = (a: Tensor, b: Tensor, share: Tensor): Tensor => a.add(b.sub(a).mul(share));
    const row = (at: Tensor): Tensor => mix(this.pixels(images, at, left), this.pixels(images, at, left.add(1)), right);
    return mix(row(top), row(top.add(1)), down);
  }

  /** Pixels at whole places, also outside of the images. */
  private pixels(images: Tensor, y: Tensor, x: Tensor): Tensor {
    const [batch, height, width, channels] = images.shape as [number, number, number, number];
    const image = arange(batch, { dtype: "int32" }).reshape([batch, 1, 1]);
    const place = image.mul(height).add(this.inside(y, height)).mul(width).add(this.inside(x, width));
    const found = take(images.reshape([batch * height * width, channels]), place, { axis: 0 });
    if (this.fillMode !== "constant") return found;
    const known = (at: Tensor, n: number): Tensor => at.greaterEqual(0).logicalAnd(at.less(n));
    return where(known(y, height).logicalAnd(known(x, width)).expandDims({ axis: -1 }), found, this.fillValue);
  }

  /** The place along an axis of n that stands for one that may lie outside. */
  private inside(at: Tensor, n: number): Tensor {
    const i = at.astype("int32");
    if (this.fillMode === "wrap") return i.mod(n);
    if (this.fillMode !== "reflect") return i.clip(0, n - 1);
    const turn = i.mod(2 * n);
    return where(turn.less(n), turn, turn.neg().add(2 * n - 1));
  }

  override getConfig(): Config {
    const { fillMode, fillValue, interpolation } = this;
    return { fillMode, fillValue, interpolation, ...super.getConfig() };
  }
}

/**
 * In training, turns each image by a random share of a whole turn within ±factor, or [low, high]; positive: counter-clockwise.
 * @example
 * new RandomRotation(0.1, { seed: 1 })(zeros([4, 32, 32, 3]), { training: true }).shape
 */
export class RandomRotation extends Motion {
  static override readonly className = "RandomRotation";
  readonly factor: Range;

  constructor(factor: Factor, options: MotionOptions = {}) {
    super(options);
    this.factor = rangeOf(String(this), "factor", factor, [-1, 1]);
  }

  static fromConfig({ factor, ...options }: Config): Layer {
    return new RandomRotation(factor as Factor, options);
  }

  protected override sourceOf(images: Tensor, y: Tensor, x: Tensor): { y: Tensor; x: Tensor } {
    const angle = this.drawEach(images, this.factor, 3).mul(2 * Math.PI);
    const [sin, cos] = [angle.sin(), angle.cos()];
    return { y: x.mul(sin).add(y.mul(cos)), x: x.mul(cos).sub(y.mul(sin)) };
  }

  override getConfig(): Config {
    return { factor: this.factor, ...super.getConfig() };
  }
}

export interface RandomZoomOptions extends MotionOptions {
  /** Default: as the height, so that images keep their shape. */
  readonly widthFactor?: Factor | null;
}

/**
 * In training, scales what each image shows: 0.2 shows 20 % more (zooms out), -0.2 shows 20 % less, within ±heightFactor or [low, high].
 * @example
 * new RandomZoom(0.2, { seed: 1 })(zeros([4, 32, 32, 3]), { training: true }).shape
 */
export class RandomZoom extends Motion {
  static override readonly className = "RandomZoom";
  readonly heightFactor: Range;
  readonly widthFactor: Range | null;

  constructor(heightFactor: Factor, options: RandomZoomOptions = {}) {
    super(options);
    const { widthFactor = null } = options;
    this.heightFactor = rangeOf(String(this), "heightFactor", heightFactor, [-1, Number.MAX_VALUE]);
    this.widthFactor = widthFactor === null ? null : rangeOf(String(this), "widthFactor", widthFactor, [-1, Number.MAX_VALUE]);
  }

  static fromConfig({ heightFactor, ...options }: Config): Layer {
    return new RandomZoom(heightFactor as Factor, options);
  }

  protected override sourceOf(images: Tensor, y: Tensor, x: Tensor): { y: Tensor; x: Tensor } {
    const high = this.drawEach(images, this.heightFactor, 3).add(1);
    const wide = this.widthFactor ? this.drawEach(images, this.widthFactor, 3).add(1) : high;
    const nowhere = y.mul(x).mul(0);
    return { y: y.mul(high).add(nowhere), x: x.mul(wide).add(nowhere) };
  }

  override getConfig(): Config {
    return { heightFactor: this.heightFactor, widthFactor: this.widthFactor, ...super.getConfig() };
  }
}

/**
 * In training, moves each image by a random share of its height (positive: down) and width (positive: right).
 * @example
 * new RandomTranslation(0.1, 0.1, { seed: 1 })(zeros([4, 32, 32, 3]), { training: true }).shape
 */
export class RandomTranslation extends Motion {
  static override readonly className = "RandomTranslation";
  readonly heightFactor: Range;
  readonly widthFactor: Range;

  constructor(heightFactor: Factor, widthFactor: Factor, options: MotionOptions = {}) {
    super(options);
    this.heightFactor = rangeOf(String(this), "heightFactor", heightFactor, [-1, 1]);
    this.widthFactor = rangeOf(String(this), "widthFactor", widthFactor, [-1, 1]);
  }

  static fromConfig({ heightFactor, widthFactor, ...options }: Config): Layer {
    return new RandomTranslation(heightFactor as Factor, widthFactor as Factor, options);
  }

  protected override sourceOf(images: Tensor, y: Tensor, x: Tensor): { y: Tensor; x: Tensor } {
    const down = this.drawEach(images, this.heightFactor, 3).mul(images.shape[1]!);
    const right = this.drawEach(images, this.widthFactor, 3).mul(images.shape[2]!);
    return { y: y.sub(down).add(x.mul(0)), x: x.sub(right).add(y.mul(0)) };
  }

  override getConfig(): Config {
    return { heightFactor: this.heightFactor, widthFactor: this.widthFactor, ...super.getConfig() };
  }
}

/**
 * In training, a random part of the images, the same for the whole batch, as in Keras; otherwise (and for smaller images) the middle, as `CenterCrop`.
 * @example
 * new RandomCrop(24, 24, { seed: 1 })(zeros([4, 32, 32, 3]), { training: true }).shape
 */
export class RandomCrop extends Augmentation {
  static override readonly className = "RandomCrop";
  readonly height: number;
  readonly width: number;

  constructor(height: number, width: number, options: AugmentationOptions = {}) {
    super(options);
    this.height = integer(String(this), "height", height);
    this.width = integer(String(this), "width", width);
  }

  static fromConfig({ height, width, ...options }: Config): Layer {
    return new RandomCrop(height as number, width as number, options);
  }

  protected override transform(images: Tensor): Tensor {
    const [, height, width] = images.shape as [number, number, number, number];
    return isTraining() && height >= this.height && width >= this.width
      ? this.augment(images)
      : cropOrScale(images, [this.height, this.width]);
  }

  protected override augment(images: Tensor): Tensor {
    const start = (spare: number): Tensor => random.integers(this.seedGenerator.next(), [], 0, spare + 1);
    const part = (x: Tensor, axis: number, size: number): Tensor =>
      take(x, arange(size, { dtype: "int32" }).add(start(x.shape[axis]! - size)), { axis });
    return part(part(images, 1, this.height), 2, this.width);
  }

  override getConfig(): Config {
    return { height: this.height, width: this.width, ...super.getConfig() };
  }
}

export interface ColourOptions extends AugmentationOptions {
  /** The lowest and the highest value of a pixel; results stay within. Default [0, 255]. */
  readonly valueRange?: Range;
}

/** A layer that changes the values of pixels. */
abstract class Colour extends Augmentation {
  readonly valueRange: Range;

  constructor(options: ColourOptions) {
    super(options);
    const { valueRange = [0, 255] } = options;
    if (!(valueRange[0] < valueRange[1]))
      throw new ArgumentError(
        String(this),
        `valueRange is ${JSON.stringify(valueRange)}`,
        "Give the lowest and the highest value of a pixel",
      );
    this.valueRange = valueRange;
  }

  override getConfig(): Config {
    return { valueRange: this.valueRange, ...super.getConfig() };
  }
}

/**
 * In training, moves pixels away from or towards their channel's mean: (x - mean) · c + mean, c from [1 - factor, 1 + factor]; [low, high] stands for [1 - low, 1 + high].
 * @example
 * new RandomContrast(0.5, { seed: 1 })(zeros([4, 32, 32, 3]), { training: true }).shape
 */
export class RandomContrast extends Colour {
  static override readonly className = "RandomContrast";
  readonly factor: Factor;
  private readonly range: Range;

  constructor(factor: Factor, options: ColourOptions = {}) {
    super(options);
    const [low, high] = typeof factor === "number" ? [factor, factor] : factor;
    if (!(low >= 0 && low <= 1 && high >= 0))
      throw new ArgumentError(String(this), `factor is ${JSON.stringify(factor)}`, "Give a number from 0 to 1, or two");
    this.factor = factor;
    this.range = [1 - low, 1 + high];
  }

  static fromConfig({ factor, ...options }: Config): Layer {
    return new RandomContrast(factor as Factor, options);
  }

  protected override augment(images: Tensor): Tensor {
    const mean = images.mean({ axis: [1, 2], keepdims: true });
    return images
      .sub(mean)
      .mul(this.drawEach(images, this.range))
      .add(mean)
      .clip(...this.valueRange);
  }

  override getConfig(): Config {
    return { factor: this.factor, ...super.getConfig() };
  }
}

/**
 * In training, adds to each image a random share, within ±factor or [low, high], of the range of values.
 * @example
 * new RandomBrightness(0.5, { seed: 1 })(zeros([1, 2, 2, 1]), { training: true }).squeeze()
 */
export class RandomBrightness extends Colour {
  static override readonly className = "RandomBrightness";
  readonly factor: Range;

  constructor(factor: Factor, options: ColourOptions = {}) {
    super(options);
    this.factor = rangeOf(String(this), "factor", factor, [-1, 1]);
  }

  static fromConfig({ factor, ...options }: Config): Layer {
    return new RandomBrightness(factor as Factor, options);
  }

  protected override augment(images: Tensor): Tensor {
    const [low, high] = this.valueRange;
    return images.add(this.drawEach(images, this.factor).mul(high - low)).clip(low, high);
  }

  override getConfig(): Config {
    return { factor: this.factor, ...super.getConfig() };
  }
}

for (const layer of [RandomFlip, RandomRotation, RandomZoom, RandomTranslation, RandomCrop, RandomContrast, RandomBrightness])
  layerRegistry.register(layer);
