import { Dataset, Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { Tokenizer } from "./tokenizers/index.ts";

/** The tokens of a text: those that a network is trained with, and those that it is tested on. */
export interface TokenSplit {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/**
 * Tokens of a text, its first 90 % to train with and the rest to validate, for a network that sees `context` tokens at once.
 * ArgumentError for a text that is empty or too short for one window in each part.
 */
export function splitText(text: string, tokenizer: Tokenizer, context: number): TokenSplit {
  if (!text) throw new ArgumentError("splitText", "the text is empty", "Give the text to train on");
  const whole = text.toWellFormed();
  let cut = Math.floor(0.9 * whole.length);
  // Not within a character of two code units.
  if (/[\uDC00-\uDFFF]/.test(whole.charAt(cut))) cut++;
  const [train, validation] = [whole.slice(0, cut), whole.slice(cut)].map((part) => Int32Array.from(tokenizer.encode(part))) as [
    Int32Array,
    Int32Array,
  ];
  const total = train.length + validation.length;
  if (total <= context)
    throw new ArgumentError(
      "splitText",
      `the text has ${total} tokens, a network that sees ${context} needs more than that`,
      "Give a longer text or a smaller context",
    );
  if (Math.min(train.length, validation.length) <= context)
    throw new ArgumentError(
      "splitText",
      `of the text's ${total} tokens ${validation.length} are to validate, which must be more than the context of ${context}`,
      "Give a longer text or a smaller context",
    );
  return { train, validation };
}

/** What a network sees, and what comes after each token of it: int32 [context] each. */
export type Window = readonly [x: Int32Array, y: Int32Array];

const windowAt = (tokens: Int32Array, at: number, context: number): Window => [
  tokens.subarray(at, at + context),
  tokens.subarray(at + 1, at + context + 1),
];

export interface WindowOptions {
  readonly context: number;
  readonly batchSize: number;
}

/**
 * Batches [x, y] of windows from random places of the text, int32 [B, context] each; in pass e there are `batches(e)`. A window's place
 * follows from seed, pass and number, so a pass can be taken up anywhere.
 */
export function trainingWindows(
  tokens: Int32Array,
  { context, batchSize, batches, seed }: WindowOptions & { readonly batches: (epoch: number) => number; readonly seed: number },
) {
  const places = tokens.length - context;
  return Dataset.fromGenerator(function* (epoch): Generator<Window> {
    const count = batches(epoch) * batchSize;
    for (let i = 0; i < count; i++) yield windowAt(tokens, new Random(seed, epoch, i).integer(places), context);
  }).batch(batchSize);
}

/**
 * Batches [x, y] to validate, the same ones each time: the text in windows that do not overlap, or, where there are more than `most`,
 * so many of these from everywhere in the text.
 */
export function validationWindows(tokens: Int32Array, { context, batchSize, most }: WindowOptions & { readonly most: number }) {
  const count = Math.floor((tokens.length - 1) / context);
  const chosen = Math.min(count, most);
  return Dataset.range(chosen)
    .map((i) => windowAt(tokens, Math.floor((i * count) / chosen) * context, context))
    .batch(batchSize);
}
