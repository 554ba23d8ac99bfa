import { type DeviceName, init, synchronize, workReport } from "@gradus/tensor";
import { median } from "./median.ts";
import { workloads } from "./workloads.ts";

/** One timing, as the peers' scripts print it. */
export interface Timing {
  readonly peer: string;
  readonly name: string;
  readonly ms?: number;
  readonly error?: string;
  readonly first_ms?: number;
  readonly detail?: string;
  /** The most memory that the process has had resident, in MiB; some peers tell what it had at the end. */
  readonly peak_mb?: number;
  readonly rss_mb?: number;
  /** The share of the time that went into the network, where there is more. */
  readonly network?: number;
  /** The largest difference of a peer's results from ours, over the largest result. */
  readonly off?: number;
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
  const ms = (await median(runs, first)) / together;
  return { peer: "gradus", name, ms, first_ms: first, detail: work.detail, ...(work.share ? { network: work.share() } : {}) };
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
