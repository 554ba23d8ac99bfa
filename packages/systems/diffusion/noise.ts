import { concat, random, randomKey, scope, type Tensor } from "@gradus/tensor";

/** Noise for each picture by its own seed, `seed`, `seed + 1`, ..: [count, ...shape]. Streams of one seed are independent of each other. */
export function noiseOf(seed: number, count: number, shape: readonly number[], stream: number): Tensor {
  return scope(() =>
    concat(Array.from({ length: count }, (_, k) => random.normal(random.foldIn(randomKey(seed + k), stream), [1, ...shape]))),
  );
}
