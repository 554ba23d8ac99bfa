/**
 * Random numbers from a counter-based generator, Threefry-2x32 with 20 rounds (Salmon et al. 2011): the same on every
 * device. The functions take a key and are pure, so they work inside `compile`; use each key once and derive others with
 * `split` and `foldIn`. `Generator` keeps a key of its own and offers the methods of NumPy's.
 *
 * Bits are `threefry(key, counter)` alone. Uniform numbers use the top 24 bits of a word (float64: 53 bits of two words).
 * Distributions with an inverse start from a tail probability p in (0, 1/2] and a side (see `tails`): both tails are
 * resolved to 2^-33 (float64: 2^-55). The others reject in a fixed number of rounds, all drawn at once; each says how
 * rarely no round accepts, in which case the mode is returned.
 */

export {
  type CategoricalOptions,
  type ChoiceOptions,
  categorical,
  choice,
  multinomial,
  type PermutationOptions,
  permutation,
  permuted,
} from "./choices.ts";
export {
  beta,
  chisquare,
  dirichlet,
  exponential,
  gamma,
  gumbel,
  type LocationOptions,
  laplace,
  logistic,
  lognormal,
  normal,
  type ScaleOptions,
  standardT,
  type TruncatedNormalOptions,
  truncatedNormal,
  type UniformOptions,
  uniform,
} from "./continuous.ts";
export { bernoulli, binomial, geometric, type IntegersOptions, integers, poisson } from "./discrete.ts";
export { defaultRng, Generator } from "./generator.ts";
export { bits, foldIn, plainFoldIn, type RandomOptions, randomKey, split, threefry2x32 } from "./keys.ts";
