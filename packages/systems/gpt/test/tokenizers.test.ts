import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { encode as cl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { encode as o200k } from "gpt-tokenizer/encoding/o200k_base";
import { encode as r50k } from "gpt-tokenizer/encoding/r50k_base";
import { describe, expect, test } from "vitest";
import { byteCharacters, writeBytes } from "../tokenizers/bpe.ts";
import {
  CharacterTokenizer,
  gpt2Pattern,
  type HuggingFaceTokenizer,
  readGPT2,
  readTokenizerJSON,
  TextStream,
  type Tokenizer,
  tokenizerFromJSON,
  trainBPE,
  writeGPT2,
} from "../tokenizers/index.ts";
import { compilePattern } from "../tokenizers/pattern.ts";
import { pretrainedNames, pretrainedTokenizer } from "../tokenizers/pretrained.ts";

const shakespeare = fileURLToPath(new URL("../../../../../shared/data/tinyshakespeare.txt", import.meta.url));
const prose = "It was the best of times, it was the worst of times; we had everything before us, we had nothing before us.\n".repeat(20);
const hard = [
  "",
  " ",
  "\r\n\r\n  \t x",
  "a\0b",
  "naïve cafe\u0301 — “quotes”…",
  "👩‍👩‍👧‍👦 🇩🇪 ❤️",
  "Ünïcödé 汉字 かな 한국어 עברית العربية",
  "it's we'll THEY'RE",
  "1234567 3.14159",
  "<|endoftext|>",
  "\u{10FFFF}\uFFFE\uFEFF x",
];
/** Text of everything: ASCII, any code points, white space, marks. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
      fc.constantFrom(" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "\u0301", "\0", "\u3000", "ab", "Ab1", "12345", "."),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
// JavaScript's \s, which the peers have, is right but for these two.
const peerText = anyText.filter((text) => !/[\uFEFF\u0085]/.test(text));

function stream(tokenizer: Tokenizer, ids: readonly number[]): string {
  const out = new TextStream(tokenizer);
  return ids.map((id) => out.push(id)).join("") + out.end();
}

const small = trainBPE(prose, { size: 320, special: ["<|endoftext|>", "<|user|>"] });
const gpt2 = await pretrainedTokenizer("r50k_base");

/** GPT-2's merges, from its tokens: the two that each is made of come out of merging its bytes with the tokens before it. */
function mergesOf(tokens: readonly (string | null)[]): string[] {
  const rank = new Map(tokens.map((token, id) => [token, id]));
  return tokens.flatMap((token, id) => {
    if (token === null || token.length === 1) return [];
    const parts = Array.from(token);
    while (parts.length > 2) {
      const ranks = parts.slice(1).map((right, i) => rank.get(parts[i]! + right) ?? Number.POSITIVE_INFINITY);
      const best = ranks.indexOf(Math.min(...ranks.filter((r) => r < id)));
      parts.splice(best, 2, parts[best]! + parts[best + 1]!);
    }
    return [parts.join(" ")];
  });
}
const gpt2Tokens = gpt2.toJSON().tokens;
const gpt2Files = {
  vocabulary: JSON.stringify({ ...Object.fromEntries(gpt2Tokens.map((token, id) => [token, id])), "<|endoftext|>": 50256 }),
  merges: `#version: 0.2\n${mergesOf(gpt2Tokens).join("\n")}\n`,
};
const gpt2FromFiles = readGPT2(gpt2Files.vocabulary, gpt2Files.merges);

describe.each<[string, Tokenizer]>([
  ["BPE we trained", small],
  ["GPT-2's vocabulary", gpt2],
  ["GPT-2's files", gpt2FromFiles],
])("%s", (_, tokenizer) => {
  test("gives back any text, and streams it the same", () => {
    for (const text of hard) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(stream(tokenizer, ids)).toBe(text);
      }),
    );
  });

  test("streams any tokens as it decodes them at once, characters cut in two included", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 })), (ids) => {
        expect(stream(tokenizer, ids)).toBe(tokenizer.decode(ids));
      }),
    );
  });

  test("reads lone surrogates as U+FFFD", () => {
    expect(tokenizer.decode(tokenizer.encode("a\uD800b\uDC00"))).toBe("a\uFFFDb\uFFFD");
  });

  test("reads special tokens only when asked to", () => {
    const id = tokenizer.special.get("<|endoftext|>")!;
    const text = "one<|endoftext|>two";
    expect(tokenizer.encode(text)).not.toContain(id);
    const ids = tokenizer.encode(text, { special: true });
    expect(ids.filter((i) => i === id)).toHaveLength(1);
    expect(ids).toEqual([...tokenizer.encode("one"), id, ...tokenizer.encode("two")]);
    expect([tokenizer.decode(ids), tokenizer.decode(tokenizer.encode(text)), tokenizer.token(id)]).toEqual([text, text, "<|endoftext|>"]);
  });

  test("names ids that no token has", () => {
    for (const id of [tokenizer.size, -1, 0.5, Number.NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(ArgumentError);
      expect(() => tokenizer.decode([id])).toThrow(`no token has the id ${id}`);
    }
  });

  test("comes back from JSON", () => {
    const again = tokenizerFromJSON(JSON.parse(JSON.stringify(tokenizer)));
    expect(again.size).toBe(tokenizer.size);
    expect([...again.special]).toEqual([...tokenizer.special]);
    for (const text of hard) expect(again.encode(text)).toEqual(tokenizer.encode(text));
  });

  test("takes long words in a moment", () => {
    for (const word of ["a", "xyzabcdefg", "é", "🙂", " "].map((part) => part.repeat(200_000 / part.length)))
      expect(tokenizer.decode(tokenizer.encode(word))).toBe(word);
  });
});

describe("a stream of text", () => {
  test("holds back what is not whole, and ends with what never became so", () => {
    const bytes = new TextEncoder().encode("é🙂");
    const ids = Array.from(bytes, (b) => idOfByte(b));
    const out = new TextStream(small);
    expect(ids.map((id) => out.push(id))).toEqual(["", "é", "", "", "", "🙂"]);
    expect(out.push(ids[0]!)).toBe("");
    expect(out.end()).toBe("\uFFFD");
  });
  const idOfByte = (byte: number) => Array.from({ length: 256 }, (_, id) => id).find((id) => small.bytes(id)[0] === byte)!;

  test("shows tokens that are no whole characters as bytes", () => {
    expect(small.token(idOfByte(0xe2))).toBe("<0xE2>");
    expect(small.token(small.encode(" the")[0]!)).toBe(" the");
  });
});

describe("characters", () => {
  const tokenizer = CharacterTokenizer.from("hello 🙂 wörld\n", { special: ["<|end|>"] });

  test("are numbered by code point, special tokens after them", () => {
    expect(tokenizer.encode("\n d🙂")).toEqual([0, 1, 2, tokenizer.size - 2]);
    expect(tokenizer.encode("d<|end|>", { special: true })).toEqual([2, tokenizer.size - 1]);
    expect(() => tokenizer.encode("d<|end|>")).toThrow(/"<" \(U\+003C\)/);
    expect(tokenizer.size).toBe(new Set("hello 🙂 wörld\n").size + 1);
  });

  test("give back text and stream it", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."hello 🙂 wörld\n") }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
        expect(stream(tokenizer, tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  test("not in the vocabulary are named", () => {
    expect(() => tokenizer.encode("hex")).toThrow(ArgumentError);
    expect(() => tokenizer.encode("hex")).toThrow(/"x" \(U\+0078\)/);
    expect(() => CharacterTokenizer.from("")).toThrow(ArgumentError);
  });

  test("come back from JSON", () => {
    const again = tokenizerFromJSON(JSON.parse(JSON.stringify(tokenizer)));
    expect(again.encode("world<|end|>", { special: true })).toEqual(tokenizer.encode("world<|end|>", { special: true }));
    expect(() => tokenizerFromJSON({ type: "characters", characters: "aa" })).toThrow(FormatError);
    expect(() => tokenizerFromJSON({ type: "characters", characters: "ab", special: [1] })).toThrow(FormatError);
  });
});

describe("OpenAI's vocabularies", () => {
  test("have tiktoken's sizes", async () => {
    const sizes = await Promise.all(pretrainedNames.map(async (name) => (await pretrainedTokenizer(name)).size));
    expect(sizes).toEqual([50257, 50281, 100277, 200019]);
    await expect(pretrainedTokenizer("gpt9" as "r50k_base")).rejects.toThrow(/r50k_base, p50k_base/);
  });

  test("give the numbers known of them", async () => {
    expect(gpt2.encode("Hello world")).toEqual([15496, 995]);
    expect((await pretrainedTokenizer("cl100k_base")).encode("hello world")).toEqual([15339, 1917]);
    expect((await pretrainedTokenizer("o200k_base")).encode("hello world")).toEqual([24912, 2375]);
  });

  test.each([
    ["r50k_base", r50k],
    ["cl100k_base", cl100k],
    ["o200k_base", o200k],
  ] as const)("%s equals gpt-tokenizer on any text", async (name, peer) => {
    const ours = await pretrainedTokenizer(name);
    const texts = [...hard, prose].filter((text) => !text.includes("\uFEFF"));
    const options = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
    for (const text of texts) expect(ours.encode(text)).toEqual(peer(text, options));
    fc.assert(
      fc.property(peerText, (text) => {
        expect(ours.encode(text)).toEqual(peer(text, options));
      }),
    );
  });

  test.skipIf(!existsSync(shakespeare))("GPT-2's files give the same on a long text (needs ../shared/data)", () => {
    const text = readFileSync(shakespeare, "utf8").slice(0, 300_000);
    const ids = r50k(text);
    expect(gpt2.encode(text)).toEqual(ids);
    expect(gpt2FromFiles.encode(text)).toEqual(ids);
  });

  test("GPT-2's files give the same on any text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(gpt2FromFiles.encode(text)).toEqual(gpt2.encode(text));
      }),
    );
  });
});

describe("training", () => {
  /** Sennrich's algorithm 1 as it stands: count all pairs, merge the best one everywhere, again. */
  function plain(text: string, learned: number) {
    const words = (text.match(compilePattern("test", gpt2Pattern)) ?? []).map((word) =>
      Array.from(writeBytes(new TextEncoder().encode(word))),
    );
    const tokens = [...byteCharacters];
    const merges: string[] = [];
    while (tokens.length < learned) {
      const counts = new Map<string, number>();
      for (const word of words)
        for (let i = 1; i < word.length; i++) counts.set(`${word[i - 1]} ${word[i]}`, (counts.get(`${word[i - 1]} ${word[i]}`) ?? 0) + 1);
      const order = ([a]: [string, number]) => a.split(" ").map((t) => tokens.indexOf(t)) as [number, number];
      const [best] = [...counts]
        .filter(([pair, n]) => n >= 2 && !tokens.includes(pair.replace(" ", "")))
        .sort((x, y) => y[1] - x[1] || order(x)[0] - order(y)[0] || order(x)[1] - order(y)[1]);
      if (!best) break;
      const [a, b] = best[0].split(" ") as [string, string];
      merges.push(best[0]);
      tokens.push(a + b);
      for (const word of words) for (let i = 1; i < word.length; i++) if (word[i - 1] === a && word[i] === b) word.splice(i - 1, 2, a + b);
    }
    return { tokens, merges, ids: words.flat().map((t) => tokens.indexOf(t)) };
  }
  test("equals the plain algorithm, and encoding gives what training ended with", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "1"), maxLength: 60 });
    fc.assert(
      fc.property(letters, (text) => {
        const expected = plain(text, 270);
        const tokenizer = trainBPE(text, { size: 270 });
        expect(tokenizer.toJSON().merges).toEqual(expected.merges);
        expect(tokenizer.toJSON().tokens).toEqual(expected.tokens);
        expect(tokenizer.encode(text)).toEqual(expected.ids);
      }),
      { numRuns: 60 },
    );
    const expected = plain(prose, 300);
    const tokenizer = trainBPE(prose, { size: 300 });
    expect(tokenizer.toJSON().merges).toEqual(expected.merges);
    expect(tokenizer.encode(prose)).toEqual(expected.ids);
  });

  test("gives a size, tells how far it is, and never learns special tokens", () => {
    const seen: number[] = [];
    const text = "<|end|>aaaa<|end|>bbbb".repeat(10);
    const tokenizer = trainBPE(text, { size: 259, special: ["<|end|>"], progress: (tokens, size) => seen.push(tokens / size) });
    expect([tokenizer.size, tokenizer.special.get("<|end|>")]).toEqual([259, 258]);
    expect(seen).toEqual([258 / 259, 1]);
    expect(trainBPE(text, { size: 300, special: ["<|end|>"] }).toJSON().merges).toEqual(["a a", "b b", "aa aa", "bb bb"]);
    expect(trainBPE("", { size: 300 }).size).toBe(256);
  });

  test("refuses sizes and names that cannot be", () => {
    for (const size of [255, 1.5, Number.NaN, 2 ** 21]) expect(() => trainBPE("a", { size })).toThrow(ArgumentError);
    expect(() => trainBPE("a", { size: 256, special: ["<|end|>"] })).toThrow(/from 257/);
    for (const special of [[""], ["x", "x"], ["\uD800"]]) expect(() => trainBPE("a", { size: 300, special })).toThrow(ArgumentError);
    expect(() => trainBPE("a", { size: 300, pattern: "(" })).toThrow(FormatError);
    expect(() => trainBPE("a", { size: 300, minCount: 0 })).toThrow(ArgumentError);
  });

  test.skipIf(!existsSync(shakespeare))("learns 2,000 tokens from Shakespeare (needs ../shared/data)", () => {
    const text = readFileSync(shakespeare, "utf8");
    const tokenizer = trainBPE(text, { size: 2000 });
    const ids = tokenizer.encode(text);
    expect(tokenizer.size).toBe(2000);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(text.length / ids.length).toBeGreaterThan(2.8);
    expect(tokenizer.toJSON().merges!.slice(0, 3)).toEqual(["Ġ t", "h e", "Ġ a"]);
  });

  test("writes GPT-2's files, which read the same", () => {
    const { vocabulary, merges } = writeGPT2(small);
    const again = readGPT2(vocabulary, merges, { special: ["<|endoftext|>", "<|user|>"] });
    expect(again.encode(prose)).toEqual(small.encode(prose));
    expect([...again.special]).toEqual([...small.special]);
    expect(() => writeGPT2(gpt2)).toThrow(ArgumentError);
  });
});

describe("patterns", () => {
  test("mean Unicode's classes, and cut without losing anything", () => {
    const tokenizer = trainBPE("", { size: 256, pattern: String.raw`\w+` });
    expect(tokenizer.decode(tokenizer.encode("a é\u0085 – !"))).toBe("a é\u0085 – !");
    const all = (pattern: string, text: string) => text.match(compilePattern("test", pattern));
    expect(all(String.raw`\s`, "\u0085\uFEFF\u3000")).toEqual(["\u0085", "\u3000"]);
    expect(all(String.raw`\d+|[\w]+`, "٣٤ naïve_1")).toEqual(["٣٤", "naïve_1"]);
    expect(all("(?i:'s|'ll)", "'S'ſ'lL")).toEqual(["'S", "'ſ", "'lL"]);
    expect(all("^a|b$", "a b\nab")).toEqual(["a", "b", "a", "b"]);
    expect(all(String.raw`\p{Han}+|[\"\-\[\]]|\!`, '汉字"-[!')).toEqual(["汉字", '"', "-", "[", "!"]);
    expect(all("[]a]+|[^]a]", "]ab")).toEqual(["]a", "b"]);
  });

  test.each(["a++", "(?>a)", "[a&&b]", "[[:alpha:]]", "(", "{", String.raw`\Z`, String.raw`[\W]`, "x".repeat(30_000)])(
    "%s is refused",
    (pattern) => {
      expect(() => compilePattern("test", pattern)).toThrow(FormatError);
    },
  );
});

test("a word of many millions of characters is refused, not a crash", () => {
  expect(() => small.encode("汉".repeat(20_000_000))).toThrow(ArgumentError);
});

describe("damaged files", () => {
  const { tokens, merges } = small.toJSON();
  test.each<[string, object, RegExp]>([
    ["no tokens", { tokens: "abc" }, /no list/],
    ["a byte too few", { tokens: tokens.slice(1) }, /no token is the byte 33/],
    ["two tokens alike", { tokens: [...tokens, tokens[0]] }, /has the ids 0 and/],
    ["a number for a token", { tokens: [...tokens, 7] }, /not written in GPT-2's alphabet/],
    ["a token that is no bytes", { tokens: [...tokens, "汉"] }, /not written in GPT-2's alphabet/],
    ["a merge of nothing", { merges: [...merges!, "Ġ 汉"] }, /not of two tokens/],
    ["a merge of three", { merges: ["a b c"] }, /merge 0/],
    ["a merge that is no string", { merges: [3] }, /merge 0/],
    ["merges that are no list", { merges: 3 }, /no list/],
    ["a special token with another's id", { special: { "<|x|>": 3 } }, /belongs to another token/],
    ["a special token with a huge id", { special: { "<|x|>": 1e12 } }, /1000000000000/],
    ["special tokens in a list", { special: ["<|x|>"] }, /no object/],
    ["a pattern that is none", { pattern: "(" }, /no regular expression/],
    ["a pattern that is a number", { pattern: 1 }, /no string/],
  ])("with %s are refused with a sentence", (_, change, message) => {
    const value = { ...small.toJSON(), ...change };
    expect(() => tokenizerFromJSON(value)).toThrow(FormatError);
    expect(() => tokenizerFromJSON(value)).toThrow(message);
  });

  test("of GPT-2's are refused with a sentence", () => {
    const { vocabulary, merges } = writeGPT2(small);
    for (const [vocab, merge, message] of [
      ["{", merges, /no JSON object/],
      ["[]", merges, /no JSON object/],
      [vocabulary.replace(":0", ":-1"), merges, /-1/],
      [vocabulary.replace(":0", ":1"), merges, /have the id 1/],
      [vocabulary.replace(":0", ":4000000"), merges, /4000000/],
      [vocabulary, `${merges}x`, /merge \d+, "x"/],
    ] as const) {
      expect(() => readGPT2(vocab, merge)).toThrow(FormatError);
      expect(() => readGPT2(vocab, merge)).toThrow(message);
    }
  });

  test("that are no tokenizer are refused", () => {
    for (const value of [null, undefined, 1, "bpe", [], {}, { type: "unigram" }, { type: "huggingface" }])
      expect(() => tokenizerFromJSON(value)).toThrow(FormatError);
  });
});

// --- Hugging Face's files ---

const added = (content: string, id: number, more: object = {}) => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ...more,
});
const template = (before: string[], after: string[], ids: Record<string, number>) => ({
  type: "TemplateProcessing",
  single: [
    ...before.map((id) => ({ SpecialToken: { id, type_id: 0 } })),
    { Sequence: { id: "A", type_id: 0 } },
    ...after.map((id) => ({ SpecialToken: { id, type_id: 0 } })),
  ],
  pair: [],
  special_tokens: Object.fromEntries(Object.entries(ids).map(([id, n]) => [id, { id, ids: [n], tokens: [id] }])),
});

/** As GPT-2's own file is. */
const gpt2Json = {
  version: "1.0",
  added_tokens: [added("<|endoftext|>", 50256)],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
  post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false },
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true },
  model: {
    type: "BPE",
    ...{ dropout: null, unk_token: null, continuing_subword_prefix: "", end_of_word_suffix: "", fuse_unk: false },
    vocab: JSON.parse(gpt2Files.vocabulary) as Record<string, number>,
    merges: gpt2Files.merges.trim().split("\n").slice(1),
  },
};

const space = "\u2581";
/** As Llama 2's: pieces of text, and bytes for what has none. ids: 0 <unk>, 1 <s>, 2 </s>, 3–258 bytes, then pieces. */
const llamaPieces = [...[space, "h", "e", "l", "o", "w", "r", "d"], "ll", "he", "llo", "hello", `${space}hello`, "or", "ld"];
const llamaVocab = Object.fromEntries([
  ...["<unk>", "<s>", "</s>"].map((token, id) => [token, id] as const),
  ...Array.from({ length: 256 }, (_, b) => [`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`, 3 + b] as const),
  ...llamaPieces.map((piece, i) => [piece, 259 + i] as const),
]);
const id = (piece: string) => llamaVocab[piece]!;
const llamaJson = {
  version: "1.0",
  added_tokens: ["<unk>", "<s>", "</s>"].map((token, i) => added(token, i)),
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: space },
      { type: "Replace", pattern: { String: " " }, content: space },
    ],
  },
  pre_tokenizer: null,
  post_processor: template(["<s>"], [], { "<s>": 1 }),
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: space }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    ...{
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
    },
    vocab: llamaVocab,
    merges: ["l l", "h e", "ll o", "he llo", `${space} hello`, "o r", "l d"],
  },
};

/** As BERT's, in small letters. */
const bertWords = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "the",
  "play",
  "##ing",
  "##ed",
  "un",
  "##play",
  "##able",
  ".",
  ",",
  "'",
  "s",
  "汉",
  "cafe",
];
const bertJson = {
  version: "1.0",
  added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((token, i) => added(token, i)),
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: template(["[CLS]"], ["[SEP]"], { "[CLS]": 2, "[SEP]": 3 }),
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    ...{ unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
    vocab: Object.fromEntries(bertWords.map((word, i) => [word, i])),
  },
};
const read = (json: object, config?: object) => readTokenizerJSON(JSON.stringify(json), config && JSON.stringify(config));
const [gpt2Read, llama, bert] = [read(gpt2Json), read(llamaJson), read(bertJson)];

describe("a tokenizer.json like GPT-2's", () => {
  test("gives what GPT-2's vocabulary does", () => {
    for (const text of hard) expect(gpt2Read.encode(text)).toEqual(gpt2.encode(text));
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = gpt2Read.encode(text);
        expect(ids).toEqual(gpt2.encode(text));
        expect([gpt2Read.decode(ids), stream(gpt2Read, ids)]).toEqual([text, text]);
      }),
    );
    expect(gpt2Read.encode("a<|endoftext|>", { special: true })).toEqual(gpt2.encode("a<|endoftext|>", { special: true }));
    expect(gpt2Read.encode("a<|endoftext|>")).toEqual(gpt2.encode("a<|endoftext|>"));
    expect([gpt2Read.size, gpt2Read.encodeWithTemplate("a")]).toEqual([50257, gpt2.encode("a")]);
  });
});

describe("a tokenizer.json like Llama's", () => {
  test("merges pieces, and writes bytes for what has none", () => {
    expect(llama.encode("hello world")).toEqual([`${space}hello`, space, "w", "or", "ld"].map(id));
    expect(llama.encode("é\n")).toEqual([space, "<0xC3>", "<0xA9>", "<0x0A>"].map(id));
    expect(llama.encode("")).toEqual([]);
    expect([llama.token(id(`${space}hello`)), llama.token(id("<0xC3>")), llama.token(id("<0x0A>"))]).toEqual([" hello", "<0xC3>", "\n"]);
  });

  test("puts the token that begins a text before it when asked", () => {
    expect(llama.encodeWithTemplate("hello")).toEqual([1, id(`${space}hello`)]);
    expect(llama.template).toEqual({ before: [1], after: [] });
    const config = { bos_token: "<s>", eos_token: { content: "</s>" }, add_bos_token: false, add_eos_token: true };
    const other = read(llamaJson, config);
    expect([other.template, other.begin, other.end]).toEqual([{ before: [], after: [2] }, 1, 2]);
  });

  test("gives back any text, the space at its beginning included", () => {
    fc.assert(
      fc.property(
        anyText.filter((text) => !text.includes(space)),
        (text) => {
          const ids = llama.encode(text);
          expect([llama.decode(ids), stream(llama, ids)]).toEqual([text, text]);
        },
      ),
    );
    const out = new TextStream(llama, { continues: true });
    expect(out.push(id(`${space}hello`))).toBe(" hello");
  });

  test("never makes a special token of ordinary text, whatever the merges", () => {
    const hostile = structuredClone(llamaJson);
    Object.assign(hostile.model.vocab, { "<": 300, s: 301, ">": 302, "<s": 303 });
    hostile.model.merges.push("< s", "<s >");
    for (const ignore_merges of [false, true]) {
      const tokenizer = read({ ...hostile, normalizer: null, model: { ...hostile.model, ignore_merges } });
      expect(tokenizer.encode("<s>")).toEqual([303, 302]);
      expect(tokenizer.encode("<s>", { special: true })).toEqual([1]);
    }
  });

  test("with Metaspace instead of a normalizer gives the same", () => {
    for (const [scheme, second] of [
      ["always", `${space}hello`],
      ["first", "hello"],
    ] as const) {
      const tokenizer = read({
        ...llamaJson,
        ...{ normalizer: null, pre_tokenizer: { type: "Metaspace", replacement: space, prepend_scheme: scheme, split: false } },
        decoder: { type: "Metaspace", replacement: space, prepend_scheme: scheme, split: false },
      });
      expect(tokenizer.encode("hello world")).toEqual(llama.encode("hello world"));
      expect(tokenizer.encode("hello</s>hello", { special: true })).toEqual([id(`${space}hello`), 2, id(second)]);
      expect(tokenizer.decode(tokenizer.encode("hello world"))).toBe("hello world");
    }
  });
});

describe("a tokenizer.json like BERT's", () => {
  const word = (w: string) => bertWords.indexOf(w);
  test("finds the longest pieces of words", () => {
    expect(bert.encode("The unplayable, PLAYING café's 汉.")).toEqual(
      ["the", "un", "##play", "##able", ",", "play", "##ing", "cafe", "'", "s", "汉", "."].map(word),
    );
    expect(bert.encode("the unplaying zzz")).toEqual(["the", "un", "##play", "##ing", "[UNK]"].map(word));
    expect(bert.encode(`the ${"play".repeat(26)}`)).toEqual([word("the"), 1]);
    expect(bert.encode("the\0 \u200Bplay")).toEqual([word("the"), word("play")]);
    expect(bert.encodeWithTemplate("the")).toEqual([2, word("the"), 3]);
    expect(bert.encode("the [SEP] play")).not.toContain(3);
    expect(bert.encode("the [SEP] play", { special: true })).toEqual([word("the"), 3, word("play")]);
  });

  test("is read with spaces where words begin", () => {
    const ids = bert.encode("The unplayable, playing café.");
    expect([bert.decode(ids), stream(bert, ids)]).toEqual(Array(2).fill("the unplayable, playing cafe."));
  });
});

describe("Hugging Face's own library agrees", () => {
  // Where it is right: it strips byte order marks, reads \s and \d as JavaScript does, and special tokens from any text.
  const texts = fc.string({ unit: fc.constantFrom(..."helo wrd é🙂汉.,'\nplayingunable"), maxLength: 40 });
  test.each<[string, object, HuggingFaceTokenizer]>([
    ["GPT-2", gpt2Json, gpt2Read],
    ["Llama", llamaJson, llama],
    ["BERT", bertJson, bert],
  ])("on a file like %s's", (_, json, ours) => {
    const peer = new Peer(json, { clean_up_tokenization_spaces: false });
    fc.assert(
      fc.property(texts, (text) => {
        const { ids } = peer.encode(text, { add_special_tokens: false });
        expect(ours.encode(text)).toEqual(ids);
        expect(ours.encodeWithTemplate(text)).toEqual(peer.encode(text).ids);
        if (ids.length && json !== bertJson) expect(ours.decode(ids)).toBe(peer.decode(ids));
      }),
    );
  });
});

describe("parts of a tokenizer.json", () => {
  /** Where a pre-tokenizer cuts: in a vocabulary of all parts of the text, every word is one token. */
  const words = (pre_tokenizer: object, text: string) => {
    const all = new Set<string>();
    for (let i = 0; i < text.length; i++)
      for (let j = i + 1; j <= text.length; j++)
        for (const part of [text.slice(i, j), text.slice(i, j).replaceAll(" ", space)]) all.add(part).add(space + part);
    const vocab = Object.fromEntries([...all].map((word, i) => [word, i]));
    const tokenizer = read({
      ...{ pre_tokenizer, decoder: { type: "Fuse" } },
      model: { type: "BPE", vocab, merges: [], ignore_merges: true },
    });
    return tokenizer.encode(text).map((i) => tokenizer.token(i));
  };
  const split = (behavior: string, invert = false) => ({ type: "Split", pattern: { String: "-" }, behavior, invert });

  test.each<[object, string, string[]]>([
    [split("Removed"), "a--b-c", ["a", "b", "c"]],
    [split("Isolated"), "a--b-c", ["a", "-", "-", "b", "-", "c"]],
    [split("MergedWithPrevious"), "a--b-c", ["a-", "-", "b-", "c"]],
    [split("MergedWithNext"), "a--b-c", ["a", "-", "-b", "-c"]],
    [split("Contiguous"), "a--b-c", ["a", "--", "b", "-", "c"]],
    [split("Removed", true), "a--b-c", ["-", "-", "-"]],
    [{ type: "Split", pattern: { Regex: String.raw`\d{1,2}` }, behavior: "Isolated" }, "a1234 5", ["a", "12", "34", " ", "5"]],
    [{ type: "Digits", individual_digits: true }, "a12b", ["a", "1", "2", "b"]],
    [{ type: "Digits", individual_digits: false }, "a12b", ["a", "12", "b"]],
    [{ type: "Whitespace" }, "naïve é, ok!!", ["naïve", "é", ",", "ok", "!!"]],
    [{ type: "WhitespaceSplit" }, " a, b\n", ["a,", "b"]],
    [{ type: "Punctuation" }, "a,b!!", ["a", ",", "b", "!", "!"]],
    [{ type: "Punctuation", behavior: "Contiguous" }, "a,b!!", ["a", ",", "b", "!!"]],
    [{ type: "BertPreTokenizer" }, " a,b c ", ["a", ",", "b", "c"]],
    [{ type: "Metaspace" }, "a b  c", [`${space}a`, `${space}b`, space, `${space}c`]],
    [{ type: "Metaspace", add_prefix_space: false }, "a b", ["a", `${space}b`]],
    [
      { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Digits", individual_digits: true }] },
      "a1 23",
      ["a", "1", "2", "3"],
    ],
  ])("%j cuts %j", (part, text, expected) => {
    expect(words(part, text)).toEqual(expected);
  });

  test("added tokens take spaces beside them and keep to whole words as they ask to", () => {
    const file = (...tokens: object[]) => read({ ...llamaJson, normalizer: null, added_tokens: tokens });
    const encode = (flags: object, text: string) => file(added("<m>", 400, { special: false, ...flags })).encode(text);
    const [h, w, sp] = [id("h"), id("w"), 3 + 32];
    expect(encode({}, "h <m> w")).toEqual([h, sp, 400, sp, w]);
    expect(encode({ lstrip: true }, "h  <m> w")).toEqual([h, 400, sp, w]);
    expect(encode({ rstrip: true }, "h <m>  w<m>")).toEqual([h, sp, 400, w, 400]);
    const alone = file(added("w", id("w"), { special: false, single_word: true }), added("or", id("or"), { special: false }));
    expect(alone.encode("w ww or")).toEqual([w, sp, w, w, sp, id("or")]);
    expect(file(added("a", 400, { special: false }), added("ab", 401, { special: false })).encode("aba")).toEqual([401, 400]);
  });

  test("normalizers change the text", () => {
    const characters = Object.fromEntries([..."abcé\u0301eﬁAB$&"].map((c, i) => [c, i]));
    const normal = (normalizer: object, text: string) => {
      const tokenizer = read({
        normalizer,
        decoder: { type: "Fuse" },
        model: { type: "BPE", vocab: { ...characters, f: 90, i: 91 }, merges: [] },
      });
      return tokenizer.decode(tokenizer.encode(text));
    };
    expect(normal({ type: "NFC" }, "e\u0301")).toBe("é");
    expect(normal({ type: "NFD" }, "é")).toBe("e\u0301");
    expect(normal({ type: "NFKC" }, "ﬁ")).toBe("fi");
    expect(normal({ type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }] }, "Aé")).toBe("ae");
    expect(normal({ type: "Strip", strip_left: true, strip_right: true }, "\n a\u3000")).toBe("a");
    expect(normal({ type: "Replace", pattern: { Regex: "a+" }, content: "$&" }, "aab")).toBe("$&b");
  });
});

describe("a damaged tokenizer.json", () => {
  const model = (change: object) => ({ ...llamaJson, model: { ...llamaJson.model, ...change } });
  const nested = (depth: number): object => (depth ? { type: "Sequence", pretokenizers: [nested(depth - 1)] } : { type: "Whitespace" });
  test.each<[string, unknown, RegExp]>([
    ["no object", [], /no object/],
    ["no model", { ...llamaJson, model: null }, /"model" is no object/],
    ["another model", model({ type: "WordLevel" }), /"WordLevel".*BPE and WordPiece/],
    ["Unigram's vocabulary", model({ type: "Unigram", vocab: [["a", 0]] }), /Unigram/],
    ["an id that is none", model({ vocab: { ...llamaVocab, x: 1.5 } }), /"x" is 1.5/],
    ["a huge id", model({ vocab: { ...llamaVocab, x: 2 ** 40 } }), /"x"/],
    ["two tokens with one id", model({ vocab: { ...llamaVocab, x: 5 } }), /another token/],
    ["merges that are none", model({ merges: {} }), /no list "merges"/],
    ["a merge of unknown tokens", model({ merges: ["q q"] }), /merge 0, "q q"/],
    ["a merge that is a number", model({ merges: [1] }), /merge 0/],
    ["a merge of numbers", model({ merges: [[1, 2]] }), /merge 0/],
    ["no unknown token", model({ unk_token: "<?>" }), /"<\?>"/],
    ["a flag that is a word", model({ byte_fallback: "yes" }), /"byte_fallback".*"yes"/],
    ["suffixes", model({ end_of_word_suffix: "</w>" }), /end_of_word_suffix/],
    ["added tokens that are none", { ...llamaJson, added_tokens: 1 }, /no list/],
    ["an added token that is null", { ...llamaJson, added_tokens: [null] }, /an added token is no object/],
    ["an added token twice", { ...llamaJson, added_tokens: [added("<x>", 400), added("<x>", 401)] }, /second one/],
    ["an added token with another's id", { ...llamaJson, added_tokens: [added("<x>", 5)] }, /contradicts/],
    ["an added token with a huge id", { ...llamaJson, added_tokens: [added("<x>", 1e9)] }, /1000000000/],
    ["an added token that is too long", { ...llamaJson, added_tokens: [added("x".repeat(2 ** 16), 400)] }, /65536 characters is too long/],
    ["an unknown pre-tokenizer", { ...llamaJson, pre_tokenizer: { type: "constructor" } }, /"constructor".*Known are/],
    ["a pre-tokenizer that is a number", { ...llamaJson, pre_tokenizer: 3 }, /pre-tokenizer is 3/],
    ["sequences without end", { ...llamaJson, pre_tokenizer: nested(50) }, /more than 8 deep/],
    ["a bad pattern", { ...llamaJson, pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } }, /no regular expression/],
    ["no pattern", { ...llamaJson, pre_tokenizer: { type: "Split" } }, /has no pattern/],
    ["an unknown behavior", { ...llamaJson, pre_tokenizer: { type: "Punctuation", behavior: "Eat" } }, /"Eat"/],
    ["an unknown normalizer", { ...llamaJson, normalizer: { type: "Precompiled" } }, /"Precompiled"/],
    ["an unknown decoder", { ...llamaJson, decoder: { type: "CTC" } }, /"CTC"/],
    ["no decoder", { ...llamaJson, decoder: null }, /no decoder/],
    ["a template without a place", { ...llamaJson, post_processor: { type: "TemplateProcessing", single: [] } }, /0 places/],
    ["a template of unknown tokens", { ...llamaJson, post_processor: template(["<x>"], [], {}) }, /"<x>"/],
    ["a template of unknown ids", { ...llamaJson, post_processor: template(["<x>"], [], { "<x>": 999 }) }, /999/],
    ["a template of nothing", { ...llamaJson, post_processor: { type: "BertProcessing", sep: [], cls: [] } }, /no token has/],
  ])("with %s is refused with a sentence", (_, value, message) => {
    const text = JSON.stringify(value);
    expect(() => readTokenizerJSON(text)).toThrow(FormatError);
    expect(() => readTokenizerJSON(text)).toThrow(message);
  });

  test("cut off anywhere is refused", () => {
    const text = JSON.stringify(bertJson);
    for (let end = 0; end < text.length; end += 37) expect(() => readTokenizerJSON(text.slice(0, end))).toThrow(FormatError);
    expect(() => readTokenizerJSON(text, "{")).toThrow(/tokenizer_config.json is no JSON/);
    expect(() => readTokenizerJSON(text, "[]")).toThrow(/tokenizer_config.json is no object/);
  });

  test("nested without end is refused with a sentence", () => {
    const deep = `${"[".repeat(1e5)}${"]".repeat(1e5)}`;
    const text = JSON.stringify({ ...bertJson, normalizer: "HERE" }).replace('"HERE"', deep);
    expect(() => readTokenizerJSON(text)).toThrow(/tokenizer\.json nests deeper than 256/);
  });

  test("with any value in any place is refused or works, and never ends in another error", () => {
    const source = [llamaJson, bertJson];
    const paths = (value: unknown, path: readonly string[] = []): string[][] =>
      typeof value === "object" && value !== null && path.at(-1) !== "vocab"
        ? Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...paths(inner, [...path, key])])
        : [];
    for (const json of source)
      for (const path of paths(json))
        for (const wrong of [null, undefined, 0, -1, "", "x", [], {}, true, [null], { type: "x" }]) {
          const copy = structuredClone(json) as Record<string, unknown>;
          const parent = path.slice(0, -1).reduce((value, key) => value[key] as Record<string, unknown>, copy);
          parent[path.at(-1)!] = wrong;
          try {
            read(copy).encode("hello é, play", { special: true });
          } catch (error) {
            if (!(error instanceof FormatError || error instanceof ArgumentError))
              throw new Error(`${path.join(".")} = ${JSON.stringify(wrong)}: ${error}`);
          }
        }
  });
});
