import { afterAll, beforeEach, expect, test } from "vitest";
import { Kernel, modules, type Reply } from "../src/kernel/index.ts";
import type { Content, InputValue } from "../src/output.ts";
import { setStage } from "../src/stage.ts";

const replies: Reply[] = [];
const stop = new Int32Array(new SharedArrayBuffer(4));
const kernel = new Kernel({
  modules,
  stop,
  tell: (reply) => void replies.push(reply),
  readFile: async (name) => new TextEncoder().encode(`contents of ${name}`),
});

beforeEach(() => {
  replies.length = 0;
  Atomics.store(stop, 0, 0);
});
afterAll(() => setStage(null));

async function run(source: string, { cell = "a", inputs = {} }: { cell?: string; inputs?: Record<string, InputValue> } = {}) {
  replies.length = 0;
  await kernel.run(cell, source, inputs);
  const done = replies.find((r) => r.type === "done")!;
  // What stands below the cell in the end: later outputs take the places of earlier ones.
  const places = new Map<string, Content>();
  for (const r of replies) if (r.type === "output") places.set(r.output.id, r.output.content);
  return { ...done, shown: [...places.values()], order: replies.map((r) => r.type) };
}

const textOf = (content: Content | undefined) => (content && "text" in content ? content.text : JSON.stringify(content));

test("the last expression of a cell is its value, a declaration shows nothing", async () => {
  expect(textOf((await run("1 + 2")).shown[0])).toBe("3");
  expect((await run("const three = 3;")).shown).toEqual([]);
  expect(textOf((await run("'words'")).shown[0])).toBe("words");
});

test("variables, functions, classes and imports live on in later cells, and see each other's changes", async () => {
  await run(`import { array, type Tensor } from "@gradus/tensor";
let count = 0;
const { a, ...rest } = { a: 1, b: 2, c: 3 };
function next(): number { return ++count + offset; }
class Box<T> { constructor(public value: T) {} }`);
  await run("let offset = 10", { cell: "b" });
  const { shown, error } = await run("next(); next(); [count, next(), rest.c, new Box(5).value, array([1]).dtype]", { cell: "c" });
  expect(error).toBe(null);
  expect(textOf(shown[0])).toBe("[ 2, 13, 3, 5, 'int32' ]");
});

test("arrays are shown as NumPy prints them, with their type", async () => {
  const { shown } = await run(`import { arange } from "@gradus/tensor"; arange(6).reshape([2, 3])`);
  expect(shown[0]).toEqual({ kind: "value", text: "[[0 1 2]\n [3 4 5]]", type: "int32 [2, 3]" });
});

test("top-level await, loops and console.log work; neighbouring lines share an output", async () => {
  const { shown } = await run("for (let i = 0; i < 3; i++) console.log('line', i);\nawait Promise.resolve(7)");
  expect(shown.map(textOf)).toEqual(["line 0\nline 1\nline 2", "7"]);
});

test("an error names its line in the cell, whether thrown, awaited or a mistake of syntax", async () => {
  expect((await run("const x = 1;\n\nnope + x")).error).toMatchObject({
    name: "ReferenceError",
    message: "nope is not defined",
    line: 3,
  });
  expect((await run("throw new Error('on the first line')")).error).toMatchObject({ line: 1 });
  expect((await run("const a: = 1")).error).toMatchObject({ name: "SyntaxError", line: 1 });
  expect((await run("const y = 1;\nconst y = 2;")).error).toMatchObject({ name: "SyntaxError", line: 2 });
  const shapes = await run(`import { ones } from "@gradus/tensor";\nconst a = ones([2, 3]);\na.matmul(a)`);
  expect(shapes.error).toMatchObject({ name: "ShapeError", line: 3 });
  expect((await run("await Promise.reject('text')")).error!.message).toContain("threw text");
});

test("a cell tells which names it declares and which it takes from others", async () => {
  const { defines, uses } = await run("const total = 0; let f = (n: number) => n + count + offset; for (const i of [1]) f(i);");
  expect(defines).toEqual(["total", "f"]);
  expect([...uses].sort()).toEqual(["count", "offset"]);
});

test("a loop without end stops when it is asked to, and variables stay", async () => {
  const { Worker } = await import("node:worker_threads");
  const raise = new Worker(
    "const { workerData } = require('node:worker_threads'); setTimeout(() => Atomics.store(workerData, 0, 1), 200);",
    {
      eval: true,
      workerData: stop,
    },
  );
  const { error } = await run("let turns = 0;\nwhile (true) turns++;");
  await raise.terminate();
  expect(error).toMatchObject({ name: "Stopped" });
  Atomics.store(stop, 0, 0);
  expect(Number(textOf((await run("turns", { cell: "b" })).shown[0]))).toBeGreaterThan(0);
});

test("checks that call a loop without end stop when they are asked to, and none begins after that", async () => {
  await run("let calls = 0;\nfunction endless() { calls++; while (true); }");
  const { Worker } = await import("node:worker_threads");
  const raise = new Worker(
    "const { workerData } = require('node:worker_threads'); setTimeout(() => Atomics.store(workerData, 0, 1), 200);",
    {
      eval: true,
      workerData: stop,
    },
  );
  const results = await kernel.check("a", [
    { name: "first", code: "endless()", points: 1 },
    { name: "second", code: "calls += 100", points: 1 },
  ]);
  await raise.terminate();
  expect(results.map((r) => r.passed)).toEqual([false, false]);
  Atomics.store(stop, 0, 0);
  expect(textOf((await run("calls", { cell: "b" })).shown[0])).toBe("1");
});

test("training shows a bar and curves and stops between batches", async () => {
  const source = `import { Dense, Sequential } from "@gradus/nn"; import { ones } from "@gradus/tensor";
const model = new Sequential([new Dense(1)]);
model.compile({ optimizer: "sgd", loss: "mse" });
const history = await model.fit(ones([64, 2]), ones([64, 1]), { epochs: 5 });
history`;
  const { shown, error } = await run(source);
  expect(error).toBe(null);
  expect(shown.map((c) => c.kind)).toEqual(["progress", "plot", "value"]);
  expect(shown[0]).toMatchObject({ done: 5, total: 5 });
  expect(shown[1]).toMatchObject({ marks: [{ mark: "line", label: "loss", x: [1, 2, 3, 4, 5] }] });
  Atomics.store(stop, 0, 1);
  expect((await run(source)).error).toMatchObject({ name: "Stopped" });
});

test("inputs give the reader's value where it is one, else the first", async () => {
  const source = `import { slider, select } from "@gradus/notebook"; const rate = slider("rate", { min: 0, max: 10, value: 2 }); [rate, select("kind", ["a", "b"])]`;
  expect(textOf((await run(source)).shown.at(-1))).toBe("[ 2, 'a' ]");
  expect(textOf((await run(source, { inputs: { rate: 7 } })).shown.at(-1))).toBe("[ 7, 'a' ]");
  expect(textOf((await run(source, { inputs: { rate: 70, toString: 3 } })).shown.at(-1))).toBe("[ 2, 'a' ]");
});

test("a field of several lines takes a text with line ends, up to its length, and tells the page how large it is", async () => {
  const source = `import { textInput } from "@gradus/notebook"; textInput("your text", "a", { lines: 8, maxLength: 5 })`;
  const { shown } = await run(source, { inputs: { "your text": "b\nc" } });
  expect(shown[0]).toEqual({ kind: "input", label: "your text", value: "b\nc", input: { type: "text", maxLength: 5, lines: 8 } });
  expect(textOf(shown[1])).toBe("b\nc");
  expect(textOf((await run(source, { inputs: { "your text": "longer" } })).shown[1])).toBe("a");
  expect((await run(`import { textInput } from "@gradus/notebook"; textInput("your text", "", { lines: 0 })`)).error?.message).toContain(
    "lines is 0",
  );
});

test("a board tells the cell what the reader did, and is drawn from it; one that nobody listens to only shows", async () => {
  const source = `import { custom } from "@gradus/notebook";
const board = custom("board", (moves: number[]) => ({ rows: 1, columns: 2, fields: moves.map(() => "x") }), {
  alt: (moves) => moves.length + " moves", value: [] as number[], label: "game" });
board.value.length`;
  const first = (await run(source)).shown;
  const common = { kind: "custom", type: "board", label: "game", listens: true };
  expect(first[0]).toEqual({ ...common, value: [], alt: "0 moves", data: { rows: 1, columns: 2, fields: [] } });
  const { shown } = await run(source, { inputs: { game: [1, 0] } });
  expect(shown[0]).toMatchObject({ ...common, value: [1, 0], alt: "2 moves", data: { fields: ["x", "x"] } });
  expect(textOf(shown[1])).toBe("2");
  const only = `import { custom } from "@gradus/notebook"; const shown = custom("board", { rows: 1 }, { alt: "a board" }); shown.update({ rows: 2 }, "another"); shown.value`;
  const { shown: quiet } = await run(only, { inputs: { board: 5 } });
  expect(quiet[0]).toMatchObject({ listens: false, value: null, data: { rows: 2 }, alt: "another" });
  expect(textOf(quiet[1])).toBe("null");
  expect((await run(`import { custom } from "@gradus/notebook"; custom("board", {}, "words")`)).error?.message).toContain("alt is missing");
});

test("files that the reader opens come with names and bytes; before, there are none", async () => {
  const source = `import { openFiles } from "@gradus/notebook"; const [file] = openFiles("table", { accept: ".csv" });
[file?.name, file && new TextDecoder().decode(file.bytes)]`;
  expect(textOf((await run(source)).shown.at(-1))).toBe("[ undefined, undefined ]");
  const table = [{ name: "own.csv", bytes: new TextEncoder().encode("a;b") }];
  const { shown } = await run(source, { inputs: { table } });
  expect(shown[0]).toMatchObject({ input: { type: "files", accept: ".csv" }, value: "own.csv" });
  expect(textOf(shown.at(-1))).toBe("[ 'own.csv', 'a;b' ]");
  expect(textOf((await run(source, { inputs: { table: "own.csv" } })).shown.at(-1))).toBe("[ undefined, undefined ]");
});

test("plots hold their numbers; updates in a loop keep one place and end with the last", async () => {
  const { shown } = await run(`import { dots, line, plot } from "@gradus/notebook";
const p = plot(line([0, 1, 4]), { x: "time" });
for (let i = 0; i < 1000; i++) p.update(dots([i], [2 * i], { color: "data" }));`);
  expect(shown).toEqual([{ kind: "plot", marks: [{ mark: "dots", x: [999], y: [1998], color: "data" }], options: {} }]);
});

test("files of the lesson are read by name, unknown modules named with those there are", async () => {
  const { shown } = await run(`import { file } from "@gradus/notebook"; new TextDecoder().decode(await file("bikes.csv"))`);
  expect(textOf(shown[0])).toBe("contents of bikes.csv");
  expect((await run(`import _ from "lodash"`)).error!.message).toMatch(/no module "lodash" here.*@gradus\/tensor/);
});

test("a module that is loaded on demand is loaded by the first import, once, and after a failure again", async () => {
  let asked = 0;
  const load = async () => {
    if (++asked === 1) throw new Error("no network");
    return { value: 7 };
  };
  const told: Reply[] = [];
  const other = new Kernel({
    modules: { ...modules, "far/away": load },
    tell: (r) => void told.push(r),
    readFile: async () => new Uint8Array(),
  });
  await other.run("a", "1 + 1", {});
  expect(asked).toBe(0);
  for (let i = 0; i < 3; i++) await other.run("a", `import { value } from "far/away"; (await import("far/away")).value + value`, {});
  expect(told.flatMap((r) => (r.type === "done" ? [r.error?.message ?? null] : []))).toEqual([null, "no network", null, null]);
  expect(asked).toBe(2);
});

test("chess is there for who imports it, and its classes are those of the other modules", async () => {
  const { shown, error } = await run(`import { chess } from "@gradus/systems/zero/chess";
import { gameOf } from "@gradus/systems/zero";
chess === (await gameOf("chess"))`);
  expect([error, textOf(shown[0])]).toEqual([null, "true"]);
});

test("checks say what differed, and neither stop nor change each other", async () => {
  await run("const total = 10; const list = [1, 2]", { cell: "exercise" });
  const results = await kernel.check("exercise", [
    { name: "the sum is right", points: 1, code: "await check.close(total, 12, { hint: 'add the last' })" },
    { name: "the list is right", points: 2, code: "check.equal(list, [1, 2])" },
    { name: "the mean is there", points: 1, code: "check.close(mean, 1)" },
  ]);
  expect(results[0]).toMatchObject({ passed: false, given: "10", expected: "12", hint: "add the last" });
  expect(results[1]).toEqual({ name: "the list is right", points: 2, passed: true });
  expect(results[2]).toMatchObject({ passed: false, message: expect.stringContaining("mean is not defined") });
});

test("what a cell throws or shows cannot break the kernel", async () => {
  for (const source of [
    "throw null",
    "throw undefined",
    "throw { toString() { throw 1 } }",
    "throw Object.assign(new Error('x'), { get stack() { throw 2 } })",
    "({ get a() { throw 1 } })",
    "new Proxy({}, { get() { throw 3 }, ownKeys() { throw 4 } })",
    "const location2 = 1; Object.defineProperty(globalThis, 'fixed', { value: 1 }); ",
    "const fixed = 2",
    "x".repeat(300_000),
    "for (let i = 0; i < 6000; i++) { console.log(i); console.warn(i) }",
  ])
    await run(source);
  expect(textOf((await run("'still here'")).shown[0])).toBe("still here");
});

test("numbers with their shape, as data sets hold them, are shown, drawn and computed with as arrays are", async () => {
  const { shown } = await run(`import { ngons } from "@gradus/data";
import { images, line, plot } from "@gradus/notebook";
import { array } from "@gradus/tensor";
const made = ngons(3, { seed: 1, size: 16 }).images;
images(made);
plot(line({ dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }, { dtype: "float32", shape: [2], data: Float32Array.of(3, 4) }));
array(made).shape`);
  const all = Object.fromEntries(shown.map((content) => [content.kind, content]));
  expect(all.images).toMatchObject({ images: [{ width: 16, height: 16 }, { width: 16 }, { width: 16 }] });
  expect(all.plot).toMatchObject({ marks: [{ x: [1, 2], y: [3, 4] }] });
  expect(textOf(shown.find((c) => "text" in c))).toContain("3, 16, 16");
});
