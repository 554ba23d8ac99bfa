import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runSnippets } from "../../../scripts/snippets.ts";
import * as tensors from "../src/index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the snippets of the README, as one program, print what their comments say", () => {
  const { printed, expected, errors } = runSnippets(new URL("../README.md", import.meta.url), new URL("./", import.meta.url));
  expect(errors).toBe("");
  expect(printed).toEqual(expected);
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
