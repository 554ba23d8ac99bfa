import { expect, test } from "vitest";
import { compile, init, pad, type Tensor, tensor } from "../src/index.ts";

// A heap of its own, without threads, whose first arrays lie where memory begins.
await init({ device: "wasm", threads: 1 });

test("what is read from before an array's begin is zero, also where that is before all memory", async () => {
  const [rows, columns] = [33, 5000];
  const x = tensor(Float32Array.from({ length: rows * columns }, (_, i) => i + 1));
  const shifted = compile((y: Tensor) => {
    const below = pad(y.reshape([rows, columns]).get(":-1"), [
      [1, 0],
      [0, 0],
    ]);
    return { column: below.get(":", 0).add(0.5), few: below.get(":, :3").add(0.5) };
  })(x);
  const column = Array.from({ length: rows }, (_, i) => (i ? (i - 1) * columns + 1 : 0) + 0.5);
  expect([...(await shifted.column.data())]).toEqual(column);
  const few = Array.from({ length: 3 * rows }, (_, i) => (i < 3 ? 0 : (Math.floor(i / 3) - 1) * columns + (i % 3) + 1) + 0.5);
  expect([...(await shifted.few.data())]).toEqual(few);
});
