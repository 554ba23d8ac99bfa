import { nextTurn } from "@gradus/nn";
import { ArgumentError, concat, full, scope, type Tensor, tensor } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkDrawn, checkGuidance, checkSeed, finite } from "../checks.ts";
import type { Denoiser } from "../denoiser.ts";
import { guidedHalves } from "../guidance.ts";
import { noiseOf } from "../noise.ts";
import { oncePer } from "../once-per.ts";
import { type SamplerName, sampler } from "../samplers/index.ts";
import type { PictureModel } from "./model.ts";

export interface PictureOptions {
  /** The class of each picture by its number, null for any; default one picture of any. */
  readonly classes?: readonly (number | null)[];
  /** Steps from noise to picture; default 20. */
  readonly steps?: number;
  /** How far the class leads; 1 is without guidance, and twice as fast. Default 2. */
  readonly guidance?: number;
  /** Pictures have the seeds `seed`, `seed + 1`, ..: each is what it would be alone. Default 0. */
  readonly seed?: number;
  /** Default the model's own. */
  readonly sampler?: SamplerName;
}

/** A step is done. */
export interface PictureUpdate {
  /** Steps done, from 1 on, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Milliseconds that the step took. */
  readonly ms: number;
  /** What the network thinks is behind the noise, uint8 [size, size, channels] each. */
  readonly pictures: () => Promise<ArrayData[]>;
}

/**
 * Pictures from noise. Gives an update after every step and the pictures, uint8 [size, size, channels] each, in the end. ArgumentError for
 * options that make no sense, FormatError where the network gives numbers that are not finite.
 */
export async function* drawPictures(model: PictureModel, options: PictureOptions = {}): AsyncGenerator<PictureUpdate, ArrayData[]> {
  const { config, network, schedule } = model;
  const { classes = [null], steps = 20, guidance = 2, seed = 0 } = options;
  check(model, classes, guidance, seed);
  const count = classes.length;
  const shape = [config.size, config.size, config.channels];
  const s = sampler(options.sampler ?? config.sampler, schedule, steps);
  const any = config.classes.length;
  const guides = guidance !== 1 && classes.some((c) => c !== null);
  const run = (!any ? freely : guides ? guided : plainly)(network);
  const told = tensor(Int32Array.from(classes, (c) => c ?? any));
  const weight = tensor(guidance, { dtype: "float32" });
  let sample = scope(() => noiseOf(seed, count, shape, 0).mul(s.initNoiseSigma));
  for (let i = 0; i < s.timesteps.length; i++) {
    const begin = performance.now();
    const output = run(s.scaleModelInput(sample, i), tensor(Float32Array.of(s.timesteps[i]!)), told, weight);
    const noise = s.stochastic ? noiseOf(seed, count, shape, 2 + i) : undefined;
    const { previous, original } = s.step(sample, output, i, noise);
    sample = previous;
    await finite(sample);
    yield { step: i + 1, steps: s.timesteps.length, ms: performance.now() - begin, pictures: () => picturesOf(original) };
    await nextTurn(); // what was made of the pictures can be shown
  }
  return picturesOf(sample);
}

function check({ config }: PictureModel, classes: readonly (number | null)[], guidance: number, seed: number): void {
  const refuse = (problem: string, fix: string): never => {
    throw new ArgumentError("draw", problem, fix);
  };
  if (!classes.length) refuse("there are no classes", "Give one a picture, null for any");
  const odd = classes.find((c) => c !== null && !(Number.isInteger(c) && c >= 0 && c < config.classes.length));
  if (odd !== undefined) refuse(`there is no class ${odd}`, `The model knows ${config.classes.length}`);
  checkDrawn(classes.length, config.size, config.size);
  checkGuidance(guidance, 2);
  checkSeed(seed);
}

type Run = (sample: Tensor, time: Tensor, classes: Tensor, guidance: Tensor) => Tensor;

const freely = oncePer(
  (network: Denoiser): Run =>
    (sample, time) =>
      network.forward(sample, time),
);
const plainly = oncePer(
  (network: Denoiser): Run =>
    (sample, time, classes) =>
      network.forward(sample, time, { classes }),
);
/** What the network says about pictures of any class, and about those of their own. */
const guided = oncePer((network: Denoiser): Run => {
  const any = network.config.classes! - 1;
  return (sample, time, classes, guidance) => {
    const both = concat([full(classes.shape, any, { dtype: "int32" }), classes]);
    return guidedHalves(network.forward(concat([sample, sample]), time, { classes: both }), guidance);
  };
});

/** Numbers from -1 to 1 as bytes, picture by picture. */
async function picturesOf(sample: Tensor): Promise<ArrayData[]> {
  const numbers = (await sample.data()) as Float32Array;
  const [count, ...shape] = sample.shape as [number, ...number[]];
  const each = numbers.length / count;
  return Array.from({ length: count }, (_, k) => {
    const data = new Uint8Array(each);
    for (let i = 0; i < each; i++) data[i] = Math.round(Math.min(255, Math.max(0, numbers[k * each + i]! * 127.5 + 127.5)));
    return { dtype: "uint8", shape, data };
  });
}

/** The pictures alone. */
export async function drawn(model: PictureModel, options: PictureOptions = {}): Promise<ArrayData[]> {
  const run = drawPictures(model, options);
  for (;;) {
    const { value, done } = await run.next();
    if (done) return value;
  }
}
