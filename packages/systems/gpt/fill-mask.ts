import { ArgumentError, softmax } from "@gradus/tensor";
import { ints, type MaskedModel } from "./masked-model.ts";

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
