import { Kernel } from "./kernel.ts";
import { loadedModules } from "./modules.ts";
import { neededCells } from "./needs.ts";
import { type Cell, prepare } from "./prepare.ts";
import type { CheckResult, CheckSource } from "./protocol.ts";

/** A lesson to grade exercises of. */
export interface GradedLesson {
  /** The lesson's cells in their order, with the learner's code where it was changed. */
  readonly cells: readonly Cell[];
  /** Files of the lesson, in base64. */
  readonly files: Readonly<Record<string, string>>;
}

/** Checks to run once a cell, and what it needs, has run. */
export interface GradedExercise {
  readonly exercise: string;
  readonly checks: readonly CheckSource[];
}

type Seal = (options?: { readonly harden?: readonly object[] }) => void;

/** Runs an exercise and what it needs, then its checks; for use inside a jail. */
export default async function grade(input: GradedLesson & GradedExercise, seal: Seal): Promise<CheckResult[]> {
  const [results] = await gradeEach(input, [input], seal);
  return results!;
}

/** The same for several exercises, in the lesson's order. They share the cells they need; each sees only the names of its own. */
export async function gradeEach(
  { cells, files }: GradedLesson,
  exercises: readonly GradedExercise[],
  seal: Seal,
): Promise<CheckResult[][]> {
  const contents = new Map(Object.entries(files).map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  const failures = new Map<string, string>();
  const modules = await loadedModules([...cells.map((c) => c.source), ...exercises.flatMap((e) => e.checks.map((c) => c.code))].join("\n"));
  const kernel = new Kernel({
    modules,
    tell: (reply) => {
      if (reply.type === "done" && reply.error) failures.set(reply.cell, `${reply.error.name}: ${reply.error.message}`);
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
  const ran = new Set<string>();
  const graded: CheckResult[][] = [];
  for (const { exercise, checks } of exercises) {
    const at = cells.findIndex((c) => c.id === exercise);
    if (at < 0) throw new Error(`The lesson has no cell ${exercise}.`);
    const code = checks.map((c) => c.code);
    const needed = new Set([...neededCells(cells, at, code), exercise]);
    const show = hide(
      cells.filter(({ id }) => ran.has(id) && !needed.has(id)).flatMap(namesIn),
      cells.filter(({ id }) => needed.has(id)).flatMap(namesIn),
    );
    for (const { id, source } of cells.slice(0, at + 1)) {
      if (!needed.has(id) || ran.has(id)) continue;
      await kernel.run(id, source, {});
      ran.add(id);
    }
    const failure = failures.get(exercise);
    const earlier = [...failures].find(([id]) => needed.has(id) && id !== exercise);
    const message = `${failure}${earlier ? ` (Before it, the cell ${earlier[0]} failed: ${earlier[1]})` : ""}`;
    graded.push(
      failure === undefined
        ? await kernel.check(exercise, checks)
        : checks.map(({ name, points }) => ({ name, points, passed: false, message })),
    );
    show();
  }
  return graded;
}

/** Takes global names away, all but some, until the function it gives is called. */
function hide(names: readonly string[], but: readonly string[]): () => void {
  const kept = new Map<string, PropertyDescriptor>();
  for (const name of names) {
    const property = but.includes(name) ? undefined : Object.getOwnPropertyDescriptor(globalThis, name);
    if (property?.configurable && Reflect.deleteProperty(globalThis, name)) kept.set(name, property);
  }
  return () => {
    for (const [name, property] of kept) Object.defineProperty(globalThis, name, property);
  };
}

function namesIn({ source }: Cell): readonly string[] {
  try {
    return prepare(source).defines;
  } catch {
    return [];
  }
}
