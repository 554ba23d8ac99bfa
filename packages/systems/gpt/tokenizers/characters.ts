import { ArgumentError, FormatError } from "@gradus/tensor/errors";
import { SpecialTokens, specialFrom } from "./special.ts";
import { decodeBytes, type EncodeOptions, noToken, type Tokenizer } from "./tokenizer.ts";

/** A `CharacterTokenizer` as JSON. */
export interface CharacterDescription {
  readonly type: "characters";
  /** One string, its characters in the order of their ids. */
  readonly characters: string;
  /** Special tokens, whose ids come after those of the characters. */
  readonly special: readonly string[];
}

/** Every character (code point) of some text is a token. The simplest vocabulary, and the longest sequences. */
export class CharacterTokenizer implements Tokenizer {
  readonly size: number;
  readonly leadingSpace = false;
  readonly #characters: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #special: SpecialTokens;

  /** The characters that occur in a text, sorted by code point. ArgumentError for a text without any. */
  static from(text: string, { special = [] }: { readonly special?: readonly string[] } = {}): CharacterTokenizer {
    const found = new Set<string>(text.toWellFormed());
    if (!found.size) throw new ArgumentError("CharacterTokenizer.from", "the text is empty", "Give the text to learn from");
    return new CharacterTokenizer([...found].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!).join(""), special);
  }

  /** From the characters in the order of their ids. ArgumentError for a character that occurs twice. */
  constructor(characters: string, special: readonly string[] = []) {
    this.#characters = Array.from(characters.toWellFormed());
    this.#ids = new Map(this.#characters.map((c, id) => [c, id]));
    if (this.#ids.size !== this.#characters.length)
      throw new ArgumentError("CharacterTokenizer", "a character occurs twice", "Use CharacterTokenizer.from for a text");
    this.#special = new SpecialTokens(specialFrom("CharacterTokenizer", special, this.#characters.length));
    this.size = this.#characters.length + special.length;
  }

  get special(): ReadonlyMap<string, number> {
    return this.#special.ids;
  }

  /** ArgumentError for a character that is not in the vocabulary. */
  encode(text: string, { special = false }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    text = text.toWellFormed();
    for (const piece of special ? this.#special.split(text) : [text]) {
      if (typeof piece === "number") {
        ids.push(piece);
        continue;
      }
      for (const character of piece) {
        const id = this.#ids.get(character);
        if (id === undefined) {
          const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
          throw new ArgumentError(
            "encode",
            `the character ${JSON.stringify(character)} (U+${code}) did not occur in the text the characters are from`,
            "Leave it out, or use a tokenizer of bytes: trainBPE",
          );
        }
        ids.push(id);
      }
    }
    return ids;
  }

  decode(ids: Iterable<number>): string {
    return decodeBytes(this, ids);
  }

  bytes(id: number): Uint8Array {
    return new TextEncoder().encode(this.token(id));
  }

  token(id: number): string {
    const text = this.#characters[id] ?? this.#special.names.get(id);
    if (text === undefined) throw noToken("decode", id, this.size);
    return text;
  }

  toJSON(): CharacterDescription {
    return { type: "characters", characters: this.#characters.join(""), special: [...this.special.keys()] };
  }
}

/** From `toJSON`. FormatError for anything else. */
export function characterTokenizerFromJSON(value: unknown): CharacterTokenizer {
  const { characters, special = [] } = value as CharacterDescription;
  if (typeof characters === "string" && Array.isArray(special)) {
    try {
      return new CharacterTokenizer(characters, special);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
    }
  }
  throw new FormatError("tokenizerFromJSON", `the characters of a tokenizer are not a string of different ones`, "Take what toJSON gives");
}
