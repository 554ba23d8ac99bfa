import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { allocate } from "../dataset/element.ts";
import type { Random } from "../random.ts";
import { checkImage, crop, flipLeftRight, flipUpDown, padImage } from "./geometry.ts";
import { type ResizeMethod, resizeImage } from "./resize.ts";

/** What `augment` does to an image, in this order. */
export interface AugmentOptions {
  /** A part of a random size, as shares of the area, with sides in a ratio of 3:4 to 4:3, brought to `size` (Szegedy et al. 2014). */
  readonly resizedCrop?: {
    readonly size: readonly [height: number, width: number];
    readonly area?: readonly [number, number];
    readonly method?: ResizeMethod;
  };
  /** A part of the image's own size after a black frame of so many pixels was added (He et al. 2015 on CIFAR: 4). */
  readonly shift?: number;
  /** Left and right exchanged in half of the images. */
  readonly flip?: boolean;
  /** Top and bottom exchanged in half of the images. */
  readonly flipVertically?: boolean;
  /** All values times a factor of 1 - b to 1 + b. */
  readonly brightness?: number;
  /** Differences from the mean times a factor of 1 - c to 1 + c. */
  readonly contrast?: number;
}

/** A random variation of an image. In `map`, take `random` from the second argument: `map(({ image }, { random }) => ...)`. */
export function augment(image: ArrayData, random: Random, options: AugmentOptions): ArrayData {
  const { resizedCrop, shift = 0, flip, flipVertically, brightness = 0, contrast = 0 } = options;
  const [height, width] = checkImage("augment", image);
  if (resizedCrop) image = randomResizedCrop(image, random, resizedCrop);
  if (shift) image = crop(padImage(image, shift), random.integer(2 * shift + 1), random.integer(2 * shift + 1), height, width);
  if (flip && random.chance(0.5)) image = flipLeftRight(image);
  if (flipVertically && random.chance(0.5)) image = flipUpDown(image);
  if (brightness || contrast) {
    const around = random.uniform(1 - contrast, 1 + contrast);
    image = adjust(image, random.uniform(1 - brightness, 1 + brightness), around);
  }
  return image;
}

function randomResizedCrop(
  image: ArrayData,
  random: Random,
  { size, area = [0.08, 1], method }: NonNullable<AugmentOptions["resizedCrop"]>,
): ArrayData {
  const [h, w] = checkImage("augment", image);
  for (let attempt = 0; attempt < 10; attempt++) {
    const pixels = h * w * random.uniform(area[0], area[1]);
    const ratio = Math.exp(random.uniform(Math.log(3 / 4), Math.log(4 / 3)));
    const [height, width] = [Math.round(Math.sqrt(pixels / ratio)), Math.round(Math.sqrt(pixels * ratio))];
    if (height < 1 || width < 1 || height > h || width > w) continue;
    return resizeImage(crop(image, random.integer(h - height + 1), random.integer(w - width + 1), height, width), size, { method });
  }
  return resizeImage(image, size, { method });
}

/** Values times `factor`, their differences from the mean times `contrast`; uint8 is rounded and stays in 0 to 255. */
function adjust(image: ArrayData, factor: number, contrast: number): ArrayData {
  const values = image.data;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  const out = allocate(image.shape, image.dtype);
  const bytes = image.dtype === "uint8";
  for (let i = 0; i < values.length; i++) {
    const value = factor * (mean + contrast * (values[i]! - mean));
    out.data[i] = bytes ? Math.min(255, Math.max(0, Math.round(value))) : value;
  }
  return out;
}

/** float32 values (v / 255 - mean) / deviation of a uint8 image, by channel; without arguments, values from 0 to 1. */
export function normalizeImage(image: ArrayData, mean: readonly number[] = [0], deviation: readonly number[] = [1]): ArrayData {
  const [, , channels] = checkImage("normalizeImage", image);
  for (const list of [mean, deviation])
    if (list.length !== 1 && list.length !== channels)
      throw new ArgumentError("normalizeImage", `${list.length} numbers for ${channels} channels`, "Give one number, or one a channel");
  const out = allocate(image.shape, "float32");
  for (let i = 0; i < image.data.length; i++) {
    const c = i % channels;
    out.data[i] = (image.data[i]! / 255 - mean[c % mean.length]!) / deviation[c % deviation.length]!;
  }
  return out;
}
