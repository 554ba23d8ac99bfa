import type { Gpt } from "./model.ts";
import type { Tokenizer } from "./tokenizers/index.ts";

/** A network with the tokenizer it was trained with: what texts are generated and scored by. */
export interface LanguageModel {
  readonly network: Gpt;
  readonly tokenizer: Tokenizer;
  /** Tokens that come before every prompt, such as Llama's <s>. */
  readonly beginnings?: readonly number[];
  /** Tokens that end a text, such as GPT-2's <|endoftext|>. */
  readonly endings: readonly number[];
}
