import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { roleIn } from "#lib/server/classes.ts";
import { body, limit, signedIn } from "#lib/server/guard.ts";
import { answerQuiz, quizById, refusal } from "#lib/server/quizzes.ts";
import { say } from "#lib/server/say.ts";

/** Grades one answer of a class's own quiz. */
export const POST = async (event) => {
  const me = signedIn(event);
  limit(event, "quiz", 120, 60);
  const { response } = await body(event, v.object({ response: v.unknown() }));
  const quiz = (await roleIn(me, event.params.id)) ? await quizById(event.params.id, event.params.quiz) : null;
  const outcome = quiz ? await answerQuiz(me, { lesson: "class", quiz: event.params.quiz }, quiz, event.params.question, response) : null;
  if (outcome === null) error(404, say(event).noQuestion);
  if (typeof outcome === "string") refusal(event, outcome);
  return Response.json(outcome);
};
