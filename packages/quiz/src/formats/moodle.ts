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
import { type Element, hasUnwritable, readXml, xmlText } from "./xml.ts";

// Moodle's question XML (https://docs.moodle.org/en/Moodle_XML_format).

export interface MoodleFile {
  readonly questions: readonly Question[];
  readonly problems: readonly Problem[];
}

/** Reads Moodle's question XML. What cannot be taken over is in `problems`. Throws QuizError for what is no such file. */
export function parseMoodleXml(text: string): MoodleFile {
  const importer = new Importer();
  let category: string | undefined;
  for (const element of readXml("parseMoodleXml", fileText("parseMoodleXml", text), "quiz").all("question")) {
    if (element.attributes.get("type") === "category") category = categoryName(element.textOf("category", "text")) || undefined;
    else importer.question(element.line, () => readQuestion(importer, element, category));
  }
  const { questions, problems } = importer;
  return { questions, problems };
}

function readQuestion(importer: Importer, element: Element, category: string | undefined): Draft {
  const id = element.textOf("idnumber").trim() || undefined;
  const name = importer.title(element.textOf("name", "text"));
  const reader = new QuestionReader(importer, element);
  const read = reader.read(element.attributes.get("type") ?? "");
  const [hint, ...more] = element.all("hint").map((h) => reader.prose(h));
  if (more.some(Boolean)) importer.note("only the first hint was kept");
  for (const file of element.children.flatMap((c) => [c, ...c.children]).flatMap((c) => c.all("file")))
    importer.note(`the file ${shown(file.attributes.get("name") ?? "")} was left out`, file.line);
  for (const field of ["correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"])
    if (!/^(Your answer is (partially )?(in)?correct\.?)?$/.test(reader.prose(element.first(field)) ?? ""))
      importer.note(`${field} was left out: remarks belong to choices and answers`);
  const tags = [...(category ? [category] : []), ...(element.first("tags")?.all("tag") ?? []).map((t) => t.textOf("text"))];
  const feedback = reader.prose(element.first("generalfeedback"));
  const points = element.textOf("defaultgrade").trim();
  return {
    ...read,
    id,
    tags,
    prompt: reader.prose(element.first("questiontext")) ?? "",
    points: points ? reader.number(points, "defaultgrade") : 1,
    ...(name && name !== id ? { title: name } : {}),
    ...(feedback ? { feedback } : {}),
    ...(hint ? { hint } : {}),
  };
}

const markups: Readonly<Record<string, Markup>> = { html: "html", markdown: "markdown", plain_text: "plain", moodle_auto_format: "moodle" };

/** Reads what is particular to a type of question. */
class QuestionReader {
  private readonly importer: Importer;
  private readonly element: Element;

  constructor(importer: Importer, element: Element) {
    this.importer = importer;
    this.element = element;
  }

  read(type: string): Fields {
    switch (type) {
      case "multichoice":
        return this.choices();
      case "truefalse":
        return this.trueFalse();
      case "numerical":
        return this.numeric();
      case "shortanswer":
        return this.text();
      case "matching":
        return this.matching();
      case "ordering":
        return this.ordering();
      case "essay":
        throw new Refusal("it is an essay: there is nothing to grade it by");
      default:
        throw new Refusal(
          `the type ${shown(type)} is not known; expected multichoice, truefalse, numerical, shortanswer, matching or ordering`,
        );
    }
  }

  prose(element: Element | undefined): string | undefined {
    return element ? this.converted(element, "prose") || undefined : undefined;
  }

  number(text: string, what: string): number {
    const value = numberOf(text);
    if (value === null) throw new Refusal(`${what} should be a number. Received: ${shown(text)}`);
    return value;
  }

  private converted(element: Element, kind: "prose" | "words"): string {
    const format = element.attributes.get("format") ?? "";
    const markup = Object.hasOwn(markups, format) ? markups[format]! : "moodle";
    return this.importer.text(element.textOf("text"), markup, kind);
  }

  private get answers(): Element[] {
    return this.element.all("answer");
  }

  /** The share that an answer is worth. */
  private weight(answer: Element): number {
    const share = shareOf(this.number(answer.attributes.get("fraction") ?? "0", "fraction"));
    if (Math.abs(share) > 1) throw new Refusal(`a fraction should be from -100 to 100. Received: ${share * 100}`);
    return share;
  }

  private choices() {
    const weighted = this.answers.map(
      (a): Weighted => ({ text: this.converted(a, "words"), weight: this.weight(a), feedback: this.prose(a.first("feedback")) }),
    );
    return /^\s*(true|1)\s*$/.test(this.element.textOf("single") || "true")
      ? { type: "single" as const, choices: singleChoices(weighted) }
      : { type: "multiple" as const, choices: multipleChoices(this.importer, weighted) };
  }

  private trueFalse() {
    const [yes, no] = ["true", "false"].map((word) => this.answers.find((a) => a.textOf("text").trim().toLowerCase() === word));
    if (!yes || !no) throw new Refusal("expected an answer true and an answer false");
    const right = this.weight(yes) === 1;
    if (!right && this.weight(no) !== 1) throw new Refusal("neither true nor false is worth 100 %");
    return { type: "single" as const, choices: trueFalse(right, this.prose(yes.first("feedback")), this.prose(no.first("feedback"))) };
  }

  private numeric() {
    if (this.element.first("units")?.all("unit").length) this.importer.note("units were left out: only the number is asked for");
    let wrong: string | undefined;
    const found: PartTarget[] = [];
    for (const a of this.answers) {
      const [plain, credit, feedback] = [a.textOf("text").trim(), this.weight(a), this.prose(a.first("feedback"))];
      if (plain === "*") {
        if (credit !== 0) throw new Refusal("every number would earn points: * is worth more than nothing");
        wrong = feedback;
        continue;
      }
      const tolerance = this.number(a.textOf("tolerance").trim() || "0", "tolerance");
      if (tolerance < 0) throw new Refusal(`a tolerance should not be below 0. Received: ${tolerance}`);
      found.push({ answer: this.number(plain, "an answer"), tolerance, credit, ...(feedback ? { feedback } : {}) });
    }
    return numericFields(found, wrong);
  }

  private text() {
    const answers = this.answers.map((a) => {
      const feedback = this.prose(a.first("feedback"));
      return { text: a.textOf("text").trim(), credit: this.weight(a), ...(feedback ? { feedback } : {}) };
    });
    return { type: "text" as const, answers, ...(this.element.textOf("usecase").trim() === "1" ? { caseSensitive: true } : {}) };
  }

  private matching() {
    const all = this.element
      .all("subquestion")
      .map((s) => ({ left: this.converted(s, "words"), right: s.textOf("answer", "text").trim() }));
    const distractors = all.filter((p) => !p.left && p.right).map((p) => p.right);
    return {
      type: "matching" as const,
      pairs: all.filter((p) => p.left),
      ...(distractors.length ? { distractors } : {}),
    };
  }

  private ordering() {
    const select = this.element.textOf("selecttype").trim() || this.element.textOf("logical").trim();
    if (select && !/^(ALL|EXACT|0)$/i.test(select))
      this.importer.note(`all items are asked for, not a choice of them (${select.slice(0, 40)})`);
    const grading = this.element.textOf("gradingtype").trim();
    if (grading && !/^(RELATIVE|RELATIVE_NEXT_EXCLUDE_LAST)$/i.test(grading))
      this.importer.note(`neighbours are graded, not ${grading.slice(0, 40)}`);
    for (const a of this.answers) if (this.prose(a.first("feedback"))) this.importer.note("the remark of an item was left out", a.line);
    return { type: "ordering" as const, items: this.answers.map((a) => this.converted(a, "words")) };
  }
}

/** Writes questions as Moodle's XML, texts in Markdown; those it has no words for are in `problems`. */
export function writeMoodleXml(questions: readonly Question[]): { readonly text: string; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const written: string[] = [];
  for (const q of questions) {
    try {
      written.push(questionXml(q));
      if (hasUnwritable(q)) problems.push({ question: q.id, message: "control characters, which XML does not allow, became spaces" });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ question: q.id, message: `left out: ${error.message}` });
    }
  }
  return { text: `<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n${written.join("")}</quiz>\n`, problems };
}

const plainText = (text: string): string => `<text>${xmlText(text)}</text>`;
const markdown = (tag: string, text: string | undefined): string =>
  text ? `    <${tag} format="markdown">${plainText(text)}</${tag}>\n` : "";

function questionXml(q: Question): string {
  const [type, body] = bodyXml(q);
  const tags = (q.tags ?? []).map((t) => `<tag>${plainText(t)}</tag>`).join("");
  return [
    `  <question type="${type}">\n`,
    `    <name>${plainText(q.title ?? q.id)}</name>\n`,
    markdown("questiontext", q.prompt),
    markdown("generalfeedback", q.feedback),
    `    <defaultgrade>${q.points}</defaultgrade>\n    <idnumber>${xmlText(q.id)}</idnumber>\n`,
    body,
    markdown("hint", q.hint),
    tags && `    <tags>${tags}</tags>\n`,
    "  </question>\n",
  ].join("");
}

function answerXml(share: number, text: string, feedback: string | undefined, format = ' format="markdown"', more = ""): string {
  const said = feedback ? `\n${markdown("feedback", feedback)}    ` : "";
  return `    <answer fraction="${percent(share)}"${format}>${plainText(text)}${more}${said}</answer>\n`;
}

function bodyXml(q: Question): [type: string, body: string] {
  switch (q.type) {
    case "single": {
      if (isTrueFalse(q.choices))
        return ["truefalse", q.choices.map((c) => answerXml(c.correct ? 1 : 0, c.text.toLowerCase(), c.feedback, "")).join("")];
      const answers = q.choices.map((c) => answerXml(c.credit ?? (c.correct ? 1 : 0), c.text, c.feedback));
      return ["multichoice", `    <single>true</single>\n    <shuffleanswers>true</shuffleanswers>\n${answers.join("")}`];
    }
    case "multiple": {
      if (!q.choices.some((c) => c.correct)) throw new Refusal("Moodle cannot ask for choices of which none is right");
      const credits = creditsOf(q.choices);
      const answers = q.choices.map((c, i) => answerXml(credits[i]!, c.text, c.feedback));
      return ["multichoice", `    <single>false</single>\n    <shuffleanswers>true</shuffleanswers>\n${answers.join("")}`];
    }
    case "numeric": {
      const others = (q.others ?? []).map((o) => numberXml(o, o.credit, o.feedback));
      const wrong = q.wrong ? answerXml(0, "*", q.wrong, "") : "";
      return ["numerical", numberXml(q, 1, q.right) + others.join("") + wrong];
    }
    case "text": {
      const answers = q.answers.map((a) => answerXml(a.credit, a.text, a.feedback, ""));
      return ["shortanswer", `    <usecase>${q.caseSensitive ? 1 : 0}</usecase>\n${answers.join("")}`];
    }
    case "matching": {
      const pairs = [...q.pairs, ...(q.distractors ?? []).map((right) => ({ left: "", right }))];
      const rows = pairs.map(
        (p) => `    <subquestion format="markdown">${plainText(p.left)}<answer>${plainText(p.right)}</answer></subquestion>\n`,
      );
      return ["matching", `    <shuffleanswers>true</shuffleanswers>\n${rows.join("")}`];
    }
    case "ordering": {
      const options = { layouttype: "VERTICAL", selecttype: "ALL", selectcount: q.items.length, gradingtype: "RELATIVE_NEXT_EXCLUDE_LAST" };
      const head = Object.entries(options).map(([name, value]) => `    <${name}>${value}</${name}>\n`);
      const rows = q.items.map((item, i) => `    <answer fraction="${i + 1}" format="markdown">${plainText(item)}</answer>\n`);
      return ["ordering", head.join("") + rows.join("")];
    }
    case "code":
      throw new Refusal("Moodle's XML has no questions that are answered by code");
  }
}

/** A range is written as its middle, and as tolerance how far its ends are from it. */
function numberXml(target: Target, credit: number, feedback: string | undefined): string {
  const [answer, tolerance] = "min" in target ? middleOf(target.min, target.max) : [target.answer, absoluteTolerance(target)];
  return answerXml(credit, String(answer), feedback, "", `<tolerance>${tolerance}</tolerance>`);
}

function middleOf(min: number, max: number): [middle: number, reach: number] {
  // The sum of large numbers may be infinite; the halves of the smallest ones are rounded.
  const middle = Number.isFinite(min + max) ? (min + max) / 2 : min / 2 + max / 2;
  return [middle, Math.max(max - middle, middle - min)];
}
