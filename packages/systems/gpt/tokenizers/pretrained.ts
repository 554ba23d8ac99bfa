import { ArgumentError } from "@gradus/tensor/errors";
import { BPETokenizer, writeBytes } from "./bpe.ts";
import { gpt2Pattern } from "./pattern.ts";

const cl100kPattern = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const o200kPattern = [
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${contraction}`,
  String.raw`[^\r\n\p{L}\p{N}]?${upper}+${lower}*${contraction}`,
  String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
].join("|");

const endOfText = "<|endoftext|>";
const fillIn = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"];

/**
 * The tokens come from `gpt-tokenizer`. Patterns and special tokens are those of OpenAI's tiktoken (`openai_public.py`), from which the
 * package's differ: it adds tokens of its own, and its `\s` is JavaScript's.
 */
const vocabularies = {
  /** GPT-2 and GPT-3. */
  r50k_base: {
    load: () => import("gpt-tokenizer/bpeRanks/r50k_base"),
    special: { [endOfText]: 50256 },
    pattern: gpt2Pattern,
  },
  /** Codex: r50k_base and tokens of many spaces. */
  p50k_base: {
    load: () => import("gpt-tokenizer/bpeRanks/p50k_base"),
    special: { [endOfText]: 50256 },
    pattern: gpt2Pattern,
  },
  /** GPT-3.5 and GPT-4. */
  cl100k_base: {
    load: () => import("gpt-tokenizer/bpeRanks/cl100k_base"),
    special: {
      ...Object.fromEntries([endOfText, ...fillIn].map((name, i) => [name, 100257 + i])),
      "<|endofprompt|>": 100276,
    },
    pattern: cl100kPattern,
  },
  /** GPT-4o and later. */
  o200k_base: {
    load: () => import("gpt-tokenizer/bpeRanks/o200k_base"),
    special: { [endOfText]: 199999, "<|endofprompt|>": 200018 },
    pattern: o200kPattern,
  },
} as const;

export type PretrainedName = keyof typeof vocabularies;
export const pretrainedNames = Object.keys(vocabularies) as readonly PretrainedName[];

/**
 * One of OpenAI's vocabularies; `r50k_base` is GPT-2's. Fetched when asked for: half a megabyte to two and a half. ArgumentError names
 * those there are.
 */
export async function pretrainedTokenizer(name: PretrainedName): Promise<BPETokenizer> {
  if (!Object.hasOwn(vocabularies, name))
    throw new ArgumentError(
      "pretrainedTokenizer",
      `there is no vocabulary ${JSON.stringify(name)}`,
      `Use one of ${pretrainedNames.join(", ")}`,
    );
  const { load, special, pattern } = vocabularies[name];
  const ranks = (await load()).default;
  const encoder = new TextEncoder();
  // Tokens that are no text are lists of bytes; ids in between may be unused.
  const tokens = Array.from(ranks, (token) =>
    token === undefined ? null : writeBytes(typeof token === "string" ? encoder.encode(token) : token),
  );
  return new BPETokenizer({ type: "bpe", tokens, special, pattern });
}
