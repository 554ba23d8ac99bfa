import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveSafetensors, type Tensor } from "@gradus/tensor";
import { gradientsOf, outputOf, partOf, prepare, stepOf } from "./fold.ts";
import { type Checked, held } from "./held.ts";
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
    const [result] = found as unknown as [Checked?];
    if (!result) return { peer: "torch", name, error: problem };
    const timing = held(result, expected);
    if (timing.error || !gradients) return { peer: "torch", name, ...timing };
    const { off, worst } = worstGradient(readArrays(await readFile(`${file}.gradients`)), gradients);
    if (!(off < 1e-3))
      return { peer: "torch", name, error: `its gradient of ${worst} is off ours by ${off.toPrecision(2)} of the largest in it` };
    return { peer: "torch", name, ...timing, off: Math.max(off, timing.off!) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Numbers = Float32Array | Float64Array;

function largest(x: Numbers): number {
  let most = 0;
  for (const v of x) most = Math.max(most, Math.abs(v));
  return most;
}

/** The largest difference over the largest number, or over `least` where that is more. Infinity where there are not as many. */
function difference(found: Numbers, expected: Numbers, least = 0): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (const [i, v] of expected.entries()) most = Math.max(most, Math.abs(v - found[i]!));
  return most / Math.max(largest(expected), least);
}

/** The array of gradients that is farthest off. Those that should be zero, as of what softmax takes away, are rounding: they may be off by a
 * thousandth as much as others. */
function worstGradient(found: ReturnType<typeof readArrays>, expected: ReadonlyMap<string, Numbers>): { off: number; worst: string } {
  const least = 1e-3 * Math.max(...[...expected.values()].map(largest));
  const offs = [...expected].map(([name, gradient]) => ({
    worst: name,
    off: difference(found[name]?.data ?? new Float32Array(), gradient, least),
  }));
  return offs.reduce((a, b) => (a.off >= b.off ? a : b));
}
