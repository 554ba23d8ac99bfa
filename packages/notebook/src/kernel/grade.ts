import { Kernel } from "./kernel.ts";
import { modules } from "./modules.ts";
import { neededCells } from "./needs.ts";
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
  const contents = new Map(Object.entries(files).map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  const code = checks.map((c) => c.code);
  const order = at < 0 ? [] : [...neededCells(cells, at, code), exercise];
  let failure: string | null = at < 0 ? `There is no cell ${exercise}.` : null;
  let earlier = "";
  const kernel = new Kernel({
    modules,
    tell: (reply) => {
      if (reply.type !== "done" || !reply.error) return;
      const told = `${reply.error.name}: ${reply.error.message}`;
      if (reply.cell === exercise) failure = told + earlier;
      else earlier ||= ` (Before it, the cell ${reply.cell} failed: ${told})`;
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
  const sources = new Map(cells.map(({ id, source }) => [id, source]));
  for (const id of order) await kernel.run(id, sources.get(id)!, {});
  if (failure !== null) return checks.map(({ name, points }) => ({ name, points, passed: false, message: failure! }));
  return kernel.check(exercise, checks);
}
