import { Dataset, type FileEntry, imageFiles, readCifar } from "@gradus/data";
import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type Normalisation, square } from "./preprocess.ts";

/** Pictures of one size, uint8 [n, size, size, 3], and the class of each. */
export interface Pictures {
  readonly images: ArrayData;
  readonly labels: Int32Array;
}

/** What a network is trained and tested on. */
export interface ImageSet {
  readonly train: Pictures;
  readonly test: Pictures;
  readonly classes: readonly string[];
}

/** Says how far something has come: "reading pictures", 1200, 50000. */
export type Report = (what: string, done: number, total: number) => void;

/**
 * A set from files in folders `train/CLASS/…` and `test/CLASS/…` (or `val/CLASS/…`), or from the binary files of CIFAR-10
 * (`data_batch_1.bin` …, `test_batch.bin`). Pictures of other sizes are brought to `size`: the shorter side is scaled, the middle
 * cut out; photographs stand as their EXIF orientation says. FormatError where neither is there, or a file is damaged.
 */
export async function imageSet(files: readonly FileEntry[], size: number, report: Report = () => {}): Promise<ImageSet> {
  const binary = files.filter((f) => /(^|\/)(data_batch_\d+|test_batch)\.bin$/.test(f.name));
  if (binary.length) return cifarSet(binary, size);
  const [train, test] = (["train", "test"] as const).map((part) => files.filter((f) => partOf(f.name) === part)) as [
    FileEntry[],
    FileEntry[],
  ];
  if (!train.length || !test.length)
    throw new FormatError(
      "imageSet",
      `among ${files.length} files there are ${train.length} below a folder "train" and ${test.length} below "test" or "val"`,
      "Put pictures into train/CLASS/ and test/CLASS/, or give CIFAR-10's binary files",
    );
  const { classes } = imageFiles(train);
  const { classes: tested } = imageFiles(test);
  const unknown = tested.filter((name) => !classes.includes(name));
  if (unknown.length)
    throw new FormatError("imageSet", `there are test pictures of ${JSON.stringify(unknown[0])}, but none of these below "train"`);
  if (classes.length < 2) throw new FormatError("imageSet", `there is one class only, ${JSON.stringify(classes[0] ?? "")}`);
  return {
    train: await read(train, classes, size, (done, total) => report("reading training pictures", done, total)),
    test: await read(test, classes, size, (done, total) => report("reading test pictures", done, total)),
    classes,
  };
}

/** The first folder on the way that tells: a class may be called "test". */
function partOf(name: string): "train" | "test" | null {
  for (const folder of name.split("/").slice(0, -1)) {
    if (/^train(ing)?$/i.test(folder)) return "train";
    if (/^(test|val(id(ation)?)?)$/i.test(folder)) return "test";
  }
  return null;
}

async function read(
  files: readonly FileEntry[],
  classes: readonly string[],
  size: number,
  report: (done: number, total: number) => void,
): Promise<Pictures> {
  const { dataset } = imageFiles(files, { classes, channels: 3, orient: true });
  const total = dataset.size!;
  const length = size * size * 3;
  const pixels = new Uint8Array(total * length);
  const labels = new Int32Array(total);
  let n = 0;
  for await (const { image, label } of dataset) {
    pixels.set(square(image, size).data as Uint8Array, n * length);
    labels[n++] = label;
    if (n % 500 === 0 || n === total) report(n, total);
  }
  return { images: { dtype: "uint8", shape: [total, size, size, 3], data: pixels }, labels };
}

async function cifarSet(files: readonly FileEntry[], size: number): Promise<ImageSet> {
  if (size !== 32) throw new ArgumentError("imageSet", `CIFAR's pictures have 32 × 32 pixels, the network takes ${size} × ${size}`);
  const part = async (name: RegExp): Promise<Pictures> => {
    const chosen = files.filter((f) => name.test(f.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (!chosen.length) throw new FormatError("imageSet", `there is no ${name.source.replaceAll(/[\\^$()|/]/g, "")}`);
    const parts = await Promise.all(chosen.map(async (f) => readCifar(await f.read())));
    const labels = Int32Array.from(parts.flatMap((p) => [...p.labels]));
    const pixels = new Uint8Array(labels.length * 3072);
    let at = 0;
    for (const { images } of parts) {
      pixels.set(images.data as Uint8Array, at);
      at += images.data.length;
    }
    return { images: { dtype: "uint8", shape: [labels.length, 32, 32, 3], data: pixels }, labels };
  };
  return { train: await part(/data_batch_\d+\.bin$/), test: await part(/test_batch\.bin$/), classes: cifar10Classes };
}

/** Some of the pictures, evenly from first to last: read from folders, in equal shares of the classes. */
export function some({ images, labels }: Pictures, count: number): Pictures {
  const total = labels.length;
  if (!(Number.isInteger(count) && count >= 1 && count <= total))
    throw new ArgumentError("some", `${count} of ${total} pictures`, "Give a whole number from 1 to as many as there are");
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
  const length = images.data.length / total;
  const data = new Uint8Array(count * length);
  chosen.forEach((from, i) => {
    data.set((images.data as Uint8Array).subarray(from * length, (from + 1) * length), i * length);
  });
  return { images: { dtype: "uint8", shape: [count, ...images.shape.slice(1)], data }, labels: Int32Array.from(chosen, (i) => labels[i]!) };
}

export const cifar10Classes: readonly string[] = [
  ...["airplane", "automobile", "bird", "cat", "deer"],
  ...["dog", "frog", "horse", "ship", "truck"],
];

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
