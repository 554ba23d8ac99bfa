import { ngonCurve, sameCurve } from "./curves.ts";

export default globalThis.crossOriginIsolated
  ? {
      "A page trains the network for n-gons on WebGPU with the loss curve of the CPU": async () => {
        const [cpu, gpu] = [await ngonCurve("wasm", 3), await ngonCurve("webgpu", 3)];
        sameCurve(cpu, gpu, 1e-3);
      },
    }
  : {};
