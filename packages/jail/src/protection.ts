import { execFile } from "node:child_process";
import { behindWalls, find, node, type Tools, variants, type Walls } from "./command.ts";

/** The outermost wall: bubblewrap, Linux namespaces by unshare, or Node.js's permission model alone. */
export type Layer = "bwrap" | "namespaces" | "permission";

export interface ProtectionPart {
  readonly name: string;
  readonly active: boolean;
  /** What it does here, or why it is missing. */
  readonly words: string;
}

/** What keeps untrusted code in on this machine. */
export interface Protection {
  readonly layer: Layer;
  /** The layers that work here, the strongest first. */
  readonly available: readonly Layer[];
  readonly limits: "prlimit" | "ulimit" | null;
  readonly parts: readonly ProtectionPart[];
  /** All of it in a few sentences, for administrators. */
  readonly words: string;
}

interface Machine {
  readonly tools: Tools;
  readonly limits: Walls["limits"];
  readonly available: readonly Layer[];
}

let machine: Promise<Machine> | null = null;

/** What works on this machine: every tool is tried by running it, once. */
export const probe = (): Promise<Machine> => (machine ??= lookAround());

async function lookAround(): Promise<Machine> {
  const few = { seconds: 10, megabytes: 256 };
  let tools: Tools = { bwrap: null, unshare: null, prlimit: null, shell: null, setpriv: null };
  const attempt = (walls: Walls, tried: Tools) =>
    says("up", behindWalls(walls, tried, few, [], [node(), "-e", "process.stdout.write('up')"]));
  const open: Walls = { sandbox: null, permission: false, limits: null };

  if (process.platform === "linux") {
    const setpriv = find("setpriv");
    if (setpriv && (await attempt(open, { ...tools, setpriv }))) tools = { ...tools, setpriv };
  }
  let limits: Walls["limits"] = null;
  const prlimit = find("prlimit");
  const shell = find("sh");
  if (prlimit && (await attempt({ ...open, limits: "prlimit" }, { ...tools, prlimit })))
    [limits, tools] = ["prlimit", { ...tools, prlimit }];
  else if (shell && (await attempt({ ...open, limits: "ulimit" }, { ...tools, shell }))) [limits, tools] = ["ulimit", { ...tools, shell }];

  const available: Layer[] = ["permission"];
  for (const [sandbox, program] of [["namespaces", "unshare"] as const, ["bwrap", "bwrap"] as const]) {
    const path = process.platform === "linux" ? find(program) : null;
    if (!path) continue;
    for (const variant of variants[sandbox]) {
      const tried: Tools = { ...tools, [program]: { path, variant } };
      if (!(await attempt({ sandbox, permission: false, limits }, tried))) continue;
      tools = tried;
      available.unshift(sandbox);
      break;
    }
  }
  return { tools, limits, available };
}

/** Whether a command ends well within seconds and prints just this. */
const says = (text: string, [command, ...args]: readonly string[]): Promise<boolean> =>
  new Promise((resolve) => {
    execFile(command!, args, { timeout: 10_000, killSignal: "SIGKILL", env: {}, cwd: "/" }, (error, out) =>
      resolve(!error && out === text),
    );
  });

/** What GRADUS_JAIL may say. */
const choices: Readonly<Record<string, Layer | "best" | "none-refuse">> = {
  best: "best",
  bubblewrap: "bwrap",
  bwrap: "bwrap",
  namespaces: "namespaces",
  permission: "permission",
  "none-refuse": "none-refuse",
};

/**
 * The protection that jobs get here: the best that works, or the one that GRADUS_JAIL asks for (bubblewrap, namespaces, permission;
 * none-refuse: the best sandbox of the operating system). Rejects when that one does not work.
 */
export async function protection(): Promise<Protection> {
  const asked = process.env["GRADUS_JAIL"] || "best";
  const wanted = Object.hasOwn(choices, asked) ? choices[asked]! : null;
  if (!wanted)
    throw new Error(
      `GRADUS_JAIL is ${JSON.stringify(asked)}. It should be best, bubblewrap, namespaces, permission or none-refuse; best is the default.`,
    );
  const { tools, limits, available } = await probe();
  const layer = wanted === "best" || wanted === "none-refuse" ? available[0]! : wanted;
  if (!available.includes(layer)) throw new Error(`GRADUS_JAIL asks for ${asked}, which does not work on this machine. ${remedies[layer]}`);
  if (wanted === "none-refuse" && layer === "permission")
    throw new Error(
      `GRADUS_JAIL is none-refuse, and no sandbox of the operating system works on this machine, so nothing is run. ${remedies.bwrap}`,
    );
  const parts = partsOf(layer, { tools, limits, available });
  const active = parts.filter((p) => p.active).map((p) => p.words);
  const missing = parts.filter((p) => !p.active && (p.name !== "namespaces" || layer === "permission")).map((p) => p.words);
  return { layer, available, limits, parts, words: [...active, ...missing].join(" ") };
}

const remedies: Record<Layer, string> = {
  bwrap: "Install the package bubblewrap, and let the kernel's and container's settings allow user namespaces.",
  namespaces: "Install util-linux (unshare), and let the kernel's and container's settings allow user namespaces.",
  permission: "",
};

function partsOf(layer: Layer, { tools, limits, available }: Machine): ProtectionPart[] {
  const own = tools.unshare?.variant.length ? "its own network and processes" : "its own network";
  return [
    {
      name: "bubblewrap",
      active: layer === "bwrap",
      words:
        layer === "bwrap"
          ? "Submissions run in bubblewrap: no network, no other processes, and no files but the program's own, read-only."
          : available.includes("bwrap")
            ? "bubblewrap works here, but GRADUS_JAIL asks for another layer."
            : tools.bwrap === null && find("bwrap")
              ? `bubblewrap is installed and does not work: ${remedies.bwrap.slice(remedies.bwrap.indexOf("let"))}`
              : `bubblewrap is not installed: ${remedies.bwrap}`,
    },
    {
      name: "namespaces",
      active: layer === "namespaces",
      words:
        layer === "namespaces"
          ? `Submissions run in namespaces made by unshare: ${own}, but the machine's files, which only Node.js's permission model hides.`
          : available.includes("namespaces")
            ? "Namespaces by unshare work here too and are not needed."
            : "Namespaces by unshare do not work here: nothing but the seal keeps code from the network.",
    },
    {
      name: "permission",
      active: true,
      words: "Node.js's permission model refuses other files, processes, threads and native code.",
    },
    {
      name: "limits",
      active: limits !== null,
      words: limits
        ? `Limits (${limits}) bound processor time, memory and open files and forbid written files; the server watches time and memory too.`
        : "There is no prlimit and no shell: only the server's own watch bounds time and memory. Install util-linux.",
    },
    {
      name: "seal",
      active: true,
      words: "The seal removes modules, network functions and the process from the language and freezes its objects.",
    },
  ];
}
