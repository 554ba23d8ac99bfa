import { compile, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  Adam,
  BatchNormalization,
  Dense,
  GroupNormalization,
  LayerNormalization,
  Sequential,
  SpectralNormalization,
  setRandomSeed,
} from "../../src/index.ts";
import { setMask } from "../../src/masking.ts";
import { checkLayer, expectClose, numbers } from "../check.ts";

const float64 = { dtype: "float64" } as const;
const rows = (x: Tensor): number[][] => x.reshape([-1, x.shape.at(-1)!]).tolistSync() as number[][];

describe("BatchNormalization", () => {
  const x = numbers([6, 3]).mul(2).add(5);
  const columns = (list: number[][]): { mean: number[]; variance: number[] } => {
    const mean = list[0]!.map((_, c) => list.reduce((sum, row) => sum + row[c]!, 0) / list.length);
    return { mean, variance: mean.map((m, c) => list.reduce((sum, row) => sum + (row[c]! - m) ** 2, 0) / list.length) };
  };

  test("training moves the moving statistics by a hundredth, towards the batch's", () => {
    const layer = new BatchNormalization(float64);
    layer(x, { training: true });
    const { mean, variance } = columns(rows(x));
    expectClose(layer.movingMean, { shape: [3], data: mean.map((m) => 0.01 * m) });
    expectClose(layer.movingVariance, { shape: [3], data: variance.map((v) => 0.99 + 0.01 * v) });
    layer(x);
    expectClose(layer.movingMean, { shape: [3], data: mean.map((m) => 0.01 * m) });
    expect(layer.trainableWeights.length).toBe(2);
    expect(layer.nonTrainableWeights.length).toBe(2);
  });
  test("one that is not trainable uses and keeps its moving statistics also in training", () => {
    const layer = new BatchNormalization({ ...float64, trainable: false });
    expectClose(layer(x, { training: true }), x.div(Math.sqrt(1.001)));
    expectClose(layer.movingMean, { shape: [3], data: [0, 0, 0] });
  });
  test("masked times take no part in the statistics", () => {
    const sequence = numbers([2, 4, 3]);
    const mask = tensor([
      [true, true, false, false],
      [true, true, true, false],
    ]);
    setMask(sequence, mask);
    const layer = new BatchNormalization({ ...float64, momentum: 0 });
    layer(sequence, { training: true });
    const all = rows(sequence);
    const { mean, variance } = columns([0, 1, 4, 5, 6].map((i) => all[i]!));
    expectClose(layer.movingMean, { shape: [3], data: mean });
    expectClose(layer.movingVariance, { shape: [3], data: variance });
  });
  test("digits survive a mean that is large beside the deviation", () => {
    const far = tensor([10000, 10001, 10002, 10003]).astype("float32").reshape([4, 1]);
    const y = new BatchNormalization({ epsilon: 0 })(far, { training: true });
    expectClose(y.astype("float64"), { shape: [4, 1], data: [-1.5, -0.5, 0.5, 1.5].map((d) => d / Math.sqrt(1.25)) }, 1e-6);
  });
  test("in fit it learns, and evaluates by the moving statistics", async () => {
    setRandomSeed(4);
    const model = new Sequential([new Dense(8), new BatchNormalization({ momentum: 0.8 }), new Dense(1)]);
    const input = numbers([64, 2]).astype("float32").mul(30).add(100);
    const target = input.sum({ axis: 1, keepdims: true }).div(50);
    model.compile({ optimizer: new Adam(0.05), loss: "mse" });
    await model.fit(input, target, { epochs: 60, verbose: 0 });
    const { loss } = await model.evaluate(input, target, { verbose: 0 });
    expect(loss).toBeLessThan(0.05);
  });
});

describe("errors name the layer and the shapes", () => {
  test("of another size, and of groups that do not divide", () => {
    const layer = new LayerNormalization({ name: "norm" });
    layer(numbers([2, 3]));
    expect(() => layer(numbers([2, 4]))).toThrow(/LayerNormalization "norm".*size 3.*\[2, 4\]/);
    expect(() => new GroupNormalization(4)(numbers([2, 6]))).toThrow(/6 channels.*4 groups/);
    expect(() => new BatchNormalization({ axis: 3 })(numbers([2, 6]))).toThrow(/BatchNormalization/);
  });
});

describe("SpectralNormalization", () => {
  test("brings the kernel's largest singular value to 1, in eager and compiled calls", () => {
    const layer = new SpectralNormalization(new Dense(3, { ...float64, kernelInitializer: "randomNormal" }), {
      ...float64,
      powerIterations: 5,
    });
    const x = numbers([2, 4]);
    const step = compile((input: Tensor) => layer(input, { training: true }));
    step(x);
    for (let i = 0; i < 10; i++) step(x);
    const kernel = (layer.layer as Dense).kernel;
    const values = kernel.T.matmul(kernel);
    // The largest eigenvalue of KᵀK, by plain power iteration.
    let v = [1, 0.5, 0.2];
    let length = 0;
    for (let i = 0; i < 500; i++) {
      const w = (values.tolistSync() as number[][]).map((row) => row.reduce((s, a, j) => s + a * v[j]!, 0));
      length = Math.hypot(...w);
      v = w.map((a) => a / length);
    }
    expect(Math.sqrt(length)).toBeCloseTo(1, 6);
    expect(layer.trainableWeights.length).toBe(2);
    checkLayer(new SpectralNormalization(new Dense(3, float64), float64), { inputs: [x], params: 18 });
  });
});
