import type { Tensor } from "@gradus/tensor";
import type { Schedule } from "../schedule.ts";
import { NoiseLevelSampler } from "./noise-levels.ts";
import { History, type SamplerOptions, type Step } from "./sampler.ts";

const order = 4;

/** Linear multistep (Adams and Bashforth): the derivatives of up to four steps, continued by the polynomial through them. */
export class Lms extends NoiseLevelSampler {
  readonly stochastic = false;
  private readonly history = new History<Tensor>(order);

  constructor(schedule: Schedule, steps: number, options: SamplerOptions = {}) {
    super("Lms", schedule, steps, options);
  }

  step(sample: Tensor, output: Tensor, i: number): Step {
    const { original, epsilon } = this.parts(sample, output, i);
    const derivatives = this.history.push(i, epsilon);
    const nodes = derivatives.map((_, k) => this.sigmas[i - k]!);
    const previous = derivatives.reduce((x, d, k) => x.add(d.mul(integral(nodes, k, nodes[0]!, this.sigmas[i + 1]!))), sample);
    return { previous, original };
  }
}

/** From a to b, of the polynomial that is 1 at node k and 0 at the others: by two Gauss points, exact up to degree 3. */
function integral(nodes: readonly number[], k: number, a: number, b: number): number {
  const value = (x: number): number => nodes.reduce((p, node, j) => (j === k ? p : (p * (x - node)) / (nodes[k]! - node)), 1);
  const [middle, half] = [(a + b) / 2, (b - a) / 2];
  const offset = half / Math.sqrt(3);
  return half * (value(middle - offset) + value(middle + offset));
}
