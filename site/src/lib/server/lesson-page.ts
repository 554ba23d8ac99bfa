import { readFile } from "node:fs/promises";
import { type Block, cellsOf, exercisesOf, type Lesson } from "@gradus/course";
import { highlight, renderMarkdown } from "@gradus/course/markdown";
import { drawPlot } from "@gradus/notebook/draw";
import { neededCells } from "@gradus/notebook/needs";
import type { Content, Output } from "@gradus/notebook/output";
import { publicQuestion } from "@gradus/quiz";
import { parseHTML } from "linkedom";
import type { BlockData, LessonData } from "../course.ts";
import type { Shown, ShownOutput } from "../outputs/drawn.ts";
import { drawCustom } from "./drawing.ts";

/** What the cells of a lesson show, as scripts/outputs.ts found it. */
async function firstOutputs(slug: string, version: string): Promise<Record<string, Output[]>> {
  const file = `${process.env["GRADUS_OUTPUTS"] ?? "src/lib/generated/outputs"}/${slug}.json`;
  const parsed = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as { version?: string; cells?: Record<string, Output[]> };
  return parsed.version === version ? (parsed.cells ?? {}) : {};
}

/** A lesson ready for its page: code coloured, plots drawn, hidden checks and quiz answers left out. */
export async function lessonData(lesson: Lesson): Promise<LessonData> {
  const outputs = await firstOutputs(lesson.slug, lesson.version);
  const needs = needsOf(lesson);
  const { slug, number, title, question, day, minutes, goals, prerequisites, headings, version } = lesson;
  const first = (id: string): ShownOutput[] => (outputs[id] ?? []).map(({ id: o, content }) => ({ id: o, content: drawn(content) }));
  const block = (b: Block): BlockData => {
    switch (b.type) {
      case "prose":
        return { type: "prose", html: b.html, source: b.source };
      case "cell":
        return {
          ...{ type: "cell", id: b.id, source: b.source, html: highlight(b.source), figure: b.figure, caption: b.caption },
          needs: needs.get(b.id) ?? [],
          first: first(b.id),
        };
      case "exercise": {
        const visible = b.checks.filter((c) => !c.hidden);
        return {
          ...{
            type: "exercise",
            id: b.id,
            title: b.title,
            task: b.task,
            taskSource: b.taskSource,
            starter: b.starter,
            starterHtml: highlight(b.starter),
            hints: b.hints,
            points: b.points,
          },
          checks: visible.map(({ name, code, points }) => ({ name, code, points })),
          hiddenChecks: b.checks.length - visible.length,
          solutionHtml: highlight(b.solution),
          needs: needs.get(b.id) ?? [],
          first: first(b.id),
        };
      }
      case "quiz":
        return {
          ...{ type: "quiz", id: b.quiz.id, title: b.quiz.title },
          questions: b.quiz.questions.map((q, i) => ({
            ...publicQuestion(q, i + lesson.number),
            promptHtml: renderMarkdown(q.prompt, { trusted: true }),
          })),
        };
      case "box":
        return { type: "box", kind: b.kind, blocks: b.blocks.map(block) };
    }
  };
  return { slug, number, title, question, day, minutes, goals, prerequisites, headings, version, blocks: lesson.blocks.map(block) };
}

/** For each cell those that must have run before it: for an exercise also what its visible checks and its solution take. */
function needsOf(lesson: Lesson): Map<string, string[]> {
  const cells = cellsOf(lesson);
  const more = new Map(
    exercisesOf(lesson).map((e) => [e.id, [...e.checks.filter((c) => !c.hidden).map((c) => c.code), e.solution]] as const),
  );
  return new Map(cells.map(({ id }, i) => [id, neededCells(cells, i, more.get(id))]));
}

/** Width that plots are drawn for: they scale with the page. */
const drawnWidth = 680;
/** Pixels between the parts of a grid. */
const gridGap = 13;

/** Output as the server can show it: plots become pictures, as wide as PlotView would make them. */
export function drawn(content: Content, width = drawnWidth): Shown {
  if (content.kind === "plot") {
    const { document } = parseHTML("<!doctype html><html><body></body></html>");
    const plot = drawPlot(content, width, document as unknown as Document);
    return { kind: "drawn", svg: plot.outerHTML };
  }
  if (content.kind === "custom") {
    const svg = drawCustom(content);
    return svg === null ? content : { kind: "drawn", svg, from: content };
  }
  if (content.kind === "grid") {
    const each = Math.max(160, Math.round(width / Math.max(1, content.columns) - gridGap));
    return { ...content, cells: content.cells.map((cell) => ({ ...cell, content: drawn(cell.content, each) })) };
  }
  return content;
}
