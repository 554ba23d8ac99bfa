import { expect, test } from "vitest";
import { openForTests } from "../../../tensor/test/backends/software-gpu.ts";
import { ngonCurve, sameCurve } from "./curves.ts";

const opened = await openForTests();

test.skipIf(typeof opened === "string")(
  "a network trains on WebGPU in Node.js with the loss curve of the CPU",
  async () => {
    const [cpu, gpu] = [await ngonCurve("wasm", 3), await ngonCurve("webgpu", 3)];
    sameCurve(cpu, gpu, 1e-3);
    expect(gpu).toHaveLength(3);
  },
  300_000,
);
