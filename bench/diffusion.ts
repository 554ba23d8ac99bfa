import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Adam } from "@gradus/nn";
import { arrayOf, parametersOf, UNet, type UNetConfig } from "@gradus/systems/diffusion";
import { compile, random, randomKey, saveSafetensors, scaledDotProductAttention, type Tensor, valueAndGrad } from "@gradus/tensor";
import { safetensorsChunks, saveFile } from "@gradus/tensor/io";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";
import type { Workload } from "./workloads.ts";

/** A U-Net for pictures of 32 x 32, told of 16 words: 4.0 million weights, transformers on two of three levels. */
const config: UNetConfig = {
  ...{ inChannels: 3, outChannels: 3, channels: [32, 64, 96], layersPerBlock: 2, attention: [false, true, true] },
  ...{ heads: 4, contextWidth: 64, groups: 8 },
};

type Data = Readonly<Record<"x" | "t" | "context" | "noise", Tensor>>;

/** Random numbers that are there before anything is timed. */
const normal = (stream: number, shape: readonly number[]): Tensor => random.normal(randomKey(stream), shape).realize();

/** A network without zeros, which would hide what is behind them, with noisy pictures, their times and words. */
function make(batch: number): { net: UNet; data: Data } {
  const net = new UNet(config);
  for (const [i, { variable, shape }] of parametersOf(net).entries()) {
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    if (shape.length > 1)
      variable.assign(
        normal(1000 + i, variable.shape)
          .mul(inputs ** -0.5)
          .realize(),
      );
  }
  const data = {
    x: normal(1, [batch, 32, 32, 3]),
    t: random.integers(randomKey(2), [batch], 1000).astype("float32").realize(),
    context: normal(3, [batch, 16, 64]),
    noise: normal(4, [batch, 32, 32, 3]),
  };
  return { net, data };
}

/** What a run gives: the network's output, or the loss of a training step. */
function runOf(net: UNet, { x, t, context, noise }: Data, training: boolean): () => Tensor {
  if (!training) {
    const forward = compile((x: Tensor, t: Tensor, context: Tensor) => net.forward(x, t, { context }));
    return () => forward(x, t, context);
  }
  const optimizer = new Adam({ learningRate: 1e-4, epsilon: 1e-8 });
  const weights = net.trainableWeights;
  const step = compile((x: Tensor, t: Tensor, context: Tensor, noise: Tensor) => {
    const loss = () => net.forward(x, t, { context }).sub(noise).square().mean();
    const [value, gradients] = valueAndGrad(loss, { wrt: weights })();
    optimizer.apply(gradients as unknown as Tensor[], weights);
    return value as Tensor;
  });
  return () => step(x, t, context, noise);
}

/** A U-Net's answer, or a training step with Adam; the same in PyTorch with the same weights. */
export function unetWorkload(batch: number, training: boolean): Workload {
  return {
    detail: `U-Net of 4.0 million weights, 32 x 32, batch ${batch}, ${training ? "a step of Adam" : "forward"}`,
    images: batch,
    prepare: () => {
      const { net, data } = make(batch);
      const run = runOf(net, data, training);
      return async () => {
        const out = run();
        if (training) await out.item();
        out.dispose();
      };
    },
    torch: (python) =>
      inFolder(async (folder) => {
        const { net, data } = make(batch);
        const arrays = await Promise.all(parametersOf(net).map(async (p) => [p.name, await arrayOf(p)] as const));
        await saveFile(join(folder, "weights.safetensors"), safetensorsChunks(arrays));
        await saveSafetensors(join(folder, "data.safetensors"), data);
        const run = runOf(net, data, training);
        const expected: number[] = [];
        for (let i = 0; i < (training ? 3 : 1); i++) expected.push(...((await run().data()) as Float32Array));
        return inTorch(python, { kind: training ? "train" : "forward", unet: config }, folder, expected);
      }),
  };
}

/** Attention as the first level of Stable Diffusion 1.5 has it: 64 x 64 places, 8 heads of 40 features. */
export function attentionWorkload(places: number): Workload {
  const arrays = (): readonly [Tensor, Tensor, Tensor] => [
    normal(1, [2, 8, places, 40]),
    normal(2, [2, 8, places, 40]),
    normal(3, [2, 8, places, 40]),
  ];
  return {
    detail: `attention of ${places} places to each other, 2 x 8 heads of 40 features`,
    flops: 2 * 8 * 4 * places ** 2 * 40,
    prepare: () => {
      const given = arrays();
      const run = compile((q: Tensor, k: Tensor, v: Tensor) => scaledDotProductAttention(q, k, v));
      return () => run(...given).dispose();
    },
    torch: (python) =>
      inFolder(async (folder) => {
        const [q, k, v] = arrays();
        await saveSafetensors(join(folder, "data.safetensors"), { q, k, v });
        const expected = ((await scaledDotProductAttention(q, k, v).data()) as Float32Array).slice(0, 1000);
        return inTorch(python, { kind: "attention" }, folder, [...expected]);
      }),
  };
}

async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "gradus-bench-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** PyTorch's timing; an error where its results are not ours but for rounding. */
async function inTorch(python: string, work: object, folder: string, expected: readonly number[]): Promise<Omit<Timing, "peer" | "name">> {
  const script = fileURLToPath(new URL("peers/diffusion.py", import.meta.url));
  const { found, problem } = await runForLines(python, [script, JSON.stringify(work), folder], { OMP_NUM_THREADS: "2" });
  const [result] = found as unknown as [(Omit<Timing, "peer" | "name"> & { outputs: number[] })?];
  if (!result) return { error: problem };
  const { outputs, ...timing } = result;
  const largest = Math.max(...expected.map(Math.abs));
  const off = Math.max(...expected.map((v, i) => Math.abs(v - outputs[i]!))) / largest;
  return off < 1e-3 ? { ...timing, off } : { error: `its results are off ours by ${off.toPrecision(2)} of the largest` };
}
