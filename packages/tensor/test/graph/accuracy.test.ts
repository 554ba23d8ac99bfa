import { expect, test } from "vitest";
import { tensor } from "../../src/index.ts";

test("sums of 10^7 float32 terms are within 1e-6 of the true sum, for equal terms too, whose rounding errors all point one way", () => {
  const n = 10_000_000;
  for (const term of [() => 0.1, (i: number) => 0.5 + 0.5 * Math.sin(i)]) {
    const data = Float32Array.from({ length: n }, (_, i) => term(i));
    let exact = 0;
    for (const x of data) exact += x;
    const x = tensor(data);
    expect(Math.abs(x.sum().itemSync() - exact) / exact).toBeLessThan(1e-6);
    const columns = x
      .reshape([n / 10, 10])
      .sum({ axis: 0 })
      .dataSync();
    let total = 0;
    for (const c of columns) total += c;
    expect(Math.abs(total - exact) / exact).toBeLessThan(1e-6);
  }
});
