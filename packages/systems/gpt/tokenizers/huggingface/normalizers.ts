import { FormatError } from "@gradus/tensor/errors";
import { compilePattern, escapePattern } from "../pattern.ts";

/** A step between a text and the text that is cut into words. */
export type Normalizer = (text: string) => string;

/** A part of a `tokenizer.json`. */
export type Part = Readonly<Record<string, unknown>>;
export const operation = "readTokenizerJSON";

/** A part of a file as an object with a type. FormatError for anything else, and for parts within parts without end. */
export function partOf(value: unknown, what: string, depth: number): Part & { readonly type: string } {
  if (depth > 8) throw new FormatError(operation, `the ${what} has sequences in sequences, more than 8 deep`);
  if (typeof value !== "object" || value === null || typeof (value as Part)["type"] !== "string")
    throw new FormatError(operation, `a ${what} is ${JSON.stringify(value)?.slice(0, 80)}`, `It needs a "type"`);
  return value as Part & { readonly type: string };
}

/** What a file asks for and we do not have. */
export const unknownPart = (what: string, type: unknown, known: string): FormatError =>
  new FormatError(operation, `the ${what} ${JSON.stringify(type)} is not known here`, `Known are ${known}`);

/** A field of a part: `fallback` where it is missing. FormatError for one of another type than the fallback's. */
export function field<T extends string | boolean | number>(part: Part, name: string, fallback: T): T {
  const value = part[name] ?? fallback;
  if (typeof value !== typeof fallback)
    throw new FormatError(
      operation,
      `"${name}" of ${JSON.stringify(part["type"])} is ${JSON.stringify(value).slice(0, 80)}, not a ${typeof fallback}`,
    );
  return value as T;
}

/** The list in a field of a part. */
export function listOf(part: Part, name: string): readonly unknown[] {
  const list = part[name];
  if (!Array.isArray(list)) throw new FormatError(operation, `${JSON.stringify(part["type"])} has no list "${name}"`);
  return list;
}

/** `{ "String": … }` or `{ "Regex": … }`. */
export function patternOf(part: Part): RegExp {
  const pattern = part["pattern"] as { readonly String?: unknown; readonly Regex?: unknown } | undefined;
  if (typeof pattern?.String === "string" && pattern.String) return new RegExp(escapePattern(pattern.String), "gu");
  if (typeof pattern?.Regex === "string") return compilePattern(operation, pattern.Regex);
  throw new FormatError(operation, `${JSON.stringify(part["type"])} has no pattern`, `It needs { "String": … } or { "Regex": … }`);
}

const stripAccents = (text: string) => text.normalize("NFD").replace(/\p{Mn}/gu, "");
const ideographs =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** BERT's cleaning: control characters go, ideographs stand alone, accents and capitals go as asked. */
function bert(part: Part): Normalizer {
  const clean = field(part, "clean_text", true);
  const ideographsAlone = field(part, "handle_chinese_chars", true);
  const lowercase = field(part, "lowercase", true);
  const plain = field(part, "strip_accents", lowercase);
  return (text) => {
    if (clean) text = text.replace(/[^\t\n\r\P{C}]|\uFFFD/gu, "").replace(/\p{White_Space}/gu, " ");
    if (ideographsAlone) text = text.replace(ideographs, " $& ");
    if (plain) text = stripAccents(text);
    return lowercase ? text.toLowerCase() : text;
  };
}

const simple: Readonly<Record<string, Normalizer>> = {
  NFC: (text) => text.normalize("NFC"),
  NFD: (text) => text.normalize("NFD"),
  NFKC: (text) => text.normalize("NFKC"),
  NFKD: (text) => text.normalize("NFKD"),
  Lowercase: (text) => text.toLowerCase(),
  StripAccents: (text) => text.replace(/\p{M}/gu, ""),
};

/** The `normalizer` of a `tokenizer.json`; null is none. FormatError for damaged and unknown ones. */
export function normalizerOf(value: unknown, depth = 0): Normalizer {
  if (value === null || value === undefined) return (text) => text;
  const part = partOf(value, "normalizer", depth);
  switch (part.type) {
    case "Sequence": {
      const steps = listOf(part, "normalizers").map((step) => normalizerOf(step, depth + 1));
      return (text) => steps.reduce((t, step) => step(t), text);
    }
    case "BertNormalizer":
      return bert(part);
    case "Prepend": {
      const prepend = field(part, "prepend", "");
      return (text) => (text ? prepend + text : text);
    }
    case "Replace": {
      const pattern = patternOf(part);
      const content = field(part, "content", "");
      return (text) => text.replace(pattern, () => content);
    }
    case "Strip": {
      const [left, right] = [field(part, "strip_left", true), field(part, "strip_right", true)];
      return (text) => {
        if (left) text = text.replace(/^\p{White_Space}+/u, "");
        return right ? trimEnd(text) : text;
      };
    }
    default:
      if (Object.hasOwn(simple, part.type)) return simple[part.type]!;
      throw unknownPart("normalizer", part.type, `Sequence, BertNormalizer, Prepend, Replace, Strip, ${Object.keys(simple).join(", ")}`);
  }
}

/** Without the white space at its end; a pattern would look at every run of spaces again and again. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}
