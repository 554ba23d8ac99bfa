import { type DeviceName, init, synchronize, workReport } from "@gradus/tensor";
import { workloads } from "./workloads.ts";

/** One timing, as the peers' scripts print it. */
export interface Timing {
  readonly peer: string;
  readonly name: string;
  readonly ms?: number;
  readonly error?: string;
  readonly first_ms?: number;
  readonly detail?: string;
  /** Resident memory of the process, in MiB. */
  readonly rss_mb?: number;
  /** What one run asks of a GPU. */
  readonly work?: { readonly dispatches: number; readonly operations: number; readonly bytes: number };
}

/** What to run on, and whether to count the work instead of timing it. */
export interface Where {
  readonly device?: DeviceName;
  readonly threads?: number;
  readonly count?: boolean;
}

/** Median over enough calls after warm-up, compilation excluded. */
export async function timeOurs(name: string): Promise<Timing> {
  const work = workloads[name]!;
  const run = work.prepare();
  const start = performance.now();
  await run();
  await synchronize();
  const first = performance.now() - start;
  // A GPU is asked for several runs at a time, as many as take some 20 ms.
  let together = 1;
  if (workReport()) {
    const again = performance.now();
    await run();
    await synchronize();
    together = Math.max(1, Math.min(100, Math.round(20 / (performance.now() - again))));
  }
  const runs = async () => {
    for (let i = 0; i < together; i++) await run();
    if (workReport()) await synchronize();
  };
  // Warm up until the optimising compiler is done: half a second, at least three calls.
  const warm = performance.now();
  for (let i = 0; i < (first > 5000 ? 0 : 3) || performance.now() - warm < 500; i++) {
    await runs();
    if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const times: number[] = [];
  const begin = performance.now();
  const fewest = first > 5000 ? 1 : 15;
  while (times.length < fewest || (performance.now() - begin < 1000 && times.length < 400)) {
    const t = performance.now();
    await runs();
    times.push((performance.now() - t) / together);
    if (times.length % 32 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  times.sort((a, b) => a - b);
  return { peer: "gradus", name, ms: times[times.length >> 1]!, first_ms: first, detail: work.detail };
}

/** What one run asks of the device, once everything is compiled. */
async function countOurs(name: string): Promise<Timing> {
  const run = workloads[name]!.prepare();
  await run();
  await synchronize();
  const before = workReport()!;
  await run();
  await synchronize();
  const after = workReport()!;
  const work = {
    dispatches: after.dispatches - before.dispatches,
    operations: after.operations - before.operations,
    bytes: after.bytes - before.bytes,
  };
  return { peer: "gradus", name, detail: workloads[name]!.detail, work };
}

/** Starts the engine and times or counts: for a fresh process or page. */
export async function startAndTime(name: string, { device = "wasm", threads, count = false }: Where): Promise<Timing> {
  await init({ device, ...(threads === undefined ? {} : { threads }), ...(count ? { dry: true } : {}) });
  return count ? countOurs(name) : timeOurs(name);
}
