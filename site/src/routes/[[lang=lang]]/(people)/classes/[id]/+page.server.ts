import { QuizError } from "@gradus/quiz";
import { error, fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import {
  announce,
  announcements,
  classById,
  commentOn,
  matrix,
  quizScores,
  recentFeedback,
  roleIn,
  schedule,
  submissionFor,
} from "#lib/server/classes.ts";
import { summaries } from "#lib/server/course.ts";
import { database } from "#lib/server/db.ts";
import { form, signedIn, slug, text } from "#lib/server/guard.ts";
import { importQuiz, quizzesOfClass, removeQuiz } from "#lib/server/quizzes.ts";
import { appointment } from "#lib/server/schema.ts";

export const load = async ({ params, locals, url, depends }) => {
  depends("app:room");
  if (!locals.me) redirect(303, `/sign-in?next=${encodeURIComponent(url.pathname)}`);
  const [found, role] = [await classById(params.id), await roleIn(locals.me, params.id)];
  if (!found || !role) error(404, "There is no such class, or you have not joined it.");
  const teaches = role === "instructor";
  const shown = url.searchParams.get("submission");
  return {
    me: locals.me,
    id: found.id,
    name: found.name,
    code: teaches ? found.code : "",
    teaches,
    schedule: await schedule(params.id),
    announcements: (await announcements([params.id])).filter((a) => a.className !== null),
    room: teaches ? await matrix(params.id) : null,
    ownQuizzes: await quizzesOfClass(params.id),
    quizzes: teaches ? await quizScores(params.id) : [],
    feedback: teaches ? await recentFeedback() : [],
    submission: teaches && shown ? await submissionFor(params.id, shown) : null,
    lessons: (await summaries()).map(({ slug: s, title }) => ({ slug: s, title })),
  };
};

async function teacher(event: Parameters<typeof signedIn>[0] & { params: { id: string } }) {
  const me = signedIn(event);
  if ((await roleIn(me, event.params.id)) !== "instructor") error(403, "This is for the instructors of the class.");
  return me;
}

const moment = v.pipe(
  v.string(),
  v.check((s) => !Number.isNaN(Date.parse(s)), "should be a date and a time"),
  v.transform((s) => new Date(s)),
);

export const actions = {
  announce: async (event) => {
    const me = await teacher(event);
    const given = await form(event, v.object({ title: text(200), body: text(20_000) }));
    await announce(me, event.params.id, given.title, given.body);
  },
  appointment: async (event) => {
    await teacher(event);
    const given = await form(
      event,
      v.object({
        title: text(200),
        begins: moment,
        ends: moment,
        kind: v.picklist(["session", "break", "other"]),
        lesson: v.optional(v.union([slug, v.literal("")])),
        instructor: v.optional(v.pipe(v.string(), v.maxLength(120))),
      }),
    );
    if (given.ends <= given.begins) error(400, "It should end after it begins.");
    await (await database())
      .insert(appointment)
      .values({ ...given, lesson: given.lesson || null, instructor: given.instructor || null, classroomId: event.params.id });
  },
  quiz: async (event) => {
    await teacher(event);
    const optional = v.optional(v.pipe(v.string(), v.maxLength(40)), "");
    const given = await form(
      event,
      v.object({ title: text(200), text: text(1_000_000), attempts: optional, opens: optional, closes: optional }),
    );
    const attempts = given.attempts ? Number(given.attempts) : undefined;
    const time = (s: string) => (s ? new Date(s).toISOString() : undefined);
    try {
      const [opens, closes] = [time(given.opens), time(given.closes)];
      const settings = {
        title: given.title,
        ...(attempts === undefined ? {} : { attempts }),
        ...(opens ? { opens } : {}),
        ...(closes ? { closes } : {}),
      };
      const { problems } = await importQuiz(event.params.id, given.text, settings);
      return { problems };
    } catch (problem) {
      if (problem instanceof QuizError || problem instanceof RangeError) return fail(400, { problems: [problem.message] });
      throw problem;
    }
  },
  removeQuiz: async (event) => {
    await teacher(event);
    const { id } = await form(event, v.object({ id: slug }));
    await removeQuiz(event.params.id, id);
  },
  comment: async (event) => {
    const me = await teacher(event);
    const given = await form(event, v.object({ id: slug, comment: text(5000), score: v.optional(v.string()) }));
    const score = given.score?.trim() ? Number(given.score.replace(",", ".")) : null;
    if (score !== null && !Number.isFinite(score)) error(400, "The score should be a number.");
    if (!(await commentOn(me, event.params.id, given.id, given.comment, score))) error(404, "There is no such submission.");
  },
};
