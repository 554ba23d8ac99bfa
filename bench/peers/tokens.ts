// Times generation with a model that tokens.ts wrote to a folder, in a peer for Node.js installed in PEERS_DIR: node peers/tokens.ts VARIANT FOLDER
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { median } from "../median.ts";
import { peakMemory } from "../memory.ts";
import type { Task } from "../tokens.ts";
import { load, type OnnxTensor, openOnnx } from "./onnxruntime.ts";

/** What is used of transformers.js. */
interface Transformers {
  readonly env: { version: string; allowRemoteModels: boolean; localModelPath: string };
  readonly AutoModelForCausalLM: { from_pretrained(path: string, options: object): Promise<CausalModel> };
  readonly BaseStreamer: new () => { put(tokens: bigint[][]): void; end(): void };
  readonly Tensor: new (type: "int64", data: BigInt64Array, shape: readonly number[]) => { readonly data: BigInt64Array };
}
interface CausalModel {
  generate(options: object): Promise<{ readonly data: BigInt64Array }>;
}

const [variant, folder] = process.argv.slice(2) as [string, string];
const { prompt, next, generated, heads, headWidth } = JSON.parse(await readFile(join(folder, "task.json"), "utf8")) as Task;
const wide = (numbers: readonly number[]): BigInt64Array => BigInt64Array.from(numbers, BigInt);

/** One step, the keys and values of the prompt being there: those of all tokens come back with the logits, as generation needs them. */
async function timeOnnxRuntime(file: string, web = false) {
  const { ort, session } = await openOnnx(join(folder, "onnx", file), web);
  const tokens = (ids: readonly number[], first: number) => ({
    input_ids: new ort.Tensor("int64", wide(ids), [1, ids.length]),
    position_ids: new ort.Tensor("int64", wide(ids.map((_, i) => first + i)), [1, ids.length]),
  });
  const names = session.inputNames.filter((name) => name.startsWith("past_key_values."));
  const past = (array: (name: string) => OnnxTensor) => Object.fromEntries(names.map((name) => [name, array(name)]));
  const nothing = past(() => new ort.Tensor("float32", new Float32Array(0), [1, heads, 0, headWidth]));
  const read = await session.run({ ...tokens(prompt, 0), ...nothing });
  const feeds = { ...tokens([next], prompt.length), ...past((name) => read[name.replace("past_key_values", "present")]!) };
  const run = () => session.run(feeds);
  const start = performance.now();
  const outputs = [...(await run()).logits!.data];
  const first = performance.now() - start;
  return { ms: await median(run, first), first_ms: first, outputs, detail: `onnxruntime ${ort.env.versions.common}` };
}

/** Its own `generate`, greedily: the time from one token to the next, the first of a text excluded, which has the prompt read. */
async function timeTransformers() {
  const { env, AutoModelForCausalLM, BaseStreamer, Tensor } = load("@huggingface/transformers") as Transformers;
  env.allowRemoteModels = false;
  const options = { dtype: "fp32", device: "cpu", session_options: { intraOpNumThreads: 2 } };
  const model = await AutoModelForCausalLM.from_pretrained(folder, options);
  const generate = async () => {
    const times: number[] = [];
    const streamer = new BaseStreamer();
    // It is shown the prompt, then each token.
    streamer.put = () => times.push(performance.now());
    streamer.end = () => {};
    const inputs = new Tensor("int64", wide(prompt), [1, prompt.length]);
    const found = await model.generate({ inputs, max_new_tokens: generated, min_new_tokens: generated, do_sample: false, streamer });
    return { tokens: [...found.data].slice(prompt.length).map(Number), steps: times.slice(2).map((t, i) => t - times[i + 1]!) };
  };
  const start = performance.now();
  const { tokens } = await generate();
  const first = performance.now() - start;
  const steps: number[] = [];
  const begin = performance.now();
  while (steps.length < 45 || performance.now() - begin < 2000) {
    const { steps: more } = await generate();
    // The first half second is warming up, as elsewhere.
    if (performance.now() - begin > 500) steps.push(...more);
  }
  steps.sort((a, b) => a - b);
  return { ms: steps[steps.length >> 1]!, first_ms: first, tokens, detail: `transformers.js ${env.version}` };
}

const variants: Record<string, () => Promise<object>> = {
  "ort-web-node": () => timeOnnxRuntime("model.onnx", true),
  "ort-node": () => timeOnnxRuntime("model.onnx"),
  "ort-node-a8": () => timeOnnxRuntime("model_a8.onnx"),
  "transformers-js-node": timeTransformers,
};
const timing = await variants[variant]!();
// The end of the process would cut a long line off.
process.stdout.write(`${JSON.stringify({ ...timing, peak_mb: peakMemory() })}\n`, () => process.exit(0));
