import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Protection, protection } from "./protection.ts";

export interface JailOptions {
  /** The file of a module of ours: default export `(input, seal) => result`; it calls `seal()` before it runs untrusted code. */
  readonly entry: string;
  /** Plain data. */
  readonly input: unknown;
  readonly milliseconds: number;
  readonly megabytes: number;
}

export type JailResult =
  | { readonly ok: true; readonly value: unknown; readonly milliseconds: number }
  | {
      readonly ok: false;
      readonly reason: "time" | "memory" | "crash" | "output";
      readonly message: string;
      readonly milliseconds: number;
    };

/** Bytes of a result. */
const mostOutput = 1_000_000;

/** By its name: this file may be part of a bundle elsewhere. */
const child = realpathSync(createRequire(import.meta.url).resolve("@gradus/jail/child"));

/** The folder that holds packages and node_modules: all that the child may read. */
function programFolder(): string {
  for (let folder = dirname(child); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package-lock.json")) || folder === dirname(folder)) return folder;
  }
}

/** Runs a module on untrusted input in a process of its own. Never throws for what happens inside. */
export async function runInJail({ entry, input, milliseconds, megabytes }: JailOptions): Promise<JailResult> {
  const [command, args] = commandLine(await protection(), megabytes, milliseconds);
  const nonce = randomBytes(24).toString("hex");
  const begin = performance.now();
  return new Promise((resolve) => {
    const running = spawn(command, args, { stdio: ["pipe", "ignore", "pipe", "pipe"], detached: true, env: {}, cwd: "/" });
    let result = "";
    let complaint = "";
    let late = false;
    let large = false;
    let flooded = false;
    const kill = () => {
      try {
        process.kill(-running.pid!, "SIGKILL");
      } catch {
        // It has ended already.
      }
    };
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, milliseconds);
    // The engine's limit is on objects only; arrays of numbers and WebAssembly's memory lie beside them.
    const watch = setInterval(() => {
      if (residentMegabytes(running.pid!) <= megabytes + programMegabytes) return;
      large = true;
      kill();
    }, 100);
    running.stdio[3]!.on("data", (data: Buffer) => {
      result += data.toString("utf8");
      if (result.length > mostOutput) {
        flooded = true;
        kill();
      }
    });
    running.stderr!.on("data", (data: Buffer) => {
      if (complaint.length < 4000) complaint += data.toString("utf8");
    });
    const fail = (reason: "time" | "memory" | "crash" | "output", message: string) =>
      resolve({ ok: false, reason, message, milliseconds: performance.now() - begin });
    running.on("error", (error) => {
      clearTimeout(timer);
      clearInterval(watch);
      fail("crash", `The sandbox does not start: ${error.message}`);
    });
    running.on("close", (code, signal) => {
      clearTimeout(timer);
      clearInterval(watch);
      kill(); // nothing of its group stays behind
      if (late) return fail("time", `The code ran longer than ${milliseconds / 1000} seconds and was stopped.`);
      if (flooded) return fail("output", "The code gave back more than can be read.");
      const end = result.indexOf("\n");
      if (code === 0 && result.startsWith(nonce) && end > 0)
        try {
          return resolve({ ok: true, value: JSON.parse(result.slice(nonce.length, end)), milliseconds: performance.now() - begin });
        } catch {
          return fail("crash", "The result cannot be read.");
        }
      if (
        large ||
        /heap out of memory|Array buffer allocation failed|ERR_WORKER_OUT_OF_MEMORY/i.test(complaint) ||
        signal === "SIGABRT" ||
        code === 134
      )
        return fail("memory", `The code used more than ${megabytes} MB of memory.`);
      return fail(
        "crash",
        complaint
          .split("\n")
          .find((line) => /Error/.test(line))
          ?.replace(/^Error: /, "")
          .slice(0, 300) ?? "The code ended its process before it was graded.",
      );
    });
    running.stdin!.on("error", () => {});
    running.stdin!.end(JSON.stringify({ entry, input, nonce }));
  });
}

/** Memory of the program itself, which is not counted. */
const programMegabytes = 150;

/** Resident memory of a process and all below it; 0 where the system does not tell. */
function residentMegabytes(pid: number): number {
  try {
    const pages = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return pages / 1024 + children.reduce((sum, child) => sum + residentMegabytes(Number(child)), 0);
  } catch {
    return 0;
  }
}

function commandLine({ bubblewrap, namespaces, limits }: Protection, megabytes: number, milliseconds: number): [string, string[]] {
  const folder = realpathSync(programFolder());
  const node = realpathSync(process.execPath);
  const inner = [
    node,
    "--permission",
    `--allow-fs-read=${folder}/*`,
    `--max-old-space-size=${megabytes}`,
    "--no-warnings",
    "--disable-proto=delete",
    child,
  ];
  const limited = limits ? ["prlimit", `--cpu=${Math.ceil(milliseconds / 1000) * 2 + 2}`, "--fsize=0", "--core=0", ...inner] : inner;
  if (bubblewrap) {
    const systems = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"].filter((p) => existsSync(p));
    const [first, ...rest] = [
      "bwrap",
      ...["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"],
      ...systems.flatMap((p) => ["--ro-bind", p, p]),
      ...(node.startsWith(folder) ? [] : ["--ro-bind", node, node]),
      ...["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"],
      ...["packages", "node_modules", "course", "package.json", "package-lock.json"]
        .filter((p) => existsSync(join(folder, p)))
        .flatMap((p) => ["--ro-bind", join(folder, p), join(folder, p)]),
      ...limited,
    ];
    return [first!, rest];
  }
  if (namespaces) return ["unshare", ["--user", "--map-root-user", "--net", ...limited]];
  return [limited[0]!, limited.slice(1)];
}
