import { Generator, random, type Tensor, type Variable } from "@gradus/tensor";

let state: { key: Tensor; count: number } | null = null;

/** Makes everything random in networks (initial weights, dropout, shuffling) repeat: same seed, same numbers. */
export function setRandomSeed(seed: number): void {
  state = { key: random.randomKey(seed), count: 0 };
}

/** A key nobody else has. Without `setRandomSeed` the first one comes from chance. */
export function nextKey(): Tensor {
  state ??= { key: random.randomKey(Math.floor(Math.random() * 2 ** 50)), count: 0 };
  return random.foldIn(state.key, state.count++);
}

/** An unsigned 32-bit seed for plain code, such as the order of examples. */
export function nextSeed(): number {
  return nextKey().dataSync()[0] as number;
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
