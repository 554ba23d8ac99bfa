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
    if (all.length && !all.some((w) => ids.has(w)))
      throw new ArgumentError("draw", `the model knows no word of ${JSON.stringify(prompt.slice(0, 80))}`, `It knows ${words.join(", ")}`);
    const numbers: number[] = [];
    const cut: string[] = [];
    for (const word of all) {
      const id = ids.get(word);
      if (id !== undefined && numbers.length < mostWords) numbers.push(id);
      else cut.push(word);
    }
    if (numbers.length) numbers.push(endOfPrompt);
    return { ids: Int32Array.from({ length: context }, (_, i) => numbers[i] ?? 0), cut: cut.join(" ") };
  }

  /** The words that a prompt's numbers stand for, one for each of them up to its end. */
  wordsOf(prompt: string): string[] {
    return normalWords(prompt)
      .filter((w) => ids.has(w))
      .slice(0, mostWords);
  }
}
