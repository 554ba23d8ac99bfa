import { ShapeError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkImage } from "./geometry.ts";

/** The bytes of a PNG file of a uint8 image [height, width, 1, 3 or 4], to look at it or store it. */
export async function encodePng(image: ArrayData): Promise<Uint8Array> {
  const [height, width, channels] = checkImage("encodePng", image);
  const colourType = { 1: 0, 3: 2, 4: 6 }[channels];
  if (image.dtype !== "uint8" || colourType === undefined)
    throw new ShapeError("encodePng", `the image is ${image.dtype}[${image.shape.join(", ")}]`, "Give uint8 with 1, 3 or 4 channels");
  const stride = width * channels;
  const rows = new Uint8Array(height * (stride + 1)); // each after a 0: no filter
  for (let y = 0; y < height; y++) rows.set(image.data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const packed = await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, colourType);
  const parts = [
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", new Uint8Array(packed)),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function chunk(type: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(body, 8);
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)));
  return out;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const b of bytes) {
    crc ^= b;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
