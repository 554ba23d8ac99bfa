import { ArgumentError, ShapeError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { allocate } from "../dataset/element.ts";

/** Checks that an array is an image, [height, width, channels], and gives these. */
export function checkImage(operation: string, image: ArrayData): [height: number, width: number, channels: number] {
  const [height, width, channels] = image.shape;
  if (image.shape.length !== 3 || image.data.length !== height! * width! * channels! || !image.data.length)
    throw new ShapeError(operation, `the image has shape [${image.shape.join(", ")}]`, "Images are [height, width, channels]");
  return [height!, width!, channels!];
}

/**
 * The part of an image that begins at row `top` and column `left`.
 * @example
 * const picture = { dtype: "uint8", shape: [2, 3, 1], data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
 * crop(picture, 0, 1, 2, 2).data
 */
export function crop(image: ArrayData, top: number, left: number, height: number, width: number): ArrayData {
  const [h, w, channels] = checkImage("crop", image);
  const whole = [top, left, height, width].every(Number.isInteger);
  if (!whole || top < 0 || left < 0 || height < 1 || width < 1 || top + height > h || left + width > w)
    throw new ArgumentError("crop", `${height} x ${width} at (${top}, ${left}) is no part of ${h} x ${w}`);
  const out = allocate([height, width, channels], image.dtype);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * w + left) * channels;
    out.data.set(image.data.subarray(from, from + width * channels), y * width * channels);
  }
  return out;
}

/** The middle of an image. */
export function centerCrop(image: ArrayData, height: number, width: number): ArrayData {
  const [h, w] = checkImage("centerCrop", image);
  return crop(image, Math.floor((h - height) / 2), Math.floor((w - width) / 2), height, width);
}

/** A frame of `margin` pixels of one value around an image. */
export function padImage(image: ArrayData, margin: number, value = 0): ArrayData {
  const [h, w, channels] = checkImage("padImage", image);
  if (!Number.isInteger(margin) || margin < 0) throw new ArgumentError("padImage", `the margin is ${margin}`);
  const width = w + 2 * margin;
  const out = allocate([h + 2 * margin, width, channels], image.dtype);
  if (value !== 0) out.data.fill(value);
  for (let y = 0; y < h; y++)
    out.data.set(image.data.subarray(y * w * channels, (y + 1) * w * channels), ((y + margin) * width + margin) * channels);
  return out;
}

/** Rearranges pixels: `from(y, x)` is the place of the pixel that comes to row y, column x. */
function rearrange(image: ArrayData, height: number, width: number, from: (y: number, x: number) => number): ArrayData {
  const channels = image.shape[2]!;
  const out = allocate([height, width, channels], image.dtype);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const start = from(y, x) * channels;
      for (let c = 0; c < channels; c++) out.data[at++] = image.data[start + c]!;
    }
  return out;
}

/** Left and right exchanged. */
export function flipLeftRight(image: ArrayData): ArrayData {
  const [h, w] = checkImage("flipLeftRight", image);
  return rearrange(image, h, w, (y, x) => y * w + (w - 1 - x));
}

/** Top and bottom exchanged. */
export function flipUpDown(image: ArrayData): ArrayData {
  const [h, w] = checkImage("flipUpDown", image);
  return rearrange(image, h, w, (y, x) => (h - 1 - y) * w + x);
}

/** A quarter turn to the left, as np.rot90. */
export function rotate90(image: ArrayData): ArrayData {
  const [h, w] = checkImage("rotate90", image);
  return rearrange(image, w, h, (y, x) => x * w + (w - 1 - y));
}
