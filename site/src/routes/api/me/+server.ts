import { and, count, eq, isNull } from "drizzle-orm";
import { database } from "#lib/server/db.ts";
import { notification } from "#lib/server/schema.ts";

export const GET = async ({ locals }) => {
  const { me } = locals;
  if (!me) return Response.json({ me: null });
  const db = await database();
  const [unread] = await db
    .select({ n: count() })
    .from(notification)
    .where(and(eq(notification.userId, me.id), isNull(notification.readAt)));
  return Response.json({ me: { ...me, unread: unread?.n ?? 0 } });
};
