import { StateError } from "../../errors.ts";
import { offeredUnits } from "./matrix-units.ts";
import type { Traits } from "./shader.ts";

/** What `GPUBufferUsage` and `GPUMapMode` name; Node.js has no such globals. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128, queryResolve: 512 } as const;
export const mapRead = 1;

export interface GpuOptions {
  /** Leave subgroup operations, float16 or timestamps unused although the device has them. */
  readonly without?: readonly ("subgroups" | "shader-f16" | "timestamp-query")[];
  /** Multiply with matrix units where the device offers them to Dawn's experimental feature. Not yet checked on a device. */
  readonly matrixUnits?: boolean;
}

const matrixFeature = "chromium-experimental-subgroup-matrix";

/** A GPU ready for use. */
export interface Gpu {
  /** Held because in Node.js everything else ends when it is collected. */
  readonly entry: GPU;
  readonly device: GPUDevice;
  readonly traits: Traits;
  readonly timestamps: boolean;
  /** For people: maker and kind. */
  readonly name: string;
  /** A program that plays a GPU: right, but slower than the CPU backend. */
  readonly software: boolean;
}

/** The platform's WebGPU, or why there is none: browsers have it built in, Node.js takes the npm package `webgpu`. */
async function entry(experimental: boolean): Promise<GPU | string> {
  const { navigator, process } = globalThis as { navigator?: { gpu?: GPU }; process?: { versions?: { node?: string } } };
  if (navigator?.gpu) return navigator.gpu;
  if (!process?.versions?.node) return "this browser has no WebGPU";
  try {
    const name = "webgpu"; // not a literal, so that bundlers leave it alone
    const { create } = (await import(/* @vite-ignore */ name)) as { create(options: readonly string[]): GPU };
    // Pages get rounded timestamps, lest they spy; a program of one's own may see them as they are.
    return create(["disable-dawn-features=timestamp_quantization", ...(experimental ? ["enable-dawn-features=allow_unsafe_apis"] : [])]);
  } catch (error) {
    const missing = (error as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    return missing
      ? "the package webgpu is not installed (npm install webgpu)"
      : `the package webgpu does not start: ${(error as Error).message}`;
  }
}

/** Opens the fastest GPU, or says why there is none. */
export async function openGpu({ without = [], matrixUnits = false }: GpuOptions = {}): Promise<Gpu | string> {
  const gpu = await entry(matrixUnits);
  if (typeof gpu === "string") return gpu;
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) return "the system offers no GPU";
  const { info, limits } = adapter;
  const available = (["subgroups", "shader-f16", "timestamp-query"] as const).filter(
    (f) => adapter.features.has(f) && !without.includes(f),
  );
  // Threads of a subgroup are numbered by this extension of the language.
  const numbered = gpu.wgslLanguageFeatures.has("subgroup_id");
  const wanted = [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
  ] as const;
  const sizes = info as { subgroupMinSize?: number; subgroupMaxSize?: number; isFallbackAdapter?: boolean };
  const subgroups =
    available.includes("subgroups") && numbered ? { least: sizes.subgroupMinSize ?? 4, most: sizes.subgroupMaxSize ?? 128 } : null;
  // Work is dealt out to subgroups of one size.
  const units =
    matrixUnits && subgroups?.least === subgroups?.most && (adapter.features as ReadonlySet<string>).has(matrixFeature)
      ? offeredUnits(info, available.includes("shader-f16"))
      : [];
  const device = await adapter
    .requestDevice({
      requiredFeatures: [...available, ...(units.length ? [matrixFeature as GPUFeatureName] : [])],
      requiredLimits: Object.fromEntries(wanted.map((name) => [name, limits[name]])),
    })
    .catch((error: Error) => error.message);
  if (typeof device === "string") return `the GPU does not start: ${device}`;
  const named = [info.vendor, info.architecture, info.description].filter(Boolean).join(" ");
  return {
    entry: gpu,
    device,
    traits: {
      float16: available.includes("shader-f16"),
      subgroups,
      matrixUnits: units,
      slots: device.limits.maxStorageBuffersPerShaderStage,
      workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
      groups: device.limits.maxComputeWorkgroupsPerDimension,
    },
    timestamps: available.includes("timestamp-query"),
    name: named || "a GPU that does not say its name",
    software: sizes.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|softpipe/i.test(named),
  };
}

/** The error of everything asked of a device that is gone. */
export const lostError = (message: string): StateError =>
  new StateError("webgpu", `the GPU stopped: ${message}`, "Call `await init()` to start again; arrays that lived on it are gone");
