import type { Backend } from "../backends/backend.ts";
import { ReferenceBackend } from "../backends/reference/index.ts";
import { WasmBackend, type WasmOptions } from "../backends/wasm/index.ts";
import { WebGpuBackend, type WebGpuOptions } from "../backends/webgpu/index.ts";
import { ArgumentError, StateError } from "../errors.ts";
import { engine } from "./engine.ts";

const devices = ["webgpu", "wasm", "reference"] as const;
export type DeviceName = (typeof devices)[number];

export interface InitOptions extends WasmOptions, Omit<WebGpuOptions, "fallback"> {
  /** Default: the environment variable GRADUS_DEVICE, else the best there is. */
  readonly device?: DeviceName;
  /** What computes graphs with float64 where the device is "webgpu", slowly: arrays travel there and back. */
  readonly fallback?: "wasm" | "reference";
}

export interface Device {
  readonly device: DeviceName;
  /** What is in use and, where the choice was ours, why. */
  readonly description: string;
}

const cpu = {
  wasm: (options: WasmOptions): Backend => new WasmBackend(options),
  reference: ({ limitBytes }: WasmOptions): Backend => new ReferenceBackend(limitBytes === undefined ? {} : { limitBytes }),
};

/** What was asked for, in options or in the environment; null where nothing was. */
function asked(options: InitOptions): DeviceName | null {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const device = options.device ?? process?.env?.GRADUS_DEVICE;
  if (!device) return null;
  if (!(devices as readonly string[]).includes(device))
    throw new ArgumentError("init", `unknown device ${JSON.stringify(device)}`, `Use one of ${devices.join(", ")}`);
  return device as DeviceName;
}

engine.register(() => {
  const device = asked({}) ?? "wasm";
  if (device === "webgpu")
    throw new StateError("init", "a GPU takes a moment to start, and nothing has waited for it", "Begin with `await init()`");
  return cpu[device]({});
});

function openGpu(options: InitOptions): Promise<WebGpuBackend | string> {
  const { device: _, fallback, threads, relaxed, shared, ...own } = options;
  return WebGpuBackend.open({ ...own, ...(fallback ? { fallback: cpu[fallback](options) } : {}) });
}

/** Starts the device asked for, or the best there is: a GPU if it is a real one, else the CPU. */
async function start(options: InitOptions): Promise<{ backend: Backend; why: string }> {
  const device = asked(options);
  if (device === "wasm" || device === "reference") return { backend: cpu[device](options), why: "" };
  const gpu = await openGpu(options);
  if (device === "webgpu") {
    if (typeof gpu === "string") throw new StateError("init", `no WebGPU: ${gpu}`, 'Use `await init({ device: "wasm" })`');
    return { backend: gpu, why: "" };
  }
  if (typeof gpu === "string") return { backend: cpu.wasm(options), why: ` (${gpu})` };
  if (!gpu.gpu.software) return { backend: gpu, why: " (a GPU was found; small networks may be faster on the CPU, device wasm)" };
  const why = ` (the only GPU, ${gpu.gpu.name}, is a program)`;
  gpu.dispose();
  return { backend: cpu.wasm(options), why };
}

/**
 * Chooses the device and starts it anew: `await init({ device: "webgpu" })`. Without options it takes the device that
 * GRADUS_DEVICE names, else a GPU where there is one, else WebAssembly. Without `init` WebAssembly starts at its first use.
 * Returns what is in use and why. Arrays made before stay on their device. ArgumentError for an unknown device,
 * StateError where the device asked for is not there.
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  const { backend, why } = await start(options);
  engine.use(backend);
  await backend.ready?.();
  return { device: backend.name as DeviceName, description: backend.description + why };
}
