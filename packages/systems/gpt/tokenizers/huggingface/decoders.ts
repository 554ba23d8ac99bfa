import { FormatError } from "@gradus/tensor/errors";
import { readBytes } from "../bpe.ts";
import { field, listOf, operation, type Part, partOf, patternOf, unknownPart } from "./normalizers.ts";

/** How the tokens of a vocabulary are read. */
export interface Reading {
  /** The bytes of an entry of the vocabulary. */
  readonly bytes: (token: string) => Uint8Array;
  /** See `Tokenizer.leadingSpace`. */
  readonly leadingSpace: boolean;
}

/** Until its last step a token is text; a step may give its bytes, and then no other one follows. */
type Step = (token: string) => string | Uint8Array;

const cleanups = [" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're"];

/** BERT's: pieces that go on begin with ##, all others have a space before them, which punctuation loses. */
function wordPiece(part: Part): Step {
  const prefix = field(part, "prefix", "##");
  const cleanup = field(part, "cleanup", true);
  return (token) => {
    if (prefix && token.startsWith(prefix)) return token.slice(prefix.length);
    token = ` ${token}`;
    return cleanup ? cleanups.reduce((t, c) => t.replaceAll(c, c.slice(1)), token) : token;
  };
}

/**
 * The `decoder` of a `tokenizer.json`. Each of its steps must look at one token at a time, as all of GPT's, Llama's and BERT's do, so that
 * text can be shown while tokens come. FormatError for others.
 */
export function readingOf(value: unknown): Reading {
  const steps: Step[] = [];
  let leadingSpace = false;
  const add = (value: unknown, depth: number): void => {
    const part = partOf(value, "decoder", depth);
    switch (part.type) {
      case "Sequence":
        for (const step of listOf(part, "decoders")) add(step, depth + 1);
        return;
      case "ByteLevel":
        steps.push((token) => readBytes(token) ?? token);
        return;
      case "ByteFallback":
        steps.push((token) => (/^<0x[0-9A-F]{2}>$/i.test(token) ? Uint8Array.of(Number.parseInt(token.slice(3, 5), 16)) : token));
        return;
      case "Metaspace": {
        const replacement = field(part, "replacement", "\u2581");
        steps.push((token) => token.replaceAll(replacement, " "));
        leadingSpace = field<string>(part, "prepend_scheme", field(part, "add_prefix_space", true) ? "always" : "never") !== "never";
        return;
      }
      case "Replace": {
        const pattern = patternOf(part);
        const content = field(part, "content", "");
        steps.push((token) => token.replace(pattern, () => content));
        return;
      }
      case "WordPiece":
        steps.push(wordPiece(part));
        leadingSpace = true;
        return;
      case "Fuse":
        return; // tokens joined: what our bytes are anyway
      case "Strip":
        if (field(part, "content", " ") !== " " || field<number>(part, "start", 0) > 1 || field(part, "stop", 0) !== 0)
          throw new FormatError(operation, "the decoder Strip takes more than one space from the start of a text", "Only that is read");
        leadingSpace = field<number>(part, "start", 0) === 1;
        return;
      default:
        throw unknownPart("decoder", part.type, "Sequence, ByteLevel, ByteFallback, Metaspace, Replace, WordPiece, Fuse and Strip");
    }
  };
  if (value === null || value === undefined)
    throw new FormatError(operation, "there is no decoder", "Without one, tokens cannot be joined to text");
  add(value, 0);
  const encoder = new TextEncoder();
  return {
    leadingSpace,
    bytes: (token) => {
      const read = steps.reduce<string | Uint8Array>((t, step) => (typeof t === "string" ? step(t) : t), token);
      return typeof read === "string" ? encoder.encode(read) : read;
    },
  };
}
