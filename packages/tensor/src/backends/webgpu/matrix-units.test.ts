import { expect, test } from "vitest";
import type { Slot } from "../../compile/kernel.ts";
import { plan } from "../../compile/plan.ts";
import type { Target } from "../../compile/target.ts";
import { linearise } from "../../graph/graph.ts";
import { make } from "../../graph/node.ts";
import { target as cpu } from "../wasm/index.ts";
import { emitContraction, fits, likelyCuts, tiles } from "./contraction.ts";
import { type MatrixUnit, offeredUnits } from "./matrix-units.ts";
import { declare, type Traits } from "./shader.ts";

/**
 * Dawn without a device: it checks shaders, but runs nothing. SwiftShader has neither matrix units nor float16, so this is as
 * far as they can be checked on a machine without a GPU. `entry` is held because all else ends when it is collected.
 */
async function openNull(): Promise<{ entry: GPU; device: GPUDevice } | string> {
  const name = "webgpu";
  const found = (await import(name).catch(() => null)) as { create(options: string[]): GPU } | null;
  if (!found) return "the package webgpu is not installed";
  const entry = found.create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await entry.requestAdapter();
  const features = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"] as GPUFeatureName[];
  if (!adapter || features.some((f) => !adapter.features.has(f))) return "Dawn's null device lacks matrix units";
  return { entry, device: await adapter.requestDevice({ requiredFeatures: features }) };
}

const opened = await openNull();
const target: Target = {
  ...cpu,
  contractions: ["float32", "float16"],
  alignment: 256,
  joins: "elements",
  guardedOperands: true,
  winograd: false,
};
const traits = (unit: MatrixUnit | null): Traits => ({
  float16: true,
  subgroups: { least: 32, most: 32 },
  matrixUnits: unit ? [unit] : [],
  slots: 8,
  workgroupBytes: 16384,
  groups: 65535,
});
const units: MatrixUnit[] = [
  { M: 8, N: 8, K: 8, type: "f32" },
  { M: 16, N: 16, K: 16, type: "f16" },
  { M: 16, N: 8, K: 16, type: "f16" },
];

/** gelu-like(a b + bias), so that the product has an epilogue. */
function product(dtype: "float32" | "float16", rows: number, inner: number, columns: number) {
  const a = make.parameter([rows, inner], dtype);
  const b = make.parameter([inner, columns], dtype);
  const bias = make.parameter([rows, columns], dtype);
  const y = make.unary("tanh", make.binary("add", make.contract(a, b, { batch: [[], []], contract: [[1], [0]] }), bias));
  const { kernels } = plan({ nodes: linearise([a, b, bias, y]), inputs: [a, b, bias], outputs: [y], inPlace: [-1] }, target);
  const kernel = kernels.find((k) => k.kind === "contraction");
  if (!kernel) throw new Error("no contraction");
  return kernel;
}

const workspace = (dtype: Slot["dtype"], size: number): Slot => ({
  ...{ index: -1, dtype, size, bytes: 4 * size, place: { kind: "arena", offset: 0 } },
});

test.skipIf(typeof opened === "string")(
  `products by matrix units are valid shaders for every kind of unit, whole tiles or not${typeof opened === "string" ? ` (${opened})` : ""}`,
  async () => {
    const { device } = opened as { device: GPUDevice };
    let checked = 0;
    for (const unit of units)
      for (const [rows, inner, columns] of [
        [256, 128, 256],
        [200, 77, 130],
      ] as const) {
        const kernel = product(unit.type === "f16" ? "float16" : "float32", rows, inner, columns);
        for (const tile of tiles.filter((t) => t.units && fits(t, traits(unit))))
          for (const splits of [1, 3])
            for (const dispatch of emitContraction(kernel, "product", traits(unit), workspace, { tile, splits })) {
              const numbers = dispatch.slots.map((_, i) => i);
              const code = declare(dispatch, traits(unit), numbers, (slot) => dispatch.written.has(slot));
              device.pushErrorScope("validation");
              device.createComputePipeline({
                layout: "auto",
                compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
              });
              expect((await device.popErrorScope())?.message ?? null).toBe(null);
              if (dispatch.code.includes("subgroupMatrixMultiplyAccumulate")) checked++;
            }
      }
    expect(checked).toBeGreaterThanOrEqual(units.length * 4);
  },
);

test("matrix units are used only where they are asked for and do not round the operands", () => {
  const uses = (kernel: ReturnType<typeof product>, unit: MatrixUnit | null) =>
    likelyCuts(kernel, traits(unit)).some((cut) => cut.tile.units);
  const [single, half] = [product("float32", 256, 128, 256), product("float16", 256, 128, 256)];
  expect(uses(single, null)).toBe(false);
  expect(uses(half, null)).toBe(false);
  expect(uses(single, units[1]!)).toBe(false);
  expect(uses(single, units[0]!)).toBe(true);
  expect(uses(half, units[1]!)).toBe(true);
});

test("of the units a device offers, those that sum in float32 are taken", () => {
  const offer = (componentType: string, resultComponentType: string) => ({ componentType, resultComponentType, M: 16, N: 16, K: 16 });
  const info = { subgroupMatrixConfigs: [offer("f16", "f16"), offer("f16", "f32"), offer("u8", "u32"), offer("f32", "f32")] };
  expect(offeredUnits(info, true).map((u) => u.type)).toEqual(["f16", "f32"]);
  expect(offeredUnits(info, false).map((u) => u.type)).toEqual(["f32"]);
  expect(offeredUnits({}, true)).toEqual([]);
});
