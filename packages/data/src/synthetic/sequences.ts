import type { ArrayData } from "@gradus/tensor/io";
import { checkCount } from "../dataset/batch.ts";
import { allocate } from "../dataset/element.ts";
import { Random } from "../random.ts";

export interface SequenceOptions {
  readonly seed?: number;
  /** Number of steps. */
  readonly length?: number;
}

/** Inputs and targets, along their first axis one sequence each. */
export interface Sequences<Y = ArrayData> {
  readonly x: ArrayData;
  readonly y: Y;
}

/**
 * The adding problem (Hochreiter and Schmidhuber 1997): x, float32 [count, length, 2], holds numbers in [0, 1) and marks,
 * two of which are 1, one in each half; y is the sum of the two marked numbers. Default length 20.
 */
export function addingSequences(count: number, { seed = 0, length = 20 }: SequenceOptions = {}): Sequences<Float32Array> {
  checkCount("addingSequences", count, 0);
  checkCount("addingSequences", length, 2);
  const random = new Random(seed);
  const x = allocate([count, length, 2], "float32");
  const y = new Float32Array(count);
  const half = Math.floor(length / 2);
  for (let i = 0; i < count; i++) {
    const at = 2 * length * i;
    for (let t = 0; t < length; t++) x.data[at + 2 * t] = random.uniform();
    for (const t of [random.integer(half), half + random.integer(length - half)]) {
      x.data[at + 2 * t + 1] = 1;
      y[i]! += x.data[at + 2 * t]!;
    }
  }
  return { x, y };
}

/** Random tokens below `vocabulary` (default 10) and the same backwards: int32 [count, length]. Default length 8. */
export function reversedSequences(
  count: number,
  { seed = 0, length = 8, vocabulary = 10 }: SequenceOptions & { readonly vocabulary?: number } = {},
): Sequences {
  checkCount("reversedSequences", count, 0);
  checkCount("reversedSequences", length);
  checkCount("reversedSequences", vocabulary);
  const random = new Random(seed);
  const x = allocate([count, length], "int32");
  const y = allocate([count, length], "int32");
  for (let i = 0; i < count; i++)
    for (let t = 0; t < length; t++) {
      const token = random.integer(vocabulary);
      x.data[i * length + t] = token;
      y.data[(i + 1) * length - 1 - t] = token;
    }
  return { x, y };
}

/**
 * Sine waves of random phase and period (8 to 32 steps) with noise: x, float32 [count, length, 1], and the value that
 * follows, y, float32 [count, 1]. Default length 32, noise 0.05.
 * @example
 * sineWaves(2, { seed: 1 })
 */
export function sineWaves(
  count: number,
  { seed = 0, length = 32, noise = 0.05 }: SequenceOptions & { readonly noise?: number } = {},
): Sequences {
  checkCount("sineWaves", count, 0);
  checkCount("sineWaves", length);
  const random = new Random(seed);
  const x = allocate([count, length, 1], "float32");
  const y = allocate([count, 1], "float32");
  for (let i = 0; i < count; i++) {
    const [phase, period] = [random.uniform(0, 2 * Math.PI), random.uniform(8, 32)];
    const value = (t: number) => Math.sin(phase + (2 * Math.PI * t) / period) + noise * random.normal();
    for (let t = 0; t < length; t++) x.data[i * length + t] = value(t);
    y.data[i] = value(length);
  }
  return { x, y };
}
