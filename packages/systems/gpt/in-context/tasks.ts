import type { Random } from "@gradus/data";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { words as defaultWords } from "./words.ts";

/** One question with its answer. */
export interface Item {
  /** What makes it this item and no other: a question is not among its own solved examples, however its word is scrambled there. */
  readonly key: string;
  /** What the network reads, without the answer. */
  readonly context: string;
  readonly answer: string;
  /** Where the answer is one of several, all of them; empty for open questions. */
  readonly choices: readonly string[];
}

/** What a network is asked. Answers are one line each. */
export interface Task {
  /** As on the command line: "2d-addition". */
  readonly name: string;
  /** As in the paper: "2D+"; the name where it is not of the paper. */
  readonly title: string;
  /** Stands once before all examples; may be empty. */
  readonly instruction: string;
  /** How many different items there are. */
  readonly size: number;
  /** So many different items. ArgumentError for more than there are. */
  items(count: number, random: Random): Item[];
}

/** Stands between examples in a prompt. */
const separator = "\n\n";

/** A prompt as in the paper's appendix G: the instruction, solved examples, and the item without its answer. */
export function promptFor(task: Task, item: Item, shots: readonly Item[]): string {
  const solved = shots.map((shot) => `${shot.context} ${shot.answer}`);
  const body = [...solved, item.context].join(separator);
  return task.instruction ? `${task.instruction}\n${body}` : body;
}

/** A task whose items are made by chance; `size` of them differ. */
function generated(name: string, title: string, instruction: string, size: number, make: (random: Random) => Item): Task {
  return {
    ...{ name, title, instruction, size },
    items: (count, random) => {
      checkCount(name, count, size);
      const found = new Map<string, Item>();
      while (found.size < count) {
        const item = make(random);
        found.set(item.key, item);
      }
      return [...found.values()];
    },
  };
}

/** A task with the items of a list. */
function listed(name: string, title: string, instruction: string, list: readonly Item[]): Task {
  return {
    ...{ name, title, instruction, size: list.length },
    items: (count, random) => {
      checkCount(name, count, list.length);
      return shuffled(list, random).slice(0, count);
    },
  };
}

function checkCount(name: string, count: number, size: number): void {
  if (!(Number.isSafeInteger(count) && count >= 0)) throw new ArgumentError("items", `the number of examples is ${count}`);
  if (count > size) throw new ArgumentError("items", `${count} examples are asked of ${name}, which has ${size}`, "Ask for fewer");
}

/** In random order (Fisher and Yates). */
function shuffled<T>(list: readonly T[], random: Random): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

// Arithmetic (Brown et al. 2020, §3.9.1).

const question = (text: string, answer: number): Item => ({
  key: text,
  context: `Q: What is ${text}?\nA:`,
  answer: String(answer),
  choices: [],
});

const operations = {
  addition: { sign: "+", word: "plus", of: (a: number, b: number) => a + b },
  subtraction: { sign: "-", word: "minus", of: (a: number, b: number) => a - b },
  multiplication: { sign: "x", word: "times", of: (a: number, b: number) => a * b },
} as const;

/** Both numbers are drawn from 0 to 10^digits - 1, so that they have up to so many digits. */
function arithmetic(digits: number, operation: keyof typeof operations): Task {
  const { sign, word, of } = operations[operation];
  const below = 10 ** digits;
  return generated(`${digits}d-${operation}`, `${digits}D${sign}`, "", below ** 2, (random) => {
    const [a, b] = [random.integer(below), random.integer(below)];
    return question(`${a} ${word} ${b}`, of(a, b));
  });
}

/** Three digits and two operations, the latter two digits in brackets: 6+(4*8). */
function composite(): Task {
  const of = { "+": (a: number, b: number) => a + b, "-": (a: number, b: number) => a - b, "*": (a: number, b: number) => a * b };
  const signs = Object.keys(of) as (keyof typeof of)[];
  return generated("1d-composite", "1DC", "", 1000 * signs.length ** 2, (random) => {
    const [a, b, c] = [random.integer(10), random.integer(10), random.integer(10)] as const;
    const [outer, inner] = [signs[random.integer(3)]!, signs[random.integer(3)]!];
    return question(`${a}${outer}(${b}${inner}${c})`, of[outer](a, of[inner](b, c)));
  });
}

// Words to put right (§3.9.2).

/** A way to spoil a word. What comes out always differs from the word. */
interface Scramble {
  readonly name: string;
  readonly title: string;
  /** Whether it can spoil this word at all. */
  readonly fits: (letters: readonly string[]) => boolean;
  readonly apply: (letters: readonly string[], random: Random) => string;
}

const differ = (letters: readonly string[]): boolean => new Set(letters).size > 1;

/** Letters between the first and the last `kept` in another order. */
const anagram = (kept: number): Pick<Scramble, "fits" | "apply"> => ({
  fits: (letters) => differ(letters.slice(kept, -kept)),
  apply: (letters, random) => {
    const middle = letters.slice(kept, -kept);
    let mixed = middle;
    while (mixed.join("") === middle.join("")) mixed = shuffled(middle, random);
    return [...letters.slice(0, kept), ...mixed, ...letters.slice(-kept)].join("");
  },
});

const inserted = [..." .,;:!?-/'"];

const scrambles: readonly Scramble[] = [
  {
    ...{ name: "cycle-letters", title: "CL", fits: differ },
    apply: (letters, random) => {
      for (;;) {
        const by = 1 + random.integer(letters.length - 1);
        const turned = [...letters.slice(by), ...letters.slice(0, by)].join("");
        if (turned !== letters.join("")) return turned;
      }
    },
  },
  { name: "anagrams-1", title: "A1", ...anagram(1) },
  { name: "anagrams-2", title: "A2", ...anagram(2) },
  {
    ...{ name: "random-insertion", title: "RI", fits: (letters) => letters.length > 1 },
    apply: (letters, random) => letters.map((c, i) => (i ? inserted[random.integer(inserted.length)]! + c : c)).join(""),
  },
  {
    ...{ name: "reversed-words", title: "RW", fits: (letters) => letters.join("") !== letters.toReversed().join("") },
    apply: (letters) => letters.toReversed().join(""),
  },
];

const unscramble = "Please unscramble the letters into a word, and write that word:";

/** ArgumentError where no word can be spoilt this way. Each item has another word. */
function scrambled({ name, title, fits, apply }: Scramble, words: readonly string[]): Task {
  const usable = words.filter((word) => fits([...word]));
  if (!usable.length) throw new ArgumentError("taskOf", `none of the ${words.length} words is long enough for ${name}`, "Give more words");
  return {
    ...{ name, title, instruction: unscramble, size: usable.length },
    items: (count, random) => {
      checkCount(name, count, usable.length);
      return shuffled(usable, random)
        .slice(0, count)
        .map((word) => ({ key: word, context: `${apply([...word], random)} =`, answer: word, choices: [] }));
    },
  };
}

/** Words of a text, without repetitions, as the paper takes them: letters alone, at least four and fewer than 15. FormatError where there are none. */
export function wordsOf(text: string): string[] {
  const words = [...new Set(text.toLowerCase().match(/\p{L}+/gu) ?? [])].filter((word) => [...word].length >= 4 && [...word].length < 15);
  if (!words.length) throw new FormatError("wordsOf", "the text has no word of 4 to 14 letters", "Give a list of words");
  return words;
}

const makers: readonly ((words: readonly string[]) => Task)[] = [
  ...[2, 3, 4, 5].flatMap((digits) => (["addition", "subtraction"] as const).map((operation) => () => arithmetic(digits, operation))),
  () => arithmetic(2, "multiplication"),
  composite,
  ...scrambles.map((scramble) => (words: readonly string[]) => scrambled(scramble, words)),
];

/** The paper's synthetic tasks by name. */
export const taskNames: readonly string[] = makers.map((make) => make(defaultWords).name);

/** A task of the paper by its name here ("2d-addition") or there ("2D+"). `words` are those to scramble. ArgumentError names the tasks there are. */
export function taskOf(name: string, { words = defaultWords }: { readonly words?: readonly string[] } = {}): Task {
  const at = makers.findIndex((make) => {
    const task = make(defaultWords);
    return task.name === name || task.title === name;
  });
  if (at < 0)
    throw new ArgumentError("taskOf", `there is no task ${JSON.stringify(name)}`, `Use one of ${taskNames.join(", ")}, or a file`);
  return makers[at]!(words);
}

// Items of a user's file.

/**
 * A task from JSON: a list of items, or { instruction, items }; or from JSON Lines, an item a line. An item is
 * `{ "context": "lull is to trust as", "choices": ["cajole is to compliance", …], "answer": 0 }`: the answer is the number of a choice
 * from 0 on, or its text; without choices it is the text to be written. FormatError says which item is wrong, and how.
 */
export function taskFrom(name: string, contents: string | Uint8Array): Task {
  const text = typeof contents === "string" ? contents : decode(name, contents);
  const { instruction, rows } = parse(name, text.replace(/^\ufeff/, ""));
  if (!rows.length) throw new FormatError("taskFrom", `${name} has no items`, "Give at least one");
  const items = rows.map(({ value, where }) =>
    itemFrom(where, value, (problem, fix) => new FormatError("taskFrom", `${name}, ${where}: ${problem}`, fix)),
  );
  return listed(name, name, instruction, items);
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError("taskFrom", `${name} is not text in UTF-8`, "Give JSON or JSON Lines");
  }
}

interface Rows {
  readonly instruction: string;
  readonly rows: readonly { readonly value: unknown; readonly where: string }[];
}

function parse(name: string, text: string): Rows {
  const numbered = (list: readonly unknown[]) => list.map((value, i) => ({ value, where: `item ${i + 1}` }));
  const whole = parseJson(text);
  if (whole === undefined) return { instruction: "", rows: parseLines(name, text) };
  if (Array.isArray(whole)) return { instruction: "", rows: numbered(whole) };
  const { instruction = "", items } = (whole ?? {}) as { instruction?: unknown; items?: unknown };
  // One line of JSON Lines is JSON as well.
  if (items === undefined && isObject(whole)) return { instruction: "", rows: numbered([whole]) };
  if (!Array.isArray(items)) throw new FormatError("taskFrom", `${name} holds no list of items`, "Give [item, …] or an item a line");
  if (typeof instruction !== "string") throw new FormatError("taskFrom", `${name}: the instruction is no text`);
  return { instruction, rows: numbered(items) };
}

function parseLines(name: string, text: string): Rows["rows"] {
  const rows: { value: unknown; where: string }[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    const value = parseJson(line, (problem) => {
      throw new FormatError("taskFrom", `${name}, line ${i + 1} ${problem}`, "Give an item a line, or one list");
    });
    rows.push({ value, where: `line ${i + 1}` });
  }
  return rows;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const isLine = (value: unknown): value is string => typeof value === "string" && value.trim() !== "" && !/[\r\n]/.test(value.trim());

function itemFrom(key: string, value: unknown, fail: (problem: string, fix?: string) => FormatError): Item {
  if (!isObject(value)) throw fail("it is no object", 'Give { "context": …, "choices": […], "answer": … }');
  const { context, choices = [], answer } = value;
  if (typeof context !== "string" || !context.trim()) throw fail("there is no context", 'Give "context": "text that the network reads"');
  if (!Array.isArray(choices) || !choices.every(isLine)) throw fail("the choices are not a list of texts of one line", "None may be empty");
  const texts = choices.map((choice) => choice.trim());
  const shared = { key, context: context.trimEnd(), choices: texts };
  if (!texts.length) {
    if (!isLine(answer)) throw fail(`the answer is ${shown(answer)}`, "Without choices it is a text of one line");
    return { ...shared, answer: answer.trim() };
  }
  if (texts.length < 2) throw fail("there is one choice", "Give at least two");
  if (new Set(texts).size < texts.length) throw fail("two choices are the same");
  const at = typeof answer === "string" ? texts.indexOf(answer.trim()) : answer;
  if (!(Number.isInteger(at) && (at as number) >= 0 && (at as number) < texts.length))
    throw fail(`the answer is ${shown(answer)}`, `Give the number of a choice, 0 to ${texts.length - 1}, or its text`);
  return { ...shared, answer: texts[at as number]! };
}

const shown = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value).slice(0, 80));
