import { mapRead, usage } from "./device.ts";
import type { WebGpuBackend } from "./index.ts";
import type { Dispatch } from "./shader.ts";

/** Queries of one set. */
const mostQueries = 4096;

/** Submits every dispatch in a pass of its own between timestamps, and prints the times when they are known. */
export function profile<S extends { readonly dispatch: Dispatch }>(
  backend: WebGpuBackend,
  encoder: GPUCommandEncoder,
  steps: readonly S[],
  encode: (pass: GPUComputePassEncoder, step: S) => void,
): void {
  const { device, timestamps } = backend.gpu;
  const timed = timestamps ? Math.min(steps.length, mostQueries / 2) : 0;
  const querySet = timed ? device.createQuerySet({ type: "timestamp", count: 2 * timed }) : null;
  steps.forEach((step, i) => {
    const pass = encoder.beginComputePass(
      querySet && i < timed ? { timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 } } : {},
    );
    encode(pass, step);
    pass.end();
  });
  if (!querySet) {
    device.queue.submit([encoder.finish()]);
    if (steps.length) console.error("this GPU keeps no timestamps");
    return;
  }
  const bytes = 16 * timed;
  const resolved = device.createBuffer({ size: bytes, usage: usage.queryResolve | usage.copySource });
  const staging = device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
  encoder.resolveQuerySet(querySet, 0, 2 * timed, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  staging.mapAsync(mapRead).then(
    () => {
      const times = new BigUint64Array(staging.getMappedRange().slice(0));
      for (const object of [staging, resolved, querySet]) object.destroy();
      steps.slice(0, timed).forEach(({ dispatch: { name, flops, bytes: moved } }, i) => {
        const ms = Number(times[2 * i + 1]! - times[2 * i]!) / 1e6;
        const rate = flops > 4 * moved ? `${(flops / ms / 1e6).toFixed(1)} GFLOP/s` : `${(moved / ms / 1e6).toFixed(1)} GB/s`;
        console.error(`${name.padEnd(24)} ${ms.toFixed(3).padStart(9)} ms  ${rate}`);
      });
    },
    () => {}, // the device is lost
  );
}
