/** Tokenizers: characters, byte-pair encoding and its training, Hugging Face's files. OpenAI's vocabularies are in `./pretrained.ts`. */
import { FormatError } from "@gradus/tensor/errors";
import { type BPEDescription, bpeTokenizerFromJSON } from "./bpe.ts";
import { type CharacterDescription, characterTokenizerFromJSON } from "./characters.ts";
import { type HuggingFaceDescription, HuggingFaceTokenizer } from "./huggingface.ts";
import type { Tokenizer } from "./tokenizer.ts";

export { type BPEDescription, BPETokenizer, readGPT2, writeGPT2 } from "./bpe.ts";
export { type CharacterDescription, CharacterTokenizer } from "./characters.ts";
export type { Template } from "./huggingface/templates.ts";
export { type HuggingFaceDescription, HuggingFaceTokenizer, readTokenizerJSON } from "./huggingface.ts";
export { gpt2Pattern } from "./pattern.ts";
export { type EncodeOptions, TextStream, type Tokenizer } from "./tokenizer.ts";
export { type TrainBPEOptions, trainBPE } from "./train-bpe.ts";

/** A tokenizer as `toJSON` gives it. */
export type TokenizerDescription = CharacterDescription | BPEDescription | HuggingFaceDescription;

/** The tokenizer that `toJSON` described. FormatError for anything else. */
export function tokenizerFromJSON(value: unknown): Tokenizer {
  const type = (value as { readonly type?: unknown } | null | undefined)?.type;
  switch (type) {
    case "characters":
      return characterTokenizerFromJSON(value);
    case "bpe":
      return bpeTokenizerFromJSON(value);
    case "huggingface": {
      const { tokenizer, config } = value as HuggingFaceDescription;
      return new HuggingFaceTokenizer(tokenizer, config);
    }
    default:
      throw new FormatError("tokenizerFromJSON", `the type is ${JSON.stringify(type)}`, "Give what a tokenizer's toJSON returned");
  }
}
