import { encodePng } from "@gradus/data";
import type { ArrayData } from "@gradus/tensor/io";

/** Pictures uint8 [H, W, channels] of one size as one, row by row, about square or with so many columns, with a white line between them. */
export function grid(pictures: readonly ArrayData[], columns = Math.ceil(Math.sqrt(pictures.length))): ArrayData {
  if (pictures.length === 1) return pictures[0]!;
  const [height, width, channels] = pictures[0]!.shape as [number, number, number];
  const gap = 2;
  const [H, W] = [Math.ceil(pictures.length / columns) * (height + gap) - gap, columns * (width + gap) - gap];
  const data = new Uint8Array(H * W * channels).fill(255);
  const row = width * channels;
  for (const [i, picture] of pictures.entries()) {
    const [top, left] = [Math.floor(i / columns) * (height + gap), (i % columns) * (width + gap)];
    const pixels = picture.data as Uint8Array;
    for (let y = 0; y < height; y++) data.set(pixels.subarray(y * row, (y + 1) * row), ((top + y) * W + left) * channels);
  }
  return { dtype: "uint8", shape: [H, W, channels], data };
}

/** A picture for pages that load nothing. */
export const embedded = async (picture: ArrayData): Promise<string> => embeddedPng(await encodePng(picture));
export const embeddedPng = (bytes: Uint8Array): string => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
