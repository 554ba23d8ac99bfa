// Runs every lesson once and keeps what its cells show, so that pages are worth reading before anything runs.
// For authors: `node site/scripts/outputs.ts 07 [--show]` runs one lesson, and prints what its cells and checks say.
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { cellsOf, exercisesOf, type Lesson } from "@gradus/course";
import { filesOf, lessonFile, loadCourse } from "@gradus/course/node";
import { init } from "@gradus/tensor";
import { fingerprintOfEngine, type Recording, record, writeWhole } from "./record.ts";

const out = fileURLToPath(new URL("../src/lib/generated/outputs/", import.meta.url));

type Result = Pick<Recording, "cells" | "errors">;

async function runLesson(lesson: Lesson, show: boolean): Promise<Result> {
  const say = (line: string) => show && console.log(line);
  const { kernel, cells, errors } = record(lesson.slug, async (name) => {
    const bytes = await lessonFile(lesson, name);
    if (!bytes) throw new Error(`The lesson has no file ${JSON.stringify(name)}.`);
    return bytes;
  });
  const exercises = new Map(exercisesOf(lesson).map((e) => [e.id, e]));
  for (const { id, source } of cellsOf(lesson)) {
    const begin = performance.now();
    await kernel.run(id, source, {});
    say(`\n── ${id}, ${(performance.now() - begin).toFixed(0)} ms`);
    for (const { content } of cells[id] ?? []) say("text" in content ? content.text : `(${content.kind})`);
    const exercise = exercises.get(id);
    if (!exercise) continue;
    // Solutions must pass, starters must not.
    const before = await kernel.check(id, exercise.checks);
    if (before.every((r) => r.passed)) errors.push(`${lesson.slug}, exercise ${id}: the starter code passes all checks already`);
    const kept = cells[id] ?? [];
    cells[id] = [];
    const beginOfSolution = performance.now();
    await kernel.run(id, exercise.solution, {});
    say(`── ${id}, solution, ${(performance.now() - beginOfSolution).toFixed(0)} ms`);
    for (const { content } of cells[id] ?? []) say("text" in content ? content.text : `(${content.kind})`);
    for (const r of await kernel.check(id, exercise.checks))
      if (!r.passed) errors.push(`${lesson.slug}, exercise ${id}: the solution fails “${r.name}”: ${r.message ?? ""} ${r.given ?? ""}`);
    cells[id] = kept;
  }
  for (const r of await kernel.check(cellsOf(lesson).at(-1)!.id, lesson.stated))
    if (!r.passed) errors.push(`${lesson.slug}: “${r.name}” does not hold: ${r.message ?? ""} ${r.given ?? ""}`);
  return { cells, errors };
}

/** Runs a lesson in a thread of its own, unless what is known of it still holds. */
async function keepOutputs(lesson: Lesson, show: string | undefined): Promise<readonly string[]> {
  const file = `${out}${lesson.slug}.json`;
  const files = Object.values(await filesOf(lesson));
  const key = fingerprintOfEngine(lesson.version, JSON.stringify([cellsOf(lesson), lesson.stated]), ...files);
  const known = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as { key?: string };
  if (known.key === key && !show) return [];
  const begin = performance.now();
  const worker = new Worker(new URL(import.meta.url), { workerData: { slug: lesson.slug, show } });
  const { cells, errors } = await new Promise<Result>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error(`${lesson.slug} ended its thread`)));
  });
  await worker.terminate();
  if (!errors.length) await writeWhole(file, JSON.stringify({ key, version: lesson.version, cells }));
  console.log(`${lesson.slug}: ${Object.keys(cells).length} cells in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return errors;
}

if (isMainThread) {
  const [wanted = "", show] = process.argv.slice(2);
  const lessons = (await loadCourse(process.env["GRADUS_COURSE"])).filter(({ slug }) => slug.startsWith(wanted));
  const failures: (readonly string[])[] = lessons.map(() => []);
  // A lesson a core: small networks keep one core busy, not several. The last lessons take longest, and begin first.
  const waiting = lessons.map((lesson, i) => ({ lesson, i }));
  const runNext = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) failures[next.i] = await keepOutputs(next.lesson, show);
  };
  await Promise.all(Array.from({ length: show ? 1 : Math.min(4, availableParallelism()) }, runNext));
  for (const failure of failures.flat()) console.error(failure);
  process.exit(failures.some((f) => f.length) ? 1 : 0);
} else {
  await init({ device: "wasm", threads: 1 });
  const { slug, show } = workerData as { slug: string; show?: string };
  const lesson = (await loadCourse(process.env["GRADUS_COURSE"])).find((l) => l.slug === slug)!;
  parentPort!.postMessage(await runLesson(lesson, show !== undefined));
}
