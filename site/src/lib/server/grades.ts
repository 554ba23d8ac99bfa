import { and, desc, eq, lt, or, type SQL, sql } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { database } from "./db.ts";
import { seenSolution, submission } from "./schema.ts";

/** What a learner is told of an exercise. */
export interface ExerciseGrade {
  /** The best score that counts; null while there is none. */
  readonly score: number | null;
  readonly points: number;
  readonly comment?: string;
  /** Whether something has still to be graded; else what became of the latest submission. */
  readonly state: "pending" | "graded" | "failed";
  /** What the server found in the latest submission that it has graded. */
  readonly checks?: readonly { readonly name: string; readonly passed: boolean; readonly message?: string }[];
}

/**
 * Whether a submission's score counts. Where an instructor has given one, it stands for everything handed in before as well; a newer
 * submission may better it.
 */
export const counts: SQL<boolean> = sql<boolean>`not exists (select 1 from ${submission} later where later.user_id = ${submission}.user_id
  and later.lesson = ${submission}.lesson and later.exercise = ${submission}.exercise and later.score_by is not null
  and later.created_at > ${submission}.created_at)`;

const waits: ReadonlySet<string> = new Set(["waiting", "grading"]);

/** The grades of a lesson's exercises, as the learner may see them. */
export async function gradesOf(me: SignedIn, lesson: string): Promise<Record<string, ExerciseGrade>> {
  const db = await database();
  const rows = await db
    .select()
    .from(submission)
    .where(and(eq(submission.userId, me.id), eq(submission.lesson, lesson)))
    .orderBy(desc(submission.createdAt))
    .limit(500);
  const grades: Record<string, ExerciseGrade> = {};
  const decided = new Set<string>();
  for (const { exercise, state, score, scoreBy, points, comment, graded } of rows) {
    const known = grades[exercise];
    const better = score !== null && !decided.has(exercise) && (known?.score ?? -1) < score;
    if (scoreBy) decided.add(exercise);
    const word = known?.comment ?? comment;
    const checks = known?.checks ?? (state === "graded" ? graded : null);
    grades[exercise] = {
      ...{ score: better ? score : (known?.score ?? null), points: better ? points : (known?.points ?? points) },
      state: waits.has(state) || known?.state === "pending" ? "pending" : (known?.state ?? (state === "failed" ? "failed" : "graded")),
      ...(word ? { comment: word } : {}),
      ...(checks ? { checks: checks.map(({ name, passed, message }) => ({ name, passed, ...(message ? { message } : {}) })) } : {}),
    };
  }
  return grades;
}

export interface HandedIn {
  readonly lesson: string;
  readonly exercise: string;
  readonly sources: Record<string, string>;
  readonly claimed: { name: string; passed: boolean; message?: string }[];
  readonly passed: boolean;
  readonly sawSolution: boolean;
  readonly points: number;
}

/**
 * Notes a submission for the grader. Older ones of the same exercise that still wait need not be graded any more, but for those that
 * the browser found right when this one is wrong.
 */
export async function handIn(me: SignedIn, work: HandedIn): Promise<string> {
  const db = await database();
  const { lesson, exercise, passed } = work;
  return db.transaction(async (tx) => {
    const seen = await tx
      .select({ exercise: seenSolution.exercise })
      .from(seenSolution)
      .where(and(eq(seenSolution.userId, me.id), eq(seenSolution.lesson, lesson), eq(seenSolution.exercise, exercise)));
    const [row] = await tx
      .insert(submission)
      .values({ ...work, userId: me.id, sawSolution: work.sawSolution || seen.length > 0 })
      .returning({ id: submission.id, at: submission.createdAt });
    await tx
      .update(submission)
      .set({ state: "superseded" })
      .where(
        and(
          ...[eq(submission.userId, me.id), eq(submission.lesson, lesson), eq(submission.exercise, exercise)],
          ...[eq(submission.state, "waiting"), lt(submission.createdAt, row!.at)],
          or(eq(submission.passed, false), sql`${passed}`),
        ),
      );
    return row!.id;
  });
}

/** Notes that somebody has looked at a solution, for good. */
export async function noteSolution(me: SignedIn, lesson: string, exercise: string): Promise<void> {
  const db = await database();
  await db.insert(seenSolution).values({ userId: me.id, lesson, exercise }).onConflictDoNothing();
}
