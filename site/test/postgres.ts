import { execFileSync, spawn } from "node:child_process";
import { chownSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPackages } from "../../scripts/system.ts";
import { freePort } from "./server.ts";

export interface PostgresServer {
  /** Makes an empty database and gives its address. */
  database(name: string): Promise<string>;
  stop(): Promise<void>;
}

const programs = (): string | undefined => globSync("/usr/lib/postgresql/*/bin").at(-1);

/** A Postgres server of its own on loopback, or the reason why there is none. Debian's package is installed where that is possible. */
export async function startPostgres(): Promise<PostgresServer | string> {
  if (!programs()) installPackages("postgresql");
  const bin = programs();
  if (!bin) return "Postgres is not installed, and cannot be installed here";
  const folder = mkdtempSync(join(tmpdir(), "gradus-postgres-"));
  // Postgres refuses to run as root.
  const root = process.getuid?.() === 0;
  const ids = root ? { uid: Number(execFileSync("id", ["-u", "postgres"])), gid: Number(execFileSync("id", ["-g", "postgres"])) } : {};
  if ("uid" in ids) chownSync(folder, ids.uid!, ids.gid!);
  const data = join(folder, "data");
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "gradus", "-A", "trust", "--no-sync", "-E", "UTF8"], {
    ...ids,
    stdio: "ignore",
    cwd: folder,
  });
  const port = await freePort();
  const server = spawn(join(bin, "postgres"), ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder], {
    ...ids,
    stdio: "ignore",
    cwd: folder,
  });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const psql = (sql: string, name = "postgres") =>
    execFileSync(join(bin, "psql"), ["-h", "127.0.0.1", "-p", String(port), "-U", "gradus", "-qc", sql, name], {
      ...ids,
      stdio: "pipe",
      cwd: folder,
    });
  for (let attempt = 0; ; attempt++) {
    try {
      psql("select 1");
      break;
    } catch (error) {
      if (attempt > 100 || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    async database(name) {
      psql(`create database ${name}`);
      return `postgres://gradus@127.0.0.1:${port}/${name}`;
    },
    async stop() {
      server.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
