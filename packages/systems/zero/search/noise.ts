import type { Random } from "@gradus/data";

/** A number of the gamma distribution with this shape and scale 1 (Marsaglia and Tsang 2000). */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * random.uniform() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Shares that add up to 1, of the symmetric Dirichlet distribution: a small alpha favours few of them. */
export function dirichlet(count: number, alpha: number, random: Random): Float64Array {
  const parts = Float64Array.from({ length: count }, () => gamma(alpha, random));
  const sum = parts.reduce((a, b) => a + b, 0);
  // With a tiny alpha all parts may be too small to be told from 0.
  return sum > 0 ? parts.map((x) => x / sum) : parts.map((_, i) => Number(i === 0));
}

/** A number of the standard Gumbel distribution. */
export const gumbelNoise = (random: Random): number => -Math.log(-Math.log(1 - random.uniform() || Number.MIN_VALUE) || Number.MIN_VALUE);
