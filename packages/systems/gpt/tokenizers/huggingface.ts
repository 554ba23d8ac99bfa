import { FormatError } from "@gradus/tensor/errors";
import { parseJson } from "@gradus/tensor/json";
import { readingOf } from "./huggingface/decoders.ts";
import { modelOf, vocabularyOf, type WordModel } from "./huggingface/models.ts";
import { type Normalizer, normalizerOf, operation, type Part, trimEnd } from "./huggingface/normalizers.ts";
import { type PreTokenizer, preTokenizerOf } from "./huggingface/pre-tokenizers.ts";
import { type Template, templateOf } from "./huggingface/templates.ts";
import { WordCache } from "./merge.ts";
import { escapePattern } from "./pattern.ts";
import { isId } from "./special.ts";
import { decodeBytes, type EncodeOptions, noToken, showBytes, type Tokenizer } from "./tokenizer.ts";

/** A `HuggingFaceTokenizer` as JSON: its files. */
export interface HuggingFaceDescription {
  readonly type: "huggingface";
  /** The contents of `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** The contents of `tokenizer_config.json`. */
  readonly config?: unknown;
}

/** A token that is found in the text before it is cut into words. */
interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
  /** Looked for in the text as it is, or after normalization. */
  readonly normalized: boolean;
  /** White space to its left, or right, belongs to it; it is no part of a longer word. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly single_word: boolean;
}

/**
 * A tokenizer from Hugging Face's `tokenizer.json`: byte-level BPE (GPT-2, Llama 3, Qwen), BPE with byte fallback (Llama, Mistral, Gemma)
 * and WordPiece (BERT). What its normalizer changes cannot be undone, so `decode` gives back the normalized text. Added tokens that the
 * file does not call special are read from any text.
 */
export class HuggingFaceTokenizer implements Tokenizer {
  readonly size: number;
  readonly special: ReadonlyMap<string, number>;
  readonly leadingSpace: boolean;
  /** What the model was trained to see around a text: `encodeWithTemplate` adds it. */
  readonly template: Template;
  /** The tokens that begin and end a text, where `tokenizer_config.json` names them. */
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly #description: HuggingFaceDescription;
  readonly #bytes: ReadonlyMap<number, Uint8Array>;
  readonly #normalize: Normalizer;
  readonly #preTokenize: PreTokenizer;
  readonly #model: WordModel;
  readonly #cache = new WordCache();
  /** Finders of added tokens, in the text as it is and in the normalized text: without special ones, and with them. */
  readonly #finders: Readonly<Record<"plain" | "special", { readonly raw: Finder; readonly normalized: Finder }>>;

  /** From the parsed files. FormatError for damaged files and for parts that are not known. */
  constructor(tokenizer: unknown, config?: unknown) {
    const file = objectOf(tokenizer, "tokenizer.json");
    const settings = objectOf(config ?? {}, "tokenizer_config.json");
    this.#description = { type: "huggingface", tokenizer, ...(config === undefined ? {} : { config }) };
    const model = objectOf(file["model"], `the "model"`);
    const ids = vocabularyOf(model);
    const tokens = new Map([...ids].map(([token, id]) => [id, token]));
    const added = addedTokens(file["added_tokens"], ids, tokens);
    this.special = new Map(added.filter((t) => t.special).map((t) => [t.content, t.id]));
    const names = new Map(added.map((t) => [t.id, t.content]));
    this.size = [...tokens.keys(), ...names.keys()].reduce((size, id) => Math.max(size, id + 1), 0);

    this.#normalize = normalizerOf(file["normalizer"]);
    this.#preTokenize = preTokenizerOf(file["pre_tokenizer"]);
    this.#model = modelOf(model, ids, new Set(this.special.keys()));
    const reading = readingOf(file["decoder"]);
    this.leadingSpace = reading.leadingSpace;
    const encoder = new TextEncoder();
    this.#bytes = new Map([
      ...[...tokens].map(([id, token]) => [id, reading.bytes(token)] as const),
      ...[...names].map(([id, name]) => [id, encoder.encode(name)] as const),
    ]);

    const finders = (list: readonly AddedToken[]) => ({
      raw: finder(list.filter((t) => !t.normalized).map((t) => [t.content, t])),
      normalized: finder(list.filter((t) => t.normalized).map((t) => [this.#normalize(t.content), t])),
    });
    this.#finders = { plain: finders(added.filter((t) => !t.special)), special: finders(added) };

    const named = (name: string) => {
      const value = settings[name] as string | { readonly content?: unknown } | null | undefined;
      const token = typeof value === "string" ? value : value?.content;
      return typeof token === "string" ? (this.special.get(token) ?? ids.get(token)) : undefined;
    };
    this.begin = named("bos_token");
    this.end = named("eos_token");
    this.template = withSettings(
      templateOf(file["post_processor"], (id) => this.#bytes.has(id as number)),
      settings,
      this.begin,
      this.end,
    );
  }

  encode(text: string, { special = false }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    const { raw, normalized } = this.#finders[special ? "special" : "plain"];
    let first = true;
    for (const part of find(text.toWellFormed(), raw)) {
      for (const piece of typeof part === "string" ? find(this.#normalize(part), normalized) : [part]) {
        if (piece === "") continue;
        if (typeof piece === "number") ids.push(piece);
        else for (const word of this.#preTokenize(piece, first)) for (const id of this.#cache.get(word, this.#model)) ids.push(id);
        first = false;
      }
    }
    return ids;
  }

  /** `encode`, with the tokens around the text that the model was trained with. */
  encodeWithTemplate(text: string, options: EncodeOptions = {}): number[] {
    return [...this.template.before, ...this.encode(text, options), ...this.template.after];
  }

  decode(ids: Iterable<number>): string {
    return decodeBytes(this, ids);
  }

  bytes(id: number): Uint8Array {
    const bytes = this.#bytes.get(id);
    if (!bytes) throw noToken("decode", id, this.size);
    return bytes;
  }

  token(id: number): string {
    return showBytes(this.bytes(id));
  }

  toJSON(): HuggingFaceDescription {
    return this.#description;
  }
}

/** The text of `tokenizer.json`, and of `tokenizer_config.json` if there is one. FormatError for what is damaged or not known. */
export function readTokenizerJSON(tokenizer: string, config?: string): HuggingFaceTokenizer {
  const parse = (text: string, name: string): unknown =>
    parseJson(text, (problem) => {
      throw new FormatError(operation, `${name} ${problem}`, "Is the download complete?");
    });
  return new HuggingFaceTokenizer(
    parse(tokenizer, "tokenizer.json"),
    config === undefined ? undefined : parse(config, "tokenizer_config.json"),
  );
}

function objectOf(value: unknown, name: string): Part {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FormatError(operation, `${name} is no object`);
  return value as Part;
}

/** The added tokens of a file. FormatError where one contradicts the vocabulary or another one. */
function addedTokens(value: unknown, ids: ReadonlyMap<string, number>, tokens: ReadonlyMap<number, string>): readonly AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new FormatError(operation, `"added_tokens" is no list`);
  const [contents, seen] = [new Set<string>(), new Set<number>()];
  return value.map((entry: unknown) => {
    const token = objectOf(entry, "an added token");
    const { content, id } = token;
    if (typeof content !== "string" || !content || !isId(id) || contents.has(content) || seen.has(id))
      throw new FormatError(
        operation,
        `the added token ${JSON.stringify(content)} with the id ${JSON.stringify(id)} is damaged or a second one`,
      );
    if ((ids.get(content) ?? id) !== id || (tokens.get(id) ?? content) !== content)
      throw new FormatError(operation, `the added token ${JSON.stringify(content)} with the id ${id} contradicts the vocabulary`);
    contents.add(content);
    seen.add(id);
    const flag = (name: string, fallback = false) => (typeof token[name] === "boolean" ? token[name] : fallback);
    const special = flag("special");
    return {
      ...{ content, id, special, normalized: flag("normalized", !special) },
      ...{ lstrip: flag("lstrip"), rstrip: flag("rstrip"), single_word: flag("single_word") },
    };
  });
}

/** Finds added tokens, by their text. */
interface Finder {
  readonly pattern: RegExp | undefined;
  readonly tokens: ReadonlyMap<string, AddedToken>;
}

function finder(entries: readonly (readonly [text: string, token: AddedToken])[]): Finder {
  const tokens = new Map(entries.filter(([text]) => text));
  const texts = [...tokens.keys()].sort((a, b) => b.length - a.length);
  const source = texts.map((text) =>
    tokens.get(text)!.single_word ? String.raw`(?<![\p{L}\p{N}_])${escapePattern(text)}(?![\p{L}\p{N}_])` : escapePattern(text),
  );
  if (!source.length) return { pattern: undefined, tokens };
  const pattern = new RegExp(source.join("|"), "gu");
  try {
    pattern.test(""); // Not before it is used does a pattern turn out to be too large.
  } catch {
    throw new FormatError(operation, `an added token of ${texts[0]!.length} characters is too long to be looked for`);
  }
  return { pattern, tokens };
}

/** A text as pieces of text and ids of the added tokens between them. */
function* find(text: string, { pattern, tokens }: Finder): Generator<string | number> {
  let at = 0;
  for (const match of pattern ? text.matchAll(pattern) : []) {
    if (match.index < at) continue;
    const { id, lstrip, rstrip } = tokens.get(match[0])!;
    const before = text.slice(at, match.index);
    yield lstrip ? trimEnd(before) : before;
    yield id;
    at = match.index + match[0].length;
    while (rstrip && at < text.length && /\p{White_Space}/u.test(text[at]!)) at++;
  }
  yield text.slice(at);
}

/** Whether a text begins and ends with its tokens is also said in `tokenizer_config.json`, and that counts. */
function withSettings(template: Template, settings: Part, begin: number | undefined, end: number | undefined): Template {
  const { before, after } = template;
  const [addBegin, addEnd] = [settings["add_bos_token"], settings["add_eos_token"]];
  return {
    before:
      begin === undefined || typeof addBegin !== "boolean" || addBegin === (before[0] === begin)
        ? before
        : addBegin
          ? [begin, ...before]
          : before.slice(1),
    after:
      end === undefined || typeof addEnd !== "boolean" || addEnd === (after.at(-1) === end)
        ? after
        : addEnd
          ? [...after, end]
          : after.slice(0, -1),
  };
}
