import "../../src/graph/init.ts";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/graph/autodiff.ts";
import { compile } from "../../src/graph/compile.ts";
import { make } from "../../src/graph/node.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import { argsort, searchsorted, sort, topK } from "../../src/ops/searching.ts";

interface Stored {
  shape: number[];
  data: (number | null)[];
}
interface Golden {
  searching: { x: Stored; axis: number | null; sort: Stored; argsort: Stored }[];
  searchsorted: { a: Stored; v: Stored; side: "left" | "right"; result: Stored; shuffled: Stored; sorter: Stored }[];
}
const golden = JSON.parse(readFileSync(new URL("./indexing.golden.json", import.meta.url), "utf8")) as Golden;
const read = ({ shape, data }: Stored): Tensor => wrap(make.reshape(asTensor(Float64Array.from(data, (x) => x ?? Number.NaN)).node, shape));
const show = (t: Tensor): Stored => ({ shape: [...t.shape], data: Array.from(t.dataSync(), (x) => (Number.isNaN(x) ? null : x)) });

describe("sort", () => {
  test("agrees with NumPy on every axis, NaN last, equal elements in order", () => {
    for (const { x, axis, sort: sorted, argsort: order } of golden.searching) {
      expect(show(sort(read(x), { axis }))).toEqual(sorted);
      expect(show(argsort(read(x), { axis }))).toEqual(order);
    }
  });

  test("keeps equal elements in order when descending too", () => {
    expect(argsort([1, 2, 1, 2], { descending: true }).tolistSync()).toEqual([1, 3, 0, 2]);
    expect(sort([3, 1, 2], { descending: true }).tolistSync()).toEqual([3, 2, 1]);
    expect(sort([true, false, true]).tolistSync()).toEqual([false, true, true]);
  });

  test("sends gradients to the old places", () => {
    const weights = asTensor(Float64Array.of(1, 10, 100));
    const f = (x: Tensor) => wrap(make.reduce("reduceSum", make.binary("mul", sort(x).node, weights.node), [0]));
    expect(grad(f)(asTensor(Float64Array.of(5, 1, 3))).tolistSync()).toEqual([100, 1, 10]);
  });
});

describe("topK", () => {
  test("gives values and places, largest first, ties by place", () => {
    const { values, indices } = topK(
      [
        [1, 4, 4, 2],
        [9, 0, 3, 5],
      ],
      2,
    );
    expect(values.tolistSync()).toEqual([
      [4, 4],
      [9, 5],
    ]);
    expect(indices.tolistSync()).toEqual([
      [1, 2],
      [0, 3],
    ]);
    expect(
      topK(
        [
          [1, 2],
          [0, 3],
        ],
        1,
        { axis: 0, largest: false },
      ).values.tolistSync(),
    ).toEqual([[0, 2]]);
    expect(() => topK([1, 2], 3)).toThrow(/k is 3, axis 0 of shape \[2\] has 2 elements/);
  });
});

describe("searchsorted", () => {
  test("agrees with NumPy on both sides, with sorters and NaN", () => {
    for (const { a, v, side, result, shuffled, sorter } of golden.searchsorted) {
      expect(show(searchsorted(read(a), read(v), { side }))).toEqual(result);
      const order = wrap(make.cast(read(sorter).node, "int32"));
      expect(show(searchsorted(read(shuffled), read(v), { side, sorter: order }))).toEqual(result);
    }
  });

  test("works inside compile and promotes types", () => {
    const f = compile((a: Tensor, v: Tensor) => searchsorted(a, v));
    expect(f(asTensor([1, 2, 3]), asTensor([1.5, 3.5])).tolistSync()).toEqual([1, 3]);
    expect(() => searchsorted([[1]], [1])).toThrow(/one dimension is needed/);
  });
});
