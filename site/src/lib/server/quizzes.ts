import { renderMarkdown } from "@gradus/course/markdown";
import {
  grade,
  isOpen,
  type Outcome,
  parseGift,
  parseMoodleXml,
  parseQuiz,
  publicQuestion,
  type Question,
  type Quiz,
  QuizError,
  writeGift,
  writeMoodleXml,
} from "@gradus/quiz";
import { and, count, desc, eq } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { database } from "./db.ts";
import { grader } from "./grader.ts";
import { classQuiz, quizAnswer } from "./schema.ts";

export interface QuizSettings {
  readonly title: string;
  readonly attempts?: number;
  readonly opens?: string;
  readonly closes?: string;
}

/** Makes a quiz of a GIFT or Moodle XML text. Gives what could not be taken over, with its line. Throws QuizError. */
export async function importQuiz(
  classId: string,
  text: string,
  settings: QuizSettings,
): Promise<{ questions: number; problems: string[] }> {
  const { questions, problems } = /^\s*(<\?xml|<quiz)/.test(text) ? parseMoodleXml(text) : parseGift(text);
  const told = problems.map((p) => `${"line" in p && p.line ? `${p.line}: ` : ""}${p.message}`);
  if (!questions.length) throw new QuizError(told[0] ?? "There is no question in this text.");
  const content = parseQuiz({ id: "class", ...settings, questions: questions.map((q, i) => ({ ...q, id: `q${i + 1}` })) });
  await (await database()).insert(classQuiz).values({ classroomId: classId, content });
  return { questions: questions.length, problems: told };
}

export async function quizzesOfClass(classId: string) {
  const rows = await (await database())
    .select()
    .from(classQuiz)
    .where(eq(classQuiz.classroomId, classId))
    .orderBy(desc(classQuiz.createdAt))
    .limit(100);
  return rows.flatMap(({ id, content }) => {
    const quiz = readQuiz(content);
    return quiz
      ? [
          {
            id,
            title: quiz.title,
            questions: quiz.questions.length,
            opens: quiz.opens ?? null,
            closes: quiz.closes ?? null,
            attempts: quiz.attempts ?? null,
          },
        ]
      : [];
  });
}

function readQuiz(content: unknown): Quiz | null {
  try {
    return parseQuiz(content);
  } catch {
    return null; // of an older version
  }
}

export async function quizById(classId: string, id: string): Promise<Quiz | null> {
  const [row] = await (await database())
    .select()
    .from(classQuiz)
    .where(and(eq(classQuiz.id, id), eq(classQuiz.classroomId, classId)));
  return row ? readQuiz(row.content) : null;
}

export async function removeQuiz(classId: string, id: string): Promise<void> {
  await (await database()).delete(classQuiz).where(and(eq(classQuiz.id, id), eq(classQuiz.classroomId, classId)));
}

/** What a learner sees: prompts as HTML, and no answers. */
export const shownQuestions = (quiz: Quiz, me: SignedIn) => {
  const seed = [...me.id].reduce((n, c) => (n * 31 + c.charCodeAt(0)) >>> 0, 7);
  return quiz.questions.map((q, i) => ({ ...publicQuestion(q, seed + i), promptHtml: renderMarkdown(q.prompt) }));
};

/** Grades an answer and notes it; a sentence where the quiz is not open. */
export async function answerQuiz(
  me: SignedIn,
  quizId: string,
  quiz: Quiz,
  questionId: string,
  response: unknown,
): Promise<AnswerOutcome | string | null> {
  const question = quiz.questions.find((q) => q.id === questionId);
  if (!question) return null;
  const db = await database();
  const mine = and(
    eq(quizAnswer.userId, me.id),
    eq(quizAnswer.lesson, "class"),
    eq(quizAnswer.quiz, quizId),
    eq(quizAnswer.question, questionId),
  );
  const [used] = await db.select({ n: count() }).from(quizAnswer).where(mine);
  const open = isOpen(quiz, new Date(), used?.n ?? 0);
  if (!open.open) return open.message;
  return noteAnswer(me, "class", quizId, question, response);
}

/** An answer's outcome; code is graded later, under this id. */
export type AnswerOutcome = Outcome & { readonly pending?: string };

/** Grades an answer and notes it; code is left to the grader. What is no answer uses up no attempt. */
export async function noteAnswer(
  me: SignedIn,
  lesson: string,
  quiz: string,
  question: Question,
  response: unknown,
): Promise<AnswerOutcome> {
  const outcome = await grade(question, response);
  if (!outcome.answered) return outcome;
  const db = await database();
  const code = question.type === "code";
  const [row] = await db
    .insert(quizAnswer)
    .values({
      ...{ userId: me.id, lesson, quiz, question: question.id, score: outcome.score, points: outcome.points },
      response: code || JSON.stringify(response ?? null).length < 20_000 ? response : null,
      state: code ? "waiting" : "graded",
    })
    .returning({ id: quizAnswer.id });
  if (!code) return outcome;
  grader().wake();
  return { ...outcome, feedback: [], pending: row!.id };
}

/** What became of code that somebody has handed in; null where there is no such answer of theirs. */
export async function gradedAnswer(me: SignedIn, id: string): Promise<AnswerOutcome | null> {
  const db = await database();
  const [row] = await db
    .select()
    .from(quizAnswer)
    .where(and(eq(quizAnswer.id, id), eq(quizAnswer.userId, me.id)));
  if (!row) return null;
  const { score, points, state } = row;
  const feedback = state === "failed" ? ["The server could not run this code. Tell your instructor."] : (row.feedback ?? []);
  const pending = state === "waiting" || state === "grading" ? { pending: id } : {};
  return { score, points, correct: score === points && state === "graded", answered: state !== "failed", feedback, ...pending };
}

export const exportQuiz = (quiz: Quiz, format: "gift" | "xml"): string =>
  (format === "gift" ? writeGift(quiz.questions) : writeMoodleXml(quiz.questions)).text;
