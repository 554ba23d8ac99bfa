import { quizzesOf } from "@gradus/course";
import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { lessonBySlug } from "#lib/server/course.ts";
import { body, limit } from "#lib/server/guard.ts";
import { answerQuiz, refusal } from "#lib/server/quizzes.ts";
import { say } from "#lib/server/say.ts";

/** Grades one answer of a lesson's quiz; those who are signed in have it noted. */
export const POST = async (event) => {
  const { me } = event.locals;
  limit(event, "quiz", me ? 120 : 3000, 60);
  const { response } = await body(event, v.object({ response: v.unknown() }));
  const { lesson: slug, quiz: id, question } = event.params;
  const lesson = await lessonBySlug(slug);
  const quiz = lesson && quizzesOf(lesson).find((q) => q.id === id);
  if (quiz?.questions.find((q) => q.id === question)?.type === "code") {
    if (!me) error(403, say(event).codeNeedsAccount);
    limit(event, "code", 30, 60);
  }
  const outcome = quiz ? await answerQuiz(me, { lesson: slug, quiz: id }, quiz, question, response) : null;
  if (outcome === null) error(404, say(event).noQuestion);
  if (typeof outcome === "string") refusal(event, outcome);
  return Response.json(outcome);
};
