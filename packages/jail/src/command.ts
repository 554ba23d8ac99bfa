import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** Which walls a process is put behind, the operating system's first. */
export interface Walls {
  readonly sandbox: "bwrap" | "namespaces" | null;
  /** Node.js's permission model. */
  readonly permission: boolean;
  readonly limits: "prlimit" | "ulimit" | null;
}

/** Variants that differ between versions and machines, the strictest first. */
export const variants = {
  bwrap: [["--disable-userns", "--proc", "/proc"], ["--proc", "/proc"], []],
  namespaces: [["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"], ["--pid", "--fork", "--kill-child"], []],
} as const;

/** What probing found: programs by their full paths, and the variant of each sandbox that works here. */
export interface Tools {
  readonly bwrap: { readonly path: string; readonly variant: readonly string[] } | null;
  readonly unshare: { readonly path: string; readonly variant: readonly string[] } | null;
  readonly prlimit: string | null;
  /** A POSIX shell whose ulimit knows what is needed. */
  readonly shell: string | null;
  readonly setpriv: string | null;
}

export interface Limits {
  /** Processor time, of all threads together. */
  readonly seconds: number;
  readonly megabytes: number;
}

/** Address space that Node.js takes for itself and that counts as data: code, stacks, the program. */
const ownMegabytes = 1200;

/** The full path of a program, or null. */
export function find(program: string): string | null {
  for (const folder of (process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter)) {
    const path = join(folder, program);
    try {
      if (!isAbsolute(path)) continue;
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** This machine's Node.js, without links. */
export const node = (): string => realpathSync(process.execPath);

/** A program inside the walls; `readable` are the only files and folders of ours that it can see. */
export function behindWalls(walls: Walls, tools: Tools, limits: Limits, readable: readonly string[], inner: readonly string[]): string[] {
  const limited = [...limiting(walls, tools, limits), ...inner];
  const { bwrap, unshare, setpriv } = tools;
  // A parent that is killed takes the process along. bubblewrap sees to that by itself.
  const dying = setpriv ? [setpriv, "--pdeathsig", "KILL"] : [];
  if (walls.sandbox === "bwrap" && bwrap) {
    const systems = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache"].filter((p) => existsSync(p));
    const programs = [node(), ...limiting(walls, tools, limits).slice(0, 1)];
    return [
      ...[bwrap.path, "--unshare-user", "--unshare-all", "--uid", "65534", "--gid", "65534", "--hostname", "jail"],
      ...["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"],
      ...["--tmpfs", "/tmp", "--dev", "/dev", ...bwrap.variant],
      ...[...systems, ...programs, ...readable].flatMap((p) => ["--ro-bind", p, p]),
      ...["--chdir", "/"],
      ...["--", ...limited],
    ];
  }
  if (walls.sandbox === "namespaces" && unshare) {
    const powerless = setpriv ? [setpriv, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"] : [];
    const separate = ["--user", "--map-root-user", "--net", "--ipc", "--uts", ...unshare.variant];
    return [...dying, unshare.path, ...separate, ...powerless, ...limited];
  }
  return [...dying, ...(setpriv ? ["--no-new-privs"] : []), ...limited];
}

function limiting({ limits, sandbox }: Walls, { prlimit, shell }: Tools, { seconds, megabytes }: Limits): string[] {
  const cpu = Math.ceil(seconds);
  const data = ownMegabytes + Math.ceil(megabytes * 1.25);
  // Processes are counted for each user: outside a namespace, the server's own would count too.
  if (limits === "prlimit" && prlimit)
    return [
      ...[prlimit, `--cpu=${cpu}`, `--data=${data * 2 ** 20}`, "--fsize=0", "--core=0", "--nofile=64", "--msgqueue=0"],
      ...(sandbox ? ["--nproc=64"] : []),
    ];
  if (limits === "ulimit" && shell)
    return [shell, "-c", `ulimit -t ${cpu} && ulimit -d ${data * 1024} && ulimit -f 0 && ulimit -c 0 && ulimit -n 64 && exec "$@"`, "jail"];
  return [];
}

/** Node.js with its options, running a module of ours. */
export function nodeCommand(program: string, { permission }: Walls, { megabytes }: Limits, readable: readonly string[]): string[] {
  return [
    ...[node(), `--max-old-space-size=${Math.ceil(megabytes)}`, "--disable-sigusr1", "--no-addons", "--no-global-search-paths"],
    ...["--no-warnings", "--no-experimental-sqlite"],
    ...(permission ? ["--permission", ...readable.flatMap((p) => [`--allow-fs-read=${p}`, `--allow-fs-read=${p}/*`])] : []),
    program,
  ];
}

/** The child's program, by its name: this file may be part of a bundle elsewhere. */
export const childProgram = (): string => realpathSync(createRequire(import.meta.url).resolve("@gradus/jail/child"));

/** What a job reads: the workspace's packages and modules, the entry's folder and what the caller adds. */
export function readableFor(entry: string, files: readonly string[]): string[] {
  const roots = new Set([workspaceOf(entry), workspaceOf(childProgram())]);
  const own = [...roots].flatMap((root) => ["packages", "node_modules", "package.json"].map((name) => join(root, name)));
  const all = [...own.filter((p) => existsSync(p)), dirname(entry), dirname(childProgram()), ...files.map((p) => realpathSync(p))];
  return all.filter((p, i) => all.findIndex((other) => other === p || p.startsWith(`${other}/`)) === i);
}

/** The folder with node_modules that a file belongs to, the outermost within its workspace. */
function workspaceOf(file: string): string {
  let found: string | null = null;
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    // An installed package: its program is the folder around node_modules.
    if (existsSync(join(folder, "node_modules"))) found = folder;
    if (found && existsSync(join(folder, "package-lock.json"))) break;
  }
  if (!found) throw new Error(`runInJail: no folder above ${file} has node_modules. Run npm install first.`);
  return found;
}
