import { ArgumentError } from "@gradus/tensor/errors"; // alone, so that workers need not load the engine

/**
 * Random numbers for plain loops: shuffling, augmentation, synthetic data. sfc32 (Doty-Humphrey, PractRand), seeded by a
 * hash of a seed and a path such as epoch and element, so that every element has numbers of its own in whatever order the
 * elements are made. For arrays on the device there is `random` of @gradus/tensor.
 * @example
 * const random = new Random(1);
 * [random.uniform(), random.integer(6), random.normal()]
 */
export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;
  /** The second normal number of a pair. */
  private spare: number | undefined;

  /** Equal seeds and paths give equal numbers. Seed and path are non-negative integers below 2^53. */
  constructor(seed: number, ...path: number[]) {
    for (const n of [seed, ...path]) {
      if (!Number.isSafeInteger(n) || n < 0) throw new ArgumentError("Random", `the seed is ${n}`, "Give an integer from 0 to 2**53 - 1");
      this.a ^= n >>> 0;
      this.b ^= Math.floor(n / 2 ** 32);
      this.counter = (this.counter + 0x9e3779b9) | 0; // [1, 0] and [1] are different paths
      for (let i = 0; i < 12; i++) this.bits();
    }
  }

  /** 32 random bits as a non-negative integer. */
  bits(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + sum) | 0;
    return sum >>> 0;
  }

  /** In [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) * 2 ** -53;
  }

  /** An integer in [0, n), all equally likely; 0 < n <= 2^32. */
  integer(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n); // above it some remainders would come once more often
    for (;;) {
      const x = this.bits();
      if (x < limit) return x % n;
    }
  }

  /** Normal numbers by the polar method (Marsaglia 1964). */
  normal(mean = 0, deviation = 1): number {
    if (this.spare !== undefined) {
      const kept = this.spare;
      this.spare = undefined;
      return mean + deviation * kept;
    }
    for (;;) {
      const [u, v] = [this.uniform(-1, 1), this.uniform(-1, 1)];
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.spare = v * scale;
      return mean + deviation * u * scale;
    }
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Puts a list in random order, in place (Fisher-Yates). */
  shuffle<A extends { length: number; [i: number]: unknown }>(list: A): A {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = list[i];
      list[i] = list[j];
      list[j] = kept;
    }
    return list;
  }
}
