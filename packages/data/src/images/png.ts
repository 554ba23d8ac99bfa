import { FormatError } from "@gradus/tensor";
import { checkSize, type DecodedImage, type ImageLimits } from "./limits.ts";

/**
 * PNG (ISO/IEC 15948) of all colour types, depths and both interlacings. The platform inflates; this file bounds what it
 * may unpack by what the header says, which libraries at hand do not, and undoes filters and packing.
 */

const operation = "decodePng";
const signature = [137, 80, 78, 71, 13, 10, 26, 10];
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Readonly<Record<number, readonly number[]>> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

export const isPng = (bytes: Uint8Array): boolean => signature.every((b, i) => bytes[i] === b);

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
  /** Bits of a pixel. */
  readonly bits: number;
}

/** Pixels as 8-bit grey, grey and alpha, RGB or RGBA; 16-bit samples keep their upper half, as in PIL. */
export async function decodePng(bytes: Uint8Array, limits: ImageLimits): Promise<DecodedImage> {
  if (!isPng(bytes)) throw new FormatError(operation, "not a PNG file");
  const { header, palette, transparency, data } = readChunks(bytes, limits);
  const passes = interlacePasses(header);
  const raw = await inflate(
    data,
    passes.reduce((n, p) => n + p.height * (1 + p.stride), 0),
  );
  const samples = unpack(header, passes, raw);
  return colour(header, samples, palette, transparency);
}

function readChunks(bytes: Uint8Array, limits: ImageLimits) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | null = null;
  let palette: Uint8Array | null = null;
  let transparency: Uint8Array | null = null;
  const data: Uint8Array[] = [];
  let at = 8;
  for (;;) {
    if (at + 12 > bytes.length) throw new FormatError(operation, "the file ends before its last chunk", "It may be truncated");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12)
      throw new FormatError(operation, `the chunk ${JSON.stringify(type)} runs past the end of the file`, "It may be truncated");
    const body = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (!header && type !== "IHDR") throw new FormatError(operation, "the header is not the first chunk");
    if (type === "IHDR") header = readHeader(body, limits);
    else if (type === "PLTE") palette = body;
    else if (type === "tRNS") transparency = body;
    else if (type === "IDAT") data.push(body);
    else if (type === "IEND") break;
    else if (!(type.charCodeAt(0) & 0x20))
      throw new FormatError(operation, `the chunk ${JSON.stringify(type)} is unknown and cannot be left out`);
  }
  return { header: header!, palette, transparency, data };
}

function readHeader(body: Uint8Array, limits: ImageLimits): Header {
  if (body.length !== 13) throw new FormatError(operation, "the header is damaged");
  const view = new DataView(body.buffer, body.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = body.subarray(8) as unknown as [number, number, number, number, number];
  checkSize(operation, width, height, limits);
  if (!depthsOf[colourType]?.includes(depth) || compression || filter || interlace > 1)
    throw new FormatError(operation, `colour type ${colourType} with ${depth} bits, interlace ${interlace} do not exist`);
  return { width, height, depth, colourType, interlaced: interlace === 1, bits: depth * channelsOf[colourType]! };
}

interface Pass {
  readonly width: number;
  readonly height: number;
  /** Bytes of a row. */
  readonly stride: number;
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

/** The image, or the seven images that Adam7 makes of it. */
function interlacePasses({ width, height, bits, interlaced }: Header): Pass[] {
  const steps = interlaced
    ? [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
      ]
    : [[0, 0, 1, 1]];
  return (steps as [number, number, number, number][])
    .map(([x, y, dx, dy]) => {
      const [w, h] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
      return { width: w, height: h, stride: Math.ceil((w * bits) / 8), x, y, dx, dy };
    })
    .filter((p) => p.width > 0 && p.height > 0);
}

/** Unpacks exactly `size` bytes. */
async function inflate(parts: readonly Uint8Array[], size: number): Promise<Uint8Array> {
  const packed = parts.reduce((n, p) => n + p.length, 0);
  // Deflate packs at most 1032 to 1, so a larger claim is a lie.
  if (size > 1032 * packed + 64) throw new FormatError(operation, `the header claims ${size} bytes of pixels from ${packed} packed ones`);
  const out = new Uint8Array(size);
  let at = 0;
  const reader = new Blob(parts as Uint8Array<ArrayBuffer>[]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > size) throw new FormatError(operation, `there are more pixels than the ${size} bytes of the header's image`);
      out.set(value, at);
      at += value.length;
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(operation, `the pixels cannot be unpacked: ${(error as Error).message}`, "The file may be damaged");
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (at !== size) throw new FormatError(operation, `${at} of ${size} bytes of pixels are there`, "It may be truncated");
  return out;
}

/** Samples of all pixels in order, one byte each: palette places and small depths as they are, 16 bits by their upper half. */
function unpack(header: Header, passes: readonly Pass[], raw: Uint8Array): Uint8Array {
  const { width, height, depth, bits } = header;
  const channels = bits / depth;
  const out = new Uint8Array(width * height * channels);
  const distance = Math.max(1, bits >> 3); // from a byte to the same one of the pixel before
  let at = 0;
  for (const pass of passes) {
    let above: Uint8Array = new Uint8Array(pass.stride);
    for (let row = 0; row < pass.height; row++) {
      const line = raw.subarray(at + 1, at + 1 + pass.stride);
      unfilter(raw[at]!, line, above, distance);
      above = line;
      at += 1 + pass.stride;
      const start = (pass.y + row * pass.dy) * width + pass.x;
      for (let i = 0; i < pass.width * channels; i++) {
        const column = Math.floor(i / channels);
        const to = (start + column * pass.dx) * channels + (i - column * channels);
        if (depth === 8) out[to] = line[i]!;
        else if (depth === 16) out[to] = line[2 * i]!;
        else out[to] = (line[(i * depth) >> 3]! >> (8 - depth - ((i * depth) & 7))) & ((1 << depth) - 1);
      }
    }
  }
  return out;
}

/** Undoes the prediction of a row from its left and upper neighbours, in place. */
function unfilter(type: number, line: Uint8Array, above: Uint8Array, distance: number): void {
  const n = line.length;
  if (type === 0) return;
  if (type === 1) for (let i = distance; i < n; i++) line[i]! += line[i - distance]!;
  else if (type === 2) for (let i = 0; i < n; i++) line[i]! += above[i]!;
  else if (type === 3) for (let i = 0; i < n; i++) line[i]! += ((i < distance ? 0 : line[i - distance]!) + above[i]!) >> 1;
  else if (type === 4)
    for (let i = 0; i < n; i++) {
      const [a, b, c] = [i < distance ? 0 : line[i - distance]!, above[i]!, i < distance ? 0 : above[i - distance]!];
      const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
      line[i]! += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
  else throw new FormatError(operation, `a row has the filter ${type}, which does not exist`);
}

function colour(header: Header, samples: Uint8Array, palette: Uint8Array | null, transparency: Uint8Array | null): DecodedImage {
  const { width, height, depth, colourType } = header;
  const pixels = width * height;
  if (colourType === 3) {
    if (!palette || palette.length % 3) throw new FormatError(operation, "the palette is missing or damaged");
    const channels = transparency ? 4 : 3;
    const data = new Uint8Array(pixels * channels);
    for (let i = 0; i < pixels; i++) {
      const entry = samples[i]!;
      if (3 * entry >= palette.length) throw new FormatError(operation, `a pixel has colour ${entry} of ${palette.length / 3}`);
      for (let c = 0; c < 3; c++) data[i * channels + c] = palette[3 * entry + c]!;
      if (transparency) data[i * 4 + 3] = transparency[entry] ?? 255;
    }
    return { width, height, channels, data };
  }
  if (colourType === 0 && depth < 8) for (let i = 0; i < pixels; i++) samples[i] = (samples[i]! * 255) / ((1 << depth) - 1);
  return { width, height, channels: channelsOf[colourType]! as 1 | 2 | 3 | 4, data: samples };
}
