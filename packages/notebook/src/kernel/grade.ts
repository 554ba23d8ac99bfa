import { Kernel } from "./kernel.ts";
import { modules } from "./modules.ts";
import { prepare } from "./prepare.ts";
import type { CheckResult, CheckSource } from "./protocol.ts";

export interface GradingInput {
  /** The lesson's cells in their order, with the learner's code where it was changed. */
  readonly cells: readonly { readonly id: string; readonly source: string }[];
  readonly exercise: string;
  readonly checks: readonly CheckSource[];
  /** Files of the lesson, in base64. */
  readonly files: Readonly<Record<string, string>>;
}

/** Runs an exercise and what it needs, then its checks; for use inside a jail. */
export default async function grade(
  { cells, exercise, checks, files }: GradingInput,
  seal: (options?: { readonly harden?: readonly object[] }) => void,
): Promise<CheckResult[]> {
  const at = cells.findIndex((c) => c.id === exercise);
  const before = cells.slice(0, at + 1);
  const contents = new Map(Object.entries(files).map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  let failure: string | null = null;
  const kernel = new Kernel({
    modules,
    tell: (reply) => {
      if (reply.type === "done" && reply.error && reply.cell === exercise) failure = `${reply.error.name}: ${reply.error.message}`;
    },
    readFile: async (name) => {
      const bytes = contents.get(name);
      if (!bytes) throw new Error(`The lesson has no file ${JSON.stringify(name)}.`);
      return bytes;
    },
  });
  // Code for the engine's first kernels is loaded before the doors close.
  await kernel.run("warm-up", 'import { ones } from "@gradus/tensor"; await ones([4]).sum().item();', {});
  seal({ harden: Object.values(modules) });
  const wanted = needed(before);
  for (const { id, source } of before) if (wanted.has(id)) await kernel.run(id, source, {});
  if (failure !== null) return checks.map(({ name, points }) => ({ name, points, passed: false, message: failure! }));
  return kernel.check(exercise, checks);
}

/** The last cell and those whose variables it takes, directly or not. */
function needed(cells: readonly { readonly id: string; readonly source: string }[]): Set<string> {
  const parts = cells.map(({ id, source }): { id: string; defines: readonly string[]; uses: readonly string[] } => {
    try {
      return { id, ...prepare(source) };
    } catch {
      return { id, defines: [], uses: [] };
    }
  });
  const wanted = new Set<string>();
  const visit = (i: number) => {
    const part = parts[i]!;
    if (wanted.has(part.id)) return;
    wanted.add(part.id);
    for (const name of part.uses)
      for (let k = i - 1; k >= 0; k--)
        if (parts[k]!.defines.includes(name)) {
          visit(k);
          break;
        }
  };
  visit(parts.length - 1);
  return wanted;
}
