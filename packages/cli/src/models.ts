import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { descriptionFile, type LanguageModel, loadLanguageModel } from "@gradus/systems/gpt";
import { ArgumentError } from "@gradus/tensor";

/** A language model from a folder that `gradus train gpt` wrote; the one that comes with Gradus without a folder. */
export async function languageModel(command: string, folder?: string): Promise<LanguageModel> {
  if (folder === undefined) return shippedModel();
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ArgumentError(command, `there is no folder ${folder}`, "Give one that gradus train gpt wrote");
  if (existsSync(join(folder, descriptionFile))) return loadLanguageModel(folder);
  throw new ArgumentError(command, `${folder} holds no ${descriptionFile}`, "Give a folder that gradus train gpt wrote");
}

/** Verses by a network that knows Shakespeare's, character by character. */
async function shippedModel(): Promise<LanguageModel> {
  const path = (name: string) => fileURLToPath(import.meta.resolve(`@gradus/systems/gpt/weights/${name}`));
  return loadLanguageModel({ description: await readFile(path("shakespeare.json")), weights: path("shakespeare.safetensors") });
}
