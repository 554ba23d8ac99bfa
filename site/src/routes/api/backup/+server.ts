import { backupFile } from "#lib/server/backup.ts";
import { database } from "#lib/server/db.ts";
import { administrator } from "#lib/server/guard.ts";

/** Everything in one file, for the administrator. */
export const GET = async (event) => {
  administrator(event);
  const { bytes, size } = await backupFile(await database());
  const name = `gradus-${new Date().toISOString().slice(0, 10)}.backup`;
  return new Response(bytes, {
    headers: {
      "content-type": "application/gzip",
      "content-length": String(size),
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "no-store",
    },
  });
};
