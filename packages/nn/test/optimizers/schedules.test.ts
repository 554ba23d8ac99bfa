import { compile, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { SGD, schedules } from "../../src/index.ts";
import { type LearningRateSchedule, scheduleRegistry } from "../../src/optimizers/schedules.ts";
import { serialize } from "../../src/serialize.ts";

const {
  CosineDecay,
  CosineDecayRestarts,
  ExponentialDecay,
  InverseTimeDecay,
  LinearWarmup,
  OneCycle,
  PiecewiseConstantDecay,
  PolynomialDecay,
} = schedules;

const cosine = (share: number): number => 0.5 * (1 + Math.cos(Math.PI * share));

/** Periods one by one: the plain form of CosineDecayRestarts. */
function restarts(step: number, first: number, tMul: number, mMul: number, alpha: number): number {
  let [length, start, scale] = [first, 0, 1];
  while (step >= start + length) {
    start += length;
    length *= tMul;
    scale *= mMul;
  }
  return (1 - alpha) * scale * cosine((step - start) / length) + alpha;
}

/** torch.optim.lr_scheduler.OneCycleLR's rule. */
function oneCycle(step: number, total: number, highest: number): number {
  const top = 0.3 * total - 1;
  const anneal = (from: number, to: number, share: number): number => to + (from - to) * cosine(share);
  return step <= top ? anneal(highest / 25, highest, step / top) : anneal(highest, highest / 25 / 1e4, (step - top) / (total - 1 - top));
}

const cases: [string, LearningRateSchedule, (t: number) => number][] = [
  ["exponential", new ExponentialDecay(0.1, 10, 0.5), (t) => 0.1 * 0.5 ** (t / 10)],
  ["exponential by steps", new ExponentialDecay(0.1, 10, 0.5, { staircase: true }), (t) => 0.1 * 0.5 ** Math.floor(t / 10)],
  ["inverse time", new InverseTimeDecay(0.1, 10, 0.5), (t) => 0.1 / (1 + (0.5 * t) / 10)],
  ["inverse time by steps", new InverseTimeDecay(0.1, 10, 0.5, { staircase: true }), (t) => 0.1 / (1 + 0.5 * Math.floor(t / 10))],
  ["piecewise", new PiecewiseConstantDecay([5, 20], [1, 0.5, 0.1]), (t) => (t <= 5 ? 1 : t <= 20 ? 0.5 : 0.1)],
  ["polynomial", new PolynomialDecay(0.1, 30, { power: 2 }), (t) => (0.1 - 1e-4) * (1 - Math.min(t, 30) / 30) ** 2 + 1e-4],
  [
    "polynomial in cycles",
    new PolynomialDecay(0.1, 10, { endLearningRate: 0.01, cycle: true }),
    (t) => 0.09 * (1 - t / (10 * Math.max(1, Math.ceil(t / 10)))) + 0.01,
  ],
  ["cosine", new CosineDecay(0.1, 30, { alpha: 0.1 }), (t) => 0.1 * (0.9 * cosine(Math.min(t / 30, 1)) + 0.1)],
  [
    "cosine after warming up",
    new CosineDecay(0.01, 30, { warmupTarget: 0.1, warmupSteps: 5 }),
    (t) => (t < 5 ? 0.01 + (0.09 * t) / 5 : 0.1 * cosine(Math.min((t - 5) / 30, 1))),
  ],
  ["restarts", new CosineDecayRestarts(0.1, 4), (t) => 0.1 * restarts(t, 4, 2, 1, 0)],
  ["shrinking restarts", new CosineDecayRestarts(0.1, 5, { tMul: 3, mMul: 0.8, alpha: 0.2 }), (t) => 0.1 * restarts(t, 5, 3, 0.8, 0.2)],
  ["equal restarts", new CosineDecayRestarts(0.1, 7, { tMul: 1, mMul: 0.5 }), (t) => 0.1 * restarts(t, 7, 1, 0.5, 0)],
  ["one cycle", new OneCycle(0.1, 50), (t) => oneCycle(Math.min(t, 49), 50, 0.1)],
  ["warmup to a fixed rate", new LinearWarmup(0.1, 10), (t) => Math.min(t / 10, 1) * 0.1],
  [
    "warmup to a schedule",
    new LinearWarmup(new ExponentialDecay(0.1, 10, 0.5), 10, { initialLearningRate: 0.02 }),
    (t) => (t < 10 ? 0.02 + (0.08 * t) / 10 : 0.1 * 0.5 ** ((t - 10) / 10)),
  ],
];

describe("schedules", () => {
  for (const [name, schedule, plain] of cases)
    test(`${name} follows its formula, also when made from its configuration`, () => {
      const again = scheduleRegistry.deserialize(serialize(schedule));
      const program = compile((t: Tensor) => again.call(t));
      for (let t = 0; t < 64; t++) {
        const step = tensor(t, { dtype: "float32" });
        expect(schedule.call(step).itemSync(), `step ${t}`).toBeCloseTo(plain(t), 6);
        expect(program(step).itemSync(), `step ${t}`).toBeCloseTo(plain(t), 6);
      }
      expect(serialize(again)).toEqual(serialize(schedule));
    });
  test("restart at the right step after many steps", () => {
    const schedule = new CosineDecayRestarts(1, 1000);
    for (const restart of [1000, 3000, 7000, 15000, 31000])
      for (const [t, rate] of [
        [restart - 1, 0],
        [restart, 1],
        [restart + 1, 1],
      ] as const)
        expect(schedule.call(tensor(t, { dtype: "float32" })).itemSync(), `step ${t}`).toBeCloseTo(rate, 2);
  });
  test("decide an optimizer's rate, which cannot be set then", () => {
    const opt = new SGD(new ExponentialDecay(0.1, 10, 0.5));
    expect(opt.learningRate).toBeCloseTo(0.1, 7);
    expect(() => (opt.learningRate = 1)).toThrow(/follows a schedule/);
    expect((opt.getConfig().learningRate as { className: string }).className).toBe("ExponentialDecay");
  });
  test("say what is wrong with their arguments", () => {
    expect(() => new ExponentialDecay(0.1, 0, 0.5)).toThrow(/decaySteps is 0/);
    expect(() => new PiecewiseConstantDecay([1], [1])).toThrow(/1 boundaries and 1 values/);
    expect(() => new OneCycle(0.1, 1)).toThrow(/totalSteps is 1/);
  });
});
