import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bits, descriptionFile, type LanguageModel, loadHuggingFace, loadLanguageModel, quantize } from "@gradus/systems/gpt";
import { ArgumentError } from "@gradus/tensor";

/**
 * A language model from a folder that `gradus train gpt` wrote or one of Hugging Face; without a folder, the one that comes with Gradus.
 * `bits`: weights of the matrices of 8 or 4 bits, where the folder has 32 or 16.
 */
export async function languageModel(command: string, folder?: string, bits: Bits = 32): Promise<LanguageModel> {
  if (folder === undefined) return encoded(await shippedModel(), bits);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ArgumentError(command, `there is no folder ${folder}`, "Give one that gradus train gpt wrote, or one of Hugging Face");
  if (existsSync(join(folder, descriptionFile))) return encoded(await loadLanguageModel(folder), bits);
  if (existsSync(join(folder, "config.json"))) return loadHuggingFace(folder, { bits });
  throw new ArgumentError(
    command,
    `${folder} holds neither ${descriptionFile} nor config.json`,
    "Give a folder that gradus train gpt wrote, or one of Hugging Face",
  );
}

async function encoded(model: LanguageModel, bits: Bits): Promise<LanguageModel> {
  return bits === 32 || model.network.tokens.bits !== 32 ? model : { ...model, network: await quantize(model.network, bits) };
}

/** Verses by a network that knows Shakespeare's, character by character. */
async function shippedModel(): Promise<LanguageModel> {
  const path = (name: string) => fileURLToPath(import.meta.resolve(`@gradus/systems/gpt/weights/${name}`));
  return loadLanguageModel({ description: await readFile(path("shakespeare.json")), weights: path("shakespeare.safetensors") });
}
