import { createReadStream, readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { createGunzip, gzipSync } from "node:zlib";
import { asc, type Column, count, getTableColumns, getTableName, type Table } from "drizzle-orm";
import { getTableConfig, type PgTable } from "drizzle-orm/pg-core";
import type { Database } from "./db.ts";
import * as schema from "./schema.ts";

/*
 * A backup is gzipped text, a line of JSON each: what it is, then rows as ["table", {column: value}], and how many there were.
 * It knows nothing of the database behind, so that a class can move from the embedded one to a server and back.
 */

const format = "gradus backup";

/** Tables in an order in which rows only refer to what is there already. */
const tables: readonly PgTable[] = [
  ...[schema.setting, schema.user, schema.session, schema.account, schema.verification],
  ...[schema.classroom, schema.membership, schema.appointment, schema.announcement],
  ...[schema.savedCell, schema.submission, schema.seenSolution, schema.quizAnswer, schema.classQuiz],
  ...[schema.post, schema.notification, schema.feedback],
];

interface Header {
  readonly format: string;
  /** The last migration of the database it was made from. */
  readonly migration: string;
  readonly at: string;
}

export class BackupError extends Error {}

const migrationTags = (): string[] => {
  const journal = resolve(process.env["GRADUS_MIGRATIONS"] ?? "migrations", "meta/_journal.json");
  return (JSON.parse(readFileSync(journal, "utf8")) as { entries: { tag: string }[] }).entries.map((e) => e.tag);
};

const page = 500;

/** Everything as it is at one moment, as packed bytes, handed to `take` one after the other. */
export async function backUp(db: Database, take: (bytes: Uint8Array) => Promise<void>): Promise<number> {
  const header: Header = { format, migration: migrationTags().at(-1)!, at: new Date().toISOString() };
  const counts: Record<string, number> = {};
  // Packed in members of their own, which together are one gzip file.
  const write = (lines: readonly unknown[]) => take(gzipSync(lines.map((l) => `${JSON.stringify(l)}\n`).join("")));
  await write([header]);
  await db.transaction(
    async (tx) => {
      for (const table of tables) {
        const name = getTableName(table);
        const keys = keysOf(table).map((c) => asc(c));
        counts[name] = 0;
        for (let rows: Record<string, unknown>[] = [], first = true; first || rows.length === page; first = false) {
          rows = await tx
            .select()
            .from(table)
            .orderBy(...keys)
            .limit(page)
            .offset(counts[name]!);
          counts[name]! += rows.length;
          if (rows.length) await write(rows.map((row) => [name, row]));
        }
      }
    },
    { isolationLevel: "repeatable read", accessMode: "read only" },
  );
  await write([{ end: counts }]);
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/**
 * A backup in a temporary file, as bytes to be sent. It is complete before the first of them leaves, so that a slow or vanished reader
 * holds up nobody at the database; the file is gone when it has been read, or its reader has.
 */
export async function backupFile(db: Database): Promise<{ bytes: ReadableStream<Uint8Array>; size: number }> {
  const folder = await mkdtemp(join(tmpdir(), "gradus-backup-"));
  const path = join(folder, "backup");
  try {
    const target = await open(path, "wx", 0o600);
    try {
      await backUp(db, async (bytes) => void (await target.writeFile(bytes)));
    } finally {
      await target.close();
    }
    const source = await open(path);
    const { size } = await source.stat();
    return { bytes: Readable.toWeb(source.createReadStream()) as ReadableStream<Uint8Array>, size };
  } finally {
    // Opened files can be read on after their name is gone.
    await rm(folder, { recursive: true, force: true });
  }
}

function keysOf(table: PgTable): Column[] {
  const { primaryKeys, columns } = getTableConfig(table);
  return primaryKeys[0] ? [...primaryKeys[0].columns] : columns.filter((c) => c.primary);
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const unpacked = source.pipe(createGunzip());
  source.on("error", (error) => unpacked.destroy(error));
  unpacked.on("error", () => {}); // thrown by the loop, if it still runs
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const bytes of unpacked) {
      const lines = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } finally {
    source.destroy();
  }
  if (rest) yield rest;
}

/** Reads a backup line by line, and refuses what is none, is damaged, or ends too early. */
async function* rowsOf(file: string): AsyncGenerator<[table: PgTable, row: Record<string, unknown>]> {
  const byName = new Map(tables.map((t) => [getTableName(t), t]));
  const counts: Record<string, number> = Object.fromEntries([...byName.keys()].map((name) => [name, 0]));
  const refuse = (why: string) => new BackupError(`${file} ${why}`);
  let lineNumber = 0;
  let finished = false;
  try {
    for await (const line of linesOf(file)) {
      lineNumber++;
      if (finished) throw refuse("goes on after its end: it is damaged");
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        throw refuse(lineNumber === 1 ? "is no backup of this site" : `is damaged at line ${lineNumber}`);
      }
      if (lineNumber === 1) {
        const { format: kind, migration } = (value ?? {}) as Partial<Header>;
        if (kind !== format) throw refuse("is no backup of this site");
        if (!migrationTags().includes(migration ?? "")) throw refuse("was made by a newer version of the site: update this one first");
      } else if (Array.isArray(value)) {
        const [name, row] = value as [string, Record<string, unknown>];
        const table = byName.get(name);
        if (!table || typeof row !== "object" || row === null) throw refuse(`is damaged at line ${lineNumber}`);
        counts[name]!++;
        yield [table, rowFor(table, row)];
      } else {
        const { end } = (value ?? {}) as { end?: Record<string, number> };
        if (!end || Object.entries(end).some(([name, n]) => counts[name] !== n)) throw refuse(`is damaged at line ${lineNumber}`);
        finished = true;
      }
    }
  } catch (error) {
    if (error instanceof BackupError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw refuse("does not exist");
    throw refuse(lineNumber ? `is damaged after line ${lineNumber} (${message})` : "is no backup of this site");
  }
  if (!finished) throw refuse(lineNumber ? "ends too early: it is damaged" : "is empty");
}

/** Values as the database takes them. */
function rowFor(table: PgTable, row: Record<string, unknown>): Record<string, unknown> {
  const columns = getTableColumns(table as Table) as Record<string, Column>;
  return Object.fromEntries(
    Object.entries(row)
      .filter(([name]) => columns[name])
      .map(([name, value]) => [name, columns[name]!.dataType === "date" && typeof value === "string" ? new Date(value) : value]),
  );
}

/** How many rows a database holds that belong to somebody. */
async function isUsed(db: Database): Promise<boolean> {
  const [row] = await db.select({ n: count() }).from(schema.user);
  return (row?.n ?? 0) > 0;
}

/**
 * Puts a backup into a database, whole or not at all; gives how many rows it had. Throws BackupError for a file that is no good, which
 * changes nothing, and for a database in use, unless `replace` says that its contents may go.
 */
export async function restore(db: Database, file: string, { replace = false } = {}): Promise<number> {
  for await (const _ of rowsOf(file)); // read to its end before anything changes
  if (!replace && (await isUsed(db)))
    throw new BackupError(
      "There are accounts in this database already. Say --replace to put the backup in their place; what is there now is lost then.",
    );
  let total = 0;
  await db.transaction(async (tx) => {
    for (const table of [...tables].reverse()) await tx.delete(table);
    let current: PgTable | null = null;
    let batch: Record<string, unknown>[] = [];
    const flush = async () => {
      if (current && batch.length) await tx.insert(current).values(batch);
      total += batch.length;
      batch = [];
    };
    for await (const [table, row] of rowsOf(file)) {
      if (table !== current || batch.length >= 200) await flush();
      current = table;
      batch.push(row);
    }
    await flush();
  });
  return total;
}
