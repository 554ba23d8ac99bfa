import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkCount } from "../dataset/batch.ts";
import { allocate } from "../dataset/element.ts";
import { checkImage } from "./geometry.ts";

interface Filter {
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** PIL's filters (Pillow, src/libImaging/Resample.c). Bicubic has a = -1/2. */
const filters = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, Filter>;

function bicubic(x: number): number {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function hamming(x: number): number {
  x = Math.abs(x);
  return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x));
}

export type ResizeMethod = keyof typeof filters | "nearest";

/**
 * An image [height, width, channels] in another size, as PIL's `Image.resize` gives it: when it shrinks, the filter
 * widens, so that all pixels count. uint8 images equal PIL's to the bit (PIL's 8-bit arithmetic); other types are
 * computed in float64 and give float32, PIL's mode F. Alpha is a channel like others.
 */
export function resizeImage(
  image: ArrayData,
  [height, width]: readonly [height: number, width: number],
  { method = "bilinear" }: { readonly method?: ResizeMethod } = {},
): ArrayData {
  const [h, w] = checkImage("resizeImage", image);
  checkCount("resizeImage", height);
  checkCount("resizeImage", width);
  if (method === "nearest") return nearest(image, height, width);
  const filter = filters[method];
  if (!filter)
    throw new ArgumentError(
      "resizeImage",
      `the method is ${JSON.stringify(method)}`,
      `Use one of ${Object.keys(filters).join(", ")}, nearest`,
    );
  const wide = width === w ? image : resample(image, 1, width, filter);
  return height === h ? wide : resample(wide, 0, height, filter);
}

function nearest(image: ArrayData, height: number, width: number): ArrayData {
  const [h, w, channels] = image.shape as [number, number, number];
  const out = allocate([height, width, channels], image.dtype);
  const rows = nearestPlaces(h, height);
  const columns = nearestPlaces(w, width);
  let at = 0;
  for (const y of rows)
    for (const x of columns) for (let c = 0; c < channels; c++) out.data[at++] = image.data[(y * w + x) * channels + c]!;
  return out;
}

/** PIL adds up steps, and its rounding decides where a place falls on the edge between two pixels. */
function nearestPlaces(size: number, wanted: number): number[] {
  const step = size / wanted;
  let at = step * 0.5;
  return Array.from({ length: wanted }, () => {
    const place = Math.min(size - 1, Math.floor(at));
    at += step;
    return place;
  });
}

/** For each output place, where its input begins and the weights of what follows. */
function coefficients(size: number, wanted: number, { support, weight }: Filter): { first: number; weights: number[] }[] {
  const scale = size / wanted;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const end = Math.min(size, Math.trunc(centre + support * stretch + 0.5));
    const weights = Array.from({ length: end - first }, (_, i) => weight((i + first - centre + 0.5) * (1 / stretch)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: sum === 0 ? weights : weights.map((v) => v / sum) };
  });
}

/** PIL keeps 8-bit weights as integers with this many fractional bits. */
const precision = 22;

function resample(image: ArrayData, axis: 0 | 1, wanted: number, filter: Filter): ArrayData {
  const [h, w, channels] = image.shape as [number, number, number];
  const bytes = image.dtype === "uint8";
  const places = coefficients(axis ? w : h, wanted, filter);
  if (bytes)
    for (const { weights } of places) weights.forEach((v, i) => (weights[i] = Math.trunc(v * 2 ** precision + (v < 0 ? -0.5 : 0.5))));
  const shape = axis ? [h, wanted, channels] : [wanted, w, channels];
  const out = allocate(shape, bytes ? "uint8" : image.dtype === "float64" ? "float64" : "float32");
  const step = axis ? channels : w * channels; // between neighbours along the axis
  const data = image.data;
  let at = 0;
  for (let y = 0; y < shape[0]!; y++)
    for (let x = 0; x < shape[1]!; x++) {
      const { first, weights } = places[axis ? x : y]!;
      const start = axis ? (y * w + first) * channels : (first * w + x) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = bytes ? 2 ** (precision - 1) : 0;
        for (let i = 0; i < weights.length; i++) sum += data[start + c + i * step]! * weights[i]!;
        out.data[at++] = bytes ? Math.min(255, Math.max(0, sum >> precision)) : sum;
      }
    }
  return out;
}
