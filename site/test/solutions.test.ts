import { cellsOf, exercisesOf, type Lesson } from "@gradus/course";
import { filesOf, loadCourse } from "@gradus/course/node";
import { JailQueue } from "@gradus/jail";
import type { CheckResult } from "@gradus/notebook/protocol";
import { afterAll, expect, test } from "vitest";

// The later lessons take longest: they begin first.
const course = (await loadCourse()).reverse();
// The build has run every solution and its checks, without a jail; here is the jail, for every third lesson.
const jailed = process.env["GRADUS_TEST_LONG"] ? course : course.filter((_, i) => i % 3 === 0);
const jails = new JailQueue({ concurrent: 2 });
afterAll(() => jails.close());

/** A lesson's exercises as the server grades them, all in one jail: its cells hold `write` of each. */
async function graded(lesson: Lesson, write: "solution" | "starter"): Promise<CheckResult[]> {
  const exercises = exercisesOf(lesson);
  const texts = new Map(exercises.map((e) => [e.id, e[write]]));
  const result = await jails.run({
    entry: new URL("./entries/course.ts", import.meta.url).pathname,
    input: {
      cells: cellsOf(lesson).map(({ id, source }) => ({ id, source: texts.get(id) ?? source })),
      files: await filesOf(lesson),
      exercises: exercises.map(({ id, checks }) => ({ exercise: id, checks })),
    },
    milliseconds: 600_000,
    megabytes: 1536,
  });
  if (!result.ok) throw new Error(`${lesson.slug}: ${result.message}`);
  return (result.value as CheckResult[][]).flatMap((results, i) => results.map((r) => ({ ...r, name: `${exercises[i]!.id}: ${r.name}` })));
}

test.concurrent.for(jailed)(
  "the server gives full points for every solution of $slug",
  { timeout: 600_000 },
  async (lesson, { expect: expects }) => {
    const results = await graded(lesson, "solution");
    expects(results.filter((r) => !r.passed)).toEqual([]);
    expects(results.reduce((n, r) => n + r.points, 0)).toBe(exercisesOf(lesson).reduce((n, e) => n + e.points, 0));
  },
);

test("and not for what a lesson starts with", async () => {
  const lesson = course.find((l) => l.slug === "01-arrays")!;
  const results = await graded(lesson, "starter");
  expect(results.filter((r) => r.passed).length).toBeLessThan(results.length / 2);
});
