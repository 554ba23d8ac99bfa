import { and, eq, sql } from "drizzle-orm";
import * as v from "valibot";
import { database } from "#lib/server/db.ts";
import { body, limit, signedIn, slug } from "#lib/server/guard.ts";
import { savedCell } from "#lib/server/schema.ts";

const saved = v.object({
  cells: v.pipe(
    v.array(
      v.object({
        lesson: slug,
        cell: slug,
        source: v.pipe(v.string(), v.maxLength(200_000)),
        version: v.pipe(v.string(), v.maxLength(40)),
        at: v.number(),
      }),
    ),
    v.minLength(1),
    v.maxLength(100),
  ),
});

/** Keeps a learner's code; an older text does not replace a newer one. `now` tells how late a text may pass for. */
export const POST = async (event) => {
  const me = signedIn(event);
  limit(event, "cells", 120, 60);
  const { cells } = await body(event, saved);
  const newest = new Map(cells.map((c) => [`${c.lesson} ${c.cell}`, c]));
  const now = Date.now();
  const rows = [...newest.values()].map(({ at, ...c }) => ({ ...c, userId: me.id, updatedAt: new Date(Math.min(at, now)) }));
  const db = await database();
  await db
    .insert(savedCell)
    .values(rows)
    .onConflictDoUpdate({
      target: [savedCell.userId, savedCell.lesson, savedCell.cell],
      set: { source: sql`excluded.source`, version: sql`excluded.version`, updatedAt: sql`excluded.updated_at` },
      setWhere: sql`excluded.updated_at >= ${savedCell.updatedAt}`,
    });
  return Response.json({ saved: rows.length, now });
};

/** A learner's code of a lesson. */
export const GET = async (event) => {
  const me = signedIn(event);
  const lesson = event.url.searchParams.get("lesson") ?? "";
  const db = await database();
  const cells = await db
    .select()
    .from(savedCell)
    .where(and(eq(savedCell.userId, me.id), eq(savedCell.lesson, lesson)));
  return Response.json({
    cells: cells.map(({ cell, source, version, updatedAt }) => ({ cell, source, version, at: updatedAt.getTime() })),
  });
};
