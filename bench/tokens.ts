import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportOnnx, type Layer } from "@gradus/nn";
import { Decoder, Gpt, quantize, saveHuggingFace } from "@gradus/systems/gpt";
import { random, randomKey } from "@gradus/tensor";
import { DecoderStep } from "./decoder-step.ts";
import { type Checked, held } from "./held.ts";
import { matMulNBits } from "./matmul-nbits.ts";
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

/** A variant whose products round what they multiply to 8 bits, where the weights are codes. */
export const rounding = "ort-node-a8";

/** Times a token in peers, with a network of the same weights as ours; other results than ours are errors. `python` is for PyTorch. */
export async function timeTokens(name: string, decoding: Decoding, variants: readonly string[], python = ""): Promise<Timing[]> {
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    const network = await networkOf(decoding);
    const task = taskOf(decoding);
    await writeModel(network, task, folder, variants);
    const ours = { logits: await logitsOf(network, task), tokens: await tokensOf(network, task) };
    const timings: Timing[] = [];
    for (const peer of variants) {
      const { found, problem } =
        peer === "torch"
          ? await runForLines(python, [here("peers/gpt.py"), folder], { OMP_NUM_THREADS: "2" })
          : await runForLines(process.execPath, [here("peers/tokens.ts"), peer, folder]);
      const [result] = found as unknown as [Result?];
      timings.push({ peer, name, ...(result ? compared(result, ours, peer === rounding ? 0.3 : undefined) : { error: problem }) });
    }
    return timings;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A network with weights of a formula, without zeros, which would hide what is behind them; its texts do not repeat one token. */
export async function networkOf({ config, bits }: Pick<Decoding, "config" | "bits">): Promise<Gpt> {
  const network = new Gpt(config);
  for (const [i, [path, { variable }]] of network.namedWeights().entries()) {
    const numbers = random.normal(randomKey(i), variable.shape);
    // Gains are about one.
    variable.assign((path.endsWith("gamma") ? numbers.mul(0.1).add(1) : numbers.mul(0.1)).realize());
  }
  return bits === 32 ? network : quantize(network, bits);
}

export const taskOf = ({ config, after, next, generated }: Omit<Decoding, "bits">): Task => ({
  ...{ prompt: Array.from({ length: after }, (_, i) => i), next, generated },
  ...{ heads: config.heads, headWidth: config.headWidth },
});

/** Writes what variants read: Hugging Face's files, where they can say it, and the decoder's step where transformers.js looks for it. */
export async function writeModel(network: Gpt, task: Task, folder: string, variants: readonly string[]): Promise<void> {
  await mkdir(join(folder, "onnx"), { recursive: true });
  await writeFile(join(folder, "task.json"), JSON.stringify(task));
  if (network.tokens.bits === 32) await saveHuggingFace(folder, network);
  const step = new DecoderStep(network);
  for (const rounded of [false, true]) {
    if (!variants.some((variant) => variant !== "torch" && (variant === rounding) === rounded)) continue;
    const operators = (layer: Layer) => matMulNBits(layer, rounded);
    const file = join(folder, rounded ? "onnx/model_a8.onnx" : "onnx/model.onnx");
    await exportOnnx(step, file, { ...step.signature, integers: "int64", operators });
  }
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
  for (let fresh = [...prompt]; tokens.length < generated; fresh = tokens.slice(-1)) {
    const [logits] = await decoder.read([fresh]);
    tokens.push(logits!.indexOf(logits!.reduce((a, b) => Math.max(a, b))));
  }
  decoder.dispose();
  return tokens;
}

/** The timing, if the peer came to what we come to: logits but for a share of the largest (default: rounding), or the same tokens. */
export function compared(
  result: Result,
  ours: { readonly logits: readonly number[]; readonly tokens: readonly number[] },
  share?: number,
): Omit<Timing, "peer" | "name"> {
  if (!("tokens" in result)) return held(result, ours.logits, share);
  const { tokens, ...timing } = result;
  if (tokens.join() === ours.tokens.join()) return timing;
  return { error: `it goes on with the tokens ${tokens.join(", ")}, ours with ${ours.tokens.join(", ")}` };
}
