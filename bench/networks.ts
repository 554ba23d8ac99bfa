import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportOnnx } from "@gradus/nn";
import { saveWeights } from "@gradus/systems/resnet";
import { saveSafetensors } from "@gradus/tensor";
import { type Checked, held } from "./held.ts";
import { inPages } from "./page.ts";
import type { Tfjs } from "./peers/tfjs.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";
import { type Network, workloads } from "./workloads.ts";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Times a workload's network in peers, with our weights; results other than ours are errors. `python` is for PyTorch. */
export async function timeNetwork(name: string, variants: readonly string[], python = ""): Promise<Timing[]> {
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    const network = workloads[name]!.network!();
    await write(network, folder);
    const expected = await outputs(network);
    const timings: Timing[] = [];
    for (const peer of variants) {
      const result = await time(peer, network.config, folder, python);
      timings.push({ peer, name, ...(typeof result === "string" ? { error: result } : held(result, expected)) });
    }
    return timings;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function write({ model, x, y, training }: Network, folder: string): Promise<void> {
  await saveSafetensors(join(folder, "data.safetensors"), training ? { x, y } : { x });
  await saveWeights(model, join(folder, "weights.safetensors"));
  await exportOnnx(model, join(folder, "network.onnx"));
}

async function outputs({ model, x, y, training }: Network): Promise<number[]> {
  if (!training) return [...(await (await model.predict(x)).data())].map(Number);
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) losses.push((await model.trainOnBatch(x, y)).loss!);
  return losses;
}

async function time(variant: string, config: string, folder: string, python: string): Promise<Checked | string> {
  if (variant === "tfjs-chromium") return timeTfjsInPage(folder);
  const { found, problem } =
    variant === "torch"
      ? await runForLines(python, [here("peers/resnet.py"), config, folder], { OMP_NUM_THREADS: "2" })
      : await runForLines(process.execPath, [here("peers/node.ts"), variant, folder]);
  return (found[0] as unknown as Checked | undefined) ?? problem;
}

/** tfjs with two threads, which it starts in pages only. */
async function timeTfjsInPage(folder: string): Promise<Checked | string> {
  const packages = join(process.env.PEERS_DIR!, "node_modules/@tensorflow");
  const [result] = await inPages([
    async (page, url) => {
      // It takes half of the cores that it is told of.
      await page.addInitScript(() => Object.defineProperty(navigator, "hardwareConcurrency", { get: () => 4 }));
      const wasm = (url: string) => join(packages, "tfjs-backend-wasm/dist", basename(new URL(url).pathname));
      await page.route("**/tfjs/*", (route) => route.fulfill({ path: wasm(route.request().url()) }));
      await page.goto(url);
      for (const script of ["tfjs/dist/tf.min.js", "tfjs-backend-wasm/dist/tf-backend-wasm.min.js"])
        await page.addScriptTag({ path: join(packages, script) });
      await page.evaluate('document.body.innerHTML = "<input type=file multiple>"');
      await page.setInputFiles("input", [join(folder, "weights.safetensors"), join(folder, "data.safetensors")]);
      return page.evaluate(async (module) => {
        const { timeTfjs } = (await import(module)) as typeof import("./peers/tfjs.ts");
        const files = [...document.querySelector("input")!.files!].map(async (file) => new Uint8Array(await file.arrayBuffer()));
        const { tf } = globalThis as unknown as { tf: Tfjs };
        tf.wasm!.setWasmPaths("/tfjs/");
        tf.wasm!.setThreadsCount(2);
        return timeTfjs(tf, "wasm", await files[0]!, await files[1]!);
      }, "/bench/peers/tfjs.ts");
    },
  ]);
  return result!;
}
