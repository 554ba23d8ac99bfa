import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { peakMemory } from "./memory.ts";
import { startAndTime, type Timing, type Where } from "./timing.ts";

/** What a program prints in lines of JSON, and what it complains about. */
export interface Printed {
  readonly found: readonly Record<string, unknown>[];
  readonly problem: string;
}

export function runForLines(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Printed> {
  return new Promise((resolve) => {
    execFile(file, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26, timeout: 1_800_000 }, (error, out, err) => {
      const found = out.split("\n").flatMap((line) => {
        try {
          return line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : [];
        } catch {
          return [];
        }
      });
      const complaints = (err || error?.message || "no result").trim().split("\n");
      resolve({ found, problem: complaints.find((line) => /^\w*Error\b/.test(line)) ?? complaints[0]! });
    });
  });
}

/** Times one workload in a process of its own, so that its memory can be told. */
export async function timeInProcess(name: string, where: Where): Promise<Timing> {
  const { found, problem } = await runForLines(process.execPath, [fileURLToPath(import.meta.url), name, JSON.stringify(where)]);
  return (found[0] as unknown as Timing | undefined) ?? { peer: "gradus", name, error: problem };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const timing = await startAndTime(process.argv[2]!, JSON.parse(process.argv[3] ?? "{}") as Where);
  console.log(JSON.stringify({ ...timing, peak_mb: peakMemory() }));
  process.exit(0);
}
