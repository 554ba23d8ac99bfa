import { frontMatter, requiredText } from "./front-matter.ts";
import { slugOf, withHeadings } from "./headings.ts";
import type { Heading } from "./lesson.ts";
import { renderMarkdown } from "./markdown.ts";
import { LessonError, sectionsOf } from "./sections.ts";

/** A page around the lessons, such as the glossary: Markdown without cells. */
export interface Page {
  /** Name of its file: "glossary". */
  readonly slug: string;
  readonly title: string;
  /** What it is for, in a sentence. */
  readonly lead: string;
  /** Its links to pages of the site are paths without a slash in front, such as "lessons/01-arrays#taking-parts". */
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly sections: readonly PageSection[];
}

/** The Markdown below a heading, up to the next one of any level; the first section has none. */
export interface PageSection {
  readonly id: string;
  readonly title: string;
  readonly source: string;
}

/** A page from its text. Throws LessonError with the line of the fault. */
export function parsePage(slug: string, text: string): Page {
  const { fields, body, bodyLine } = frontMatter(text, "a title and a lead");
  const [title, lead] = [requiredText(fields, "title"), requiredText(fields, "lead")];
  for (const { kind, line } of sectionsOf(body, bodyLine))
    if (kind !== "prose") throw new LessonError("a page has no cells, boxes, exercises or quizzes", line);

  const starts: { line: number; source: string }[] = [{ line: bodyLine, source: "" }];
  let fenced = false;
  body.split("\n").forEach((line, i) => {
    if (/^(`{3,}|~{3,})/.test(line)) fenced = !fenced;
    if (!fenced && /^#{2,3} /.test(line)) starts.push({ line: bodyLine + i, source: "" });
    else starts.at(-1)!.source += `${line}\n`;
    if (!fenced && /^# /.test(line)) throw new LessonError("the title stands above the text already: begin with ##", bodyLine + i);
  });

  const headings: Heading[] = [];
  const html = withHeadings(renderMarkdown(body, { trusted: true }), (name, level) => {
    const id = slugOf(name);
    // Others link to it: a number behind it would change with the next heading of that name.
    if (headings.some((h) => h.id === id))
      throw new LessonError(`there are two headings with the anchor ${id}`, starts[headings.length + 1]?.line ?? bodyLine);
    headings.push({ id, text: name, level });
    return id;
  });
  const sections = starts.map(({ source }, i) => ({ id: headings[i - 1]?.id ?? "", title: headings[i - 1]?.text ?? title, source }));
  return { slug, title, lead, html, headings, sections };
}

/** Where the links of rendered Markdown lead, without those to the world outside: "#axes", "lessons/01-arrays". */
export const linksWithin = (html: string): string[] =>
  [...html.matchAll(/<a href="([^"]*)"/g)].map(([, to]) => to!).filter((to) => !/^([a-z]+:|\/\/)/i.test(to));
