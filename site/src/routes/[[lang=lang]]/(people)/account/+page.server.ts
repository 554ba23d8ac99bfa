import { desc, eq } from "drizzle-orm";
import { database } from "#lib/server/db.ts";
import { signedInReader } from "#lib/server/guard.ts";
import { notification, submission } from "#lib/server/schema.ts";

export const load = async (event) => {
  const me = signedInReader(event);
  const db = await database();
  const notes = await db.select().from(notification).where(eq(notification.userId, me.id)).orderBy(desc(notification.createdAt)).limit(50);
  const work = await db.select().from(submission).where(eq(submission.userId, me.id)).orderBy(desc(submission.createdAt)).limit(100);
  return {
    me,
    notes: notes.map(({ id, kind, text, path, readAt, createdAt }) => ({
      id,
      kind,
      text,
      path,
      read: readAt !== null,
      at: createdAt.getTime(),
    })),
    work: work.map(({ id, lesson, exercise, state, score, points, comment, createdAt }) => ({
      id,
      lesson,
      exercise,
      state,
      score,
      points,
      comment,
      at: createdAt.getTime(),
    })),
  };
};
