import { type Problem, shown } from "../error.ts";
import type { PartTarget, Question, Target } from "../question.ts";
import { absoluteTolerance, creditsOf, numberOf } from "../scoring.ts";
import {
  categoryName,
  type Draft,
  type Fields,
  fileText,
  Importer,
  isTrueFalse,
  multipleChoices,
  numericFields,
  percent,
  Refusal,
  shareOf,
  singleChoices,
  trueFalse,
  type Weighted,
} from "./importing.ts";
import type { Markup } from "./markup.ts";

// GIFT as Moodle's documentation describes it (https://docs.moodle.org/en/GIFT_format). A question ends at a blank line. Marks
// (~ = # { } :) are taken as text after a backslash, so everything below looks for marks that are not escaped.

export interface GiftFile {
  readonly questions: readonly Question[];
  readonly problems: readonly Problem[];
}

/** Reads the questions of a GIFT file. What cannot be taken over is in `problems`. Throws QuizError for what is no text or too long. */
export function parseGift(text: string): GiftFile {
  const importer = new Importer();
  let category: string | undefined;
  for (const block of blocksOf(fileText("parseGift", text))) {
    let { lines, line } = block;
    const named = /^\s*\$CATEGORY:(.*)$/.exec(lines[0]!);
    if (named) {
      category = categoryName(unescaped(named[1]!)) || undefined;
      lines = lines.slice(1);
      line++;
      while (lines.length && !lines[0]!.trim()) {
        lines = lines.slice(1);
        line++;
      }
    }
    if (!lines.length) continue;
    const tags = [...(category ? [category] : []), ...block.tags];
    importer.question(line, () => ({ ...readQuestion(importer, lines.join("\n").trim()), id: block.id, tags }));
  }
  const { questions, problems } = importer;
  return { questions, problems };
}

interface Block {
  /** First line with text, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
  readonly id: string | undefined;
  readonly tags: readonly string[];
}

/** Lines between blank lines; comments are left out, but may name an id and tags. */
function* blocksOf(text: string): Generator<Block> {
  let lines: string[] = [];
  let line = 0;
  let [id, tags]: [string | undefined, string[]] = [undefined, []];
  const all = text.split("\n");
  for (let i = 0; i <= all.length; i++) {
    const here = all[i] ?? "";
    if (here.trimStart().startsWith("//")) {
      for (const [, kind, value] of here.matchAll(/\[(id|tag):((?:[^\]\\]|\\.){1,200})\]/g)) {
        const plain = value!.replace(/\\(.)/g, "$1");
        if (kind === "id") id = plain.trim();
        else tags.push(plain);
      }
      // Lines are counted on, for messages.
      if (lines.length) lines.push("");
    } else if (here.trim()) {
      if (!lines.length) line = i + 1;
      lines.push(here);
    } else if (lines.length) {
      yield { line, lines, id, tags };
      [lines, id, tags] = [[], undefined, []];
    }
  }
}

function readQuestion(importer: Importer, text: string): Draft {
  let title: string | undefined;
  if (text.startsWith("::")) {
    const end = find(text, "::", 2);
    if (end < 0) throw new Refusal("the title begun with :: is not closed by another ::");
    title = importer.title(unescaped(text.slice(2, end)));
    text = text.slice(end + 2).trim();
  }
  const open = find(text, "{", 0);
  const close = find(text, "}", 0);
  if (open < 0 && close < 0) throw new Refusal("it has no answers in { }: descriptions are not taken over");
  if (open < 0 || (close >= 0 && close < open)) throw new Refusal("there is a } without a { before it; write \\} for the sign itself");
  if (close < 0) throw new Refusal("the { is not closed before the next blank line; write \\{ for the sign itself");
  const rest = text.slice(close + 1);
  if (find(rest, "{", 0) >= 0 || find(rest, "}", 0) >= 0)
    throw new Refusal("there is more than one { } in it; write \\{ and \\} for the signs");
  // A sentence that goes on after its answers has a gap in their place.
  const stem = rest.trim() ? `${text.slice(0, open)}_____${rest}` : text.slice(0, open);
  const [markup, bare] = markupOf(stem.trim(), "moodle");
  const reader = new AnswerReader(importer, markup);
  let answers = text.slice(open + 1, close).trim();
  const general = findLast(answers, "####");
  const feedback = general < 0 ? undefined : reader.prose(answers.slice(general + 4));
  if (general >= 0) answers = answers.slice(0, general).trim();
  const prompt = importer.text(unescaped(bare), markup, "prose");
  return { ...reader.read(answers), prompt, ...(title ? { title } : {}), ...(feedback ? { feedback } : {}) };
}

function markupOf(text: string, otherwise: Markup): [Markup, string] {
  const found = /^\[(html|markdown|plain|moodle)\]/.exec(text);
  return found ? [found[1] as Markup, text.slice(found[0].length)] : [otherwise, text];
}

/** Reads what stands between { and }. */
class AnswerReader {
  private readonly importer: Importer;
  private readonly markup: Markup;

  constructor(importer: Importer, markup: Markup) {
    this.importer = importer;
    this.markup = markup;
  }

  read(answers: string): Fields {
    if (!answers) throw new Refusal("it is an essay: there is nothing to grade it by");
    if (answers.startsWith("#")) return this.numeric(answers.slice(1));
    if (answers.startsWith(">")) return this.ordering(answers.slice(1));
    if (find(answers, "~", 0) >= 0) return this.choices(answers);
    if (find(answers, "=", 0) >= 0 && answers.includes("->")) return this.matching(answers);
    const [value, wrong, right] = split(answers, "#");
    if (/^(T|TRUE|F|FALSE)$/.test(value!.trim())) return this.trueFalse(value!.trim().startsWith("T"), wrong, right);
    return this.text(answers);
  }

  prose(text: string): string | undefined {
    return this.converted(text, "prose") || undefined;
  }

  private converted(text: string, kind: "prose" | "words"): string {
    const [markup, bare] = markupOf(text.trim(), this.markup);
    return this.importer.text(unescaped(bare), markup, kind);
  }

  /** "text # feedback" */
  private parts(item: string): [string, string | undefined] {
    const mark = find(item, "#", 0);
    return mark < 0 ? [item, undefined] : [item.slice(0, mark), this.prose(item.slice(mark + 1))];
  }

  private trueFalse(right: boolean, wrongText: string | undefined, rightText: string | undefined) {
    const [whenWrong, whenRight] = [this.prose(wrongText ?? ""), this.prose(rightText ?? "")];
    return { type: "single" as const, choices: trueFalse(right, right ? whenRight : whenWrong, right ? whenWrong : whenRight) };
  }

  private choices(answers: string) {
    const items = marked(answers, "~=");
    const weighted = items.map(({ mark, text }): Weighted => {
      const [weight, rest] = mark === "=" ? [1, text] : weightOf(text, 0);
      const [words, feedback] = this.parts(rest);
      return { text: this.converted(words, "words"), weight, feedback };
    });
    return items.some((i) => i.mark === "=")
      ? { type: "single" as const, choices: singleChoices(weighted) }
      : { type: "multiple" as const, choices: multipleChoices(this.importer, weighted) };
  }

  private text(answers: string) {
    const list = marked(answers, "=").map(({ text }) => {
      const [credit, rest] = weightOf(text, 1);
      const [words, feedback] = this.parts(rest);
      return { text: unescaped(markupOf(words.trim(), "plain")[1]).trim(), credit, ...(feedback ? { feedback } : {}) };
    });
    return { type: "text" as const, answers: list };
  }

  private matching(answers: string) {
    const pairs = marked(answers, "=").map(({ text }) => {
      const arrow = text.indexOf("->");
      if (arrow < 0) throw new Refusal(`a pair should be written left -> right. Received: ${shown(text.trim())}`);
      return { left: this.converted(text.slice(0, arrow), "words"), right: unescaped(text.slice(arrow + 2)).trim() };
    });
    const distractors = pairs.filter((p) => !p.left).map((p) => p.right);
    return { type: "matching" as const, pairs: pairs.filter((p) => p.left), ...(distractors.length ? { distractors } : {}) };
  }

  private numeric(answers: string) {
    let wrong: string | undefined;
    const found: (PartTarget & { right?: boolean })[] = [];
    for (const { mark, text } of marked(answers, "=~")) {
      const [weight, rest] = weightOf(text, mark === "=" ? 1 : 0);
      const [words, feedback] = this.parts(rest);
      const plain = unescaped(words).trim();
      if ((mark === "~" && !plain) || plain === "*") {
        if (weight !== 0) throw new Refusal("every number would earn points: * is worth more than nothing");
        wrong = feedback;
      } else found.push({ ...targetOf(plain), credit: weight, ...(feedback ? { feedback } : {}) });
    }
    return numericFields(found, wrong);
  }

  private ordering(text: string) {
    const [first = "", ...rest] = text.split("\n");
    const options = orderingOptions(first);
    for (const note of options.notes) this.importer.note(note);
    const items = [options.rest, ...rest].map((line) => this.converted(line, "words")).filter(Boolean);
    return { type: "ordering" as const, items };
  }
}

/** 3, 3:0.1 or 2.9..3.1 */
function targetOf(text: string): Target {
  const number = (part: string): number => {
    const value = numberOf(part);
    if (value === null) throw new Refusal(`expected a number, number:tolerance or low..high. Received: ${shown(text)}`);
    return value;
  };
  const dots = text.indexOf("..");
  if (dots > 0) {
    const [min, max] = [number(text.slice(0, dots)), number(text.slice(dots + 2))];
    if (min > max) throw new Refusal(`the range ${shown(text)} is empty: write the smaller number first`);
    return { min, max };
  }
  const colon = text.indexOf(":");
  if (colon < 0) return { answer: number(text), tolerance: 0 };
  const tolerance = number(text.slice(colon + 1));
  if (tolerance < 0) throw new Refusal(`the tolerance in ${shown(text)} is below 0`);
  return { answer: number(text.slice(0, colon)), tolerance };
}

const gradings = /^(ALL_OR_NOTHING|ABS(OLUTE(_POSITION)?)?|REL(ATIVE)?\w*|LONGEST_\w+)$/i;
const neighbours = /^(REL|RELATIVE|RELATIVE_NEXT_EXCLUDE_LAST)$/i;

/** Moodle's options before the items of an ordering question: how many, which, layout, grading, shown, numbering. */
function orderingOptions(line: string): { rest: string; notes: string[] } {
  const notes: string[] = [];
  const words = line.trim().split(/\s+/).filter(Boolean);
  const steps: [RegExp, (word: string) => string | null][] = [
    [/^\d+$/, () => null],
    [
      /^(ALL|EXACT|RANDOM|REL|CONTIGUOUS|CONTIG)$/i,
      (w) => (/^(ALL|EXACT)$/i.test(w) ? null : `all items are asked for, not a choice of them (${w})`),
    ],
    [/^(HORIZONTAL|HORI|H|VERTICAL|VERT|V)$/i, () => null],
    [gradings, (w) => (neighbours.test(w) ? null : `neighbours are graded, not ${w}`)],
    [/^(SHOW|TRUE|YES|HIDE|FALSE|NO)$/i, () => null],
    [/^(none|123|abc|ABCD|iii|IIII)$/i, () => null],
  ];
  let at = 0;
  for (const [form, remark] of steps) {
    const word = words[at];
    if (word === undefined || !form.test(word)) continue;
    const note = remark(word);
    if (note) notes.push(note);
    at++;
  }
  return at === 0 ? { rest: line, notes } : { rest: words.slice(at).join(" "), notes };
}

const escapable = "~=#{}:";

/** Place of a mark that is not escaped, or -1. */
function find(text: string, mark: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\" && (escapable.includes(text[i + 1] ?? " ") || text[i + 1] === "\\")) i++;
    else if (text.startsWith(mark, i)) return i;
  }
  return -1;
}

function findLast(text: string, mark: string): number {
  let last = -1;
  for (let at = find(text, mark, 0); at >= 0; at = find(text, mark, at + mark.length)) last = at;
  return last;
}

function split(text: string, mark: string): string[] {
  return marked(mark + text, mark).map((item) => item.text);
}

/** The items that begin with one of the marks; what stands before the first is an item of its own if it is not blank. */
function marked(text: string, marks: string): { mark: string; text: string }[] {
  const items: { mark: string; text: string }[] = [];
  let [mark, begin] = [marks[0]!, 0];
  const push = (end: number) => {
    if (begin > 0 || text.slice(0, end).trim()) items.push({ mark, text: text.slice(begin, end).trim() });
  };
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && (escapable.includes(text[i + 1] ?? " ") || text[i + 1] === "\\")) i++;
    else if (marks.includes(text[i]!)) {
      push(i);
      [mark, begin] = [text[i]!, i + 1];
    }
  }
  push(text.length);
  return items;
}

const unescaped = (text: string): string => text.replace(/\\([~=#{}:\\n])/g, (_, c: string) => (c === "n" ? "\n" : c));

/** "%50%text" */
function weightOf(item: string, otherwise: number): [number, string] {
  const found = /^%\s*(-?\d{1,3}(?:\.\d{0,10})?)\s*%/.exec(item);
  if (!found) return [otherwise, item];
  const weight = shareOf(Number(found[1]));
  if (Math.abs(weight) > 1) throw new Refusal(`a weight should be from -100 to 100 %. Received: ${found[0]}`);
  return [weight, item.slice(found[0].length)];
}

/** Writes questions as GIFT; those it has no words for are in `problems`. */
export function writeGift(questions: readonly Question[]): { readonly text: string; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const written: string[] = [];
  for (const q of questions) {
    const note = (message: string) => problems.push({ question: q.id, message });
    try {
      const answers = answersOf(q);
      if (q.points !== 1) note(`GIFT has no points: ${q.points} became 1`);
      if (q.hint) note("GIFT has no hints: the hint was left out");
      if (q.type === "text" && q.caseSensitive) note("GIFT has no case-sensitive answers: capitals no longer matter");
      if (q.type === "text" && q.answers.some((a) => a.feedback?.includes("->")))
        note('GIFT takes "->" among answers for a matching question: in remarks it became →');
      const tags = (q.tags ?? []).map((t) => ` [tag:${t}]`).join("");
      const title = q.title ? `::${escaped(q.title)}::` : "";
      const general = q.feedback ? `\n\t####${text(q.feedback)}` : "";
      written.push(`// [id:${q.id}]${tags}\n${title}[markdown]${escaped(q.prompt)} {${answers}${general}\n}\n`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      note(`left out: ${error.message}`);
    }
  }
  return { text: written.join("\n"), problems };
}

const escaped = (text: string): string =>
  text
    .trim()
    .replace(/[~=#{}:\\]/g, "\\$&")
    .replace(/\r\n?|\n/g, "\\n");

/** A text within the answers; one that begins like a format says which it has. */
const text = (words: string): string => (words.trimStart().startsWith("[") ? "[markdown]" : "") + escaped(words);

const remark = (feedback: string | undefined): string => (feedback ? `#${text(feedback)}` : "");

function answersOf(q: Question): string {
  switch (q.type) {
    case "single": {
      if (isTrueFalse(q.choices)) {
        const [right, wrong] = q.choices[0]!.correct ? q.choices : [...q.choices].reverse();
        const both = right!.feedback ? `#${text(wrong!.feedback ?? "")}#${text(right!.feedback)}` : remark(wrong!.feedback);
        return (q.choices[0]!.correct ? "TRUE" : "FALSE") + both;
      }
      const credits = q.choices.map((c) => c.credit ?? (c.correct ? 1 : 0));
      if (credits.every((c) => c === 1)) throw new Refusal("GIFT needs a choice that is not right");
      return q.choices
        .map((c, i) => `\n\t${credits[i] === 1 ? "=" : weight(credits[i]!, c.text)}${text(c.text)}${remark(c.feedback)}`)
        .join("");
    }
    case "multiple": {
      if (!q.choices.some((c) => c.correct)) throw new Refusal("GIFT cannot ask for choices of which none is right");
      const credits = creditsOf(q.choices);
      return q.choices.map((c, i) => `\n\t${weight(credits[i]!, c.text)}${text(c.text)}${remark(c.feedback)}`).join("");
    }
    case "numeric": {
      const others = (q.others ?? []).map((o) => `\n\t=%${percent(o.credit)}%${numbers(o)}${remark(o.feedback)}`);
      return `#\n\t=%100%${numbers(q)}${remark(q.right)}${others.join("")}${q.wrong ? `\n\t~${remark(q.wrong)}` : ""}`;
    }
    case "text":
      if (q.answers.some((a) => a.text.includes("->"))) throw new Refusal('GIFT takes "->" in an answer for a matching question');
      return q.answers.map((a) => `\n\t=%${percent(a.credit)}%${text(a.text)}${remark(a.feedback?.replaceAll("->", "→"))}`).join("");
    case "matching":
      if (q.pairs.some((p) => p.left.includes("->"))) throw new Refusal('GIFT cannot have "->" on the left of a pair');
      return [...q.pairs.map((p) => [text(p.left), p.right]), ...(q.distractors ?? []).map((d) => ["", d])]
        .map(([left, right]) => `\n\t=${left} -> ${escaped(right!)}`)
        .join("");
    case "ordering":
      if (q.items.some((item) => /\n|^\s*\/\//.test(item)))
        throw new Refusal("GIFT cannot order items of several lines or beginning with //");
      return `>${q.items.length} ALL VERTICAL RELATIVE_NEXT_EXCLUDE_LAST SHOW none${q.items.map((item) => `\n${text(item)}`).join("")}`;
    case "code":
      throw new Refusal("GIFT has no questions that are answered by code");
  }
}

/** ~ with a weight where there is one, or where the text would be taken for one. */
const weight = (credit: number, words: string): string =>
  credit !== 0 || words.trimStart().startsWith("%") ? `~%${percent(credit)}%` : "~";

const numbers = (t: Target): string => ("min" in t ? `${t.min}..${t.max}` : `${t.answer}:${absoluteTolerance(t)}`);
