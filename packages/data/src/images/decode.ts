import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { decodeJpeg, isJpeg } from "./jpeg.ts";
import type { DecodedImage, ImageLimits } from "./limits.ts";
import { decodePng, isPng } from "./png.ts";

export interface DecodeOptions extends ImageLimits {
  /** 1: grey, 3: RGB (default), 4: RGBA. */
  readonly channels?: 1 | 3 | 4;
  /**
   * Turn and mirror a JPEG as its EXIF orientation says: upright, as viewers show photographs (PIL's `ImageOps.exif_transpose`). Default
   * false: the pixels as they lie in the file, as `Image.open` gives them.
   */
  readonly orient?: boolean;
}

/**
 * An image from a JPEG or PNG file, uint8 [height, width, channels], with PIL's pixels. Alpha is dropped unless asked for.
 * Throws FormatError for other files, damaged ones, and images larger than `maxPixels`, which are not unpacked.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ArrayData> {
  const { channels = 3 } = options;
  if (![1, 3, 4].includes(channels)) throw new ArgumentError("decodeImage", `channels is ${channels}`, "Give 1, 3 or 4");
  const decode = isJpeg(bytes) ? decodeJpeg : isPng(bytes) ? decodePng : null;
  if (!decode) {
    const kind = kindOf(bytes);
    if (kind === null) throw new FormatError("decodeImage", `neither a JPEG nor a PNG file${bytes.length ? "" : ", but empty"}`);
    throw new FormatError("decodeImage", `neither a JPEG nor a PNG file, but ${kind}`, "Save it as one of these");
  }
  const image = await decode(bytes, options);
  return { dtype: "uint8", shape: [image.height, image.width, channels], data: convert(image, channels) };
}

/** What else a file is, by its first bytes: what people take for pictures that can be read. */
function kindOf(bytes: Uint8Array): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (/^GIF8/.test(head)) return "a GIF";
  if (/^RIFF.{4}WEBP/s.test(head)) return "a WebP file";
  if (/^BM/.test(head)) return "a BMP file";
  if (/^(II\*\0|MM\0\*)/.test(head)) return "a TIFF file";
  if (/^.{4}ftyp(avif|hei[cx]|mif1)/s.test(head)) return head.includes("avif") ? "an AVIF file" : "a HEIC file";
  return null;
}

/** Another number of channels. Grey is PIL's "L": ITU-R 601 luma in 16-bit fixed point. */
function convert({ data, channels: from }: DecodedImage, to: 1 | 3 | 4): Uint8Array {
  if (from === to) return data;
  const pixels = data.length / from;
  const out = new Uint8Array(pixels * to);
  const coloured = from >= 3;
  for (let i = 0; i < pixels; i++) {
    const at = i * from;
    if (to === 1) out[i] = coloured ? (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16 : data[at]!;
    else {
      for (let c = 0; c < 3; c++) out[i * to + c] = data[at + (coloured ? c : 0)]!;
      if (to === 4) out[i * 4 + 3] = from === 2 ? data[at + 1]! : from === 4 ? data[at + 3]! : 255;
    }
  }
  return out;
}
