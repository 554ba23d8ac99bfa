import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cellsOf, exercisesOf, type Lesson } from "@gradus/course";
import { runInJail } from "@gradus/jail";
import type { CheckResult } from "@gradus/notebook/protocol";
import { and, asc, eq, lt, sql } from "drizzle-orm";
import { courseFolder, lessonBySlug } from "./course.ts";
import { database } from "./db.ts";
import { submission } from "./schema.ts";

const entry = resolve("../packages/notebook/src/kernel/grade.ts");
/** What a submission may take. */
const milliseconds = 20_000;
const megabytes = 1024;
/** A submission that is being graded for longer was left by a process that ended, in minutes. */
const lostAfter = 5;

/** Runs submissions' checks on the server, one after the other; several processes on one database share them. */
class Grader {
  private running = false;
  private again = false;
  private stopped = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** Looks for work now and from time to time. */
  start(): void {
    this.timer ??= setInterval(() => this.wake(), 30_000);
    this.timer.unref();
    this.wake();
  }

  wake(): void {
    if (this.stopped) return;
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    void this.work()
      .catch((error: unknown) => console.error(JSON.stringify({ level: "error", message: `grading: ${String(error)}` })))
      .finally(() => {
        this.running = false;
        if (this.again) {
          this.again = false;
          this.wake();
        }
      });
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  private async work(): Promise<void> {
    while (!this.stopped) {
      const taken = await take();
      if (!taken) return;
      await gradeOne(taken);
    }
  }
}

let only: Grader | null = null;

export function grader(): Grader {
  if (!only) {
    only = new Grader();
    only.start();
  }
  return only;
}

/** The oldest submission that nobody grades, now ours. */
async function take() {
  const db = await database();
  await db
    .update(submission)
    .set({ state: "waiting" })
    .where(and(eq(submission.state, "grading"), lt(submission.gradedAt, sql`now() - make_interval(mins => ${lostAfter})`)));
  const oldest = db
    .select({ id: submission.id })
    .from(submission)
    .where(eq(submission.state, "waiting"))
    .orderBy(asc(submission.createdAt))
    .limit(1)
    .for("update", { skipLocked: true });
  const [row] = await db
    .update(submission)
    .set({ state: "grading", gradedAt: new Date() })
    .where(sql`${submission.id} = (${oldest})`)
    .returning();
  return row;
}

async function gradeOne(row: typeof submission.$inferSelect): Promise<void> {
  const db = await database();
  const lesson = await lessonBySlug(row.lesson);
  const exercise = lesson && exercisesOf(lesson).find((e) => e.id === row.exercise);
  if (!lesson || !exercise) {
    await db.update(submission).set({ state: "failed", gradedAt: new Date() }).where(eq(submission.id, row.id));
    return;
  }
  const result = await runInJail({
    entry,
    input: {
      cells: cellsOf(lesson).map(({ id, source }) => ({ id, source: Object.hasOwn(row.sources, id) ? row.sources[id]! : source })),
      exercise: row.exercise,
      checks: exercise.checks.map(({ name, code, points }) => ({ name, code, points })),
      files: await filesOf(lesson),
    },
    milliseconds,
    megabytes,
  });
  // The names and points are the lesson's own; only "passed" and the sentences come from the jail.
  const found = result.ok && Array.isArray(result.value) ? (result.value as CheckResult[]) : [];
  const graded = exercise.checks.map(({ name, points, hidden }, i) => {
    const r = found[i];
    const passed = r?.passed === true && r.name === name;
    const message = result.ok ? (r?.message ?? "") : result.message;
    return {
      name,
      points,
      passed,
      ...(passed || !message ? {} : { message: hidden && result.ok ? "Not yet." : String(message).slice(0, 1000) }),
    };
  });
  const score = graded.reduce((sum, g) => sum + (g.passed ? g.points : 0), 0);
  await db
    .update(submission)
    .set({ state: "graded", graded, score, points: exercise.points, gradedAt: new Date() })
    .where(eq(submission.id, row.id));
}

async function filesOf(lesson: Lesson): Promise<Record<string, string>> {
  const entries = await Promise.all(
    lesson.files.map(async (name) => [name, (await readFile(join(courseFolder, lesson.slug, "files", name))).toString("base64")] as const),
  );
  return Object.fromEntries(entries);
}
