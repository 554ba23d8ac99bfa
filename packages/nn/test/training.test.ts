import { tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { Adam, Dense, Sequential, setRandomSeed } from "../src/index.ts";

const sine = () => {
  const xs = Float32Array.from({ length: 512 }, (_, i) => i / 256 - 1);
  return { x: tensor(xs).reshape([512, 1]), y: tensor(xs.map((v) => Math.sin(3 * v))).reshape([512, 1]) };
};
const network = () => new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);

describe("fit", () => {
  test("a small network learns a sine, and the same seed gives the same numbers", async () => {
    const run = async (): Promise<number[]> => {
      setRandomSeed(3);
      const model = network().compile({ optimizer: new Adam(0.02), loss: "mse" });
      const { x, y } = sine();
      return (await model.fit(x, y, { epochs: 30, verbose: 0 })).history.loss!;
    };
    const first = await run();
    expect(first.at(-1)).toBeLessThan(0.02);
    expect(await run()).toEqual(first);
  });
  test("a loss that is not finite stops training with step, place and advice, and leaves the weights finite", async () => {
    const model = network().compile({ optimizer: new Adam(0.02), loss: "mse" });
    const { x, y } = sine();
    const bad = y.at(100).set(Number.NaN);
    await expect(model.fit(x, bad, { epochs: 3, verbose: 0 })).rejects.toThrow(/not a finite number at step \d+.*targets.*learning rate/s);
    for (const w of model.getWeights()) expect(await w.isfinite().all().item()).toBe(1);
  });
});
