import { ArgumentError, type Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";

/** After a step: the sample with less noise, and the picture x₀ that the network thinks is behind it. */
export interface Step {
  readonly previous: Tensor;
  readonly original: Tensor;
}

/**
 * A way from noise to pictures, made for a schedule and a number of steps. Step i = 0 .. timesteps.length - 1 is
 *
 *     output = network(sampler.scaleModelInput(sample, i), sampler.timesteps[i]);
 *     sample = sampler.step(sample, output, i, noise).previous;
 *
 * from sample = noise · initNoiseSigma, or from `addNoise(picture, noise, i)` at a later i. Steps are taken in order; a sampler that
 * remembers earlier outputs forgets them when another step than the next comes.
 */
export interface Sampler {
  /** The time that the network is told at each step. */
  readonly timesteps: readonly number[];
  /** Standard deviation of the sample to start from. */
  readonly initNoiseSigma: number;
  /** Whether steps take fresh noise. */
  readonly stochastic: boolean;
  /** The sample as the network expects it: α x₀ + σ ε. */
  scaleModelInput(sample: Tensor, i: number): Tensor;
  /** `noise`, from the standard normal distribution, is for stochastic samplers; without it they throw. */
  step(sample: Tensor, output: Tensor, i: number, noise?: Tensor): Step;
  /** A picture with so much noise that step i can start from it. */
  addNoise(original: Tensor, noise: Tensor, i: number): Tensor;
}

export const spacings = ["leading", "trailing", "linspace"] as const;
export type Spacing = (typeof spacings)[number];

export interface SamplerOptions {
  /**
   * Which of the schedule's times are visited: `leading` every so-many-th from the first on, `trailing` from the last down, `linspace`
   * evenly with both ends (Lin et al. 2024, table 2). Default: what Stable Diffusion 1.5 uses with this sampler.
   */
  readonly spacing?: Spacing;
  /** Added to times of the spacing `leading`, as far as there is room; default 1, as in Stable Diffusion. */
  readonly stepsOffset?: number;
  /** Whether ᾱ is 1 after the last step of DDIM and PNDM, or that of the schedule's first time. Default false. */
  readonly finalAlphaOne?: boolean;
  /** Share of DDPM's noise that DDIM adds, from 0 to 1. Default 0. */
  readonly eta?: number;
  /** Noise levels of Karras et al. 2022, equation 5, for Euler, LMS and DPM-Solver++. Default false. */
  readonly karras?: boolean;
}

/** Throws ArgumentError unless so many steps fit the schedule. */
export function checkSteps(operation: string, schedule: Schedule, steps: number, most = schedule.steps): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > most)
    throw new ArgumentError(operation, `steps is ${steps}`, `Give a whole number from 1 to ${most}, as the schedule has ${schedule.steps}`);
}

/** Throws ArgumentError for a flow, whose noise does not keep the variance. */
export function checkDiffusion(operation: string, schedule: Schedule): void {
  if (schedule.kind === "flow") throw new ArgumentError(operation, "the schedule is a flow", `Use the sampler "flow"`);
}

export function needNoise(operation: string, noise: Tensor | undefined): Tensor {
  if (noise) return noise;
  throw new ArgumentError(
    operation,
    "the step was given no noise",
    "Pass noise from the standard normal distribution, of the sample's shape",
  );
}

/** To the nearest whole number, halves to the even one, as NumPy rounds. */
export function rint(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 ? floor + 1 : floor;
}

/**
 * `count` of the schedule's times, the noisiest first; those of `linspace` may lie between whole numbers. A single one is the last, since
 * samplers start from nothing but noise (diffusers takes the first for `linspace` and `leading`, which leaves the noise as it is).
 */
export function spaced({ steps }: Schedule, count: number, spacing: Spacing, offset: number): number[] {
  if (!spacings.includes(spacing))
    throw new ArgumentError(
      "sampler",
      `spacing is ${JSON.stringify(spacing)}`,
      `Use ${spacings.map((s) => JSON.stringify(s)).join(" or ")}`,
    );
  if (!Number.isInteger(offset) || offset < 0 || offset >= steps)
    throw new ArgumentError("sampler", `stepsOffset is ${offset}`, `Give a whole number from 0 to ${steps - 1}`);
  if (count === 1) return [steps - 1];
  const list = Array.from({ length: count }, (_, i) => i);
  switch (spacing) {
    case "linspace":
      return list.map((i) => ((steps - 1) * i) / (count - 1)).reverse();
    case "leading": {
      const stride = Math.floor(steps / count);
      // With all of the schedule's times visited there is no room for the offset.
      const room = Math.min(offset, steps - 1 - (count - 1) * stride);
      return list.map((i) => i * stride + room).reverse();
    }
    case "trailing":
      return list.map((i) => rint(steps - (i * steps) / count) - 1);
  }
}

/** What samplers remember of earlier steps, newest first; forgotten when steps are not taken in order. */
export class History<T> {
  private readonly most: number;
  private readonly kept: T[] = [];
  private next = -1;

  constructor(most: number) {
    this.most = most;
  }

  /** The value of step i and those of the steps just before it. */
  push(i: number, value: T): readonly T[] {
    if (i !== this.next) this.kept.length = 0;
    this.next = i + 1;
    this.kept.unshift(value);
    this.kept.length = Math.min(this.kept.length, this.most);
    return [...this.kept];
  }
}
