import type { LayerNormalization } from "@gradus/nn";
import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ModelFolder } from "../model-folder.ts";
import { Bert, type BertConfig, checkBertConfig } from "./bert.ts";
import { arraysOf, Checkpoint, type Rule } from "./huggingface/checkpoint.ts";
import { activationNameOf, activationOf, Fields } from "./huggingface/fields.ts";
import { configIn, saveFolder } from "./huggingface/folder.ts";
import type { Linear } from "./linear.ts";

type Format = "bert" | "distilbert";

/**
 * The network in a folder of Hugging Face (`config.json`, and `model.safetensors` or its shards): BertForMaskedLM, BertForPreTraining,
 * BertModel, DistilBertForMaskedLM or DistilBertModel. It has a head and a pooler where the file has. Every array is used exactly once,
 * but for BERT's head for its second task, next sentences. FormatError and ShapeError as for `loadGpt`.
 */
export async function loadBert(folder: ModelFolder, { dropout = 0 }: { readonly dropout?: number } = {}): Promise<Bert> {
  const operation = "loadBert";
  const { config, format } = readBertConfig(operation, await configIn(operation, folder));
  return Checkpoint.use(operation, folder, async (checkpoint) => {
    checkpoint.checkLayers(config.layers);
    const has = (name: string): boolean => checkpoint.has(name);
    const path = has(`${format}.embeddings.word_embeddings.weight`) ? `${format}.` : "";
    const head = has(format === "bert" ? "cls.predictions.transform.dense.weight" : "vocab_transform.weight");
    const pooler = has(`${path}pooler.dense.weight`);
    const layout = { path, head, pooler, old: has(`${path}embeddings.LayerNorm.gamma`) };
    const rules = layouts[format](config, layout);
    const twins = head ? twinsOf(format, path).filter(([twin]) => has(twin)) : [];
    checkpoint.check(rules, (name) => spare.test(name) || twins.some(([twin]) => twin === name));
    for (const [twin, original] of twins)
      if (!(await checkpoint.equal(twin, original)))
        throw new FormatError(operation, `${twin} differs from ${original}`, "The output layer has to be the table of tokens");
    const network = new Bert(config, { dropout, pooler, head });
    await checkpoint.fill(network, rules);
    return network;
  });
}

/** Numbers of places, and the head that says whether one sentence follows another. */
const spare = /(^|\.)embeddings\.(position_ids|token_type_ids)$|^cls\.seq_relationship\.(weight|bias)$/;

/** Arrays that files may hold twice under two names. */
const twinsOf = (format: Format, path: string): (readonly [twin: string, original: string])[] =>
  format === "bert"
    ? [
        ["cls.predictions.decoder.weight", `${path}embeddings.word_embeddings.weight`],
        ["cls.predictions.decoder.bias", "cls.predictions.bias"],
      ]
    : [["vocab_projector.weight", `${path}embeddings.word_embeddings.weight`]];

function readBertConfig(operation: string, json: Readonly<Record<string, unknown>>): { config: BertConfig; format: Format } {
  const fields = new Fields(operation, json);
  const format = fields.text("model_type");
  if (format !== "bert" && format !== "distilbert")
    return fields.refuse("model_type", "such encoders are not read", "bert and distilbert are");
  fields.expect({ position_embedding_type: "absolute" }, "places are learned vectors here");
  fields.expect({ is_decoder: false, add_cross_attention: false }, "an encoder sees both sides, and no other text");
  const shared = { vocabulary: fields.count("vocab_size"), context: fields.count("max_position_embeddings") };
  const config: BertConfig =
    format === "bert"
      ? {
          ...{ ...shared, width: fields.count("hidden_size"), layers: fields.count("num_hidden_layers") },
          ...{ heads: fields.count("num_attention_heads"), hidden: fields.count("intermediate_size") },
          ...{ segments: fields.count("type_vocab_size", 2), epsilon: fields.positive("layer_norm_eps", 1e-12) },
          activation: activationOf(fields, "hidden_act", "gelu"),
        }
      : {
          ...{ ...shared, width: fields.count("dim"), layers: fields.count("n_layers"), heads: fields.count("n_heads") },
          ...{ hidden: fields.count("hidden_dim"), segments: 0, epsilon: 1e-12, activation: activationOf(fields, "activation", "gelu") },
        };
  try {
    return { config: checkBertConfig(config), format };
  } catch (error) {
    throw new FormatError(operation, `the numbers in config.json do not fit together: ${(error as Error).message}`);
  }
}

/**
 * Writes a network as `config.json` and `model.safetensors`, which `transformers` and `loadBert` read. The folder is made if it is not
 * there. ArgumentError for an encoder without segments that is not DistilBERT's kind.
 */
export async function saveBert(folder: string, network: Bert): Promise<void> {
  const { config, pooler, head } = network;
  const { vocabulary, context, width, layers, heads, hidden, segments, epsilon, activation } = config;
  const format: Format = segments ? "bert" : "distilbert";
  if (!segments && (epsilon !== 1e-12 || pooler))
    throw new ArgumentError(
      "saveBert",
      `DistilBERT's format has no ${pooler ? "pooler" : `epsilon of ${epsilon}`}`,
      "Save it with saveWeights",
    );
  const shared = { model_type: format, vocab_size: vocabulary, max_position_embeddings: context, torch_dtype: "float32" };
  const json = segments
    ? {
        ...{ ...shared, architectures: [head ? "BertForMaskedLM" : "BertModel"], hidden_size: width, num_hidden_layers: layers },
        ...{ num_attention_heads: heads, intermediate_size: hidden, hidden_act: activationNameOf(activation) },
        ...{ type_vocab_size: segments, layer_norm_eps: epsilon },
      }
    : {
        ...{ ...shared, architectures: [head ? "DistilBertForMaskedLM" : "DistilBertModel"], dim: width, n_layers: layers },
        ...{ n_heads: heads, hidden_dim: hidden, activation: activationNameOf(activation) },
      };
  const layout = { path: head ? `${format}.` : "", head: head !== null, pooler: pooler !== null, old: false };
  await saveFolder(folder, json, await arraysOf(network, layouts[format](config, layout)));
}

interface Layout {
  /** What comes before names of the encoder. */
  readonly path: string;
  readonly head: boolean;
  readonly pooler: boolean;
  /** Normalisations have TensorFlow's names gamma and beta, as in BERT's first files. */
  readonly old: boolean;
}

type Rules = readonly Rule<Bert>[];

/** Modules of the file, one below the other, as one product of ours. */
const product = (modules: readonly string[], inputs: number, outputs: number, linear: (network: Bert) => Linear): Rules => [
  { to: linear, from: modules.map((name) => [`${name}.weight`, [outputs, inputs]]) },
  { to: (network) => linear(network).bias!, from: modules.map((name) => [`${name}.bias`, [outputs]]) },
];

const norm = (name: string, width: number, layer: (network: Bert) => LayerNormalization, old = false): Rules => [
  { to: (network) => layer(network).gamma!, from: [[`${name}.${old ? "gamma" : "weight"}`, [width]]] },
  { to: (network) => layer(network).beta!, from: [[`${name}.${old ? "beta" : "bias"}`, [width]]] },
];

const table = (name: string, rows: number, width: number, linear: (network: Bert) => Linear): Rules => [
  { to: linear, from: [[`${name}.weight`, [rows, width]]] },
];

const layouts: Readonly<Record<Format, (config: BertConfig, layout: Layout) => Rules>> = {
  bert({ vocabulary, context, width, layers, hidden, segments }, { path, head, pooler, old }) {
    const block = (i: number): Rules => {
      const name = `${path}encoder.layer.${i}`;
      const of = ({ encoder }: Bert) => encoder.blocks[i]!;
      const qkv = ["query", "key", "value"].map((part) => `${name}.attention.self.${part}`);
      return [
        ...product(qkv, width, width, (n) => of(n).qkv),
        ...product([`${name}.attention.output.dense`], width, width, (n) => of(n).out),
        ...norm(`${name}.attention.output.LayerNorm`, width, (n) => of(n).norm1, old),
        ...product([`${name}.intermediate.dense`], width, hidden, (n) => of(n).up),
        ...product([`${name}.output.dense`], hidden, width, (n) => of(n).down),
        ...norm(`${name}.output.LayerNorm`, width, (n) => of(n).norm2, old),
      ];
    };
    return [
      ...table(`${path}embeddings.word_embeddings`, vocabulary, width, ({ encoder }) => encoder.tokens),
      ...table(`${path}embeddings.position_embeddings`, context, width, ({ encoder }) => encoder.places),
      ...table(`${path}embeddings.token_type_embeddings`, segments, width, ({ encoder }) => encoder.segments!),
      ...norm(`${path}embeddings.LayerNorm`, width, ({ encoder }) => encoder.norm, old),
      ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
      ...(pooler ? product([`${path}pooler.dense`], width, width, (network) => network.pooler!) : []),
      ...(head ? product(["cls.predictions.transform.dense"], width, width, (network) => network.head!.product) : []),
      ...(head ? norm("cls.predictions.transform.LayerNorm", width, (network) => network.head!.norm, old) : []),
      ...(head ? [{ to: (network: Bert) => network.head!.bias, from: [["cls.predictions.bias", [vocabulary]] as const] }] : []),
    ];
  },

  distilbert({ vocabulary, context, width, layers, hidden }, { path, head }) {
    const block = (i: number): Rules => {
      const name = `${path}transformer.layer.${i}`;
      const of = ({ encoder }: Bert) => encoder.blocks[i]!;
      return [
        ...product(
          ["q", "k", "v"].map((part) => `${name}.attention.${part}_lin`),
          width,
          width,
          (n) => of(n).qkv,
        ),
        ...product([`${name}.attention.out_lin`], width, width, (n) => of(n).out),
        ...norm(`${name}.sa_layer_norm`, width, (n) => of(n).norm1),
        ...product([`${name}.ffn.lin1`], width, hidden, (n) => of(n).up),
        ...product([`${name}.ffn.lin2`], hidden, width, (n) => of(n).down),
        ...norm(`${name}.output_layer_norm`, width, (n) => of(n).norm2),
      ];
    };
    return [
      ...table(`${path}embeddings.word_embeddings`, vocabulary, width, ({ encoder }) => encoder.tokens),
      ...table(`${path}embeddings.position_embeddings`, context, width, ({ encoder }) => encoder.places),
      ...norm(`${path}embeddings.LayerNorm`, width, ({ encoder }) => encoder.norm),
      ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
      ...(head ? product(["vocab_transform"], width, width, (network) => network.head!.product) : []),
      ...(head ? norm("vocab_layer_norm", width, (network) => network.head!.norm) : []),
      ...(head ? [{ to: (network: Bert) => network.head!.bias, from: [["vocab_projector.bias", [vocabulary]] as const] }] : []),
    ];
  },
};
