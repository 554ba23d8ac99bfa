import type { Backend } from "../backends/backend.ts";
import { ReferenceBackend } from "../backends/reference/index.ts";
import { WasmBackend, type WasmOptions } from "../backends/wasm/index.ts";
import { ArgumentError } from "../errors.ts";
import { engine } from "./engine.ts";

export type DeviceName = "wasm" | "reference";

export interface InitOptions extends WasmOptions {
  /** Default: the environment variable GRADUS_DEVICE, else "wasm". */
  readonly device?: DeviceName;
}

const makers: Record<DeviceName, (options: WasmOptions) => Backend> = {
  wasm: (options) => new WasmBackend(options),
  reference: (options) => new ReferenceBackend(options.limitBytes === undefined ? {} : { limitBytes: options.limitBytes }),
};

function make({ device = chosenDevice(), ...options }: InitOptions): Backend {
  const maker = makers[device as DeviceName];
  if (!maker) throw new ArgumentError("init", `unknown device ${JSON.stringify(device)}`, `Use one of ${Object.keys(makers).join(", ")}`);
  return maker(options);
}

function chosenDevice(): DeviceName {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return (process?.env?.GRADUS_DEVICE as DeviceName) || "wasm";
}

engine.register(() => make({}));

/**
 * Chooses the device and starts it anew: `await init({ device: "reference" })`. Without it the default device starts at
 * its first use. Returns what is in use and why. Arrays made before stay on their device. ArgumentError for an unknown
 * device.
 */
export async function init(options: InitOptions = {}): Promise<{ device: string; description: string }> {
  const backend = make(options);
  engine.use(backend);
  await backend.ready?.();
  return { device: backend.name, description: backend.description };
}
