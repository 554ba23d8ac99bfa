import { compile, random, type Tensor, valueAndGrad } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { withContext } from "../../src/context.ts";
import {
  ActivityRegularization,
  AlphaDropout,
  Dropout,
  GaussianDropout,
  GaussianNoise,
  SpatialDropout1D,
  SpatialDropout2D,
  SpatialDropout3D,
} from "../../src/index.ts";
import { checkLayer, expectClose, numbers } from "../check.ts";

const float64 = { dtype: "float64" } as const;
const training = { training: true };
const many = random.normal(random.randomKey(1), [200, 300]);
const one = (x: Tensor): number => x.dataSync()[0] as number;
const mean = (x: Tensor): number => one(x.mean());
const deviation = (x: Tensor): number => one(x.std());

describe("outside of training nothing happens", () => {
  const layers = [
    new Dropout(0.3, { ...float64, noiseShape: [null, 1, null, null] }),
    new SpatialDropout2D(0.3, float64),
    new GaussianNoise(0.3, float64),
    new GaussianDropout(0.3, float64),
    new AlphaDropout(0.3, float64),
    new ActivityRegularization({ ...float64, l1: 0.1 }),
  ];
  for (const layer of layers)
    test(String(layer), () => {
      const x = numbers([2, 3, 4, 2]);
      checkLayer(layer, { inputs: [x], expected: x, params: 0 });
    });
});

describe("in training", () => {
  test("Dropout drops a share and scales up the rest", () => {
    const y = new Dropout(0.25, { seed: 1 })(many.mul(0).add(3), training);
    const values = [...y.dataSync()] as number[];
    expect(new Set(values)).toEqual(new Set([0, 4]));
    expect(values.filter((v) => v === 0).length / values.length).toBeCloseTo(0.25, 2); // a seed: by chance one run in 200 is further off
    expect(mean(new Dropout(1)(many, training).abs())).toBe(0);
  });
  test("a compiled program draws anew at every call, and a seed repeats", () => {
    const run = (): number[][] => {
      const layer = new Dropout(0.5, { seed: 7 });
      const step = compile((x: Tensor) => layer(x, training));
      const x = numbers([20]).mul(0).add(1).reshape([1, 20]);
      return [0, 1, 2].map(() => [...step(x).dataSync()] as number[]);
    };
    const first = run();
    expect(first[0]).not.toEqual(first[1]);
    expect(first[1]).not.toEqual(first[2]);
    expect(run()).toEqual(first);
  });
  test("plain calls do constant work, however many came before", () => {
    const layer = new Dropout(0.5);
    const x = numbers([1, 4]).astype("float32");
    const calls = (n: number): number => {
      const start = performance.now();
      for (let i = 0; i < n; i++) layer(x, training).dataSync();
      return performance.now() - start;
    };
    calls(50);
    const first = calls(100);
    calls(500);
    expect(calls(100)).toBeLessThan(4 * first + 50);
  });
  test("gradients pass where nothing was dropped", () => {
    const layer = new Dropout(0.5, { seed: 2 });
    const x = numbers([4, 8]).astype("float32");
    const [, gradient] = valueAndGrad((t: Tensor) => layer(t, training).sum())(x) as [Tensor, Tensor];
    const repeated = new Dropout(0.5, { seed: 2 })(x.mul(0).add(1), training);
    expectClose(gradient, repeated);
  });
  test("noiseShape and the spatial forms decide for whole axes", () => {
    const whole = (y: Tensor, axes: number[]): void => {
      const low = y.min({ axis: axes });
      expectClose(low, y.max({ axis: axes }));
      expect([0, 2].every((v) => [...low.dataSync()].includes(v))).toBe(true);
    };
    const ones = (...shape: number[]): Tensor => numbers(shape).mul(0).add(1);
    whole(new Dropout(0.5, { noiseShape: [null, 1, null], seed: 1 })(ones(4, 5, 16), training), [1]);
    whole(new SpatialDropout1D(0.5, { seed: 1 })(ones(4, 5, 16), training), [1]);
    whole(new SpatialDropout2D(0.5, { seed: 1 })(ones(4, 3, 3, 16), training), [1, 2]);
    whole(new SpatialDropout2D(0.5, { dataFormat: "channelsFirst", seed: 1 })(ones(4, 16, 3, 3), training), [2, 3]);
    whole(new SpatialDropout3D(0.5, { seed: 1 })(ones(4, 2, 3, 2, 16), training), [1, 2, 3]);
  });
  test("GaussianNoise and GaussianDropout have the promised deviations", () => {
    const flat = many.mul(0).add(2);
    const noisy = new GaussianNoise(0.5, { seed: 1 })(flat, training);
    expect(mean(noisy)).toBeCloseTo(2, 2);
    expect(deviation(noisy)).toBeCloseTo(0.5, 2);
    const scaled = new GaussianDropout(0.2, { seed: 1 })(flat, training);
    expect(mean(scaled)).toBeCloseTo(2, 1.5);
    expect(deviation(scaled)).toBeCloseTo(2 * Math.sqrt(0.2 / 0.8), 1.5);
  });
  test("AlphaDropout keeps mean 0 and variance 1", () => {
    const y = new AlphaDropout(0.3, { seed: 1 })(many, training);
    expect(Math.abs(mean(y))).toBeLessThan(0.02);
    expect(Math.abs(deviation(y) - 1)).toBeLessThan(0.02);
  });
  test("ActivityRegularization adds its penalty for each example to the losses", () => {
    const losses: Tensor[] = [];
    const x = numbers([2, 3]);
    withContext({ training: true, losses }, () => new ActivityRegularization({ l1: 0.1, l2: 0.01 })(x));
    const values = [...x.dataSync()] as number[];
    const expected = values.reduce((sum, v) => sum + 0.1 * Math.abs(v) + 0.01 * v * v, 0) / 2;
    expect(losses.length).toBe(1);
    expect(one(losses[0]!)).toBeCloseTo(expected, 12);
  });
});

test("bad arguments are named", () => {
  expect(() => new Dropout(1.5)).toThrow(/Dropout.*rate is 1.5/);
  expect(() => new GaussianNoise(-1)).toThrow(/stddev is -1/);
  expect(() => new SpatialDropout1D(0.5)(numbers([2, 3]), training)).toThrow(/expects 3 dimensions/);
  expect(() => new Dropout(0.5, { noiseShape: [1, 2] })(numbers([2, 3]), training)).toThrow(/noiseShape is \[1, 2\]/);
});
