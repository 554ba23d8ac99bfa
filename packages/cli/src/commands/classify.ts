import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isImageName } from "@gradus/data";
import { folderFiles } from "@gradus/data/node";
import {
  type Classifier,
  configOf,
  type Description,
  imagenetDescription,
  loadClassifier,
  parseDescription,
  readPicture,
} from "@gradus/systems/resnet";
import { ArgumentError, GradusError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { ownErrors } from "../own-errors.ts";
import { fileProblem } from "../system-errors.ts";
import { bar, line, styled } from "../terminal.ts";

export interface ClassifyOptions {
  readonly model: string;
  readonly weights?: string;
  readonly top: number;
  readonly resize?: number;
  readonly json?: boolean;
}

const atOnce = 16;

/** The weights that come with Gradus. */
function shipped(model: string): string {
  const path = fileURLToPath(import.meta.resolve(`@gradus/systems/resnet/weights/${model}.safetensors`));
  if (existsSync(path)) return path;
  throw new ArgumentError(
    "gradus classify",
    `${model} comes without weights`,
    "Give a file with --weights: torchvision's state dict as .safetensors, or what gradus train resnet wrote",
  );
}

async function load({ model, weights: given, resize }: ClassifyOptions): Promise<Classifier> {
  const { classes } = await ownErrors("gradus classify", `--model ${model}`, () => configOf(model));
  const weights = given ?? shipped(model);
  if (!existsSync(weights)) throw new ArgumentError("gradus classify", `there is no file ${weights}`);
  if (!weights.endsWith(".safetensors"))
    throw new ArgumentError("gradus classify", `${weights} does not end in .safetensors`, "Convert other state dicts to safetensors first");
  const beside = weights.replace(/\.safetensors$/, ".json");
  const text = await readFile(beside, "utf8").catch(() => null);
  if (text === null && classes !== 1000)
    throw new ArgumentError(
      "gradus classify",
      `there is no ${beside}, which tells classes and normalisation`,
      "gradus train resnet writes it; for torchvision's weights name their network, such as --model resnet50",
    );
  const description: Description = text === null ? imagenetDescription(model) : parseDescription(text, beside);
  if (description.config !== model)
    throw new ArgumentError(
      "gradus classify",
      `the weights are of ${description.config}, not of ${model}`,
      `Use --model ${description.config}`,
    );
  return loadClassifier(resize === undefined ? description : { ...description, resize }, weights);
}

interface Picture {
  readonly name: string;
  readonly read: () => Promise<Uint8Array>;
}

/** The files named, and the pictures in the folders named. */
async function picturesOf(paths: readonly string[]): Promise<Picture[]> {
  const found: Picture[] = [];
  for (const path of paths) {
    if (!existsSync(path)) throw new ArgumentError("gradus classify", `there is no file ${path}`);
    if (!statSync(path).isDirectory()) {
      found.push({ name: path, read: async () => new Uint8Array(await readFile(path)) });
      continue;
    }
    const inside = (await folderFiles(path, { followLinks: true })).filter((f) => isImageName(f.name));
    if (!inside.length) throw new ArgumentError("gradus classify", `there is no .jpg or .png in ${path}`);
    found.push(...inside.map((f) => ({ name: join(path, f.name), read: f.read })));
  }
  return found;
}

/** `gradus classify`: what is on pictures. Files that are no pictures are told, the others answered; then it fails. */
export async function classify(paths: readonly string[], options: ClassifyOptions): Promise<void> {
  const { top, json = false } = options;
  if (!(Number.isInteger(top) && top >= 1)) throw new ArgumentError("gradus classify", `--top is ${top}`, "Give a whole number from 1 on");
  const pictures = await picturesOf(paths);
  const classifier = await load(options);
  const failures: string[] = [];
  const progress = bar("{bar} {value}/{total} pictures", json || pictures.length < 4 * atOnce);
  for (let i = 0; i < pictures.length; i += atOnce) {
    const read: { name: string; image: ArrayData }[] = [];
    for (const { name, read: bytes } of pictures.slice(i, i + atOnce)) {
      try {
        read.push({ name, image: await readPicture(await bytes()) });
      } catch (error) {
        const problem = error instanceof GradusError ? `${name}: ${error.message}` : fileProblem(error, name);
        if (problem === null) throw error;
        failures.push(problem);
      }
    }
    const guesses = await classifier.classify(
      read.map((r) => r.image),
      top,
    );
    progress.above(() => {
      guesses.forEach((list, k) => {
        const file = read[k]!.name;
        if (json) return line(JSON.stringify({ file, top: list }));
        line(styled("bold", file));
        for (const { class: name, probability } of list)
          line(`  ${(100 * probability).toFixed(1).padStart(5)} %  ${"█".repeat(Math.round(24 * probability)).padEnd(24)} ${name}`);
      });
    });
    progress.update(Math.min(i + atOnce, pictures.length), pictures.length, {});
  }
  progress.stop();
  if (failures.length)
    throw new ArgumentError(
      "gradus classify",
      failures.join("\n"),
      failures.length < pictures.length ? "The other pictures were classified" : undefined,
    );
}
