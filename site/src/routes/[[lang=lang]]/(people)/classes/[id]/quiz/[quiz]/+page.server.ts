import { isOpen } from "@gradus/quiz";
import { error } from "@sveltejs/kit";
import { classById, roleIn } from "#lib/server/classes.ts";
import { signedInReader } from "#lib/server/guard.ts";
import { quizById, shownQuestions } from "#lib/server/quizzes.ts";
import { say } from "#lib/server/say.ts";

export const load = async (event) => {
  const me = signedInReader(event);
  const { params } = event;
  const role = await roleIn(me, params.id);
  const [found, quiz] = role ? [await classById(params.id), await quizById(params.id, params.quiz)] : [null, null];
  if (!found || !quiz) error(404, say(event).noQuiz);
  const open = isOpen(quiz, new Date(), 0);
  // Before it opens nobody reads the questions.
  const hidden = !open.open && open.reason === "early" && role !== "instructor";
  return {
    ...{ classId: params.id, className: found.name, id: params.quiz, title: quiz.title, attempts: quiz.attempts ?? null },
    closed:
      open.open || open.reason === "attempts"
        ? null
        : { reason: open.reason, at: Date.parse((open.reason === "early" ? quiz.opens : quiz.closes)!) },
    questions: hidden ? [] : shownQuestions(quiz, me),
  };
};
