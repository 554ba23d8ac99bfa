import { QuizError } from "@gradus/quiz";
import { error, fail } from "@sveltejs/kit";
import * as v from "valibot";
import {
  announce,
  announcements,
  classById,
  commentOn,
  dismissInstructor,
  instructorsOf,
  inviteInstructor,
  matrix,
  quizScores,
  recentFeedback,
  reword,
  roleIn,
  schedule,
  submissionFor,
  withdraw,
} from "#lib/server/classes.ts";
import { email, form, maybeMoment, signedIn, signedInReader, slug, text, zone } from "#lib/server/guard.ts";
import { guesses } from "#lib/server/limits.ts";
import { importQuiz, quizzesOfClass, removeQuiz } from "#lib/server/quizzes.ts";
import { say } from "#lib/server/say.ts";

export const load = async (event) => {
  event.depends("app:room");
  const me = signedInReader(event);
  const { id } = event.params;
  const [found, role] = [await classById(id), await roleIn(me, id)];
  if (!found || !role) error(404, say(event).noClass);
  const teaches = role === "instructor";
  const shown = event.url.searchParams.get("submission");
  return {
    me,
    id,
    name: found.name,
    code: teaches ? found.code : "",
    teaches,
    zone: zone(),
    schedule: await schedule(id),
    announcements: (await announcements([id])).filter((a) => a.className !== null),
    room: teaches ? await matrix(id) : null,
    instructors: (await instructorsOf(id)).map((i) => ({ ...i, email: teaches ? i.email : "" })),
    ownQuizzes: await quizzesOfClass(id),
    quizzes: teaches ? await quizScores(id) : [],
    feedback: teaches ? await recentFeedback() : [],
    submission: teaches && shown ? await submissionFor(id, shown) : null,
  };
};

async function teacher(event: Parameters<typeof signedIn>[0] & { params: { id: string } }) {
  const me = signedIn(event);
  if ((await roleIn(me, event.params.id)) !== "instructor") error(403, say(event).classInstructors);
  return me;
}

const one = v.object({ id: slug });

export const actions = {
  announce: async (event) => {
    const me = await teacher(event);
    const given = await form(event, v.object({ title: text(200), body: text(20_000) }));
    await announce(me, event.params.id, given.title, given.body);
  },
  reword: async (event) => {
    await teacher(event);
    const given = await form(event, v.object({ id: slug, title: text(200), body: text(20_000) }));
    if (!(await reword(event.params.id, given.id, given.title, given.body))) error(404, say(event).noAnnouncement);
  },
  withdraw: async (event) => {
    await teacher(event);
    const { id } = await form(event, one);
    if (!(await withdraw(event.params.id, id))) error(404, say(event).noAnnouncement);
  },
  invite: async (event) => {
    const me = await teacher(event);
    await guesses(event, "invite", me.id, 20, 60);
    const given = await form(event, v.object({ email }));
    if (!(await inviteInstructor(event.params.id, given.email))) return fail(404, { nobody: given.email });
  },
  dismiss: async (event) => {
    await teacher(event);
    const { id } = await form(event, one);
    if (!(await dismissInstructor(event.params.id, id))) error(400, say(event).lastInstructor);
  },
  quiz: async (event) => {
    await teacher(event);
    const given = await form(
      event,
      v.object({
        title: text(200),
        text: text(1_000_000),
        attempts: v.optional(v.pipe(v.string(), v.maxLength(40)), ""),
        opens: v.optional(maybeMoment, ""),
        closes: v.optional(maybeMoment, ""),
      }),
    );
    if (given.opens && given.closes && given.closes <= given.opens) error(400, say(event).endsFirst);
    try {
      const settings = {
        title: given.title,
        ...(given.attempts ? { attempts: Number(given.attempts) } : {}),
        ...(given.opens ? { opens: given.opens.toISOString() } : {}),
        ...(given.closes ? { closes: given.closes.toISOString() } : {}),
      };
      const { problems } = await importQuiz(event.params.id, given.text, settings);
      return { problems };
    } catch (problem) {
      if (problem instanceof QuizError) return fail(400, { problems: [problem.message] });
      throw problem;
    }
  },
  removeQuiz: async (event) => {
    await teacher(event);
    const { id } = await form(event, one);
    await removeQuiz(event.params.id, id);
  },
  comment: async (event) => {
    const me = await teacher(event);
    const given = await form(event, v.object({ id: slug, comment: text(5000), score: v.optional(v.string()) }));
    const score = given.score?.trim() ? Number(given.score.replace(",", ".")) : null;
    if (score !== null && !Number.isFinite(score)) error(400, say(event).scoreNumber);
    if (!(await commentOn(me, event.params.id, given.id, given.comment, score))) error(404, say(event).noSubmission);
  },
};
