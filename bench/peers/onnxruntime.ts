import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/** What is used of onnxruntime. */
export interface OnnxRuntime {
  readonly env: { readonly versions: { readonly common: string }; readonly wasm: { numThreads: number } };
  readonly Tensor: new (type: "float32" | "int64", data: Float32Array | BigInt64Array, shape: readonly number[]) => OnnxTensor;
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<OnnxSession> };
}
export interface OnnxTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
}

/** A package installed in PEERS_DIR. */
export const load = createRequire(join(process.env.PEERS_DIR!, "package.json"));

/** onnxruntime for Node.js, or in WebAssembly, with a file on two threads. */
export async function openOnnx(file: string, web: boolean): Promise<{ readonly ort: OnnxRuntime; readonly session: OnnxSession }> {
  const ort = load(web ? "onnxruntime-web" : "onnxruntime-node") as OnnxRuntime;
  if (web) ort.env.wasm.numThreads = 2;
  const options = web ? { executionProviders: ["wasm"] } : { executionProviders: ["cpu"], intraOpNumThreads: 2 };
  return { ort, session: await ort.InferenceSession.create(web ? await readFile(file) : file, options) };
}
