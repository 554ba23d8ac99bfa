import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configOf, Gpt, saveLanguageModel } from "@gradus/systems/gpt";
import { CharacterTokenizer } from "@gradus/systems/gpt/tokenizers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gradus, jsonLines } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-evaluate-"));
const model = join(folder, "model");
const analogies = join(folder, "analogies.jsonl");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  mkdirSync(model);
  const tokenizer = CharacterTokenizer.from(`\n${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")}`);
  const sizes = { vocabulary: tokenizer.size, context: 96, layers: 1, heads: 1, keyValueHeads: 1, headWidth: 8, width: 8, hidden: 8 };
  await saveLanguageModel(model, { network: new Gpt(configOf("small", sizes)), tokenizer, endings: [] });
  const item = (i: number) => ({
    context: `one is to ${i} as`,
    choices: ["two is to three", "four is to five", "six is to one"],
    answer: i % 3,
  });
  writeFileSync(analogies, Array.from({ length: 6 }, (_, i) => JSON.stringify(item(i))).join("\n"));
});

const objects = (stdout: string): Record<string, unknown>[] => jsonLines(stdout);

test("a model is asked the paper's tasks and those of a file, zero- and few-shot", () => {
  const table = gradus("evaluate", "--model", model, "--task", "2d-addition", analogies, "--shots", "0,1", "--examples", "6");
  expect(table.stderr).toBe("");
  expect(table.stdout).toMatch(/^2d-addition +0 +6 +0\.0 % .* - +generation$/m);
  expect(table.stdout).toMatch(/^analogies\.jsonl +1 +6 +\d+\.\d % +\d+\.\d +33\.3 % +likelihood$/m);
  expect(table.stdout.trim().split("\n")).toHaveLength(5);

  const json = gradus("evaluate", "--model", model, "--task", analogies, "--shots", "8", "--json");
  expect(json.status).toBe(1);
  expect(json.stderr).toMatch(/8 shots and a question are more than the 6 items/);

  const answers = objects(gradus("evaluate", "--model", model, "--task", analogies, "--shots", "3", "--fewer", "--json").stdout);
  expect(answers.map((a) => a["event"])).toEqual([...Array.from({ length: 6 }, () => "answer"), "end"]);
  expect(answers.at(-1)).toMatchObject({ task: "analogies.jsonl", shots: 3, fewestShots: 2, examples: 6 });
  expect(answers.at(-1)!["right"]).toBe(answers.filter((a) => a["right"] === true).length);
});

test("a task with characters that the model does not know is named, with what helps", () => {
  const { status, stdout, stderr } = gradus("evaluate", "--task", "2d-addition");
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^gradus evaluate: 2d-addition cannot be asked of this model: the character .*Give another one with --model\n$/);
});

test.each([
  [["--task", "2d-addition", "--shots", "8"], 1, "At most"],
  [["--task", "nothing"], 1, 'there is no task "nothing"'],
  [["--task", "reversed-words", "--words", join(folder, "none.txt")], 1, `there is no ${join(folder, "none.txt")}`],
  [["--task", folder], 1, `${folder} is a folder, where a file was expected`],
  [["--task", "2d-addition", "--shots", "0,x"], 2, "Give a whole number"],
  [["--task", "2d-addition", "--by", "guess"], 2, "likelihood, generation"],
])("gradus evaluate %j fails in one line", (args, status, message) => {
  const run = gradus("evaluate", "--model", model, ...args);
  expect(run.status).toBe(status);
  expect(run.stderr).toContain(message);
  expect(run.stderr.trim().split("\n")).toHaveLength(1);
});

test("the induction experiment leaves a report and its numbers", () => {
  const out = join(folder, "induction");
  const { stdout, stderr, status } = gradus("experiment", "induction", "--steps", "2", "--out", out, "--json");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(objects(stdout).map((e) => [e["event"], e["layers"], e["step"]])).toEqual([
    ...[1, 2].flatMap((layers) => [0, 2].map((step) => ["measurement", layers, step])),
    ["end", undefined, undefined],
  ]);
  expect(readdirSync(out).sort()).toEqual(["induction.json", "report.html"]);
  expect(readFileSync(join(out, "report.html"), "utf8")).toMatch(/<svg.*2 layers.*prefix matching/s);
  const refused = gradus("experiment", "induction", "--layers", "2,2", "--out", out);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/^gradus: induction: networks of 2, 2 layers/);
});
