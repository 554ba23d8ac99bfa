import { ArgumentError, ShapeError } from "@gradus/tensor";
import { countOf, fit, type Points, type RigidMotion, squaredDistance } from "./superpose.ts";

export interface TmScoreOptions {
  /** Points that are known on both sides, 1 or 0 each. Default all. */
  readonly mask?: ArrayLike<number>;
  /** Residues of the reference, by which the score is normalised. Default the number of points that count. */
  readonly length?: number;
}

export interface TmScore {
  /** 0 to 1; above 0.5 two structures have the same fold. */
  readonly score: number;
  /** The motion of the prediction that gives it. */
  readonly motion: RigidMotion;
}

/** Where a distance counts one half, by the length of the reference: d0 of Zhang and Skolnick 2004, at least 0.5 Å. */
export const tmScale = (length: number): number => (length > 15 ? Math.max(0.5, 1.24 * Math.cbrt(length - 15) - 1.8) : 0.5);

/**
 * TM-score of Cα positions with given correspondence (Zhang and Skolnick 2004): the mean over the reference of 1 / (1 + (d / d0)²) at the
 * superposition where that is largest. As in the authors' program, the search starts from pieces of all lengths at all places (beyond 1000
 * residues at every second, third, ...).
 */
export function tmScore(predicted: Points, reference: Points, { mask, length }: TmScoreOptions = {}): TmScore {
  const search = new Search("tmScore", predicted, reference, mask);
  length ??= search.count;
  if (!(Number.isInteger(length) && length >= search.count))
    throw new ArgumentError(
      "tmScore",
      `the length is ${length} with ${search.count} residues compared`,
      "Give the residues of the reference",
    );
  const d0 = tmScale(length);
  let best: TmScore | undefined;
  search.run(d0, (motion, squared) => {
    let sum = 0;
    for (const d2 of squared) sum += 1 / (1 + d2 / (d0 * d0));
    if (!best || sum / length > best.score) best = { score: sum / length, motion };
  });
  return best!;
}

/**
 * GDT-TS of Cα positions with given correspondence (Zemla 2003): the share of the reference within 1, 2, 4 and 8 Å, each at the superposition
 * where it is largest, averaged.
 */
export function gdtTs(predicted: Points, reference: Points, { mask, length }: TmScoreOptions = {}): number {
  const search = new Search("gdtTs", predicted, reference, mask);
  length ??= search.count;
  if (!(Number.isInteger(length) && length >= search.count))
    throw new ArgumentError(
      "gdtTs",
      `the length is ${length} with ${search.count} residues compared`,
      "Give the residues of the reference",
    );
  const most = [0, 0, 0, 0];
  search.run(tmScale(length), (_motion, squared) => {
    for (let k = 0; k < 4; k++) {
      const limit = 4 ** k;
      let within = 0;
      for (const d2 of squared) within += +(d2 <= limit);
      most[k] = Math.max(most[k]!, within);
    }
  });
  return most.reduce((a, b) => a + b, 0) / (4 * length);
}

/** Goes through superpositions of two lists of points, each found from a piece and then from what lies close. */
class Search {
  readonly count: number;
  private readonly moving: Float64Array;
  private readonly fixed: Float64Array;

  constructor(operation: string, predicted: Points, reference: Points, mask: ArrayLike<number> | undefined) {
    const n = countOf(operation, predicted, reference);
    if (mask && mask.length !== n) throw new ShapeError(operation, `the mask has ${mask.length} entries for ${n} points`);
    const chosen = Array.from({ length: n }, (_, i) => i).filter((i) => !mask || mask[i]! > 0);
    this.count = chosen.length;
    if (this.count < 3) throw new ArgumentError(operation, `${this.count} residues have positions in both structures`, "Three are needed");
    const pick = (points: Points): Float64Array =>
      Float64Array.from({ length: 3 * chosen.length }, (_, k) => points[3 * chosen[Math.floor(k / 3)]! + (k % 3)]!);
    this.moving = pick(predicted);
    this.fixed = pick(reference);
    const usable = (x: number): boolean => Math.abs(x) < 1e6;
    if (!(this.moving.every(usable) && this.fixed.every(usable)))
      throw new ArgumentError(operation, "some coordinates are no places in ångström", "Leave them out with a mask");
  }

  /** Calls `visit` with every superposition and the squared distances in it. */
  run(d0: number, visit: (motion: RigidMotion, squared: Float64Array) => void): void {
    const { count, moving, fixed } = this;
    // As in the authors' program: what is nearer than this is superposed anew.
    const near = Math.min(8, Math.max(4.5, d0));
    const chosen = new Int32Array(count);
    const before = new Int32Array(count);
    const squared = new Float64Array(count);
    // Of very long chains not every place, which would take minutes.
    const step = Math.max(1, Math.floor(count / 500));
    for (const length of pieces(count))
      for (let start = 0; start + length <= count; start += step) {
        let size = length;
        for (let k = 0; k < length; k++) chosen[k] = start + k;
        let sizeBefore = -1;
        for (let round = 0; round <= 20; round++) {
          const motion = fit(moving, fixed, chosen, size);
          for (let i = 0; i < count; i++) squared[i] = squaredDistance(motion, moving, fixed, i);
          visit(motion, squared);
          before.set(chosen);
          sizeBefore = size;
          // Stricter after the first piece than later; by steps of half an ångström as wide as three points need.
          const limit = round === 0 ? near - 1 : near + 1;
          const third = Math.sqrt(thirdSmallest(squared));
          const wide = third < limit ? limit : limit + 0.5 * (Math.floor((third - limit) / 0.5) + 1);
          size = 0;
          for (let i = 0; i < count; i++) if (squared[i]! < wide * wide) chosen[size++] = i;
          if (size === sizeBefore && equal(chosen, before, size)) break;
        }
      }
  }
}

/** Lengths of pieces to start from: all, a half, a quarter, ... of at least 4 residues. */
function pieces(count: number): number[] {
  const least = Math.min(4, count);
  const lengths: number[] = [];
  for (let k = 0; k < 5 && Math.floor(count / 2 ** k) > least; k++) lengths.push(Math.floor(count / 2 ** k));
  return [...lengths, least];
}

function thirdSmallest(values: Float64Array): number {
  let [a, b, c] = [Infinity, Infinity, Infinity];
  for (const x of values)
    if (x < a) [a, b, c] = [x, a, b];
    else if (x < b) [b, c] = [x, b];
    else if (x < c) c = x;
  return c;
}

function equal(a: Int32Array, b: Int32Array, n: number): boolean {
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return false;
  return true;
}
