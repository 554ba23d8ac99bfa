import type { Random } from "@gradus/data";
import { gumbelNoise } from "./noise.ts";
import { meanOf, type Node, type Root, type Strategy, softmax } from "./tree.ts";

export interface GumbelOptions {
  /** m: moves that are considered at the root. Default 16. */
  readonly considered?: number;
  /** σ(q) = (c_visit + max N) c_scale q, section 3.4, with q from 0 to 1. Default 50 and 1. */
  readonly visit?: number;
  readonly scale?: number;
  /** Chance at the root: 1 for learning, 0 to play what is best. Default 1. */
  readonly noise?: 0 | 1;
}

/**
 * Search of Gumbel AlphaZero (Danihelka and others 2022): moves to consider are drawn without replacement, and simulations shared out
 * among them by sequential halving, so that few simulations already improve the policy (sections 2 and 3; below the root, section 5).
 */
export function gumbel({ considered = 16, visit = 50, scale = 1, noise = 1 }: GumbelOptions = {}): Strategy {
  /** σ of the completed values of all edges. */
  const sigma = (node: Node): Float32Array => {
    const factor = (visit + node.visits.reduce((a, b) => Math.max(a, b), 0)) * scale;
    const mixed = mixedValue(node);
    return Float32Array.from(node.visits, (_, i) => (factor * (meanOf(node, i, mixed) + 1)) / 2);
  };
  /** π' = softmax(logits + σ(completed q)), equation 11. */
  const improved = (node: Node): Float32Array => {
    const shift = sigma(node);
    return softmax(node.logits.map((logit, i) => logit + shift[i]!));
  };
  /** Equation 14: the edge whose share of the visits lags behind its probability most. */
  const select = (node: Node): number => {
    const policy = improved(node);
    let [best, highest] = [0, -Infinity];
    for (let i = 0; i < policy.length; i++) {
      const lag = policy[i]! - node.visits[i]! / (1 + node.visited);
      if (lag > highest) [best, highest] = [i, lag];
    }
    return best;
  };
  return {
    // Halving counts visits from the first simulation on.
    startsOver: true,
    select,
    begin: (root, simulations, random) => new SequentialHalving(root, simulations, { considered, noise, sigma, improved }, random),
  };
}

/** Equation 33: the network's value and those found, mixed, for edges that were not followed. */
function mixedValue({ value, prior, visits, total, visited }: Node): number {
  let [mass, sum] = [0, 0];
  for (let i = 0; i < visits.length; i++)
    if (visits[i]) {
      mass += prior[i]!;
      sum += (prior[i]! * total[i]!) / visits[i]!;
    }
  return mass > 0 ? (value + (visited * sum) / mass) / (1 + visited) : value;
}

/**
 * How often the move that is followed next has been followed before, for each of n simulations, when they are shared out among m moves:
 * log2(m) rounds, each with the better half of the round before (section 2, figure 1).
 */
export function halvingSchedule(m: number, n: number): number[] {
  if (m <= 1) return Array.from({ length: n }, (_, i) => i);
  const rounds = Math.ceil(Math.log2(m));
  const schedule: number[] = [];
  const visits = new Array<number>(m).fill(0);
  let left = m;
  while (schedule.length < n) {
    const extra = Math.max(1, Math.floor(n / (rounds * left)));
    for (let k = 0; k < extra; k++) {
      schedule.push(...visits.slice(0, left));
      for (let i = 0; i < left; i++) visits[i]!++;
    }
    left = Math.max(2, left >> 1);
  }
  return schedule.slice(0, n);
}

interface Rules {
  readonly considered: number;
  readonly noise: 0 | 1;
  sigma(node: Node): Float32Array;
  improved(node: Node): Float32Array;
}

class SequentialHalving implements Root {
  private readonly root: Node;
  private readonly rules: Rules;
  /** g(a) + logits(a). */
  private readonly scores: Float32Array;
  private readonly schedule: readonly number[];
  private readonly random: Random;

  constructor(root: Node, simulations: number, rules: Rules, random: Random) {
    this.root = root;
    this.rules = rules;
    this.random = random;
    this.scores = root.logits.map((logit) => logit + rules.noise * gumbelNoise(random));
    this.schedule = halvingSchedule(Math.min(rules.considered, simulations, root.actions.length), simulations);
  }

  select(): number {
    return this.best(this.schedule[this.root.visited] ?? Math.max(...this.root.visits));
  }

  /** The best score, values included, among the moves that were followed so often; where there is none, among all. */
  private best(visits: number): number {
    const { root, scores } = this;
    const shift = this.rules.sigma(root);
    let [best, highest] = [-1, -Infinity];
    for (const strict of [true, false]) {
      for (let i = 0; i < scores.length; i++) {
        const score = scores[i]! + shift[i]!;
        if ((!strict || root.visits[i] === visits) && score > highest) [best, highest] = [i, score];
      }
      if (best >= 0) break;
    }
    return best;
  }

  target(): Float32Array {
    return this.rules.improved(this.root);
  }

  /** The best of those followed most often. A temperature above 0 draws from the improved policy. */
  choose(temperature: number): number {
    if (!(temperature > 0)) return this.best(Math.max(...this.root.visits));
    const policy = softmax(Array.from(this.target(), (p) => Math.log(p + 1e-30) / temperature));
    let at = this.random.uniform();
    for (let i = 0; i < policy.length; i++) {
      at -= policy[i]!;
      if (at < 0) return i;
    }
    return policy.indexOf(Math.max(...policy));
  }
}
