import { type DecodeOptions, decodeImage } from "@gradus/data";
import type { Model } from "@gradus/nn";
import { ArgumentError, FormatError, type Source, softmax, type Tensor, tensor } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import { configOf, type ResNetConfig } from "./config.ts";
import { imagenetClasses } from "./imagenet-classes.ts";
import { resnet } from "./model.ts";
import { imagenetNormalisation, type Normalisation, preprocess } from "./preprocess.ts";
import { loadWeights } from "./weights.ts";

/** What a network needs to be told besides its weights. */
export interface Description {
  /** Name of the configuration: "resnet20". */
  readonly config: string;
  readonly classes: readonly string[];
  readonly normalisation: Normalisation;
  /** See `PreprocessOptions`. Default: the network's size where that is small, 256 for 224. */
  readonly resize?: number;
}

export interface Guess {
  readonly class: string;
  readonly probability: number;
}

/** A network with the names of its classes and the way pictures are prepared for it. */
export class Classifier {
  readonly model: Model;
  readonly config: ResNetConfig;
  readonly description: Description;

  constructor(description: Description) {
    const { classes } = description;
    this.description = description;
    this.config = configOf(description.config, { classes: classes.length });
    this.model = resnet(this.config);
  }

  /** A picture, uint8 [height, width, 3], as the network takes it: float32 [size, size, 3]. */
  prepare(image: ArrayData): ArrayData {
    const { imageSize: size, stem } = this.config;
    const { normalisation, resize = stem === "small" ? size : undefined } = this.description;
    // Small networks were trained on whole pictures; torchvision's on parts.
    return preprocess(image, { size, normalisation, ...(resize === undefined ? {} : { resize }) });
  }

  /** Probabilities [B, classes] of prepared pictures [B, size, size, 3]. */
  probabilities(x: Tensor): Tensor {
    return softmax(this.model(x) as Tensor);
  }

  /** The likeliest classes of each picture. */
  async classify(images: readonly ArrayData[], top = 5): Promise<Guess[][]> {
    if (!(Number.isInteger(top) && top >= 1)) throw new ArgumentError("classify", `top is ${top}`, "Give a whole number from 1 on");
    if (!images.length) return [];
    const { classes } = this.description;
    const size = this.config.imageSize;
    const pixels = new Float32Array(images.length * size * size * 3);
    images.forEach((image, i) => {
      pixels.set(this.prepare(image).data as Float32Array, i * size * size * 3);
    });
    const p = (await this.probabilities(tensor(pixels).reshape([images.length, size, size, 3])).data()) as Float32Array;
    if (!p.every(Number.isFinite))
      throw new FormatError(
        "classify",
        "the network gives numbers that are not finite",
        "Its weights are damaged, or its training diverged",
      );
    return images.map((_, i) => {
      const row = p.subarray(i * classes.length, (i + 1) * classes.length);
      const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]!);
      return order.slice(0, top).map((k) => ({ class: classes[k]!, probability: row[k]! }));
    });
  }
}

/** The network of a description with weights from a file; strict, see `loadWeights`. */
export async function loadClassifier(description: Description, weights: Source): Promise<Classifier> {
  const classifier = new Classifier(description);
  await loadWeights(classifier.model, weights);
  return classifier;
}

/**
 * How torchvision's networks for ImageNet take pictures, and their 1,000 classes; for its weights V2 add `resize: 232`. ArgumentError for
 * others.
 */
export function imagenetDescription(config: string): Description {
  // torchvision has the strides of its own networks only; the arrays would fit the paper's as well.
  if (configOf(config).classes !== 1000 || config.endsWith("-paper"))
    throw new ArgumentError(
      "imagenetDescription",
      `${config} is no network of torchvision`,
      "Use resnet18, resnet34, resnet50, resnet101 or resnet152",
    );
  return { config, classes: imagenetClasses, normalisation: imagenetNormalisation };
}

/** A description from the JSON beside trained weights. FormatError for anything else. */
export function parseDescription(text: string, where: string): Description {
  const { config, classes, normalisation, resize } = (parseJson(text) ?? {}) as Description;
  const numbers = (list: unknown) => Array.isArray(list) && list.length === 3 && list.every((v) => Number.isFinite(v));
  const names = Array.isArray(classes) && classes.length > 0 && classes.every((c) => typeof c === "string");
  const known = resize === undefined || Number.isInteger(resize);
  if (typeof config === "string" && names && numbers(normalisation?.mean) && numbers(normalisation?.deviation) && known) {
    const { mean, deviation } = normalisation;
    return { config, classes, normalisation: { mean, deviation }, ...(resize === undefined ? {} : { resize }) };
  }
  throw new FormatError(
    "parseDescription",
    `${where} does not describe a network`,
    "It needs config, classes and normalisation, as training writes them",
  );
}

/**
 * The picture in a file, uint8 [height, width, 3]: photographs upright as their EXIF orientation says (torchvision leaves that to
 * `ImageOps.exif_transpose`; `orient: false` leaves it out), grey becomes RGB, alpha is dropped. FormatError for what is no JPEG or PNG.
 */
export const readPicture = (bytes: Uint8Array, options: DecodeOptions = {}): Promise<ArrayData> =>
  decodeImage(bytes, { orient: true, ...options, channels: 3 });
