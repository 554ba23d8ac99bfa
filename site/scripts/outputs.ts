// Runs every lesson once and keeps what its cells show, so that pages are worth reading before anything runs.
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { cellsOf, exercisesOf, type Lesson } from "@gradus/course";
import { lessonFile, loadCourse } from "@gradus/course/node";
import { Kernel, modules, type Reply } from "@gradus/notebook/kernel";
import type { Output } from "@gradus/notebook/output";

const out = fileURLToPath(new URL("../src/lib/generated/outputs/", import.meta.url));
const packages = fileURLToPath(new URL("../../packages/", import.meta.url));

/** Anything that may change what a cell shows. */
function fingerprint(lesson: Lesson): string {
  const hash = createHash("sha256")
    .update(lesson.version)
    .update(JSON.stringify(cellsOf(lesson)));
  for (const file of globSync("{tensor,nn,data,notebook}/src/**/*.ts", { cwd: packages }).sort())
    hash.update(readFileSync(packages + file));
  return hash.digest("hex");
}

interface Result {
  readonly cells: Record<string, Output[]>;
  readonly errors: string[];
}

/** Runs a lesson in this thread, whose global variables are the cells' own. */
async function runLesson(lesson: Lesson): Promise<Result> {
  const cells: Record<string, Output[]> = {};
  const errors: string[] = [];
  const tell = (reply: Reply): void => {
    if (reply.type === "output") {
      const list = (cells[reply.cell] ??= []);
      const at = list.findIndex((o) => o.id === reply.output.id);
      if (at < 0) list.push(reply.output);
      else list[at] = reply.output;
    }
    if (reply.type === "done" && reply.error)
      errors.push(`${lesson.slug}, cell ${reply.cell}, line ${reply.error.line ?? "?"}: ${reply.error.name}: ${reply.error.message}`);
  };
  const readFile = async (name: string) => {
    const bytes = await lessonFile(lesson, name);
    if (!bytes) throw new Error(`The lesson has no file ${JSON.stringify(name)}.`);
    return bytes;
  };
  const kernel = new Kernel({ modules, tell, readFile });
  const exercises = new Map(exercisesOf(lesson).map((e) => [e.id, e]));
  for (const { id, source } of cellsOf(lesson)) {
    await kernel.run(id, source, {});
    const exercise = exercises.get(id);
    if (!exercise) continue;
    // Solutions must pass, starters must not.
    const before = await kernel.check(id, exercise.checks);
    if (before.every((r) => r.passed)) errors.push(`${lesson.slug}, exercise ${id}: the starter code passes all checks already`);
    const kept = cells[id] ?? [];
    cells[id] = [];
    await kernel.run(id, exercise.solution, {});
    for (const r of await kernel.check(id, exercise.checks))
      if (!r.passed) errors.push(`${lesson.slug}, exercise ${id}: the solution fails “${r.name}”: ${r.message ?? ""} ${r.given ?? ""}`);
    cells[id] = kept;
  }
  return { cells, errors };
}

if (isMainThread) {
  await mkdir(out, { recursive: true });
  const failures: string[] = [];
  for (const lesson of await loadCourse(process.env["GRADUS_COURSE"])) {
    const file = `${out}${lesson.slug}.json`;
    const key = fingerprint(lesson);
    const known = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as { key?: string };
    if (known.key === key) continue;
    const begin = performance.now();
    const worker = new Worker(new URL(import.meta.url), { workerData: lesson.slug });
    const { cells, errors } = await new Promise<Result>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error(`${lesson.slug} ended its thread`)));
    });
    await worker.terminate();
    failures.push(...errors);
    if (!errors.length) {
      await writeFile(`${file}.tmp`, JSON.stringify({ key, version: lesson.version, cells }));
      await rename(`${file}.tmp`, file);
    }
    console.log(`${lesson.slug}: ${Object.keys(cells).length} cells in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  }
  for (const failure of failures) console.error(failure);
  process.exit(failures.length ? 1 : 0);
} else {
  const lesson = (await loadCourse(process.env["GRADUS_COURSE"])).find((l) => l.slug === workerData)!;
  parentPort!.postMessage(await runLesson(lesson));
}
