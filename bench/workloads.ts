import {
  Adam,
  AdamW,
  Add,
  Conv2D,
  Dense,
  Embedding,
  Flatten,
  GlobalAveragePooling1D,
  Input,
  LayerNormalization,
  losses,
  MaxPooling2D,
  Model,
  MultiHeadAttention,
  Sequential,
  SGD,
  type SymbolicTensor,
} from "@gradus/nn";
import { type Bits, configOf as configOfGpt, countWeights, Decoder, Gpt, type GptConfig } from "@gradus/systems/gpt";
import { configOf, resnet } from "@gradus/systems/resnet";
import { compile, conv2d, gelu, layerNorm, matmul, reshape, softmax, sum, type Tensor, tensor } from "@gradus/tensor";
import { attentionWorkload, ditWorkload, drawingWorkload, unetWorkload } from "./diffusion.ts";
import { foldWorkloads } from "./fold.ts";
import type { Timing } from "./timing.ts";
import { zeroSearch, zeroSelfPlay } from "./zero.ts";

/** One piece of work: `prepare` makes the data, and the function it returns does it once, completely. */
export interface Workload {
  readonly detail: string;
  readonly flops?: number;
  /** The least that any program must do: operations of its products, and bytes of what goes in and comes out. */
  readonly least?: { readonly operations: number; readonly bytes: number };
  /** Too large for a CPU: left out unless named, but on a GPU. */
  readonly large?: true;
  /** Pictures, or tokens, that one run takes. */
  readonly images?: number;
  readonly tokens?: number;
  /** Simulations of a search, or positions that become examples, that one run makes. */
  readonly simulations?: number;
  readonly positions?: number;
  /** After some runs: the share of their time that went into the network. */
  readonly share?: () => number;
  /** The network and its data, for peers that are given the same. */
  readonly network?: () => Network;
  /** The token that one run generates, for peers that are asked for the same. */
  readonly decoding?: Decoding;
  /** Times the same work in PyTorch, by this Python, and holds its results to ours. */
  readonly torch?: (python: string) => Promise<Omit<Timing, "peer" | "name">>;
  readonly prepare: () => () => void | Promise<void>;
}

/** A network of `@gradus/systems/resnet` with pictures and their classes. */
export interface Network {
  readonly config: string;
  readonly model: Model;
  readonly x: Tensor;
  readonly y: Tensor;
  /** It takes training steps; else it gives logits. */
  readonly training: boolean;
}

/** A step of a language model, after so many others, and how many tokens a peer that only generates whole texts goes on with. */
export interface Decoding {
  readonly config: GptConfig;
  readonly bits: Bits;
  readonly after: number;
  readonly next: number;
  readonly generated: number;
}

let seed = 1;
function uniform(shape: number[], low = 0, high = 1): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = low + (high - low) * (seed / 2 ** 32);
  }
  return reshape(tensor(data), shape).realize();
}
const integers = (shape: number[], below: number): Tensor => uniform(shape, 0, below).astype("int32").realize();

/** A call of one compiled function; its result is complete when the function returns. */
function call(detail: string, args: () => Tensor[], f: (...xs: Tensor[]) => Tensor, flops?: number, bytes?: number): Workload {
  return {
    detail,
    ...(flops === undefined ? {} : { flops }),
    ...(bytes === undefined ? {} : { least: { operations: flops ?? 0, bytes } }),
    prepare: () => {
      const inputs = args();
      const run = compile(f);
      return () => run(...inputs).dispose();
    },
  };
}

/** A new array of an old one's values. */
const copying = (size: number): Pick<Workload, "prepare"> => ({
  prepare: () => {
    const x = uniform([size]);
    const run = compile((a: Tensor) => a.add(1));
    return () => run(x).dispose();
  },
});

type Arrays = Tensor | readonly Tensor[];

/** A whole training step through the public API of @gradus/nn: forward, backward, update; the loss is read back. */
function train(detail: string, build: () => { model: Model; x: Arrays; y: Tensor }): Workload {
  return {
    detail,
    prepare: () => {
      const { model, x, y } = build();
      return async () => {
        await model.trainOnBatch(x, y);
      };
    },
  };
}

function mlp(sizes: number[], activation: string, batch: number, rate: number) {
  const layers = sizes.slice(1).map((n, i) => new Dense(n, { activation: i < sizes.length - 2 ? activation : null }));
  const model = new Sequential([Input([sizes[0]!]), ...layers]).compile({ optimizer: new Adam(rate), loss: "mse" });
  return { model, x: uniform([batch, sizes[0]!]), y: uniform([batch, 1]) };
}

function encoder() {
  const [B, T, d] = [512, 15, 8];
  const ids = Input({ shape: [T], dtype: "int32" });
  let x = new Embedding(26, d)(ids);
  const residual = (y: SymbolicTensor): SymbolicTensor => new LayerNormalization({ epsilon: 1e-5 })(new Add()([x, y]));
  x = residual(new MultiHeadAttention(1, d)(x, x));
  x = residual(new Dense(d)(new Dense(d, { activation: "relu" })(x)));
  const model = new Model({ inputs: ids, outputs: new Dense(1)(new GlobalAveragePooling1D()(x)) });
  model.compile({ optimizer: new Adam(1e-3), loss: new losses.BinaryCrossentropy({ fromLogits: true }) });
  return { model, x: integers([B, T], 26), y: uniform([B, 1]) };
}

/** Multiplications and additions of one picture's products, in pairs. */
const multiplyAdds: Readonly<Record<string, number>> = { resnet20: 40_551_040, resnet50: 4_089_184_256 };

/** A network of He et al. (2016) under its paper's name: logits of a batch, or a training step as in section 4.2. */
function residual(config: string, batch: number, training = false): Workload {
  const build = (): Network => {
    const { imageSize, classes } = configOf(config);
    const model = resnet(configOf(config), { weightDecay: 1e-4 });
    const optimizer = new SGD({ learningRate: 0.1, momentum: 0.9 });
    if (training) model.compile({ optimizer, loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }) });
    return { config, model, x: uniform([batch, imageSize, imageSize, 3]), y: integers([batch], classes), training };
  };
  const detail = `${config}, batch ${batch}, ${training ? "SGD with momentum, weight decay" : "eval mode"}`;
  const about = { images: batch, network: build };
  if (training) return { ...train(detail, build), ...about };
  return {
    ...{ detail, flops: 2 * batch * multiplyAdds[config]!, ...about },
    prepare: () => {
      const { model, x } = build();
      const run = compile((pictures: Tensor) => model(pictures));
      return () => run(x).dispose();
    },
  };
}

/** A language model's training step, float32. */
function gpt(config: GptConfig, batch: number, rate: number) {
  const model = new Gpt(config);
  const loss = new losses.SparseCategoricalCrossentropy({ fromLogits: true });
  model.compile({ optimizer: new AdamW({ learningRate: rate, weightDecay: 0.01 }), loss });
  const { context, vocabulary } = config;
  return { model, x: integers([batch, context], vocabulary), y: integers([batch, context], vocabulary) };
}

function gptStep(detail: string, config: GptConfig, batch: number, rate: number): Workload {
  return { ...train(detail, () => gpt(config, batch, rate)), tokens: batch * config.context };
}

/** The next token after others, whose keys and values are kept. The least: every weight read once, and the kept arrays. */
function gptToken(config: GptConfig, after: number, bits: Bits = 32): Workload {
  const { layers, width, context } = config;
  const weights = countWeights(config) - context * width;
  const next = 17;
  return {
    decoding: { config, bits, after, next, generated: 16 },
    detail: `one token after ${after}, weights of ${bits} bits`,
    ...{
      tokens: 1,
      least: { operations: 2 * weights + layers * 4 * after * width, bytes: (weights * bits) / 8 + 8 * layers * after * width },
    },
    prepare: () => {
      const decoder = new Decoder(new Gpt(config, { bits }));
      let first = true;
      return async () => {
        if (first) await decoder.read([Array.from({ length: after }, (_, i) => i)]);
        first = false;
        decoder.rewind([after]);
        await decoder.read([[next]]);
      };
    },
  };
}

function convolution(batch: number, side: number, from: number, to: number, k: number): Workload {
  const flops = 2 * batch * side ** 2 * from * to * k ** 2;
  const bytes = 4 * (batch * side ** 2 * (from + to) + k ** 2 * from * to);
  const args = () => [uniform([batch, side, side, from], -1), uniform([k, k, from, to], -1)];
  return {
    ...call(`convolution, batch ${batch}, same padding`, args, (x, w) => conv2d(x, w, { padding: "same" }), flops, bytes),
    large: true,
  };
}

/** GPT-2's small model (Radford et al. 2019): a training step with AdamW, float32. */
function gpt2Step(batch: number): Workload {
  const config = configOfGpt("gpt2");
  const { layers, width, context } = config;
  const weights = countWeights(config);
  // Forward, and twice as much backward; causal attention does half of its two products.
  const operations = 6 * (weights - context * width) * batch * context + 3 * layers * 2 * batch * context ** 2 * width;
  return {
    ...gptStep(`GPT-2 124M, context ${context}, batch ${batch}, AdamW, float32`, config, batch, 1e-4),
    // Weights and both moments read and written once.
    ...{ least: { operations, bytes: 6 * 4 * weights }, large: true },
  };
}

const rows = () => [uniform([4096, 1024])];

/** The workloads, under the names that the peers' scripts use. */
export const workloads: Record<string, Workload> = {
  ...Object.fromEntries(
    [256, 512, 1024, 2048, 4096].map((n) => [
      `matmul-${n}`,
      {
        ...call(
          `f32 ${n}x${n} @ ${n}x${n}`,
          () => [uniform([n, n]), uniform([n, n])],
          (a, b) => matmul(a, b),
          2 * n ** 3,
          12 * n ** 2,
        ),
        ...(n > 2048 ? { large: true as const } : {}),
      },
    ]),
  ),
  "gelu-4m": call(
    "gelu (erf) over 4,000,000 f32",
    () => [uniform([4_000_000])],
    (x) => gelu(x),
    undefined,
    8 * 4_000_000,
  ),
  "softmax-4096x1024": call("softmax over the last axis, f32", rows, (x) => softmax(x), undefined, 8 * 4096 * 1024),
  "sum-axis0-4096x1024": call("sum over axis 0, f32", rows, (x) => sum(x, { axis: 0 }), undefined, 4 * 4097 * 1024),
  "layernorm-4096x1024": call("layer norm over the last axis, f32", rows, (x) => layerNorm(x), undefined, 8 * 4096 * 1024),
  "mlp-1-8-8-1-b32": train("Dense 1-8-8-1, sigmoid, batch 32, MSE, Adam", () => mlp([1, 8, 8, 1], "sigmoid", 32, 0.05)),
  "mlp-19-32x4-1-b64": train("Dense 19-32-32-32-32-1, relu, batch 64, MSE, Adam", () => mlp([19, 32, 32, 32, 32, 1], "relu", 64, 0.01)),
  "cnn-ngon-b64": train("Conv 13x13x8 valid, maxpool 20, conv 1x1x4, 32x32x1, batch 64, Adam", () => {
    const model = new Sequential([Input([32, 32, 1]), new Conv2D(8, 13), new MaxPooling2D(20), new Conv2D(4, 1), new Flatten()]);
    model.compile({ optimizer: new Adam(1e-3), loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }) });
    return { model, x: uniform([64, 32, 32, 1]), y: integers([64], 4) };
  }),
  "encoder-d8-b512": train("transformer encoder, 1 layer, d 8, 1 head, length 15, batch 512, Adam", encoder),
  "resnet20-b128": residual("resnet20", 128, true),
  "resnet20-b1-infer": residual("resnet20", 1),
  "resnet20-b128-infer": residual("resnet20", 128),
  "resnet50-b1-infer": residual("resnet50", 1),
  "gpt-small": gptStep(
    "GPT 4 layers, 4 heads, d 128, context 64, vocabulary 65, batch 12, AdamW",
    configOfGpt("small", { tied: false }),
    12,
    1e-3,
  ),
  "gpt-small-token": gptToken(configOfGpt("small"), 48),
  ...Object.fromEntries(
    // Layers of ResNet-50 (He et al. 2016, table 1): side, channels in and out, kernel.
    (
      [
        [56, 64, 64, 3],
        [56, 64, 256, 1],
        [28, 128, 128, 3],
        [14, 1024, 256, 1],
        [14, 256, 256, 3],
        [7, 512, 512, 3],
      ] as const
    ).map(([side, from, to, k]) => [`conv-${side}x${side}x${from}-${k}x${k}x${to}`, convolution(32, side, from, to, k)]),
  ),
  "gpt2-124m": gpt2Step(4),
  "gpt2-124m-token": { ...gptToken(configOfGpt("gpt2"), 64), large: true },
  "gpt2-124m-token-int8": { ...gptToken(configOfGpt("gpt2"), 64, 8), large: true },
  "gpt2-124m-token-int4": { ...gptToken(configOfGpt("gpt2"), 64, 4), large: true },
  "gpt-baby": gptStep(
    "GPT 6 layers, 6 heads, d 384, context 256, vocabulary 65, batch 8, AdamW",
    configOfGpt("baby", { tied: false }),
    8,
    1e-3,
  ),
  ...Object.fromEntries(
    ["tictactoe", "connect4", "othello", "go5", "go9", "chess", "shogi"].flatMap((game) => [
      ...[1, 8, 32].map((parallel) => [`zero-${game}-search-${parallel}`, zeroSearch(game, parallel)] as const),
      // A move in each of the games that are played side by side, several in small games.
      [`zero-${game}-self-play`, zeroSelfPlay(game, ["tictactoe", "connect4"].includes(game) ? 128 : 32)] as const,
    ]),
  ),
  "unet-32-b16": unetWorkload(16, true),
  "unet-32-b1-infer": unetWorkload(1, false),
  "unet-32-b16-infer": unetWorkload(16, false),
  "dit-32-b16": ditWorkload(16, true),
  "dit-32-b16-infer": ditWorkload(16, false),
  "scenes-draw": drawingWorkload(),
  "attention-4096x40": attentionWorkload(4096),
  ...foldWorkloads,
  // What generation is bound by: 256 MiB read and written, more than caches hold.
  copy: { detail: "a copy of 2^26 float32", least: { operations: 0, bytes: 2 ** 29 }, ...copying(2 ** 26), large: true },
};
