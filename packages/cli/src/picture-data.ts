import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { catalog, type FileEntry } from "@gradus/data";
import { loadDataset, openArchive } from "@gradus/data/node";
import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";

/** The files of a folder or an archive of pictures; ArgumentError, which says what was `expected`, for anything else. */
export async function pictureFiles(command: string, path: string, expected: string): Promise<FileEntry[]> {
  if (!existsSync(path)) throw new ArgumentError(command, `there is no ${path}`, `Give ${expected}`);
  try {
    return await openArchive(path, { followLinks: true });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const picture = /\.(jpe?g|png|gif|webp)$/i.test(path);
    const what = picture ? "one picture, where many were expected" : `no archive that can be read (${error.message})`;
    throw new ArgumentError(command, `${path} is ${what}`, `Give ${expected}`);
  }
}

/** Pictures of the catalog, from its cache or the network; ArgumentError where they cannot be had, with what helps on the command line. */
export async function publicPictures<K extends "cifar10" | "mnist" | "fashionMnist">(command: string, name: K) {
  try {
    return await loadDataset(name);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const { files } = catalog[name].variants[0]!;
    const names = files.map((file) => file.name).join(", ");
    const fix = files.length === 1 ? `Give the file: --data ${names}` : `Give a folder with ${names}: --data FOLDER`;
    throw new ArgumentError(command, error.problem, fix);
  }
}

interface Labelled {
  readonly images: ArrayData;
  readonly labels: Int32Array;
}

/** SHA-256 of the pictures and their classes. */
export function digestOf({ train, test }: { readonly train: Labelled; readonly test: Labelled }): string {
  const hash = createHash("sha256");
  for (const { images, labels } of [train, test]) hash.update(images.data as Uint8Array).update(labels);
  return hash.digest("hex");
}
