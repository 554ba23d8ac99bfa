import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveSafetensors, type Tensor } from "@gradus/tensor";
import { outputOf, parts, prepare, stepOf } from "./fold.ts";
import { type Checked, held } from "./held.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";

/** Times a workload in PyTorch, with our weights and inputs; results other than ours are errors. */
export async function timeFold(name: string, python: string): Promise<Timing> {
  const training = name.endsWith("-train");
  const part = parts[name.replace(/-train$/, "") as keyof typeof parts]();
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    const prepared = prepare(part);
    const { given, variables } = prepared;
    const arrays = Object.fromEntries([...Object.entries(given).map(([key, x]) => [`in/${key}`, x]), ...variables.map((v) => [v.name, v])]);
    const file = join(folder, "data.safetensors");
    await saveSafetensors(file, arrays as Record<string, Tensor>);
    const expected: number[] = [];
    if (training) {
      const step = stepOf(part, prepared);
      for (let i = 0; i < 3; i++) expected.push(await step());
    } else expected.push(...((await outputOf(part, prepared)().data()) as Float32Array));
    const script = fileURLToPath(new URL("peers/fold.py", import.meta.url));
    const { found, problem } = await runForLines(python, [script, name.split("-")[0]!, training ? "train" : "forward", file], {
      OMP_NUM_THREADS: "2",
    });
    const [result] = found as unknown as [Checked?];
    return { peer: "torch", name, ...(result ? held(result, expected) : { error: problem }) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
