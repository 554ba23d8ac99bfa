import { FormatError } from "@gradus/tensor";
import { type ModelFolder, placeOf, readText } from "../../model-folder.ts";
import { type HuggingFaceTokenizer, readTokenizerJSON } from "../tokenizers/index.ts";

/** The tokenizer of a folder. FormatError where there is none, or one of another size than the network's vocabulary. */
export async function tokenizerIn(operation: string, folder: ModelFolder, vocabulary: number): Promise<HuggingFaceTokenizer> {
  const text = await readText(operation, folder, "tokenizer.json");
  if (text === null)
    throw new FormatError(operation, `there is no tokenizer.json in ${placeOf(folder)}`, "It belongs to the model's files");
  const tokenizer = readTokenizerJSON(text, (await readText(operation, folder, "tokenizer_config.json")) ?? undefined);
  // Tables are often a little longer than the vocabulary, for the hardware's sake.
  if (tokenizer.size > vocabulary || tokenizer.size < 0.9 * vocabulary)
    throw new FormatError(
      operation,
      `the tokenizer has ${tokenizer.size} tokens, the network knows ${vocabulary}`,
      "They do not belong together: take tokenizer.json from the model's own folder",
    );
  return tokenizer;
}
