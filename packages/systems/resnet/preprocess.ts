import { normalizeImage } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { square } from "../square.ts";

/** Mean and deviation of each channel, of values from 0 to 1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Those of ImageNet's training pictures, with which torchvision's weights were trained. */
export const imagenetNormalisation: Normalisation = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/**
 * A picture, uint8 [height, width, 3], as the networks for ImageNet take it: the shorter side brought to `resize` pixels (bilinear, with
 * antialiasing), the middle `size` × `size` cut out, normalised; float32 [size, size, 3]. Equals torchvision's preprocessing of PIL
 * images. ArgumentError for a `resize` below `size`, or more than 16 times as large.
 */
export function preprocess(
  image: ArrayData,
  { size = 224, resize = Math.round((size * 256) / 224), normalisation = imagenetNormalisation }: PreprocessOptions = {},
): ArrayData {
  if (!(Number.isInteger(resize) && resize >= size && resize <= 16 * size))
    throw new ArgumentError("preprocess", `resize is ${resize}`, `Give a whole number from ${size}, the network's size, to ${16 * size}`);
  return normalizeImage(square(image, size, resize), normalisation.mean, normalisation.deviation);
}

export interface PreprocessOptions {
  /** Side of the result. Default 224. */
  readonly size?: number;
  /**
   * What the shorter side is brought to before the middle is cut out. Default 256 for 224: that of torchvision's first weights (V1). Its
   * second ones (V2, the default there for resnet50, 101 and 152) were judged with 232.
   */
  readonly resize?: number;
  readonly normalisation?: Normalisation;
}
