import { ArgumentError, type Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { checkDiffusion, checkSteps, rint, type Sampler, type SamplerOptions, type Step, spaced } from "./sampler.ts";

/** From where almost nothing is left of the picture, the mean of the noise at both ends of a step leads past everything. */
const mostGrowth = 10;

/**
 * Pseudo numerical methods for diffusion models (Liu et al. 2022) in the variant that Stable Diffusion calls PLMS: the noise of up to
 * four steps, combined as Adams and Bashforth do. The first step is done twice, the second time with the mean of the noise at both of its
 * ends, so n steps take n + 1 calls of the network.
 */
export class Pndm implements Sampler {
  readonly timesteps: readonly number[];
  readonly initNoiseSigma = 1;
  readonly stochastic = false;
  private readonly schedule: Schedule;
  private readonly alphas: Float64Array;
  private readonly finalAlpha: number;
  /** The noise of earlier calls, newest first, but for the repeated one. */
  private noises: Tensor[] = [];
  /** Where the first step started from. */
  private start: Tensor | null = null;
  private next = -1;

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    const { spacing = "leading", stepsOffset = 1, finalAlphaOne = false } = options;
    checkSteps("Pndm", schedule, steps);
    checkDiffusion("Pndm", schedule);
    this.schedule = schedule;
    this.alphas = schedule.alphasCumprod;
    const times = spaced(schedule, steps, spacing, stepsOffset).map(rint);
    this.timesteps = steps === 1 ? times : [...times.slice(0, 2), ...times.slice(1)];
    this.finalAlpha = finalAlphaOne ? 1 : this.alphas[0]!;
    const growth = steps === 1 ? 1 : Math.sqrt(this.alphas[times[1]!]! / this.alphas[times[0]!]!);
    if (growth > mostGrowth)
      throw new ArgumentError(
        "Pndm",
        `the first step, from time ${times[0]} to ${times[1]}, makes the sample ${Math.round(growth)} times as large, and would diverge`,
        'Use the spacing "leading", more steps, or another sampler',
      );
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  step(sample: Tensor, output: Tensor, i: number): Step {
    if (i !== this.next) {
      this.noises = [];
      this.start = null;
    }
    this.next = i + 1;
    const alpha = this.alphas[this.timesteps[i]!]!;
    const { original, epsilon } = this.schedule.parts(sample, output, Math.sqrt(alpha), Math.sqrt(1 - alpha));
    if (i === 1) {
      // The first step once more, if it was taken, now with the noise at its end as well.
      const [first] = this.noises;
      if (!first || !this.start) return { previous: sample, original };
      return { previous: this.transfer(this.start, epsilon.add(first).div(2), 0), original };
    }
    if (i === 0) this.start = sample;
    this.noises = [epsilon, ...this.noises.slice(0, 3)];
    return { previous: this.transfer(sample, combined(this.noises), i), original };
  }

  /** Equation (11): from the time of step i to the next along the noise. */
  private transfer(sample: Tensor, epsilon: Tensor, i: number): Tensor {
    const alpha = this.alphas[this.timesteps[i]!]!;
    const before = i + 1 < this.timesteps.length ? this.alphas[this.timesteps[i + 1]!]! : this.finalAlpha;
    const divisor = alpha * Math.sqrt(1 - before) + Math.sqrt(alpha * (1 - alpha) * before);
    return sample.mul(Math.sqrt(before / alpha)).sub(epsilon.mul((before - alpha) / divisor));
  }

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    const alpha = this.alphas[this.timesteps[i]!]!;
    return original.mul(Math.sqrt(alpha)).add(noise.mul(Math.sqrt(1 - alpha)));
  }
}

const weights = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

const combined = (noises: readonly Tensor[]): Tensor =>
  noises.map((noise, k) => noise.mul(weights[noises.length - 1]![k]!)).reduce((a, b) => a.add(b));
