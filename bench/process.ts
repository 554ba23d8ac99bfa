import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startAndTime, type Timing, type Where } from "./timing.ts";

/** Times one workload in a process of its own, so that its memory can be told: `rss_mb` when it is done. */
export function timeInProcess(name: string, where: Where): Promise<Timing> {
  return new Promise((resolve) => {
    const args = [fileURLToPath(import.meta.url), name, JSON.stringify(where)];
    execFile(process.execPath, args, { timeout: 900_000 }, (error, out, err) => {
      try {
        resolve(JSON.parse(out) as Timing);
      } catch {
        resolve({ peer: "gradus", name, error: (err || error?.message || "no result").trim().split("\n")[0]! });
      }
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const timing = await startAndTime(process.argv[2]!, JSON.parse(process.argv[3] ?? "{}") as Where);
  console.log(JSON.stringify({ ...timing, rss_mb: Math.round(process.memoryUsage().rss / 2 ** 20) }));
  process.exit(0);
}
