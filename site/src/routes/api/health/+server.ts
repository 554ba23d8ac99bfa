import { databaseAnswers } from "#lib/server/db.ts";

/** For load balancers: whether this process can serve. */
export const GET = async () => {
  const database = await databaseAnswers();
  return Response.json(
    { ok: database, database, uptime: Math.round(process.uptime()), memory: process.memoryUsage().rss },
    { status: database ? 200 : 503 },
  );
};
