import type { Tensor } from "@gradus/tensor";
import type { Parts, Schedule } from "../schedule.ts";
import { checkDiffusion, checkSteps, type Sampler, type SamplerOptions, type Step, spaced } from "./sampler.ts";

/** Noise levels that a sampler passes, the last one 0, and the times that the network knows them by. */
export interface NoiseLevels {
  readonly sigmas: readonly number[];
  readonly timesteps: readonly number[];
}

/** σ at a time that may lie between two of the schedule's. */
export function sigmaAt(sigmas: Float64Array, t: number): number {
  const low = Math.min(Math.floor(t), sigmas.length - 1);
  const high = Math.min(low + 1, sigmas.length - 1);
  return sigmas[low]! + (t - low) * (sigmas[high]! - sigmas[low]!);
}

/** The time of a noise level, between the schedule's levels by their logarithms. */
function timeOf(sigmas: Float64Array, sigma: number): number {
  const last = sigmas.length - 2;
  const found = sigmas.findLastIndex((s) => s <= sigma);
  const low = Math.min(Math.max(found, 0), last);
  const [a, b] = [Math.log(sigmas[low]!), Math.log(sigmas[low + 1]!)];
  return low + Math.min(1, Math.max(0, (Math.log(sigma) - a) / (b - a)));
}

/** Karras et al. 2022, equation (5) with ρ = 7: `count` levels between the ends of others. */
export function karras(levels: readonly number[], count: number): number[] {
  const [first, last] = [levels[0]! ** (1 / 7), levels.at(-1)! ** (1 / 7)];
  return Array.from({ length: count }, (_, i) => (first + (count === 1 ? 0 : (i / (count - 1)) * (last - first))) ** 7);
}

/** The levels at given times, or Karras's between the same ends. */
export function levelsAt(schedule: Schedule, timesteps: readonly number[], count: number, useKarras: boolean): NoiseLevels {
  const table = schedule.sigmas;
  const plain = timesteps.map((t) => sigmaAt(table, t));
  if (!useKarras) return { sigmas: [...plain, 0], timesteps };
  const sigmas = karras(plain, count);
  return { sigmas: [...sigmas, 0], timesteps: sigmas.map((s) => timeOf(table, s)) };
}

/** Samplers whose sample is x₀ + σ ε, the noise growing while the picture stays as it is (Karras et al. 2022). */
export abstract class NoiseLevelSampler implements Sampler {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  readonly initNoiseSigma: number;
  abstract readonly stochastic: boolean;
  private readonly schedule: Schedule;

  constructor(operation: string, schedule: Schedule, steps: number, options: SamplerOptions) {
    const { spacing = "linspace", stepsOffset = 1, karras: useKarras = false } = options;
    checkSteps(operation, schedule, steps);
    checkDiffusion(operation, schedule);
    this.schedule = schedule;
    const levels = levelsAt(schedule, spaced(schedule, steps, spacing, stepsOffset), steps, useKarras);
    this.timesteps = levels.timesteps;
    this.sigmas = levels.sigmas;
    const most = Math.max(...this.sigmas);
    this.initNoiseSigma = spacing === "leading" ? Math.sqrt(most ** 2 + 1) : most;
  }

  scaleModelInput(sample: Tensor, i: number): Tensor {
    return sample.div(Math.sqrt(this.sigmas[i]! ** 2 + 1));
  }

  abstract step(sample: Tensor, output: Tensor, i: number, noise?: Tensor): Step;

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    return original.add(noise.mul(this.sigmas[i]!));
  }

  /** x₀ and ε = dx / dσ, the derivative that the solvers follow. */
  protected parts(sample: Tensor, output: Tensor, i: number): Parts {
    const sigma = this.sigmas[i]!;
    const alpha = 1 / Math.sqrt(sigma ** 2 + 1);
    const { epsilon } = this.schedule.parts(this.scaleModelInput(sample, i), output, alpha, alpha * sigma);
    return { original: sample.sub(epsilon.mul(sigma)), epsilon };
  }
}
