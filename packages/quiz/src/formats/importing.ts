import { type Problem, QuizError, shown } from "../error.ts";
import type { Choice, PartTarget, Question } from "../question.ts";
import { parseQuestion } from "../validate.ts";
import { longestMarkup, type Markup, taken } from "./markup.ts";

/** Largest file that is read, in characters. */
const largest = 2_000_000;
/** Questions that are read of a file. */
const mostQuestions = 5000;
/** Problems that are told. */
const mostProblems = 1000;

/** The file's text without byte order mark, its lines ending in \n. Throws QuizError where it is no text, or too much of it. */
export function fileText(operation: string, text: unknown): string {
  if (typeof text !== "string") throw new QuizError(`${operation}: expected the text of a file. Received: ${shown(text)}`);
  if (text.length > largest)
    throw new QuizError(`${operation}: expected at most ${largest} characters. Received: ${text.length}. Split the file?`);
  return text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
}

/** A question that cannot be taken over, and why. */
export class Refusal extends Error {}

/** Gathers the questions of a file, gives them ids, and notes what is lost. */
export class Importer {
  readonly questions: Question[] = [];
  readonly problems: Problem[] = [];
  private readonly ids = new Set<string>();
  private line = 1;
  private name = "";

  /** Reads one question; a Refusal, or what the checks of questions object to, becomes a problem. */
  question(line: number, read: () => Draft): void {
    this.line = line;
    this.name = "";
    try {
      if (this.questions.length >= mostQuestions) throw new Refusal(`only ${mostQuestions} questions of a file are read`);
      const { id, tags, ...draft } = read();
      const tidy = [...new Set((tags ?? []).map(tidyTag).filter(Boolean))].slice(0, 50);
      const checked = parseQuestion({ ...draft, id: this.freeId(id), ...(tidy.length ? { tags: tidy } : {}) });
      this.ids.add(checked.id);
      this.questions.push(checked);
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof QuizError)) throw error;
      this.note(`left out: ${error.message}`);
    }
  }

  called(title: string): void {
    this.name = title;
  }

  note(message: string, line = this.line): void {
    if (this.problems.length === mostProblems) this.problems.push({ line, message: "there are more problems than these" });
    if (this.problems.length > mostProblems) return;
    this.problems.push({ line, ...(this.name ? { question: this.name.slice(0, 200) } : {}), message });
  }

  /** A text of the file as we keep it. */
  text(text: string, markup: Markup, kind: "prose" | "words"): string {
    if (text.length > longestMarkup) throw new Refusal(`a text has ${text.length} characters, expected at most ${longestMarkup}`);
    const { text: kept, lost } = taken(text, markup, kind);
    if (lost.length) this.note(`cannot show <${lost.join(">, <")}>; only the text inside was kept`);
    return kept;
  }

  title(text: string): string | undefined {
    const title = text.replace(/\s+/g, " ").trim();
    if (title.length > 200) this.note(`the title has ${title.length} characters; the first 200 were kept`);
    this.called(title);
    return title.slice(0, 200).trim() || undefined;
  }

  private freeId(wanted: string | undefined): string {
    const ok = wanted !== undefined && /^[\w-]{1,64}$/.test(wanted);
    if (wanted && !ok) this.note(`the id ${shown(wanted)} cannot be kept: expected letters, digits, - and _`);
    if (wanted && this.ids.has(wanted)) this.note(`the id ${shown(wanted)} is used twice; this question got another`);
    if (ok && !this.ids.has(wanted)) return wanted;
    let n = this.questions.length + 1;
    while (this.ids.has(`q${n}`)) n++;
    return `q${n}`;
  }
}

/** What is particular to a type of question, not checked yet. */
export interface Fields {
  readonly type: Question["type"];
  readonly [field: string]: unknown;
}

/** A question that was read, not checked yet. */
export interface Draft extends Fields {
  readonly prompt: string;
  readonly id?: string | undefined;
  readonly tags?: readonly string[];
}

export interface Weighted {
  readonly text: string;
  /** Share of the points, -1 to 1. */
  readonly weight: number;
  readonly feedback: string | undefined;
}

export function singleChoices(list: readonly Weighted[]): Choice[] {
  const right = list.filter((c) => c.weight === 1).length;
  if (right === 0) throw new Refusal("no choice is worth 100 %");
  return list.map(({ text, weight, feedback }) => {
    const correct = weight === 1;
    const plain = weight === 0 || (correct && right === 1);
    return { text, correct, ...(plain ? {} : { credit: weight }), ...(feedback ? { feedback } : {}) };
  });
}

/** Choices with credits only where they differ from equal shares, of which a wrong choice loses one. */
export function multipleChoices(importer: Importer, list: readonly Weighted[]): Choice[] {
  const right = list.filter((c) => c.weight > 0);
  if (right.length === 0) throw new Refusal("no choice is worth anything");
  const sum = right.reduce((s, c) => s + c.weight, 0);
  if (sum < 0.999) importer.note(`the right choices add up to ${Math.round(sum * 1000) / 10} %: nobody can get all the points`);
  const usual = list.every((c) => Math.abs(Math.abs(c.weight) - 1 / right.length) < 1e-4);
  return list.map(({ text, weight, feedback }) => ({
    text,
    correct: weight > 0,
    ...(usual ? {} : { credit: weight }),
    ...(feedback ? { feedback } : {}),
  }));
}

/** The first number with full credit is the answer, what else earns or says something stands beside it. */
export function numericFields(found: readonly PartTarget[], wrong: string | undefined): Fields {
  const main = found.find((t) => t.credit === 1);
  if (!main) throw new Refusal("no number is worth 100 %");
  const { credit: _, feedback: right, ...target } = main;
  const others = found.filter((t) => t !== main);
  return { type: "numeric", ...target, ...(right ? { right } : {}), ...(wrong ? { wrong } : {}), ...(others.length ? { others } : {}) };
}

/** A category's path or a tag, as a tag can be written. */
function tidyTag(text: string): string {
  return text
    .replace(/[\p{Cc}[\]\\\s]+/gu, " ")
    .trim()
    .slice(0, 100)
    .trim();
}

/** "$course$/top/Week 1" → "Week 1". */
export const categoryName = (path: string): string =>
  path
    .trim()
    .replace(/^\$\w+\$\/?/, "")
    .replace(/^top(\/|$)/, "");

export const trueFalse = (right: boolean, whenTrue: string | undefined, whenFalse: string | undefined): readonly Choice[] => [
  { text: "True", correct: right, ...(whenTrue ? { feedback: whenTrue } : {}) },
  { text: "False", correct: !right, ...(whenFalse ? { feedback: whenFalse } : {}) },
];

export const isTrueFalse = (choices: readonly Choice[]): boolean =>
  choices.map((c) => c.text).join() === "True,False" &&
  choices.every((c) => c.credit === undefined) &&
  choices.filter((c) => c.correct).length === 1;

/** A share as the per cent of GIFT and Moodle: at most five decimals, never an exponent. */
export const percent = (share: number): string => String(Number((100 * share).toFixed(5)));

/** Per cent as a share, to seven decimals as Moodle keeps it. */
export const shareOf = (perCent: number): number => Number((perCent / 100).toFixed(7));
