import "../../src/graph/init.ts";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IndexError } from "../../src/errors.ts";
import { grad } from "../../src/graph/autodiff.ts";
import { compile } from "../../src/graph/compile.ts";
import { make } from "../../src/graph/node.ts";
import type { NestedArray, Tensor } from "../../src/graph/tensor.ts";
import { asTensor, wrap } from "../../src/ops/core.ts";
import {
  argwhere,
  at,
  compress,
  extract,
  get,
  type Index,
  nonzero,
  oneHot,
  putAlongAxis,
  select,
  slice,
  take,
  takeAlongAxis,
} from "../../src/ops/indexing.ts";

interface Stored {
  shape: number[];
  data: (number | boolean | null)[];
}
type Written = number | string | null | { slice: [number | null, number | null, number | null] } | { array: Stored } | { mask: Stored };
interface Golden {
  indexing: { shape: number[]; index: Written[]; result: Stored; added: Stored; multiplied: Stored }[];
  along: { x: Stored; index: Stored; axis: number; taken: Stored; put: Stored }[];
}
const golden = JSON.parse(readFileSync(new URL("./indexing.golden.json", import.meta.url), "utf8")) as Golden;

const shaped = (data: readonly (number | boolean)[], shape: number[], dtype: "int32" | "float64" | "bool"): Tensor =>
  wrap(make.reshape(asTensor(Float64Array.from(data, Number), dtype).node, shape));
const counting = (shape: number[], dtype: "int32" | "float64" = "int32") =>
  shaped(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
    dtype,
  );

function read(part: Written): Index {
  if (part === null || typeof part !== "object") return part;
  if ("slice" in part) return slice(...part.slice);
  if ("array" in part) return shaped(part.array.data as number[], part.array.shape, "int32");
  return shaped(part.mask.data as number[], part.mask.shape, "bool");
}

function expectStored(t: Tensor, expected: Stored): void {
  expect({ shape: t.shape, data: Array.from(t.dataSync()) }).toEqual(expected);
}

describe("get and at agree with NumPy", () => {
  golden.indexing.forEach((example, i) => {
    test(`example ${i}: shape [${example.shape}], index ${JSON.stringify(example.index)}`.slice(0, 140), () => {
      const index = example.index.map(read);
      expectStored(get(counting(example.shape), ...index), example.result);
      const x = counting(example.shape, "float64");
      expectStored(at(x, ...index).get(), example.result);
      expectStored(at(x, ...index).add(1.5), example.added);
      expectStored(at(x, ...index).mul(1.5), example.multiplied);
    });
  });
});

// A plain model: NumPy's rules on nested arrays, one element at a time.
type ModelPart = { integer: number } | { slice: [number | null, number | null, number] } | { array: number[] } | "new";

function pySlice(n: number, [start, stop, step]: [number | null, number | null, number]): number[] {
  const out: number[] = [];
  const clampTo = (b: number, low: number, high: number) => Math.min(Math.max(b < 0 ? b + n : b, low), high);
  if (step > 0)
    for (let i = start === null ? 0 : clampTo(start, 0, n); i < (stop === null ? n : clampTo(stop, 0, n)); i += step) out.push(i);
  else
    for (let i = start === null ? n - 1 : clampTo(start, -1, n - 1); i > (stop === null ? -1 : clampTo(stop, -1, n - 1)); i += step)
      out.push(i);
  return out;
}

function modelGet(x: NestedArray, parts: readonly ModelPart[]): NestedArray {
  const [part, ...rest] = parts;
  if (part === undefined) return x;
  if (part === "new") return [modelGet(x, rest)];
  const rows = x as readonly NestedArray[];
  if ("integer" in part) return modelGet(rows.at(part.integer)!, rest);
  if ("slice" in part) return pySlice(rows.length, part.slice).map((i) => modelGet(rows[i]!, rest));
  throw new Error("arrays are replaced by integers first");
}

/** Index arrays of one length: an integer index for each of its places, the results stacked where NumPy puts them. */
function modelIndex(x: NestedArray, parts: readonly ModelPart[]): NestedArray {
  const length = parts.flatMap((p) => (typeof p === "object" && "array" in p ? [p.array.length] : []))[0];
  if (length === undefined) return modelGet(x, parts);
  const stacked = Array.from({ length }, (_, at) =>
    modelGet(
      x,
      parts.map((p) => (typeof p === "object" && "array" in p ? { integer: p.array[at]! } : p)),
    ),
  );
  const advanced = parts.flatMap((p, i) => (typeof p === "object" && ("array" in p || "integer" in p) ? [i] : []));
  const together = advanced.every((p, i) => i === 0 || p === advanced[i - 1]! + 1);
  const depth = together ? advanced[0]! : 0;
  const sink = (levels: number, list: NestedArray[], sizes: readonly number[]): NestedArray =>
    levels === 0
      ? list
      : Array.from({ length: sizes[0]! }, (_, i) =>
          sink(
            levels - 1,
            list.map((l) => (l as NestedArray[])[i]!),
            sizes.slice(1),
          ),
        );
  const sizes = parts
    .slice(0, depth)
    .map((p, i) =>
      p === "new"
        ? 1
        : pySlice(
            sizeAt(x, parts.slice(0, i).filter((q) => q !== "new").length),
            (p as { slice: [number | null, number | null, number] }).slice,
          ).length,
    );
  return sink(depth, stacked, sizes);
}

const sizeAt = (x: NestedArray, axis: number): number =>
  axis === 0 ? (x as NestedArray[]).length : sizeAt((x as NestedArray[])[0]!, axis - 1);

const bound = (n: number) => fc.option(fc.integer({ min: -n - 2, max: n + 2 }), { nil: null });
const step = fc.constantFrom(1, 1, 2, 3, -1, -2);
const partFor = (n: number, length: number): fc.Arbitrary<ModelPart> =>
  fc.oneof(
    fc.integer({ min: -n, max: n - 1 }).map((integer) => ({ integer })),
    fc.tuple(bound(n), bound(n), step).map((s) => ({ slice: s })),
    fc.array(fc.integer({ min: -n, max: n - 1 }), { minLength: length, maxLength: length }).map((array) => ({ array })),
  );
const example = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 3 }))
  .chain(([shape, length]) =>
    fc.record({
      shape: fc.constant(shape),
      parts: fc.tuple(...shape.map((n) => partFor(n, length))),
      newAxisAt: fc.option(fc.integer({ min: 0, max: shape.length }), { nil: null }),
      asText: fc.boolean(),
    }),
  );

describe("get", () => {
  test("agrees with a plain model on nested arrays", () => {
    fc.assert(
      fc.property(example, ({ shape, parts, newAxisAt, asText }) => {
        const all: ModelPart[] = [...parts];
        if (newAxisAt !== null) all.splice(newAxisAt, 0, "new");
        const x = counting(shape);
        const index = all.map((p): Index => {
          if (p === "new") return null;
          if ("integer" in p) return p.integer;
          if ("array" in p) return p.array;
          const [a, b, c] = p.slice;
          return asText ? `${a ?? ""}:${b ?? ""}:${c}` : slice(a, b, c);
        });
        expect(get(x, ...index).tolistSync()).toEqual(modelIndex(x.tolistSync(), all));
      }),
      { numRuns: 300 },
    );
  });

  test("reads several parts from one string", () => {
    const x = counting([4, 6]);
    expect(get(x, "1:3, ::2").tolistSync()).toEqual([
      [6, 8, 10],
      [12, 14, 16],
    ]);
    expect(get(x, "-1, ..., None").shape).toEqual([6, 1]);
    expect(get(x, "1,").tolistSync()).toEqual([6, 7, 8, 9, 10, 11]);
  });

  test("says which index is out of range for which axis", () => {
    const x = counting([3, 4]);
    expect(() => get(x, 1, 4)).toThrow(new IndexError("get", "index 4 is out of range for axis 1 of size 4", "Use -4 to 3"));
    expect(() => get(x, [0, -4])).toThrow(/index -4 is out of range for axis 0 of size 3/);
    expect(() => get(x, 0, 0, 0)).toThrow(/3 axes are indexed, the array of shape \[3, 4\] has 2/);
  });

  test("explains what is no index", () => {
    const x = counting([3]);
    expect(() => get(x, "1;2")).toThrow(/"1;2" is no index/);
    expect(() => get(x, 0.5)).toThrow(/index 0.5 is not an integer/);
    expect(() => get(x, [0.5])).toThrow(/an index array is float32/);
    expect(() => get(x, "...", "...")).toThrow(/only one "\.\.\."/);
    expect(() => get(x, "::0")).toThrow(/step is 0/);
    expect(() => get(x, [true, false])).toThrow(/a mask of shape \[2\] does not fit axes of shape \[3\]/);
  });

  test("clamps indices that are computed lazily", () => {
    const x = counting([3]);
    const lazy = wrap(make.binary("add", asTensor([0, 5, -9]).node, asTensor([0, 0, 0]).node));
    expect(get(x, lazy).tolistSync()).toEqual([0, 2, 0]);
  });

  test("points to where() for a mask inside compile", () => {
    const f = compile((x: Tensor) => get(x, wrap(make.compare("lt", x.node, make.constant(2, x.shape, x.dtype)))));
    expect(() => f(counting([3]))).toThrow(/get: how many elements a mask selects depends on its values.*where\(mask, x, other\)/);
  });

  test("works inside compile with arrays of indices", () => {
    const f = compile((x: Tensor, i: Tensor) => get(x, "::-1", i));
    expect(f(counting([2, 3]), asTensor([2, -1, 0])).tolistSync()).toEqual([
      [5, 5, 3],
      [2, 2, 0],
    ]);
  });

  test("has gradients that add up where an element is read twice", () => {
    const g = grad((x: Tensor) => {
      const y = get(x, [0, 0, 2], "1:");
      return wrap(make.reduce("reduceSum", make.binary("mul", y.node, y.node), [0, 1]));
    })(counting([3, 2], "float64"));
    expect(g.tolistSync()).toEqual([
      [0, 4],
      [0, 0],
      [0, 10],
    ]);
  });
});

describe("at", () => {
  test("keeps the last of several values set at one place, and the extremes of all", () => {
    const x = counting([3]);
    expect(at(x, [1, 1]).set([7, 8]).tolistSync()).toEqual([0, 8, 2]);
    expect(at(x, [1, 1]).max([7, 5]).tolistSync()).toEqual([0, 7, 2]);
    expect(at(x, [1, 1]).min([7, -5]).tolistSync()).toEqual([0, -5, 2]);
    expect(at(x, [1, 1, 1, 2]).mul([2, 3, 4, 5]).tolistSync()).toEqual([0, 24, 10]);
  });

  test("broadcasts values and leaves the array alone", () => {
    const x = counting([2, 3]);
    expect(
      at(x, ":", "1:")
        .set([[9], [8]])
        .tolistSync(),
    ).toEqual([
      [0, 9, 9],
      [3, 8, 8],
    ]);
    expect(x.tolistSync()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(() => at(x, 0).set([1, 2])).toThrow(/do not broadcast|differ on axis/);
    expect(() => at(x, 0).set(0.5)).toThrow(/values are float32, the array int32/);
  });

  test("has gradients through array and values", () => {
    const loss = (x: Tensor, v: Tensor) => {
      const y = at(x, [0, 2]).mul(v);
      return wrap(make.reduce("reduceSum", make.binary("mul", y.node, y.node), [0]));
    };
    const [dx, dv] = grad(loss, { argnums: [0, 1] })(shaped([1, 2, 3], [3], "float64"), shaped([2, 3], [2], "float64"));
    expect(dx.tolistSync()).toEqual([8, 4, 54]);
    expect(dv.tolistSync()).toEqual([4, 54]);
  });
});

describe("functions that index", () => {
  test("takeAlongAxis and putAlongAxis agree with NumPy", () => {
    for (const { x, index, axis, taken, put } of golden.along) {
      const [a, i] = [shaped(x.data as number[], x.shape, "float64"), shaped(index.data as number[], index.shape, "int32")];
      expectStored(takeAlongAxis(a, i, { axis }), taken);
      expectStored(putAlongAxis(a, i, 9, { axis }), put);
    }
  });

  test("take flattens without an axis", () => {
    const x = counting([2, 3]);
    expect(take(x, [[5, -6]]).tolistSync()).toEqual([[5, 0]]);
    expect(take(x, [2, 0], { axis: 1 }).tolistSync()).toEqual([
      [2, 0],
      [5, 3],
    ]);
    expect(() => take(x, [3], { axis: -1 })).toThrow(/index 3 is out of range for axis 1 of size 3/);
  });

  test("oneHot marks the class on any axis and nothing for no class", () => {
    expect(oneHot([1, 3, -1], 3).tolistSync()).toEqual([
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(oneHot([1, 0], 2, { axis: 0, dtype: "bool" }).tolistSync()).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  test("select takes the first condition that holds", () => {
    expect(
      select(
        [
          [true, false, false],
          [true, true, false],
        ],
        [[1, 2, 3], 10],
        -1,
      ).tolistSync(),
    ).toEqual([1, 10, -1]);
  });

  test("nonzero, argwhere, compress and extract find elements in row-major order", () => {
    const x = [
      [0, 1, 0],
      [2, 0, 3],
    ];
    expect(nonzero(x).map((t) => t.tolistSync())).toEqual([
      [0, 1, 1],
      [1, 0, 2],
    ]);
    expect(argwhere(x).tolistSync()).toEqual([
      [0, 1],
      [1, 0],
      [1, 2],
    ]);
    expect(compress([true, false, true], x, { axis: 1 }).tolistSync()).toEqual([
      [0, 0],
      [2, 3],
    ]);
    expect(
      extract(
        [
          [true, false, false],
          [false, false, true],
        ],
        x,
      ).tolistSync(),
    ).toEqual([0, 3]);
  });
});
