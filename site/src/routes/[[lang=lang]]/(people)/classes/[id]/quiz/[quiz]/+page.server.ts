import { isOpen } from "@gradus/quiz";
import { error, redirect } from "@sveltejs/kit";
import { classById, roleIn } from "#lib/server/classes.ts";
import { quizById, shownQuestions } from "#lib/server/quizzes.ts";

export const load = async ({ params, locals, url }) => {
  if (!locals.me) redirect(303, `/sign-in?next=${encodeURIComponent(url.pathname)}`);
  const role = await roleIn(locals.me, params.id);
  const [found, quiz] = role ? [await classById(params.id), await quizById(params.id, params.quiz)] : [null, null];
  if (!found || !quiz) error(404, "There is no such quiz, or you have not joined its class.");
  const open = isOpen(quiz, new Date(), 0);
  // Before it opens nobody reads the questions.
  const hidden = !open.open && open.reason === "early" && role !== "instructor";
  return {
    ...{ classId: params.id, className: found.name, id: params.quiz, title: quiz.title, attempts: quiz.attempts ?? null },
    closed: open.open ? "" : open.message,
    questions: hidden ? [] : shownQuestions(quiz, locals.me),
  };
};
