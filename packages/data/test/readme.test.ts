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

test("every name in the README's table exists", async () => {
  const everything = { ...(await import("../src/index.ts")), ...(await import("../src/node/index.ts")) };
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const names = [...text.matchAll(/`(?:await )?([a-z][A-Za-z]+)\(/g)]
    .map((m) => m[1]!)
    .filter((n) => !["shuffle", "prefetch", "loadNpz", "mapOnWorkers"].includes(n));
  for (const name of new Set(names)) expect(everything, name).toHaveProperty(name);
});
