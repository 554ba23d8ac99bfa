import { Random } from "@gradus/data";
import {
  Activation,
  AdamW,
  BatchNormalization,
  Conv2D,
  Dense,
  GlobalAveragePooling2D,
  Input,
  losses,
  Model,
  Rescaling,
  schedules,
  setRandomSeed,
} from "@gradus/nn";
import { type Compiled, compile, type Tensor, tensor } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import type { ImageSet, Pictures } from "../../image-set.ts";

/** What a picture's features have, for comparing sets of pictures. */
const featureSize = 64;

/** Pictures uint8 [B, size, size, channels] to logits of their classes; features [B, 64] beside. */
function judgeNetwork(size: number, channels: number, classes: number): { readonly model: Model; readonly features: Model } {
  const picture = Input([size, size, channels], { name: "picture", dtype: "uint8" });
  let x = new Rescaling(1 / 127.5, { offset: -1, name: "scaled" })(picture);
  for (const [i, [filters, strides]] of (
    [
      [24, 1],
      [32, 2],
      [48, 2],
      [featureSize, 1],
    ] as const
  ).entries()) {
    x = new Conv2D(filters, 3, { strides, padding: "same", useBias: false, name: `conv${i}` })(x);
    x = new Activation("relu", { name: `relu${i}` })(new BatchNormalization({ momentum: 0.95, name: `norm${i}` })(x));
  }
  const mean = new GlobalAveragePooling2D({ name: "mean" })(x);
  const logits = new Dense(classes, { name: "logits" })(mean);
  return { model: new Model({ inputs: picture, outputs: logits, name: "judge" }), features: new Model({ inputs: picture, outputs: mean }) };
}

export interface JudgeTraining {
  /** Default 1000. */
  readonly steps?: number;
  /** Default 64. */
  readonly batchSize?: number;
  readonly seed?: number;
  readonly report?: (step: number, steps: number) => void;
}

/**
 * Trains a classifier that judges drawn pictures, apart from what draws them. Pictures without classes are told apart by which way up
 * they are (Gidaris et al. 2018): what has to be known for that makes features, too.
 */
export async function trainJudge({ train, classes }: ImageSet, options: JudgeTraining = {}): Promise<Judge> {
  const { steps = 1000, seed = 1, report } = options;
  setRandomSeed(seed);
  const { images, labels } = classes.length ? train : turned(train, seed);
  const [n, size, , channels] = images.shape as [number, number, number, number];
  const batchSize = Math.min(options.batchSize ?? 64, n);
  const networks = judgeNetwork(size, channels, classes.length || 4);
  networks.model.compile({
    optimizer: new AdamW({ learningRate: new schedules.CosineDecay(3e-3, steps), weightDecay: 1e-3, globalClipnorm: 5 }),
    loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }),
  });
  const perPass = Math.min(steps, Math.floor(n / batchSize));
  const x = tensor(images.data as Uint8Array, { dtype: "uint8" }).reshape(images.shape);
  const y = tensor(labels);
  const run = networks.model.fitEvents(x, y, { epochs: Math.ceil(steps / perPass), stepsPerEpoch: perPass, batchSize, seed });
  for await (const event of run) if (event.kind === "progress") report?.(Math.min(steps, event.epoch * perPass + event.batch), steps);
  for (const array of [x, y]) array.dispose();
  return new Judge(networks, classes.length > 0);
}

/** Each picture turned by a number of right angles, which is its label. */
function turned({ images }: Pictures, seed: number): Pictures {
  const [n, size, , channels] = images.shape as [number, number, number, number];
  const random = new Random(seed, 4);
  const pixels = images.data as Uint8Array;
  const data = new Uint8Array(pixels.length);
  const labels = Int32Array.from({ length: n }, () => random.integer(4));
  const last = size - 1;
  for (let i = 0; i < n; i++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const [fromY, fromX] = [[y, x] as const, [x, last - y] as const, [last - y, last - x] as const, [last - x, y] as const][
          labels[i]!
        ]!;
        const [from, to] = [(i * size + fromY) * size + fromX, (i * size + y) * size + x].map((p) => p * channels) as [number, number];
        for (let c = 0; c < channels; c++) data[to + c] = pixels[from + c]!;
      }
  return { images: { dtype: "uint8", shape: images.shape, data }, labels };
}

/** What a judge makes of pictures: the likeliest class of each (with classes), and its features. */
export interface Judgement {
  readonly classes: Int32Array;
  readonly features: readonly Float32Array[];
}

/** Pictures that are looked at side by side. */
const atOnce = 50;

/** A classifier that was trained on the same pictures as what draws, and tells how like them drawn ones are. */
export class Judge {
  /** Whether it knows the classes of pictures, or only which way up they are. */
  readonly knowsClasses: boolean;
  private readonly forward: Compiled<(pictures: Tensor) => Tensor[]>;

  constructor({ model, features }: { readonly model: Model; readonly features: Model }, knowsClasses: boolean) {
    this.knowsClasses = knowsClasses;
    this.forward = compile((pictures) => [model.call(pictures) as Tensor, features.call(pictures) as Tensor]);
  }

  /** Of pictures uint8 [n, size, size, channels]. */
  async look({ shape, data }: ArrayData): Promise<Judgement> {
    const [n, ...one] = shape as [number, number, number, number];
    const each = one[0] * one[1] * one[2];
    const classes = new Int32Array(n);
    const features: Float32Array[] = [];
    for (let i = 0; i < n; i += atOnce) {
      const pixels = new Uint8Array(atOnce * each);
      pixels.set((data as Uint8Array).subarray(i * each, Math.min(n, i + atOnce) * each));
      const outputs = this.forward(tensor(pixels, { dtype: "uint8" }).reshape([atOnce, ...one]));
      const [logits, means] = (await Promise.all(outputs.map((o) => o.data()))) as [Float32Array, Float32Array];
      for (const output of outputs) output.dispose();
      const row = (all: Float32Array, k: number): Float32Array => all.slice((k * all.length) / atOnce, ((k + 1) * all.length) / atOnce);
      for (let k = 0; k < Math.min(atOnce, n - i); k++) {
        const scores = row(logits, k);
        classes[i + k] = scores.indexOf(Math.max(...scores));
        features.push(row(means, k));
      }
    }
    return { classes, features };
  }
}
