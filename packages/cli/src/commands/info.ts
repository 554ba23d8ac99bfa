import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { init, memoryReport } from "@gradus/tensor";
import { line, styled } from "../terminal.ts";
import { version } from "../version.ts";

/** `gradus info`: what a bug report should say. */
export async function info({ json = false }: { json?: boolean }): Promise<void> {
  const { device, description } = await init();
  const { buffers, arenas, reserved } = memoryReport();
  const report = {
    gradus: version,
    node: process.versions.node,
    v8: process.versions.v8,
    system: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    threads: availableParallelism(),
    device,
    description,
    memory: { total: totalmem(), free: freemem(), gradus: { buffers, arenas, reserved } },
  };
  if (json) return line(JSON.stringify(report, null, 2));
  const rows = {
    Gradus: report.gradus,
    "Node.js": `${report.node} (V8 ${report.v8})`,
    System: `${report.system}, ${report.processor}`,
    Threads: `${report.threads} available`,
    Device: `${device}: ${description}`,
    Memory: `${size(report.memory.free)} free of ${size(report.memory.total)}; reserved by Gradus: ${size(reserved)}`,
  };
  for (const [name, value] of Object.entries(rows)) line(`${styled("bold", name.padEnd(9))}${value}`);
}

function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 2 ** (10 * power)).toFixed(power ? 1 : 0)} ${units[power]}`;
}
