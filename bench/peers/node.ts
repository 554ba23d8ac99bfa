// Times a network that networks.ts wrote to a folder, in a peer for Node.js installed in PEERS_DIR: node peers/node.ts VARIANT FOLDER
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { median } from "../median.ts";
import { peakMemory } from "../memory.ts";
import { readArrays } from "./arrays.ts";
import { load, openOnnx } from "./onnxruntime.ts";
import { type Tfjs, timeTfjs } from "./tfjs.ts";

const [variant, folder] = process.argv.slice(2) as [string, string];
const read = (file: string): Promise<Uint8Array> => readFile(join(folder, file));

async function timeOnnxRuntime(web: boolean) {
  const { ort, session } = await openOnnx(join(folder, "network.onnx"), web);
  const x = readArrays(await read("data.safetensors")).x!;
  const feeds = { [session.inputNames[0]!]: new ort.Tensor("float32", x.data, x.shape) };
  const run = () => session.run(feeds);
  const start = performance.now();
  const outputs = [...(await run())[session.outputNames[0]!]!.data];
  const first = performance.now() - start;
  return { ms: await median(run, first), first_ms: first, outputs, detail: `onnxruntime ${ort.env.versions.common}` };
}

async function timeOnTfjs(backend: "wasm" | "cpu") {
  const tf = load("@tensorflow/tfjs") as Tfjs;
  if (backend === "wasm") load("@tensorflow/tfjs-backend-wasm");
  return timeTfjs(tf, backend, await read("weights.safetensors"), await read("data.safetensors"));
}

const variants: Record<string, () => Promise<object>> = {
  "tfjs-node": () => timeOnTfjs("wasm"),
  "tfjs-cpu-node": () => timeOnTfjs("cpu"),
  "ort-web-node": () => timeOnnxRuntime(true),
  "ort-node": () => timeOnnxRuntime(false),
};
const timing = await variants[variant]!();
// The end of the process would cut a long line off.
process.stdout.write(`${JSON.stringify({ ...timing, peak_mb: peakMemory() })}\n`, () => process.exit(0));
