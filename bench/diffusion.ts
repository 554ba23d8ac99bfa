import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Adam } from "@gradus/nn";
import { arrayOf, DiT, draw, parametersOf, UNet, type UNetConfig } from "@gradus/systems/diffusion";
import { loadScenes } from "@gradus/systems/diffusion/scenes";
import {
  compile,
  random,
  randomKey,
  saveSafetensors,
  scaledDotProductAttention,
  type Tensor,
  type Variable,
  valueAndGrad,
} from "@gradus/tensor";
import { safetensorsChunks, saveFile } from "@gradus/tensor/io";
import { type Checked, held } from "./held.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";
import type { Workload } from "./workloads.ts";

/** A U-Net for pictures of 32 x 32, told of 16 words: 4.0 million weights, transformers on two of three levels. */
const config: UNetConfig = {
  ...{ inChannels: 3, outChannels: 3, channels: [32, 64, 96], layersPerBlock: 2, attention: [false, true, true] },
  ...{ heads: 4, contextWidth: 64, groups: 8 },
};

/** Noisy pictures, their times, what is told of them (words or classes), and their noise. */
type Data = Readonly<Record<"x" | "t" | "context" | "noise", Tensor>>;
type Forward = (x: Tensor, t: Tensor, context: Tensor) => Tensor;

/** Random numbers that are there before anything is timed. */
const normal = (stream: number, shape: readonly number[]): Tensor => random.normal(randomKey(stream), shape).realize();

/** Weights without zeros, which would hide what is behind them. */
function fill(net: UNet | DiT): void {
  for (const [i, { variable, shape }] of parametersOf(net).entries()) {
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    if (shape.length > 1)
      variable.assign(
        normal(1000 + i, variable.shape)
          .mul(inputs ** -0.5)
          .realize(),
      );
  }
}

const picturesOf = (batch: number): Omit<Data, "context"> => ({
  x: normal(1, [batch, 32, 32, 3]),
  t: random.integers(randomKey(2), [batch], 1000).astype("float32").realize(),
  noise: normal(4, [batch, 32, 32, 3]),
});

/** A U-Net with noisy pictures, their times and words. */
function make(batch: number): { net: UNet; data: Data } {
  const net = new UNet(config);
  fill(net);
  return { net, data: { ...picturesOf(batch), context: normal(3, [batch, 16, 64]) } };
}

/** What a run gives: the network's output, or the loss of a training step. */
function runOf(weights: readonly Variable[], forward: Forward, { x, t, context, noise }: Data, training: boolean): () => Tensor {
  if (!training) {
    const answer = compile(forward);
    return () => answer(x, t, context);
  }
  const optimizer = new Adam({ learningRate: 1e-4, epsilon: 1e-8 });
  const step = compile((x: Tensor, t: Tensor, context: Tensor, noise: Tensor) => {
    const loss = () => forward(x, t, context).sub(noise).square().mean();
    const [value, gradients] = valueAndGrad(loss, { wrt: weights })();
    optimizer.apply(gradients as unknown as Tensor[], weights);
    return value as Tensor;
  });
  return () => step(x, t, context, noise);
}

const runOfUNet = (net: UNet, data: Data, training: boolean): (() => Tensor) =>
  runOf(net.trainableWeights, (x, t, context) => net.forward(x, t, { context }), data, training);

/** A U-Net's answer, or a training step with Adam; the same in PyTorch with the same weights. */
export function unetWorkload(batch: number, training: boolean): Workload {
  return {
    detail: `U-Net of 4.0 million weights, 32 x 32, batch ${batch}, ${training ? "a step of Adam" : "forward"}`,
    images: batch,
    prepare: () => {
      const { net, data } = make(batch);
      const run = runOfUNet(net, data, training);
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
        const run = runOfUNet(net, data, training);
        const expected: number[] = [];
        for (let i = 0; i < (training ? 3 : 1); i++) expected.push(...((await run().data()) as Float32Array));
        return inTorch(python, { kind: training ? "train" : "forward", unet: config }, folder, expected);
      }),
  };
}

/** A diffusion transformer of 4.2 million weights, patches of 4 x 4 on pictures of 32 x 32, told of one of ten classes or of any. */
export function ditWorkload(batch: number, training: boolean): Workload {
  return {
    detail: `DiT of 4.2 million weights, 32 x 32 in patches of 4 x 4, batch ${batch}, ${training ? "a step of Adam" : "forward"}`,
    images: batch,
    prepare: () => {
      const net = new DiT({ inChannels: 3, outChannels: 3, patch: 4, width: 192, layers: 6, heads: 6, classes: 11 });
      fill(net);
      const classes = random.integers(randomKey(5), [batch], 11).realize();
      const data = { ...picturesOf(batch), context: classes };
      const run = runOf(net.trainableWeights, (x, t, classes) => net.forward(x, t, { classes }), data, training);
      return async () => {
        const out = run();
        if (training) await out.item();
        out.dispose();
      };
    },
  };
}

/** A picture by the model that comes with Gradus, from the words to the pixels. */
export function drawingWorkload(): Workload {
  return {
    detail: "a picture of 64 x 64 by the model of scenes, 20 steps with guidance",
    images: 1,
    prepare: () => {
      const at = (name: string): string => fileURLToPath(import.meta.resolve(`@gradus/systems/diffusion/scenes/weights/${name}`));
      const model = readFile(at("scenes.json"), "utf8").then((text) => loadScenes(text, at("scenes.safetensors")));
      return async () => {
        const run = draw(await model, { prompt: "two small red triangles left of a blue circle", steps: 20, guidance: 3, seed: 1 });
        while (!(await run.next()).done);
      };
    },
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
  const [result] = found as unknown as [Checked?];
  return result ? held(result, expected) : { error: problem };
}
