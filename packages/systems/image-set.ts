import { type FileEntry, fashionMnistClasses, imageFiles, isImageName, readCifar, readIdx, resizeImage } from "@gradus/data";
import { ArgumentError, FormatError, GradusError, OutOfMemoryError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { square } from "./square.ts";

/** Pictures of one size, uint8 [n, size, size, channels], and the class of each. */
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

export interface ImageSetOptions {
  /** Pictures are brought to this side: the shorter one is scaled, the middle cut out. Default: all are squares of one size. */
  readonly size?: number;
  /** 3: colours, also for what is grey. Default: 1 where no picture has colours. */
  readonly channels?: 3;
  /** Whether pictures have classes. Without, they may lie in any folders, and `classes` is empty. Default true. */
  readonly labelled?: boolean;
  /** Where there are no pictures to test with, this share of the others is kept for it. Default 0: they have to be there. */
  readonly keptForTest?: number;
  readonly report?: Report;
}

const operation = "imageSet";

/**
 * A set of pictures from files: JPEG and PNG in folders `train/CLASS/…` and `test/CLASS/…` (or `val/CLASS/…`), at any depth there, or in
 * `CLASS/…` alone; the binary files of CIFAR-10 (`data_batch_1.bin` …, `test_batch.bin`); IDX files as MNIST and Fashion-MNIST come in.
 * Photographs stand as their EXIF orientation says. FormatError where none of these is there, where sizes differ and no `size` is given,
 * for a damaged file.
 */
export async function imageSet(files: readonly FileEntry[], options: ImageSetOptions = {}): Promise<ImageSet> {
  const binary = files.filter((f) => /(^|\/)(data_batch_\d+|test_batch)\.bin$/.test(f.name));
  const idx = files.filter((f) => idxName.test(f.name));
  const set = binary.length ? await cifarSet(binary) : idx.length ? await idxSet(idx) : await folderSet(files, options);
  return arranged(set, options);
}

/** A set with pictures of the size and channels that are asked for, without classes if these are not wanted. As `imageSet` otherwise. */
export function arranged({ train, test, classes }: ImageSet, { labelled = true, size, channels }: ImageSetOptions): ImageSet {
  if (labelled) checkClasses(classes);
  const [a, b] = [train, test].map(({ images }) => (size === undefined ? images : resized(images, size))) as [ArrayData, ArrayData];
  if (a.shape[1] !== b.shape[1])
    throw new FormatError(operation, `training pictures have ${a.shape[1]} pixels a side, test pictures ${b.shape[1]}`, sizeHint);
  const wanted = channels ?? (isGrey(a) && isGrey(b) ? 1 : 3);
  const part = (images: ArrayData, labels: Int32Array): Pictures => ({
    images: withChannels(images, wanted),
    labels: labelled ? labels : new Int32Array(labels.length),
  });
  return { train: part(a, train.labels), test: part(b, test.labels), classes: labelled ? classes : [] };
}

function checkClasses(classes: readonly string[]): void {
  if (classes.length < 2)
    throw new FormatError(operation, `there is one class only, ${JSON.stringify(classes[0] ?? "")}`, "Put pictures into a folder a class");
}

/** What helps where sizes differ. */
const sizeHint = "Give a size to which all pictures are brought";

// ---------------------------------------------------------------------------------------------------- JPEG and PNG files

async function folderSet(files: readonly FileEntry[], options: ImageSetOptions): Promise<ImageSet> {
  const { labelled = true, keptForTest = 0, size, report = () => {} } = options;
  const pictures = files.filter((f) => isImageName(f.name));
  let [train, test] = (["train", "test"] as const).map((part) => pictures.filter((f) => placeOf(f.name).part === part)) as [
    FileEntry[],
    FileEntry[],
  ];
  if (keptForTest) {
    if (!pictures.length)
      throw new FormatError(
        operation,
        `there is no picture among ${files.length} files`,
        "Give JPEG or PNG files in a folder a class, CIFAR-10's binary files, or IDX files as those of MNIST",
      );
    // Without folders that say so, all is for training.
    if (!train.length) train = pictures.filter((f) => !test.includes(f));
    if (!test.length) [train, test] = divided(train, keptForTest);
  }
  if (!train.length || !test.length)
    throw new FormatError(
      operation,
      `among ${files.length} files there are ${train.length} below a folder "train" and ${test.length} below "test" or "val"`,
      "Put pictures into train/CLASS/ and test/CLASS/, or give CIFAR-10's binary files",
    );
  const { classes } = imageFiles(train, { classOf });
  if (labelled) checkClasses(classes);
  const stray = [...train, ...test].find((f) => classOf(f.name) === "");
  if (labelled && stray)
    throw new FormatError(operation, `${stray.name} lies in no folder of a class`, "Put pictures into a folder a class");
  const unknown = imageFiles(test, { classOf }).classes.filter((name) => !classes.includes(name));
  if (labelled && unknown.length)
    throw new FormatError(operation, `there are test pictures of ${JSON.stringify(unknown[0])}, but none of these below "train"`);
  // Where classes do not count, a picture may lie anywhere.
  const among = labelled ? classes : [...new Set([...classes, ...unknown])];
  return {
    train: await read(train, among, size, (done, total) => report("reading training pictures", done, total)),
    test: await read(test, among, size, (done, total) => report("reading test pictures", done, total)),
    classes,
  };
}

/**
 * Where a picture belongs: the first folder on the way that tells the part (a class may be called "test"), and the class's folder in it,
 * as torchvision's `ImageFolder` has it. Without a part: the folder it lies in. "" where there is no such folder.
 */
function placeOf(name: string): { readonly part: "train" | "test" | null; readonly label: string } {
  const folders = name.split("/").slice(0, -1);
  for (const [i, folder] of folders.entries()) {
    const label = folders[i + 1] ?? "";
    if (/^train(ing)?$/i.test(folder)) return { part: "train", label };
    if (/^(test|val(id(ation)?)?)$/i.test(folder)) return { part: "test", label };
  }
  return { part: null, label: folders.at(-1) ?? "" };
}
const classOf = (name: string): string => placeOf(name).label;

/** Every so-many-th picture, folder by folder, and one at least, for testing; the others for training. */
function divided(pictures: readonly FileEntry[], share: number): [train: FileEntry[], test: FileEntry[]] {
  const folderOf = ({ name }: FileEntry): string => name.split("/").slice(0, -1).join("/");
  const sorted = pictures.toSorted((a, b) => (folderOf(a) < folderOf(b) ? -1 : Number(folderOf(a) > folderOf(b))));
  const isTest = (i: number): boolean => Math.floor((i + 1) * share) > Math.floor(i * share);
  const first = sorted.some((_, i) => isTest(i)) ? isTest : (i: number): boolean => i === sorted.length - 1;
  return [sorted.filter((_, i) => !first(i)), sorted.filter((_, i) => first(i))];
}

async function read(
  files: readonly FileEntry[],
  classes: readonly string[],
  size: number | undefined,
  report: (done: number, total: number) => void,
): Promise<Pictures> {
  const { dataset } = imageFiles(files, { classes, classOf, channels: 3, orient: true });
  const total = dataset.size!;
  const labels = new Int32Array(total);
  let [n, side] = [0, size ?? 0];
  let pixels = room(size ? total : 0, side);
  for await (const { image, label, name } of dataset) {
    const [height, width] = image.shape as [number, number];
    if (!side) {
      side = height;
      pixels = room(total, side);
    }
    if (size === undefined && (height !== side || width !== side))
      throw new FormatError(
        operation,
        `${name} has ${width} × ${height} pixels, ${height === width ? `others have ${side} × ${side}` : "squares are expected"}`,
        sizeHint,
      );
    pixels.set((size === undefined ? image : square(image, size)).data as Uint8Array, n * side * side * 3);
    labels[n++] = label;
    if (n % 500 === 0 || n === total) report(n, total);
  }
  return { images: { dtype: "uint8", shape: [total, side, side, 3], data: pixels }, labels };
}

/** Memory for pictures in colour. OutOfMemoryError where there is not enough. */
function room(count: number, side: number): Uint8Array<ArrayBuffer> {
  const bytes = count * side * side * 3;
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw new OutOfMemoryError(operation, `${count} pictures of ${side} × ${side} pixels take ${gigabytes} GiB`, "Give fewer of them");
  }
}

// ------------------------------------------------------------------------------------------------------ CIFAR-10 and MNIST

/** What is in a file; errors name it. */
async function reading<T>(file: FileEntry, read: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  try {
    return await read(await file.read());
  } catch (error) {
    throw error instanceof GradusError ? new (error.constructor as typeof GradusError)(file.name, error.message) : error;
  }
}

export const cifar10Classes: readonly string[] = [
  ...["airplane", "automobile", "bird", "cat", "deer"],
  ...["dog", "frog", "horse", "ship", "truck"],
];

async function cifarSet(files: readonly FileEntry[]): Promise<ImageSet> {
  const part = async (name: RegExp): Promise<Pictures> => {
    const chosen = files.filter((f) => name.test(f.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (!chosen.length) throw new FormatError(operation, `there is no ${name.source.replaceAll(/[\\^$()|/]/g, "")}`);
    const parts = await Promise.all(chosen.map((f) => reading(f, readCifar)));
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

/** "train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte": packed or not, as spelled by one or the other. */
const idxName = /(^|\/)(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$/;

async function idxSet(files: readonly FileEntry[]): Promise<ImageSet> {
  const of = async (part: string, what: string): Promise<ArrayData> => {
    const file = files.find((f) => f.name.split("/").at(-1)!.startsWith(`${part}-${what}`));
    if (!file)
      throw new FormatError(operation, `there is no ${part}-${what}-idx${what === "images" ? 3 : 1}-ubyte`, "Four files belong together");
    const array = await reading(file, readIdx);
    const axes = what === "images" ? 3 : 1;
    if (array.dtype !== "uint8" || array.shape.length !== axes)
      throw new FormatError(operation, `${file.name} holds ${array.dtype}[${array.shape.join(", ")}]`, `uint8 of ${axes} axes is expected`);
    return array;
  };
  const pictures = async (part: string): Promise<Pictures> => {
    const [images, labels] = [await of(part, "images"), await of(part, "labels")];
    const [n, height, width] = images.shape as [number, number, number];
    if (labels.shape[0] !== n)
      throw new FormatError(operation, `there are ${n} ${part} pictures and ${labels.shape[0]} labels`, "They are of different sets");
    if (height !== width) throw new FormatError(operation, `the pictures have ${width} × ${height} pixels`, "Squares are expected");
    return { images: { ...images, shape: [n, height, width, 1] }, labels: Int32Array.from(labels.data as Uint8Array) };
  };
  const [train, test] = [await pictures("train"), await pictures("t10k")];
  const classes = 1 + [train, test].flatMap(({ labels }) => [...new Set(labels)]).reduce((a, b) => Math.max(a, b), 0);
  return {
    train,
    test,
    classes: (await isFashion(train.labels)) ? fashionMnistClasses : Array.from({ length: classes }, (_, k) => `${k}`),
  };
}

/** Whether these are the labels of Fashion-MNIST: its files are named as MNIST's are. */
async function isFashion(labels: Int32Array): Promise<boolean> {
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(labels));
  const hex = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
  return hex === "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7";
}

// -------------------------------------------------------------------------------------------------------- sizes and colours

/** All pictures brought to one side. FormatError where that would take more than 2 GiB. */
function resized({ shape, data, dtype }: ArrayData, size: number): ArrayData {
  const [n, side, , channels] = shape as [number, number, number, number];
  if (side === size) return { shape, data, dtype };
  const each = size * size * channels;
  if (n * each > 2 ** 31)
    throw new ArgumentError(operation, `${n} pictures of ${size} × ${size} pixels would take more than 2 GiB`, "Give a smaller size");
  const all = new Uint8Array(n * each);
  const length = side * side * channels;
  for (let i = 0; i < n; i++) {
    const one = { dtype, shape: [side, side, channels], data: data.subarray(i * length, (i + 1) * length) } as ArrayData;
    all.set(resizeImage(one, [size, size], { method: "bilinear" }).data as Uint8Array, i * each);
  }
  return { dtype: "uint8", shape: [n, size, size, channels], data: all };
}

function isGrey({ shape, data }: ArrayData): boolean {
  if (shape[3] === 1) return true;
  for (let i = 0; i < data.length; i += 3) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

/** Grey as three equal colours, or three equal colours as grey. */
function withChannels(images: ArrayData, wanted: 1 | 3): ArrayData {
  const [n, height, width, channels] = images.shape as [number, number, number, number];
  if (channels === wanted) return images;
  const pixels = images.data as Uint8Array;
  const data = new Uint8Array(n * height * width * wanted);
  if (wanted === 1) for (let i = 0; i < data.length; i++) data[i] = pixels[3 * i]!;
  else for (let i = 0; i < pixels.length; i++) data.fill(pixels[i]!, 3 * i, 3 * i + 3);
  return { dtype: "uint8", shape: [n, height, width, wanted], data };
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
