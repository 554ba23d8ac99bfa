import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as tensors from "../src/index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

test("the snippets of the README, as one program, print what their comments say", () => {
  // Inside the package, so that its own name resolves.
  const file = fileURLToPath(new URL(`readme-${process.pid}.tmp.ts`, import.meta.url));
  const listen =
    'import { format } from "node:util";\nconst printed: string[] = [];\nconsole.log = (...xs) => printed.push(format(...xs));';
  writeFileSync(file, [listen, ...blocks, "process.stdout.write(JSON.stringify(printed));"].join("\n"));
  try {
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
    expect(stderr).toBe("");
    const printed = (JSON.parse(stdout) as string[]).map(oneLine);
    expect(printed).toEqual(blocks.flatMap((code) => [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => oneLine(text!))));
  } finally {
    rmSync(file);
  }
});

test("every function in the table from NumPy to Gradus exists", () => {
  const ours = [...readme.matchAll(/^\| .*? +\| (`.*) \|$/gm)].map(([, cell]) => cell!);
  expect(ours.length).toBeGreaterThan(40);
  const names = ours.flatMap((cell) => [...cell.matchAll(/`([^`]*)`/g)].flatMap(([, code]) => [...code!.matchAll(/([\w.]*?)(\w+)\(/g)]));
  const missing = names.filter(([, owner, name]) => {
    if (owner === "") return !(name! in tensors);
    if (owner === "random.") return !(name! in tensors.random);
    return !(name! in tensors.Tensor.prototype || name! in tensors.at([0], 0)); // a method, also of what `at` gives
  });
  expect(missing.map(([text]) => text)).toEqual([]);
});
