import { ArgumentError, FormatError } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";

export interface ClipTokenizerOptions {
  /** Tokens of a text with its first and last; default 77. */
  readonly context?: number;
  /** The token that fills short texts up; default that which ends them, as in Stable Diffusion 1. */
  readonly pad?: string;
}

/** A text as a text encoder takes it. */
export interface EncodedText {
  /** `context` numbers: the start, the text, the end, filled up. */
  readonly ids: Int32Array;
  /** Which of them are not filling. */
  readonly count: number;
  /** What of the text did not fit; empty where all did. */
  readonly cut: string;
}

const start = "<|startoftext|>";
const end = "<|endoftext|>";
const endOfWord = "</w>";

/** Words, single digits, runs of signs, and the endings that English writes after an apostrophe. */
const pieces = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/**
 * CLIP's tokenizer (Radford et al. 2021, §2.4): lower case, words apart, their UTF-8 bytes merged by pairs in the order of `merges.txt`
 * (Sennrich et al. 2016); a word's last byte is marked, since spaces are not kept. FormatError for files that do not fit each other.
 */
export class ClipTokenizer {
  readonly context: number;
  /** Numbers of the tokens that begin and end a text, and that fill it up. */
  readonly start: number;
  readonly end: number;
  readonly pad: number;
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly ranks: ReadonlyMap<string, number>;
  private readonly names: readonly string[];
  /** Letters of the longest token. */
  private readonly longest: number;
  private readonly known = new Map<string, readonly number[]>();

  /** The texts of `vocab.json` and `merges.txt`. */
  constructor(vocabulary: string, merges: string, { context = 77, pad = end }: ClipTokenizerOptions = {}) {
    if (!Number.isInteger(context) || context < 3)
      throw new ArgumentError("ClipTokenizer", `context is ${context}`, "Give at least 3 tokens");
    this.context = context;
    this.numbers = parseVocabulary(vocabulary);
    this.ranks = parseMerges(merges, this.numbers);
    const names: string[] = [];
    for (const [name, i] of this.numbers) names[i] = name;
    this.names = names;
    this.longest = names.reduce((n, name) => Math.max(n, name.length), 1);
    const special = (name: string): number => {
      const found = this.numbers.get(name);
      if (found === undefined) throw new FormatError("ClipTokenizer", `vocab.json has no ${name}`, "Is it CLIP's vocabulary?");
      return found;
    };
    this.start = special(start);
    this.end = special(end);
    this.pad = special(pad);
    for (const sign of Object.values(signs))
      for (const name of [sign, sign + endOfWord])
        if (!this.numbers.has(name))
          throw new FormatError(
            "ClipTokenizer",
            `vocab.json has no ${JSON.stringify(name)}`,
            "Every byte has to be in it, alone and as the end of a word",
          );
  }

  /** Tokens that there are. */
  get size(): number {
    return this.numbers.size;
  }

  /** A text as numbers, `context` of them. What is too long is cut off, and given back as `cut`. */
  encode(text: string): EncodedText {
    if (typeof text !== "string") throw new ArgumentError("ClipTokenizer", `the text is ${typeof text}`, "Give a string");
    const room = this.context - 2;
    const ids = new Int32Array(this.context).fill(this.pad);
    const clean = normalized(text);
    let [at, used] = [0, 0];
    for (const match of clean.matchAll(pieces)) {
      // More letters than fit take no time.
      const tokens = this.word(match[0].slice(0, (room + 1) * this.longest));
      const fit = tokens.slice(0, room - at);
      ids.set(fit, 1 + at);
      at += fit.length;
      if (fit.length < tokens.length) break;
      used = match.index + match[0].length;
    }
    ids[0] = this.start;
    ids[1 + at] = this.end;
    return { ids, count: at + 2, cut: clean.slice(used).trim() };
  }

  /** Numbers of a whole text, without start and end, however long. */
  tokens(text: string): number[] {
    return [...normalized(text).matchAll(pieces)].flatMap((match) => this.word(match[0]));
  }

  /** The text of numbers, with a space after each word; start, end and filling are left out. ArgumentError for unknown ones. */
  decode(ids: Iterable<number>): string {
    let written = "";
    for (const id of ids) {
      const name = this.names[id];
      if (name === undefined)
        throw new ArgumentError("ClipTokenizer", `there is no token ${id}`, `There are 0 to ${this.names.length - 1}`);
      if (id !== this.start && id !== this.end && id !== this.pad) written += name;
    }
    const bytes = written.split(endOfWord).map((word) => Uint8Array.from([...word].map((sign) => byteOf.get(sign)!)));
    return bytes
      .map((word) => new TextDecoder().decode(word))
      .join(" ")
      .trim();
  }

  /** Merges the pair that comes first in the list, until there is none. */
  private word(word: string): readonly number[] {
    if (word === start || word === end) return [this.numbers.get(word)!];
    const found = this.known.get(word);
    if (found) return found;
    const parts = [...new TextEncoder().encode(word)].map((byte) => signs[byte]!);
    parts[parts.length - 1] += endOfWord;
    for (;;) {
      let [best, rank] = [-1, Number.POSITIVE_INFINITY];
      for (let i = 0; i + 1 < parts.length; i++) {
        const r = this.ranks.get(`${parts[i]} ${parts[i + 1]}`);
        if (r !== undefined && r < rank) [best, rank] = [i, r];
      }
      if (best < 0) break;
      const pair = `${parts[best]} ${parts[best + 1]}`;
      // All places of the pair, from left to right.
      for (let i = best; i + 1 < parts.length; i++)
        if (`${parts[i]} ${parts[i + 1]}` === pair) parts.splice(i, 2, parts[i]! + parts[i + 1]!);
    }
    const ids = parts.map((part) => this.numbers.get(part)!);
    if (this.known.size >= mostKnown) this.known.clear();
    if (word.length <= 64) this.known.set(word, ids);
    return ids;
  }
}

/** Words whose tokens are kept. */
const mostKnown = 20_000;

/** Composed, spaces one each, in lower case. */
const normalized = (text: string): string => text.normalize("NFC").replace(/\s+/gu, " ").trim().toLowerCase();

/** A visible sign for each byte: itself where it has one in Latin-1, else one of those from 256 on. */
const signs: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(visible ? byte : next++);
  });
})();

const byteOf: ReadonlyMap<string, number> = new Map(signs.map((sign, byte) => [sign, byte]));

function parseVocabulary(text: string): Map<string, number> {
  const json = parseJson(text);
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new FormatError("ClipTokenizer", "vocab.json is no JSON object");
  const entries = Object.entries(json);
  const taken = new Set<unknown>();
  for (const [name, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id >= entries.length || taken.has(id))
      throw new FormatError(
        "ClipTokenizer",
        `vocab.json gives ${JSON.stringify(name)} the number ${JSON.stringify(id)}`,
        `${entries.length} tokens have the numbers from 0 on, each once`,
      );
    taken.add(id);
  }
  return new Map(entries as [string, number][]);
}

function parseMerges(text: string, numbers: ReadonlyMap<string, number>): Map<string, number> {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  const ranks = new Map<string, number>();
  for (const [i, line] of lines.entries()) {
    if (line === "" && i === lines.length - 1) continue;
    const [a, b, ...more] = line.split(" ");
    if (!a || !b || more.length || !numbers.has(a) || !numbers.has(b) || !numbers.has(a + b))
      throw new FormatError(
        "ClipTokenizer",
        `line ${i + 1} of merges.txt, ${JSON.stringify(line.slice(0, 80))}, is no pair of tokens of vocab.json whose union is there`,
      );
    ranks.set(line, i);
  }
  return ranks;
}
