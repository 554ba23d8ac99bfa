import { FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { allocate } from "../dataset/element.ts";
import { type ByteSource, type ReadOptions, readBytes } from "./source.ts";

/** Images, uint8 [n, 32, 32, 3], and their labels; for CIFAR-100 also the coarse ones of 20 groups. */
export interface Cifar {
  readonly images: ArrayData;
  readonly labels: Int32Array;
  readonly coarseLabels?: Int32Array;
}

/**
 * The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label (CIFAR-100: coarse, fine) and 3072
 * bytes, the red plane first. Throws FormatError for sizes and labels that such files do not have.
 */
export async function readCifar(source: ByteSource, options: ReadOptions & { readonly classes?: 10 | 100 } = {}): Promise<Cifar> {
  const operation = "readCifar";
  const { classes = 10 } = options;
  const bytes = await readBytes(source, options);
  const before = classes === 10 ? 1 : 2;
  const record = before + 3072;
  if (!bytes.length || bytes.length % record)
    throw new FormatError(
      operation,
      `${bytes.length} bytes are no multiple of a record's ${record}`,
      "It may be truncated, or of the other CIFAR",
    );
  const count = bytes.length / record;
  const images = allocate([count, 32, 32, 3], "uint8");
  const labels = new Int32Array(count);
  const coarse = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * record;
    labels[i] = bytes[at + before - 1]!;
    coarse[i] = bytes[at]!;
    if (labels[i]! >= classes || (classes === 100 && coarse[i]! >= 20))
      throw new FormatError(
        operation,
        `record ${i} has the label ${labels[i]}, there are ${classes} classes`,
        "Is it CIFAR's binary version?",
      );
    for (let pixel = 0; pixel < 1024; pixel++)
      for (let c = 0; c < 3; c++) images.data[3 * (1024 * i + pixel) + c] = bytes[at + before + 1024 * c + pixel]!;
  }
  return classes === 10 ? { images, labels } : { images, labels, coarseLabels: coarse };
}
