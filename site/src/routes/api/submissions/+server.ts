import { exercisesOf } from "@gradus/course";
import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { lessonBySlug } from "#lib/server/course.ts";
import { grader } from "#lib/server/grader.ts";
import { gradesOf, handIn } from "#lib/server/grades.ts";
import { body, limit, signedIn, slug } from "#lib/server/guard.ts";

const handedIn = v.object({
  lesson: slug,
  exercise: slug,
  sources: v.pipe(
    v.record(slug, v.pipe(v.string(), v.maxLength(200_000))),
    v.check(
      (s) => Object.keys(s).length <= 200 && JSON.stringify(s).length <= 600_000,
      "should hold at most 200 cells of 600,000 characters together",
    ),
  ),
  results: v.pipe(
    v.array(
      v.object({
        name: v.pipe(v.string(), v.maxLength(300)),
        passed: v.boolean(),
        message: v.optional(v.pipe(v.string(), v.maxLength(5000))),
      }),
    ),
    v.maxLength(100),
  ),
  sawSolution: v.boolean(),
});

/** Takes an exercise. What the browser found is kept beside; the grade comes from the server's own run. */
export const POST = async (event) => {
  const me = signedIn(event);
  limit(event, "submissions", 30, 60);
  const { lesson, exercise, sources, results, sawSolution } = await body(event, handedIn);
  const found = await lessonBySlug(lesson);
  const task = found && exercisesOf(found).find((e) => e.id === exercise);
  if (!task) error(404, "There is no such exercise.");
  if (typeof sources[exercise] !== "string") error(400, "sources: should hold the exercise's own cell");
  const names = new Set(task.checks.filter((c) => !c.hidden).map((c) => c.name));
  const claimed = results.filter((r) => names.has(r.name));
  const passed = claimed.length === names.size && claimed.every((r) => r.passed);
  const id = await handIn(me, { lesson, exercise, sources, claimed, passed, sawSolution, points: task.points });
  grader().wake();
  return Response.json({ id, state: "waiting" }, { status: 201 });
};

/** What the server found in a learner's submissions of a lesson. */
export const GET = async (event) => {
  const me = signedIn(event);
  return Response.json({ grades: await gradesOf(me, event.url.searchParams.get("lesson") ?? "") });
};
