import "../../src/graph/init.ts";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/graph/autodiff.ts";
import { compile } from "../../src/graph/compile.ts";
import { make } from "../../src/graph/node.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import * as random from "../../src/ops/random/index.ts";

const key = random.randomKey(2024);
const words = (t: Tensor): number[] => Array.from(t.dataSync());
const n = 4000;
/** Largest distance between distribution functions that a right sample exceeds once in 10^4 seeds (Kolmogorov). */
const critical = 2.23 / Math.sqrt(n);

/** Kolmogorov-Smirnov distance of a sample from a continuous distribution function. */
function distance(sample: ArrayLike<number>, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(sample).sort();
  return sorted.reduce(
    (worst, x, i) => Math.max(worst, Math.abs(cdf(x) - i / sorted.length), Math.abs(cdf(x) - (i + 1) / sorted.length)),
    0,
  );
}

/** The same for integers from 0 with given probabilities. */
function discreteDistance(sample: ArrayLike<number>, pmf: (k: number) => number): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < sample.length; i++) counts.set(sample[i]!, (counts.get(sample[i]!) ?? 0) + 1);
  const top = Math.max(...counts.keys());
  expect(Math.min(...counts.keys())).toBeGreaterThanOrEqual(0);
  let [expected, found, worst] = [0, 0, 0];
  for (let k = 0; k <= top; k++) {
    expected += pmf(k);
    found += (counts.get(k) ?? 0) / sample.length;
    worst = Math.max(worst, Math.abs(expected - found));
  }
  return worst;
}

function moments(x: ArrayLike<number>): { mean: number; variance: number } {
  const values = Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length };
}

/** Simpson's rule from `from` to x. */
function integral(f: (t: number) => number, from: number, x: number, steps = 400): number {
  const h = (x - from) / steps;
  let sum = f(from) + f(x);
  for (let i = 1; i < steps; i++) sum += f(from + i * h) * (i % 2 ? 4 : 2);
  return (sum * h) / 3;
}
const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
const normalCdf = (x: number) => (Math.abs(x) > 8 ? Number(x > 0) : 0.5 + integral(density, 0, x));
function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x);
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5);
}
/** The integral of t^(a-1) e^-t / Γ(a), after t = u^(1/a). */
const gammaCdf = (a: number) => (x: number) =>
  a < 1
    ? integral((u) => Math.exp(-(u ** (1 / a)) - logGamma(a + 1)), 0, x ** a)
    : integral((t) => t ** (a - 1) * Math.exp(-t - logGamma(a)), 0, x);

describe("Threefry", () => {
  test("gives the published words (Random123, kat_vectors)", () => {
    expect(random.threefry2x32([0, 0], [0, 0])).toEqual([0x6b200159, 0x99ba4efe]);
    expect(random.threefry2x32([0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff])).toEqual([0x1cb996fc, 0xbb002be7]);
    expect(random.threefry2x32([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3])).toEqual([0xc4923a9c, 0x483df7a0]);
  });

  test("is what the device computes", () => {
    const seed = 5 * 2 ** 32 + 17;
    const expected = Array.from({ length: 6 }, (_, i) => random.threefry2x32([5, 17], [i, 0])[0]);
    expect(words(random.bits(random.randomKey(seed), [2, 3]))).toEqual(expected);
  });
});

describe("keys", () => {
  test("repeat: equal seeds give equal numbers", () => {
    expect(words(random.normal(random.randomKey(7), [5]))).toEqual(words(random.normal(random.randomKey(7), [5])));
    expect(words(random.normal(random.randomKey(8), [5]))).not.toEqual(words(random.normal(random.randomKey(7), [5])));
  });

  test("split into keys that differ from each other, from the key, from folds and from its numbers", () => {
    const keys = [key, ...random.split(key, 50), ...Array.from({ length: 50 }, (_, i) => random.foldIn(key, i))];
    const seen = keys.flatMap(words);
    const all = [...seen, ...words(random.bits(key, [100]))];
    expect(new Set(all).size).toBe(all.length);
  });

  test("split into streams that do not correlate", () => {
    const [a, b] = random.split(key).map((k) => Array.from(random.normal(k, [n]).dataSync())) as [number[], number[]];
    const own = Array.from(random.normal(key, [n]).dataSync());
    for (const [x, y] of [
      [a, b],
      [a, own],
      [b, own],
    ] as const) {
      const correlation = Array.from(x, (v, i) => v * y[i]!).reduce((s, v) => s + v, 0) / n;
      expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(n));
    }
  });

  test("fold in numbers and arrays alike", () => {
    expect(words(random.foldIn(key, 3))).toEqual(words(random.foldIn(key, asTensor(3))));
    const step = compile((i: Tensor) => random.foldIn(key, i));
    expect(words(step(asTensor(3)))).toEqual(words(random.foldIn(key, 3)));
  });

  test("say what is wrong with a seed or a key", () => {
    expect(() => random.randomKey(-1)).toThrow(/the seed is -1/);
    expect(() => random.normal(asTensor([1, 2]), [3])).toThrow(/normal: the key is int32\[2\]\. Make one with randomKey/);
  });
});

describe("distributions", () => {
  const continuous: [string, Tensor | (() => Tensor), (x: number) => number][] = [
    ["uniform", () => random.uniform(key, [n]), (x) => x],
    ["uniform float64", () => random.uniform(key, [n], { dtype: "float64" }), (x) => x],
    ["uniform of a range", () => random.uniform(key, [n], { low: -2, high: 6 }), (x) => (x + 2) / 8],
    ["normal", () => random.normal(key, [n]), normalCdf],
    ["normal float64", () => random.normal(key, [n], { dtype: "float64" }), normalCdf],
    ["normal of loc and scale", () => random.normal(key, [n], { loc: 3, scale: 0.5 }), (x) => normalCdf((x - 3) / 0.5)],
    ["lognormal", () => random.lognormal(key, [n], { loc: 0.2, scale: 0.7 }), (x) => normalCdf((Math.log(x) - 0.2) / 0.7)],
    ["exponential", () => random.exponential(key, [n], { scale: 2 }), (x) => 1 - Math.exp(-x / 2)],
    ["laplace", () => random.laplace(key, [n]), (x) => (x < 0 ? Math.exp(x) / 2 : 1 - Math.exp(-x) / 2)],
    ["logistic", () => random.logistic(key, [n]), (x) => 1 / (1 + Math.exp(-x))],
    ["gumbel", () => random.gumbel(key, [n]), (x) => Math.exp(-Math.exp(-x))],
    ["truncatedNormal", () => random.truncatedNormal(key, [n]), (x) => (normalCdf(x) - normalCdf(-2)) / (normalCdf(2) - normalCdf(-2))],
    [
      "truncatedNormal in a tail",
      () => random.truncatedNormal(key, [n], { lower: 3, upper: 4 }),
      (x) => integral(density, 3, x) / integral(density, 3, 4),
    ],
    ["gamma 0.4", () => random.gamma(key, 0.4, [n]), gammaCdf(0.4)],
    ["gamma 1", () => random.gamma(key, 1, [n]), gammaCdf(1)],
    ["gamma 4.5 of scale 2", () => random.gamma(key, 4.5, [n], { scale: 2 }), (x) => gammaCdf(4.5)(x / 2)],
    ["chisquare", () => random.chisquare(key, 5, [n]), (x) => gammaCdf(2.5)(x / 2)],
    [
      "standardT of 3",
      () => random.standardT(key, 3, [n]),
      (x) => 0.5 + (Math.atan(x / Math.sqrt(3)) + x / Math.sqrt(3) / (1 + (x * x) / 3)) / Math.PI,
    ],
    ["beta 2, 3", () => random.beta(key, 2, 3, [n]), (x) => 6 * x ** 2 - 8 * x ** 3 + 3 * x ** 4],
    ["beta 0.5, 0.5", () => random.beta(key, 0.5, 0.5, [n]), (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x))],
  ];
  for (const [name, sample, cdf] of continuous)
    test(`${name} follows its distribution function`, () => {
      const x = (typeof sample === "function" ? sample() : sample).dataSync();
      expect(distance(x, cdf)).toBeLessThan(critical);
    });

  const poissonPmf = (mean: number) => (k: number) => Math.exp(k * Math.log(mean) - mean - logGamma(k + 1));
  const binomialPmf = (N: number, p: number) => (k: number) =>
    k > N ? 0 : Math.exp(logGamma(N + 1) - logGamma(k + 1) - logGamma(N - k + 1) + k * Math.log(p) + (N - k) * Math.log1p(-p));
  const discrete: [string, () => Tensor, (k: number) => number][] = [
    ["poisson 0.7", () => random.poisson(key, 0.7, [n]), poissonPmf(0.7)],
    ["poisson 9.9", () => random.poisson(key, 9.9, [n]), poissonPmf(9.9)],
    ["poisson 10", () => random.poisson(key, 10, [n]), poissonPmf(10)],
    ["poisson 300", () => random.poisson(key, 300, [n]), poissonPmf(300)],
    ["poisson of arrays", () => random.poisson(key, wrap(make.constant(20, [n], "float32"))), poissonPmf(20)],
    ["binomial 10, 0.3", () => random.binomial(key, 10, 0.3, [n]), binomialPmf(10, 0.3)],
    ["binomial 12, 0.9", () => random.binomial(key, 12, 0.9, [n]), binomialPmf(12, 0.9)],
    ["binomial 40, 0.5", () => random.binomial(key, 40, 0.5, [n]), binomialPmf(40, 0.5)],
    ["binomial 1000, 0.2", () => random.binomial(key, 1000, 0.2, [n]), binomialPmf(1000, 0.2)],
    ["binomial 500, 0.9", () => random.binomial(key, wrap(make.constant(500, [n], "int32")), 0.9), binomialPmf(500, 0.9)],
    ["geometric", () => random.geometric(key, 0.3, [n]), (k) => (k === 0 ? 0 : 0.3 * 0.7 ** (k - 1))],
    ["integers", () => random.integers(key, [n], 7), (k) => (k < 7 ? 1 / 7 : 0)],
    [
      "categorical",
      () => random.categorical(key, [Math.log(0.2), Math.log(0.5), Math.log(0.3)], { shape: [n] }),
      (k) => [0.2, 0.5, 0.3][k]!,
    ],
    ["choice with probabilities", () => random.choice(key, 3, [n], { p: [2, 5, 3] }), (k) => [0.2, 0.5, 0.3][k]!],
    ["bernoulli", () => wrap(make.cast(random.bernoulli(key, 0.35, [n]).node, "int32")), (k) => [0.65, 0.35][k]!],
  ];
  for (const [name, sample, pmf] of discrete)
    test(`${name} follows its probabilities`, () => {
      expect(discreteDistance(sample().dataSync(), pmf)).toBeLessThan(critical);
    });

  test("uniform numbers keep out of their upper bound and on a grid of 2^-24", () => {
    const x = random.uniform(key, [n]).dataSync();
    expect(x.every((v) => v >= 0 && v < 1 && Number.isInteger(v * 2 ** 24))).toBe(true);
    const narrow = random.uniform(key, [n], { low: 1, high: 1 + 2 ** -22 }).dataSync();
    expect(narrow.every((v) => v >= 1 && v < 1 + 2 ** -22)).toBe(true);
    const half = random.uniform(key, [n], { dtype: "float16" }).dataSync();
    expect(half.every((v) => v >= 0 && v < 1)).toBe(true);
  });

  test("integers reach both ends of any range", () => {
    expect(new Set(words(random.integers(key, [200], -2, 3)))).toEqual(new Set([-2, -1, 0, 1, 2]));
    expect(new Set(words(random.integers(key, [200], 1, 3, { endpoint: true })))).toEqual(new Set([1, 2, 3]));
    const all = words(random.integers(key, [n], -(2 ** 31), 2 ** 31));
    expect(distance(all, (x) => (x + 2 ** 31) / 2 ** 32)).toBeLessThan(critical);
    const big = words(random.integers(key, [n], 0, 3e9, { dtype: "uint32" }));
    expect(distance(big, (x) => x / 3e9)).toBeLessThan(critical);
    const bounds = words(random.integers(key, [3], asTensor([0, 10, -5]), asTensor([1, 11, -4])));
    expect(bounds).toEqual([0, 10, -5]);
    expect(() => random.integers(key, [2], 5, 5)).toThrow(/no int32 integers from 5 to 4/);
  });

  test("normal numbers are the quantiles of their words, far into both tails", () => {
    const z = random.normal(key, [n]).dataSync();
    words(random.bits(key, [n])).forEach((word, i) => {
      const p = ((word % 2 ** 31) + 0.5) / 2 ** 32;
      const tail = integral(density, Math.abs(z[i]!), Math.abs(z[i]!) + 8, 1000);
      expect(Math.abs(tail / p - 1)).toBeLessThan(1e-5);
      if (p < 0.499) expect(z[i]! > 0).toBe(word >= 2 ** 31);
    });
    const { mean, variance } = moments(random.normal(key, [20000]).dataSync());
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  test("dirichlet rows sum to 1 around the right mean", () => {
    const rows = random.dirichlet(key, [1, 2, 5], [n]).tolistSync() as number[][];
    expect(rows.every((row) => Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-5)).toBe(true);
    expect(moments(rows.map((row) => row[2]!)).mean).toBeCloseTo(5 / 8, 1);
    expect(moments(rows.map((row) => row[1]!)).variance).toBeCloseTo(((2 / 8) * (6 / 8)) / 9, 2);
  });

  test("multinomial counts sum to n and divide as the probabilities do", () => {
    const counts = random.multinomial(key, 50, [0.2, 0.3, 0.5], [100]).tolistSync() as number[][];
    expect(counts.every((row) => row.reduce((a, b) => a + b, 0) === 50)).toBe(true);
    expect(Math.abs(moments(counts.map((row) => row[2]!)).mean - 25)).toBeLessThan(1.5);
    expect(random.multinomial(key, 0, [0.5, 0.5]).tolistSync()).toEqual([0, 0]);
  });

  test("say which parameter is out of range", () => {
    expect(() => random.gamma(key, -1)).toThrow(/gamma: the shape parameter is -1\. It must be positive/);
    expect(() => random.binomial(key, 2.5, 0.5)).toThrow(/n is 2.5/);
    expect(() => random.bernoulli(key, 1.5)).toThrow(/p is 1.5/);
    expect(() => random.normal(key, [2], { dtype: "int32" })).toThrow(/dtype is int32/);
    expect(() => random.truncatedNormal(key, [1], { lower: 2, upper: 1 })).toThrow(/not in order/);
  });

  test("let gradients through to location and scale", () => {
    const f = (loc: Tensor, scale: Tensor) => wrap(make.reduce("reduceSum", random.normal(key, [5], { loc, scale }).node, [0]));
    const [dl, ds] = grad(f, { argnums: [0, 1] })(asTensor(Float32Array.of(1)), asTensor(Float32Array.of(2))) as [Tensor, Tensor];
    expect(dl.tolistSync()).toEqual([5]);
    const z = Array.from(random.normal(key, [5]).dataSync()).reduce((a, b) => a + b, 0);
    expect(ds.itemSync()).toBeCloseTo(z, 4);
  });
});

describe("orders and choices", () => {
  test("permutation moves every element and keeps slices whole", () => {
    const order = words(random.permutation(key, 100));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
    const rows = random
      .permutation(key, [
        [1, 2],
        [3, 4],
        [5, 6],
      ])
      .tolistSync() as number[][];
    expect(rows.every(([a, b]) => b === a! + 1)).toBe(true);
  });

  test("each of 6 orders of 3 is as likely", () => {
    const lines = random.permuted(key, wrap(make.iota([n, 3], 1, "int32")), { axis: 1 }).tolistSync() as number[][];
    const counts = new Map<string, number>();
    for (const line of lines) counts.set(line.join(""), (counts.get(line.join("")) ?? 0) + 1);
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count / n - 1 / 6)).toBeLessThan(0.03);
  });

  test("choice without replacement repeats nothing", () => {
    expect(new Set(words(random.choice(key, 10, [10], { replace: false }))).size).toBe(10);
    const weighted = words(random.choice(key, asTensor([7, 8, 9]), [2], { replace: false, p: [0.5, 0.5, 0] }));
    expect(weighted.sort()).toEqual([7, 8]);
    expect(() => random.choice(key, 2, [3], { replace: false })).toThrow(/cannot draw 3 of 2 without replacement/);
    expect(
      random.choice(
        key,
        [
          [1, 2],
          [3, 4],
        ],
        [5],
      ).shape,
    ).toEqual([5, 2]);
  });
});

describe("Generator", () => {
  test("moves on, and repeats from the same seed or state", () => {
    const rng = random.defaultRng(3);
    const first = words(rng.random([4]));
    const state = asTensor(Uint32Array.from(rng.key.dataSync()));
    const second = words(rng.random([4]));
    expect(second).not.toEqual(first);
    expect(words(random.defaultRng(3).random([4]))).toEqual(first);
    rng.key.assign(state);
    expect(words(rng.random([4]))).toEqual(second);
    expect(words(random.defaultRng().random([4]))).not.toEqual(words(random.defaultRng().random([4])));
  });

  test("draws anew at every call of a compiled program", () => {
    const rng = random.defaultRng(3);
    const plain = random.defaultRng(3);
    const draw = compile(() => rng.normal(0, 1, [3]));
    const [a, b] = [words(draw() as Tensor), words(draw() as Tensor)];
    expect(a).not.toEqual(b);
    expect([a, b]).toEqual([words(plain.normal(0, 1, [3])), words(plain.normal(0, 1, [3]))]);
  });

  test("takes sizes from its parameters", () => {
    const rng = random.defaultRng(1);
    expect(rng.normal(asTensor([1, 2, 3]), 1).shape).toEqual([3]);
    expect(rng.uniform(0, asTensor([[1], [2]])).shape).toEqual([2, 1]);
    expect(rng.integers(5).shape).toEqual([]);
    expect(rng.gamma([1, 2]).shape).toEqual([2]);
    expect(rng.poisson(4, [2, 2]).dtype).toBe("int32");
    expect(rng.beta(1, 2, [3]).shape).toEqual([3]);
    expect(rng.spawn(2).map((g) => words(g.random([1]))[0])).toHaveLength(2);
  });

  test("every distribution can be traced and gives the same numbers as uncompiled", () => {
    const all = (k: Tensor): Tensor[] => [
      random.gamma(k, 0.6, [4]),
      random.poisson(k, 20, [4]),
      random.binomial(k, 60, 0.4, [4]),
      random.beta(k, 1, 2, [4]),
      random.dirichlet(k, [1, 2], [3]),
      random.choice(k, 9, [4], { replace: false }),
      random.permutation(k, 8),
      random.multinomial(k, 10, [0.5, 0.5]),
      random.truncatedNormal(k, [4]),
      random.categorical(k, [0.5, 1.5]),
      random.standardT(k, 3, [2]),
    ];
    expect((compile(all)(key) as Tensor[]).map(words)).toEqual(all(key).map(words));
  });
});
