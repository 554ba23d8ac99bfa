import "../../src/graph/init.ts";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hostLinalg } from "../../src/backends/host/linalg.ts";
import type { DType } from "../../src/dtype.ts";
import { grad, jvp, vjp } from "../../src/graph/autodiff.ts";
import { compile } from "../../src/graph/compile.ts";
import { factorize, factorShapes } from "../../src/graph/linalg.ts";
import { make } from "../../src/graph/node.ts";
import type { LinalgName } from "../../src/graph/primitives.ts";
import { Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import { add, mul } from "../../src/ops/elementwise.ts";
import * as linalg from "../../src/ops/linalg/index.ts";
import { type Shape, sizeOf } from "../../src/shape.ts";

interface Stored {
  shape: number[];
  data: number[];
}
interface Golden {
  name: string;
  arguments: (Stored | number)[];
  options: Record<string, unknown>;
  results: Stored[];
}
const golden = JSON.parse(readFileSync(new URL("./linalg.golden.json", import.meta.url), "utf8")) as { cases: Golden[] };

const array = (shape: Shape, data: ArrayLike<number>, dtype: DType = "float64"): Tensor =>
  wrap(make.reshape(asTensor(Float64Array.from(data), dtype).node, shape));

/** Numbers without pattern, the same every time. */
const waves = (shape: Shape, seed = 1): Tensor =>
  array(
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(seed * 12.9898 + i * i * 1.37 + i * 2.1)),
  );

function expectClose(actual: Tensor, expected: Stored, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const scale = Math.max(1, ...expected.data.filter(Number.isFinite).map(Math.abs));
  const found = actual.dataSync();
  expected.data.forEach((x, i) => {
    if (Number.isFinite(x)) expect(Math.abs(found[i]! - x) / scale, `element ${i}: ${found[i]}, NumPy ${x}`).toBeLessThan(tolerance);
    else expect(found[i]).toBe(x);
  });
}

const T = (x: Tensor) => linalg.matrixTranspose(x);
const matmul = (a: Tensor, b: Tensor) => (a.ndim === 2 ? linalg.multiDot([a, b]) : stacked(a, b));
const stacked = (a: Tensor, b: Tensor) => wrap(make.contract(a.node, b.node, { batch: [[0], [0]], contract: [[2], [1]] }));
const total = (x: Tensor) => wrap(make.reduce("reduceSum", x.node, [...x.shape.keys()]));
const symmetric = (x: Tensor) => mul(add(x, T(x)), 0.5);
const eye = (n: number, by = 1) =>
  array(
    [n, n],
    Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? by : 0)),
  );

describe("against NumPy", () => {
  const functions = linalg as unknown as Record<string, (...args: unknown[]) => Tensor | Record<string, Tensor>>;
  const names = [...new Set(golden.cases.map((c) => c.name))];
  test.each(names)("%s", (name) => {
    for (const c of golden.cases.filter((c) => c.name === name)) {
      const options = Object.fromEntries(
        Object.entries(c.options).map(([k, v]) => [k, v === "Infinity" || v === "-Infinity" ? Number(v) : v]),
      );
      for (const [dtype, tolerance] of [
        ["float64", 1e-11],
        ["float32", 3e-3],
      ] as const) {
        const args = c.arguments.map((x) => (typeof x === "number" ? x : array(x.shape, x.data, dtype)));
        if (
          dtype === "float32" &&
          (name === "matrixPower" || c.arguments.some((x) => typeof x !== "number" && x.data.some((v) => Math.abs(v) > 1e19)))
        )
          continue;
        const result = name === "multiDot" ? linalg.multiDot(args as Tensor[]) : functions[name]!(...args, options);
        const results = result instanceof Tensor ? [result] : Object.values(result);
        expect(results.length).toBe(c.results.length);
        results.forEach((t, i) => {
          if (t.dtype !== "int32") expect(t.dtype).toBe(dtype);
          expectClose(t, c.results[i]!, tolerance);
        });
      }
    }
  });
});

describe("factorisations put the matrix together again", () => {
  const shapes = [
    [4, 4],
    [5, 3],
    [3, 5],
    [1, 4],
    [4, 1],
    [0, 3],
    [3, 0],
  ] as const;
  test.each(shapes)("qr and svd of %i by %i", (m, n) => {
    const a = waves([m, n]);
    const stored = { shape: [m, n], data: [...a.dataSync()] };
    for (const mode of ["reduced", "complete"] as const) {
      const { Q, R } = linalg.qr(a, { mode });
      expectClose(linalg.multiDot([Q, R]), stored, 1e-14);
    }
    const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
    expectClose(linalg.multiDot([mul(U, S), Vh]), stored, 1e-14);
    const full = linalg.svd(a);
    expect([full.U.shape, full.S.shape, full.Vh.shape]).toEqual([[m, m], [Math.min(m, n)], [n, n]]);
    expectClose(linalg.multiDot([full.Vh, T(full.Vh)]), { shape: [n, n], data: [...eye(n).dataSync()] }, 1e-14);
  });

  test("eigh of a stack", () => {
    const a = symmetric(waves([3, 4, 4]));
    const { eigenvalues, eigenvectors } = linalg.eigh(a);
    expect([eigenvalues.shape, eigenvectors.shape]).toEqual([
      [3, 4],
      [3, 4, 4],
    ]);
    const scaled = mul(eigenvectors, wrap(make.reshape(eigenvalues.node, [3, 1, 4])));
    expectClose(stacked(scaled, T(eigenvectors)), { shape: [3, 4, 4], data: [...a.dataSync()] }, 1e-14);
  });

  test("the shapes that the graph infers are those that the host packs", () => {
    for (const [m, n] of shapes)
      for (const options of [{}, { mode: "complete", fullMatrices: true }] as Record<string, string | boolean>[])
        for (const name of ["cholesky", "lu", "qr", "eigh", "svd", "triangularSolve"] as LinalgName[]) {
          const square = name === "cholesky" || name === "eigh" || name === "triangularSolve";
          const inputs = [
            [2, m, square ? m : n],
            [2, m, 3],
          ];
          expect(factorShapes(name, inputs, options).map(sizeOf)).toEqual(hostLinalg[name].results(inputs, options));
        }
  });

  test("integers and half precision become float32", () => {
    expect(
      linalg.det([
        [1, 2],
        [3, 4],
      ]).dtype,
    ).toBe("float32");
    expect(
      linalg
        .det([
          [1, 2],
          [3, 4],
        ])
        .itemSync(),
    ).toBeCloseTo(-2, 6);
    expect(linalg.inv(array([1, 1], [4], "float16")).dtype).toBe("float32");
    expect(
      linalg
        .matrixPower(
          [
            [1, 1],
            [1, 0],
          ],
          10,
        )
        .tolistSync(),
    ).toEqual([
      [89, 55],
      [55, 34],
    ]);
    expect(linalg.trace(array([2, 2], [1, 0, 0, 1], "bool")).itemSync()).toBe(2);
    expect(linalg.vectorNorm([3, 4]).itemSync()).toBe(5);
  });
});

// --- gradients ----------------------------------------------------------------------------------------------------

type Case = [name: string, inputs: Tensor[], f: (...xs: Tensor[]) => Tensor];
const definite = (x: Tensor) => add(matmul(x, T(x)), x.ndim === 2 ? eye(x.shape[0]!) : mul(eye(x.shape.at(-1)!), 1));
const regular = (shape: Shape, seed = 1) => add(waves(shape, seed), eye(shape.at(-1)!, 3));

const differentiable: Case[] = [
  ["cholesky", [waves([4, 4])], (x) => linalg.cholesky(definite(x))],
  ["cholesky of a symmetric argument", [waves([3, 3])], (x) => linalg.cholesky(add(symmetric(x), eye(3, 4)))],
  ["cholesky, upper, stack", [waves([2, 3, 3])], (x) => linalg.cholesky(definite(x), { upper: true })],
  ...(
    [
      [4, 4],
      [5, 3],
      [3, 5],
      [2, 4, 3],
      [2, 3, 4],
    ] as const
  ).flatMap((shape): Case[] => [
    [`qr Q of [${shape}]`, [waves(shape)], (x) => linalg.qr(x).Q],
    [`qr R of [${shape}]`, [waves(shape)], (x) => linalg.qr(x).R],
    [`svd U of [${shape}]`, [waves(shape)], (x) => linalg.svd(x, { fullMatrices: false }).U],
    [`svd Vh of [${shape}]`, [waves(shape)], (x) => linalg.svd(x, { fullMatrices: false }).Vh],
    [`svdvals of [${shape}]`, [waves(shape)], (x) => linalg.svdvals(x)],
    [`pinv of [${shape}]`, [waves(shape)], (x) => linalg.pinv(x)],
  ]),
  ["qr complete of a wide matrix", [waves([2, 4])], (x) => linalg.multiDot([linalg.qr(x, { mode: "complete" }).Q, linalg.qr(x).R])],
  ["svd full of a square matrix", [waves([3, 3])], (x) => linalg.svd(x).U],
  ["lu, through its own rule", [regular([2, 3, 3])], (x) => wrap(factorize("lu", [T(x).node])[0]!)],
  ["eigh vectors", [waves([4, 4])], (x) => linalg.eigh(symmetric(x)).eigenvectors],
  ["eigh values", [waves([2, 3, 3])], (x) => linalg.eigh(symmetric(x)).eigenvalues],
  ["eigvalsh", [waves([4, 4])], (x) => linalg.eigvalsh(symmetric(x))],
  ["solve", [regular([4, 4]), waves([4, 2], 2)], linalg.solve],
  ["solve with a vector", [regular([3, 3]), waves([3], 2)], linalg.solve],
  ["solve, broadcast", [regular([2, 1, 3, 3]), waves([2, 3, 2], 2)], linalg.solve],
  ["inv", [regular([2, 3, 3])], linalg.inv],
  ["det", [regular([2, 3, 3])], linalg.det],
  ["slogdet", [regular([4, 4])], (x) => linalg.slogdet(x).logabsdet],
  ["matrixPower 3", [waves([3, 3])], (x) => linalg.matrixPower(x, 3)],
  ["matrixPower -2", [regular([3, 3])], (x) => linalg.matrixPower(x, -2)],
  ["lstsq", [waves([5, 3]), waves([5, 2], 2)], (a, b) => linalg.lstsq(a, b).x],
  ["lstsq of a wide system", [waves([3, 5]), waves([3], 2)], (a, b) => linalg.lstsq(a, b).x],
  ["lstsq residuals", [waves([5, 3]), waves([5], 2)], (a, b) => linalg.lstsq(a, b).residuals],
  ...[true, false].flatMap((lower) =>
    [true, false].flatMap((transpose) =>
      [true, false].map(
        (unitDiagonal): Case => [
          `triangularSolve ${JSON.stringify({ lower, transpose, unitDiagonal })}`,
          [regular([3, 3]), waves([3, 2], 2)],
          (a, b) => linalg.triangularSolve(a, b, { lower, transpose, unitDiagonal }),
        ],
      ),
    ),
  ),
  ...(["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity] as const).map(
    (ord): Case => [`matrixNorm ${ord}`, [waves([2, 3, 4])], (x) => linalg.matrixNorm(x, { ord })],
  ),
  ...[2, 1, 3, -1, 2.5, Infinity].map((ord): Case => [`vectorNorm ${ord}`, [waves([3, 4])], (x) => linalg.vectorNorm(x, { ord, axis: 1 })]),
  ["norm", [waves([3, 4])], (x) => linalg.norm(x)],
  ["cross", [waves([2, 3]), waves([4, 1, 3], 2)], (a, b) => linalg.cross(a, b)],
  ["outer", [waves([3]), waves([2], 2)], linalg.outer],
  ["kron", [waves([2, 2]), waves([3], 2)], linalg.kron],
  ["diagonal", [waves([2, 3, 4])], (x) => linalg.diagonal(x, { offset: 1 })],
  ["trace", [waves([4, 3])], (x) => linalg.trace(x, { offset: -1 })],
  ["multiDot", [waves([2, 3]), waves([3, 4], 2), waves([4], 3)], (a, b, c) => linalg.multiDot([a, b, c])],
];

/** One number that depends on every element of f's result. */
const scalarOf =
  (f: (...xs: Tensor[]) => Tensor) =>
  (...xs: Tensor[]) => {
    const y = f(...xs);
    return total(mul(y, waves(y.shape, 5)));
  };

/** Derivative of a scalar function along directions, by a central difference of fourth order. */
function slope(f: (...xs: Tensor[]) => Tensor, xs: Tensor[], directions: Tensor[], h = 1e-3): number {
  const at = (t: number) => f(...xs.map((x, i) => add(x, mul(directions[i]!, t)).realize())).itemSync();
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

const inner = (a: Tensor[], b: Tensor[]): number => a.reduce((sum, x, i) => sum + total(mul(x, b[i]!)).itemSync(), 0);

function expectSlope(found: number, expected: number, tolerance: number): void {
  expect(Math.abs(found - expected) / Math.max(1, Math.abs(expected)), `${found}, by differences ${expected}`).toBeLessThan(tolerance);
}

describe("gradients against finite differences", () => {
  test.each(differentiable)("%s", (_, inputs, f) => {
    const scalar = scalarOf(f);
    const gradients = grad(scalar, { argnums: inputs.map((_, i) => i) })(...inputs) as Tensor[];
    gradients.forEach((g, k) => {
      expect(g.shape).toEqual(inputs[k]!.shape);
      for (let i = 0; i < g.size; i++) {
        // one element at a time
        const unit = inputs.map((x, j) =>
          array(
            x.shape,
            Array.from({ length: x.size }, (_, e) => (j === k && e === i ? 1 : 0)),
          ),
        );
        expectSlope(g.dataSync()[i]!, slope(scalar, inputs, unit), 2e-7);
      }
    });
  });

  const twice = differentiable.filter(([name]) =>
    /^(cholesky|qr . of \[5|svd|eigh|solve|inv|det|slogdet|lu|pinv of \[5|triangularSolve)/.test(name),
  );
  test.each(twice)("%s: forward mode and second derivatives", (_, inputs, f) => {
    const directions = inputs.map((x, i) => waves(x.shape, 8 + i));
    const scalar = scalarOf(f);
    const [, tangent] = jvp(scalar, inputs, directions) as [Tensor, Tensor];
    expectSlope(tangent.itemSync(), slope(scalar, inputs, directions), 2e-7);
    const all = { argnums: inputs.map((_, i) => i) };
    const along = (...xs: Tensor[]): Tensor =>
      (grad(scalar, all)(...xs) as Tensor[]).map((g, i) => total(mul(g, directions[i]!))).reduce((a, b) => add(a, b));
    const second = grad(along, all)(...inputs) as Tensor[];
    expectSlope(inner(second, directions), slope(along, inputs, directions), 1e-5);
  });

  test("norms are flat at zero", () => {
    const zero = array([3], [0, 0, 0]);
    expect([...(grad((x: Tensor) => linalg.vectorNorm(x))(zero) as Tensor).dataSync()]).toEqual([0, 0, 0]);
  });

  test("singular values and pseudo-inverses have gradients where singular values coincide", () => {
    const gradient = grad((x: Tensor) => total(linalg.svdvals(x)))(eye(3)) as Tensor;
    expectClose(gradient, { shape: [3, 3], data: [...eye(3).dataSync()] }, 1e-14);
    const c = waves([3, 3]);
    const ofPinv = grad((x: Tensor) => total(mul(linalg.pinv(x), c)))(eye(3)) as Tensor;
    expectClose(ofPinv, { shape: [3, 3], data: [...c.dataSync()].map((x) => -x) }, 1e-14);
    const values = grad((x: Tensor) => total(linalg.eigvalsh(x)))(eye(3)) as Tensor;
    expectClose(values, { shape: [3, 3], data: [...eye(3).dataSync()] }, 1e-14);
  });

  test("pinv of a matrix without full rank, along directions that keep the rank", () => {
    const [u, v] = [waves([4, 2]), waves([2, 3], 2)];
    const f = scalarOf((a, b) => linalg.pinv(linalg.multiDot([a, b]), { rtol: 1e-8 }));
    const found = grad(f, { argnums: [0, 1] })(u, v) as Tensor[];
    const directions = [waves([4, 2], 8), waves([2, 3], 9)];
    expectSlope(inner(found, directions), slope(f, [u, v], directions), 1e-6);
  });

  test("what is not unique has no gradient, and says so", () => {
    expect(() => grad((x: Tensor) => total(linalg.svd(x).U))(waves([4, 2]))).toThrow(
      /svd: full matrices of 4 by 2 have no gradient.*fullMatrices: false/,
    );
    expect(() => grad((x: Tensor) => total(linalg.qr(x, { mode: "complete" }).Q))(waves([4, 2]))).toThrow(
      /qr: mode "complete" of 4 by 2 has no gradient/,
    );
    const [, pull] = vjp((x: Tensor) => linalg.qr(x, { mode: "complete" }).R, waves([2, 4]));
    expect((pull(waves([2, 4])) as Tensor[])[0]!.shape).toEqual([2, 4]);
  });
});

describe("errors are sentences", () => {
  const singular = [
    [1, 2],
    [2, 4],
  ];
  test.each([
    ["inv of a singular matrix", () => linalg.inv(singular), "inv: the matrix is singular (row 1). Use lstsq or pinv"],
    ["solve with a singular matrix", () => linalg.solve(singular, [1, 2]), "solve: the matrix is singular (row 1)"],
    [
      "one of a stack",
      () =>
        linalg.inv([
          [
            [1, 0],
            [0, 1],
          ],
          singular,
        ]),
      "inv: matrix 1 of the stack [2] is singular",
    ],
    [
      "cholesky of an indefinite matrix",
      () =>
        linalg.cholesky([
          [1, 2],
          [2, 1],
        ]),
      "cholesky: the matrix is not positive definite",
    ],
    [
      "a triangle with a zero",
      () =>
        linalg.triangularSolve(
          [
            [1, 2],
            [0, 0],
          ],
          [1, 1],
        ),
      "triangularSolve: the matrix is singular: its diagonal holds a zero (row 1)",
    ],
    ["a vector for a matrix", () => linalg.det([1, 2]), "det: needs matrices, received shape [2]. Matrices are the last two axes"],
    ["an oblong matrix", () => linalg.inv([[1, 2]]), "inv: needs square matrices [..., n, n], received shape [1, 2]"],
    [
      "sides that do not fit",
      () =>
        linalg.solve(
          [
            [1, 2],
            [3, 4],
          ],
          [1, 2, 3],
        ),
      "solve: [2, 2] x = [3]: the right side needs 2 rows. Its shape is [2] or [..., 2, k]",
    ],
    [
      "a right side on its side",
      () =>
        linalg.solve(
          [
            [1, 2],
            [3, 4],
          ],
          [[1, 2]],
        ),
      "transpose it?",
    ],
    ["a mode of qr", () => linalg.qr([[1]], { mode: "raw" as "reduced" }), 'qr: unknown mode "raw". Use "reduced" or "complete"'],
    ["a broken exponent", () => linalg.matrixPower([[1]], 0.5), "matrixPower: the exponent 0.5 is not an integer"],
    ["cross of 2-vectors", () => linalg.cross([1, 2], [3, 4]), "cross: shapes [2] and [2] need size 3 on axis -1"],
    ["outer of matrices", () => linalg.outer([[1]], [1]), "outer: needs two vectors, received shapes [1, 1] and [1]"],
    ["a norm of no order", () => linalg.matrixNorm([[1]], { ord: 3 as 2 }), "matrixNorm: 3 is no order of a matrix norm"],
    ["a norm of three axes", () => linalg.norm([[[1]]], { ord: 1 }), "norm: order 1 over 3 axes"],
    ["matrices that do not chain", () => linalg.multiDot([[[1, 2]], [[1, 2]]]), "multiDot: arrays 0 and 1, [1, 2] · [1, 2], do not fit"],
    ["a system of no shape", () => linalg.lstsq([[1, 2]], [1, 2]), "lstsq: [1, 2] x = [2] is no system"],
    ["one axis twice", () => linalg.diagonal([[1]], { axis1: 0, axis2: 0 }), "diagonal: axes [0,0] name an axis twice"],
  ])("%s", (_, f, message) => {
    expect(f).toThrow(message);
  });

  test("where values are not known yet, singular matrices give infinities instead", () => {
    const run = compile((x: Tensor) => linalg.inv(x));
    expect(run(array([2, 2], [2, 0, 0, 4])).tolistSync()).toEqual([
      [0.5, 0],
      [0, 0.25],
    ]);
    expect((run(array([2, 2], [1, 2, 2, 4])).tolistSync() as number[][]).flat().some(Number.isFinite)).toBe(false);
  });

  test("gradients compile", () => {
    const f = (x: Tensor) => total(mul(linalg.inv(x), waves([3, 3], 4)));
    const x = regular([3, 3]);
    expectClose(compile(grad(f))(x), { shape: [3, 3], data: [...(grad(f)(x) as Tensor).dataSync()] }, 1e-14);
  });

  test("NaN passes through", () => {
    expect(linalg.svdvals(array([2, 2], [1, Number.NaN, 0, 1])).tolistSync()).toEqual([Number.NaN, Number.NaN]);
    expect(linalg.det(array([1, 1], [Number.NaN])).itemSync()).toBeNaN();
  });
});
