import { describe, expect, test, vi } from "vitest";
import { compile, setDebugLevel, type Tensor, tensor } from "../../index.ts";

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

  const one = numbers(rows * 96, "int8", 5).reshape([rows, 96]);
  const other = numbers(96, "int16", 6);
  /** Each row of `one`, with `other`. */
  const pairs = async (): Promise<[number, number][][]> => {
    const [x, y] = [await list(one), await list(other)];
    return Array.from({ length: rows }, (_, r) => y.map((v, i): [number, number] => [x[r * 96 + i]!, v]));
  };

  test("of shifted negative numbers, and the largest of products, equal exact ones", async () => {
    const shifted = compile((a: Tensor, b: Tensor) => wide(a).bitwiseRightShift(2).mul(wide(b)).sum({ axis: 1 }));
    const largest = compile((a: Tensor, b: Tensor) => wide(a).mul(wide(b)).max({ axis: 1 }));
    const all = await pairs();
    expect(await list(shifted(one, other))).toEqual(all.map((row) => row.reduce((sum, [x, y]) => (sum + (x >> 2) * y) | 0, 0)));
    expect(await list(largest(one, other))).toEqual(all.map((row) => Math.max(...row.map(([x, y]) => x * y))));
  });

  test("go by the instruction for them, also two in one kernel, and are exact there", async () => {
    const code = vi.spyOn(console, "error").mockImplementation(() => {});
    setDebugLevel(4);
    try {
      const both = compile((a: Tensor, b: Tensor) => {
        const [x, y] = [wide(a), wide(b)];
        return [x.mul(y).sum({ axis: 1 }), x.bitwiseAnd(127).mul(y).sum({ axis: 1 })];
      });
      const [plain, masked] = (await Promise.all((both(one, other) as unknown as Tensor[]).map(list))) as [number[], number[]];
      const all = await pairs();
      expect(plain).toEqual(all.map((row) => row.reduce((sum, [x, y]) => (sum + x * y) | 0, 0)));
      expect(masked).toEqual(all.map((row) => row.reduce((sum, [x, y]) => (sum + (x & 127) * y) | 0, 0)));
      expect(code.mock.calls.join("\n").match(/i32x4\.dot_i16x8_s/g)?.length).toBeGreaterThanOrEqual(8);
    } finally {
      setDebugLevel(0);
      code.mockRestore();
    }
  });
});
