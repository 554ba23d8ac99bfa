import { readdirSync, readFileSync } from "node:fs";
import { cellsOf, exercisesOf } from "@gradus/course";
import { loadCourse } from "@gradus/course/node";
import { beforeAll, expect, test } from "vitest";
import { createLanguage, type Language } from "../src/lib/editor/language.ts";
import type { ReferencePage } from "../src/lib/reference.ts";

let files: Record<string, string>;
let language: Language;

beforeAll(() => {
  const { file } = JSON.parse(readFileSync(new URL("../src/lib/generated/types.json", import.meta.url), "utf8")) as { file: string };
  files = JSON.parse(readFileSync(new URL(`../static/generated/${file}`, import.meta.url), "utf8")) as Record<string, string>;
  language = createLanguage(files);
});

/** Cells named a, b, c ...; "|" marks a place in the last one. */
function notebook(...sources: string[]): { cell: string; at: number } {
  const at = sources.at(-1)!.indexOf("|");
  language.update(sources.map((source, i) => ({ id: String.fromCharCode(97 + i), source: source.replace("|", "") })));
  return { cell: String.fromCharCode(96 + sources.length), at };
}
const mistakes = (...sources: string[]) => {
  const { cell } = notebook(...sources);
  return language.mistakes(cell).map((m) => m.message);
};

const first = 'import { array } from "@gradus/tensor";\nconst A = array([[1, 2], [3, 4]]);';

test("members of a variable of an earlier cell are offered, with type and docstring", () => {
  const { cell, at } = notebook(first, "A.cum|");
  const found = language.complete(cell, at);
  expect(found.map((c) => c.label)).toContain("cumsum");
  const told = language.explain(cell, at, found.find((c) => c.label === "cumsum")!);
  expect(told?.signature).toMatch(/cumsum.*Tensor/);
});

test("names that are not imported yet are offered with the line that imports them", () => {
  const { cell, at } = notebook("const x = 1;\nsoftm|");
  const found = language.complete(cell, at).find((c) => c.label === "softmax")!;
  expect(found.import).toBe('import { softmax } from "@gradus/tensor";');
  expect(language.explain(cell, at, found)?.doc).toMatch(/without overflow/);
});

test("hovering tells a type and a docstring, in the cell's own places", () => {
  const { cell, at } = notebook(first, 'import { softmax } from "@gradus/tensor";\nconst p = soft|max(A);');
  expect(language.hover(cell, at)).toMatchObject({ from: at - 4, to: at + 3, doc: expect.stringMatching(/without overflow/) });
  const later = notebook(first, "const twice = A.mul(2);\ntwi|ce");
  expect(language.hover(later.cell, later.at)?.signature).toMatch(/twice: Tensor/);
});

test("a call shows its signature with the parameter that is being typed", () => {
  const { cell, at } = notebook('import { linspace } from "@gradus/tensor";\nlinspace(0, |');
  const hint = language.signature(cell, at)!;
  expect(hint.signature).toMatch(/^linspace\(start/);
  expect(hint.signature.slice(...hint.active!)).toMatch(/^stop/);
});

test("wrong types are found where they stand, also of variables from above", () => {
  const { cell } = notebook(first, "const n = 1;\nA.matmul();");
  const [wrong] = language.mistakes(cell);
  expect(wrong?.message).toMatch(/Expected 1 arguments/);
  expect(wrong?.from).toBe("const n = 1;\nA.".length);
  expect(mistakes("nothing + 1")).toEqual([expect.stringMatching(/Cannot find name 'nothing'/)]);
  expect(mistakes("const = 3")).not.toEqual([]);
});

test("what a notebook allows is no mistake: declaring again, assigning from below, await, functions without types", () => {
  expect(mistakes("let n = 1;", "n = 2;", "const n = 'text';\nn.toUpperCase()")).toEqual([]);
  expect(mistakes("let n = 1;", "n += 2;\nn")).toEqual([]);
  expect(mistakes(first, "const values = await A.data();\nconst f = (x) => x + 1;\nf(2)")).toEqual([]);
  expect(mistakes('import { Dense } from "@gradus/nn";', "new Dense(3)")).toEqual([]);
  expect(mistakes("interface P { x: number }", "const p: P = { x: 1 };\np.x")).toEqual([]);
});

test("a cell that goes away takes its names with it", () => {
  language.update([
    { id: "a", source: "const gone = 1;" },
    { id: "b", source: "gone + 1" },
  ]);
  expect(language.mistakes("b")).toEqual([]);
  language.update([{ id: "b", source: "gone + 1" }]);
  expect(language.mistakes("b")).toHaveLength(1);
});

test("no cell of the course has a false mistake, and no solution", async () => {
  const wrong: string[] = [];
  for (const lesson of await loadCourse()) {
    const exercises = new Map(exercisesOf(lesson).map((e) => [e.id, e]));
    for (const kind of ["starter", "solution"] as const) {
      const cells = cellsOf(lesson).map(({ id, source }) => ({
        id,
        source: kind === "solution" ? (exercises.get(id)?.solution ?? source) : source,
      }));
      language.update(cells);
      for (const { id, source } of cells)
        for (const m of language.mistakes(id))
          wrong.push(`${lesson.slug}, ${id} (${kind}), line ${source.slice(0, m.from).split("\n").length}: ${m.message}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the reference's examples have none either", () => {
  const folder = new URL("../src/lib/generated/reference/", import.meta.url);
  const found: string[] = [];
  for (const name of readdirSync(folder).filter((f) => f !== "index.json" && f !== "fingerprint.json")) {
    const { entries } = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as ReferencePage<{ id: string; source: string }>;
    for (const { id, source } of entries.flatMap((e) => e.examples)) {
      language.update([{ id, source }]);
      found.push(...language.mistakes(id).map((m) => `${name}, ${id}: ${m.message}`));
    }
  }
  expect(found).toEqual([]);
});
