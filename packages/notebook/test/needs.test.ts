import { describe, expect, test } from "vitest";
import { neededCells } from "../src/kernel/needs.ts";

/** Cells called a, b, c, ...; gives those that the last needs, as a word. */
const needs = (sources: readonly string[], ...checks: string[]): string =>
  neededCells(
    sources.map((source, i) => ({ id: "abcdefgh"[i]!, source })),
    sources.length - 1,
    checks,
  ).join("");

describe("the cells that an exercise needs are", () => {
  test("those that declare what it takes, directly or not, and no others", () => {
    expect(needs(["const x = 1;", "const y = x + 1;", "const z = 3;", "y * 2"])).toBe("ab");
    expect(needs(["const x = 1;", "const x = 2;", "x"])).toBe("b");
    expect(needs(['import { sum } from "@gradus/tensor";', "const { p, q: [r] } = f();", "sum(r)"])).toBe("ab");
  });

  test("also those that only its checks take from", () => {
    const lesson = ["const x = 1;", "const y = 2;", "const mine = 0;"];
    expect(needs(lesson, "check.equal(mine, x)")).toBe("a");
    expect(needs(lesson, "const x = 5; check.equal(mine, x)", "check.ok(y > mine)")).toBe("b");
  });

  test("those that change it on the way: training, assignments, loops, functions of one's own", () => {
    expect(needs(["const model = build();", "await model.fit(x, y);", "model.predict(x)"])).toBe("ab");
    expect(needs(["const model = build();", "const history = await model.fit(x, y);", "model.predict(x)"])).toBe("ab");
    expect(needs(["let w = 0;", "for (let i = 0; i < 3; i++) w -= slope(w);", "w"])).toBe("ab");
    expect(needs(["let w = 0;", "w++;", "({ w } = other);", "w"])).toBe("abc");
    expect(needs(["const list = [];", "list[0] = 1;", "list.push(2);", "list"])).toBe("abc");
    expect(needs(["const model = build();", "const train = (m) => m.fit(x);", "await train(model);", "model.weights"])).toBe("abc");
    expect(needs(["let w = 0;", "function step() { w += 1; }", "step();", "w"])).toBe("abc");
  });

  test("not those that look at it, nor those that train something of their own", () => {
    const look = 'import { plot } from "@gradus/notebook"; plot(line(xs)); console.log(xs); table(xs.map((x) => x + 1));';
    expect(needs(['import { line, table } from "@gradus/notebook"; const xs = [1];', look, "xs"])).toBe("a");
    expect(needs(["const model = build();", "const fit = async () => { const model = other(); await model.fit(x); };", "model"])).toBe("a");
    expect(needs(["const model = build();", "model.predict(x)", "const model = tiny(); await model.fit(x);", "model"])).toBe("c");
  });

  test("those that change what a function takes, later than the function", () => {
    expect(needs(["let rate = 1;", "const step = (x) => x * rate;", "rate = 2;", "step(1)"])).toBe("abc");
    expect(needs(["const step = (x) => x * rate;", "const rate = 2;", "step(1)"])).toBe("ab");
  });

  test("none for a cell that cannot be read, and none of those that cannot", () => {
    expect(needs(["const x = 1;", "x +"])).toBe("");
    expect(needs(["const x = ;", "const y = 1;", "x + y"])).toBe("b");
  });
});
