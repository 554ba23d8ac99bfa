import { error } from "@sveltejs/kit";
import { roleIn } from "#lib/server/classes.ts";
import { signedIn } from "#lib/server/guard.ts";
import { exportQuiz, quizById } from "#lib/server/quizzes.ts";
import { say } from "#lib/server/say.ts";

export const prerender = false;

/** A class's quiz for another platform: ?format=gift or xml (Moodle). */
export const GET = async (event) => {
  const me = signedIn(event);
  if ((await roleIn(me, event.params.id)) !== "instructor") error(403, say(event).classInstructors);
  const quiz = await quizById(event.params.id, event.params.quiz);
  if (!quiz) error(404, say(event).noQuiz);
  const format = event.url.searchParams.get("format") === "xml" ? "xml" : "gift";
  return new Response(exportQuiz(quiz, format), {
    headers: {
      "content-type": format === "xml" ? "application/xml; charset=utf-8" : "text/plain; charset=utf-8",
      "content-disposition": `attachment; filename="quiz.${format}"`,
    },
  });
};
