import { describe, expect, test } from "vitest";
import { compile, type Tensor, tensor } from "../../index.ts";

/** Numbers of a type by a formula that has its extremes in it. */
function numbers(n: number, dtype: "int8" | "uint8" | "int16", seed: number): Tensor {
  const bits = dtype === "int16" ? 16 : 8;
  const least = dtype === "uint8" ? 0 : -(2 ** (bits - 1));
  const values = Int32Array.from({ length: n }, (_, i) => {
    const k = Math.imul(i + 1 + 7919 * seed, 2654435761) >>> 0;
    return k % 11 === 0 ? least : k % 13 === 0 ? least + 2 ** bits - 1 : least + ((k >>> 7) % 2 ** bits);
  });
  return tensor(values).astype(dtype).realize();
}
const list = async (t: Tensor): Promise<number[]> => Array.from((await t.data()) as Int32Array);
const wide = (t: Tensor): Tensor => t.astype("int32");

describe("sums of products of narrow integers", () => {
  const rows = 5;
  test.each([8, 31, 32, 64, 77, 300].flatMap((n) => (["int8", "uint8", "int16"] as const).map((dtype) => [n, dtype] as const)))(
    "in rows of %i %s with int16 equal exact ones, modulo 2^32",
    async (n, dtype) => {
      const [a, b] = [numbers(rows * n, dtype, 1).reshape([rows, n]), numbers(n, "int16", 2)];
      const product = compile((a: Tensor, b: Tensor) => wide(a).mul(wide(b)).sum({ axis: 1 }));
      const [x, y] = [await list(a), await list(b)];
      const expected = Array.from({ length: rows }, (_, r) => y.reduce((sum, v, i) => (sum + Math.imul(v, x[r * n + i]!)) | 0, 0));
      expect(await list(product(a, b))).toEqual(expected);
    },
  );

  test("of two numbers in a byte equal exact ones", async () => {
    const [groups, half] = [3, 64];
    const codes = numbers(rows * groups * half, "uint8", 3).reshape([rows, groups, half]);
    const x = numbers(groups * 2 * half, "int16", 4).reshape([groups, 2, half]);
    const product = compile((codes: Tensor, x: Tensor) => {
      const [bytes, pairs] = [wide(codes), wide(x)];
      const low = bytes.bitwiseAnd(15).mul(pairs.get(":", 0));
      return low.add(bytes.bitwiseRightShift(4).mul(pairs.get(":", 1))).sum({ axis: -1 });
    });
    const [c, v] = [await list(codes), await list(x)];
    const expected = Array.from({ length: rows * groups }, (_, k) => {
      const g = k % groups;
      let sum = 0;
      for (let i = 0; i < half; i++) {
        const byte = c[k * half + i]!;
        sum += (byte & 15) * v[2 * g * half + i]! + (byte >> 4) * v[(2 * g + 1) * half + i]!;
      }
      return sum;
    });
    expect(await list(product(codes, x))).toEqual(expected);
  });

  test("and several of them in one kernel, shifts of negative numbers among them, equal exact ones", async () => {
    const n = 96;
    const [a, b] = [numbers(rows * n, "int8", 5).reshape([rows, n]), numbers(n, "int16", 6)];
    const product = compile((a: Tensor, b: Tensor) => {
      const [x, y] = [wide(a), wide(b)];
      const shifted = x.bitwiseRightShift(2).mul(y).sum({ axis: 1 });
      return [shifted, x.bitwiseAnd(127).mul(y).sum({ axis: 1 }), x.mul(y).max({ axis: 1 })];
    });
    const [x, y] = [await list(a), await list(b)];
    const of = (f: (code: number) => number) => Array.from({ length: rows }, (_, r) => y.map((v, i) => v * f(x[r * n + i]!)));
    const sum = (row: number[]) => row.reduce((s, v) => (s + v) | 0, 0);
    const [shifted, masked, largest] = (await Promise.all((product(a, b) as unknown as Tensor[]).map(list))) as [
      number[],
      number[],
      number[],
    ];
    expect(shifted).toEqual(of((c) => c >> 2).map(sum));
    expect(masked).toEqual(of((c) => c & 127).map(sum));
    expect(largest).toEqual(of((c) => c).map((row) => Math.max(...row)));
  });
});
