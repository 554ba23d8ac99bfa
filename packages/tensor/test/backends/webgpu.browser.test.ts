import { ReferenceBackend } from "../../src/backends/reference/index.ts";
import { WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import { conformance, gpuAllowances, type Suite } from "./conformance.ts";

/** What every backend must do, on WebGPU in a page. Isolation changes nothing for a GPU, so one kind of page is enough. */
async function suite(): Promise<Suite> {
  const backend = await WebGpuBackend.open({ fallback: new ReferenceBackend() });
  if (typeof backend === "string") return { "The page has WebGPU": () => Promise.reject(new Error(backend)) };
  const prefixed = Object.entries(conformance(backend, { ...gpuAllowances, every: 7 })).map(([name, body]) => [`WebGPU: ${name}`, body]);
  return Object.fromEntries(prefixed);
}

export default globalThis.crossOriginIsolated ? await suite() : {};
