import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** How long tests wait for what a page should do: machines that run tests may be slow, and what never comes fails all the same. */
export const patience = 120_000;

const program = fileURLToPath(new URL("../server.ts", import.meta.url));

export interface Site {
  readonly url: string;
  /** What it has printed. */
  readonly log: () => string;
  readonly folder: string;
  readonly child: ChildProcess;
  /** The token for making the administrator's account. */
  readonly token: string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface SiteOptions {
  /** An earlier site's data; a new folder otherwise. */
  readonly folder?: string;
  readonly env?: Record<string, string>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Puts a new site's data into an empty folder. */
export function newData(folder: string): string {
  const template = process.env["GRADUS_TEST_TEMPLATE"];
  if (template) cpSync(template, folder, { recursive: true });
  return folder;
}

let newDatabase: (() => Promise<string>) | null = null;

/** From now on sites of this file have a database of a server, a new one each, whose address `make` gives. */
export function useDatabases(make: () => Promise<string>): void {
  newDatabase = make;
}

/** Starts the built site as a process of its own, with data of its own. */
export async function startSite({ folder, env = {} }: SiteOptions = {}): Promise<Site> {
  const data = folder ?? newData(mkdtempSync(join(tmpdir(), "gradus-site-")));
  const port = await freePort();
  const child = spawn(process.execPath, [program], {
    env: {
      ...process.env,
      PORT: String(port),
      HOST: "127.0.0.1",
      GRADUS_DATA: data,
      GRADUS_LOG: "none",
      DATABASE_URL: env["DATABASE_URL"] ?? (await newDatabase?.()) ?? "",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (d: Buffer) => {
    text += d;
  });
  child.stderr.on("data", (d: Buffer) => {
    text += d;
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  // On a machine that many share, the embedded database may take long to be made.
  for (const deadline = Date.now() + 240_000; ; ) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`The site did not start:\n${text}`);
    }
    const answers = await fetch(`${url}/api/health`).then(
      (r) => r.ok,
      () => false,
    );
    if (answers) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    folder: data,
    child,
    log: () => text,
    get token() {
      return /token=(\w+)/.exec(text)?.[1] ?? "";
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
      if (!folder) rmSync(data, { recursive: true, force: true });
    },
  };
}
