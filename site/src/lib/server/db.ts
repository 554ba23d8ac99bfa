import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { sql } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import * as schema from "./schema.ts";

export type Database = PgDatabase<PgQueryResultHKT, typeof schema>;

export interface OpenDatabase {
  readonly db: Database;
  /** For people: where the data are. */
  readonly place: string;
  close(): Promise<void>;
}

/** Where everything is kept without a database server. */
export const dataFolder = (): string => resolve(process.env["GRADUS_DATA"] ?? "../data");

const migrations = (): string => resolve(process.env["GRADUS_MIGRATIONS"] ?? "migrations");

/** Opens the Postgres server of DATABASE_URL, or the embedded one in the data folder; tables are made or changed as needed. */
export async function openDatabase(
  url: string | undefined = process.env["DATABASE_URL"],
  folder: string = dataFolder(),
): Promise<OpenDatabase> {
  return url ? openServer(url) : openEmbedded(folder);
}

async function openServer(url: string): Promise<OpenDatabase> {
  const [{ drizzle }, { migrate }, pg] = await Promise.all([
    import("drizzle-orm/node-postgres"),
    import("drizzle-orm/node-postgres/migrator"),
    import("pg"),
  ]);
  const pool = new pg.default.Pool({ connectionString: url, max: 20, connectionTimeoutMillis: 10_000 });
  pool.on("error", (error) => console.error(JSON.stringify({ level: "error", message: `Postgres: ${error.message}` })));
  // Several processes may start at once: one of them migrates.
  const client = await pool.connect().catch((error: Error) => {
    throw new Error(
      `The database of DATABASE_URL does not answer: ${error.message}. Is Postgres running, and are name and password right?`,
    );
  });
  try {
    await client.query("select pg_advisory_lock(7243001)");
    await migrate(drizzle(client), { migrationsFolder: migrations() });
  } finally {
    await client.query("select pg_advisory_unlock(7243001)").catch(() => {});
    client.release();
  }
  const db = drizzle(pool, { schema }) as unknown as Database;
  return { db, place: "Postgres", close: () => pool.end() };
}

async function openEmbedded(folder: string): Promise<OpenDatabase> {
  mkdirSync(folder, { recursive: true });
  const unlock = lock(folder);
  try {
    const [{ drizzle }, { migrate }, { PGlite }] = await Promise.all([
      import("drizzle-orm/pglite"),
      import("drizzle-orm/pglite/migrator"),
      import("@electric-sql/pglite"),
    ]);
    const client = await PGlite.create(join(folder, "postgres"));
    const db = drizzle(client, { schema });
    await migrate(db, { migrationsFolder: migrations() });
    return {
      db: db as unknown as Database,
      place: folder,
      async close() {
        await client.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The embedded database is for one process: a second one would damage it. */
function lock(folder: string): () => void {
  const file = join(folder, "lock");
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(file, "wx");
      writeSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = Number(readFileSync(file, "utf8"));
      if (attempt > 0 || isAlive(owner))
        throw new Error(
          `The data folder ${folder} is in use by process ${owner}. Stop it, choose another folder with GRADUS_DATA, or let several processes share a Postgres server with DATABASE_URL. (While it runs, its administrator can download a backup.)`,
        );
      rmSync(file, { force: true }); // its process was killed
    }
  }
  return () => rmSync(file, { force: true });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

let opened: Promise<OpenDatabase> | null = null;

/** The site's database, opened at its first use. */
export async function database(): Promise<Database> {
  opened ??= openDatabase().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return (await opened).db;
}

export async function closeDatabase(): Promise<void> {
  const open = opened;
  opened = null;
  if (open) await (await open).close();
}

/** Whether the database answers. */
export async function databaseAnswers(): Promise<boolean> {
  try {
    await (await database()).execute(sql`select 1`);
    return true;
  } catch {
    return false;
  }
}

/** A setting that all processes share; `make` gives it its first value. */
export async function sharedSetting(key: string, make: () => string): Promise<string> {
  const db = await database();
  await db.insert(schema.setting).values({ key, value: make() }).onConflictDoNothing();
  const [row] = await db.select().from(schema.setting).where(sql`${schema.setting.key} = ${key}`);
  return row!.value;
}
