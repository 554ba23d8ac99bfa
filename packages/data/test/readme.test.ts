import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { expect, test } from "vitest";

test("the snippets of README.md print what they say", async () => {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const code = [...text.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1]).join("\n");
  const wanted = [...code.matchAll(/\/\/ → (.*)/g)].map((m) => m[1]!);
  const program = new URL(`./readme-${process.pid}.tmp.ts`, import.meta.url);
  writeFileSync(program, `// @ts-nocheck\n${code.replaceAll("@gradus/data", "../src/index.ts")}`);
  const printed: string[] = [];
  const log = console.log;
  console.log = (...args: unknown[]) => void printed.push(format(...args).replace(/\s+/g, " "));
  try {
    await import(/* @vite-ignore */ fileURLToPath(program));
  } finally {
    console.log = log;
    rmSync(program);
  }
  expect(printed).toEqual(wanted);
});

test("every function and method that the README names exists", async () => {
  const data = await import("../src/index.ts");
  const places = [data, await import("../src/node/index.ts"), data.Dataset.prototype, data.Table.prototype, await import("@gradus/tensor")];
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const names = new Set([...text.matchAll(/`(?:await )?([a-z][A-Za-z]+)\(/g)].map((m) => m[1]!));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names)
    expect(
      places.some((place) => name in place),
      name,
    ).toBe(true);
});
