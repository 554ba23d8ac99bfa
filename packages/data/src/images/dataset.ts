import { ArgumentError, GradusError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { collate } from "../dataset/batch.ts";
import { Dataset } from "../dataset/dataset.ts";
import { type Rows, rowsStage } from "../dataset/rows.ts";
import { rangeStage } from "../dataset/sources.ts";
import type { FileEntry } from "../formats/files.ts";
import { type DecodeOptions, decodeImage } from "./decode.ts";
import { type ResizeMethod, resizeImage } from "./resize.ts";

export interface ImageFilesOptions extends DecodeOptions {
  /** Brings all images to this size. Without it, images of different sizes cannot be batched. */
  readonly size?: readonly [height: number, width: number];
  readonly method?: ResizeMethod;
  /** Names of the classes in the order of their labels. Default: all that `classOf` tells, sorted. */
  readonly classes?: readonly string[];
  /** The class of an image by its path. Default: the folder it lies in. */
  readonly classOf?: (name: string) => string;
}

export interface LabelledImage {
  /** uint8 [height, width, channels]. */
  readonly image: ArrayData;
  /** Place of the class among `classes`. */
  readonly label: number;
  /** Path of the file. */
  readonly name: string;
}

/** Whether a file is a JPEG or PNG image by its name. Those that macOS puts beside others ("._cat.jpg") are none: they hold attributes. */
export const isImageName = (name: string): boolean => /(^|\/)(?!\._)[^/]*\.(jpe?g|png)$/i.test(name);

/**
 * Images in folders by class, `.../CLASS/NAME.jpg` or `.png`, from a folder or an archive (`archiveFiles`, `openArchive`):
 * a data set that reads and decodes an image when its turn comes, and the names of the classes. Shuffling, taking and
 * sharding happen before, on the files.
 */
export function imageFiles(
  files: readonly FileEntry[],
  options: ImageFilesOptions = {},
): { dataset: Dataset<LabelledImage>; classes: readonly string[] } {
  const { classOf = (name) => name.split("/").at(-2) ?? "" } = options;
  const images = files.filter((f) => isImageName(f.name));
  if (!images.length) throw new ArgumentError("imageFiles", `there is no .jpg or .png among ${files.length} files`);
  const classes = options.classes ?? [...new Set(images.map((f) => classOf(f.name)))].sort();
  const places = new Map(classes.map((name, k) => [name, k]));
  const chosen = images.filter((f) => places.has(classOf(f.name)));
  const load = async (index: number): Promise<LabelledImage> => {
    const file = chosen[index]!;
    return { image: await readImage(file, options), label: places.get(classOf(file.name))!, name: file.name };
  };
  const rows: Rows = {
    count: chosen.length,
    load() {},
    row: load,
    gather: async (indices) => collate(await Promise.all(indices.map(load)), "", { label: "int32" }, {}),
  };
  return { dataset: new Dataset(rowsStage<LabelledImage>(rows, rangeStage(rows.count))), classes };
}

async function readImage(file: FileEntry, options: ImageFilesOptions): Promise<ArrayData> {
  try {
    const image = await decodeImage(await file.read(), options);
    return options.size ? resizeImage(image, options.size, { method: options.method }) : image;
  } catch (error) {
    throw error instanceof GradusError ? new (error.constructor as typeof GradusError)(file.name, error.message) : error;
  }
}
