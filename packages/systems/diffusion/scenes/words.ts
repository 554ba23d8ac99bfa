import { ArgumentError } from "@gradus/tensor";
import { mostWords, normalWords, words } from "./statement.ts";

/** Number 0 stands for nothing: it fills up, and a caption of nothing else is that of guidance's other half. */
const first = 2;
export const endOfPrompt = 1;
const ids = new Map(words.map((word, i) => [word, i + first]));
export const vocabularySize = words.length + first;
/** Words of a caption, and its end. */
export const context = mostWords + 1;

/** Prompts about scenes as numbers, one a word. */
export class WordTokenizer {
  readonly size = vocabularySize;
  readonly context = context;

  /**
   * Numbers of a prompt's words, filled up with zeros. Words that no caption of scenes has, and what is too long, are left out and told as
   * `cut`. An empty prompt asks for any scene. ArgumentError where no word is known.
   */
  encode(prompt: string): { readonly ids: Int32Array; readonly cut: string } {
    const all = normalWords(prompt);
    const known = all.filter((w) => ids.has(w));
    if (all.length && !known.length)
      throw new ArgumentError("draw", `the model knows no word of ${JSON.stringify(prompt)}`, `It knows ${words.join(", ")}`);
    const kept = known.slice(0, mostWords);
    const numbers = kept.length ? [...kept.map((w) => ids.get(w)!), endOfPrompt] : [];
    const cut = [...all.filter((w) => !ids.has(w)), ...known.slice(mostWords)].join(" ");
    return { ids: Int32Array.from({ length: context }, (_, i) => numbers[i] ?? 0), cut };
  }

  /** The words that a prompt's numbers stand for, one for each of them up to its end. */
  wordsOf(prompt: string): string[] {
    return normalWords(prompt)
      .filter((w) => ids.has(w))
      .slice(0, mostWords);
  }
}
