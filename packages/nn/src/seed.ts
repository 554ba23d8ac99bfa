import { Generator, random, type Tensor, type Variable } from "@gradus/tensor";

let state: { seed: number; count: number } | null = null;

/**
 * Makes everything random in networks (initial weights, dropout, shuffling) repeat: same seed, same numbers.
 * @example
 * setRandomSeed(1);
 * new Dense(2)(array([[1, 1]]))
 */
export function setRandomSeed(seed: number): void {
  random.randomKey(seed); // refuses what is no seed
  state = { seed, count: 0 };
}

/** The state, made from chance without `setRandomSeed`. */
function current(): { seed: number; count: number } {
  state ??= { seed: Math.floor(Math.random() * 2 ** 50), count: 0 };
  return state;
}

/** A key nobody else has. Without `setRandomSeed` the first one comes from chance. */
export function nextKey(): Tensor {
  const own = current();
  return random.foldIn(random.randomKey(own.seed), own.count++);
}

/** An unsigned 32-bit seed for plain code, such as the order of examples. */
export function nextSeed(): number {
  const own = current();
  return random.plainFoldIn(own.seed, own.count++);
}

/** Random numbers inside of a layer: a key that moves on at every use, also inside of compiled programs. */
export class SeedGenerator {
  private readonly generator: Generator;

  /** `seed` makes this generator repeat whatever the global seed is. */
  constructor(seed?: number | null) {
    this.generator = new Generator(seed === undefined || seed === null ? nextKey() : random.randomKey(seed));
  }

  /** Save and assign it to go on from the same place. */
  get state(): Variable {
    return this.generator.key;
  }

  next(): Tensor {
    return this.generator.nextKey();
  }
}
