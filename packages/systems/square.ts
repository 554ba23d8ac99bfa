import { crop, resizeImage } from "@gradus/data";
import { ShapeError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";

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
