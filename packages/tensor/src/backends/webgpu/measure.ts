import type { ContractionKernel, Slot } from "../../compile/kernel.ts";
import { type Cut, emitContraction } from "./contraction.ts";
import type { WebGpuBackend } from "./index.ts";
import { declare } from "./shader.ts";

/** Rounds of repetitions, each of about so many milliseconds; the quickest counts. */
const rounds = 3;
const roundMs = 20;
const mostTimes = 64;

/** Milliseconds that a product takes when it is cut so, on memory of its own. */
export async function measureCut(backend: WebGpuBackend, kernel: ContractionKernel, cut: Cut): Promise<number> {
  const { device, traits } = backend.gpu;
  const workspace = (dtype: Slot["dtype"], size: number): Slot => ({
    ...{ index: -1, dtype, size, bytes: size * backend.target.bytesOf(dtype) },
    place: { kind: "arena", offset: 0 },
  });
  const dispatches = emitContraction(kernel, "trial", traits, workspace, cut);
  const buffers = new Map<Slot, GPUBuffer>();
  try {
    for (const slot of new Set(dispatches.flatMap((d) => d.slots))) buffers.set(slot, backend.takeMemory(slot.bytes));
    const steps = dispatches.map((dispatch) => {
      const writable = (slot: Slot) => dispatch.written.has(slot);
      const code = declare(
        dispatch,
        traits,
        dispatch.slots.map((_, i) => i),
        writable,
      );
      const pipeline = backend.pipelines.get("trial", code, dispatch.slots.map(writable));
      const entries = dispatch.slots.map((slot, binding) => ({ binding, resource: { buffer: buffers.get(slot)! } }));
      return { dispatch, pipeline, group: device.createBindGroup({ layout: pipeline.layout, entries }) };
    });
    await Promise.all(steps.map((s) => s.pipeline.compiled));
    const run = async (times: number): Promise<number> => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < times; i++)
        for (const { dispatch, pipeline, group } of steps) {
          pass.setPipeline(pipeline.ready!);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(...dispatch.groups);
        }
      pass.end();
      const start = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return (performance.now() - start) / times;
    };
    await run(1);
    const once = await run(1);
    const times = Math.max(1, Math.min(mostTimes, Math.round(roundMs / once)));
    let best = once;
    for (let i = 0; i < rounds && once < 4 * roundMs; i++) best = Math.min(best, await run(times));
    return best;
  } finally {
    for (const [slot, buffer] of buffers) backend.returnMemory(buffer, slot.bytes);
  }
}
