import { ArgumentError, concat, FormatError, softmax, type Tensor, tensor } from "@gradus/tensor";
import type { Bert, Pooling } from "./bert.ts";
import { loadBert } from "./bert-weights.ts";
import type { ModelFolder } from "./huggingface/folder.ts";
import { readObject } from "./huggingface/folder.ts";
import { tokenizerIn } from "./huggingface/tokenizer.ts";
import type { Template, Tokenizer } from "./tokenizers/index.ts";

/** An encoder with its tokenizer and the tokens that have a meaning of their own. */
export interface MaskedModel {
  readonly network: Bert;
  readonly tokenizer: Tokenizer;
  /** Tokens around each text: [CLS] and [SEP]. */
  readonly template: Template;
  /** What a gap is written as, and its token. */
  readonly mask: { readonly text: string; readonly id: number };
  /** The token that fills up shorter texts of a batch. */
  readonly padding: number;
}

/**
 * `loadBert` with the folder's `tokenizer.json`. FormatError also for a tokenizer that does not fit the network, or that has no token for
 * a gap.
 */
export async function loadMaskedModel(folder: ModelFolder, options: { readonly dropout?: number } = {}): Promise<MaskedModel> {
  const operation = "loadMaskedModel";
  const network = await loadBert(folder, options);
  const tokenizer = await tokenizerIn(operation, folder, network.config.vocabulary);
  const settings = await readObject(operation, folder, "tokenizer_config.json");
  const idOf = (name: string, fallback: string): { readonly text: string; readonly id: number | undefined } => {
    const value = settings?.[name] as string | { readonly content?: unknown } | null | undefined;
    const given = typeof value === "string" ? value : value?.content;
    const text = typeof given === "string" ? given : fallback;
    return { text, id: tokenizer.special.get(text) };
  };
  const { text, id } = idOf("mask_token", "[MASK]");
  if (id === undefined) throw new FormatError(operation, `the tokenizer has no special token ${text}`, "Is it that of an encoder?");
  return { network, tokenizer, template: tokenizer.template, mask: { text, id }, padding: idOf("pad_token", "[PAD]").id ?? 0 };
}

/** A token that could stand in a gap. */
export interface Candidate {
  readonly id: number;
  /** Its text, without the space before a word. */
  readonly token: string;
  readonly probability: number;
}

/**
 * The likeliest tokens for each gap of a text, best first: "A tall [MASK] with broad leaves." Gaps are guessed one by one, each as if the
 * others stayed open. ArgumentError for a text without gaps or longer than the network sees.
 */
export async function fillMask(model: MaskedModel, text: string, { top = 5 }: { readonly top?: number } = {}): Promise<Candidate[][]> {
  if (!(Number.isInteger(top) && top >= 1)) throw new ArgumentError("fillMask", `top is ${top}`, "Give a whole number from 1 on");
  const { network, tokenizer, template, mask } = model;
  const ids = [...template.before, ...tokensOf(model, text), ...template.after];
  const { context, vocabulary } = network.config;
  if (ids.length > context)
    throw new ArgumentError("fillMask", `the text has ${ids.length} tokens, the network sees ${context} at once`, "Shorten it");
  const gaps = [...ids.keys()].filter((i) => ids[i] === mask.id);
  if (!gaps.length) throw new ArgumentError("fillMask", "there is no gap in the text", `Write ${mask.text} for the word to be guessed`);
  const hidden = network.encoder.forward(ints([ids]));
  const data = (await softmax(network.logits(hidden.get(0).take(ints(gaps), { axis: 0 }))).data()) as Float32Array;
  return gaps.map((_, k) => {
    const row = data.subarray(k * vocabulary, (k + 1) * vocabulary);
    // Ids beyond the tokenizer's are rows of a table that is longer than the vocabulary.
    const order = Array.from({ length: tokenizer.size }, (_, id) => id).sort((a, b) => row[b]! - row[a]!);
    return order.slice(0, top).map((id) => ({ id, token: tokenizer.token(id).trimStart(), probability: row[id]! }));
  });
}

/** Tokens of a text in which gaps, and no other special tokens, are read. */
function tokensOf({ tokenizer, mask }: MaskedModel, text: string): number[] {
  const parts = text.split(mask.text).map((part) => tokenizer.encode(part));
  return parts.flatMap((part, i) => (i ? [mask.id, ...part] : part));
}

const ints = (values: number[] | number[][]): Tensor => tensor(values, { dtype: "int32" });

/**
 * Texts as a batch for the network: tokens and mask, int32 [texts, time], where time is `length`, or the longest text's, rounded up to a
 * multiple of 8. Longer texts lose their end. ArgumentError for a length that leaves no room or is more than the network sees.
 */
export function textBatch(
  model: MaskedModel,
  texts: readonly string[],
  { length }: { readonly length?: number } = {},
): readonly [ids: Tensor, mask: Tensor] {
  const { context } = model.network.config;
  const { before, after } = model.template;
  if (!texts.length) throw new ArgumentError("textBatch", "there are no texts", "Give at least one");
  const around = before.length + after.length;
  if (length !== undefined && !(Number.isInteger(length) && length > around && length <= context))
    throw new ArgumentError("textBatch", `the length is ${length}`, `Give a whole number from ${around + 1} to ${context}`);
  const room = (length ?? context) - around;
  const rows = texts.map((text) => [...before, ...model.tokenizer.encode(text).slice(0, room), ...after]);
  const longest = rows.reduce((n, row) => Math.max(n, row.length), 1);
  const time = length ?? Math.min(context, 8 * Math.ceil(longest / 8));
  const padded = rows.map((row) => [...row, ...new Array<number>(time - row.length).fill(model.padding)]);
  return [ints(padded), ints(rows.map((row) => Array.from({ length: time }, (_, i) => (i < row.length ? 1 : 0))))];
}

/** One vector for each text, [texts, width], for a search or a small classifier. Errors as for `textBatch` and `Bert.pooled`. */
export async function textVectors(
  model: MaskedModel,
  texts: readonly string[],
  { pooling = "mean", length, batchSize = 32 }: { readonly pooling?: Pooling; readonly length?: number; readonly batchSize?: number } = {},
): Promise<Tensor> {
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new ArgumentError("textVectors", `batchSize is ${batchSize}`, "Give a whole number from 1 on");
  const { network } = model;
  const parts: Tensor[] = [];
  for (let at = 0; at < Math.max(1, texts.length); at += batchSize) {
    const [ids, mask] = textBatch(model, texts.slice(at, at + batchSize), length === undefined ? {} : { length });
    parts.push(network.pooled(network.encoder.forward(ids, { mask }), { mask, pooling }).realize());
  }
  return parts.length === 1 ? parts[0]! : concat(parts);
}
