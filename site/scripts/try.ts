import { cellsOf, exercisesOf } from "@gradus/course";
import { lessonFile, loadCourse } from "@gradus/course/node";
import { record } from "./record.ts";
const [slug, only] = process.argv.slice(2);
const lesson = (await loadCourse()).find((l) => l.slug.startsWith(slug!))!;
const { kernel, cells, errors } = record(lesson.slug, async (name) => (await lessonFile(lesson, name))!);
const ex = new Map(exercisesOf(lesson).map((e) => [e.id, e]));
for (const { id, source } of cellsOf(lesson)) {
  const t0 = performance.now();
  await kernel.run(id, source, {});
  const t1 = performance.now();
  let note = "";
  const e = ex.get(id);
  if (e) {
    const before = await kernel.check(id, e.checks);
    if (before.every((r) => r.passed)) note += " STARTER PASSES";
    cells[id] = [];
    await kernel.run(id, e.solution, {});
    for (const r of await kernel.check(id, e.checks)) note += ` [${r.passed ? "ok" : `FAIL ${r.name} ${r.message} ${r.given ?? ""}`}]`;
    note += ` solution ${(performance.now() - t1).toFixed(0)} ms`;
  }
  console.log(`## ${id} ${(t1 - t0).toFixed(0)} ms${note}`);
  if (only && !id.startsWith(only)) continue;
  for (const o of cells[id] ?? []) {
    const c = o.content as { kind: string; text?: string };
    console.log(`  [${c.kind}] ${(c.text ?? JSON.stringify(c)).slice(0, c.kind === "plot" ? 100 : 500).replace(/\n/g, "\n  ")}`);
  }
}
for (const r of await kernel.check(cellsOf(lesson).at(-1)!.id, lesson.stated)) console.log("STATED", r.passed, r.name, r.passed ? "" : `${r.message} ${r.given ?? ""}`);
for (const e of errors) console.log("ERROR", e);
process.exit(0);
