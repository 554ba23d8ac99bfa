import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportOnnx } from "@gradus/nn";
import { Decoder, Gpt, saveHuggingFace } from "@gradus/systems/gpt";
import { random, randomKey } from "@gradus/tensor";
import { DecoderStep } from "./decoder-step.ts";
import { type Checked, held } from "./held.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";
import type { Decoding } from "./workloads.ts";

/** What peers are asked to do with the model in a folder, beside it as `task.json`. */
export interface Task {
  /** Tokens whose keys and values are there when the step is timed, which reads `next`. */
  readonly prompt: readonly number[];
  readonly next: number;
  /** Tokens to generate after the prompt, the likeliest each time. */
  readonly generated: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** What a peer came to: logits after the step, or the tokens it generated. */
type Result = Checked | (Omit<Timing, "peer" | "name"> & { readonly tokens: readonly number[] });

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Times a token in peers, with a network of the same weights as ours; other results than ours are errors. `python` is for PyTorch. */
export async function timeTokens(name: string, decoding: Decoding, variants: readonly string[], python = ""): Promise<Timing[]> {
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    const network = networkOf(decoding);
    const task = taskOf(decoding);
    await writeModel(network, task, folder, python === "");
    const [logits, tokens] = [await logitsOf(network, task), await tokensOf(network, task)];
    const timings: Timing[] = [];
    for (const peer of variants) {
      const { found, problem } =
        peer === "torch"
          ? await runForLines(python, [here("peers/gpt.py"), folder], { OMP_NUM_THREADS: "2" })
          : await runForLines(process.execPath, [here("peers/tokens.ts"), peer, folder]);
      const [result] = found as unknown as [Result?];
      timings.push({ peer, name, ...(result ? compared(result, logits, tokens) : { error: problem }) });
    }
    return timings;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A network with weights of a formula, without zeros, which would hide what is behind them; its texts do not repeat one token. */
export function networkOf({ config }: Decoding): Gpt {
  const network = new Gpt(config);
  for (const [i, [path, { variable }]] of network.namedWeights().entries()) {
    const numbers = random.normal(randomKey(i), variable.shape);
    // Gains are about one.
    variable.assign((path.endsWith("gamma") ? numbers.mul(0.1).add(1) : numbers.mul(0.1)).realize());
  }
  return network;
}

export const taskOf = ({ config, after, next, generated }: Decoding): Task => ({
  ...{ prompt: Array.from({ length: after }, (_, i) => i), next, generated },
  ...{ heads: config.heads, headWidth: config.headWidth },
});

/** The folder of a model: Hugging Face's files, and with `onnx` the decoder's step where transformers.js looks for it. */
export async function writeModel(network: Gpt, task: Task, folder: string, onnx: boolean): Promise<void> {
  await saveHuggingFace(folder, network);
  await writeFile(join(folder, "task.json"), JSON.stringify(task));
  if (!onnx) return;
  await mkdir(join(folder, "onnx"));
  const step = new DecoderStep(network);
  await exportOnnx(step, join(folder, "onnx/model.onnx"), { ...step.signature, integers: "int64" });
}

/** Our logits after the prompt and the next token. */
export async function logitsOf(network: Gpt, { prompt, next }: Task): Promise<number[]> {
  const decoder = new Decoder(network);
  await decoder.read([prompt]);
  const [logits] = await decoder.read([[next]]);
  decoder.dispose();
  return [...logits!];
}

/** The tokens that we come to after the prompt. */
export async function tokensOf(network: Gpt, { prompt, generated }: Task): Promise<number[]> {
  const decoder = new Decoder(network);
  const tokens: number[] = [];
  for (let fresh = [...prompt]; tokens.length < generated; ) {
    const [logits] = await decoder.read([fresh]);
    const likeliest = logits!.indexOf(logits!.reduce((a, b) => Math.max(a, b)));
    tokens.push(likeliest);
    fresh = [likeliest];
  }
  decoder.dispose();
  return tokens;
}

/** The timing, if what the peer came to is ours. */
export function compared(result: Result, logits: readonly number[], tokens: readonly number[]): Omit<Timing, "peer" | "name"> {
  if (!("tokens" in result)) return held(result, logits);
  const { tokens: theirs, ...timing } = result;
  if (theirs.join() === tokens.join()) return timing;
  return { error: `it goes on with the tokens ${theirs.join(", ")}, ours with ${tokens.join(", ")}` };
}
