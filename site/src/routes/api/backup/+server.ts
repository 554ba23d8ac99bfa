import { backUp } from "#lib/server/backup.ts";
import { database } from "#lib/server/db.ts";
import { administrator } from "#lib/server/guard.ts";

/** Everything in one file, for the administrator. */
export const GET = async (event) => {
  administrator(event);
  const db = await database();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  void backUp(db, (bytes) => writer.write(bytes)).then(
    () => writer.close(),
    (error: unknown) => writer.abort(error),
  );
  const name = `gradus-${new Date().toISOString().slice(0, 10)}.backup`;
  return new Response(readable, {
    headers: { "content-type": "application/gzip", "content-disposition": `attachment; filename="${name}"`, "cache-control": "no-store" },
  });
};
