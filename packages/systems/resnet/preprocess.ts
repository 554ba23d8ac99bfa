import { crop, normalizeImage, resizeImage } from "@gradus/data";
import { ArgumentError, ShapeError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";

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

/** The shorter side brought to `size` (or to `resize`, before cutting), the middle cut out: torchvision's Resize and CenterCrop. */
export function square(image: ArrayData, size: number, resize: number = size): ArrayData {
  if (image.dtype !== "uint8" || image.shape.length !== 3 || image.shape[2] !== 3)
    throw new ShapeError(
      "preprocess",
      `the picture is ${image.dtype} [${image.shape.join(", ")}], where uint8 [height, width, 3] was expected`,
      "readPicture gives these",
    );
  const [height, width] = image.shape as [number, number];
  // Of very long pictures only the middle will be seen; resized whole, they might not fit into memory.
  const most = 32 * Math.min(height, width);
  if (Math.max(height, width) > most) return square(middleOf(image, Math.min(height, most), Math.min(width, most)), size, resize);
  // torchvision truncates the longer side.
  const longer = Math.trunc((resize * Math.max(height, width)) / Math.min(height, width));
  const wanted: [number, number] = height <= width ? [resize, longer] : [longer, resize];
  const scaled = wanted[0] === height && wanted[1] === width ? image : resizeImage(image, wanted, { method: "bilinear" });
  if (scaled.shape[0] === size && scaled.shape[1] === size) return scaled;
  return middleOf(scaled, size, size);
}

/** torchvision rounds halves to even, where others floor. */
function middleOf(image: ArrayData, rows: number, columns: number): ArrayData {
  const [height, width] = image.shape as [number, number];
  const even = (x: number): number => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
  return crop(image, even((height - rows) / 2), even((width - columns) / 2), rows, columns);
}
