import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type TrainGptOptions, trainGpt } from "../src/commands/train-gpt.ts";
import { gradus, jsonLines, kill } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-gpt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, "text.txt");
writeFileSync(data, "the cat sat on the mat.\nthe dog sat on the log.\n".repeat(40));

const sizes = ["--context", "8", "--layers", "1", "--heads", "2", "--width", "16"];
const options = (out: string) => [
  ...["train", "gpt", "--data", data, ...sizes, "--steps", "120", "--batch-size", "8", "--evaluate", "50", "--rate", "0.01"],
  ...["--dropout", "0.1", "--out", join(folder, out), "--json"],
];
const events = (stdout: string): Record<string, unknown>[] => jsonLines(stdout);
const description = (out: string) => JSON.parse(readFileSync(join(folder, out, "model.json"), "utf8")) as Record<string, object>;
const weights = (out: string) => readFileSync(join(folder, out, "weights.safetensors"));

describe("gradus train gpt", () => {
  test("keeps about as many heads to a head of keys and values where heads are fewer", () => {
    const small = ["--context", "8", "--layers", "1", "--heads", "8", "--width", "64", "--steps", "1", "--accumulate", "1"];
    const { status } = gradus("train", "gpt", "--data", data, "--config", "smollm-135m", ...small, "--out", join(folder, "shared"));
    expect(status).toBe(0);
    // Three for nine there; eight do not divide among three.
    expect(description("shared")["config"]).toMatchObject({ heads: 8, keyValueHeads: 2 });
  }, 240_000);

  test("tells evaluations as JSON, and leaves a model and a report", () => {
    const { status, stdout, stderr } = gradus(...options("a"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const all = events(stdout);
    expect(all.map((e) => [e["event"], e["step"]])).toEqual([
      ["evaluation", 50],
      ["evaluation", 100],
      ["evaluation", 120],
      ["end", 120],
    ]);
    expect(all[2]!["validationLoss"]).toBeLessThan(all[0]!["validationLoss"] as number);
    expect(all[2]!["sample"]).toHaveLength(201);
    expect(all[3]!["validationLoss"]).toBe(all[2]!["validationLoss"]);
    expect(readdirSync(join(folder, "a")).sort()).toEqual(["model.json", "report.html", "run.json", "weights.safetensors"]);
    const { config, tokenizer, training } = description("a");
    expect(config).toMatchObject({ layers: 1, heads: 2, headWidth: 8, width: 16, hidden: 64, context: 8, vocabulary: 15 });
    expect(tokenizer).toMatchObject({ type: "characters", characters: "\n .acdeghlmnost" });
    expect(training).toMatchObject({ name: "small", steps: 120, dropout: 0.1, data, resumed: false, trainingTokens: 1728 });
    const report = readFileSync(join(folder, "a", "report.html"), "utf8");
    expect(report).toMatch(/<svg.*validation.*<svg.*learning rate.*<pre>.*Written at step 120/s);
  }, 240_000);

  test("killed in the middle, goes on to the same weights", async () => {
    await kill(options("b"), join(folder, "b", "run.safetensors"));
    const { status } = gradus(...options("b"));
    expect(status).toBe(0);
    expect(description("b")["training"]).toMatchObject({ resumed: true });
    expect((description("b")["training"] as { history: unknown }).history).toEqual(
      (description("a")["training"] as { history: unknown }).history,
    );
    expect(weights("b")).toEqual(weights("a"));
    expect(readdirSync(join(folder, "b")).sort()).toEqual(["model.json", "report.html", "run.json", "weights.safetensors"]);
    const again = gradus(...options("b"));
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/holds a run that is finished\. Give --fresh to train anew in its place, or another folder with --out/);
  }, 240_000);

  test("trains a model further on another text, here adapters alone", () => {
    const other = join(folder, "other.txt");
    writeFileSync(other, "a hat on a hen.\n".repeat(60));
    const given = ["--data", other, "--steps", "20", "--evaluate", "10", "--out", join(folder, "c"), "--json"];
    const { status, stdout, stderr } = gradus("train", "gpt", "--from", join(folder, "a"), "--lora", "2", ...given);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const [first, second] = events(stdout) as { validationLoss: number }[];
    expect(second!.validationLoss).toBeLessThan(first!.validationLoss);
    expect(readdirSync(join(folder, "c")).sort()).toEqual([
      "adapters.safetensors",
      "model.json",
      "report.html",
      "run.json",
      "weights.safetensors",
    ]);
    expect(description("c")["tokenizer"]).toEqual(description("a")["tokenizer"]);
    expect(weights("c").length).toBe(weights("a").length);
    expect(weights("c")).not.toEqual(weights("a"));
  }, 240_000);

  test("trains a model in a folder of Hugging Face further, and keeps the tokens that begin and end its texts", () => {
    const path = new URL("../../systems/gpt/test/transformers.golden.json", import.meta.url);
    const { cases } = JSON.parse(readFileSync(path, "utf8")) as { cases: { name: string; files: Record<string, string> }[] };
    const from = join(folder, "llama");
    mkdirSync(from);
    for (const [name, text] of Object.entries(cases.find((c) => c.name === "llama")!.files))
      writeFileSync(join(from, name), Buffer.from(text, "base64"));
    const given = ["--steps", "20", "--evaluate", "10", "--context", "16", "--out", join(folder, "d"), "--json"];
    const { status, stdout, stderr } = gradus("train", "gpt", "--data", data, "--from", from, ...given);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const [first, second] = events(stdout) as { validationLoss: number }[];
    expect(second!.validationLoss).toBeLessThan(first!.validationLoss);
    expect(description("d")).toMatchObject({ beginnings: [1], endings: [0] });
    expect(description("d")["tokenizer"]).toMatchObject({ type: "huggingface" });

    expect(gradus("quantize", from, "--bits", "8", "--out", join(folder, "few")).status).toBe(0);
    expect(description("few")).toMatchObject({ beginnings: [1], endings: [0], bits: 8 });
    const refused = gradus("train", "gpt", "--data", data, "--from", join(folder, "few"), "--lora", "2", ...given);
    expect(refused.stderr).toMatch(
      /^gradus train gpt: the weights in .*few have 8 bits, which cannot be trained\. Give the model of 32\n$/,
    );
  }, 240_000);

  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const bad = { seed: 1, json: true, out: join(folder, "bad") };
  test.each<[Partial<TrainGptOptions>, RegExp]>([
    [{ data: "/nowhere" }, /there is no file \/nowhere/],
    [{ data: folder }, /there is no file/],
    [{ data: file("empty.txt", "") }, /empty\.txt is empty/],
    [{ data: file("short.txt", "to be") }, /the text has 5 tokens, a network that sees 64/],
    [{ data: file("binary.txt", new Uint8Array([200, 200])) }, /is not text in UTF-8/],
    [{ config: "tiny" }, /there is no network "tiny".*small, baby/s],
    [{ tokenizer: "words" }, /there is no tokenizer words.*characters, or bpe:SIZE/s],
    [{ heads: 3 }, /3 heads do not divide a width of 128/],
    [{ lora: 4 }, /--lora changes a network that there is.*--from FOLDER/s],
    [{ from: "/nowhere" }, /there is no folder \/nowhere/],
    [{ from: folder }, /holds neither model\.json nor config\.json/],
    [{ from: folder, width: 16 }, /--width and --from exclude each other/],
  ])("%j is answered with a sentence", async (given, message) => {
    await expect(trainGpt({ ...bad, data, ...given })).rejects.toThrow(message);
    expect(existsSync(bad.out)).toBe(false);
  });

  test("a window longer than the model sees is refused before anything is begun", async () => {
    await expect(trainGpt({ ...bad, data, from: join(folder, "a"), context: 9, fresh: true })).rejects.toThrow(
      "--context is 9, and the model sees 8 tokens at once. Give at most 8",
    );
    expect(existsSync(bad.out)).toBe(false);
  });

  test("a character that the model does not know is named", () => {
    const { status, stderr } = gradus("train", "gpt", "--data", file("z.txt", "zoo ".repeat(50)), "--from", join(folder, "a"));
    expect(status).toBe(1);
    expect(stderr).toMatch(/the character "z" \(U\+007A\)/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
