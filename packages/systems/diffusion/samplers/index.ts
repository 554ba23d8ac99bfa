import { ArgumentError } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { Ddim } from "./ddim.ts";
import { Ddpm } from "./ddpm.ts";
import { DpmSolver } from "./dpm.ts";
import { Euler, EulerAncestral } from "./euler.ts";
import { Flow } from "./flow.ts";
import { Lms } from "./lms.ts";
import { Pndm } from "./pndm.ts";
import type { Sampler, SamplerOptions } from "./sampler.ts";

const samplers = {
  ddim: Ddim,
  ddpm: Ddpm,
  "dpm++2m": DpmSolver,
  euler: Euler,
  "euler-ancestral": EulerAncestral,
  flow: Flow,
  lms: Lms,
  pndm: Pndm,
} as const satisfies Record<string, new (schedule: Schedule, steps: number, options?: SamplerOptions) => Sampler>;

export type SamplerName = keyof typeof samplers;

export const samplerNames = Object.keys(samplers) as SamplerName[];

/** A sampler by name, for a schedule and a number of steps. ArgumentError names those there are. */
export function sampler(name: SamplerName, schedule: Schedule, steps: number, options: SamplerOptions = {}): Sampler {
  if (!Object.hasOwn(samplers, name))
    throw new ArgumentError("sampler", `there is no sampler ${JSON.stringify(name)}`, `Use one of ${samplerNames.join(", ")}`);
  return new samplers[name](schedule, steps, options);
}
