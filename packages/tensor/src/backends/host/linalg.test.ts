import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LinalgName } from "../../graph/primitives.ts";
import { hostLinalg, type LinalgOptions } from "./linalg.ts";

interface Stored {
  shape: number[];
  data: number[];
}
interface Golden {
  name: string;
  options: LinalgOptions;
  inputs: Stored[];
  results: Stored[];
}
const golden = JSON.parse(readFileSync(new URL("./linalg.golden.json", import.meta.url), "utf8")) as { cases: Golden[] };

/** A dense matrix that knows just enough algebra to check factorisations. */
class Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: ArrayLike<number>;
  constructor(rows: number, columns: number, data: ArrayLike<number>) {
    this.rows = rows;
    this.columns = columns;
    this.data = data;
  }
  static from = (rows: number, columns: number, f: (i: number, j: number) => number) =>
    new Matrix(
      rows,
      columns,
      Float64Array.from({ length: rows * columns }, (_, k) => f(Math.floor(k / columns), k % columns)),
    );
  static identity = (n: number) => Matrix.from(n, n, (i, j) => (i === j ? 1 : 0));
  at = (i: number, j: number): number => this.data[i * this.columns + j]!;
  get T(): Matrix {
    return Matrix.from(this.columns, this.rows, (i, j) => this.at(j, i));
  }
  times(b: Matrix): Matrix {
    return Matrix.from(this.rows, b.columns, (i, j) => {
      let sum = 0;
      for (let k = 0; k < this.columns; k++) sum += this.at(i, k) * b.at(k, j);
      return sum;
    });
  }
  get size(): number {
    return Array.from(this.data).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  }
  /** Frobenius norm. */
  get norm(): number {
    const size = this.size || 1;
    return size * Math.sqrt(Array.from(this.data).reduce((sum, x) => sum + (x / size) ** 2, 0));
  }
  /** Largest difference, relative to `scale`. */
  distance(b: Matrix, scale = 1): number {
    expect([b.rows, b.columns]).toEqual([this.rows, this.columns]);
    return Matrix.from(this.rows, this.columns, (i, j) => this.at(i, j) - b.at(i, j)).size / (scale || 1);
  }
}

function factor(name: LinalgName, inputs: Matrix[], options: LinalgOptions = {}): Float64Array[] {
  const shapes = inputs.map((x) => [x.rows, x.columns]);
  const packed = hostLinalg[name].run(
    inputs.map((x) => Float64Array.from(x.data)),
    shapes,
    options,
  );
  let end = 0;
  const parts = hostLinalg[name].results(shapes, options).map((size) => packed.subarray(end, (end += size)));
  expect(end).toBe(packed.length);
  return parts;
}

const tolerance = (m: number, n: number) => 2e-15 * Math.max(m, n, 4);

function checkQR(a: Matrix, mode: string): void {
  const k = mode === "complete" ? a.rows : Math.min(a.rows, a.columns);
  const [qData, rData] = factor("qr", [a], { mode }) as [Float64Array, Float64Array];
  const [q, r] = [new Matrix(a.rows, k, qData), new Matrix(k, a.columns, rData)];
  const limit = tolerance(a.rows, a.columns);
  expect(q.times(r).distance(a, a.norm)).toBeLessThan(limit);
  expect(q.T.times(q).distance(Matrix.identity(k))).toBeLessThan(limit);
  for (let i = 0; i < k; i++) for (let j = 0; j < Math.min(i, a.columns); j++) expect(r.at(i, j)).toBe(0);
}

function checkSVD(a: Matrix, fullMatrices: boolean): Float64Array {
  const [m, n, k] = [a.rows, a.columns, Math.min(a.rows, a.columns)];
  const [uData, s, vhData] = factor("svd", [a], { fullMatrices }) as [Float64Array, Float64Array, Float64Array];
  const [u, vh] = fullMatrices ? [new Matrix(m, m, uData), new Matrix(n, n, vhData)] : [new Matrix(m, k, uData), new Matrix(k, n, vhData)];
  const limit = tolerance(m, n);
  const scaled = Matrix.from(m, k, (i, j) => u.at(i, j) * s[j]!);
  const used = Matrix.from(k, n, (i, j) => vh.at(i, j));
  expect(scaled.times(used).distance(a, a.norm)).toBeLessThan(limit);
  expect(u.T.times(u).distance(Matrix.identity(u.columns))).toBeLessThan(limit);
  expect(vh.times(vh.T).distance(Matrix.identity(vh.rows))).toBeLessThan(limit);
  for (let i = 0; i < k; i++) expect(s[i]! >= (s[i + 1] ?? 0)).toBe(true);
  return s;
}

function checkEigh(a: Matrix): Float64Array {
  const n = a.rows;
  const [w, vData] = factor("eigh", [a]) as [Float64Array, Float64Array];
  const v = new Matrix(n, n, vData);
  const limit = tolerance(n, n);
  expect(
    a.times(v).distance(
      Matrix.from(n, n, (i, j) => v.at(i, j) * w[j]!),
      a.norm,
    ),
  ).toBeLessThan(limit);
  expect(v.T.times(v).distance(Matrix.identity(n))).toBeLessThan(limit);
  for (let i = 1; i < n; i++) expect(w[i]! >= w[i - 1]!).toBe(true);
  return w;
}

/** Matrices of 0 to 12 rows and columns: dense, sparse with exact repeats, and with rows of very different size. */
const sizes = fc.integer({ min: 0, max: 12 });
const matrixOf = (rows: number, columns: number) =>
  fc
    .tuple(
      fc.array(fc.oneof(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -2, max: 2 })), {
        minLength: rows * columns,
        maxLength: rows * columns,
      }),
      fc.array(fc.constantFrom(0, 0, 0, -3, -9, 5), { minLength: rows, maxLength: rows }),
    )
    .map(([data, grades]) => Matrix.from(rows, columns, (i, j) => plain(data[i * columns + j]!) * 10 ** grades[i]!));
/** Products of numbers near the smallest doubles keep no digits: no algorithm could pass there. */
const plain = (x: number): number => (Math.abs(x) < 1e-140 ? 0 : x);
const anyMatrix = fc.tuple(sizes, sizes).chain(([m, n]) => matrixOf(m, n));
const square = sizes.chain((n) => matrixOf(n, n));

describe("against NumPy", () => {
  const first: Record<string, LinalgName> = { eigenvalues: "eigh", singularValues: "svd" };
  test.each(golden.cases.map((c) => [`${c.name} ${JSON.stringify(c.options)} of [${c.inputs[0]!.shape}]`, c] as const))("%s", (_, c) => {
    const inputs = c.inputs.map((x) => new Matrix(x.shape[0]!, x.shape[1]!, x.data));
    const parts = factor(first[c.name] ?? (c.name as LinalgName), inputs, c.options);
    c.results.forEach((expected, i) => {
      const part = parts[c.name === "singularValues" ? 1 : i]!;
      expect(part.length).toBe(expected.data.length);
      const scale = Math.max(1, ...expected.data.map(Math.abs));
      expected.data.forEach((x, k) => expect(Math.abs(part[k]! - x) / scale).toBeLessThan(1e-12));
    });
  });
});

describe("properties of random matrices", () => {
  test("A = QR with orthonormal Q and upper triangular R", () => {
    fc.assert(fc.property(anyMatrix, fc.constantFrom("reduced", "complete"), checkQR));
  });
  test("A = U S Vh with orthonormal U and V and descending S", () => {
    fc.assert(
      fc.property(anyMatrix, fc.boolean(), (a, full) => void checkSVD(a, full)),
      { numRuns: 400 },
    );
  });
  test("A V = V w for symmetric A", () => {
    fc.assert(
      fc.property(square, (a) => void checkEigh(Matrix.from(a.rows, a.rows, (i, j) => a.at(i, j) + a.at(j, i)))),
      { numRuns: 400 },
    );
  });
  test("A[p] = L U with |L| at most 1", () => {
    fc.assert(
      fc.property(anyMatrix, (a) => {
        const k = Math.min(a.rows, a.columns);
        const [data, order] = factor("lu", [a]) as [Float64Array, Float64Array];
        const lu = new Matrix(a.rows, a.columns, data);
        const l = Matrix.from(a.rows, k, (i, j) => (i === j ? 1 : i > j ? lu.at(i, j) : 0));
        const u = Matrix.from(k, a.columns, (i, j) => (i <= j ? lu.at(i, j) : 0));
        expect(l.size).toBeLessThanOrEqual(1);
        expect([...order].sort((x, y) => x - y)).toEqual([...order.keys()]);
        expect(
          l.times(u).distance(
            Matrix.from(a.rows, a.columns, (i, j) => a.at(order[i]!, j)),
            a.size,
          ),
        ).toBeLessThan(1e-12);
      }),
    );
  });
  test("A = L Lᵀ for positive definite A, reading the lower triangle only", () => {
    fc.assert(
      fc.property(square, (g) => {
        const a = g.times(g.T);
        const n = a.rows;
        const shift = a.size || 1;
        const definite = Matrix.from(n, n, (i, j) => a.at(i, j) + (i === j ? shift : 0));
        const l = new Matrix(n, n, factor("cholesky", [Matrix.from(n, n, (i, j) => (j > i ? Number.NaN : definite.at(i, j)))])[0]!);
        expect(l.times(l.T).distance(definite, definite.size)).toBeLessThan(1e-14);
      }),
    );
  });
  test("triangular systems are solved, reading one triangle only", () => {
    const options = fc.record({ lower: fc.boolean(), transpose: fc.boolean(), unitDiagonal: fc.boolean() });
    const system = fc.tuple(sizes, fc.integer({ min: 0, max: 4 })).chain(([n, k]) => fc.tuple(matrixOf(n, n), matrixOf(n, k)));
    fc.assert(
      fc.property(system, options, ([g, b], o) => {
        const n = g.rows;
        const inside = (i: number, j: number) => (o.lower ? j < i : j > i);
        const off = (i: number, j: number) => g.at(i, j) / (1 + g.size) / (1 + n);
        const stored = Matrix.from(n, n, (i, j) => (inside(i, j) ? off(i, j) : i === j && !o.unitDiagonal ? 2 : Number.NaN));
        const op = Matrix.from(n, n, (i, j) => (inside(i, j) ? off(i, j) : i === j ? (o.unitDiagonal ? 1 : 2) : 0));
        const x = new Matrix(n, b.columns, factor("triangularSolve", [stored, b], o)[0]!);
        expect((o.transpose ? op.T : op).times(x).distance(b, b.size)).toBeLessThan(1e-14);
      }),
    );
  });
});

describe("hard cases", () => {
  const wave = (i: number, j: number) => Math.sin(1 + 7 * i + 13 * j * j);

  test.each([[1e300], [1e-300], [1e-160], [1]])("matrices of size %s neither overflow nor vanish", (scale) => {
    const a = Matrix.from(6, 4, (i, j) => wave(i, j) * scale);
    checkQR(a, "reduced");
    checkSVD(a, true);
    const s = Matrix.from(6, 6, (i, j) => (wave(i, j) + wave(j, i)) * scale);
    checkEigh(s);
  });

  test.each([
    [0, 0],
    [0, 3],
    [3, 0],
    [1, 7],
    [7, 1],
  ])("matrices of %i by %i", (m, n) => {
    const a = Matrix.from(m, n, wave);
    for (const mode of ["reduced", "complete"]) checkQR(a, mode);
    for (const full of [false, true]) checkSVD(a, full);
  });

  test("a zero matrix has orthonormal factors", () => {
    const zero = Matrix.from(5, 3, () => 0);
    checkQR(zero, "complete");
    expect([...checkSVD(zero, true)]).toEqual([0, 0, 0]);
    expect([...checkEigh(Matrix.from(4, 4, () => 0))]).toEqual([0, 0, 0, 0]);
  });

  test("rank-deficient matrices show their rank", () => {
    const [x, y] = [Matrix.from(9, 2, wave), Matrix.from(2, 7, (i, j) => wave(j, i + 3))];
    const s = checkSVD(x.times(y), true);
    expect(s[1]).toBeGreaterThan(0.1);
    expect(s[2]).toBeLessThan(1e-14);
    checkEigh(x.times(x.T));
  });

  // Reduced to tridiagonal form, these end in a long tail of rounding errors of falling size.
  test.each([
    ["all ones", () => 1],
    ["a checkerboard", (i: number, j: number) => (i + j) % 2],
    ["falling powers of two", (i: number, j: number) => (wave(i, j) + wave(j, i)) * 2 ** (-i - j)],
    ["rising powers of two", (i: number, j: number) => (wave(i, j) + wave(j, i)) * 2 ** (i + j - 240)],
    ["a diagonal far from order", (i: number, j: number) => (i === j ? 10 ** (((i * 7) % 40) - 20) : 0)],
  ])("%s of 120 rows converges", (_, f) => {
    checkEigh(Matrix.from(120, 120, f));
    checkSVD(Matrix.from(120, 120, f), false);
  });

  test("singular bidiagonal and graded matrices converge", () => {
    for (const zeroAt of [0, 3, 7])
      checkSVD(
        Matrix.from(8, 8, (i, j) => (i === j ? (i === zeroAt ? 0 : 1) : j === i + 1 ? 1 : 0)),
        true,
      );
    const graded = Matrix.from(30, 30, (i, j) => wave(i, j) * 10 ** (-i - j));
    checkSVD(graded, true);
    checkEigh(Matrix.from(30, 30, (i, j) => (wave(i, j) + wave(j, i)) * 10 ** (-i - j)));
    checkEigh(Matrix.from(30, 30, (i, j) => (wave(i, j) + wave(j, i)) * 10 ** (i + j - 60)));
    checkEigh(Matrix.from(21, 21, (i, j) => (i === j ? Math.abs(10 - i) : Math.abs(i - j) === 1 ? 1 : 0))); // Wilkinson's W21+
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s gives NaN in finite time", (bad) => {
    const a = Matrix.from(5, 5, (i, j) => (i === 3 && j === 1 ? bad : wave(i, j)));
    for (const name of ["eigh", "svd"] as const)
      for (const part of factor(name, [a], { fullMatrices: true })) expect(part.every(Number.isNaN)).toBe(true);
    factor("qr", [a]);
    factor("lu", [a]);
  });

  test("an indefinite matrix has no Cholesky factor, its neighbours in the stack do", () => {
    const l = hostLinalg.cholesky.run([Float64Array.of(4, 9, 2, 2, 1, 2, 2, 1)], [[2, 2, 2]], {});
    expect([...l.subarray(0, 4)]).toEqual([2, 0, 1, 1]);
    expect(l.subarray(4).every(Number.isNaN)).toBe(true);
  });

  test("stacks keep their matrices apart, and their packed results together", () => {
    const matrices = [0, 1, 2].map((k) => Matrix.from(4, 3, (i, j) => wave(i + k, j)));
    const stack = Float64Array.from(matrices.flatMap((a) => Array.from(a.data)));
    const packed = hostLinalg.svd.run([stack], [[3, 4, 3]], { fullMatrices: false });
    expect([...packed]).toEqual(matrices.flatMap((a) => factor("svd", [a], { fullMatrices: false }).flatMap((p) => [...p])));
    expect(hostLinalg.svd.run([new Float64Array(0)], [[0, 4, 3]], {}).length).toBe(0);
  });

  test("larger matrices stay accurate", () => {
    const n = 150;
    checkSVD(Matrix.from(n, n, wave), false);
    checkEigh(Matrix.from(n, n, (i, j) => wave(i, j) + wave(j, i)));
    checkQR(Matrix.from(n, n, wave), "reduced");
  });
});
