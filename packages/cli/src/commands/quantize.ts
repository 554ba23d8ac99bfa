import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { descriptionFile, loadLanguageModel, quantize, saveLanguageModel } from "@gradus/systems/gpt";
import { ArgumentError } from "@gradus/tensor";
import { makeFolder } from "@gradus/tensor/io";
import { languageModel } from "../models.ts";
import { line } from "../terminal.ts";

const command = "gradus quantize";

export interface QuantizeOptions {
  readonly bits: 8 | 4;
  readonly out: string;
}

/** `gradus quantize`: the same model with fewer bits a weight. */
export async function quantizeModel(folder: string, { bits, out }: QuantizeOptions): Promise<void> {
  if (resolve(folder) === resolve(out)) throw new ArgumentError(command, `--out is ${out}, where the model is`, "Give another folder");
  const own = existsSync(join(folder, descriptionFile)) ? await loadLanguageModel(folder) : null;
  if (own && own.network.tokens.bits !== 32)
    throw new ArgumentError(command, `the weights in ${folder} have ${own.network.tokens.bits} bits already`, "Give a model of 32");
  const model = own ? { ...own, network: await quantize(own.network, bits) } : await languageModel(command, folder, { bits });
  await makeFolder(out);
  // The record of the training stays with the weights.
  await saveLanguageModel(out, model, own?.training ?? null);
  const { size } = await stat(join(out, "weights.safetensors"));
  line(`${join(out, "weights.safetensors")}: ${(size / 1e6).toFixed(2)} MB`);
}
