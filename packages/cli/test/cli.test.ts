import { describe, expect, test } from "vitest";
import { irises } from "../src/iris.ts";
import { linePlot } from "../src/plot.ts";
import { gradus } from "./gradus.ts";

describe("gradus", () => {
  test("tour --quick runs to its end, within 80 columns, without escape codes in a pipe", () => {
    const { status, stdout, stderr } = gradus("tour", "--quick");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("Where to go next");
    expect(stdout).not.toContain("\u001b");
    expect(Math.max(...stdout.split("\n").map((l) => l.length))).toBeLessThanOrEqual(80);
  });

  test("the network names at least 25 of the 30 unseen flowers", () => {
    const right = Number(/It names (\d+) of the 30/.exec(gradus("tour").stdout)?.[1]);
    expect(right).toBeGreaterThanOrEqual(25);
  });

  test("info --json is JSON with versions and device", () => {
    const report = JSON.parse(gradus("info", "--json").stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ gradus: expect.any(String), node: process.versions.node, device: "wasm" });
  });

  test.each([
    [["nope"], "gradus: unknown command 'nope'\n"],
    [["tuor"], "gradus: unknown command 'tuor'\n(Did you mean tour?)\n"],
    [["tour", "--fast"], "gradus: unknown option '--fast'\n"],
    [["info", "x"], "gradus: too many arguments for 'info'. Expected 0 arguments but got 1: x.\n"],
  ])("%j says what is wrong and exits with 2", (args, message) => {
    const { status, stderr } = gradus(...args);
    expect(status).toBe(2);
    expect(stderr).toBe(message);
  });

  test.each([["--help"], ["--version"], ["tour", "--help"]])("%s %s exits with 0", (...args) => {
    expect(gradus(...args).status).toBe(0);
  });
});

test("there are 50 irises of each species", () => {
  const flowers = irises();
  for (const k of [0, 1, 2]) expect(flowers.filter((f) => f.species === k)).toHaveLength(50);
});

test("a falling line is drawn from the top left to the bottom right", () => {
  expect(linePlot([1, 0], { width: 2, height: 1 }).split("\n")[0]).toBe("  1.00 ┤⠙⢦");
});
