import { exercisesOf } from "@gradus/course";
import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { lessonBySlug } from "#lib/server/course.ts";
import { noteSolution } from "#lib/server/grades.ts";
import { body, limit, signedIn, slug } from "#lib/server/guard.ts";

/** Notes that a learner looks at a solution; no reset takes that back. */
export const POST = async (event) => {
  const me = signedIn(event);
  limit(event, "solutions", 120, 60);
  const { lesson, exercise } = await body(event, v.object({ lesson: slug, exercise: slug }));
  const found = await lessonBySlug(lesson);
  if (!found || !exercisesOf(found).some((e) => e.id === exercise)) error(404, "There is no such exercise.");
  await noteSolution(me, lesson, exercise);
  return Response.json({ ok: true }, { status: 201 });
};
