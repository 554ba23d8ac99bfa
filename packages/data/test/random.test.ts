import { describe, expect, test } from "vitest";
import { Random } from "../src/index.ts";

const draw = (n: number, f: () => number): number[] => Array.from({ length: n }, f);
const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;

describe("Random", () => {
  test("is fixed by seed and path, and differs with each part of them", () => {
    const first = (...path: [number, ...number[]]) => new Random(...path).bits();
    expect(first(1, 2, 3)).toBe(first(1, 2, 3));
    const all = [first(0), first(1), first(2 ** 32), first(1, 0), first(0, 1), first(1, 1), first(1, 0, 0), first(2 ** 53 - 1)];
    expect(new Set(all).size).toBe(all.length);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => new Random(bad)).toThrow(/integer from 0/);
  });

  test("neighbouring seeds and paths are uncorrelated", () => {
    const xs = draw(
      20_000,
      (
        (i) => () =>
          new Random(7, i++).uniform()
      )(0),
    );
    const pairs = xs.slice(1).map((x, i) => (x - 0.5) * (xs[i]! - 0.5) * 12);
    expect(Math.abs(mean(xs) - 0.5)).toBeLessThan(0.008);
    expect(Math.abs(mean(pairs))).toBeLessThan(0.03);
  });

  test("uniform, normal and integer numbers have their moments", () => {
    const random = new Random(3);
    const normal = draw(50_000, () => random.normal(1, 2));
    expect(mean(normal)).toBeCloseTo(1, 1);
    expect(mean(normal.map((x) => (x - 1) ** 2))).toBeCloseTo(4, 0);
    expect(mean(normal.map((x) => ((x - 1) / 2) ** 4))).toBeCloseTo(3, 0);
    const uniform = draw(50_000, () => random.uniform(-2, 2));
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...uniform)).toBeLessThan(2);
    expect(mean(uniform.map((x) => x * x))).toBeCloseTo(4 / 3, 1);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.integer(7)]!++;
    expect(counts.reduce((s, n) => s + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.5); // chi-square, 6 degrees, 0.1%
  });

  test("shuffle keeps what it shuffles", () => {
    expect([...new Random(1).shuffle(Int32Array.of(3, 1, 2))].sort()).toEqual([1, 2, 3]);
  });
});
