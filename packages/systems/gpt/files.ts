import { setRandomSeed } from "@gradus/nn";
import { FormatError, type Source, StateError, safetensorsBytes, type Variable } from "@gradus/tensor";
import { openFile, openSafetensors, type RandomAccess, saveFile } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import { checkConfig, countWeights, type GptConfig, type RotaryScaling } from "./config.ts";
import { hasAdapters } from "./finetune.ts";
import type { LanguageModel } from "./language-model.ts";
import type { Bits } from "./linear.ts";
import { Gpt } from "./model.ts";
import { tokenizerFromJSON } from "./tokenizers/index.ts";

/** A language model in a folder is two files: its weights by their paths, and a description. */
export const weightsFile = "weights.safetensors";
export const descriptionFile = "model.json";

/** What `model.json` holds. */
interface Description {
  readonly system: "gpt";
  readonly format: 1;
  readonly config: GptConfig;
  /** Of each weight of the matrices; 32 where nothing is said. */
  readonly bits: Bits;
  readonly tokenizer: unknown;
  /** Tokens before every prompt; none where nothing is said. */
  readonly beginnings: readonly number[];
  readonly endings: readonly number[];
  /** How the weights came about, for people to read. */
  readonly training: unknown;
}

/** A language model as two files' contents. */
export interface ModelFiles {
  readonly description: string | Uint8Array;
  readonly weights: Source;
}

/** A language model with what its description says of its training. */
export interface LoadedModel extends LanguageModel {
  readonly training: unknown;
}

function describe({ network, tokenizer, beginnings = [], endings }: LanguageModel, training: unknown): string {
  if (hasAdapters(network))
    throw new StateError("saveLanguageModel", "the network has adapters", "Merge them, or save them alone: saveAdapters");
  const { config, tokens } = network;
  const description: Description = { system: "gpt", format: 1, config, bits: tokens.bits, tokenizer, beginnings, endings, training };
  return `${JSON.stringify(description, null, 1)}\n`;
}

/** Writes a language model into a folder, which must be there. `training` says how it came about, as plain JSON. StateError for adapters that are not merged. */
export async function saveLanguageModel(folder: string, model: LanguageModel, training: unknown = null): Promise<void> {
  const description = describe(model, training);
  await model.network.saveWeights(`${folder}/${weightsFile}`);
  await saveFile(`${folder}/${descriptionFile}`, [new TextEncoder().encode(description)]);
}

/** The same as contents of two files, for pages. */
export async function languageModelBytes(
  model: LanguageModel,
  training: unknown = null,
): Promise<{ description: string; weights: Uint8Array }> {
  const { network } = model;
  const weights = network.namedWeights().map(([path, w]): [string, Variable] => [path.slice(network.name.length + 1), w.variable]);
  return { description: describe(model, training), weights: await safetensorsBytes(Object.fromEntries(weights)) };
}

/**
 * A language model from a folder, or from the contents of its files. Every array of the weights is used exactly once. FormatError or
 * ShapeError for files that are damaged or do not belong together. `dropout`, whose chance follows from `seed`, is for
 * training it further.
 */
export async function loadLanguageModel(
  source: string | ModelFiles,
  { dropout = 0, seed }: { readonly dropout?: number; readonly seed?: number } = {},
): Promise<LoadedModel> {
  const { description, weights } = typeof source === "string" ? await inFolder(source) : source;
  const { config, bits, tokenizer: json, beginnings, endings, training } = parse(description);
  const tokenizer = tokenizerFromJSON(json);
  if (tokenizer.size > config.vocabulary)
    throw new FormatError("loadLanguageModel", `the tokenizer has ${tokenizer.size} tokens, the network knows ${config.vocabulary}`);
  // Before memory is asked for: a damaged description may claim any size.
  const [there, wanted] = [await sizeOf(weights), countWeights(config)];
  // Codes of 4 bits are two to a number, and scales come with them.
  if (bits === 32 ? there !== wanted : there < wanted / 2)
    throw new FormatError(
      "loadLanguageModel",
      `there are ${there} weights, and the network described has ${wanted}`,
      "The files may be of different models",
    );
  if (seed !== undefined) setRandomSeed(seed);
  const network = new Gpt(config, { dropout, bits });
  await network.loadWeights(weights);
  return { network, tokenizer, beginnings, endings, training };
}

async function inFolder(folder: string): Promise<ModelFiles> {
  const { readFile } = await import("node:fs/promises");
  const description = await readFile(`${folder}/${descriptionFile}`).catch(() => {
    throw new FormatError("loadLanguageModel", `there is no ${folder}/${descriptionFile}`, "Give a folder that gradus train gpt wrote");
  });
  return { description, weights: `${folder}/${weightsFile}` };
}

/** How many numbers a `.safetensors` file holds. */
async function sizeOf(source: Source): Promise<number> {
  const count = async (file: RandomAccess): Promise<number> => {
    const { entries } = await openSafetensors(file);
    return [...entries.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  };
  if (typeof source !== "string") {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
    return count({ size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });
  }
  const file = await openFile(source).catch(() => {
    throw new FormatError("loadLanguageModel", `there is no ${source}`);
  });
  return count(file).finally(() => file.close());
}

function parse(given: string | Uint8Array): Description {
  const fail = (problem: string): never => {
    throw new FormatError("loadLanguageModel", `the description ${problem}`, "Give the model.json that training wrote");
  };
  const value = parseJson(given, fail);
  const { system, format, config, beginnings = [], endings, bits = 32, ...rest } = (value ?? {}) as Partial<Description>;
  if (system !== "gpt" || format !== 1) fail("is not of a language model");
  if (![32, 8, 4].includes(bits)) fail(`says ${JSON.stringify(bits)} bits`);
  const tokens = (list: unknown): boolean => Array.isArray(list) && list.every((id) => Number.isInteger(id) && (id as number) >= 0);
  if (!tokens(endings)) fail("lists no endings");
  if (!tokens(beginnings)) fail("lists no tokens as beginnings");
  return {
    system: "gpt",
    format: 1,
    config: parseConfig(config, fail),
    bits,
    tokenizer: rest.tokenizer,
    beginnings,
    endings: endings!,
    training: rest.training ?? null,
  };
}

const choices: Readonly<Partial<Record<keyof GptConfig, readonly unknown[]>>> = {
  positions: ["learned", "rotary"],
  norm: ["layer", "rms"],
  activation: ["gelu", "geluTanh", "relu", "silu"],
  gated: [true, false],
  bias: ["all", "qkv", "none"],
  tied: [true, false],
};

function parseConfig(value: unknown, fail: (problem: string) => never): GptConfig {
  if (typeof value !== "object" || value === null) return fail("has no configuration");
  const config = value as GptConfig;
  for (const [name, allowed] of Object.entries(choices))
    if (!allowed.includes(config[name as keyof GptConfig])) fail(`says ${JSON.stringify(config[name as keyof GptConfig])} for ${name}`);
  if (!(typeof config.rotary === "object" && config.rotary !== null && isScaling(config.rotary.scaling)))
    fail("does not say how positions turn");
  try {
    return checkConfig(config);
  } catch (error) {
    return fail(`does not fit together: ${(error as Error).message}`);
  }
}

/** What each kind of scaling says besides its name. */
const scalingNumbers: Readonly<Record<RotaryScaling["kind"], readonly string[]>> = {
  linear: ["factor"],
  llama3: ["factor", "lowFrequencyFactor", "highFrequencyFactor", "originalContext"],
};

function isScaling(scaling: RotaryScaling | null): boolean {
  if (scaling === null) return true;
  const { kind, ...numbers } = scaling ?? {};
  if (!Object.hasOwn(scalingNumbers, kind)) return false;
  return scalingNumbers[kind].every((name) => ((numbers as Record<string, unknown>)[name] as number) > 0);
}
