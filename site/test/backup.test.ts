import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { getTableName } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backUp, restore } from "../src/lib/server/backup.ts";
import { type Database, type OpenDatabase, openDatabase } from "../src/lib/server/db.ts";
import * as schema from "../src/lib/server/schema.ts";
import { setUp } from "./people.ts";
import { type PostgresServer, startPostgres } from "./postgres.ts";
import { newData, startSite } from "./server.ts";

process.env["GRADUS_MIGRATIONS"] = fileURLToPath(new URL("../migrations", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gradus-backup-"));
const opened: OpenDatabase[] = [];
let postgres: PostgresServer | string;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  for (const { close } of opened) await close();
  if (typeof postgres !== "string") await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

let n = 0;
async function fresh(url = ""): Promise<Database> {
  const database = await openDatabase(url, url ? "" : newData(join(folder, `data-${++n}`)));
  opened.push(database);
  return database.db;
}

/** A small class with everything in it that is hard to keep: times, JSON, umlauts, empty values, more rows than a page. */
async function fill(db: Database): Promise<void> {
  await db.insert(schema.user).values([
    { id: "u1", name: "Ada Löve", email: "ada@example.org", role: "administrator" },
    { id: "u2", name: "Lin 🎓", email: "lin@example.org" },
  ] as (typeof schema.user.$inferInsert)[]);
  await db.insert(schema.submission).values(
    Array.from({ length: 1203 }, (_, i) => ({
      ...{ userId: "u2", lesson: "01-arrays", exercise: "largest-entry", sources: { "largest-entry": `"${i}"\n\\u0000 is no line end` } },
      ...{ claimed: [{ name: "a", passed: i % 2 === 0 }], passed: i % 2 === 0, sawSolution: false, points: 2 },
    })),
  );
  await db.insert(schema.feedback).values({ lesson: "01-arrays", rating: null, body: "Größer, bitte" });
  await db.insert(schema.setting).values({ key: "test", value: "x" }).onConflictDoNothing();
}

async function contents(db: Database): Promise<Record<string, unknown[]>> {
  const result: Record<string, unknown[]> = {};
  for (const table of [schema.user, schema.submission, schema.feedback, schema.setting] as PgTable[])
    result[getTableName(table)] = (await db.select().from(table)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return result;
}

async function save(db: Database, name: string): Promise<string> {
  const parts: Uint8Array[] = [];
  await backUp(db, async (bytes) => void parts.push(bytes));
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat(parts));
  return file;
}

describe("a backup", () => {
  test("brings everything into another database, and refuses to overwrite one in use unless told so", async () => {
    const from = await fresh();
    await fill(from);
    const file = await save(from, "a.backup");
    const to = await fresh();
    await restore(to, file);
    expect(await contents(to)).toEqual(await contents(from));
    await expect(restore(to, file)).rejects.toThrow(/There are accounts in this database already/);
    await to.delete(schema.feedback);
    await restore(to, file, { replace: true });
    expect(await contents(to)).toEqual(await contents(from));
  });

  test("moves a class from the embedded database to a Postgres server and back", async (context) => {
    if (typeof postgres === "string") return context.skip(postgres);
    const from = await fresh();
    await fill(from);
    const server = await fresh(await postgres.database("moved"));
    await restore(server, await save(from, "b.backup"));
    expect(await contents(server)).toEqual(await contents(from));
    const back = await fresh();
    await restore(back, await save(server, "c.backup"));
    expect(await contents(back)).toEqual(await contents(from));
  });

  test("that is damaged, cut, foreign or missing is refused with a sentence and changes nothing", async () => {
    const from = await fresh();
    await fill(from);
    const bytes = readFileSync(await save(from, "d.backup"));
    const to = await fresh();
    await fill(to);
    const before = await contents(to);
    const flipped = Buffer.from(bytes);
    for (let i = Math.floor(bytes.length / 2); i < bytes.length / 2 + 20; i++) flipped[i]! ^= 0x5a;
    const newer = gzipSync(`${JSON.stringify({ format: "gradus backup", migration: "9999_later" })}\n`);
    const short = gzipSync(
      `${JSON.stringify({ format: "gradus backup", migration: "0000_start" })}\n${JSON.stringify({ end: { user: 3 } })}\n`,
    );
    const files: [Buffer, RegExp][] = [
      [bytes.subarray(0, bytes.length >> 1), /damaged/],
      [flipped, /damaged/],
      [newer, /newer version/],
      [short, /damaged/],
      [Buffer.from("a;b\n1;2\n"), /no backup of this site/],
      [gzipSync("hello\n"), /no backup of this site/],
      [Buffer.alloc(0), /empty|no backup/],
    ];
    for (const [content, message] of files) {
      writeFileSync(join(folder, "bad.backup"), content);
      await expect(restore(to, join(folder, "bad.backup"), { replace: true })).rejects.toThrow(message);
    }
    await expect(restore(to, join(folder, "nowhere.backup"), { replace: true })).rejects.toThrow(/does not exist/);
    expect(await contents(to)).toEqual(before);
  });

  test("is downloaded by the administrator while the site runs, and by nobody else", async () => {
    const site = await startSite();
    try {
      const administrator = await setUp(site.url, site.token);
      const response = await administrator.request("/api/backup");
      expect(response.status).toBe(200);
      const file = join(folder, "e.backup");
      writeFileSync(file, new Uint8Array(await response.arrayBuffer()));
      const to = await fresh();
      await restore(to, file);
      expect(await to.select({ email: schema.user.email }).from(schema.user)).toEqual([{ email: "ada@example.org" }]);
      expect((await fetch(`${site.url}/api/backup`)).status).toBeGreaterThanOrEqual(401);
      expect(existsSync(file)).toBe(true);
    } finally {
      await site.stop();
    }
  });
});
