import { readFileSync } from "node:fs";
import * as tensors from "@gradus/tensor";
import { expect, test } from "vitest";
import { runSnippets } from "../../../scripts/snippets.ts";
import * as nn from "../src/index.ts";

test("the snippets of the README, as one program, print what their comments say", () => {
  const { printed, expected, errors } = runSnippets(new URL("../README.md", import.meta.url), new URL("./", import.meta.url));
  expect(errors).toBe("");
  expect(printed).toEqual(expected);
}, 60_000);

test("everything in the table from Keras to Gradus exists", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const ours = [...readme.matchAll(/^\| .*? +\| (`.*) \|$/gm)].map(([, cell]) => cell!);
  expect(ours.length).toBeGreaterThan(60);
  const names = ours.flatMap((cell) => [...cell.matchAll(/`([^`]*)`/g)].flatMap(([, code]) => [...code!.matchAll(/([\w.]*?)(\w+)\(/g)]));
  const missing = names.filter(([, owner, name]) => {
    if (["mha", "layer"].includes(name!)) return false; // variables of the reader
    if (owner === "") return !(name! in nn || name! in tensors);
    const space = { "losses.": nn.losses, "metrics.": nn.metrics, "schedules.": nn.schedules }[owner!];
    if (space) return !(name! in space);
    return !(name! in nn.Sequential.prototype || name! in nn.TextVectorization.prototype || name! in tensors.Tensor.prototype);
  });
  expect(missing.map(([text]) => text)).toEqual([]);
});
