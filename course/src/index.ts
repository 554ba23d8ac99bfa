/** The table of contents of @gradus/course: lessons and their text. Reading them from disk is in @gradus/course/node. */
export { fromIpynb, fromScript, type NotebookCell, type NotebookDocument, toIpynb, toScript } from "./formats/notebooks.ts";
export {
  type Block,
  type Box,
  type CellBlock,
  type Check,
  cellsOf,
  type Door,
  type Exercise,
  everyBlock,
  exercisesOf,
  type Heading,
  type Lesson,
  type Prose,
  type QuizBlock,
  quizzesOf,
} from "./lesson.ts";
export { linksWithin, type Page, type PageSection, parsePage } from "./pages.ts";
export { parseLesson } from "./parse.ts";
export { LessonError } from "./sections.ts";
