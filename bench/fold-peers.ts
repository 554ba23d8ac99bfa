import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveSafetensors, type Tensor } from "@gradus/tensor";
import { gradientsOf, outputOf, partOf, prepare, stepOf } from "./fold.ts";
import { readArrays } from "./peers/arrays.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";

/** Times a workload in PyTorch, with our weights and inputs; results, and gradients in training, other than ours are errors. */
export async function timeFold(name: string, python: string): Promise<Timing> {
  const training = name.endsWith("-train");
  const part = partOf(name.replace(/-train$/, ""));
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    const prepared = prepare(part);
    const { given, variables } = prepared;
    const arrays = Object.fromEntries([...Object.entries(given).map(([key, x]) => [`in/${key}`, x]), ...variables.map((v) => [v.name, v])]);
    const file = join(folder, "data.safetensors");
    await saveSafetensors(file, arrays as Record<string, Tensor>);
    const expected: number[] = [];
    const gradients = training ? await gradientsOf(part, prepared) : null;
    if (training) {
      const step = stepOf(part, prepared);
      for (let i = 0; i < 3; i++) expected.push(await step());
    } else expected.push(...((await outputOf(part, prepared)().data()) as Float32Array));
    const script = fileURLToPath(new URL("peers/fold.py", import.meta.url));
    const { found, problem } = await runForLines(python, [script, name.split("-")[0]!, training ? "train" : "forward", file], {
      OMP_NUM_THREADS: "2",
    });
    const result = found[0] as { ms: number; peak_mb: number; outputs: number[]; detail: string } | undefined;
    if (!result) return { peer: "torch", name, error: problem };
    const { outputs, ...timing } = result;
    const results = difference(Float32Array.from(outputs), Float32Array.from(expected));
    if (!(results < 1e-3)) return { peer: "torch", name, error: `its results are off ours by ${results.toPrecision(2)} of the largest` };
    if (!gradients) return { peer: "torch", name, ...timing, off: results };
    const { off, worst } = worstGradient(readArrays(await readFile(`${file}.gradients`)), gradients);
    if (!(off < 1e-3))
      return { peer: "torch", name, error: `its gradient of ${worst} is off ours by ${off.toPrecision(2)} of its largest number` };
    return { peer: "torch", name, ...timing, off: Math.max(off, results) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const largest = (x: Float32Array): number => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** The largest difference over the largest number, or over `least` where that is more. Infinity where there are not as many, or no numbers. */
function difference(found: Float32Array, expected: Float32Array, least = 0): number {
  if (found.length !== expected.length) return Infinity;
  const off = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - found[i]!)), 0) / Math.max(largest(expected), least);
  return Number.isNaN(off) ? Infinity : off;
}

/**
 * The array of gradients that is farthest off. Some are zero but for rounding, as of what softmax takes away: none is measured by less than a
 * thousandth of the largest of all.
 */
function worstGradient(found: ReturnType<typeof readArrays>, expected: ReadonlyMap<string, Float32Array>): { off: number; worst: string } {
  const least = 1e-3 * Math.max(...[...expected.values()].map(largest));
  const offs = [...expected].map(([name, gradient]) => ({
    worst: name,
    off: difference(found[name]?.data ?? new Float32Array(), gradient, least),
  }));
  return offs.reduce((a, b) => (a.off >= b.off ? a : b));
}
