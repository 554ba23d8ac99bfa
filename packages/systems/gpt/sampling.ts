import type { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";

/** How the next token is chosen from what the network says. Steps are taken in this order. */
export interface SamplingOptions {
  /** Logits of tokens that were there before are divided by this where positive, multiplied where negative (Keskar et al. 2019). Default 1. */
  readonly repetitionPenalty?: number;
  /** Logits are divided by it: below 1 likely tokens gain, at 0 the likeliest is taken. Default 1. */
  readonly temperature?: number;
  /** Only so many of the likeliest (Fan et al. 2018). */
  readonly topK?: number;
  /** Only the likeliest that together have this probability (Holtzman et al. 2020). */
  readonly topP?: number;
  /** Only tokens at least this share as likely as the likeliest (Nguyen et al. 2024). */
  readonly minP?: number;
}

/** ArgumentError for numbers that make no sense. */
export function checkSampling(options: SamplingOptions): void {
  const rules: [keyof SamplingOptions, (x: number) => boolean, string][] = [
    ["repetitionPenalty", (x) => x > 0, "Give a positive number; 1 changes nothing"],
    ["temperature", (x) => x >= 0, "Give a number from 0 on"],
    ["topK", (x) => Number.isInteger(x) && x >= 1, "Give a positive integer"],
    ["topP", (x) => x > 0 && x <= 1, "Give a number above 0, up to 1"],
    ["minP", (x) => x >= 0 && x <= 1, "Give a number from 0 to 1"],
  ];
  for (const [name, fits, fix] of rules) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && fits(value))) throw new ArgumentError("generate", `${name} is ${value}`, fix);
  }
}

/** Natural logarithms of the probabilities that logits stand for. */
export function logSoftmax(logits: Float32Array): Float32Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const z of logits) if (z > largest) largest = z;
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - largest);
  const shift = largest + Math.log(sum);
  return logits.map((z) => z - shift);
}

/** The probabilities that the next token is drawn with, [vocabulary]. `before`: tokens that the penalty is for. */
export function distribution(logits: Float32Array, options: SamplingOptions, before: Iterable<number> = []): Float32Array {
  const { repetitionPenalty = 1, temperature = 1, topK, topP = 1, minP = 0 } = options;
  // In 64 bits, which extreme penalties and temperatures do not overflow.
  const z = Float64Array.from(logits);
  if (repetitionPenalty !== 1)
    for (const id of new Set(before)) z[id] = z[id]! > 0 ? z[id]! / repetitionPenalty : z[id]! * repetitionPenalty;
  const best = largestAt(z);
  const top = z[best]!;
  if (temperature === 0) {
    z.fill(0);
    z[best] = 1;
    return Float32Array.from(z);
  }
  for (let i = 0; i < z.length; i++) z[i] = Math.exp((z[i]! - top) / temperature);
  if (topK !== undefined && topK < z.length) {
    dropBelow(z, nthLargest(z, topK));
    // Of equally likely tokens at the border, those that come first stay.
    for (const i of order(z).slice(topK)) z[i] = 0;
  }
  if (topP < 1) keepMass(z, topP);
  dropBelow(z, minP);
  return normalised(z);
}

const largestAt = (z: Float64Array): number => {
  let best = 0;
  for (let i = 1; i < z.length; i++) if (z[i]! > z[best]!) best = i;
  return best;
};

const nthLargest = (z: Float64Array, n: number): number => Float64Array.from(z).sort()[z.length - n]!;

function dropBelow(z: Float64Array, least: number): void {
  for (let i = 0; i < z.length; i++) if (z[i]! < least) z[i] = 0;
}

/** The fewest of the likeliest whose probabilities come to `share`. */
function keepMass(z: Float64Array, share: number): void {
  const total = z.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (const i of order(z)) {
    if (sum >= share * total) z[i] = 0;
    sum += z[i]!;
  }
}

/** Places of what is above zero, largest first. */
function order(z: Float32Array | Float64Array): number[] {
  const places: number[] = [];
  for (let i = 0; i < z.length; i++) if (z[i]! > 0) places.push(i);
  return places.sort((a, b) => z[b]! - z[a]! || a - b);
}

/** Divides weights by their sum. */
export function normalised(weights: Float32Array | Float64Array): Float32Array {
  let sum = 0;
  for (const w of weights) sum += w;
  return Float32Array.from(weights, (w) => w / sum);
}

/** A place drawn with these probabilities. */
export function draw(probabilities: Float32Array, random: Random): number {
  let left = random.uniform();
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    left -= probabilities[i]!;
    if (left < 0) return i;
    last = i; // sums of float32 may fall short of 1
  }
  return last;
}

/** The likeliest places, best first. */
export function likeliest(probabilities: Float32Array, count: number): number[] {
  return order(probabilities).slice(0, count);
}
