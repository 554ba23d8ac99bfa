import { execFileSync } from "node:child_process";
import { safetensorsBytes, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import { readArrays } from "../peers/arrays.ts";

test("peers read the arrays that are written for them, wherever in memory a file lies", async () => {
  const bytes = await safetensorsBytes({ w: tensor([[1.5, 2.5, 3.5]]), b: tensor([0.25]) });
  const inside = Buffer.concat([Buffer.alloc(12), bytes]).subarray(12);
  expect(readArrays(inside)).toEqual({
    w: { shape: [1, 3], data: new Float32Array([1.5, 2.5, 3.5]) },
    b: { shape: [1], data: new Float32Array([0.25]) },
  });
});

test.runIf(process.platform === "linux")("the most memory of a process is not that of the larger one that started it", () => {
  const script = `import { peakMemory } from ${JSON.stringify(new URL("../memory.ts", import.meta.url).href)}; console.log(peakMemory());`;
  const starter = `
    const ballast = Buffer.alloc(400 * 2 ** 20, 1);
    const { execFileSync } = await import("node:child_process");
    console.log(execFileSync(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(script)}], { encoding: "utf8" }), ballast.length);`;
  const told = execFileSync(process.execPath, ["--input-type=module", "-e", starter], { encoding: "utf8" });
  expect(Number.parseInt(told, 10)).toBeLessThan(300);
});
