import { Random } from "@gradus/data";
import { ArgumentError, concat, FormatError, type Tensor, tensor } from "@gradus/tensor";
import { type ModelFolder, readObject } from "../model-folder.ts";
import type { Bert, Pooling } from "./bert.ts";
import { loadBert } from "./bert-weights.ts";
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

/** Tokens as an array. */
export const ints = (values: number[] | number[][]): Tensor => tensor(values, { dtype: "int32" });

/**
 * Texts as a batch for the network: tokens and mask, int32 [texts, time], where time is `length`, or the longest text's, rounded up to a
 * multiple of 8. Longer texts lose their end. ArgumentError for a length that leaves no room or is more than the network sees.
 */
export function textBatch(
  model: MaskedModel,
  texts: readonly string[],
  { length }: { readonly length?: number } = {},
): readonly [ids: Tensor, mask: Tensor] {
  const { rows, time } = batchRows("textBatch", model, texts, length);
  return [ints(rows.map((row) => filledUp(row, time, model.padding))), maskOf(rows, time)];
}

/** 1 for tokens, 0 for padding. */
const maskOf = (rows: readonly (readonly number[])[], time: number): Tensor =>
  ints(rows.map((row) => Array.from({ length: time }, (_, i) => Number(i < row.length))));

/** Tokens of texts with those around them, and the length that they are filled up to. */
function batchRows(
  operation: string,
  model: MaskedModel,
  texts: readonly string[],
  length: number | undefined,
): { rows: number[][]; time: number } {
  const { context } = model.network.config;
  const { before, after } = model.template;
  if (!texts.length) throw new ArgumentError(operation, "there are no texts", "Give at least one");
  const around = before.length + after.length;
  if (length !== undefined && !(Number.isInteger(length) && length > around && length <= context))
    throw new ArgumentError(operation, `the length is ${length}`, `Give a whole number from ${around + 1} to ${context}`);
  const room = (length ?? context) - around;
  const rows = texts.map((text) => [...before, ...model.tokenizer.encode(text).slice(0, room), ...after]);
  const longest = rows.reduce((n, row) => Math.max(n, row.length), 1);
  const time = length ?? Math.min(context, 8 * Math.ceil(longest / 8));
  return { rows, time };
}

const filledUp = (row: readonly number[], time: number, value: number): number[] => [
  ...row,
  ...new Array<number>(time - row.length).fill(value),
];

/** Texts with hidden tokens, as `fit` takes them: `network.fit(x, y, { sampleWeight })`. */
export interface HiddenTokens {
  readonly x: readonly [ids: Tensor, mask: Tensor];
  /** The tokens that stand there, int32 [texts, time]. */
  readonly y: Tensor;
  /** 1 where a token is to be guessed, else 0: float32 [texts, time]. */
  readonly sampleWeight: Tensor;
}

/**
 * The task that BERT is trained with (Devlin et al. 2018, §3.1): of each text a share of the tokens is to be guessed, at least one, and
 * no special ones. Of these 80 % become a gap, 10 % another token, and 10 % stay. Same seed, same gaps. Errors as for `textBatch`; ArgumentError for a share
 * that is not between 0 and 1.
 */
export function hideTokens(
  model: MaskedModel,
  texts: readonly string[],
  { share = 0.15, seed = 0, length }: { readonly share?: number; readonly seed?: number; readonly length?: number } = {},
): HiddenTokens {
  if (!(share > 0 && share <= 1)) throw new ArgumentError("hideTokens", `the share is ${share}`, "Give a number above 0, at most 1");
  const { rows, time } = batchRows("hideTokens", model, texts, length);
  const { tokenizer, mask, padding } = model;
  const random = new Random(seed);
  const special = new Set(tokenizer.special.values());
  const ordinary = Array.from({ length: tokenizer.size }, (_, id) => id).filter((id) => !special.has(id));
  const other = (id: number): number => {
    const kind = random.uniform();
    return kind < 0.8 ? mask.id : kind < 0.9 ? ordinary[random.integer(ordinary.length)]! : id;
  };
  const chosen = rows.map((row) => {
    const places = [...row.keys()].filter((i) => !special.has(row[i]!));
    return new Set(random.shuffle(places).slice(0, Math.max(1, Math.round(share * places.length))));
  });
  const hidden = rows.map((row, k) => row.map((id, i) => (chosen[k]!.has(i) ? other(id) : id)));
  const guessed = rows.map((_, k) => Array.from({ length: time }, (_, i) => (chosen[k]!.has(i) ? 1 : 0)));
  return {
    x: [ints(hidden.map((row) => filledUp(row, time, padding))), maskOf(rows, time)],
    y: ints(rows.map((row) => filledUp(row, time, padding))),
    sampleWeight: tensor(guessed, { dtype: "float32" }),
  };
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
