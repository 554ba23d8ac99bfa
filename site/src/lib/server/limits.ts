import { createHash } from "node:crypto";
import { error } from "@sveltejs/kit";
import { lt, sql } from "drizzle-orm";
import { database } from "./db.ts";
import { say } from "./say.ts";
import { tally } from "./schema.ts";

/**
 * Refuses (429) guesses at one thing, an account or an address, beyond `most` in so many seconds. All processes of a site count
 * together, in the database: whoever guesses gains nothing by asking another one, or by restarting it.
 */
export async function guesses(event: { locals: App.Locals }, name: string, at: string, most: number, seconds: number): Promise<void> {
  if (process.env["GRADUS_RATE_LIMIT"] === "off") return;
  const key = createHash("sha256").update(`${name}\n${at}`).digest("base64url");
  const db = await database();
  const now = new Date();
  const over = sql`${tally.resets} <= ${now.toISOString()}::timestamptz`;
  const [row] = await db
    .insert(tally)
    .values({ key, count: 1, resets: new Date(now.getTime() + 1000 * seconds) })
    .onConflictDoUpdate({
      target: tally.key,
      set: {
        count: sql`case when ${over} then 1 else ${tally.count} + 1 end`,
        resets: sql`case when ${over} then excluded.resets else ${tally.resets} end`,
      },
    })
    .returning({ count: tally.count });
  if (Math.random() < 0.01) await db.delete(tally).where(lt(tally.resets, now));
  if ((row?.count ?? 0) > most) error(429, say(event).tooOften);
}
