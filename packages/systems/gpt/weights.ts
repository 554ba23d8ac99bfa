import { setRandomSeed } from "@gradus/nn";
import { FormatError, StateError, type Variable } from "@gradus/tensor";
import { type ModelFolder, readObject } from "../model-folder.ts";
import type { GptConfig } from "./config.ts";
import { hasAdapters } from "./finetune.ts";
import { arraysOf, Checkpoint, type Rule } from "./huggingface/checkpoint.ts";
import { type Format, readConfig, writeConfig } from "./huggingface/config.ts";
import { configIn, saveFolder } from "./huggingface/folder.ts";
import { tokenizerIn } from "./huggingface/tokenizer.ts";
import type { LanguageModel } from "./language-model.ts";
import type { Linear } from "./linear.ts";
import { Gpt, type GptOptions } from "./model.ts";
import type { HuggingFaceTokenizer } from "./tokenizers/index.ts";

/** As for a new network; what chance there is in dropout follows from `seed`. */
interface LoadOptions extends GptOptions {
  readonly seed?: number;
}

/** The configuration in a folder of Hugging Face. FormatError as for `loadGpt`. */
export async function readGptConfig(folder: ModelFolder): Promise<GptConfig> {
  return readConfig("readGptConfig", await configIn("readGptConfig", folder)).config;
}

/**
 * The network in a folder of Hugging Face (`config.json`, and `model.safetensors` or its shards): GPT-2's kind, Llama's, Mistral's
 * without a sliding window, Qwen-2's. With 8 or 4 bits each matrix is encoded as it is read. Every array is used exactly once.
 * FormatError for a configuration that we do not compute, for arrays that are missing or left over and for damaged files, ShapeError for
 * arrays of another shape; all that is checked before memory for the network is asked for.
 */
export async function loadGpt(folder: ModelFolder, { seed, ...options }: LoadOptions = {}): Promise<Gpt> {
  const operation = "loadGpt";
  const { config, format } = readConfig(operation, await configIn(operation, folder));
  return Checkpoint.use(operation, folder, async (checkpoint) => {
    checkpoint.checkLayers(config.layers);
    const { rules, spare, table } = layouts[format](config, checkpoint.has(prefixed[format]));
    checkpoint.check(rules, (name) => spare.test(name) || (config.tied && name === "lm_head.weight"));
    if (config.tied && checkpoint.has("lm_head.weight") && !(await checkpoint.equal("lm_head.weight", table)))
      throw new FormatError(
        operation,
        `config.json says that the output layer is the table of tokens, and lm_head.weight differs from ${table}`,
      );
    if (seed !== undefined) setRandomSeed(seed);
    const network = new Gpt(config, options);
    await checkpoint.fill(network, rules);
    return network;
  });
}

/**
 * `loadGpt` with the folder's `tokenizer.json`, and the tokens that end a text (`generation_config.json`, else `config.json`, else the
 * tokenizer's own). FormatError also for a tokenizer that does not fit the network.
 */
export async function loadHuggingFace(
  folder: ModelFolder,
  options: LoadOptions = {},
): Promise<LanguageModel & { readonly tokenizer: HuggingFaceTokenizer }> {
  const operation = "loadHuggingFace";
  const json = await configIn(operation, folder);
  const { vocabulary } = readConfig(operation, json).config;
  // Before the weights: a mistake should not take minutes to show.
  const tokenizer = await tokenizerIn(operation, folder, vocabulary);
  const generation = await readObject(operation, folder, "generation_config.json");
  const endings = endingsOf(operation, generation?.["eos_token_id"] ?? json["eos_token_id"] ?? tokenizer.end ?? [], vocabulary);
  return { network: await loadGpt(folder, options), tokenizer, beginnings: tokenizer.template.before, endings };
}

function endingsOf(operation: string, value: unknown, vocabulary: number): number[] {
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  if (!list.every((id): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabulary))
    throw new FormatError(operation, `eos_token_id is ${JSON.stringify(value)}`, `A token of ${vocabulary} is expected, or a list of them`);
  return list;
}

/**
 * Writes a network as `config.json` and `model.safetensors`, which `transformers` and `loadGpt` read. The folder is made if it is not
 * there. ArgumentError for networks that neither GPT-2's, Llama's nor Qwen-2's format can describe, StateError for weights of 8 or 4 bits
 * and for adapters that are not merged.
 */
export async function saveHuggingFace(folder: string, network: Gpt, endings: readonly number[] = []): Promise<void> {
  const operation = "saveHuggingFace";
  const { json, format } = writeConfig(operation, network.config);
  if (network.tokens.bits !== 32)
    throw new StateError(operation, `the network's weights have ${network.tokens.bits} bits`, "Save the one that was encoded");
  if (hasAdapters(network)) throw new StateError(operation, "the network has adapters", "Merge them first: mergeAdapters(network)");
  const { rules } = layouts[format](network.config, true);
  const [only = null] = endings;
  await saveFolder(folder, { ...json, eos_token_id: endings.length > 1 ? endings : only }, await arraysOf(network, rules));
}

/** What a format's files hold for a network. */
interface Layout {
  readonly rules: readonly Rule<Gpt>[];
  /** Arrays that are no weights: masks and frequencies that older files have. */
  readonly spare: RegExp;
  /** The table of tokens. */
  readonly table: string;
}

/** An array whose name shows that a file was written with the output layer's names before those of the network. */
const prefixed: Readonly<Record<Format, string>> = { gpt2: "transformer.wte.weight", llama: "model.embed_tokens.weight" };

type Norms = readonly { readonly gamma?: Variable; readonly beta?: Variable; readonly scale?: Variable }[];
const normsOf = ({ norm, blocks }: Gpt): Norms => [...blocks.flatMap(({ norm1, norm2 }) => [norm1, norm2]), norm] as Norms;

const layouts: Readonly<Record<Format, (config: GptConfig, prefix: boolean) => Layout>> = {
  gpt2({ vocabulary, context, width, layers, hidden, tied }, prefix) {
    const path = prefix ? "transformer." : "";
    /** Conv1D keeps its matrices as [in, out]. */
    const product = (name: string, inputs: number, outputs: number, linear: (network: Gpt) => Linear): Rule<Gpt>[] => [
      { to: linear, from: [[`${path}${name}.weight`, [inputs, outputs]]], transposed: true },
      { to: (network) => linear(network).bias!, from: [[`${path}${name}.bias`, [outputs]]] },
    ];
    const norm = (name: string, i: number): Rule<Gpt>[] => [
      { to: (network) => normsOf(network)[i]!.gamma!, from: [[`${path}${name}.weight`, [width]]] },
      { to: (network) => normsOf(network)[i]!.beta!, from: [[`${path}${name}.bias`, [width]]] },
    ];
    const rules: Rule<Gpt>[] = [
      { to: ({ tokens }) => tokens, from: [[`${path}wte.weight`, [vocabulary, width]]] },
      { to: ({ table }) => table!.weight, from: [[`${path}wpe.weight`, [context, width]]] },
      ...Array.from({ length: layers }, (_, i) => [
        ...norm(`h.${i}.ln_1`, 2 * i),
        ...product(`h.${i}.attn.c_attn`, width, 3 * width, ({ blocks }) => blocks[i]!.attention.qkv),
        ...product(`h.${i}.attn.c_proj`, width, width, ({ blocks }) => blocks[i]!.attention.out),
        ...norm(`h.${i}.ln_2`, 2 * i + 1),
        ...product(`h.${i}.mlp.c_fc`, width, hidden, ({ blocks }) => blocks[i]!.feedForward.up),
        ...product(`h.${i}.mlp.c_proj`, hidden, width, ({ blocks }) => blocks[i]!.feedForward.down),
      ]).flat(),
      ...norm("ln_f", 2 * layers),
      ...(tied ? [] : [head(vocabulary, width)]),
    ];
    return { rules, spare: /^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$/, table: `${path}wte.weight` };
  },

  llama({ vocabulary, width, layers, heads, keyValueHeads, headWidth, hidden, bias, tied }, prefix) {
    const path = prefix ? "model." : "";
    const [queries, keys] = [heads * headWidth, keyValueHeads * headWidth];
    /** Several modules of the file are one product of ours. */
    const product = (
      modules: readonly (readonly [string, number])[],
      inputs: number,
      biased: boolean,
      linear: (network: Gpt) => Linear,
    ) => [
      { to: linear, from: modules.map(([name, outputs]) => [`${path}${name}.weight`, [outputs, inputs]] as const) },
      ...(biased
        ? [
            {
              to: (network: Gpt) => linear(network).bias!,
              from: modules.map(([name, outputs]) => [`${path}${name}.bias`, [outputs]] as const),
            },
          ]
        : []),
    ];
    const norm = (name: string, i: number): Rule<Gpt> => ({
      to: (network) => normsOf(network)[i]!.scale!,
      from: [[`${path}${name}.weight`, [width]]],
    });
    const qkv = (i: number) => [...["q", "k", "v"].map((x) => [`layers.${i}.self_attn.${x}_proj`, x === "q" ? queries : keys] as const)];
    const all = bias === "all";
    const rules: Rule<Gpt>[] = [
      { to: ({ tokens }) => tokens, from: [[`${path}embed_tokens.weight`, [vocabulary, width]]] },
      ...Array.from({ length: layers }, (_, i): Rule<Gpt>[] => [
        norm(`layers.${i}.input_layernorm`, 2 * i),
        ...product(qkv(i), width, bias !== "none", ({ blocks }) => blocks[i]!.attention.qkv),
        ...product([[`layers.${i}.self_attn.o_proj`, width]], queries, all, ({ blocks }) => blocks[i]!.attention.out),
        norm(`layers.${i}.post_attention_layernorm`, 2 * i + 1),
        ...product([[`layers.${i}.mlp.gate_proj`, hidden]], width, all, ({ blocks }) => blocks[i]!.feedForward.gate!),
        ...product([[`layers.${i}.mlp.up_proj`, hidden]], width, all, ({ blocks }) => blocks[i]!.feedForward.up),
        ...product([[`layers.${i}.mlp.down_proj`, width]], hidden, all, ({ blocks }) => blocks[i]!.feedForward.down),
      ]).flat(),
      norm("norm", 2 * layers),
      ...(tied ? [] : [head(vocabulary, width)]),
    ];
    return { rules, spare: /^(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/, table: `${path}embed_tokens.weight` };
  },
};

/** The output layer, which has no prefix. */
const head = (vocabulary: number, width: number): Rule<Gpt> => ({
  to: (network) => network.head!,
  from: [["lm_head.weight", [vocabulary, width]]],
});
