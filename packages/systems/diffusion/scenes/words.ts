import { ArgumentError } from "@gradus/tensor";
import { mostWords, normalWords, words } from "./statement.ts";

/** Number 0 stands for nothing: it fills up, and a caption of nothing else is that of guidance's other half. */
const first = 2;
const end = 1;
const ids = new Map(words.map((word, i) => [word, i + first]));
export const vocabularySize = words.length + first;
/** Words of a caption, and its end. */
export const context = mostWords + 2;

/** A prompt in the model's numbers. */
export interface Encoded {
  /** `context` of them. */
  readonly ids: Int32Array;
  /** Words of the prompt that no caption has: they were left out. */
  readonly unknown: readonly string[];
  /** Words beyond the context: they were cut off. */
  readonly cut: readonly string[];
  /** The words that the numbers stand for, in their order. */
  readonly words: readonly string[];
}

/**
 * Numbers of a prompt's words. Words that no caption of scenes has are left out, what is too long is cut off, and both are said. An empty
 * prompt is allowed: it asks for any scene. ArgumentError where no word is known.
 */
export function encodePrompt(prompt: string): Encoded {
  const all = normalWords(prompt);
  const unknown = all.filter((w) => !ids.has(w));
  const known = all.filter((w) => ids.has(w));
  if (all.length && !known.length)
    throw new ArgumentError("draw", `the model knows no word of ${JSON.stringify(prompt)}`, `It knows ${words.join(", ")}`);
  const kept = known.slice(0, context - 1);
  const numbers = kept.length ? [...kept.map((w) => ids.get(w)!), end] : [];
  return { ids: Int32Array.from({ length: context }, (_, i) => numbers[i] ?? 0), unknown, cut: known.slice(context - 1), words: kept };
}
