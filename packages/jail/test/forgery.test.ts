import { expect, test } from "vitest";
import { runInJail } from "../src/index.ts";
import { entryAt } from "./walls.ts";

const graded = (code: string) => runInJail({ entry: entryAt("checked"), input: { code }, milliseconds: 10_000, megabytes: 256 });

test("right answers pass and wrong ones fail", async () => {
  expect(await graded("return new library.Vector([1, 2, 3])")).toMatchObject({ ok: true, value: true });
  expect(await graded("return new library.Vector([1, 2, 4])")).toMatchObject({ ok: true, value: false });
  expect(await graded("return {}")).toMatchObject({ ok: true, value: false });
});

const wrong = "return new library.Vector([9, 9, 9])";

test.each([
  "Array.prototype.every = () => true",
  "Array.prototype.map = function () { return [true] }",
  "Array.prototype.includes = () => true",
  "Array.prototype[Symbol.iterator] = function* () {}",
  "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true })",
  "Object.prototype.toJSON = () => true",
  "Object.defineProperty(Object.prototype, 'value', { get: () => true })",
  "Object.defineProperty(Object.prototype, 'then', { value: (f) => f(true) })",
  "Object.setPrototypeOf(Array.prototype, { get forged() {} })",
  "JSON.stringify = () => '{\"items\":[1,2,3]}'",
  "Promise.prototype.then = function (f) { f(true) }",
  "Promise.all = () => ({ then(f) { f() } }); Promise = class {}",
  "Math.abs = () => 0",
  "globalThis.Math = { abs: () => 0 }",
  "Object.defineProperty(globalThis, 'Math', { value: { abs: () => 0 } })",
  "globalThis.eval = () => {}",
  "Error.prepareStackTrace = (e, sites) => sites.map((s) => s.getThis())",
  "Function.prototype.call = () => true; Function.prototype.apply = () => true",
  "RegExp.prototype.exec = () => ['x']; String.prototype.replaceAll = () => '1'",
  "library.Vector.prototype.equals = () => true; library.check.close = () => {}",
  "Object.defineProperty(library.Vector.prototype, 'equals', { value: () => true })",
  "Object.defineProperty(library.check, 'close', { value: () => {} })",
  "library.check.close.call = () => {}; library.Vector.prototype[Symbol.toPrimitive] = () => 1",
  "Number.isNaN = () => true; globalThis.Number = { NaN: 1 }",
])("a wrong answer stays wrong after: %s", async (change) => {
  // Each statement by itself, as sloppy code that goes on where strict code throws.
  const tries = change.split("; ").map((part) => `try { (0, eval)(${JSON.stringify(`(library) => { ${part} }`)})(library) } catch {}`);
  const result = await graded(`${tries.join("\n")}\n${wrong}`);
  expect(result).toMatchObject({ ok: true, value: false });
});

test("a change that is taken back before anybody looks does not help either", async () => {
  const code = `const every = Array.prototype.every;
    try { Array.prototype.every = function (f) { Array.prototype.every = every; return true } } catch {}
    ${wrong}`;
  expect(await graded(code)).toMatchObject({ ok: true, value: false });
});
