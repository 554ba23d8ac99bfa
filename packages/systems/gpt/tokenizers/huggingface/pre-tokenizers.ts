import { FormatError } from "@gradus/tensor/errors";
import { writeBytes } from "../bpe.ts";
import { compilePattern, escapePattern, gpt2Pattern, pieces } from "../pattern.ts";
import { field, listOf, operation, type Part, partOf, patternOf, unknownPart } from "./normalizers.ts";

/** Cuts a piece of text into words. `first`: the piece begins the text. */
export type PreTokenizer = (text: string, first: boolean) => string[];

const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
type Behavior = (typeof behaviors)[number];

function behaviorOf(part: Part, fallback: Behavior): Behavior {
  const behavior = field<string>(part, "behavior", fallback);
  if (!(behaviors as readonly string[]).includes(behavior)) throw unknownPart("behavior", behavior, behaviors.join(", "));
  return behavior as Behavior;
}

/** A text cut where a pattern matches, or (`invert`) does not, and what becomes of the places of the cuts. */
function cut(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const words: string[] = [];
  let before: boolean | undefined; // whether the piece before was a cut
  let pending = ""; // cuts that wait for what comes next
  for (const piece of pieces(text, pattern)) {
    const isCut = piece.match !== invert;
    const last = words.length - 1;
    if (behavior === "Removed") {
      if (!isCut) words.push(piece.text);
    } else if (behavior === "Contiguous" && before === isCut) words[last] += piece.text;
    else if (behavior === "MergedWithPrevious" && isCut && before === false) words[last] += piece.text;
    else if (behavior === "MergedWithNext" && isCut) {
      // Of several cuts in a row the last one joins what follows.
      if (pending) words.push(pending);
      pending = piece.text;
    } else {
      words.push(pending + piece.text);
      pending = "";
    }
    before = isCut;
  }
  if (pending) words.push(pending);
  return words;
}

const punctuation = String.raw`[\p{P}!-/:-@\[-\x60{-~]`;
const gpt2 = compilePattern(operation, gpt2Pattern);
const cuts: Readonly<Record<string, readonly [pattern: RegExp, behavior: Behavior, invert: boolean]>> = {
  WhitespaceSplit: [/\p{White_Space}/gu, "Removed", false],
  Whitespace: [compilePattern(operation, String.raw`\w+|[^\w\s]+`), "Removed", true],
};

/** Llama's: spaces become a visible character, and the text gets one before it. */
function metaspace(part: Part): PreTokenizer {
  const replacement = field(part, "replacement", "\u2581");
  const scheme = field<string>(part, "prepend_scheme", field(part, "add_prefix_space", true) ? "always" : "never");
  if (Array.from(replacement).length !== 1 || !["always", "never", "first"].includes(scheme))
    throw new FormatError(
      operation,
      `Metaspace has the replacement ${JSON.stringify(replacement)} and the scheme ${JSON.stringify(scheme)}`,
    );
  const words = new RegExp(escapePattern(replacement), "gu");
  const split = field(part, "split", true);
  return (text, first) => {
    text = text.replaceAll(" ", replacement);
    if ((scheme === "always" || (scheme === "first" && first)) && !text.startsWith(replacement)) text = replacement + text;
    return split ? cut(text, words, "MergedWithNext") : [text];
  };
}

/** The `pre_tokenizer` of a `tokenizer.json`; null is none. FormatError for damaged and unknown ones. */
export function preTokenizerOf(value: unknown, depth = 0): PreTokenizer {
  if (value === null || value === undefined) return (text) => [text];
  const part = partOf(value, "pre-tokenizer", depth);
  switch (part.type) {
    case "Sequence": {
      const steps = listOf(part, "pretokenizers").map((step) => preTokenizerOf(step, depth + 1));
      return (text, first) => steps.reduce<string[]>((words, step) => words.flatMap((word, i) => step(word, first && i === 0)), [text]);
    }
    case "ByteLevel": {
      const prefix = field(part, "add_prefix_space", true);
      const regex = field(part, "use_regex", true);
      const encoder = new TextEncoder();
      return (text) => {
        if (prefix && !text.startsWith(" ")) text = ` ${text}`;
        return (regex ? cut(text, gpt2, "Isolated") : [text]).map((word) => writeBytes(encoder.encode(word)));
      };
    }
    case "Metaspace":
      return metaspace(part);
    case "Split": {
      const pattern = patternOf(part);
      const [behavior, invert] = [behaviorOf(part, "Isolated"), field(part, "invert", false)];
      return (text) => cut(text, pattern, behavior, invert);
    }
    case "Digits": {
      const pattern = field(part, "individual_digits", false) ? /\p{N}/gu : /\p{N}+/gu;
      return (text) => cut(text, pattern, "Isolated");
    }
    case "Punctuation": {
      const [pattern, behavior] = [new RegExp(punctuation, "gu"), behaviorOf(part, "Isolated")];
      return (text) => cut(text, pattern, behavior);
    }
    case "BertPreTokenizer": {
      const pattern = new RegExp(punctuation, "gu");
      return (text) => cut(text, /\p{White_Space}/gu, "Removed").flatMap((word) => cut(word, pattern, "Isolated"));
    }
    default:
      if (Object.hasOwn(cuts, part.type)) {
        const [pattern, behavior, invert] = cuts[part.type]!;
        return (text) => cut(text, pattern, behavior, invert);
      }
      throw unknownPart(
        "pre-tokenizer",
        part.type,
        `Sequence, ByteLevel, Metaspace, Split, Digits, Punctuation, BertPreTokenizer, ${Object.keys(cuts).join(", ")}`,
      );
  }
}
