import type { Quiz } from "@gradus/quiz";

/** A lesson, read and checked. */
export interface Lesson {
  /** Name of its folder: "01-arrays". */
  readonly slug: string;
  readonly number: number;
  readonly title: string;
  /** The question it answers. */
  readonly question: string;
  /** Which day of the class, from 1; null outside of it. */
  readonly day: number | null;
  readonly minutes: number;
  readonly goals: readonly string[];
  readonly prerequisites: readonly string[];
  readonly blocks: readonly Block[];
  readonly headings: readonly Heading[];
  /** What the prose says of the cells' results, as checks. */
  readonly stated: readonly Check[];
  /** Files that its cells may read, by name; paths are relative to the lesson's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** One of the five systems: the picture of its door on the home page. */
  readonly door: Door | null;
  /** Changes with every change of the text. */
  readonly version: string;
}

export interface Door {
  /** Name of one of the lesson's files. */
  readonly picture: string;
  /** What is on it. */
  readonly alt: string;
}

export interface Heading {
  readonly id: string;
  readonly text: string;
  readonly level: 2 | 3;
}

export type Block = Prose | CellBlock | Exercise | QuizBlock | Box;

export interface Prose {
  readonly type: "prose";
  readonly html: string;
  /** Its Markdown. */
  readonly source: string;
}

export interface CellBlock {
  readonly type: "cell";
  readonly id: string;
  readonly source: string;
  /** The code is folded away: a figure with controls. */
  readonly figure: boolean;
  /** For a figure: what it shows, in a sentence. */
  readonly caption: string;
}

export interface Exercise {
  readonly type: "exercise";
  readonly id: string;
  readonly title: string;
  /** HTML of the task. */
  readonly task: string;
  readonly taskSource: string;
  readonly starter: string;
  /** HTML, to be shown one after the other. */
  readonly hints: readonly string[];
  readonly checks: readonly Check[];
  readonly solution: string;
  readonly points: number;
}

export interface Check {
  readonly name: string;
  readonly code: string;
  readonly points: number;
  /** Run by the server only; its code never leaves it. */
  readonly hidden: boolean;
}

export interface QuizBlock {
  readonly type: "quiz";
  readonly quiz: Quiz;
}

/** Blocks with a frame of their own. */
export interface Box {
  readonly type: "box";
  readonly kind: "aside" | "remember" | "reading" | "question";
  readonly blocks: readonly Block[];
}

/** All blocks, those inside of boxes among them. */
export function* everyBlock(blocks: readonly Block[]): Generator<Block> {
  for (const block of blocks) {
    yield block;
    if (block.type === "box") yield* everyBlock(block.blocks);
  }
}

export const exercisesOf = (lesson: Pick<Lesson, "blocks">): Exercise[] =>
  [...everyBlock(lesson.blocks)].filter((b) => b.type === "exercise");

export const quizzesOf = (lesson: Pick<Lesson, "blocks">): Quiz[] =>
  [...everyBlock(lesson.blocks)].flatMap((b) => (b.type === "quiz" ? [b.quiz] : []));

/** Cells in their order: those of exercises hold the starter code. */
export const cellsOf = (lesson: Pick<Lesson, "blocks">): { readonly id: string; readonly source: string }[] =>
  [...everyBlock(lesson.blocks)].flatMap((b) =>
    b.type === "cell" ? [{ id: b.id, source: b.source }] : b.type === "exercise" ? [{ id: b.id, source: b.starter }] : [],
  );
