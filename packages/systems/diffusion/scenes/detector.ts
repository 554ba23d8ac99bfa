import { Dataset, Random } from "@gradus/data";
import {
  Activation,
  AdamW,
  BatchNormalization,
  Conv2D,
  Dense,
  GaussianNoise,
  GlobalAveragePooling2D,
  Input,
  losses,
  Model,
  Rescaling,
  schedules,
  setRandomSeed,
} from "@gradus/nn";
import {
  type Compiled,
  compile,
  logSoftmax,
  oneHot,
  ShapeError,
  type Source,
  sigmoid,
  softplus,
  split,
  type Tensor,
  tensor,
} from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type Colour, colours, type Shape, shapes, type Thing } from "../../scenes/things.ts";
import { middleRadius, paintScene, sceneSize } from "./scene.ts";
import { type Ground, grounds, type Size } from "./statement.ts";

/** What a detector sees on a picture. */
export interface Seen {
  readonly ground: Ground;
  readonly things: readonly SeenThing[];
}
export interface SeenThing {
  readonly colour: Colour;
  readonly shape: Shape;
  readonly size: Size;
  /** Centre and radius in pixels. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Cells along a side: each says whether a thing's centre lies in it. */
const cells = 16;
const cell = sceneSize / cells;
/** Of a cell: whether there is a thing, its centre in the cell, its radius; then a logit for each colour and each shape. */
const channels = 4 + colours.length + shapes.length;
/** Radii are told in units of this, in pixels. */
const radiusUnit = 12;
/** What the picture's features have, for comparing sets of pictures. */
const featureSize = 64;

/** Pictures uint8 [B, 64, 64, 3] to cells [B, 16, 16, channels] and logits of the ground [B, 4]; features [B, 64] beside. */
export function detectorNetwork(): { readonly model: Model; readonly features: Model } {
  const picture = Input([sceneSize, sceneSize, 3], { name: "picture", dtype: "uint8" });
  let x = new GaussianNoise(0.06, { name: "noise" })(new Rescaling(1 / 127.5, { offset: -1, name: "scaled" })(picture));
  for (const [i, [filters, strides]] of (
    [
      [16, 2],
      [32, 1],
      [48, 2],
      [48, 1],
      [48, 1],
      [featureSize, 1],
    ] as const
  ).entries()) {
    x = new Conv2D(filters, 3, { strides, padding: "same", useBias: false, name: `conv${i}` })(x);
    x = new Activation("relu", { name: `relu${i}` })(new BatchNormalization({ momentum: 0.95, name: `norm${i}` })(x));
  }
  const found = new Conv2D(channels, 1, { name: "cells" })(x);
  const mean = new GlobalAveragePooling2D({ name: "mean" })(x);
  const ground = new Dense(grounds.length, { name: "ground" })(mean);
  return {
    model: new Model({ inputs: picture, outputs: [found, ground], name: "detector" }),
    features: new Model({ inputs: picture, outputs: mean }),
  };
}

/** Things anywhere, of every colour and shape, without regard to captions: a picture for the detector to learn from. */
export function looseScene(
  seed: number,
  index: number,
): { readonly picture: ArrayData; readonly things: readonly Thing[]; readonly ground: Ground } {
  const random = new Random(seed, 77, index);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const things: Thing[] = [];
  for (let left = random.integer(8); left > 0; left--) {
    const radius = random.uniform(4, 10.5);
    const [x, y] = [random.uniform(radius, sceneSize - radius), random.uniform(radius, sceneSize - radius)];
    if (things.every((t) => Math.hypot(t.x - x, t.y - y) > t.radius + radius))
      things.push({ shape: pick(shapes), colour: pick(colours), x, y, radius, angle: random.uniform(-0.25, 0.25) });
  }
  const ground = pick(grounds);
  return { picture: paintScene(things, ground, random), things, ground };
}

/** Of each cell: a thing or none, its place in the cell, its radius, its colour and shape by number. */
function truth(things: readonly Thing[]): Float32Array {
  const target = new Float32Array(cells * cells * 6);
  for (const { x, y, radius, colour, shape } of things) {
    const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
    target.set(
      [1, x / cell - column, y / cell - row, radius / radiusUnit, colours.indexOf(colour), shapes.indexOf(shape)],
      6 * (row * cells + column),
    );
  }
  return target;
}

/**
 * What cells say that is not so, a thing: cross-entropies of there being a thing, its colour and its shape, and squares of what its place
 * and radius are off.
 */
function cellLoss(wanted: Tensor, said: Tensor): Tensor {
  const [there, place, colour, shape] = split(wanted, [1, 4, 5], { axis: -1 }) as [Tensor, Tensor, Tensor, Tensor];
  const [object, where, hue, form] = split(said, [1, 4, 4 + colours.length], { axis: -1 }) as [Tensor, Tensor, Tensor, Tensor];
  const found = softplus(object).sub(object.mul(there)).sum();
  const off = sigmoid(where).sub(place).square().mul(there).sum();
  const unlike = (label: Tensor, logits: Tensor, classes: number): Tensor =>
    logSoftmax(logits)
      .mul(oneHot(label.squeeze({ axis: -1 }).astype("int32"), classes))
      .mul(there)
      .sum()
      .neg();
  const things = there.sum().add(1);
  return found
    .add(off.mul(5))
    .add(unlike(colour, hue, colours.length))
    .add(unlike(shape, form, shapes.length))
    .div(things);
}

export interface DetectorTraining {
  /** Default 3000. */
  readonly steps?: number;
  /** Default 32. */
  readonly batchSize?: number;
  readonly seed?: number;
  readonly report?: (step: number, steps: number, loss: number) => void;
}

/** Trains a detector on loose scenes, from nothing. */
export async function trainDetector(options: DetectorTraining = {}): Promise<Detector> {
  const { steps = 3000, batchSize = 32, seed = 1, report } = options;
  setRandomSeed(seed);
  const networks = detectorNetwork();
  networks.model.compile({
    optimizer: new AdamW({ learningRate: new schedules.CosineDecay(3e-3, steps), weightDecay: 1e-3, globalClipnorm: 5 }),
    loss: [cellLoss, new losses.SparseCategoricalCrossentropy({ fromLogits: true })],
  });
  const examples = Dataset.range(steps * batchSize)
    .map((i) => {
      const { picture, things, ground } = looseScene(seed, i);
      const target: ArrayData = { dtype: "float32", shape: [cells, cells, 6], data: truth(things) };
      return [picture, [target, Int32Array.of(grounds.indexOf(ground))]] as const;
    })
    .batch(batchSize);
  for await (const event of networks.model.fitEvents(examples, null, { epochs: 1, seed }))
    if (event.kind === "progress") report?.(event.batch, steps, event.logs["loss"]!);
  return new Detector(networks);
}

/** Pictures that are looked at side by side. */
const atOnce = 32;

/** A network that finds the things on a picture, trained apart from the one that draws: it judges what is drawn. */
export class Detector {
  readonly model: Model;
  private readonly forward: Compiled<(pictures: Tensor) => Tensor[]>;

  constructor({ model, features }: { readonly model: Model; readonly features: Model }) {
    this.model = model;
    this.forward = compile((pictures) => [...(model.call(pictures) as unknown as Tensor[]), features.call(pictures) as Tensor]);
  }

  /** With weights that training wrote. */
  static async load(weights: Source): Promise<Detector> {
    const networks = detectorNetwork();
    await networks.model.loadWeights(weights);
    return new Detector(networks);
  }

  /** What is on pictures, uint8 [64, 64, 3] each. */
  async look(pictures: readonly ArrayData[]): Promise<Seen[]> {
    return (await this.run(pictures)).map(({ cells, ground }) => ({ ground: grounds[best(ground)]!, things: thingsOf(cells) }));
  }

  /** Features of pictures, for comparing sets of them. */
  async features(pictures: readonly ArrayData[]): Promise<Float32Array[]> {
    return (await this.run(pictures)).map(({ features }) => features);
  }

  private async run(pictures: readonly ArrayData[]) {
    const results: { cells: Float32Array; ground: Float32Array; features: Float32Array }[] = [];
    const each = sceneSize * sceneSize * 3;
    for (let i = 0; i < pictures.length; i += atOnce) {
      const some = pictures.slice(i, i + atOnce);
      const pixels = new Uint8Array(atOnce * each);
      for (const [k, { dtype, shape, data }] of some.entries()) {
        if (dtype !== "uint8" || shape.join() !== `${sceneSize},${sceneSize},3`)
          throw new ShapeError("Detector", `the picture is ${dtype} [${shape.join(", ")}]`, `Give uint8 [${sceneSize}, ${sceneSize}, 3]`);
        pixels.set(data as Uint8Array, k * each);
      }
      const outputs = this.forward(tensor(pixels, { dtype: "uint8" }).reshape([atOnce, sceneSize, sceneSize, 3]));
      const [found, ground, mean] = (await Promise.all(outputs.map((o) => o.data()))) as [Float32Array, Float32Array, Float32Array];
      for (const output of outputs) output.dispose();
      for (const k of some.keys()) {
        const row = (all: Float32Array): Float32Array => all.slice((k * all.length) / atOnce, ((k + 1) * all.length) / atOnce);
        results.push({ cells: row(found), ground: row(ground), features: row(mean) });
      }
    }
    return results;
  }
}

const best = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

/** Cells that are likelier than not to hold a centre, and likelier than those around them. */
function thingsOf(found: Float32Array): SeenThing[] {
  const logit = (row: number, column: number): number =>
    row < 0 || column < 0 || row >= cells || column >= cells ? -Infinity : found[(row * cells + column) * channels]!;
  const things: SeenThing[] = [];
  for (let row = 0; row < cells; row++)
    for (let column = 0; column < cells; column++) {
      const own = logit(row, column);
      // Of two that are equal, the later one.
      const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dy, dx] as const)).filter(([dy, dx]) => dy || dx);
      if (
        own <= 0 ||
        around.some(([dy, dx]) => logit(row + dy, column + dx) > own || (dy * 3 + dx > 0 && logit(row + dy, column + dx) === own))
      )
        continue;
      const at = (row * cells + column) * channels;
      const [dx, dy, r] = Array.from(found.subarray(at + 1, at + 4), (v) => 1 / (1 + Math.exp(-v))) as [number, number, number];
      const radius = r * radiusUnit;
      things.push({
        colour: colours[best(found.slice(at + 4, at + 4 + colours.length))]!,
        shape: shapes[best(found.slice(at + 4 + colours.length, at + channels))]!,
        size: radius < middleRadius ? "small" : "large",
        ...{ x: (column + dx) * cell, y: (row + dy) * cell, radius },
      });
    }
  return things;
}
