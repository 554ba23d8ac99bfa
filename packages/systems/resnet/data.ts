import { Dataset, type FileEntry } from "@gradus/data";
import type { ArrayData } from "@gradus/tensor/io";
import { type ImageSet, type Pictures, type Report, imageSet as readImageSet } from "../image-set.ts";
import type { Normalisation } from "./preprocess.ts";

/**
 * A set of pictures in colour, brought to `size`, from files: pictures in `train/CLASS/…` and `test/CLASS/…`, the binary files of CIFAR-10,
 * or IDX files of MNIST's kind. FormatError where none of these is there, or a file is damaged.
 */
export const imageSet = (files: readonly FileEntry[], size: number, report: Report = () => {}): Promise<ImageSet> =>
  readImageSet(files, { size, channels: 3, report });

/** Mean and deviation of each channel over all pixels of some pictures. */
export function normalisationOf({ images }: Pictures): Normalisation {
  const [sum, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const data = images.data as Uint8Array;
  for (let i = 0; i < data.length; i++) {
    const v = data[i]! / 255;
    sum![i % 3]! += v;
    squares![i % 3]! += v * v;
  }
  const n = data.length / 3;
  const mean = sum!.map((s) => s / n);
  return { mean, deviation: squares!.map((s, c) => Math.sqrt(Math.max(s / n - mean[c]! ** 2, 1e-12))) };
}

/**
 * Batches [x, y] to train with, x float32 [B, size, size, 3], in a new order in each pass, varied as in §4.2: with `shift` pixels of
 * the mean colour added on each side, a window of the picture's size is cut at random, and left and right are exchanged in half of
 * the pictures. The last, smaller batch is left out.
 */
export function trainingBatches(pictures: Pictures, normalisation: Normalisation, batchSize: number, seed: number) {
  const { labels, images } = pictures;
  const shift = Math.max(1, Math.round(images.shape[1]! / 8));
  const take = taker(pictures, normalisation);
  return Dataset.range(labels.length)
    .shuffle(labels.length, { seed })
    .map((i, { random }) => {
      const [down, right] = [random.integer(2 * shift + 1) - shift, random.integer(2 * shift + 1) - shift];
      return [take(i, down, right, random.chance(0.5)), labels[i]!] as const;
    })
    .batch(batchSize, { dropRemainder: true });
}

/** Batches [x, y] of pictures as they are, in their order; by default of 250 small ones, of fewer large ones. */
export function plainBatches(pictures: Pictures, normalisation: Normalisation, batchSize = atOnce(pictures)) {
  const take = taker(pictures, normalisation);
  return Dataset.range(pictures.labels.length)
    .map((i) => [take(i, 0, 0, false), pictures.labels[i]!] as const)
    .batch(batchSize);
}

/** So many that a batch has at most two million pixels: what a network makes of them has to fit into memory beside its training. */
const atOnce = ({ images: { shape } }: Pictures): number => Math.max(1, Math.min(250, Math.floor(2 ** 21 / (shape[1]! * shape[2]!))));

/** Picture i, normalised, moved and mirrored, in one pass over its pixels: what lies outside is 0, the mean. */
function taker({ images }: Pictures, { mean, deviation }: Normalisation) {
  const [, height, width] = images.shape as [number, number, number, number];
  const bytes = images.data as Uint8Array;
  // value of byte v in channel c: 256 c + v
  const values = new Float32Array(768);
  for (let c = 0; c < 3; c++) for (let v = 0; v < 256; v++) values[256 * c + v] = (v / 255 - mean[c]!) / deviation[c]!;
  return (i: number, down: number, right: number, mirrored: boolean): ArrayData => {
    const data = new Float32Array(height * width * 3);
    for (let y = 0; y < height; y++) {
      if (y + down < 0 || y + down >= height) continue;
      const row = (i * height + y + down) * width;
      for (let x = 0; x < width; x++) {
        const from = right + (mirrored ? width - 1 - x : x);
        if (from < 0 || from >= width) continue;
        const [source, target] = [3 * (row + from), 3 * (y * width + x)];
        data[target] = values[bytes[source]!]!;
        data[target + 1] = values[256 + bytes[source + 1]!]!;
        data[target + 2] = values[512 + bytes[source + 2]!]!;
      }
    }
    return { dtype: "float32", shape: [height, width, 3], data };
  };
}
