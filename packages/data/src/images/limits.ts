import { FormatError } from "@gradus/tensor";

export interface ImageLimits {
  /** Refuse images of more pixels: a small file can claim any size. Default 2^26, 67 million. */
  readonly maxPixels?: number;
}

/** 8-bit samples, row by row, channels together: grey, grey and alpha, RGB, or RGBA. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint8Array;
}

export function checkSize(operation: string, width: number, height: number, { maxPixels = 2 ** 26 }: ImageLimits): void {
  if (!width || !height) throw new FormatError(operation, `the image is ${width} x ${height}`);
  if (width * height > maxPixels)
    throw new FormatError(
      operation,
      `the image is ${width} x ${height}, more than ${maxPixels} pixels`,
      "Make it smaller; in code, maxPixels takes more",
    );
}
