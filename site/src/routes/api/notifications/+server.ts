import { and, desc, eq, isNull } from "drizzle-orm";
import { database } from "#lib/server/db.ts";
import { signedIn } from "#lib/server/guard.ts";
import { notification } from "#lib/server/schema.ts";

export const GET = async (event) => {
  const me = signedIn(event);
  const db = await database();
  return Response.json({
    notifications: await db
      .select()
      .from(notification)
      .where(eq(notification.userId, me.id))
      .orderBy(desc(notification.createdAt))
      .limit(50),
  });
};

/** Marks all as read. */
export const POST = async (event) => {
  const me = signedIn(event);
  const db = await database();
  await db
    .update(notification)
    .set({ readAt: new Date() })
    .where(and(eq(notification.userId, me.id), isNull(notification.readAt)));
  return Response.json({ ok: true });
};
