import { FormatError } from "@gradus/tensor";
import { checkSize, type DecodedImage, type ImageLimits } from "./limits.ts";

/** JPEG by libjpeg (MozJPEG compiled to WebAssembly, from Squoosh), whose pixels equal those of PIL to the bit. */

const operation = "decodeJpeg";

interface Codec {
  decode(bytes: Uint8Array, preserveOrientation: boolean): { data: Uint8ClampedArray; width: number; height: number } | null;
}

type Factory = (options: object) => Promise<Codec>;

/** What the codec had to say about the file at hand. */
let complaints: string[] = [];
let codec: Promise<Codec> | null = null;

async function loadCodec(): Promise<Codec> {
  const { default: factory } = (await import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js")) as unknown as { default: Factory };
  const options: Record<string, unknown> = { noInitialRun: true, printErr: (text: string) => complaints.push(text) };
  if (typeof process === "object" && process.versions?.node) {
    const { readFile } = await import("node:fs/promises"); // its own loader only knows pages
    const module = await WebAssembly.compile(await readFile(new URL(import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"))));
    options.instantiateWasm = (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    };
  }
  return factory(options);
}

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/**
 * Pixels as grey or RGB, with `orient` turned as EXIF says (a damaged EXIF segment turns nothing). Throws FormatError for damaged,
 * truncated and CMYK files.
 */
export async function decodeJpeg(bytes: Uint8Array, options: ImageLimits & { readonly orient?: boolean }): Promise<DecodedImage> {
  const { width, height, components } = frameHeader(bytes);
  checkSize(operation, width, height, options);
  if (components !== 1 && components !== 3) throw new FormatError(operation, `${components} colour components`, "Convert the image to RGB");
  codec ??= loadCodec();
  const ready = await codec;
  complaints = []; // decoding itself does not wait, so these are about this file
  let result: ReturnType<Codec["decode"]>;
  try {
    result = ready.decode(bytes, options.orient ?? false);
  } catch (error) {
    codec = null; // the program inside has exited
    throw new FormatError(operation, complaints.join("; ") || String((error as Error).message), "The file may be damaged");
  }
  const serious = complaints.filter((text) => !/extraneous bytes/.test(text));
  const sized = result?.width === width && result.height === height;
  const turned = options.orient && result?.width === height && result.height === width;
  if (serious.length || !result || !(sized || turned))
    throw new FormatError(operation, serious.join("; ") || "it cannot be decoded", "The file may be truncated or damaged");
  return { width: result.width, height: result.height, channels: components, data: withoutAlpha(result.data, components) };
}

/** Size and number of components, from the start-of-frame segment (ITU-T T.81, B.2.2). */
function frameHeader(bytes: Uint8Array): { width: number; height: number; components: number } {
  if (!isJpeg(bytes)) throw new FormatError(operation, "not a JPEG file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw new FormatError(operation, `no marker at byte ${at}`, "The file may be damaged");
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // fill bytes
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // markers without a segment
      continue;
    }
    const length = view.getUint16(at + 2);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame && at + 10 <= bytes.length)
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: bytes[at + 9]! };
    if (isFrame || marker === 0xd9 || marker === 0xda || length < 2) break;
    at += 2 + length;
  }
  throw new FormatError(operation, "no image begins in the file", "It may be truncated");
}

function withoutAlpha(rgba: Uint8ClampedArray, channels: 1 | 3): Uint8Array {
  const out = new Uint8Array((rgba.length / 4) * channels);
  for (let i = 0, j = 0; j < out.length; i += 4) for (let c = 0; c < channels; c++) out[j++] = rgba[i + c]!;
  return out;
}
