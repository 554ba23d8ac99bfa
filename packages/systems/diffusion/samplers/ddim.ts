import { ArgumentError, type Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { checkDiffusion, checkSteps, needNoise, rint, type Sampler, type SamplerOptions, type Step, spaced } from "./sampler.ts";

/** Denoising diffusion implicit models (Song et al. 2021): each step takes the picture and the noise apart and puts less of it back. */
export class Ddim implements Sampler {
  readonly timesteps: readonly number[];
  readonly initNoiseSigma = 1;
  readonly stochastic: boolean;
  private readonly schedule: Schedule;
  private readonly alphas: Float64Array;
  private readonly eta: number;
  private readonly finalAlpha: number;

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    const { spacing = "leading", stepsOffset = 1, finalAlphaOne = false, eta = 0 } = options;
    checkSteps("Ddim", schedule, steps);
    checkDiffusion("Ddim", schedule);
    if (!(eta >= 0 && eta <= 1)) throw new ArgumentError("Ddim", `eta is ${eta}`, "Give a number from 0 (no noise) to 1 (as much as DDPM)");
    this.schedule = schedule;
    this.alphas = schedule.alphasCumprod;
    this.timesteps = spaced(schedule, steps, spacing, stepsOffset).map(rint);
    this.finalAlpha = finalAlphaOne ? 1 : this.alphas[0]!;
    this.eta = eta;
    this.stochastic = eta > 0;
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  /** Equation (12): x_{t-1} = √ᾱ_{t-1} x₀ + √(1 - ᾱ_{t-1} - σ²) ε + σ noise, σ by equation (16). */
  step(sample: Tensor, output: Tensor, i: number, noise?: Tensor): Step {
    const alpha = this.alphas[this.timesteps[i]!]!;
    // To the next of the times: diffusers goes so-many times down, which misses them where the spacing is not `leading`.
    const before = i + 1 < this.timesteps.length ? this.alphas[this.timesteps[i + 1]!]! : this.finalAlpha;
    const sigma = this.eta * Math.sqrt(((1 - before) / (1 - alpha)) * (1 - alpha / before));
    const { original, epsilon } = this.schedule.parts(sample, output, Math.sqrt(alpha), Math.sqrt(1 - alpha));
    const previous = original.mul(Math.sqrt(before)).add(epsilon.mul(Math.sqrt(Math.max(0, 1 - before - sigma ** 2))));
    return { previous: this.stochastic ? previous.add(needNoise("Ddim", noise).mul(sigma)) : previous, original };
  }

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    const alpha = this.alphas[this.timesteps[i]!]!;
    return original.mul(Math.sqrt(alpha)).add(noise.mul(Math.sqrt(1 - alpha)));
  }
}
