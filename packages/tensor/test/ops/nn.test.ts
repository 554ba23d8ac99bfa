import "../../src/graph/init.ts";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { grad, hessian } from "../../src/graph/autodiff.ts";
import { engine } from "../../src/graph/engine.ts";
import { linearise } from "../../src/graph/graph.ts";
import { make } from "../../src/graph/node.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import * as nn from "../../src/ops/nn.ts";
import { randomKey } from "../../src/ops/random/index.ts";

interface Stored {
  shape: number[];
  data: (number | string)[];
}
interface Case {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: options differ from case to case
  options: any;
  inputs: Stored[];
  out: Stored;
  weight: Stored;
  grads: Stored[];
}
const golden = JSON.parse(readFileSync(new URL("./nn.golden.json", import.meta.url), "utf8")) as { cases: Case[] };

const number = (x: number | string): number => (typeof x === "string" ? Number(x.replace("inf", "Infinity")) : x);
const read = ({ shape, data }: Stored, dtype: "float64" | "int32" = "float64"): Tensor =>
  wrap(make.reshape(asTensor(Float64Array.from(data, number), dtype).node, shape));
const total = (x: Tensor): Tensor =>
  wrap(
    make.reduce(
      "reduceSum",
      x.node,
      x.shape.map((_, i) => i),
    ),
  );
const times = (a: Tensor, b: Tensor): Tensor => wrap(make.binary("mul", a.node, b.node));

function expectClose(actual: Tensor, expected: Stored, tolerance = 1e-9): void {
  expect(actual.shape).toEqual(expected.shape);
  const data = actual.dataSync();
  expected.data.map(number).forEach((x, i) => {
    if (!(Math.abs(data[i]! - x) <= tolerance * Math.max(1, Math.abs(x)))) expect(data[i], `element ${i}`).toBeCloseTo(x, 9);
  });
}

// biome-ignore lint/suspicious/noExplicitAny: options differ from case to case
type Run = (options: any, ...inputs: Tensor[]) => Tensor;
const special: Record<string, Run> = {
  groupNorm: ({ groups }, x, scale, offset) => nn.groupNorm(x!, groups, { scale: scale!, offset: offset! }),
  layerNorm: (_, x, scale, offset) => nn.layerNorm(x!, { scale: scale!, offset: offset! }),
  rmsNorm: (_, x, scale) => nn.rmsNorm(x!, { scale: scale! }),
  batchNorm: (o, x, mean, variance, scale, offset) => nn.batchNorm(x!, mean!, variance!, { ...o, scale, offset }),
  batchNormTraining: (_, x, scale, offset) => {
    const { mean, variance } = nn.moments(x!, { axis: [0, 1] });
    return nn.batchNorm(x!, mean, variance, { scale: scale!, offset: offset! });
  },
  attention: (o, q, k, v) => nn.scaledDotProductAttention(q!, k!, v!, o),
  attentionMask: (_, q, k, v, mask) => nn.scaledDotProductAttention(q!, k!, v!, { mask: mask! }),
  attentionBool: (_, q, k, v, mask) => nn.scaledDotProductAttention(q!, k!, v!, { mask: wrap(make.cast(mask!.node, "bool")) }),
  embedding: (_, table, ids) => nn.embedding(table!, ids!),
  resize: ({ size, ...options }, x) => nn.resize(x!, size, options),
};
for (const rank of [1, 2, 3])
  for (const kind of ["maxPool", "averagePool"])
    special[`${kind}${rank}d`] = ({ size, ...o }, x) =>
      (nn as unknown as Record<string, (x: Tensor, size: number, o: unknown) => Tensor>)[`${kind}${rank}d`]!(x!, size, o);

describe("values and gradients agree with PyTorch", () => {
  golden.cases.forEach((example, i) => {
    const { name, options, inputs, out, weight, grads } = example;
    test(`${name} ${JSON.stringify(options)} on ${inputs.map((x) => `[${x.shape}]`).join(", ")} (${i})`, () => {
      const integerInput =
        name === "embedding" ||
        (name === "softmaxCrossEntropy" && inputs[1]!.shape.length < inputs[0]!.shape.length) ||
        name === "attentionBool";
      const tensors = inputs.map((x, at) => read(x, integerInput && at === inputs.length - 1 ? "int32" : "float64"));
      const run: Run = special[name] ?? ((o, ...xs) => (nn as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!(...xs, o));
      expectClose(run(options, ...tensors), out);
      // Statistics of batchNorm are constants in PyTorch's graph, parameters in ours.
      const wanted = tensors.flatMap((t, at) => (t.dtype === "float64" && !(name === "batchNorm" && (at === 1 || at === 2)) ? [at] : []));
      const expected = name === "batchNorm" ? grads.filter((_, at) => at !== 1 && at !== 2) : grads;
      const found = grad((...xs: Tensor[]) => total(times(run(options, ...xs), read(weight))), { argnums: wanted })(...tensors) as Tensor[];
      for (const [at, g] of found.entries()) expectClose(g, expected[at]!);
    });
  });
});

const wave = (...shape: number[]): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return wrap(make.reshape(asTensor(Float64Array.from({ length: size }, (_, i) => Math.sin(i * i + 1))).node, shape));
};

describe("convolution", () => {
  const options = {
    stride: [2, 1],
    padding: [
      [1, 0],
      [2, 1],
    ] as [number, number][],
    dilation: [1, 2],
    groups: 2,
  };

  /** Checks the derivative of f at x along a direction against a central difference. */
  function expectDerivative(f: (x: Tensor) => Tensor, x: Tensor, tolerance: number): void {
    const direction = wave(...x.shape);
    const slope = total(times(grad(f)(x), direction)).itemSync();
    const moved = (h: number) =>
      f(wrap(make.binary("add", x.node, make.binary("mul", direction.node, make.constant(h, x.shape, x.dtype))))).itemSync();
    const difference = (moved(1e-4) - moved(-1e-4)) / 2e-4;
    expect(Math.abs(slope - difference)).toBeLessThan(tolerance * Math.max(1, Math.abs(slope)));
  }

  test("has second and third derivatives in both arguments", () => {
    const [x, w] = [wave(1, 5, 6, 4), wave(3, 2, 2, 4)];
    const loss = (a: Tensor, b: Tensor) => {
      const y = nn.conv2d(a, b, options);
      return total(times(y, times(y, y)));
    };
    for (const outer of [0, 1])
      for (const inner of [0, 1]) {
        const g = grad(loss, { argnums: inner });
        const squared = (a: Tensor, b: Tensor) => total(times(g(a, b), g(a, b)));
        const at = (t: Tensor): [Tensor, Tensor] => (outer === 0 ? [t, w] : [x, t]);
        expectDerivative((t) => squared(...at(t)), outer === 0 ? x : w, 1e-5);
      }
    const second = grad((a: Tensor) => total(times(grad(loss)(a, w), wave(...x.shape))));
    expectDerivative((a) => total(times(second(a), wave(...x.shape))), x, 1e-5);
  });

  test("never folds windows in its gradients", () => {
    const [x, w] = [wave(1, 5, 6, 4), wave(3, 2, 2, 4)];
    const made: Tensor[] = [];
    engine.differentiating++; // keeps the gradient's graph instead of computing it
    try {
      const y = (a: Tensor, b: Tensor) => {
        const o = nn.conv2d(a, b, options);
        return total(times(o, o));
      };
      made.push(...(grad(y, { argnums: [0, 1] })(x, w) as Tensor[]));
      made.push(
        grad((a: Tensor) => {
          const g = grad(y)(a, w) as Tensor;
          return total(times(g, g));
        })(x),
      );
    } finally {
      engine.differentiating--;
    }
    expect(linearise(made.map((t) => t.node)).filter((n) => n.op === "fold")).toEqual([]);
    expect(linearise(made.map((t) => t.node)).filter((n) => n.op === "windows").length).toBeGreaterThan(0);
  });

  test("depthwise equals groups of one channel", () => {
    const [x, w] = [wave(2, 5, 5, 3), wave(3, 3, 3, 2)];
    const grouped = nn.conv2d(x, wrap(make.reshape(w.node, [3, 3, 1, 6])), { groups: 3 });
    expect(nn.depthwiseConv2d(x, w).tolistSync()).toEqual(grouped.tolistSync());
  });

  test("transposes to Keras's sizes", () => {
    const w = wave(3, 3, 2, 4);
    expect(nn.convTranspose2d(wave(1, 4, 5, 4), w, { stride: 2, padding: "same" }).shape).toEqual([1, 8, 10, 2]);
    expect(nn.convTranspose2d(wave(1, 4, 5, 4), w, { stride: 2 }).shape).toEqual([1, 9, 11, 2]);
    expect(nn.convTranspose2d(wave(1, 4, 5, 4), w, { stride: 4 }).shape).toEqual([1, 16, 20, 2]);
  });

  test("a transpose is the adjoint of the convolution", () => {
    for (const padding of ["same", "valid"] as const) {
      const w = wave(3, 2, 3, 4);
      const x = wave(1, 7, 6, 3);
      const y = nn.conv2d(x, w, { stride: 2, padding });
      const g = wave(...y.shape);
      const back = grad((a: Tensor) => total(times(nn.conv2d(a, w, { stride: 2, padding }), g)))(x) as Tensor;
      expect(total(times(y, g)).itemSync()).toBeCloseTo(total(times(x, back)).itemSync(), 9);
    }
  });

  test("causal padding hides later places", () => {
    const w = wave(3, 1, 1);
    const a = nn.conv1d([[[1], [2], [3], [4]]], w, { padding: "causal" }).dataSync();
    const b = nn.conv1d([[[1], [2], [9], [9]]], w, { padding: "causal" }).dataSync();
    expect(a.length).toBe(4);
    expect(Array.from(a.slice(0, 2))).toEqual(Array.from(b.slice(0, 2)));
  });

  test("says what does not fit", () => {
    expect(() => nn.conv2d(wave(1, 4, 4, 3), wave(3, 3, 4, 8))).toThrow(
      /the input \[1, 4, 4, 3\] has 3 channels, the kernel \[3, 3, 4, 8\] with 1 group takes 4/,
    );
    expect(() => nn.conv2d(wave(4, 4, 3), wave(3, 3, 3, 8))).toThrow(/It must be \[batch, size0, size1, channels\]/);
    expect(() => nn.conv2d(wave(1, 2, 4, 3), wave(3, 3, 3, 8))).toThrow(/spans 3 does not fit spatial axis 0 of 2/);
    expect(() => nn.conv2d(wave(1, 4, 4, 3), wave(3, 3, 3, 8), { groups: 2 })).toThrow(/groups is 2 for 3 input channels and 8 filters/);
    expect(() => nn.conv2d(wave(1, 4, 4, 3), wave(3, 3, 3, 8), { stride: 0 })).toThrow(/stride is 0/);
  });
});

describe("pooling", () => {
  test("leaves padding out of maxima and means", () => {
    const x = [[[-1], [-2], [-3]]];
    expect(nn.maxPool1d(x, 2, { padding: "same" }).tolistSync()).toEqual([[[-1], [-3]]]);
    expect(nn.averagePool1d(x, 2, { padding: "same" }).tolistSync()).toEqual([[[-1.5], [-3]]]);
    expect(nn.averagePool1d(x, 2, { padding: "same", countPadding: true }).tolistSync()).toEqual([[[-1.5], [-1.5]]]);
    expect(() => nn.maxPool1d(x, 2, { padding: 2 })).toThrow(/leaves windows without elements/);
  });

  test("reduces all places to one", () => {
    const x = [
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ],
    ];
    expect(nn.globalMaxPool(x).tolistSync()).toEqual([[7, 8]]);
    expect(nn.globalAveragePool(x, { keepdims: true }).tolistSync()).toEqual([[[[4, 5]]]]);
  });
});

describe("activations", () => {
  test("stay finite, with finite gradients, at extreme arguments", () => {
    const x = asTensor(Float32Array.of(-1e4, -100, 0, 100, 1e4));
    for (const f of [nn.sigmoid, nn.logSigmoid, nn.silu, nn.softplus, nn.mish, nn.elu, nn.selu, nn.gelu, nn.softsign]) {
      expect(Array.from(f(x).dataSync()).every(Number.isFinite)).toBe(true);
      expect(Array.from((grad((t: Tensor) => total(f(t)))(x) as Tensor).dataSync()).every(Number.isFinite)).toBe(true);
    }
  });

  test("pass NaN on", () => {
    for (const f of [nn.relu, nn.relu6, nn.leakyRelu, nn.elu, nn.selu, nn.sigmoid]) expect(f(Number.NaN).itemSync()).toBeNaN();
  });

  test("softplus has the right curvature at 0, where Newton's method starts", () => {
    expect(hessian((x: Tensor) => total(nn.softplus(x)))(asTensor(Float64Array.of(0))).itemSync()).toBeCloseTo(0.25, 12);
    expect((grad((x: Tensor) => total(nn.relu(x)))(asTensor(Float32Array.of(0))) as Tensor).itemSync()).toBe(0);
  });

  test("logsumexp knows infinities", () => {
    const infinity = Number.POSITIVE_INFINITY;
    expect(
      nn
        .logsumexp(
          [
            [-infinity, -infinity],
            [infinity, 0],
          ],
          { axis: 1 },
        )
        .tolistSync(),
    ).toEqual([-infinity, infinity]);
  });
});

describe("losses", () => {
  test("name a label that is no class", () => {
    expect(() => nn.softmaxCrossEntropy([[1.5, 2]], [2])).toThrow(/softmaxCrossEntropy: index 2 is out of range for axis 1 of size 2/);
    expect(() => nn.softmaxCrossEntropy([[1.5, 2]], [0.5])).toThrow(/class labels are float32/);
    expect(() => nn.mse([1, 2], [[1], [2]])).toThrow(/a loss does not broadcast/i);
  });

  test("do not overflow", () => {
    expect(nn.sigmoidCrossEntropy([1000.5, -1000.5], [1, 0]).itemSync()).toBe(0);
    expect(nn.softmaxCrossEntropy([[1000.5, 0.5]], [0]).itemSync()).toBe(0);
  });
});

describe("attention", () => {
  test("lets queries with a cache see all of the past", () => {
    const [q, k, v] = [wave(1, 1, 5, 4), wave(1, 1, 5, 4), wave(1, 1, 5, 2)];
    const full = nn.scaledDotProductAttention(q, k, v, { causal: true }).dataSync();
    const lastQuery = wrap(make.slice(q.node, [0, 0, 4, 0], [1, 1, 1, 1], [1, 1, 1, 4]));
    const one = nn.scaledDotProductAttention(lastQuery, k, v, { causal: true }).dataSync();
    expect(Array.from(one)).toEqual(Array.from(full.slice(8)));
  });

  test("says which shapes do not fit", () => {
    expect(() => nn.scaledDotProductAttention(wave(2, 3), wave(2, 4), wave(2, 3))).toThrow(/queries have 3 features, keys 4/);
    expect(() => nn.scaledDotProductAttention(wave(1, 3, 2, 4), wave(1, 2, 2, 4), wave(1, 2, 2, 4))).toThrow(
      /3 query heads do not divide among 2/,
    );
  });
});

describe("dropout", () => {
  test("keeps the mean, drops the rate, and shares decisions along axes of size 1", () => {
    const x = wrap(make.constant(1, [100, 50], "float32"));
    const y = nn.dropout(randomKey(1), x, 0.3).dataSync();
    const dropped = y.filter((v) => v === 0).length / y.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(0.03);
    expect(y.every((v) => v === 0 || Math.abs(v - 1 / 0.7) < 1e-6)).toBe(true);
    const rows = nn.dropout(randomKey(1), x, 0.5, { shape: [100, 1] }).tolistSync() as number[][];
    expect(rows.every((row) => new Set(row).size === 1)).toBe(true);
    expect(() => nn.dropout(randomKey(1), x, 1.5)).toThrow(/rate is 1.5/);
  });
});
