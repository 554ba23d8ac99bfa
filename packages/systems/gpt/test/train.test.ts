import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { losses, setRandomSeed } from "@gradus/nn";
import { type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { toArrayData } from "@gradus/tensor/io";
import { afterAll, describe, expect, test } from "vitest";
import { configOf } from "../config.ts";
import { splitText, type TokenSplit, trainingWindows, validationWindows } from "../data.ts";
import { Gpt } from "../model.ts";
import { CharacterTokenizer } from "../tokenizers/index.ts";
import { optimise, recipeOf, type TrainOptions, train } from "../train.ts";
import { all, recipe, tiny } from "./tiny.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-gpt-train-"));
afterAll(() => rmSync(folder, { recursive: true }));

const text = "the cat sat on the mat. the dog sat on the log. ".repeat(30);
const tokenizer = CharacterTokenizer.from(text);
const tokens = splitText(text, tokenizer, 8);
const config = tiny(tokenizer.size);
const weightsOf = async (network: Gpt) => Promise.all(network.weights.map(async (w) => (await toArrayData(w)).data));
const options: TrainOptions = { ...recipe, seed: 1 };

type Weights = readonly Float32Array[];

/** The updates of `optimise` in plain numbers (Kingma and Ba 2015, algorithm 1), gradients cut as told; also how long these were before. */
async function adam(
  network: Gpt,
  { steps, rate, beta2, batchSize, seed }: TrainOptions,
  cut: (gradients: Weights, length: number) => Weights,
): Promise<[weights: Weights, lengths: number[]]> {
  const variables = network.trainableWeights;
  const weights = (await weightsOf(network)) as Weights;
  const [m, v] = [weights.map((w) => w.map(() => 0)), weights.map((w) => w.map(() => 0))];
  const loss = new losses.SparseCategoricalCrossentropy({ fromLogits: true });
  const lengths: number[] = [];
  const windows = trainingWindows(tokens.train, { context: config.context, batchSize, batches: () => steps, seed });
  for await (const [x, y] of windows.iterate({ epoch: 0 })) {
    const [, found] = valueAndGrad(() => loss(y, network(x) as Tensor) as Tensor, { wrt: variables })();
    const gradients = await Promise.all((found as readonly Tensor[]).map(async (g) => (await g.data()) as Float32Array));
    const length = Math.hypot(...gradients.map((g) => Math.hypot(...g)));
    const t = lengths.push(length);
    const cutGradients = cut(gradients, length);
    const now = rate * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (t - 1)) / steps)));
    for (const [i, w] of weights.entries()) {
      for (const [j, g] of cutGradients[i]!.entries()) {
        m[i]![j] = 0.9 * m[i]![j]! + 0.1 * g;
        v[i]![j] = beta2 * v[i]![j]! + (1 - beta2) * g * g;
        w[j]! -= (now * (m[i]![j]! / (1 - 0.9 ** t))) / (Math.sqrt(v[i]![j]! / (1 - beta2 ** t)) + 1e-8);
      }
      variables[i]!.assign(tensor(w).reshape(variables[i]!.shape));
    }
  }
  return [weights, lengths];
}

describe("splitText", () => {
  test("gives the first 90 % to train with, and the rest", () => {
    expect(tokenizer.decode(tokens.train)).toBe(text.slice(0, 1296));
    expect(tokenizer.decode(tokens.validation)).toBe(text.slice(1296));
  });

  test("does not cut a character in two", () => {
    const faces = "😀".repeat(99);
    const { train: a, validation: b } = splitText(faces, CharacterTokenizer.from(faces), 4);
    expect(a.length + b.length).toBe(99);
    expect(new Set([...a, ...b])).toEqual(new Set([0]));
  });

  test.each([
    ["", /the text is empty/],
    ["abcabc", /the text has 6 tokens, a network that sees 8 needs more/],
    ["abc".repeat(10), /of the text's 30 tokens 3 are to validate, which must be more than the context of 8/],
  ])("refuses %j", (short, message) => {
    expect(() => splitText(short, CharacterTokenizer.from("abc"), 8)).toThrow(message);
  });
});

describe("windows", () => {
  const numbers = Int32Array.from({ length: 50 }, (_, i) => i);
  const rows = async (data: AsyncIterable<readonly [{ data(): Promise<ArrayLike<number>> }, { data(): Promise<ArrayLike<number>> }]>) => {
    const list: number[][][] = [];
    for await (const batch of data) list.push(await Promise.all(batch.map(async (part) => Array.from(await part.data()))));
    return list;
  };

  test("to train with are of random places, the same ones for a seed and a pass, and what comes after each token is y", async () => {
    const make = (seed: number) => trainingWindows(numbers, { context: 4, batchSize: 3, batches: (epoch) => 2 + epoch, seed });
    const first = await rows(make(1).iterate({ epoch: 0 }));
    expect(first).toHaveLength(2);
    for (const [x, y] of first) expect(y).toEqual(x!.map((v) => v + 1));
    expect(await rows(make(1).iterate({ epoch: 0 }))).toEqual(first);
    const second = await rows(make(1).iterate({ epoch: 1 }));
    expect(second).toHaveLength(3);
    expect(second.slice(0, 2)).not.toEqual(first);
    expect(await rows(make(2).iterate({ epoch: 0 }))).not.toEqual(first);
  });

  test("to train with come from the first to the last token", async () => {
    const many = await rows(trainingWindows(numbers, { context: 4, batchSize: 100, batches: () => 10, seed: 1 }));
    const starts = new Set(many.flatMap(([x]) => x!.filter((_, i) => i % 4 === 0)));
    expect([Math.min(...starts), Math.max(...starts), starts.size]).toEqual([0, 45, 46]);
  });

  test("to validate do not overlap, or are spread evenly", async () => {
    const starts = async (most: number) => {
      const batches = await rows(validationWindows(numbers, { context: 4, batchSize: 5, most }));
      return batches.flatMap(([x]) => x!.filter((_, i) => i % 4 === 0));
    };
    expect(await starts(100)).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44]);
    expect(await starts(4)).toEqual([0, 12, 24, 36]);
  });
});

describe("train", () => {
  test("the loss goes down, by the rates of the schedule, and samples are kept", async () => {
    const { updates, result } = await all(train(tokens, config, { ...options, steps: 50, sample: async (network) => network.name }));
    const evaluations = updates.filter((u) => u.kind === "evaluation");
    expect(evaluations.map((e) => e.step)).toEqual([20, 40, 50]);
    expect(result.history).toEqual(evaluations.map(({ kind: _, steps: __, ...rest }) => rest));
    expect(evaluations.map((e) => e.sample)).toEqual(["gpt", "gpt", "gpt"]);
    const [first, , last] = result.history;
    expect(first!.validationLoss).toBeLessThan(Math.log(tokenizer.size));
    expect(last!.validationLoss).toBeLessThan(0.6 * Math.log(tokenizer.size));
    expect(last!.validationLoss).toBeLessThan(first!.validationLoss);
    // Half a cosine over the 46 steps after 4 of warming up, down to a tenth.
    const rate = (step: number) => 1e-2 * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (step - 4)) / 46)));
    expect(first!.rate).toBeCloseTo(rate(19), 6);
    expect(last!.rate).toBeCloseTo(rate(49), 6);
  });

  test("gradients of several batches make the update of one large batch", async () => {
    const run = async (changes: Partial<TrainOptions>) =>
      weightsOf((await all(train(tokens, config, { ...options, steps: 5, evaluateEvery: 5, ...changes }))).result.network);
    const [whole, parts] = [await run({ batchSize: 8 }), await run({ batchSize: 4, accumulate: 2 })];
    for (const [i, values] of whole.entries())
      for (const [j, v] of values.entries()) expect(Math.abs(v - (parts[i]![j] as number))).toBeLessThan(2e-4);
  });

  test("gradients are cut to a length of 1 all together, and not each number by itself", async () => {
    const steps = 4;
    const given = { ...options, steps, evaluateEvery: steps, weightDecay: 0 };
    // Large weights have large gradients; Adam's update shows what they were cut to only where that is not the same share at every step.
    const start = () => {
      setRandomSeed(1);
      // Without biases: keys' have gradients of rounding alone, which Adam makes as large as any.
      const network = new Gpt({ ...config, bias: "none" });
      for (const w of network.trainableWeights) if (w.ndim > 1) w.assign(w.mul(20));
      return network;
    };
    const trained = (await weightsOf((await all(optimise(start(), tokens, given))).result.network)) as Weights;
    const [byLength, lengths] = await adam(start(), given, (gradients, length) =>
      gradients.map((g) => g.map((v) => v * Math.min(1, 1 / length))),
    );
    const [byValue] = await adam(start(), given, (gradients) => gradients.map((g) => g.map((v) => Math.max(-1, Math.min(1, v)))));
    // Of numbers whose gradient is hardly more than rounding, Adam makes any change: the whole is compared.
    const distance = (a: Weights, b: Weights) =>
      Math.sqrt(a.reduce((sum, w, i) => sum + w.reduce((s, v, j) => s + (v - b[i]![j]!) ** 2, 0), 0));
    const moved = distance(trained, (await weightsOf(start())) as Weights);
    expect(Math.min(...lengths)).toBeGreaterThan(1);
    expect(distance(byLength, trained) / moved).toBeLessThan(2e-3);
    expect(distance(byValue, trained) / moved).toBeGreaterThan(0.02);
  });

  test("stopped between two evaluations, goes on to the same weights to the bit", async () => {
    // 60 steps of 2 batches: a checkpoint lies within a pass, after 100 batches.
    const given = { ...options, steps: 130, evaluateEvery: 60, accumulate: 2, batchSize: 2, dropout: 0.1 };
    const files = (name: string) => ({ checkpoint: join(folder, `${name}.run`), best: join(folder, `${name}.best`) });
    const sample = async (network: Gpt) => String((await toArrayData(network.weights[0]!)).data[0]);
    const whole = (await all(train(tokens, config, { ...given, ...files("a"), sample }))).result;
    let calls = 0;
    const failing = async (network: Gpt) => {
      if (++calls === 2) throw new Error("stopped");
      return sample(network);
    };
    await expect(all(train(tokens, config, { ...given, ...files("b"), sample: failing }))).rejects.toThrow("stopped");
    const { result, updates } = await all(train(tokens, config, { ...given, ...files("b"), sample }));
    expect(updates.filter((u) => u.kind === "evaluation").map((u) => u.step)).toEqual([120, 130]);
    expect(result.history).toEqual(whole.history);
    expect(await weightsOf(result.network)).toEqual(await weightsOf(whole.network));
  });

  test("gives the weights with the lowest validation loss", async () => {
    const misleading: TokenSplit = {
      train: Int32Array.from({ length: 300 }, (_, i) => i % 2),
      validation: Int32Array.from({ length: 60 }, (_, i) => i % 3),
    };
    const { result } = await all(train(misleading, tiny(3), { ...options, best: join(folder, "best") }));
    expect(result.history[1]!.validationLoss).toBeGreaterThan(result.history[0]!.validationLoss);
    expect(result.final).toEqual(result.history[0]);
    const measured = await result.network.evaluate(validationWindows(misleading.validation, { context: 8, batchSize: 8, most: 16 }));
    expect(measured["loss"]).toBeCloseTo(result.final.validationLoss, 5);
  });

  test.each([
    [{ steps: 0 }, /steps is 0/],
    [{ batchSize: 1.5 }, /batchSize is 1.5/],
    [{ rate: -1 }, /the rate is -1/],
    [{ dropout: 1 }, /dropout is 1/],
    [{ context: 9 }, /windows of 9 tokens for a network that sees 8/],
  ])("refuses %j", async (changes, message) => {
    await expect(train(tokens, config, { ...options, ...changes }).next()).rejects.toThrow(message);
  });

  test("refuses tokens that the network does not know", async () => {
    await expect(train(tokens, tiny(5), options).next()).rejects.toThrow(/the text has token \d+, the network knows 5/);
  });

  test("takes GPT-3's rates for networks of GPT-3's sizes", () => {
    const rates = ["gpt3-small", "gpt3-medium", "gpt3-xl", "gpt3-175b", "gpt2"].map((name) => recipeOf(name, configOf(name)).rate);
    expect(rates).toEqual([6e-4, 3e-4, 2e-4, 0.6e-4, 6e-4]);
  });
});
