import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bits, descriptionFile, type LanguageModel, loadHuggingFace, loadLanguageModel, quantize } from "@gradus/systems/gpt";
import { ArgumentError } from "@gradus/tensor";

export interface ModelOptions {
  /** Matrices with weights of 8 or 4 bits, where the folder has 32 or 16. */
  readonly bits?: Bits | undefined;
  /** For training it further; its chance follows from `seed`. */
  readonly dropout?: number;
  readonly seed?: number;
}

/**
 * A language model from a folder that `gradus train gpt` wrote or one of Hugging Face; without a folder, the one that comes with Gradus.
 * ArgumentError for a folder that holds neither, and for a model whose weights have few bits already, but others.
 */
export async function languageModel(command: string, folder?: string, options: ModelOptions = {}): Promise<LanguageModel> {
  const { bits = 32, dropout = 0, seed } = options;
  const training = { dropout, ...(seed === undefined ? {} : { seed }) };
  if (folder === undefined) return encoded(command, await shippedModel(), bits);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ArgumentError(command, `there is no folder ${folder}`, "Give one that gradus train gpt wrote, or one of Hugging Face");
  if (existsSync(join(folder, descriptionFile))) return encoded(command, await loadLanguageModel(folder, training), bits);
  if (existsSync(join(folder, "config.json"))) return loadHuggingFace(folder, { bits, ...training });
  throw new ArgumentError(
    command,
    `${folder} holds neither ${descriptionFile} nor config.json`,
    "Give a folder that gradus train gpt wrote, or one of Hugging Face",
  );
}

async function encoded(command: string, model: LanguageModel, bits: Bits): Promise<LanguageModel> {
  const { bits: has } = model.network.tokens;
  if (bits === 32 || bits === has) return model;
  if (has !== 32)
    throw new ArgumentError(command, `--bits is ${bits}, and the model's weights have ${has} bits already`, "Leave --bits out");
  return { ...model, network: await quantize(model.network, bits) };
}

/** Verses by a network that knows Shakespeare's, character by character. */
async function shippedModel(): Promise<LanguageModel> {
  const path = (name: string) => fileURLToPath(import.meta.resolve(`@gradus/systems/gpt/weights/${name}`));
  return loadLanguageModel({ description: await readFile(path("shakespeare.json")), weights: path("shakespeare.safetensors") });
}
