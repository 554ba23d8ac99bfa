import { ArgumentError, FormatError } from "@gradus/tensor/errors";

/** How GPT-2 cuts text into words before any merging (Radford et al. 2019, §2.2): words bring the space before them. */
export const gpt2Pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

// JavaScript's \s counts U+FEFF and not U+0085, and its \d and \w are ASCII's; in patterns of tokenizers they are Unicode's.
const classes: Readonly<Record<string, string>> = {
  s: String.raw`\p{White_Space}`,
  S: String.raw`\P{White_Space}`,
  d: String.raw`\p{Nd}`,
  D: String.raw`\P{Nd}`,
};
const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
const scripts = new Set(["Han", "Hangul", "Hiragana", "Katakana", "Latin", "Greek", "Cyrillic", "Arabic", "Hebrew", "Thai", "Devanagari"]);
const maxLength = 20_000;

/** A pattern for a text as it stands. */
export const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/**
 * A regular expression of tokenizers (Oniguruma's or Rust's) as JavaScript's: classes mean Unicode's, `^` and `$` are ends of lines.
 * FormatError for what JavaScript cannot say: possessive quantifiers, atomic groups, sets within sets.
 */
export function compilePattern(operation: string, pattern: string): RegExp {
  const refuse = (what: string) =>
    new FormatError(operation, `the pattern ${JSON.stringify(pattern.slice(0, 200))} ${what}`, "Write it in JavaScript's syntax");
  if (pattern.length > maxLength) throw refuse(`has more than ${maxLength} characters`);
  // Not every browser has groups that ignore case; the usual ones are contractions, (?i:'s|'t|…). ſ is an s as well.
  const source = pattern.replace(/\(\?i:(['a-z|]+)\)/g, (_, letters: string) => {
    const both = letters.replace(/[a-z]/g, (c) => `[${c}${c.toUpperCase()}${c === "s" ? "ſ" : ""}${c === "k" ? "\u212A" : ""}]`);
    return `(?:${both})`;
  });
  let result = "";
  let inSet = false;
  for (let i = 0; i < source.length; ) {
    const char = source[i]!;
    const next = source[i + 1] ?? "";
    i++;
    if (char === "\\") {
      const property = /^[pP]\{(\^?)([^{}]*)\}/.exec(source.slice(i, i + 100));
      if (property) {
        const [all, not, name] = property as unknown as [string, string, string];
        const p = (all[0] === "p") === !not ? "p" : "P";
        result += `\\${p}{${scripts.has(name) ? `Script=${name}` : name}}`;
        i += all.length;
        continue;
      }
      i++;
      if (next === "w" || next === "W") {
        if (inSet && next === "W") throw refuse(String.raw`has \W within a set`);
        result += inSet ? word : `[${next === "W" ? "^" : ""}${word}]`;
      } else if (/[sSdD]/.test(next)) result += classes[next];
      else if (/[AzZhHGKRXaeb<>]/.test(next)) throw refuse(`has \\${next}, which JavaScript reads in another way or not at all`);
      else if (/[\p{P}\p{S}\s]/u.test(next) && !/[\\^$.*+?()[\]{}|/]/.test(next) && !(inSet && next === "-")) result += next;
      else result += `\\${next}`;
    } else if (inSet) {
      if (char === "[" || (char === "&" && next === "&")) throw refuse("has a set within a set");
      if (char === "]") inSet = false;
      result += char;
    } else if (char === "[") {
      inSet = true;
      result += char;
      if (source[i] === "^") result += source[i++];
      if (source[i] === "]") result += `\\${source[i++]}`; // a bracket in first place is one
    } else if (char === "^") result += String.raw`(?<![^\n])`;
    else if (char === "$") result += String.raw`(?![^\n])`;
    else if (/[*+?}]/.test(char) && next === "+") throw refuse("has a possessive quantifier");
    else if (source.startsWith("(?>", i - 1)) throw refuse("has an atomic group");
    else result += char;
  }
  try {
    return new RegExp(result, "gu");
  } catch {
    throw refuse("is no regular expression");
  }
}

/**
 * A text in pieces, those that match and those between: nothing is lost. ArgumentError where a piece has so many characters (millions)
 * that JavaScript's regular expressions run out of memory.
 */
export function* pieces(text: string, pattern: RegExp): Generator<{ readonly text: string; readonly match: boolean }> {
  const matches = text.matchAll(pattern);
  let at = 0;
  for (;;) {
    let found: IteratorResult<RegExpExecArray>;
    try {
      found = matches.next();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ArgumentError("encode", `a word after ${at} characters of the text is too long to be cut`, "Give the text in parts");
    }
    if (found.done) break;
    const [match] = found.value;
    if (!match) continue;
    if (found.value.index > at) yield { text: text.slice(at, found.value.index), match: false };
    yield { text: match, match: true };
    at = found.value.index + match.length;
  }
  if (at < text.length) yield { text: text.slice(at), match: false };
}
