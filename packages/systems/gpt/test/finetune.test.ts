import { ones, tensor } from "@gradus/tensor";
import { toArrayData } from "@gradus/tensor/io";
import { describe, expect, test } from "vitest";
import { splitText } from "../data.ts";
import { Decoder } from "../decoder.ts";
import { languageModelBytes, loadLanguageModel } from "../files.ts";
import { adapterBytes, addAdapters, type FinetuneOptions, finetune, loadAdapters, mergeAdapters, removeAdapters } from "../finetune.ts";
import { Gpt } from "../model.ts";
import { CharacterTokenizer } from "../tokenizers/index.ts";
import { train } from "../train.ts";
import { all, recipe, tiny } from "./tiny.ts";

const [first, second] = ["the cat sat on the mat. ".repeat(40), "no hen can meet the same man. ".repeat(40)];
const tokenizer = CharacterTokenizer.from(first + second);
const config = tiny(tokenizer.size);
const tokens = splitText(second, tokenizer, 8);
const options: FinetuneOptions = { ...recipe, seed: 3, steps: 40, evaluateEvery: 10 };

const ids = tensor([[1, 2, 3, 4, 5]], { dtype: "int32" });
const logits = async (network: Gpt) => Array.from((await toArrayData(network.forward(ids))).data);
const values = async (network: Gpt) =>
  new Map(await Promise.all(network.namedWeights().map(async ([path, w]) => [path, (await toArrayData(w.variable)).data] as const)));
const distance = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));

/** A network that knows the first text; each test gets its own. */
const trained = all(train(splitText(first, tokenizer, 8), config, { ...recipe, seed: 1 })).then(({ result }) =>
  languageModelBytes({ network: result.network, tokenizer, endings: [] }),
);
const known = async (): Promise<Gpt> => (await loadLanguageModel(await trained)).network;

describe("adapters", () => {
  test("change nothing at first", async () => {
    const network = await known();
    const before = await logits(network);
    addAdapters(network, { rank: 2 });
    expect(await logits(network)).toEqual(before);
    removeAdapters(network);
    expect(network.trainableWeights).toHaveLength(network.weights.length);
  });

  test("are all that training changes; the loss on a new text goes down; merged, the network computes the same", async () => {
    const network = await known();
    const before = await values(network);
    const { result } = await all(finetune(network, tokens, { ...options, adapters: { rank: 4 } }));
    expect(result.final.validationLoss).toBeLessThan(0.9 * result.history[0]!.validationLoss);
    const after = await values(network);
    for (const [path, value] of after)
      if (path.includes("/adapter/")) expect(value.some((v) => v !== 0)).toBe(true);
      else expect(value).toEqual(before.get(path));
    // Four matrices of the one block.
    expect(after.size - before.size).toBe(8);

    const unmerged = await logits(network);
    const again = await known();
    await loadAdapters(again, await adapterBytes(network));
    expect(await logits(again)).toEqual(unmerged);

    mergeAdapters(network);
    expect(network.weights).toHaveLength(before.size);
    expect(distance(await logits(network), unmerged)).toBeLessThan(1e-4);
    expect(distance(await logits(await known()), unmerged)).toBeGreaterThan(0.1);
  });

  test("may be on some matrices alone", async () => {
    const network = await known();
    addAdapters(network, { rank: 2, targets: ["qkv"] });
    expect(network.trainableWeights.map((w) => w.shape)).toEqual([
      [2, 16],
      [48, 2],
    ]);
  });

  test("begin as small as their inputs ask, whatever the rank, and change nothing", async () => {
    const before = await logits(await known());
    for (const rank of [1, 4, 16]) {
      const network = await known();
      addAdapters(network, { rank, targets: ["qkv"] });
      const [a] = network.trainableWeights;
      const values = (await a!.data()) as Float32Array;
      const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      // Uniform up to 1/√16.
      expect(largest).toBeLessThanOrEqual(0.25);
      expect(largest).toBeGreaterThan(0.18);
      expect(distance(await logits(network), before)).toBe(0);
    }
  });

  test.each([
    [{ rank: 0 }, /the rank is 0/],
    [{ alpha: -1 }, /alpha is -1/],
    [{ targets: ["query"] }, /no matrix is called query. There are qkv, out/],
    [{ targets: [] }, /there is no matrix to change/],
    [{ targets: ["gate"] }, /there is no matrix to change/],
  ])("%j are refused", async (given, message) => {
    const network = await known();
    expect(() => addAdapters(network, given)).toThrow(message);
    expect(network.trainableWeights).toHaveLength(network.weights.length);
  });

  test("of another network are refused, and change nothing", async () => {
    const wide = new Gpt(tiny(tokenizer.size, { width: 32, headWidth: 16 }));
    addAdapters(wide);
    const bytes = await adapterBytes(wide);
    const network = await known();
    await expect(loadAdapters(network, bytes)).rejects.toThrow(/block0\/attention\/qkv\/adapter\/a has shape \[8, 32\] in the file/);
    const deep = new Gpt(tiny(tokenizer.size, { layers: 2 }));
    await expect(loadAdapters(deep, bytes)).rejects.toThrow(/the file lacks block1/);
    const { weights } = await trained;
    await expect(loadAdapters(network, weights)).rejects.toThrow(/does not describe adapters/);
    expect(network.trainableWeights).toHaveLength(network.weights.length);
  });

  test("take what is learned where the matrices have 8 bits, which cannot be merged", async () => {
    const network = new Gpt(config, { bits: 8 });
    const { result } = await all(finetune(network, tokens, { ...options, steps: 10, adapters: { rank: 4 } }));
    expect(result.network.trainableWeights).toHaveLength(8);
    expect(() => mergeAdapters(network)).toThrow(/weights of 8 or 4 bits cannot take a change/);
  });
});

test("what decodes follows adapters as they come and are merged", async () => {
  const network = await known();
  const decode = async () => {
    const decoder = new Decoder(network);
    const [last] = await decoder.read([[1, 2, 3, 4, 5]]);
    decoder.dispose();
    return Array.from(last!);
  };
  const last = async () => (await logits(network)).slice(-tokenizer.size);
  const before = await decode();
  expect(distance(before, await last())).toBeLessThan(1e-4);
  addAdapters(network, { rank: 2, targets: ["up"] });
  const { b } = network.blocks[0]!.feedForward.up.adapter!;
  b.assign(ones(b.shape));
  const adapted = await decode();
  expect(distance(adapted, await last())).toBeLessThan(1e-4);
  expect(distance(adapted, before)).toBeGreaterThan(0.1);
  mergeAdapters(network);
  expect(distance(await decode(), adapted)).toBeLessThan(1e-4);
});

test("a network is fine-tuned as a whole", async () => {
  const { result } = await all(finetune(await known(), tokens, options));
  expect(result.final.validationLoss).toBeLessThan(0.9 * result.history[0]!.validationLoss);
});
