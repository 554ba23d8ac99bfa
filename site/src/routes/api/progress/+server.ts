import { and, eq, max, sql } from "drizzle-orm";
import { database } from "#lib/server/db.ts";
import { signedIn } from "#lib/server/guard.ts";
import { submission } from "#lib/server/schema.ts";

/** What somebody has solved, in all lessons: the grade's word, and until there is one the browser's. */
export const GET = async (event) => {
  const me = signedIn(event);
  const db = await database();
  const full = sql`case when ${submission.score} is null then ${submission.passed} else ${submission.score} >= ${submission.points} end`;
  const rows = await db
    .select({
      lesson: submission.lesson,
      exercise: submission.exercise,
      at: max(submission.createdAt),
      sawSolution: sql<boolean>`bool_or(${submission.sawSolution})`,
    })
    .from(submission)
    .where(and(eq(submission.userId, me.id), full))
    .groupBy(submission.lesson, submission.exercise);
  return Response.json({ solved: rows.map(({ at, ...row }) => ({ ...row, at: at?.getTime() ?? 0 })) });
};
