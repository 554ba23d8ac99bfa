import { ArgumentError, FormatError } from "@gradus/tensor/errors";
import { mergeWord, PairTable } from "../merge.ts";
import { isId } from "../special.ts";
import { field, listOf, operation, type Part, unknownPart } from "./normalizers.ts";

/** The tokens of one word. */
export type WordModel = (word: string) => readonly number[];

/** The vocabulary of a `model`. FormatError for ids that are none, or that two tokens share. */
export function vocabularyOf(model: Part): Map<string, number> {
  const vocab = model["vocab"];
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab))
    throw new FormatError(operation, "the model has no vocabulary that is an object of tokens and ids", "Unigram models are not read");
  const ids = new Map<string, number>();
  const seen = new Set<number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id) || seen.has(id))
      throw new FormatError(
        operation,
        `the id of ${JSON.stringify(token)} is ${JSON.stringify(id)}${seen.has(id as number) ? ", which another token has" : ""}`,
      );
    seen.add(id);
    ids.set(token, id);
  }
  return ids;
}

/** The id of the token for what the vocabulary cannot write; undefined where there is none. */
function unknownOf(model: Part, ids: ReadonlyMap<string, number>): number | undefined {
  const token = field(model, "unk_token", "");
  if (token && !ids.has(token)) throw new FormatError(operation, `the unknown token ${JSON.stringify(token)} is not in the vocabulary`);
  return ids.get(token);
}

const byteName = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/**
 * BPE over characters. `ids` has all tokens; ordinary text never becomes one that `hidden` names (special tokens), however its characters
 * could be merged.
 */
function bpe(model: Part, ids: ReadonlyMap<string, number>, hidden: ReadonlySet<string>): WordModel {
  for (const name of ["continuing_subword_prefix", "end_of_word_suffix"])
    if (field(model, name, "")) throw new FormatError(operation, `BPE with "${name}" is not read`, "GPT-2's and Llama's kind is");
  const [fallback, fuse, whole] = [
    field(model, "byte_fallback", false),
    field(model, "fuse_unk", false),
    field(model, "ignore_merges", false),
  ];
  const unknown = unknownOf(model, ids);
  const idOf = (token: string) => (hidden.has(token) ? undefined : ids.get(token));
  const table = new PairTable([...ids.values()].reduce((size, id) => Math.max(size, id + 1), 0));
  listOf(model, "merges").forEach((merge, i) => {
    // "a b", or ["a", "b"] since tokens may have spaces.
    const [left, right, more] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const texts = typeof left === "string" && typeof right === "string" && more === undefined;
    const [a, b, result] = texts ? [ids.get(left), ids.get(right), ids.get(left + right)] : [];
    if (a === undefined || b === undefined || result === undefined)
      throw new FormatError(operation, `merge ${i}, ${JSON.stringify(merge)?.slice(0, 80)}, is not of two tokens that together are one`);
    if (!hidden.has(left + right)) table.add(a, b, result);
  });
  const bytes = fallback ? Array.from({ length: 256 }, (_, byte) => idOf(byteName(byte))) : [];
  const encoder = new TextEncoder();
  return (word) => {
    const same = whole ? idOf(word) : undefined;
    if (same !== undefined) return [same];
    const symbols: number[] = [];
    for (const character of word) {
      const id = idOf(character);
      const parts = id === undefined && fallback ? Array.from(encoder.encode(character), (byte) => bytes[byte]) : [id];
      if (parts.every((part) => part !== undefined)) symbols.push(...(parts as number[]));
      else if (unknown === undefined)
        throw new ArgumentError("encode", `the vocabulary has no token for ${JSON.stringify(character)}, and none for unknown characters`);
      else if (!(fuse && symbols.at(-1) === unknown)) symbols.push(unknown);
    }
    return mergeWord(symbols, table);
  };
}

/** WordPiece: the longest token that a word begins with, then the longest the rest does; BERT's. */
function wordPiece(model: Part, ids: ReadonlyMap<string, number>, hidden: ReadonlySet<string>): WordModel {
  const prefix = field(model, "continuing_subword_prefix", "##");
  const maxCharacters = field(model, "max_input_chars_per_word", 100);
  const unknown = unknownOf({ unk_token: "[UNK]", ...model }, ids);
  if (unknown === undefined) throw new FormatError(operation, "WordPiece has no token for unknown words");
  const longest = [...ids.keys()].reduce((length, token) => Math.max(length, token.length), 0);
  return (word) => {
    const characters = Array.from(word);
    if (characters.length > maxCharacters) return [unknown];
    const found: number[] = [];
    for (let start = 0; start < characters.length; ) {
      let end = Math.min(characters.length, start + longest);
      let id: number | undefined;
      for (; end > start; end--) {
        const token = (start ? prefix : "") + characters.slice(start, end).join("");
        if ((id = hidden.has(token) ? undefined : ids.get(token)) !== undefined) break;
      }
      if (id === undefined) return [unknown];
      found.push(id);
      start = end;
    }
    return found;
  };
}

/** The `model` of a `tokenizer.json`: BPE or WordPiece. FormatError for damaged and unknown ones. */
export function modelOf(model: Part, ids: ReadonlyMap<string, number>, hidden: ReadonlySet<string>): WordModel {
  // Old files do not name the type.
  switch (model["type"] ?? (model["merges"] ? "BPE" : undefined)) {
    case "BPE":
      return bpe(model, ids, hidden);
    case "WordPiece":
      return wordPiece(model, ids, hidden);
    default:
      throw unknownPart("model", model["type"], "BPE and WordPiece");
  }
}
