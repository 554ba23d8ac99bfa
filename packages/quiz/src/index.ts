/** The table of contents of @gradus/quiz. */
export { availability, grade, type Outcome, publicQuestion, type RunChecks } from "./grade.ts";
export type {
  Choice,
  CodeQuestion,
  Matching,
  Multiple,
  Numeric,
  Ordering,
  PublicQuestion,
  Question,
  Quiz,
  Response,
  ShortText,
  Single,
} from "./question.ts";
export { parseQuiz, QuizError } from "./validate.ts";
