import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What keeps untrusted code in, from the outside in; `inner` is always there. */
export interface Protection {
  /** bubblewrap: own namespaces, no network, a read-only file system without the site's data, no other processes to see. */
  readonly bubblewrap: boolean;
  /** unshare: own network and user namespace, where bubblewrap is missing. */
  readonly namespaces: boolean;
  /** ulimit/prlimit: processor time, file size, processes. */
  readonly limits: boolean;
  /** For administrators. */
  readonly words: string;
}

const run = promisify(execFile);
const works = (command: string, args: readonly string[]): Promise<boolean> =>
  run(command, [...args], { timeout: 5000 }).then(
    () => true,
    () => false,
  );

let found: Promise<Protection> | null = null;

/** Which protections this machine has: each is tried, once. */
export function protection(): Promise<Protection> {
  found ??= (async () => {
    const wanted = process.env["GRADUS_JAIL"] ?? "best";
    if (!["best", "bubblewrap", "namespaces", "process"].includes(wanted))
      throw new Error(`GRADUS_JAIL should be best, bubblewrap, namespaces or process. Received: ${wanted}`);
    const [bwrap, unshare, prlimit] = await Promise.all([
      works("bwrap", ["--ro-bind", "/", "/", "--unshare-all", "--dev", "/dev", "--proc", "/proc", "true"]),
      works("unshare", ["--user", "--map-root-user", "--net", "true"]),
      works("prlimit", ["--cpu=10", "true"]),
    ]);
    if ((wanted === "bubblewrap" && !bwrap) || (wanted === "namespaces" && !unshare))
      throw new Error(`GRADUS_JAIL asks for ${wanted}, which does not work on this machine.`);
    const bubblewrap = bwrap && (wanted === "best" || wanted === "bubblewrap");
    const namespaces = !bubblewrap && unshare && (wanted === "best" || wanted === "namespaces");
    return { bubblewrap, namespaces, limits: prlimit, words: words({ bubblewrap, namespaces, limits: prlimit }) };
  })();
  return found;
}

function words({ bubblewrap, namespaces, limits }: Omit<Protection, "words">): string {
  const inner =
    "Node.js with its permission model (no files but the program's own, no processes, no threads) and without the network modules";
  const outer = bubblewrap
    ? "bubblewrap (own namespaces without a network, a read-only file system without the site's data)"
    : namespaces
      ? "a network namespace of its own (unshare)"
      : "no sandbox of the operating system: install bubblewrap before you grade code of people you do not know";
  return `Submissions run in ${inner}, inside ${outer}${limits ? ", with limits on processor time and files (prlimit)" : ""}.`;
}
