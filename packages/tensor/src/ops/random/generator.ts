import { engine } from "../../graph/engine.ts";
import { Tensor, Variable } from "../../graph/tensor.ts";
import { broadcastShapes } from "../../shape.ts";
import { asTensor, type TensorLike } from "../core.ts";
import {
  type CategoricalOptions,
  type ChoiceOptions,
  categorical,
  choice,
  multinomial,
  type PermutationOptions,
  permutation,
  permuted,
} from "./choices.ts";
import {
  beta,
  chisquare,
  dirichlet,
  exponential,
  gamma,
  gumbel,
  laplace,
  logistic,
  lognormal,
  normal,
  standardT,
  type TruncatedNormalOptions,
  truncatedNormal,
  uniform,
} from "./continuous.ts";
import { bernoulli, binomial, geometric, type IntegersOptions, integers, poisson } from "./discrete.ts";
import { keyNode, type RandomOptions, randomKey, split } from "./keys.ts";

/**
 * Random numbers with the methods of NumPy's Generator: the functions of this module under the same names, with their
 * errors, sizes last. Every call takes a new key from the generator's own, a Variable, so inside `compile` each call of
 * the program draws anew. Default type float32.
 */
export class Generator {
  /** The state: save and assign it to go on from the same place. */
  readonly key: Variable;

  constructor(key: Tensor) {
    this.key = new Variable(keyNode("Generator", key), "random key");
  }

  /** A key not used before; the generator moves on. */
  nextKey(): Tensor {
    const [state, key] = split(this.key);
    this.key.assign(state);
    if (!engine.trace) engine.realise([state.node]); // else a chain of splits would grow from call to call
    return key;
  }

  /** n generators independent of this one and of each other. */
  spawn(n: number): Generator[] {
    return split(this.nextKey(), n).map((key) => new Generator(key));
  }

  /** In [0, 1). */
  random(size: readonly number[] = [], options: RandomOptions = {}): Tensor {
    return uniform(this.nextKey(), size, options);
  }
  /** In [low, high). */
  uniform(low: TensorLike = 0, high: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return uniform(this.nextKey(), size ?? shapeOf(low, high), { ...options, low, high });
  }
  standardNormal(size: readonly number[] = [], options: RandomOptions = {}): Tensor {
    return normal(this.nextKey(), size, options);
  }
  /** Of mean `loc` and standard deviation `scale`. */
  normal(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return normal(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  /** exp of normal numbers of mean `mean` and standard deviation `sigma`. */
  lognormal(mean: TensorLike = 0, sigma: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return lognormal(this.nextKey(), size ?? shapeOf(mean, sigma), { ...options, loc: mean, scale: sigma });
  }
  /** Standard normal within ±2, or options' bounds. */
  truncatedNormal(size: readonly number[] = [], options: TruncatedNormalOptions = {}): Tensor {
    return truncatedNormal(this.nextKey(), size, options);
  }
  exponential(scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return exponential(this.nextKey(), size ?? shapeOf(scale), { ...options, scale });
  }
  laplace(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return laplace(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  logistic(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return logistic(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  gumbel(loc: TensorLike = 0, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return gumbel(this.nextKey(), size ?? shapeOf(loc, scale), { ...options, loc, scale });
  }
  gamma(shape: TensorLike, scale: TensorLike = 1, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return gamma(this.nextKey(), shape, size, { ...options, scale });
  }
  beta(a: TensorLike, b: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return beta(this.nextKey(), a, b, size, options);
  }
  chisquare(df: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return chisquare(this.nextKey(), df, size, options);
  }
  standardT(df: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return standardT(this.nextKey(), df, size, options);
  }
  dirichlet(alpha: TensorLike, size?: readonly number[], options: RandomOptions = {}): Tensor {
    return dirichlet(this.nextKey(), alpha, size, options);
  }
  /** Integers in [low, high), or [0, low) with one bound. */
  integers(low: TensorLike, high?: TensorLike, size?: readonly number[], options: IntegersOptions = {}): Tensor {
    return integers(this.nextKey(), size ?? shapeOf(low, high ?? 0), low, high, options);
  }
  bernoulli(p: TensorLike = 0.5, size?: readonly number[]): Tensor {
    return bernoulli(this.nextKey(), p, size);
  }
  binomial(n: TensorLike, p: TensorLike, size?: readonly number[]): Tensor {
    return binomial(this.nextKey(), n, p, size);
  }
  poisson(lam: TensorLike = 1, size?: readonly number[]): Tensor {
    return poisson(this.nextKey(), lam, size);
  }
  geometric(p: TensorLike, size?: readonly number[]): Tensor {
    return geometric(this.nextKey(), p, size);
  }
  multinomial(n: number, pvals: TensorLike, size: readonly number[] = []): Tensor {
    return multinomial(this.nextKey(), n, pvals, size);
  }
  categorical(logits: TensorLike, options: CategoricalOptions = {}): Tensor {
    return categorical(this.nextKey(), logits, options);
  }
  choice(a: TensorLike, size: readonly number[] = [], options: ChoiceOptions = {}): Tensor {
    return choice(this.nextKey(), a, size, options);
  }
  permutation(x: TensorLike, options: PermutationOptions = {}): Tensor {
    return permutation(this.nextKey(), x, options);
  }
  /** NumPy's `shuffle` as a new array: see also `permutation`, which keeps slices whole. */
  permuted(x: TensorLike, options: PermutationOptions = {}): Tensor {
    return permuted(this.nextKey(), x, options);
  }
}

const shapeOf = (...xs: TensorLike[]): number[] => broadcastShapes("random", ...xs.map((x) => asTensor(x).shape));

/**
 * A generator with a seed or a key, or with a seed from the system's entropy. ArgumentError as for `randomKey`. NumPy's
 * default_rng.
 * @example
 * const rng = defaultRng(1);
 * console.log(rng.normal(0, 1, [3]));
 * rng.integers(0, 10, [5])
 */
export function defaultRng(seed?: number | Tensor): Generator {
  if (seed instanceof Tensor) return new Generator(seed);
  if (seed === undefined) {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
    return new Generator(randomKey((high & 0x1fffff) * 2 ** 32 + low));
  }
  return new Generator(randomKey(seed));
}
