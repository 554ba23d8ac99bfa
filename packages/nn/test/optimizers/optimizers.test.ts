import { readFileSync } from "node:fs";
import { compile, type Tensor, tanh, tensor, type Variable, valueAndGrad, variable } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import { optimizer, optimizerRegistry } from "../../src/optimizers/optimizer.ts";
import { type Config, serialize } from "../../src/serialize.ts";

interface Case {
  readonly name: string;
  readonly options: Config;
  readonly weights: readonly (readonly number[])[];
}
const golden = JSON.parse(readFileSync(new URL("./optimizers.golden.json", import.meta.url), "utf8")) as {
  x: number[];
  y: number[];
  start: number[][];
  cases: Case[];
};

const floats = (...values: number[]): Tensor => tensor(Float32Array.from(values));
const double = (data: readonly number[], shape: readonly number[]): Tensor => tensor(Float64Array.from(data)).reshape([...shape]);

/** The golden file's problem: weights, and one step of an optimizer, in a program or as a plain loop. */
function problem(opt: nn.Optimizer, compiled: boolean) {
  const [x, y] = [double(golden.x, [8, 6]), double(golden.y, [8, 3])];
  const weights = [double(golden.start[0]!, [6, 3]), double(golden.start[1]!, [3])].map((w, i) => variable(w, { name: `layer/w${i}` }));
  const [w, b] = weights as [Variable, Variable];
  const loss = () => tanh(x.matmul(w).add(b)).sub(y).square().mean().mul(4);
  const once = (): Tensor => {
    const [value, gradients] = valueAndGrad(loss, { wrt: weights })() as [Tensor, Tensor[]];
    opt.apply(gradients, weights);
    return value;
  };
  return { weights, step: compiled ? compile(once) : once };
}

const make = ({ name, options }: Case): nn.Optimizer => optimizerRegistry.deserialize({ className: name, config: options });

function run(opt: nn.Optimizer, compiled: boolean, steps = 20): number[][] {
  const { weights, step } = problem(opt, compiled);
  for (let i = 0; i < steps; i++) step();
  opt.finalizeWeights();
  return weights.map((w) => Array.from(w.dataSync() as Float64Array));
}

function expectClose(actual: readonly (readonly number[])[], expected: readonly (readonly number[])[], tolerance: number): void {
  const [a, b] = [actual.flat(), expected.flat()];
  expect(a.length).toBe(b.length);
  const worst = Math.max(...a.map((v, i) => Math.abs(v - b[i]!) / Math.max(1, Math.abs(b[i]!))));
  expect(worst).toBeLessThan(tolerance);
}

describe("20 steps agree with PyTorch, or with the rule in double precision", () => {
  golden.cases.forEach((example, i) => {
    test(`${example.name} ${JSON.stringify(example.options)} (${i})`, () => {
      // The rate is a float32 number.
      const eager = run(make(example), false);
      expectClose(eager, example.weights, 2e-7);
      // Kernels are put together otherwise in a program: the last digit of a float64 may differ.
      expectClose(run(make(example), true), eager as never, 1e-13);
    });
  });
});

describe("optimizers", () => {
  test("are made from names, and again from their configuration", () => {
    for (const name of ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "ftrl", "lion", "muon"]) {
      const made = optimizer(name);
      const again = optimizer(serialize(made));
      expect(again.constructor).toBe(made.constructor);
      expect(again.getConfig()).toEqual(made.getConfig());
    }
  });
  test("have Keras's rates unless told", () => {
    const rates = [new nn.SGD(), new nn.Adam(), new nn.RMSprop(), new nn.Adam(0.5)].map((o) => o.learningRate);
    [0.01, 0.001, 0.001, 0.5].forEach((rate, i) => expect(rates[i]).toBeCloseTo(rate, 8));
    expect(new nn.AdamW().getConfig().weightDecay).toBe(0.004);
    expect(new nn.Muon().getConfig().weightDecay).toBe(0.1);
  });
  test("change the rate of a running program", () => {
    const opt = new nn.SGD(0.05);
    const { weights, step } = problem(opt, true);
    step();
    const before = weights[0]!.tolistSync();
    opt.learningRate = 0;
    step();
    expect(weights[0]!.tolistSync()).toEqual(before);
  });
  test("change nothing where a step is not allowed", () => {
    const opt = new nn.Adam({ learningRate: 0.05, gradientAccumulationSteps: 2, useEma: true });
    const w = variable(floats(1, 2, 3), { name: "w" });
    const step = compile((g: Tensor, allowed: Tensor) => opt.apply([g], [w], allowed));
    const state = () => [w, ...opt.variables].map((v) => v.tolistSync());
    for (let i = 0; i < 3; i++) step(floats(1, 1, -1), tensor(true));
    const before = state();
    for (let i = 0; i < 3; i++) step(floats(Number.NaN, 1, 1), tensor(false));
    expect(state()).toEqual(before);
    step(floats(1, 1, -1), tensor(true));
    expect(state()).not.toEqual(before);
  });
  test("update half-precision weights in float32", () => {
    for (const dtype of ["float16", "bfloat16"] as const) {
      const opt = new nn.AdamW({ learningRate: 0.125, useEma: true, globalClipnorm: 1 });
      const w = variable(floats(1, -2).astype(dtype), { name: "w" });
      for (let i = 0; i < 3; i++) opt.apply([floats(1e-4, -1e-4).astype(dtype)], [w]);
      expect(w.dtype).toBe(dtype);
      // Adam's first steps are as long as the rate.
      Array.from(w.dataSync() as Float32Array).forEach((x, i) => expect(x).toBeCloseTo([0.625, -1.625][i]!, 1));
    }
  });
  test("leave excluded weights out of weight decay", () => {
    const opt = new nn.SGD({ learningRate: 0.1, weightDecay: 0.5 });
    const weights = ["dense/kernel", "dense/bias"].map((name) => variable(floats(1), { name }));
    opt.excludeFromWeightDecay({ varNames: ["bias"] });
    opt.apply([floats(0), floats(0)], weights);
    expect(weights.map((w) => w.itemSync())).toEqual([expect.closeTo(0.95, 6), 1]);
  });
  test("update all weights of a shape in one kernel, beside one for the numbers", () => {
    const many = [new nn.Adam(), new nn.AdamW(), new nn.SGD({ momentum: 0.9 }), new nn.RMSprop(), new nn.Adagrad()];
    for (const opt of [...many, new nn.Adadelta(), new nn.Adamax(), new nn.Nadam(), new nn.Ftrl(), new nn.Lion()]) {
      const weights = ["a", "b", "c"].map((name) => variable(floats(1, 2, 3), { name }));
      const step = compile((g: Tensor) => opt.apply([g, g, g], weights));
      step(floats(1, 1, 1));
      expect(step.explain().match(/^kernel /gm)!.length, opt.name).toBeLessThanOrEqual(2);
    }
  });
  test("say what is wrong with their arguments", () => {
    expect(() => new nn.Adam(-1)).toThrow(/learning rate is -1/);
    expect(() => new nn.SGD({ momentum: 2 })).toThrow(/momentum is 2/);
    expect(() => new nn.SGD({ clipnorm: 1, clipvalue: 1 })).toThrow(/exclude each other/);
    expect(() => new nn.SGD({ gradientAccumulationSteps: 0 })).toThrow(/gradientAccumulationSteps is 0/);
    expect(() => new nn.Ftrl({ learningRatePower: 1 })).toThrow(/learningRatePower is 1/);
    expect(() => optimizer("adamm")).toThrow(/unknown optimizer "adamm".*adam/s);
  });
});
