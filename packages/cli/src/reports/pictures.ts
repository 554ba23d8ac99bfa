import type { ArrayData } from "@gradus/tensor/io";

/** Pictures uint8 [H, W, 3] of one size as one, row by row, about square, with a white line between them. */
export function grid(pictures: readonly ArrayData[]): ArrayData {
  if (pictures.length === 1) return pictures[0]!;
  const [height, width] = pictures[0]!.shape as [number, number];
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const gap = 2;
  const [H, W] = [Math.ceil(pictures.length / columns) * (height + gap) - gap, columns * (width + gap) - gap];
  const data = new Uint8Array(H * W * 3).fill(255);
  for (const [i, picture] of pictures.entries()) {
    const [top, left] = [Math.floor(i / columns) * (height + gap), (i % columns) * (width + gap)];
    const pixels = picture.data as Uint8Array;
    for (let y = 0; y < height; y++) data.set(pixels.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * W + left) * 3);
  }
  return { dtype: "uint8", shape: [H, W, 3], data };
}
