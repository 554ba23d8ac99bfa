import { ArgumentError } from "@gradus/tensor/errors";

export interface EncodeOptions {
  /**
   * Reads special tokens such as `<|endoftext|>` where the text spells them. Off unless asked for: text from outside must not be able to
   * end a document or to speak in another's name.
   */
  readonly special?: boolean;
}

/** Turns text into the numbers of tokens and back. Lone surrogates, which UTF-8 cannot write, are read as U+FFFD. */
export interface Tokenizer {
  /** How many ids there are, special tokens and unused ids included: a model has so many embeddings. */
  readonly size: number;
  /** Special tokens and their ids. */
  readonly special: ReadonlyMap<string, number>;
  /** Words bring the space before them, so `decode` drops a space at the very beginning of a text (Llama, BERT). */
  readonly leadingSpace: boolean;
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of tokens; bytes that are no UTF-8 become U+FFFD. ArgumentError for ids that no token has. */
  decode(ids: Iterable<number>): string;
  /** The bytes a token stands for, which may be a part of a character only. */
  bytes(id: number): Uint8Array;
  /** A token for people to read: its text, or its bytes as `<0xE2>` where they are no whole characters. */
  token(id: number): string;
  /** What `tokenizerFromJSON` makes the tokenizer from again. */
  toJSON(): { readonly type: string };
}

// A byte order mark is a character like others.
const utf8 = () => new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** `Tokenizer.decode` by way of the tokens' bytes. */
export function decodeBytes(tokenizer: Tokenizer, ids: Iterable<number>): string {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const id of ids) {
    const bytes = tokenizer.bytes(id);
    parts.push(bytes);
    length += bytes.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const text = utf8().decode(all);
  return tokenizer.leadingSpace && text.startsWith(" ") ? text.slice(1) : text;
}

/** `Tokenizer.token` by way of the token's bytes. */
export function showBytes(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return Array.from(bytes, (b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`).join("");
  }
}

/** The error for an id that no token has. */
export const noToken = (operation: string, id: number, size: number): ArgumentError =>
  new ArgumentError(operation, `no token has the id ${id}`, `Ids are whole numbers from 0 to ${size - 1}; is the tokenizer the model's?`);

/** Text from tokens as they come: characters whose bytes lie in several tokens are held back until they are whole. */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #decoder = utf8();
  #dropSpace: boolean;

  /** `continues`: the tokens go on from a text, so that a space they begin with is one. */
  constructor(tokenizer: Tokenizer, { continues = false }: { readonly continues?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#dropSpace = tokenizer.leadingSpace && !continues;
  }

  /** The text that is complete with this token; may be empty. ArgumentError for an id that no token has. */
  push(id: number): string {
    return this.#trim(this.#decoder.decode(this.#tokenizer.bytes(id), { stream: true }));
  }

  /** What was held back: U+FFFD for a character that never became whole. */
  end(): string {
    return this.#trim(this.#decoder.decode());
  }

  #trim(text: string): string {
    if (!this.#dropSpace || !text) return text;
    this.#dropSpace = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  }
}
