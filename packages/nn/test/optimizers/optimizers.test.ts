import { compile, svdvals, type Tensor, tensor, type Variable, valueAndGrad, variable } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import golden from "./optimizers.golden.json" with { type: "json" };

const A = tensor(golden.A, { dtype: "float32" });
const b = tensor(golden.b, { dtype: "float32" });
const start = (): Variable => variable(tensor(golden.start, { dtype: "float32" }), { name: "w" });
const loss = (w: Tensor): Tensor => A.matmul(w).sub(b).square().mean();

/** The weight after `steps` updates, inside of a compiled function or in plain code. */
async function train(optimizer: nn.Optimizer, steps: number, compiled: boolean, w = start()): Promise<number[]> {
  optimizer.build([w]);
  const step = (): void => {
    const [, gradients] = valueAndGrad(() => loss(w), { wrt: [w] })() as [Tensor, Tensor[]];
    optimizer.apply(gradients, [w]);
  };
  const run = compiled ? compile(step) : step;
  for (let i = 0; i < steps; i++) run();
  return [...(await w.data())];
}
const near = (found: number[], expected: number[], digits = 4): void =>
  found.forEach((v, i) => void expect(v).toBeCloseTo(expected[i]!, digits));

const optimizers: Record<keyof typeof golden.runs, () => nn.Optimizer> = {
  SGD: () => new nn.SGD(0.05),
  "SGD momentum": () => new nn.SGD({ learningRate: 0.05, momentum: 0.9 }),
  "SGD nesterov": () => new nn.SGD({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  Adam: () => new nn.Adam(0.05),
  "Adam amsgrad": () => new nn.Adam({ learningRate: 0.05, amsgrad: true }),
  AdamW: () => new nn.AdamW({ learningRate: 0.05, weightDecay: 0.1 }),
  Adamax: () => new nn.Adamax(0.05),
  Adagrad: () => new nn.Adagrad(0.05),
  Adadelta: () => new nn.Adadelta({ learningRate: 0.5, epsilon: 1e-6 }),
  RMSprop: () => new nn.RMSprop({ learningRate: 0.01, epsilon: 1e-12 }),
  "RMSprop centered momentum": () => new nn.RMSprop({ learningRate: 0.01, epsilon: 1e-12, centered: true, momentum: 0.5 }),
  "SGD clipnorm": () => new nn.SGD({ learningRate: 0.05, clipnorm: 0.5 }),
  "SGD clipvalue": () => new nn.SGD({ learningRate: 0.05, clipvalue: 0.2 }),
};

describe("twenty updates equal PyTorch's, compiled and in plain code, and after a description", () => {
  test.each(Object.keys(golden.runs) as (keyof typeof golden.runs)[])("%s", async (name) => {
    const make = optimizers[name];
    near(await train(make(), 20, true), golden.runs[name]);
    near(await train(make(), 20, false), golden.runs[name]);
    const config = JSON.parse(JSON.stringify(make().getConfig()));
    const again = nn.optimizerRegistry.deserialize({
      className: (make().constructor as unknown as { className: string }).className,
      config,
    });
    near(await train(again, 20, true), golden.runs[name]);
  });
});

describe("optimizers", () => {
  test("Nadam equals its formulas in double precision (PyTorch 1.13 corrects the momentum otherwise)", async () => {
    const w = [...golden.start];
    const [m, v] = [w.map(() => 0), w.map(() => 0)];
    let product = 1;
    const momentum = (t: number): number => 0.9 * (1 - 0.5 * 0.96 ** t);
    for (let t = 1; t <= 20; t++) {
      const residual = golden.A.map((row, i) => row.reduce((s, a, k) => s + a * w[k]!, 0) - golden.b[i]!);
      product *= momentum(t);
      w.forEach((_, k) => {
        const g = (2 / residual.length) * residual.reduce((s, r, i) => s + r * golden.A[i]![k]!, 0);
        m[k] = 0.9 * m[k]! + 0.1 * g;
        v[k] = 0.999 * v[k]! + 0.001 * g * g;
        const ahead = (m[k] * momentum(t + 1)) / (1 - product * momentum(t + 1)) + (g * (1 - momentum(t))) / (1 - product);
        w[k]! -= (0.05 * ahead) / (Math.sqrt(v[k] / (1 - 0.999 ** t)) + 1e-7);
      });
    }
    near(await train(new nn.Nadam(0.05), 20, true), w);
    near(await train(new nn.Nadam(0.05), 20, false), w);
  });
  test("Lion takes steps of one size", async () => {
    const after = await train(new nn.Lion(0.01), 1, true);
    after.forEach((v, i) => void expect(Math.abs(v - golden.start[i]!)).toBeCloseTo(0.01, 6));
  });
  test("Muon makes steps on matrices orthogonal, and leaves vectors to Adam", async () => {
    const matrix = variable(
      tensor(
        [
          [1, 2, 3],
          [4, 5, 7],
        ],
        { dtype: "float32" },
      ),
      { name: "m" },
    );
    const before = matrix.mul(1).realize();
    const optimizer = new nn.Muon({ learningRate: 1, momentum: 0, weightDecay: 0 });
    optimizer.build([matrix]);
    optimizer.apply(
      [
        tensor(
          [
            [3, 1, 0.5],
            [-1, 2, 4],
          ],
          { dtype: "float32" },
        ),
      ],
      [matrix],
    );
    const step = before.sub(matrix);
    const values = await svdvals(step).data();
    for (const v of values) expect(Math.abs(v - 1)).toBeLessThan(0.35);
    const vector = start();
    near(
      await train(new nn.Muon({ learningRate: 0.05, weightDecay: 0, adamBeta1: 0.9, adamBeta2: 0.999, adamLrRatio: 1 }), 20, true, vector),
      golden.runs.Adam,
    );
  });
  test("gradients accumulated over steps make one update of their mean", async () => {
    const whole = await train(new nn.SGD(0.05), 5, true);
    near(await train(new nn.SGD({ learningRate: 0.05, gradientAccumulationSteps: 4 }), 20, true), whole, 5);
  });
  test("the moving average follows the weights, and takes their place in the end", async () => {
    const optimizer = new nn.SGD({ learningRate: 0.05, useEma: true, emaMomentum: 0.5 });
    const w = start();
    const [plain, averaged] = [start(), [...golden.start]];
    const reference = new nn.SGD(0.05);
    for (let i = 0; i < 4; i++) {
      await train(optimizer, 1, false, w);
      const now = await train(reference, 1, false, plain);
      for (const [k, v] of now.entries()) averaged[k] = i === 0 ? v : 0.5 * averaged[k]! + 0.5 * v;
    }
    near([...(await w.data())], [...(await plain.data())]);
    optimizer.finalizeWeights();
    near([...(await w.data())], averaged);
  });
  test("a global norm clips all gradients together", async () => {
    const [u, v] = [variable(tensor([0, 0], { dtype: "float32" })), variable(tensor([0], { dtype: "float32" }))];
    const optimizer = new nn.SGD({ learningRate: 1, globalClipnorm: 1 });
    optimizer.apply([tensor([3, 0], { dtype: "float32" }), tensor([4], { dtype: "float32" })], [u, v]);
    near([...(await u.data()), ...(await v.data())], [-0.6, 0, -0.8]);
  });
  test("the rate can be set, unless a schedule decides", () => {
    const optimizer = new nn.SGD(0.1);
    optimizer.learningRate = 0.3;
    expect(optimizer.learningRate).toBeCloseTo(0.3, 6);
    const scheduled = new nn.SGD({ learningRate: new nn.schedules.ExponentialDecay(0.1, 10, 0.5) });
    expect(scheduled.learningRate).toBeCloseTo(0.1, 6);
    expect(() => {
      scheduled.learningRate = 1;
    }).toThrow(/follows a schedule/);
    expect(() => new nn.SGD({ clipnorm: 1, clipvalue: 1 })).toThrow(/exclude each other/);
    expect(() => new nn.Adam(-1)).toThrow(/learning rate is -1/);
  });
});

describe("schedules", () => {
  const at = async (schedule: nn.schedules.LearningRateSchedule, steps: number[]): Promise<number[]> =>
    Promise.all(steps.map((s) => schedule.call(tensor(s, { dtype: "float32" })).item()));
  const half = (x: number): number => (1 + Math.cos(Math.PI * x)) / 2;
  test("each gives the rates of its formula, also after a description", async () => {
    const cases: [nn.schedules.LearningRateSchedule, number[], number[]][] = [
      [new nn.schedules.ExponentialDecay(0.1, 10, 0.5), [0, 5, 20], [0.1, 0.1 * 0.5 ** 0.5, 0.025]],
      [new nn.schedules.ExponentialDecay(0.1, 10, 0.5, { staircase: true }), [9, 10, 25], [0.1, 0.05, 0.025]],
      [new nn.schedules.InverseTimeDecay(0.1, 10, 0.5), [0, 10, 20], [0.1, 0.1 / 1.5, 0.05]],
      [new nn.schedules.PiecewiseConstantDecay([10, 20], [1, 0.5, 0.1]), [0, 10, 11, 20, 21], [1, 1, 0.5, 0.5, 0.1]],
      [new nn.schedules.PolynomialDecay(0.1, 10, { endLearningRate: 0.01 }), [0, 5, 10, 99], [0.1, 0.055, 0.01, 0.01]],
      [new nn.schedules.PolynomialDecay(0.1, 10, { endLearningRate: 0, power: 2, cycle: true }), [5, 15], [0.025, 0.1 * 0.25 ** 2]],
      [new nn.schedules.CosineDecay(0.1, 100), [0, 25, 100, 150], [0.1, 0.1 * half(0.25), 0, 0]],
      [new nn.schedules.CosineDecay(0, 100, { warmupTarget: 0.1, warmupSteps: 10 }), [0, 5, 10, 60], [0, 0.05, 0.1, 0.1 * half(0.5)]],
      [new nn.schedules.CosineDecayRestarts(0.1, 10), [0, 5, 10, 20, 29], [0.1, 0.05, 0.1, 0.05, 0.1 * half(0.95)]],
      [new nn.schedules.OneCycle(1, 100), [0, 29, 99], [1 / 25, 1, 1 / 250_000]],
      [new nn.schedules.LinearWarmup(new nn.schedules.CosineDecay(0.1, 100), 10), [0, 4, 60], [0, 0.04, 0.1 * half(0.5)]],
    ];
    for (const [schedule, steps, rates] of cases) {
      near(await at(schedule, steps), rates, 5);
      const optimizer = nn.optimizerRegistry.deserialize({
        className: "SGD",
        config: JSON.parse(JSON.stringify(new nn.SGD({ learningRate: schedule }).getConfig())),
      });
      expect(optimizer.learningRate).toBeCloseTo((await at(schedule, [0]))[0]!, 6);
    }
  });
});
