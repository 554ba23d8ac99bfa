import { renderMarkdown } from "@gradus/course/markdown";
import {
  type Availability,
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
import { error } from "@sveltejs/kit";
import { and, count, desc, eq, sql } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { type Database, database } from "./db.ts";
import { grader } from "./grader.ts";
import { say } from "./say.ts";
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

/** An answer 403 that says why. */
export const refusal = (event: { locals: App.Locals }, reason: Refused): never => {
  const { quizEarly, quizLate, quizAttempts } = say(event);
  error(403, { early: quizEarly, late: quizLate, attempts: quizAttempts }[reason]);
};

/** Where answers are noted: a lesson's quiz, or "class" and a class quiz's id. */
export interface Place {
  readonly lesson: string;
  readonly quiz: string;
}

/** Why a quiz takes no answer. */
export type Refused = Extract<Availability, { open: false }>["reason"];

const reasonNow = (quiz: Quiz, used: number): Refused | null => {
  const open = isOpen(quiz, new Date(), used);
  return open.open ? null : open.reason;
};

/**
 * Grades an answer, and notes it for those who are signed in; null where there is no such question, a reason where the quiz takes no
 * answer. Guests have no attempts to count, but windows hold for them too.
 */
export async function answerQuiz(
  me: SignedIn | null,
  place: Place,
  quiz: Quiz,
  questionId: string,
  response: unknown,
): Promise<AnswerOutcome | Refused | null> {
  const question = quiz.questions.find((q) => q.id === questionId);
  if (!question) return null;
  if (!me) return reasonNow(quiz, 0) ?? grade(question, response);
  const db = await database();
  const mine = and(
    eq(quizAnswer.userId, me.id),
    eq(quizAnswer.lesson, place.lesson),
    eq(quizAnswer.quiz, place.quiz),
    eq(quizAnswer.question, questionId),
  );
  const used = async (on: Pick<typeof db, "select">) => (await on.select({ n: count() }).from(quizAnswer).where(mine))[0]?.n ?? 0;
  const refused = reasonNow(quiz, await used(db));
  if (refused) return refused;
  const outcome = await grade(question, response);
  // What is no answer uses up no attempt.
  if (!outcome.answered) return outcome;
  const noted = await db.transaction(async (tx) => {
    // One after the other, or two answers at once would both find an attempt left. Whoever comes too late learns nothing.
    await tx.execute(
      sql`select pg_advisory_xact_lock(hashtextextended(${`${me.id} ${place.lesson} ${place.quiz} ${questionId}`}, 7243002))`,
    );
    return reasonNow(quiz, await used(tx)) ?? note(tx, me, place, question, response, outcome);
  });
  if (question.type === "code") grader().wake();
  return noted;
}

/** An answer's outcome; code is graded later, under this id. */
export type AnswerOutcome = Outcome & { readonly pending?: string };

/** Notes an answer; code is left to the grader. */
async function note(
  db: Pick<Database, "insert">,
  me: SignedIn,
  { lesson, quiz }: Place,
  question: Question,
  response: unknown,
  outcome: Outcome,
): Promise<AnswerOutcome> {
  const code = question.type === "code";
  const [row] = await db
    .insert(quizAnswer)
    .values({
      ...{ userId: me.id, lesson, quiz, question: question.id, score: outcome.score, points: outcome.points },
      response: code || JSON.stringify(response ?? null).length < 20_000 ? response : null,
      state: code ? "waiting" : "graded",
    })
    .returning({ id: quizAnswer.id });
  return code ? { ...outcome, feedback: [], pending: row!.id } : outcome;
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
