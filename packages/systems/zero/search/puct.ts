import type { Random } from "@gradus/data";
import { dirichlet } from "./noise.ts";
import { most, type Node, type Root, type Strategy } from "./tree.ts";

export interface PuctOptions {
  /** C(s) = log((1 + N(s) + base) / base) + init. Default 19652 and 1.25, the paper's. */
  readonly base?: number;
  readonly init?: number;
  /**
   * Noise at the root, for learning: P(s, a) = (1 - ε) p + ε η with η of a Dirichlet distribution of parameter α (0.3 in chess, 0.15 in
   * shogi, 0.03 in Go: about 10 over the number of moves). Default: none.
   */
  readonly noise?: { readonly alpha: number; readonly fraction: number };
  /** What an edge that was not followed counts as: the paper's 0, or less than its parent's value by this much. */
  readonly reduction?: number;
}

/** AlphaZero's search: the edge with the greatest Q(s, a) + C(s) P(s, a) √N(s) / (1 + N(s, a)). */
export function puct({ base = 19652, init = 1.25, noise, reduction }: PuctOptions = {}): Strategy {
  const select = (node: Node): number => {
    const { visits, total, prior, visited } = node;
    const unvisited = reduction === undefined ? 0 : node.value - reduction;
    const scale = (Math.log((1 + visited + base) / base) + init) * Math.sqrt(Math.max(1, visited));
    let [best, highest] = [0, -Infinity];
    for (let i = 0; i < visits.length; i++) {
      const n = visits[i]!;
      const score = (n ? total[i]! / n : unvisited) + (scale * prior[i]!) / (1 + n);
      if (score > highest) [best, highest] = [i, score];
    }
    return best;
  };
  return { select, begin: (root, _simulations, random) => new VisitCounts(root, select, random, noise) };
}

/** The root of AlphaZero's search, which plays what was followed most often. */
class VisitCounts implements Root {
  private readonly root: Node;
  private readonly rule: (node: Node) => number;
  private readonly random: Random;

  constructor(root: Node, rule: (node: Node) => number, random: Random, noise: PuctOptions["noise"]) {
    this.root = root;
    this.rule = rule;
    this.random = random;
    if (!noise) return;
    const eta = dirichlet(root.actions.length, noise.alpha, random);
    root.prior.forEach((p, i) => {
      root.prior[i] = (1 - noise.fraction) * p + noise.fraction * eta[i]!;
    });
  }

  select(): number {
    return this.rule(this.root);
  }

  target(): Float32Array {
    return Float32Array.from(this.root.visits, (n) => n / this.root.visited);
  }

  /** In proportion to N^(1 / temperature). */
  choose(temperature: number): number {
    const { root } = this;
    if (!(temperature > 0)) return most(root);
    const largest = Math.max(...root.visits);
    const weights = Array.from(root.visits, (n) => (n / largest) ** (1 / temperature));
    let at = this.random.uniform() * weights.reduce((a, b) => a + b, 0);
    for (let i = 0; i < weights.length; i++) {
      at -= weights[i]!;
      if (at < 0 && weights[i]) return i;
    }
    return most(root);
  }
}
