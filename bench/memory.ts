import { readFileSync } from "node:fs";

/** The most memory that this process has had resident, in MiB. */
export function peakMemory(): number {
  try {
    // What getrusage tells begins at the peak of the process that started this one.
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024);
  } catch {
    return Math.round(process.resourceUsage().maxRSS / 1024);
  }
}
