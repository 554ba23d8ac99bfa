import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { expect, test } from "vitest";

test("the snippets of README.md print what they say", async () => {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const code = [...text.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1]).join("\n");
  const wanted = [...code.matchAll(/\/\/ → (.*)/g)].map((m) => m[1]!);
  const program = new URL(`./readme-${process.pid}.tmp.ts`, import.meta.url);
  writeFileSync(program, `// @ts-nocheck\n${code.replaceAll("@gradus/quiz", "../src/index.ts")}`);
  const printed: string[] = [];
  const log = console.log;
  console.log = (...args: unknown[]) => void printed.push(args.map((a) => inspect(a, { breakLength: Number.POSITIVE_INFINITY })).join(" "));
  try {
    await import(/* @vite-ignore */ fileURLToPath(program));
  } finally {
    console.log = log;
    rmSync(program);
  }
  expect(printed).toEqual(wanted);
});
