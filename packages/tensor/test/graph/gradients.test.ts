import { describe, expect, test } from "vitest";
import * as g from "../../src/index.ts";
import { type Tensor, tensor } from "../../src/index.ts";

/** Deterministic values away from kinks and poles. */
function values(shape: readonly number[], low: number, high: number, seed = 3): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  let state = seed;
  const data = Float64Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + (high - low) * (state / 2 ** 32);
  });
  return tensor(data).reshape([...shape]);
}

type Case = { f: (...xs: Tensor[]) => Tensor; args: Tensor[]; smooth?: boolean };
const one = (f: (x: Tensor) => Tensor, low = -1.9, high = 1.9, smooth = true): Case => ({ f, args: [values([2, 3], low, high)], smooth });
const two = (f: (x: Tensor, y: Tensor) => Tensor, low = 0.3, high = 2, smooth = true): Case => ({
  f,
  args: [values([2, 3], low, high), values([3], low, high, 9)],
  smooth,
});

const cases: Record<string, Case> = {
  // elementwise
  ...Object.fromEntries(
    (
      [
        "exp",
        "expm1",
        "sin",
        "cos",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atan",
        "erf",
        "square",
        "exp2",
        "sigmoid",
        "silu",
        "softplus",
        "gelu",
        "mish",
        "logSigmoid",
      ] as const
    ).map((k) => [k, one(g[k] as (x: Tensor) => Tensor)]),
  ),
  ...Object.fromEntries(
    (["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "cbrt", "reciprocal"] as const).map((k) => [
      k,
      one(g[k] as (x: Tensor) => Tensor, 0.4, 3),
    ]),
  ),
  ...Object.fromEntries((["asin", "acos", "atanh", "tan"] as const).map((k) => [k, one(g[k] as (x: Tensor) => Tensor, -0.8, 0.8)])),
  acosh: one(g.acosh, 1.3, 4),
  ...Object.fromEntries(
    (["abs", "relu", "leakyRelu", "elu", "selu", "softsign", "hardSigmoid"] as const).map((k) => [
      k,
      one(g[k] as (x: Tensor) => Tensor, 0.2, 1.7, false),
    ]),
  ),
  "gelu by tanh": one((x) => g.gelu(x, { approximate: "tanh" } as never)),
  negative: one((x) => g.negative(x.mul(x))),
  add: two((x, y) => x.add(y).mul(x)),
  subtract: two((x, y) => x.sub(y).mul(y)),
  multiply: two(g.multiply),
  divide: two(g.divide),
  pow: two(g.pow),
  "pow by a number": one((x) => x.pow(3)),
  atan2: two(g.atan2),
  hypot: two(g.hypot),
  logaddexp: two(g.logaddexp),
  remainder: { f: (x, y) => g.remainder(x, y).mul(x), args: [values([4], 2.2, 2.8), values([4], 0.6, 0.7)], smooth: false },
  maximum: two(g.maximum, 0.3, 2, false),
  minimum: two(g.minimum, 0.3, 2, false),
  clip: one((x) => g.clip(x, -0.7, 0.7).mul(x), -1.9, 1.9, false),
  where: one((x) => g.where(x.greater(0), x.mul(x), x.exp()), -1.9, 1.9, false),
  // reductions
  sum: one((x) => x.mul(x).sum({ axis: 1 })),
  mean: one((x) => x.exp().mean({ axis: 0, keepdims: true })),
  prod: one((x) => x.prod({ axis: 1 })),
  "prod with zeros": { f: (x) => x.prod({ axis: 1 }), args: [tensor(Float64Array.of(0, 2, 3, 0, 0, 5)).reshape([2, 3])], smooth: true },
  var: one((x) => x.var({ axis: 1 })),
  std: one((x) => x.std()),
  max: one((x) => x.max({ axis: 1 }).square(), -2, 2, false),
  min: one((x) => x.min().square(), -2, 2, false),
  logsumexp: one((x) => g.logsumexp(x, { axis: 1 } as never)),
  softmax: one((x) => g.softmax(x).square()),
  logSoftmax: one((x) => g.logSoftmax(x).square()),
  cumsum: one((x) => x.cumsum({ axis: 1 }).square()),
  cumprod: one((x) => x.cumprod({ axis: 1 }).square()),
  cummax: one((x) => x.cummax({ axis: 1 }).square(), -2, 2, false),
  median: one((x) => x.median({ axis: 1 }).square(), -2, 2, false),
  // movement and indexing
  "reshape and transpose": one((x) =>
    x
      .square()
      .reshape([3, 2])
      .transpose()
      .mul(x.transpose().reshape([2, 3])),
  ),
  slices: one((x) => x.get("::-1, 1:").mul(x.get(":, :2"))),
  pad: one((x) =>
    g.pad(x.square(), [
      [1, 0],
      [0, 2],
    ]),
  ),
  "concat and stack": one((x) => g.stack([g.concat([x, x.square()], { axis: 0 }), g.concat([x.exp(), x], { axis: 0 })])),
  "flip, roll, tile, repeat": one((x) => x.flip().roll(1).tile([2, 1]).square().repeat(2)),
  take: one((x) => x.take([0, 1, 1, 0], { axis: 1 }).square()),
  takeAlongAxis: one((x) =>
    g.takeAlongAxis(
      x.square(),
      [
        [0, 0],
        [2, 1],
      ],
      { axis: 1 },
    ),
  ),
  "at add and set": one((x) => x.square().at([0, 1, 0]).add(x.get(0).exp()).at(0, 1).set(x.get(1, 1).square())),
  sort: one((x) => g.sort(x, { axis: 1 }).mul(tensor(Float64Array.of(1, 2, 3))), -2, 2, false),
  diagonal: { f: (x) => x.square().diagonal().mul(x.trace()), args: [values([3, 3], -1, 1)] },
  // contractions
  matmul: { f: (a, b) => a.matmul(b).square(), args: [values([2, 3], -1, 1), values([3, 4], -1, 1, 5)] },
  "batched matmul": { f: (a, b) => g.matmul(a, b).tanh(), args: [values([2, 1, 2, 3], -1, 1), values([3, 3, 2], -1, 1, 5)] },
  einsum: { f: (a, b) => g.einsum("bij,kjb->ik", a, b).square(), args: [values([2, 2, 3], -1, 1), values([4, 3, 2], -1, 1, 5)] },
  tensordot: {
    f: (a, b) =>
      g
        .tensordot(a, b, {
          axes: [
            [1, 0],
            [0, 2],
          ],
        } as never)
        .square(),
    args: [values([2, 3], -1, 1), values([3, 2, 2], -1, 1, 5)],
  },
  // networks
  conv1d: {
    f: (x, w) => g.conv1d(x, w, { padding: "same", dilation: 2 }).tanh(),
    args: [values([2, 6, 2], -1, 1), values([3, 2, 2], -1, 1, 5)],
  },
  conv2d: {
    f: (x, w) => g.conv2d(x, w, { stride: 2, padding: "same" }).tanh(),
    args: [values([1, 5, 4, 2], -1, 1), values([3, 3, 2, 2], -1, 1, 5)],
  },
  "grouped conv2d": {
    f: (x, w) => g.conv2d(x, w, { groups: 2 } as never).tanh(),
    args: [values([1, 4, 4, 4], -1, 1), values([2, 2, 2, 4], -1, 1, 5)],
  },
  convTranspose2d: {
    f: (x, w) => g.convTranspose2d(x, w, { stride: 2 }).tanh(),
    args: [values([1, 3, 3, 2], -1, 1), values([3, 3, 2, 2], -1, 1, 5)],
  },
  maxPool2d: { f: (x) => g.maxPool2d(x, 2).square(), args: [values([1, 4, 4, 2], -2, 2)], smooth: false },
  "overlapping averagePool2d": {
    f: (x) => g.averagePool2d(x, 3, { stride: 1, padding: "same" } as never).square(),
    args: [values([1, 4, 4, 1], -2, 2)],
  },
  layerNorm: { f: (x) => g.layerNorm(x).pow(3), args: [values([2, 5], -2, 2)] },
  rmsNorm: { f: (x) => g.rmsNorm(x).pow(3), args: [values([2, 5], -2, 2)] },
  groupNorm: { f: (x) => g.groupNorm(x, 2).pow(3), args: [values([2, 3, 4], -2, 2)] },
  attention: {
    f: (q, k, v) => g.scaledDotProductAttention(q, k, v, { causal: true }),
    args: [values([1, 2, 3, 2], -1, 1), values([1, 2, 3, 2], -1, 1, 5), values([1, 2, 3, 2], -1, 1, 7)],
  },
  embedding: { f: (t) => g.embedding(t, [1, 0, 1]).square(), args: [values([3, 2], -1, 1)] },
  softmaxCrossEntropy: { f: (x) => g.softmaxCrossEntropy(x, tensor([2, 0])), args: [values([2, 3], -2, 2)] },
  sigmoidCrossEntropy: { f: (x) => g.sigmoidCrossEntropy(x, tensor(Float64Array.of(1, 0, 0.5))), args: [values([3], -2, 2)] },
  // linear algebra
  inv: { f: (x) => g.inv(x.add(g.eye(3, { dtype: "float64" }).mul(3))), args: [values([3, 3], -1, 1)] },
  solve: { f: (a, b) => g.solve(a.add(g.eye(3, { dtype: "float64" }).mul(3)), b), args: [values([3, 3], -1, 1), values([3, 2], -1, 1, 5)] },
  det: { f: (x) => g.det(x), args: [values([3, 3], 0.2, 2)] },
  cholesky: { f: (x) => g.cholesky(g.matmul(x, x.transpose()).add(g.eye(3, { dtype: "float64" }))), args: [values([3, 3], -1, 1)] },
};

/** A fixed weighting makes one number of any result, so that every element's gradient counts. */
const weighted = (y: Tensor): Tensor =>
  y
    .flatten()
    .mul(values([y.size], 0.5, 1.5, 11))
    .sum();

async function expectGradients(f: (...xs: Tensor[]) => Tensor, args: Tensor[], tolerance: number): Promise<void> {
  const found = (await g.grad((...xs: Tensor[]) => weighted(f(...xs)), { argnums: args.map((_, i) => i) })(...args)) as Tensor[];
  const h = 1e-5;
  for (let k = 0; k < args.length; k++) {
    const base = args[k]!.dataSync();
    const gradient = found[k]!.dataSync();
    for (let i = 0; i < base.length; i++) {
      const at = (d: number): number => {
        const moved = Float64Array.from(base);
        moved[i]! += d;
        return weighted(f(...args.map((x, j) => (j === k ? tensor(moved).reshape([...x.shape]) : x)))).itemSync();
      };
      const wanted = (at(h) - at(-h)) / (2 * h);
      expect(
        Math.abs(gradient[i]! - wanted) / (1 + Math.abs(wanted)),
        `argument ${k}, element ${i}: gradient ${gradient[i]}, difference quotient ${wanted}`,
      ).toBeLessThan(tolerance);
    }
  }
}

describe("gradients agree with finite differences in float64", () => {
  for (const [name, { f, args, smooth = true }] of Object.entries(cases)) {
    test(`of ${name}`, () => expectGradients(f, args, 1e-6));
    if (smooth)
      test(`of the gradient of ${name}`, () =>
        expectGradients(
          (...xs) => {
            const gs = g.grad((...ys: Tensor[]) => weighted(f(...ys)), { argnums: args.map((_, i) => i) })(...xs) as Tensor[];
            return g.concat(gs.map((t) => t.flatten()));
          },
          args,
          2e-5,
        ));
  }
});

describe("transformations of functions", () => {
  const x = tensor(Float64Array.of(0.5, -1, 2));
  const cube = (t: Tensor): Tensor => t.pow(3).sum();

  test("valueAndGrad goes over nested objects and arrays, and leaves plain values alone", async () => {
    const [value, gradient] = g.valueAndGrad((p: { a: Tensor; b: [Tensor, number] }) => p.a.mul(p.b[0]).sum().mul(p.b[1]))({
      a: x,
      b: [x, 2],
    });
    expect(await value.item()).toBeCloseTo(10.5);
    expect([...(await gradient.a.data())]).toEqual([1, -2, 4]);
    expect(gradient.b[1]).toBe(2);
  });
  test("the hessian of a sum of cubes is diagonal", async () => {
    expect(await g.hessian(cube)(x).add(0).tolist()).toEqual([
      [3, 0, 0],
      [0, -6, 0],
      [0, 0, 12],
    ]);
  });
  test("jacobian has the shape of the result, then that of the argument", async () => {
    const j = g.jacobian((t: Tensor) => g.stack([t.square(), t.mul(3)]))(x);
    expect(j.shape).toEqual([2, 3, 3]);
    expect(await j.get(0).add(0).tolist()).toEqual([
      [1, 0, 0],
      [0, -2, 0],
      [0, 0, 4],
    ]); // adding 0 turns -0 into 0
  });
  test("jvp and vjp agree: v·(J u) = (Jᵀ v)·u", async () => {
    const f = (t: Tensor): Tensor => g.matmul(values([3, 3], -1, 1), t.exp());
    const [u, v] = [values([3], -1, 1, 21), values([3], -1, 1, 22)];
    const [, pushed] = g.jvp(f, [x], [u]) as [Tensor, Tensor];
    const [, pull] = g.vjp(f, x);
    const [pulled] = pull(v) as [Tensor];
    expect(await v.mul(pushed).sum().item()).toBeCloseTo(await pulled.mul(u).sum().item(), 10);
  });
  test("stopGradient stops, and the value stays", async () => {
    expect([
      ...(await g
        .grad((t: Tensor) => t.mul(g.stopGradient(t)).sum())(x)
        .data()),
    ]).toEqual([0.5, -1, 2]);
  });
  test("a custom gradient replaces the rule, at any order", async () => {
    const odd = g.customGradient(
      (t) => t.square(),
      (cotangent, t) => cotangent.mul(t).mul(10),
    );
    expect([
      ...(await g
        .grad((t: Tensor) => odd(t).sum())(x)
        .data()),
    ]).toEqual([5, -10, 20]);
    expect(
      await g
        .hessian((t: Tensor) => odd(t).sum())(x)
        .get(0, 0)
        .item(),
    ).toBe(10);
  });
  test("checkpoint changes no gradient, not even of what the function closes over", async () => {
    const w = tensor(Float64Array.of(1.5, 2.5, -0.5));
    const loss = (f: (t: Tensor) => Tensor) => (t: Tensor) => f(t).square().sum();
    const plain = g.grad((v: Tensor) => loss((t) => t.mul(v).tanh().exp())(x))(w);
    const recomputed = g.grad((v: Tensor) => loss(g.checkpoint((t: Tensor) => t.mul(v).tanh().exp()))(x))(w);
    expect([...(await recomputed.data())]).toEqual([...(await plain.data())]);
  });
  test("reading a value inside the function does not cut the gradient", async () => {
    const found = g.grad((t: Tensor) => {
      const y = t.square();
      y.dataSync();
      return y.sum();
    })(x);
    expect([...(await found.data())]).toEqual([1, -2, 4]);
  });
  test("a result that is no single number is refused with the fix", () => {
    expect(() => g.grad((t: Tensor) => t.square())(x)).toThrow(/shape \[3\].*mean\(\) or sum\(\)/);
    expect(() => g.grad((t: Tensor) => t.sum())(tensor([1, 2]))).toThrow(/floating type/);
  });
});
