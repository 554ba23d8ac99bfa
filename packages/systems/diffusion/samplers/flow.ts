import { ArgumentError, type Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { checkSteps, type Sampler, type Step } from "./sampler.ts";

/** Euler's method on a rectified flow (Liu et al. 2023, equation 1): straight ahead, from noise to the picture. */
export class Flow implements Sampler {
  readonly timesteps: readonly number[];
  /** Shares of noise, from 1 to 0. */
  readonly sigmas: readonly number[];
  readonly initNoiseSigma = 1;
  readonly stochastic = false;
  private readonly schedule: Schedule;

  constructor(schedule: Schedule, steps: number) {
    checkSteps("Flow", schedule, steps);
    if (schedule.kind !== "flow") throw new ArgumentError("Flow", `the schedule is ${schedule.kind}`, `Use a schedule of the kind "flow"`);
    this.schedule = schedule;
    // Even in time, from the last of the schedule's times to where t = -1 would have no noise.
    this.timesteps = Array.from({ length: steps }, (_, i) => schedule.steps * (1 - i / steps) - 1);
    this.sigmas = [...this.timesteps.map((t) => schedule.flowNoise(t)), 0];
  }

  scaleModelInput(sample: Tensor): Tensor {
    return sample;
  }

  step(sample: Tensor, output: Tensor, i: number): Step {
    const [from, to] = [this.sigmas[i]!, this.sigmas[i + 1]!];
    const { original, epsilon } = this.schedule.parts(sample, output, 1 - from, from);
    return { previous: sample.add(epsilon.sub(original).mul(to - from)), original };
  }

  addNoise(original: Tensor, noise: Tensor, i: number): Tensor {
    const sigma = this.sigmas[i]!;
    return original.mul(1 - sigma).add(noise.mul(sigma));
  }
}
