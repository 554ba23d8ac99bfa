/** The table of contents of @gradus/quiz. */
export { type Problem, QuizError } from "./error.ts";
export { type GiftFile, parseGift, writeGift } from "./formats/gift.ts";
export { type MoodleFile, parseMoodleXml, writeMoodleXml } from "./formats/moodle.ts";
export { type GradeOptions, grade, type Outcome, type RunChecks } from "./grade.ts";
export { type Availability, isOpen } from "./open.ts";
export { publicQuestion } from "./public.ts";
export type {
  Choice,
  CodeQuestion,
  Matching,
  Multiple,
  Numeric,
  Ordering,
  PartTarget,
  PublicQuestion,
  Question,
  Quiz,
  Response,
  ShortText,
  Single,
  Target,
} from "./question.ts";
export { parseQuestion, parseQuiz } from "./validate.ts";
