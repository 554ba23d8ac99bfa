// Times a network that networks.ts wrote to a folder, in a peer for Node.js installed in PEERS_DIR: node peers/node.ts VARIANT FOLDER
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { median } from "../median.ts";
import { peakMemory } from "../memory.ts";
import { readArrays } from "./arrays.ts";
import { type Tfjs, timeTfjs } from "./tfjs.ts";

/** What is used of onnxruntime. */
interface OnnxRuntime {
  readonly env: { readonly versions: { readonly common: string }; readonly wasm: { numThreads: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => { readonly data: Float32Array };
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<Session> };
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: object): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
}

const [variant, folder] = process.argv.slice(2) as [string, string];
const load = createRequire(join(process.env.PEERS_DIR!, "package.json"));
const read = (file: string): Promise<Uint8Array> => readFile(join(folder, file));

async function timeOnnxRuntime(web: boolean) {
  const ort = load(web ? "onnxruntime-web" : "onnxruntime-node") as OnnxRuntime;
  const x = readArrays(await read("data.safetensors")).x!;
  if (web) ort.env.wasm.numThreads = 2;
  const session = web
    ? await ort.InferenceSession.create(await read("network.onnx"), { executionProviders: ["wasm"] })
    : await ort.InferenceSession.create(join(folder, "network.onnx"), { executionProviders: ["cpu"], intraOpNumThreads: 2 });
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
console.log(JSON.stringify({ ...timing, peak_mb: peakMemory() }));
process.exit(0);
