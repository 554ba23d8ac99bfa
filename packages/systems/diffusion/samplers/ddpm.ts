import type { Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { checkDiffusion, checkSteps, needNoise, rint, type Sampler, type SamplerOptions, type Step, spaced } from "./sampler.ts";

/** Denoising diffusion probabilistic models (Ho et al. 2020, algorithm 2), with the smaller of the two variances of its §3.2. */
export class Ddpm implements Sampler {
  readonly timesteps: readonly number[];
  readonly initNoiseSigma = 1;
  readonly stochastic = true;
  private readonly schedule: Schedule;
  private readonly alphas: Float64Array;

  constructor(schedule: Schedule, steps: number, { spacing = "leading", stepsOffset = 1 }: SamplerOptions = {}) {
    checkSteps("Ddpm", schedule, steps);
    checkDiffusion("Ddpm", schedule);
    this.schedule = schedule;
    this.alphas = schedule.alphasCumprod;
    this.timesteps = spaced(schedule, steps, spacing, stepsOffset).map(rint);
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  /** The mean of q(x_{t-1} | x_t, x₀), equation (7), and noise of its variance but in the last step. */
  step(sample: Tensor, output: Tensor, i: number, noise?: Tensor): Step {
    const alpha = this.alphas[this.timesteps[i]!]!;
    const before = i + 1 < this.timesteps.length ? this.alphas[this.timesteps[i + 1]!]! : 1;
    const beta = 1 - alpha / before;
    const { original } = this.schedule.parts(sample, output, Math.sqrt(alpha), Math.sqrt(1 - alpha));
    const mean = original.mul((Math.sqrt(before) * beta) / (1 - alpha)).add(sample.mul((Math.sqrt(1 - beta) * (1 - before)) / (1 - alpha)));
    if (before === 1) return { previous: mean, original };
    const deviation = Math.sqrt((beta * (1 - before)) / (1 - alpha));
    return { previous: mean.add(needNoise("Ddpm", noise).mul(deviation)), original };
  }

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    const alpha = this.alphas[this.timesteps[i]!]!;
    return original.mul(Math.sqrt(alpha)).add(noise.mul(Math.sqrt(1 - alpha)));
  }
}
