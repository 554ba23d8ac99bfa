import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensor } from "@gradus/tensor";
import { toArrayData } from "@gradus/tensor/io";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { languageModelBytes, loadLanguageModel, saveLanguageModel } from "../files.ts";
import { addAdapters } from "../finetune.ts";
import type { LanguageModel } from "../language-model.ts";
import { Gpt } from "../model.ts";
import { CharacterTokenizer } from "../tokenizers/index.ts";
import { tiny } from "./tiny.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-gpt-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

const tokenizer = CharacterTokenizer.from("abcde");
const model: LanguageModel = { network: new Gpt(tiny(5)), tokenizer, beginnings: [3], endings: [4] };
const logits = async ({ network }: LanguageModel) => (await toArrayData(network.forward(tensor([[0, 1, 2]], { dtype: "int32" })))).data;
beforeAll(() => saveLanguageModel(folder, model, { steps: 7 }));

describe("a language model in a folder", () => {
  test("comes back as it was, with what is said of its training", async () => {
    const loaded = await loadLanguageModel(folder);
    expect(await logits(loaded)).toEqual(await logits(model));
    expect(loaded.network.config).toEqual(model.network.config);
    expect(loaded.tokenizer.encode("cab")).toEqual([2, 0, 1]);
    expect([loaded.beginnings, loaded.endings, loaded.training]).toEqual([[3], [4], { steps: 7 }]);
  });

  test("is the same from bytes", async () => {
    const files = await languageModelBytes(model, { steps: 7 });
    expect(files.description).toBe(readFileSync(join(folder, "model.json"), "utf8"));
    expect(await logits(await loadLanguageModel(files))).toEqual(await logits(model));
  });

  test("is not written with adapters that are not merged", async () => {
    const network = new Gpt(tiny(5));
    addAdapters(network);
    await expect(saveLanguageModel(join(folder, "nowhere"), { ...model, network })).rejects.toThrow(/has adapters\. Merge them/);
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });

  const changed = (change: (description: Record<string, never>) => void) => {
    const description = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
    change(description);
    return JSON.stringify(description);
  };
  const rotary = (description: Record<string, object>, changes: object) =>
    Object.assign((description["config"] as { rotary: object }).rotary, changes);
  test.each([
    ["no JSON", () => "{", /is no JSON/],
    ["another system's", () => JSON.stringify({ system: "resnet" }), /is not of a language model/],
    ["null", () => "null", /is not of a language model/],
    ["an unknown activation", () => changed((d) => Object.assign(d["config"]!, { activation: "sine" })), /says "sine" for activation/],
    ["no rotary base", () => changed((d) => Object.assign(d["config"]!, { rotary: null })), /does not say how positions turn/],
    ["a scaling that is none", () => changed((d) => rotary(d, { scaling: { kind: "constructor" } })), /does not say how positions turn/],
    ["a rotary base in words", () => changed((d) => rotary(d, { base: "10000" })), /the base of rotary positions is 10000/],
    ["an epsilon that is null", () => changed((d) => Object.assign(d["config"]!, { epsilon: null })), /epsilon is null/],
    ["no list of beginnings", () => changed((d) => Object.assign(d, { beginnings: "<s>" })), /lists no tokens as beginnings/],
    ["no width", () => changed((d) => Object.assign(d["config"]!, { width: undefined })), /width is undefined/],
    [
      "a claim of any size",
      () => changed((d) => Object.assign(d["config"]!, { width: 1e9 })),
      /there are \d+ weights, and the network described has/,
    ],
    [
      "tokens that the network lacks",
      () => changed((d) => Object.assign(d["tokenizer"]!, { characters: "abcdefgh" })),
      /the tokenizer has 8 tokens, the network knows 5/,
    ],
    ["endings that are none", () => changed((d) => Object.assign(d, { endings: "e" })), /lists no endings/],
  ])("with a description that is %s is refused", async (_, description, message) => {
    await expect(loadLanguageModel({ description: description(), weights: join(folder, "weights.safetensors") })).rejects.toThrow(message);
  });

  test("with other weights, damaged ones, or none is refused", async () => {
    const description = readFileSync(join(folder, "model.json"), "utf8");
    // As many numbers, in other arrays.
    const { weights } = await languageModelBytes({ ...model, network: new Gpt(tiny(5, { context: 5, vocabulary: 8 })) });
    await expect(loadLanguageModel({ description, weights })).rejects.toThrow(/tokens\/weight has shape/);
    const bytes = new Uint8Array(readFileSync(join(folder, "weights.safetensors")));
    await expect(loadLanguageModel({ description, weights: bytes.subarray(0, 500) })).rejects.toThrow(/truncated|claims/);
    await expect(loadLanguageModel(join(folder, "nowhere"))).rejects.toThrow(/there is no .*nowhere\/model.json/);
    writeFileSync(join(folder, "alone.json"), description);
    await expect(loadLanguageModel({ description, weights: join(folder, "none.safetensors") })).rejects.toThrow(/there is no .*none/);
  });
});
