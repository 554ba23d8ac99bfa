import { init } from "@gradus/tensor";
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
}

/** Median over enough calls after warm-up, compilation excluded. */
export async function timeOurs(name: string): Promise<Timing> {
  const work = workloads[name]!;
  const run = work.prepare();
  const start = performance.now();
  await run();
  const first = performance.now() - start;
  // Warm up until the optimising compiler is done: half a second, at least three calls.
  const warm = performance.now();
  for (let i = 0; i < 3 || performance.now() - warm < 500; i++) {
    await run();
    if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 15 || (performance.now() - begin < 1000 && times.length < 400)) {
    const t = performance.now();
    await run();
    times.push(performance.now() - t);
    if (times.length % 32 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  times.sort((a, b) => a - b);
  return { peer: "gradus", name, ms: times[times.length >> 1]!, first_ms: first, detail: work.detail };
}

/**
 * Starts the engine with so many threads, and times: for a fresh page.
 */
export async function startAndTime(name: string, threads: number | undefined): Promise<Timing> {
  await init({ device: "wasm", ...(threads === undefined ? {} : { threads }) });
  return timeOurs(name);
}
