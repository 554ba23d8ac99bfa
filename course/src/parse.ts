import { parseQuiz, QuizError } from "@gradus/quiz";
import { parse as parseYaml } from "yaml";
import { type FrontMatter, frontMatter, requiredNumber, requiredText, textList } from "./front-matter.ts";
import { slugOf, withHeadings } from "./headings.ts";
import type { Block, Box, CellBlock, Check, Door, Exercise, Heading, Lesson } from "./lesson.ts";
import { renderMarkdown } from "./markdown.ts";
import { LessonError, type Section, sectionsOf } from "./sections.ts";

/** A lesson from its text. Throws LessonError with the line of the fault. */
export function parseLesson(slug: string, text: string, beside: readonly string[] = []): Lesson {
  const { fields, body, bodyLine } = frontMatter(text, "a title, a question, minutes, goals and prerequisites");
  const reader = new Reader(body);
  const blocks = reader.blocks(sectionsOf(body, bodyLine));
  const number = Number(/^(\d+)-/.exec(slug)?.[1] ?? Number.NaN);
  if (Number.isNaN(number)) throw new LessonError(`the folder ${slug} should be called like 01-arrays`, 1);
  // What lies in files/, and what the lesson takes from elsewhere.
  const paths = [...beside.map((name) => `files/${name}`), ...textList(fields, "files")];
  const files = Object.fromEntries(paths.map((path) => [path.split("/").at(-1)!, path]));
  return {
    slug,
    number,
    title: requiredText(fields, "title"),
    question: requiredText(fields, "question"),
    day: fields["day"] === undefined ? null : requiredNumber(fields, "day"),
    minutes: requiredNumber(fields, "minutes"),
    goals: textList(fields, "goals"),
    prerequisites: textList(fields, "prerequisites"),
    blocks,
    headings: reader.headings,
    stated: reader.stated,
    files,
    door: doorOf(fields, files),
    version: fingerprint(text),
  };
}

function doorOf(fields: FrontMatter["fields"], files: Lesson["files"]): Door | null {
  const door = fields["door"];
  if (door === undefined) return null;
  const { picture, alt } = (door ?? {}) as Partial<Record<string, unknown>>;
  if (typeof picture !== "string" || typeof alt !== "string" || !alt)
    throw new LessonError("front matter: door should be { picture: a file's name, alt: what is on it }", 1);
  if (!Object.hasOwn(files, picture)) throw new LessonError(`front matter: there is no file ${picture} for the door`, 1);
  return { picture, alt };
}

/** FNV-1a: tells versions apart, no more. */
function fingerprint(text: string): string {
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i) ^ (a >>> 16), 0x01000197);
  }
  return ((a >>> 0).toString(36) + (b >>> 0).toString(36)).padEnd(12, "0");
}

const boxes = ["aside", "remember", "reading", "question"] as const;

/** Turns sections into blocks, and knows which ids are taken. */
class Reader {
  readonly headings: Heading[] = [];
  readonly stated: Check[] = [];
  private readonly ids = new Set<string>();
  private readonly text: string;
  /** Ids that parts of the text give themselves: headings leave them to these. */
  private readonly reserved: ReadonlySet<string>;
  private cells = 0;

  constructor(text: string) {
    this.text = oneLine(text);
    this.reserved = new Set([...text.matchAll(/\bid[=:] ?([\w-]+)/g)].map(([, id]) => id!));
  }

  blocks(sections: readonly Section[]): Block[] {
    return sections.map((section) => this.block(section)).filter((block) => block !== null);
  }

  private block(section: Section): Block | null {
    if (section.kind === "prose") return { type: "prose", html: this.prose(section.text), source: section.text.trim() };
    const { options, line } = section;
    if (section.kind === "fence") {
      const { words, code } = section;
      if (words[0] === "quiz") return { type: "quiz", quiz: this.quiz(code, line) };
      if (words.includes("stated")) return this.statement(options["says"] ?? "", code, line);
      if (words.includes("cell") || words.includes("figure")) return this.cell(section);
      throw new LessonError(`a ${words.join(" ")} block belongs into ::: exercise`, line);
    }
    if (section.name === "exercise") return this.exercise(section);
    const kind = boxes.find((b) => b === section.name);
    if (!kind) throw new LessonError(`there is no box called ${section.name}; there are exercise, ${boxes.join(", ")}`, line);
    if (Object.keys(options).length) throw new LessonError(`::: ${kind} takes no options`, line);
    return { type: "box", kind, blocks: this.blocks(section.sections) } satisfies Box;
  }

  private prose(text: string): string {
    return withHeadings(renderMarkdown(text, { trusted: true }), (plain, level) => {
      const id = this.take(slugOf(plain), null);
      this.headings.push({ id, text: plain, level });
      return id;
    });
  }

  /** An id nobody has yet; taken ones get a number, or are refused where a line is given. */
  private take(id: string, line: number | null): string {
    if (line !== null && !/^[a-z][\w-]*$/i.test(id))
      throw new LessonError(`id ${JSON.stringify(id)} should be letters, digits and -`, line);
    if (line !== null && this.ids.has(id)) throw new LessonError(`there are two things called ${id}`, line);
    let free = id;
    for (let i = 2; this.ids.has(free) || (line === null && this.reserved.has(free)); i++) free = `${id}-${i}`;
    this.ids.add(free);
    return free;
  }

  private cell({ words, options, code, line }: Extract<Section, { kind: "fence" }>): CellBlock {
    const figure = words.includes("figure");
    const { id, caption = "", ...rest } = options;
    if (Object.keys(rest).length) throw new LessonError(`a cell has no option ${Object.keys(rest)[0]}`, line);
    if (figure && !caption) throw new LessonError('a figure needs caption="what it shows"', line);
    return { type: "cell", id: id ? this.take(id, line) : this.take(`cell-${++this.cells}`, null), source: code, figure, caption };
  }

  /** A check of what the prose says, which must say it in these words. */
  private statement(says: string, code: string, line: number): null {
    if (!says) throw new LessonError('a stated block needs says="the words of the text that it checks"', line);
    if (this.text.split(oneLine(says)).length < 3) throw new LessonError(`no text says ${JSON.stringify(says)}`, line);
    this.stated.push({ name: says, code, points: 0, hidden: true });
    return null;
  }

  private quiz(code: string, line: number) {
    try {
      const quiz = parseQuiz(parseYaml(code));
      this.take(quiz.id, line);
      return quiz;
    } catch (error) {
      if (error instanceof LessonError) throw error;
      throw new LessonError(error instanceof QuizError ? error.message : `quiz: ${(error as Error).message}`, line);
    }
  }

  private exercise({ options, sections, line }: Extract<Section, { kind: "box" }>): Exercise {
    const { id = "", title = "", ...rest } = options;
    if (!id || !title) throw new LessonError('an exercise needs id=... and title="..."', line);
    if (Object.keys(rest).length) throw new LessonError(`an exercise has no option ${Object.keys(rest)[0]}`, line);
    const fences = sections.filter((s) => s.kind === "fence");
    const one = (word: string): string => {
      const found = fences.filter((f) => f.words.includes(word));
      if (found.length !== 1) throw new LessonError(`exercise ${id} needs one ${word} block, it has ${found.length}`, line);
      return found[0]!.code;
    };
    const prose = sections.filter((s) => s.kind === "prose");
    const checks = fences
      .filter((f) => f.words.includes("check"))
      .map((f): Check => {
        const { name, points = "1", ...more } = f.options;
        if (!name) throw new LessonError('a check needs name="what it checks"', f.line);
        if (!(Number(points) > 0) || Object.keys(more).length)
          throw new LessonError(`check ${name}: points=${points} ${Object.keys(more).join(" ")} cannot be`, f.line);
        return { name, code: f.code, points: Number(points), hidden: f.words.includes("hidden") };
      });
    if (!checks.some((c) => !c.hidden)) throw new LessonError(`exercise ${id} needs a check that is not hidden`, line);
    if (new Set(checks.map((c) => c.name)).size < checks.length) throw new LessonError(`exercise ${id} has two checks of one name`, line);
    const hints = sections
      .filter((s) => s.kind === "box")
      .map((b) => {
        if (b.name !== "hint") throw new LessonError(`::: ${b.name} cannot be in an exercise, only ::: hint`, b.line);
        return renderMarkdown(b.sections.map((s) => (s.kind === "prose" ? s.text : "")).join("\n"), { trusted: true });
      });
    const taskSource = prose.map((s) => s.text.trim()).join("\n\n");
    return {
      ...{ type: "exercise", id: this.take(id, line), title, taskSource, hints, checks },
      task: renderMarkdown(taskSource, { trusted: true }),
      starter: one("starter"),
      solution: one("solution"),
      points: checks.reduce((sum, c) => sum + c.points, 0),
    };
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
