import { describe, expect, test } from "vitest";
import { asDType, type DType, decode, encode } from "../../src/dtype.ts";
import * as gradus from "../../src/index.ts";
import { Tensor, tensor } from "../../src/index.ts";
import contraction from "./contraction.golden.json" with { type: "json" };
import creation from "./creation.golden.json" with { type: "json" };
import elementwise from "./elementwise.golden.json" with { type: "json" };
import manipulation from "./manipulation.golden.json" with { type: "json" };
import statistics from "./statistics.golden.json" with { type: "json" };

/** Calls with NumPy's results (numpy.golden.py): {f, args, options, result}. */
interface Stored {
  dtype: string;
  shape: number[];
  data: (number | string | boolean)[];
}
interface Call {
  f: string;
  args: unknown[];
  options: Record<string, unknown> | null;
  result: unknown;
}
const goldens = { creation, elementwise, manipulation, contraction, statistics } as unknown as Record<string, Call[]>;

const isStored = (x: unknown): x is Stored => typeof x === "object" && x !== null && "dtype" in x && "data" in x;
const number = (x: number | string | boolean): number =>
  x === "nan" ? Number.NaN : x === "inf" ? Number.POSITIVE_INFINITY : x === "-inf" ? Number.NEGATIVE_INFINITY : Number(x);

function decodeArgument(x: unknown): unknown {
  if (isStored(x)) {
    const dtype = asDType("golden", x.dtype);
    return tensor(decode(dtype, encode(dtype, x.data.map(number))), { dtype }).reshape(x.shape);
  }
  if (Array.isArray(x)) return x.map(decodeArgument);
  return typeof x === "string" && ["nan", "inf", "-inf", "-0"].includes(x) ? number(x) : x;
}

/** Relative to the larger magnitudes that cancel in sums and products: what float32 can promise. */
const tolerance: Partial<Record<DType, number>> = { float32: 2e-5, float64: 1e-11, float16: 2e-3 };

function expectEqual(got: unknown, wanted: unknown, what: string): void {
  if (Array.isArray(wanted)) {
    const list = Array.isArray(got) ? got : Object.values(got as object);
    expect(list.length, what).toBe(wanted.length);
    wanted.forEach((w, i) => expectEqual(list[i], w, what));
    return;
  }
  if (!isStored(wanted)) {
    expect(got, what).toEqual(wanted);
    return;
  }
  expect(got, what).toBeInstanceOf(Tensor);
  const t = got as Tensor;
  expect({ dtype: t.dtype, shape: [...t.shape] }, what).toEqual({ dtype: wanted.dtype, shape: wanted.shape });
  const data = t.dataSync();
  const scale = Math.max(1, ...wanted.data.map((x) => (Number.isFinite(number(x)) ? Math.min(Math.abs(number(x)), 1e3) : 0)));
  wanted.data.forEach((w, i) => {
    const [a, b] = [Number(data[i]), number(w)];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return;
    const allowed = (tolerance[t.dtype] ?? 0) * Math.max(scale, Math.abs(b));
    expect(Math.abs(a - b), `${what}, element ${i}: ${a}, NumPy ${b}`).toBeLessThanOrEqual(allowed);
  });
}

for (const [subject, calls] of Object.entries(goldens))
  describe(`${subject} functions agree with NumPy`, () => {
    for (const f of new Set(calls.map((c) => c.f)))
      test(`${f} in ${calls.filter((c) => c.f === f).length} cases`, () => {
        for (const call of calls.filter((c) => c.f === f)) {
          const what = `${f}(${JSON.stringify(call.args).slice(0, 200)}, ${JSON.stringify(call.options)})`;
          const run = (gradus as unknown as Record<string, (...args: unknown[]) => unknown>)[f];
          expect(run, `${f} is exported`).toBeTypeOf("function");
          const args = call.args.map(decodeArgument);
          expectEqual(
            run!(
              ...args,
              ...(call.options
                ? [decodeArgument(Object.fromEntries(Object.entries(call.options).map(([k, v]) => [k, decodeArgument(v)])))]
                : []),
            ),
            call.result,
            what,
          );
        }
      });
  });
