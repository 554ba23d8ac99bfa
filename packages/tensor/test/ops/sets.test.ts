import "../../src/graph/init.ts";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/graph/compile.ts";
import { make } from "../../src/graph/node.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import {
  intersect1d,
  isin,
  setdiff1d,
  setxor1d,
  union1d,
  unique,
  uniqueAll,
  uniqueCounts,
  uniqueInverse,
  uniqueValues,
} from "../../src/ops/sets.ts";

interface Stored {
  shape: number[];
  data: (number | null)[];
}
interface Golden {
  sets: {
    a: Stored;
    b: Stored;
    unique: Stored;
    all: [Stored, Stored, Stored, Stored];
    union: Stored;
    intersect: Stored;
    isin: Stored;
    difference: Stored;
  }[];
  uniqueRows: { x: Stored; rows: Stored; columns: Stored };
}
const golden = JSON.parse(readFileSync(new URL("./indexing.golden.json", import.meta.url), "utf8")) as Golden;
const read = ({ shape, data }: Stored): Tensor => wrap(make.reshape(asTensor(Float64Array.from(data, (x) => x ?? Number.NaN)).node, shape));
const show = (t: Tensor): Stored => ({ shape: [...t.shape], data: Array.from(t.dataSync(), (x) => (Number.isNaN(x) ? null : x)) });

describe("set functions", () => {
  golden.sets.forEach((example, i) => {
    test(`agree with NumPy on example ${i}`, () => {
      const [a, b] = [read(example.a), read(example.b)];
      const all = uniqueAll(a);
      expect([all.values, all.indices, all.inverseIndices, all.counts].map(show)).toEqual(example.all);
      expect(show(uniqueCounts(a).counts)).toEqual(example.all[3]);
      expect(show(uniqueInverse(a).inverseIndices)).toEqual(example.all[2]);
      expect(show(uniqueValues(a))).toEqual(example.all[0]);
      expect(show(unique(a))).toEqual(example.unique);
      expect(show(union1d(a, b))).toEqual(example.union);
      expect(show(intersect1d(a, b))).toEqual(example.intersect);
      expect(show(setdiff1d(a, b))).toEqual(example.difference);
      expect(show(isin(a, b))).toEqual(example.isin);
      expect(show(isin(a, b, { invert: true })).data).toEqual(example.isin.data.map((x) => 1 - x!));
    });
  });

  test("find distinct rows and columns", () => {
    const { x, rows, columns } = golden.uniqueRows;
    expect(show(unique(read(x), { axis: 0 }))).toEqual(rows);
    expect(show(unique(read(x), { axis: 1 }))).toEqual(columns);
  });

  test("give what is in exactly one array", () => {
    expect(setxor1d([1, 2, 3, 2], [3, 4]).tolistSync()).toEqual([1, 2, 4]);
  });

  test("say what to do inside compile, where only isin works", () => {
    const f = compile((x: Tensor) => unique(x));
    expect(() => f(asTensor([1, 2]))).toThrow(/unique: .*outside of the compiled function/);
    expect(
      compile((x: Tensor) => isin(x, [2, 5]))(
        asTensor([
          [1, 2],
          [5, 3],
        ]),
      ).tolistSync(),
    ).toEqual([
      [false, true],
      [true, false],
    ]);
  });
});
