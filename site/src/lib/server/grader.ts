import { resolve } from "node:path";
import { cellsOf, exercisesOf, quizzesOf } from "@gradus/course";
import { filesOf } from "@gradus/course/node";
import { type JailResult, protection, runInJail } from "@gradus/jail";
import type { CheckResult } from "@gradus/notebook/protocol";
import { grade, type Quiz } from "@gradus/quiz";
import { and, asc, eq, lt, or, sql } from "drizzle-orm";
import { courseFolder, lessonBySlug } from "./course.ts";
import { database } from "./db.ts";
import { type GradingLimits, gradingLimits } from "./grading-limits.ts";
import { storable } from "./guard.ts";
import { classQuiz, quizAnswer, submission } from "./schema.ts";

const entry = resolve("../packages/notebook/src/kernel/grade.ts");
/** How often grading may begin: what has stopped it every time would stop it again. */
const mostTries = 3;
/** After the sandbox has failed on a submission, it rests for so long, in seconds. */
const rest = 20;
/** Wall-clock time for each second of processor time that a submission may take. */
const patience = 4;

type Submission = typeof submission.$inferSelect;
type Answer = typeof quizAnswer.$inferSelect;
/** What grading finds, of either. */
interface Verdict {
  readonly state?: "failed";
  readonly score?: number;
  readonly points?: number;
  readonly graded?: Submission["graded"];
  readonly feedback?: string[];
}
/** What waits for the grader: exercises, and code in quizzes. */
type Queue = typeof submission | typeof quizAnswer;

/** The sandbox itself did not work, which says nothing of what was handed in. */
class SandboxError extends Error {}

/** Runs what is handed in on the server, a few at a time, learners in turn; several processes on one database share the work. */
export class Grader {
  private readonly limits: GradingLimits = gradingLimits();
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private looking = false;
  private again = false;
  private quizzesFirst = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** Looks for work now and from time to time. */
  start(): void {
    this.timer ??= setInterval(() => this.wake(), 15_000);
    this.timer.unref();
    this.wake();
  }

  wake(): void {
    this.again = true;
    if (this.looking || this.stopping.signal.aborted) return;
    this.looking = true;
    void this.look()
      .catch((error: unknown) => complain(error))
      .finally(() => {
        this.looking = false;
      });
  }

  /** Takes no more, ends what runs, and gives it back to the queue. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    while (this.running.size) await Promise.all(this.running);
  }

  private async look(): Promise<void> {
    while (this.again) {
      this.again = false;
      await protection(); // where there is none, everything waits
      while (this.running.size < this.limits.concurrent && !this.stopping.signal.aborted) {
        const job = await this.take();
        if (!job) break;
        const done = job()
          .catch((error: unknown) => complain(error))
          .finally(() => {
            this.running.delete(done);
            this.wake();
          });
        this.running.add(done);
      }
    }
  }

  /** Something to do, of exercises and quizzes in turn. */
  private async take(): Promise<(() => Promise<void>) | null> {
    const sources = [() => this.takeFrom(submission, gradeSubmission), () => this.takeFrom(quizAnswer, gradeAnswer)];
    if (this.quizzesFirst) sources.reverse();
    this.quizzesFirst = !this.quizzesFirst;
    return (await sources[0]!()) ?? (await sources[1]!());
  }

  private async takeFrom<Row extends Submission | Answer>(
    queue: Queue,
    work: (row: Row, run: Run) => Promise<Verdict>,
  ): Promise<(() => Promise<void>) | null> {
    const lostAfter = this.limits.seconds * patience + 120;
    await reclaim(queue, lostAfter);
    const row = (await claim(queue)) as Row | null;
    if (!row) return null;
    return async () => {
      try {
        await settle(queue, row, { state: "graded", ...(await work(row, this.run)), gradedAt: new Date() });
      } catch (error) {
        if (this.stopping.signal.aborted) await settle(queue, row, { state: "waiting", tries: row.tries - 1 });
        else {
          complain(error);
          await settle(queue, row, { state: row.tries < mostTries ? "waiting" : "failed", gradedAt: new Date() });
        }
      }
    };
  }

  /** Runs checks in a jail. Throws SandboxError where the jail did not work. */
  private readonly run: Run = async (input) => {
    const { seconds, megabytes } = this.limits;
    const limits = { milliseconds: 1000 * patience * seconds, processorSeconds: seconds, megabytes };
    const result = await runInJail({ entry, input, ...limits, signal: this.stopping.signal });
    if (!result.ok && result.reason === "start") throw new SandboxError(result.message);
    return result;
  };
}

type Run = (input: unknown) => Promise<JailResult>;

function complain(error: unknown): void {
  const message = error instanceof SandboxError ? `The sandbox for grading failed: ${error.message}` : `grading: ${String(error)}`;
  console.error(JSON.stringify({ level: "error", time: new Date().toISOString(), message }));
}

let only: Grader | null = null;

export function grader(): Grader {
  if (!only) {
    only = new Grader();
    only.start();
  }
  return only;
}

/** What a process took that has ended since waits again, or has failed too often. */
async function reclaim(queue: Queue, seconds: number): Promise<void> {
  const db = await database();
  await db
    .update(queue)
    .set({ state: sql`case when ${queue.tries} < ${mostTries} then 'waiting' else 'failed' end` })
    .where(and(eq(queue.state, "grading"), lt(queue.gradedAt, sql`now() - make_interval(secs => ${seconds})`)));
}

/** The next row, now ours: learners take turns, the one whose turn was longest ago first; each one's rows in their order. */
async function claim(queue: Queue): Promise<Submission | Answer | null> {
  const db = await database();
  const lastTurn = sql`(select max(t.graded_at) from ${queue} t where t.user_id = ${queue.userId} and t.graded_at > now() - interval '1 hour')`;
  const next = db
    .select({ id: queue.id })
    .from(queue)
    .where(
      and(
        eq(queue.state, "waiting"),
        // After a failure others go first.
        or(eq(queue.tries, 0), lt(queue.gradedAt, sql`now() - make_interval(secs => ${rest})`)),
      ),
    )
    .orderBy(sql`${lastTurn} asc nulls first`, asc(queue.createdAt))
    .limit(1)
    .for("update", { skipLocked: true });
  const [row] = await db
    .update(queue)
    .set({ state: "grading", gradedAt: new Date(), tries: sql`${queue.tries} + 1` })
    .where(sql`${queue.id} = (${next})`)
    .returning();
  return row ?? null;
}

/** Writes what came out, unless an instructor has decided meanwhile or somebody else has taken the row. */
async function settle(
  queue: Queue,
  row: Submission | Answer,
  values: Omit<Verdict, "state"> & { readonly state: string; readonly tries?: number; readonly gradedAt?: Date },
): Promise<void> {
  const db = await database();
  await db
    .update(queue)
    .set(values)
    .where(and(eq(queue.id, row.id), eq(queue.state, "grading"), eq(queue.tries, row.tries)));
}

/** At most `most` characters as the database takes them. */
const shortened = (text: unknown, most = 1000): string => storable(String(text).slice(0, most));

async function gradeSubmission(row: Submission, run: Run): Promise<Verdict> {
  const lesson = await lessonBySlug(row.lesson);
  const exercise = lesson && exercisesOf(lesson).find((e) => e.id === row.exercise);
  if (!lesson || !exercise) return { state: "failed" };
  const result = await run({
    cells: cellsOf(lesson).map(({ id, source }) => ({ id, source: Object.hasOwn(row.sources, id) ? row.sources[id]! : source })),
    exercise: row.exercise,
    checks: exercise.checks.map(({ name, code, points }) => ({ name, code, points })),
    files: await filesOf(lesson, courseFolder),
  });
  // The names and points are the lesson's own; only "passed" and the sentences come from the jail.
  const found = result.ok && Array.isArray(result.value) ? (result.value as CheckResult[]) : [];
  const graded = exercise.checks.map(({ name, points, hidden }, i) => {
    const r = found[i];
    const passed = r?.passed === true && r.name === name;
    const message = result.ok ? (r?.message ?? "") : result.message;
    const told = hidden && result.ok ? "Not yet." : shortened(message);
    return { name, points, passed, ...(passed || !message ? {} : { message: told }) };
  });
  const score = graded.reduce((sum, g) => sum + (g.passed ? g.points : 0), 0);
  return { graded, score, points: exercise.points };
}

/** Code in a quiz: a cell of its own, on which the question's checks are run. */
async function gradeAnswer(row: Answer, run: Run): Promise<Verdict> {
  const question = (await quizOf(row))?.questions.find((q) => q.id === row.question);
  if (question?.type !== "code") return { state: "failed" };
  const code = String(row.response);
  const checks = question.checks.map((c) => ({ ...c, points: 1 }));
  const result = await run({ cells: [{ id: "answer", source: code }], exercise: "answer", checks, files: {} });
  const found = result.ok && Array.isArray(result.value) ? (result.value as CheckResult[]) : [];
  const results = result.ok ? found : checks.map(({ name }) => ({ name, passed: false, message: result.message }));
  const { score, feedback } = await grade(question, code, { runChecks: async () => results });
  return { score, feedback: feedback.map((line) => shortened(line)) };
}

async function quizOf({ lesson: slug, quiz }: Answer): Promise<Pick<Quiz, "questions"> | undefined> {
  if (slug !== "class") {
    const lesson = await lessonBySlug(slug);
    return lesson && quizzesOf(lesson).find((q) => q.id === quiz);
  }
  const db = await database();
  const [row] = await db.select({ content: classQuiz.content }).from(classQuiz).where(eq(classQuiz.id, quiz));
  return row?.content as Pick<Quiz, "questions"> | undefined;
}
