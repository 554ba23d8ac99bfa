import { ArgumentError, FormatError } from "@gradus/tensor/errors";
import { parseJson } from "@gradus/tensor/json";
import { type Merges, mergeWord, PairTable, WordCache } from "./merge.ts";
import { compilePattern, gpt2Pattern, pieces } from "./pattern.ts";
import { isId, SpecialTokens, specialOf } from "./special.ts";
import { decodeBytes, type EncodeOptions, noToken, showBytes, type Tokenizer } from "./tokenizer.ts";

const visible = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
const every = Array.from({ length: 256 }, (_, b) => b);
/** 188 bytes that are visible, then 68 that are not. */
const alphabetBytes: readonly number[] = [...every.filter(visible), ...every.filter((b) => !visible(b))];

/**
 * GPT-2's alphabet: a character for each byte, the byte's own (as in Latin-1) where that is visible, else one from U+0100 on. In the order
 * that the first 256 tokens have, visible ones first.
 */
export const byteCharacters: readonly string[] = alphabetBytes.map((b, id) => String.fromCharCode(visible(b) ? b : 0x100 + id - 188));
const characterOf: readonly string[] = every.map((b) => byteCharacters[alphabetBytes.indexOf(b)]!);
const byteOf: ReadonlyMap<string, number> = new Map(characterOf.map((c, b) => [c, b]));

/** Bytes written in GPT-2's alphabet. */
export const writeBytes = (bytes: Iterable<number>): string => Array.from(bytes, (b) => characterOf[b]!).join("");

/** The bytes that GPT-2's alphabet writes so; undefined for other text. */
export function readBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = byteOf.get(text[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** A `BPETokenizer` as JSON. */
export interface BPEDescription {
  readonly type: "bpe";
  /** Tokens in the order of their ids, written in GPT-2's alphabet; null for ids of special tokens and unused ones. */
  readonly tokens: readonly (string | null)[];
  /**
   * Pairs "Ġ t" in the order they were learned. Without them, any two tokens that together are a token become one, those with the lowest
   * id first, and a word that is a token is left whole: the rule of OpenAI's newer vocabularies (tiktoken).
   */
  readonly merges?: readonly string[];
  readonly special: Readonly<Record<string, number>>;
  /** How text is cut into words; GPT-2's unless said. */
  readonly pattern?: string;
}

const operation = "BPETokenizer";

/** Byte-level byte-pair encoding (Radford et al. 2019, §2.2): any text can be written, as all bytes are tokens. */
export class BPETokenizer implements Tokenizer {
  readonly size: number;
  readonly leadingSpace = false;
  /** Pairs that become one token, and whether a word that is a token needs none. */
  readonly #merges: Merges;
  readonly #wholeWords: boolean;
  /** Bytes of the longest token. */
  readonly #longest: number;
  readonly #special: SpecialTokens;
  readonly #ids = new Map<string, number>();
  readonly #tokens: readonly (string | null)[];
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #byteIds: readonly number[];
  readonly #pattern: RegExp;
  readonly #cache = new WordCache();
  readonly #description: BPEDescription;

  /** FormatError for a description that is damaged: bytes without a token, tokens that occur twice, merges of tokens there are not. */
  constructor(description: BPEDescription) {
    const { tokens, merges, pattern = gpt2Pattern } = description;
    if (!Array.isArray(tokens) || tokens.length > 2 ** 22) throw new FormatError(operation, "the tokens are no list");
    if (typeof pattern !== "string") throw new FormatError(operation, "the pattern is no string");
    this.#description = description;
    this.#tokens = tokens;
    tokens.forEach((token, id) => {
      if (token === null) return;
      if (typeof token !== "string" || !token || !readBytes(token))
        throw new FormatError(operation, `token ${id}, ${JSON.stringify(token)}, is not written in GPT-2's alphabet of bytes`);
      if (this.#ids.has(token)) throw new FormatError(operation, `${JSON.stringify(token)} has the ids ${this.#ids.get(token)} and ${id}`);
      this.#ids.set(token, id);
    });
    this.#byteIds = characterOf.map((character, byte) => {
      const id = this.#ids.get(character);
      if (id === undefined)
        throw new FormatError(operation, `no token is the byte ${byte}`, "All 256 bytes are tokens in GPT-2's vocabularies");
      return id;
    });
    this.#special = new SpecialTokens(specialOf(operation, description.special, (id) => typeof tokens[id] === "string"));
    this.size = [...this.special.values()].reduce((size, id) => Math.max(size, id + 1), tokens.length);
    this.#pattern = compilePattern(operation, pattern);
    this.#wholeWords = merges === undefined;
    this.#longest = tokens.reduce((length, token) => Math.max(length, token?.length ?? 0), 0);
    this.#merges = merges === undefined ? this.#anyTwo() : this.#table(merges);
  }

  get special(): ReadonlyMap<string, number> {
    return this.#special.ids;
  }

  #anyTwo(): Merges {
    return {
      rank: (a, b) => {
        const [left, right] = [this.#tokens[a]!, this.#tokens[b]!];
        return left.length + right.length > this.#longest ? -1 : (this.#ids.get(left + right) ?? -1);
      },
      result: (rank) => rank,
    };
  }

  #table(merges: readonly string[]): Merges {
    if (!Array.isArray(merges)) throw new FormatError(operation, "the merges are no list");
    const table = new PairTable(this.#tokens.length);
    merges.forEach((merge: unknown, i) => {
      const [left, right, more] = typeof merge === "string" ? merge.split(" ") : [];
      const [a, b, result] = [left, right, left! + right!].map((t) => this.#ids.get(t!));
      if (a === undefined || b === undefined || result === undefined || more !== undefined)
        throw new FormatError(operation, `merge ${i}, ${JSON.stringify(merge)}, is not of two tokens that together are one`);
      table.add(a, b, result);
    });
    return table;
  }

  encode(text: string, { special = false }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    text = text.toWellFormed();
    const encodeWord = (word: string) => this.#encodeWord(word);
    for (const piece of special ? this.#special.split(text) : [text]) {
      if (typeof piece === "number") ids.push(piece);
      else for (const word of pieces(piece, this.#pattern)) for (const id of this.#cache.get(word.text, encodeWord)) ids.push(id);
    }
    return ids;
  }

  #encodeWord(word: string): readonly number[] {
    const bytes = new TextEncoder().encode(word);
    const whole = this.#wholeWords && bytes.length <= this.#longest ? this.#ids.get(writeBytes(bytes)) : undefined;
    return whole !== undefined
      ? [whole]
      : mergeWord(
          Array.from(bytes, (b) => this.#byteIds[b]!),
          this.#merges,
        );
  }

  decode(ids: Iterable<number>): string {
    return decodeBytes(this, ids);
  }

  bytes(id: number): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (!bytes) {
      const name = this.#special.names.get(id);
      const token = this.#tokens[id];
      if (name === undefined && typeof token !== "string") throw noToken("decode", id, this.size);
      bytes = name !== undefined ? new TextEncoder().encode(name) : readBytes(token!)!;
      this.#bytes.set(id, bytes);
    }
    return bytes;
  }

  token(id: number): string {
    return showBytes(this.bytes(id));
  }

  toJSON(): BPEDescription {
    return this.#description;
  }
}

/**
 * GPT-2's tokenizer from the text of its files `vocab.json` and `merges.txt`, or another one's in the same form. `special` names the
 * entries of the vocabulary that are special tokens. FormatError for damaged files.
 */
export function readGPT2(
  vocabulary: string,
  merges: string,
  { special = ["<|endoftext|>"], pattern }: { readonly special?: readonly string[]; readonly pattern?: string } = {},
): BPETokenizer {
  const value = parseJson(vocabulary);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError("readGPT2", "the vocabulary is no JSON object of tokens and ids", "Give the contents of vocab.json");
  const entries: [string, unknown][] = Object.entries(value);
  const tokens: (string | null)[] = new Array(entries.length).fill(null);
  const specials: [string, number][] = [];
  for (const [token, id] of entries) {
    // Ids may have gaps, but not so many that a small file fills the memory.
    if (!isId(id) || id >= 2 * entries.length + 1000)
      throw new FormatError("readGPT2", `the id of ${JSON.stringify(token)} is ${JSON.stringify(id)}`);
    while (tokens.length <= id) tokens.push(null);
    if (special.includes(token)) specials.push([token, id]);
    else if (tokens[id] !== null)
      throw new FormatError("readGPT2", `${JSON.stringify(token)} and ${JSON.stringify(tokens[id])} have the id ${id}`);
    else tokens[id] = token;
  }
  const lines = merges.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  return new BPETokenizer({
    type: "bpe",
    tokens,
    merges: lines.filter((line) => line !== ""),
    special: Object.fromEntries(specials),
    ...(pattern === undefined ? {} : { pattern }),
  });
}

/** From `toJSON`. FormatError for anything else. */
export const bpeTokenizerFromJSON = (value: unknown): BPETokenizer => new BPETokenizer(value as BPEDescription);

/** The contents of `vocab.json` and `merges.txt`, for other programs. ArgumentError for a tokenizer that has no list of merges. */
export function writeGPT2(tokenizer: BPETokenizer): { readonly vocabulary: string; readonly merges: string } {
  const { tokens, merges, special } = tokenizer.toJSON();
  if (!merges) throw new ArgumentError("writeGPT2", "the tokenizer merges by ids and has no list of merges");
  const entries = [...tokens.flatMap((token, id) => (token === null ? [] : [[token, id] as const])), ...Object.entries(special)];
  return { vocabulary: JSON.stringify(Object.fromEntries(entries)), merges: `#version: 0.2\n${merges.join("\n")}\n` };
}
