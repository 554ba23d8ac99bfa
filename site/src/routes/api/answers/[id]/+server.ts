import { error } from "@sveltejs/kit";
import { signedIn } from "#lib/server/guard.ts";
import { gradedAnswer } from "#lib/server/quizzes.ts";

/** What became of code that was handed in as an answer. */
export const GET = async (event) => {
  const outcome = await gradedAnswer(signedIn(event), event.params.id);
  if (!outcome) error(404, "There is no such answer.");
  return Response.json(outcome);
};
