import { describe, expect, test } from "vitest";
import type { ContractionKernel, Slot } from "../../compile/kernel.ts";
import { hasRelaxedSimd, ModuleBuilder } from "./assembler.ts";
import { planContraction } from "./gemm.ts";
import { Heap } from "./memory.ts";

interface Groups {
  batch: number[];
  rows: number[];
  columns: number[];
  inner: number[];
}

type Strides = { [Group in keyof Groups]: number[] };

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

const product = (sizes: readonly number[]) => sizes.reduce((x, y) => x * y, 1);

/** Every Σ index · stride over row-major indices. */
function offsets(sizes: readonly number[], strides: readonly number[]): Int32Array {
  let all = [0];
  sizes.forEach((size, d) => {
    all = all.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[d]!));
  });
  return Int32Array.from(all);
}

/** Lowest and one past the highest element that an operand touches, relative to its offset. */
function extent(sizes: readonly number[], strides: readonly number[]): [number, number] {
  const far = sizes.map((size, d) => (size - 1) * strides[d]!);
  return [far.reduce((sum, x) => sum + Math.min(x, 0), 0), far.reduce((sum, x) => sum + Math.max(x, 0), 0) + 1];
}

const slot = (dtype: "float32" | "float64", size: number): Slot => ({
  ...{ index: 0, dtype, size, bytes: size * (dtype === "float32" ? 4 : 8) },
  place: { kind: "input", index: 0 },
});

const heap = new Heap({ shared: false });
const GUARD = 12345.5;

/** Runs a contraction on random data, in ranges of units, and compares `samples` results with a plain loop's. */
function check(
  dtype: "float32" | "float64",
  groups: Groups,
  strideA: Strides,
  strideB: Strides,
  { relaxed = hasRelaxedSimd(), samples = Infinity, next = random(7), odd = false } = {},
): void {
  const sizesA = [...groups.batch, ...groups.rows, ...groups.inner];
  const sizesB = [...groups.batch, ...groups.inner, ...groups.columns];
  const flatA = [...strideA.batch, ...strideA.rows, ...strideA.inner];
  const flatB = [...strideB.batch, ...strideB.inner, ...strideB.columns];
  const empty = [...sizesA, ...sizesB].includes(0);
  const [lowA, highA] = empty ? [0, 0] : extent(sizesA, flatA);
  const [lowB, highB] = empty ? [0, 0] : extent(sizesB, flatB);
  const outSize = product(groups.batch) * product(groups.rows) * product(groups.columns);
  const bytes = dtype === "float32" ? 4 : 8;
  const kernel: ContractionKernel = {
    kind: "contraction",
    dtype,
    ...groups,
    a: { slot: slot(dtype, highA - lowA), offset: -lowA, batch: strideA.batch, free: strideA.rows, inner: strideA.inner },
    b: { slot: slot(dtype, highB - lowB), offset: -lowB, batch: strideB.batch, free: strideB.columns, inner: strideB.inner },
    out: slot(dtype, outSize),
  };
  const code = planContraction(kernel, relaxed);

  // The operands end where the memory ends, so that reading beyond them traps; out has guards on both sides.
  const scratchBytes = Math.max(0, ...code.kernels.map((step) => step.scratchBytes));
  const total = 256 + (highA - lowA + highB - lowB + outSize + 8) * bytes + code.packedBytes + scratchBytes + 512;
  const pages = Math.ceil(total / 65536) + 1;
  const memory = new WebAssembly.Memory({ initial: pages });
  const Numbers = dtype === "float32" ? Float32Array : Float64Array;
  const addressB = pages * 65536 - (highB - lowB) * bytes;
  let at = 256;
  const place = (size: number) => {
    const address = Math.ceil(at / 64) * 64;
    at = address + size;
    return address;
  };
  const addressA = place((highA - lowA) * bytes);
  const guarded = place((outSize + 8) * bytes);
  const addressPacked = place(code.packedBytes);
  const addressScratch = place(scratchBytes);
  const a = new Numbers(memory.buffer, addressA, highA - lowA).map(() => next() - 0.5);
  const b = new Numbers(memory.buffer, addressB, highB - lowB).map(() => next() - 0.5);
  const out = new Numbers(memory.buffer, guarded, outSize + 8).fill(GUARD);
  const run = (addressOfA: number, addressOfB: number) => {
    new Numbers(memory.buffer, addressOfA, a.length).set(a);
    new Numbers(memory.buffer, addressOfB, b.length).set(b);
    new Int32Array(memory.buffer, 0, 4).set([addressOfA, addressOfB, guarded + 4 * bytes, addressPacked]);
    for (const step of code.kernels) {
      const module = new ModuleBuilder();
      module.importMemory("env", "memory", heap.limits);
      step.emit(module);
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env: { memory } });
      const kernelFunction = exports[step.name] as (...values: number[]) => void;
      for (let begin = 0; begin < step.units; ) {
        const size = odd ? 1 + Math.floor(next() * step.units) : step.grain;
        const end = Math.min(step.units, begin + size);
        kernelFunction(0, begin, end, addressScratch);
        begin = end;
      }
    }
  };
  run(addressA, addressB);

  const offA = -lowA;
  const offB = -lowB;
  const batchA = offsets(groups.batch, strideA.batch);
  const batchB = offsets(groups.batch, strideB.batch);
  const rowsA = offsets(groups.rows, strideA.rows);
  const columnsB = offsets(groups.columns, strideB.columns);
  const innerA = offsets(groups.inner, strideA.inner);
  const innerB = offsets(groups.inner, strideB.inner);
  const tolerance = (dtype === "float32" ? 1e-6 : 1e-14) * (1 + Math.sqrt(innerA.length));
  const M = rowsA.length;
  const N = columnsB.length;
  const verify = (index: number) => {
    const n = index % N;
    const m = Math.floor(index / N) % M;
    const p = Math.floor(index / (N * M));
    let sum = 0;
    for (let k = 0; k < innerA.length; k++) {
      sum += a[offA + batchA[p]! + rowsA[m]! + innerA[k]!]! * b[offB + batchB[p]! + innerB[k]! + columnsB[n]!]!;
    }
    const got = out[4 + index]!;
    if (!(Math.abs(got - sum) <= tolerance)) {
      const call = JSON.stringify({ dtype, groups, strideA, strideB, relaxed });
      throw new Error(`out[${p}, ${m}, ${n}] is ${got}, expected ${sum}: ${call}`);
    }
  };
  const verifyAll = () => {
    if (outSize <= samples) for (let i = 0; i < outSize; i++) verify(i);
    else for (let i = 0; i < samples; i++) verify(Math.floor(next() * outSize));
    expect([...out.subarray(0, 4), ...out.subarray(outSize + 4)]).toEqual(new Array(8).fill(GUARD));
  };
  verifyAll();
}

function matrices(M: number, K: number, N: number, transposed: { a?: boolean; b?: boolean } = {}): [Groups, Strides, Strides] {
  return [
    { batch: [], rows: [M], columns: [N], inner: [K] },
    { batch: [], rows: [transposed.a ? 1 : K], columns: [], inner: [transposed.a ? M : 1] },
    { batch: [], rows: [], columns: [transposed.b ? K : 1], inner: [transposed.b ? 1 : N] },
  ];
}

function convolution(n: number, size: number, c: number, o: number, k = 3, stride = 1): [Groups, Strides, Strides] {
  const padded = (size - 1) * stride + k;
  return [
    { batch: [], rows: [n, size, size], columns: [o], inner: [k, k, c] },
    { batch: [], rows: [padded * padded * c, padded * c * stride, c * stride], columns: [], inner: [padded * c, c, 1] },
    { batch: [], rows: [], columns: [1], inner: [k * c * o, c * o, o] },
  ];
}

/** The gradient of a convolution's weights: rows (ky, kx, c), inner (n, oy, ox), columns o. */
function weightGradient(n: number, size: number, c: number, o: number): [Groups, Strides, Strides] {
  const [forward, a] = convolution(n, size, c, o);
  return [
    { batch: [], rows: forward.inner, columns: [o], inner: forward.rows },
    { batch: [], rows: a.inner, columns: [], inner: a.rows },
    { batch: [], rows: [], columns: [1], inner: [size * size * o, size * o, o] },
  ];
}

describe.each(["float32", "float64"] as const)("a contraction of %s", (dtype) => {
  test("has the plain loop's results for every small size and orientation of matrices", () => {
    for (const M of [1, 2, 3, 4, 5, 6, 7, 11, 13, 30]) {
      for (const N of [1, 2, 3, 4, 5, 7, 8, 9, 12, 19, 33]) {
        for (const K of [1, 2, 5, 8, 19]) {
          for (const a of [false, true]) for (const b of [false, true]) check(dtype, ...matrices(M, K, N, { a, b }), { odd: true });
        }
      }
    }
  }, 60000);

  test("gives zeros when there is nothing to add, and nothing when there is nothing to compute", () => {
    check(dtype, ...matrices(5, 0, 7));
    check(dtype, ...matrices(0, 3, 7));
    check(dtype, ...matrices(5, 3, 0));
  });

  test("has the plain loop's results for random groups, sizes and strides", () => {
    const next = random(dtype === "float32" ? 11 : 12);
    const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
    for (let round = 0; round < 400; round++) {
      const dims = (most: number, volume: number) => {
        let left = volume;
        return Array.from({ length: integer(0, most) }, () => {
          const size = next() < 0.03 ? 0 : integer(1, Math.max(1, Math.min(left, next() < 0.3 ? 80 : 9)));
          left = Math.floor(left / Math.max(1, size));
          return size;
        });
      };
      const groups: Groups = { batch: dims(2, 9), rows: dims(3, 80), columns: dims(3, 80), inner: dims(3, 200) };
      const strides = (names: readonly (keyof Groups)[]): Strides => {
        const list = names.flatMap((name) => groups[name].map((size, d) => ({ name, d, size, key: next() })));
        if (next() < 0.8) list.sort((x, y) => x.key - y.key);
        const result: Strides = { batch: [], rows: [], columns: [], inner: [] };
        let step = 1;
        for (const { name, d, size } of list.reverse()) {
          const kind = next();
          // Permuted mostly; also broadcast, overlapping, spread out and reversed dimensions.
          if (kind < 0.06) result[name][d] = 0;
          else if (kind < 0.14) result[name][d] = integer(1, 4);
          else {
            result[name][d] = step * (kind > 0.94 ? -1 : 1);
            step *= Math.max(1, size) + (kind > 0.85 ? 1 : 0);
          }
        }
        return result;
      };
      const options = { next, odd: next() < 0.5, relaxed: hasRelaxedSimd() && next() < 0.5 };
      check(dtype, groups, strides(["batch", "rows", "inner"]), strides(["batch", "inner", "columns"]), options);
    }
  }, 120000);

  test("has the plain loop's results for large matrices, in every orientation", () => {
    for (const [M, K, N] of [
      [257, 700, 129],
      [97, 1031, 900],
      [300, 64, 1200],
      [1, 3000, 777],
      [2000, 900, 1],
      [2, 513, 300],
    ]) {
      for (const a of [false, true]) for (const b of [false, true]) check(dtype, ...matrices(M!, K!, N!, { a, b }), { samples: 3000 });
    }
  }, 60000);

  test("has the plain loop's results for convolutions and the gradients of their weights", () => {
    for (const [n, size, c, o] of [
      [3, 9, 16, 16],
      [2, 7, 3, 20],
      [2, 5, 64, 40],
      [5, 6, 1, 8],
    ]) {
      check(dtype, ...convolution(n!, size!, c!, o!), { samples: 3000 });
      check(dtype, ...convolution(n!, size!, c!, o!, 3, 2), { samples: 3000 });
      check(dtype, ...weightGradient(n!, size! + 8, c!, o!), { samples: 3000 });
    }
  }, 60000);
});
