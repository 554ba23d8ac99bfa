import { error } from "@sveltejs/kit";
import { csvFile, matrix, quizScores, roleIn } from "#lib/server/classes.ts";
import { signedIn } from "#lib/server/guard.ts";
import { say } from "#lib/server/say.ts";

export const prerender = false;

/** A class's exercises as CSV, a line for each learner and exercise tried; ?what=quizzes gives quizzes, a line for each question. */
export const GET = async (event) => {
  const me = signedIn(event);
  const { id } = event.params;
  if ((await roleIn(me, id)) !== "instructor") error(403, say(event).classInstructors);
  if (event.url.searchParams.get("what") === "quizzes") {
    const lines = (await quizScores(id)).map((q) => [q.name, q.email, q.title, q.question, q.best, q.points, q.attempts]);
    return csvFile([["name", "email", "quiz", "question", "score", "points", "attempts"], ...lines], "quizzes");
  }
  const { people, exercises, squares } = await matrix(id);
  const lines = people.flatMap((p) =>
    exercises.flatMap((e) => {
      const square = squares[p.id]?.[`${e.lesson}/${e.id}`];
      return square ? [[p.name, p.email, e.lesson, e.id, square.state, square.score, e.points, square.tries]] : [];
    }),
  );
  return csvFile([["name", "email", "lesson", "exercise", "state", "score", "points", "tries"], ...lines], "class");
};
