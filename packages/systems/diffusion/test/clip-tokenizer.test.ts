import { Random } from "@gradus/data";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { describe, expect, test } from "vitest";
import { ClipTokenizer } from "../clip-tokenizer.ts";
import { spelled, tinyClipFiles } from "./tiny-clip.ts";

const { vocabulary, merges } = tinyClipFiles();
const tokenizer = new ClipTokenizer(vocabulary, merges);
const numbers = JSON.parse(vocabulary) as Record<string, number>;
const pairs = merges.split("\n").slice(1, -1);

/** Hugging Face's description of the same tokenizer. */
const peer = new Peer(
  {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [tokenizer.start, tokenizer.end].map((id) => ({
      ...{ id, content: id === tokenizer.start ? "<|startoftext|>" : "<|endoftext|>", special: true, normalized: true },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "NFC" }, { type: "Replace", pattern: { Regex: "\\s+" }, content: " " }, { type: "Lowercase" }],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: "Removed",
          invert: true,
        },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      ...{ type: "BPE", dropout: null, unk_token: "<|endoftext|>", continuing_subword_prefix: "", end_of_word_suffix: "</w>" },
      ...{ fuse_unk: false, vocab: numbers, merges: pairs },
    },
  },
  {},
);

/** Texts that are made of pieces of all kinds. */
function textOf(random: Random): string {
  const some = [
    "red",
    "triangle",
    "TRIANGLES",
    "it's",
    "we'LL",
    "  ",
    "\n",
    "é",
    "É",
    "ß",
    "日本",
    "🙂",
    "12",
    "!?",
    "...",
    "'",
    "-",
    "q",
    "<",
    "\u00a0",
  ];
  return Array.from({ length: 1 + random.integer(30) }, () => some[random.integer(some.length)]!).join("");
}

describe("CLIP's tokenizer", () => {
  test("gives what Hugging Face's tokenizer gives with the same vocabulary", () => {
    const random = new Random(1);
    for (let i = 0; i < 300; i++) {
      const text = textOf(random);
      expect([text, tokenizer.tokens(text)]).toEqual([text, peer.encode(text, { add_special_tokens: false }).ids]);
    }
  });

  test("merges the first pair of the list wherever it is, until none is left", () => {
    const random = new Random(2);
    for (let i = 0; i < 200; i++) {
      const word = Array.from({ length: 1 + random.integer(20) }, () => "aredtinglscoh"[random.integer(13)]).join("");
      let parts = spelled(word);
      for (const pair of pairs) {
        // One merge after the other, everywhere: slow, and plainly the definition.
        const joined: string[] = [];
        for (let k = 0; k < parts.length; k++)
          if (k + 1 < parts.length && `${parts[k]} ${parts[k + 1]}` === pair) joined.push(parts[k]! + parts[++k]!);
          else joined.push(parts[k]!);
        parts = joined;
      }
      expect(tokenizer.tokens(word)).toEqual(parts.map((part) => numbers[part]));
    }
  });

  test("gives texts back, in lower case and with single spaces", () => {
    const random = new Random(3);
    for (let i = 0; i < 200; i++) {
      const text = textOf(random);
      const words = text.normalize("NFC").toLowerCase().replace(/\s+/gu, "");
      expect(tokenizer.decode(tokenizer.tokens(text)).replaceAll(" ", "")).toBe(words);
    }
    expect(tokenizer.decode(tokenizer.encode("A Red  triangle\n above the MOON").ids)).toBe("a red triangle above the moon");
  });

  test("puts start and end around a text and fills it up", () => {
    const { ids, count, cut } = tokenizer.encode("a red triangle");
    expect(ids.length).toBe(77);
    expect(cut).toBe("");
    expect([...ids.slice(0, count)]).toEqual([tokenizer.start, ...tokenizer.tokens("a red triangle"), tokenizer.end]);
    expect(new Set(ids.slice(count))).toEqual(new Set([tokenizer.pad]));
    expect(tokenizer.encode("").count).toBe(2);
    const other = new ClipTokenizer(vocabulary, merges, { pad: "!", context: 10 });
    expect([...other.encode("a").ids].at(-1)).toBe(numbers["!"]);
  });

  test("says what it cuts off, however long the text is", () => {
    const short = new ClipTokenizer(vocabulary, merges, { context: 6 });
    const { ids, count, cut } = short.encode("Red red RED red moon Moon");
    expect([count, ids[5], cut]).toEqual([6, short.end, "moon moon"]);
    const long = short.encode(`red ${"q".repeat(1_000_000)}`);
    expect([long.count, long.cut.length]).toEqual([6, 1_000_000]);
    expect([...long.ids.slice(0, 3)]).toEqual([short.start, ...short.tokens("red"), numbers["q"]]);
  });

  test("refuses files that do not fit each other", () => {
    expect(() => new ClipTokenizer("[]", merges)).toThrow("vocab.json is no JSON object");
    expect(() => new ClipTokenizer("{", merges)).toThrow("vocab.json is no JSON object");
    expect(() => new ClipTokenizer(JSON.stringify({ a: 0, b: 0 }), merges)).toThrow('gives "b" the number 0');
    expect(() => new ClipTokenizer(JSON.stringify({ a: 0, b: 1 }), "")).toThrow("no <|startoftext|>");
    expect(() => new ClipTokenizer(vocabulary, "#version: 0.2\na b c\n")).toThrow("line 1 of merges.txt");
    expect(() => new ClipTokenizer(vocabulary, "#version: 0.2\nq z\n")).toThrow("no pair of tokens");
    const { e: _, ...rest } = numbers;
    const names = Object.keys(rest);
    expect(() => new ClipTokenizer(JSON.stringify(Object.fromEntries(names.map((n, i) => [n, i]))), "")).toThrow('no "e"');
    expect(() => tokenizer.decode([99999])).toThrow("there is no token 99999");
  });
});
