import { quizzesOf } from "@gradus/course";
import { grade, isOpen } from "@gradus/quiz";
import { error } from "@sveltejs/kit";
import { and, count, eq } from "drizzle-orm";
import * as v from "valibot";
import { lessonBySlug } from "#lib/server/course.ts";
import { database } from "#lib/server/db.ts";
import { body, limit } from "#lib/server/guard.ts";
import { noteAnswer } from "#lib/server/quizzes.ts";
import { quizAnswer } from "#lib/server/schema.ts";

/** Grades one answer of a lesson's quiz; those who are signed in have it noted. */
export const POST = async (event) => {
  limit(event, "quiz", event.locals.me ? 120 : 3000, 60);
  const { response } = await body(event, v.object({ response: v.unknown() }));
  const { lesson: slug, quiz: quizId, question: questionId } = event.params;
  const lesson = await lessonBySlug(slug);
  const quiz = lesson && quizzesOf(lesson).find((q) => q.id === quizId);
  const question = quiz?.questions.find((q) => q.id === questionId);
  if (!quiz || !question) error(404, "There is no such question.");
  const { me } = event.locals;
  if (me) {
    const db = await database();
    const mine = and(
      eq(quizAnswer.userId, me.id),
      eq(quizAnswer.lesson, slug),
      eq(quizAnswer.quiz, quizId),
      eq(quizAnswer.question, questionId),
    );
    const [used] = await db.select({ n: count() }).from(quizAnswer).where(mine);
    const open = isOpen(quiz, new Date(), used?.n ?? 0);
    if (!open.open)
      error(403, { early: "The quiz is not open yet.", late: "The quiz is closed.", attempts: "There are no attempts left." }[open.reason]);
    if (question.type === "code") limit(event, "code", 30, 60);
    return Response.json(await noteAnswer(me, slug, quizId, question, response));
  }
  if (question.type === "code") error(403, "Code is graded by the server: sign in first.");
  return Response.json(await grade(question, response));
};
