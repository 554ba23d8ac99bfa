import * as v from "valibot";
import { database } from "#lib/server/db.ts";
import { body, limit, slug, text } from "#lib/server/guard.ts";
import { feedback } from "#lib/server/schema.ts";

/** Takes feedback on a lesson. Who sent it is not kept. */
export const POST = async (event) => {
  limit(event, "feedback", 5, 60);
  const given = await body(
    event,
    v.object({ lesson: slug, rating: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5))), body: text(5000) }),
  );
  await (await database()).insert(feedback).values(given);
  return Response.json({ ok: true }, { status: 201 });
};
