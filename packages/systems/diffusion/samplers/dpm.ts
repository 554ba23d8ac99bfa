import type { Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { levelsAt } from "./noise-levels.ts";
import { checkDiffusion, checkSteps, History, rint, type Sampler, type SamplerOptions, type Step, spaced } from "./sampler.ts";

/**
 * DPM-Solver++ of second order, multistep (Lu et al. 2022, "DPM-Solver++", algorithm 2): solves exactly what is linear in the equation
 * for x, and continues x₀ by the last two steps. The first step and the last, which ends without noise, are of first order.
 */
export class DpmSolver implements Sampler {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  readonly initNoiseSigma = 1;
  readonly stochastic = false;
  private readonly schedule: Schedule;
  private readonly history = new History<Tensor>(2);

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    const { spacing = "linspace", stepsOffset = 1, karras = false } = options;
    checkSteps("DpmSolver", schedule, steps, schedule.steps - 1);
    checkDiffusion("DpmSolver", schedule);
    this.schedule = schedule;
    // Times as for one step more, without the last: the solver's own end is no noise at all.
    const open = spacing !== "trailing" && steps > 1;
    const times = spaced(schedule, open ? steps + 1 : steps, spacing, stepsOffset)
      .slice(0, steps)
      .map(rint);
    const levels = levelsAt(schedule, karras ? [schedule.steps - 1, 0] : times, steps, karras);
    this.sigmas = levels.sigmas;
    this.timesteps = levels.timesteps.map(rint);
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  /** Equation (9) with x₀ alone, or continued by D₁: with λ = log(α / σ), h the step in it and r what the step before was of h. */
  step(sample: Tensor, output: Tensor, i: number): Step {
    const [from, to] = [shares(this.sigmas[i]!), shares(this.sigmas[i + 1]!)];
    const { original } = this.schedule.parts(sample, output, from.alpha, from.sigma);
    const [current, before] = this.history.push(i, original);
    const h = to.lambda - from.lambda;
    const factor = -to.alpha * Math.expm1(-h); // h is infinite in the last step, and e⁻ʰ 0
    let estimate = current!;
    if (before && i + 1 < this.timesteps.length) {
      const r = (from.lambda - shares(this.sigmas[i - 1]!).lambda) / h;
      estimate = current!.add(current!.sub(before).div(2 * r));
    }
    return { previous: sample.mul(to.sigma / from.sigma).add(estimate.mul(factor)), original };
  }

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    const { alpha, sigma } = shares(this.sigmas[i]!);
    return original.mul(alpha).add(noise.mul(sigma));
  }
}

/** α and σ with α² + σ² = 1 by the noise level σ / α, and λ. */
function shares(level: number): { readonly alpha: number; readonly sigma: number; readonly lambda: number } {
  const alpha = 1 / Math.sqrt(level ** 2 + 1);
  return { alpha, sigma: level * alpha, lambda: -Math.log(level) };
}
