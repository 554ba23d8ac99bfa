import type { Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { NoiseLevelSampler } from "./noise-levels.ts";
import { needNoise, type SamplerOptions, type Step } from "./sampler.ts";

/** Euler's method on dx / dσ = ε (Karras et al. 2022, algorithm 1 without its second order). */
export class Euler extends NoiseLevelSampler {
  readonly stochastic = false;

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    super("Euler", schedule, steps, options);
  }

  step(sample: Tensor, output: Tensor, i: number): Step {
    const { original, epsilon } = this.parts(sample, output, i);
    return { previous: sample.add(epsilon.mul(this.sigmas[i + 1]! - this.sigmas[i]!)), original };
  }
}

/** Euler's method that goes down a little too far, and comes back up with fresh noise (as in Crowson's k-diffusion). */
export class EulerAncestral extends NoiseLevelSampler {
  readonly stochastic = true;

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    super("EulerAncestral", schedule, steps, options);
  }

  step(sample: Tensor, output: Tensor, i: number, noise?: Tensor): Step {
    const [from, to] = [this.sigmas[i]!, this.sigmas[i + 1]!];
    const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
    const down = Math.sqrt(to ** 2 - up ** 2);
    const { original, epsilon } = this.parts(sample, output, i);
    const lower = sample.add(epsilon.mul(down - from));
    return { previous: to === 0 ? lower : lower.add(needNoise("EulerAncestral", noise).mul(up)), original };
  }
}
