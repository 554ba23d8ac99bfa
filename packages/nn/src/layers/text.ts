import { ArgumentError, FormatError, StateError, type Tensor, tensor } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";

export interface TextVectorizationOptions extends LayerOptions {
  /** At most so many different tokens, padding and unknown among them. */
  readonly maxTokens?: number | null;
  readonly standardize?: "lowerAndStripPunctuation" | "lower" | "stripPunctuation" | null | ((text: string) => string);
  readonly split?: "whitespace" | "character" | null | ((text: string) => string[]);
  /** Also runs of up to so many tokens, or runs of these lengths. */
  readonly ngrams?: number | readonly number[] | null;
  /** "int": a number for each token. The others give one row of `maxTokens` (or the vocabulary's size) for each text. */
  readonly outputMode?: "int" | "multiHot" | "count" | "tfIdf";
  /** Cut or pad to this length ("int" only). */
  readonly outputSequenceLength?: number | null;
  readonly vocabulary?: readonly string[] | null;
}

/**
 * Texts as numbers: `adapt` learns the vocabulary, calling gives int32 [batch, length] (0 padding, 1 unknown). Works on strings, outside of programs.
 * @example
 * const words = new TextVectorization();
 * await words.adapt(["the cat sat", "the dog"]);
 * console.log(words.getVocabulary());
 * words.call(["the cat ran"])
 */
export class TextVectorization extends Layer {
  static override readonly className = "TextVectorization";
  private readonly options: TextVectorizationOptions;
  private words: string[] = [];
  private index = new Map<string, number>();
  private weights_: number[] | null = null;

  constructor(options: TextVectorizationOptions = {}) {
    super(options);
    const { outputMode = "int" } = options;
    if (!["int", "multiHot", "count", "tfIdf"].includes(outputMode))
      throw new ArgumentError(
        "TextVectorization",
        `outputMode is ${JSON.stringify(outputMode)}`,
        `Use "int", "multiHot", "count" or "tfIdf"`,
      );
    this.options = options;
    this.built = true;
    if (options.vocabulary) this.setVocabulary(options.vocabulary);
  }

  static fromConfig({ idfWeights, ...config }: Config): Layer {
    const layer = new TextVectorization(config as TextVectorizationOptions);
    if (Array.isArray(idfWeights)) layer.weights_ = idfWeights as number[];
    return layer;
  }

  /** Learns the vocabulary from texts: the most frequent tokens first. */
  adapt(texts: Iterable<string>): void {
    const counts = new Map<string, number>();
    const documents = new Map<string, number>();
    let total = 0;
    for (const text of texts) {
      total++;
      const tokens = this.tokens(text);
      for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
      for (const token of new Set(tokens)) documents.set(token, (documents.get(token) ?? 0) + 1);
    }
    const reserved = this.reserved.length;
    const room = (this.options.maxTokens ?? Number.POSITIVE_INFINITY) - reserved;
    const words = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, Math.max(0, room));
    this.setVocabulary(words.map(([word]) => word));
    if (this.options.outputMode !== "tfIdf") return;
    const idf = words.map(([word]) => Math.log(1 + total / (1 + documents.get(word)!)));
    const unknown = idf.length ? idf.reduce((a, b) => a + b) / idf.length : 0;
    this.weights_ = [unknown, ...idf];
  }

  /** Padding (numbers only) and the unknown token come first. */
  private get reserved(): string[] {
    return (this.options.outputMode ?? "int") === "int" ? ["", "[UNK]"] : ["[UNK]"];
  }

  setVocabulary(words: readonly string[]): void {
    const own = words.filter((word) => !this.reserved.includes(word));
    if (new Set(own).size !== own.length) throw new ArgumentError(String(this), "the vocabulary holds a token twice");
    this.words = [...this.reserved, ...own];
    this.index = new Map(this.words.map((word, i) => [word, i]));
  }

  /** Tokens by number: "" is padding, "[UNK]" stands for all others. */
  getVocabulary(): string[] {
    return [...this.words];
  }
  vocabularySize(): number {
    return this.words.length;
  }

  private tokens(text: string): string[] {
    if (typeof text !== "string") throw new ArgumentError(String(this), `expects texts, received ${typeof text}`);
    const { standardize = "lowerAndStripPunctuation", split = "whitespace", ngrams = null } = this.options;
    let clean = text;
    if (typeof standardize === "function") clean = standardize(clean);
    else {
      if (standardize === "lower" || standardize === "lowerAndStripPunctuation") clean = clean.toLowerCase();
      if (standardize === "stripPunctuation" || standardize === "lowerAndStripPunctuation")
        clean = clean.replace(/[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~']/g, "");
    }
    const tokens =
      typeof split === "function"
        ? split(clean)
        : split === "character"
          ? [...clean]
          : split === null
            ? [clean]
            : clean.split(/\s+/).filter(Boolean);
    if (ngrams === null) return tokens;
    const lengths = typeof ngrams === "number" ? Array.from({ length: ngrams }, (_, i) => i + 1) : ngrams;
    return lengths.flatMap((n) => tokens.slice(0, Math.max(0, tokens.length - n + 1)).map((_, i) => tokens.slice(i, i + n).join(" ")));
  }

  /** @internal Strings are no tensors: the layer is called on them directly. */
  override invoke(args: readonly unknown[]): unknown {
    const [given] = args;
    return this.call(typeof given === "string" ? [given] : (given as readonly string[]));
  }

  override call(texts: readonly string[]): Tensor {
    if (!this.words.length) throw new StateError(String(this), "has no vocabulary yet", "Call adapt(texts), or give one");
    if (!Array.isArray(texts)) throw new ArgumentError(String(this), `expects an array of texts, received ${typeof texts}`);
    const { outputMode = "int", outputSequenceLength = null, maxTokens = null } = this.options;
    const unknown = this.index.get("[UNK]")!;
    const rows = texts.map((text) => this.tokens(text).map((token) => this.index.get(token) ?? unknown));
    if (outputMode === "int") {
      const length = outputSequenceLength ?? Math.max(0, ...rows.map((row) => row.length));
      const data = new Int32Array(rows.length * length);
      rows.forEach((row, i) => {
        data.set(row.slice(0, length), i * length);
      });
      return tensor(data).reshape([rows.length, length]);
    }
    const size = maxTokens ?? this.words.length;
    const data = new Float32Array(rows.length * size);
    rows.forEach((row, i) => {
      for (const id of row) data[i * size + id] = outputMode === "multiHot" ? 1 : data[i * size + id]! + 1;
    });
    if (outputMode === "tfIdf") {
      if (!this.weights_) throw new StateError(String(this), "has no weights of tokens yet", "Call adapt(texts)");
      for (let i = 0; i < data.length; i++) data[i]! *= this.weights_[i % size] ?? 0;
    }
    return tensor(data).reshape([rows.length, size]);
  }

  override getConfig(): Config {
    const {
      maxTokens = null,
      standardize = "lowerAndStripPunctuation",
      split = "whitespace",
      ngrams = null,
      outputMode = "int",
      outputSequenceLength = null,
    } = this.options;
    if (typeof standardize === "function" || typeof split === "function")
      throw new FormatError(
        String(this),
        "a function of one's own cannot be written to a file",
        "Use one of the named ways to standardize and split",
      );
    return {
      ...super.getConfig(),
      maxTokens,
      standardize,
      split,
      ngrams,
      outputMode,
      outputSequenceLength,
      vocabulary: this.words.length ? this.words : null,
      idfWeights: this.weights_,
    };
  }
}

layerRegistry.register(TextVectorization);
