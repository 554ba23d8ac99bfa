import { ShapeError } from "@gradus/tensor";
import { countOf, type Points } from "./superpose.ts";

export interface LddtOptions {
  /** Points that are known on both sides, 1 or 0 each. Default all. */
  readonly mask?: ArrayLike<number>;
  /** Distances of the reference below this count, in ångström. Default 15. */
  readonly cutoff?: number;
}

export interface Lddt {
  /** Share of all distances that are kept, 0 to 1. */
  readonly score: number;
  /** The same for the distances of each point; 0 where a point has none or is masked. */
  readonly perResidue: Float64Array;
}

/**
 * Local distance difference test without superposition (Mariani et al. 2013; AlphaFold's supplement, section 1.9.6): of the distances between
 * points of the reference below 15 Å, the share that the prediction has to within 0.5, 1, 2 and 4 Å, averaged over the four. With
 * Cα positions it is lDDT-Cα.
 */
export function lddt(predicted: Points, reference: Points, { mask, cutoff = 15 }: LddtOptions = {}): Lddt {
  const n = countOf("lddt", predicted, reference);
  if (mask && mask.length !== n) throw new ShapeError("lddt", `the mask has ${mask.length} entries for ${n} points`);
  const kept = new Float64Array(n);
  const counted = new Float64Array(n);
  const known = (i: number): boolean => !mask || mask[i]! > 0;
  for (let i = 0; i < n; i++) {
    if (!known(i)) continue;
    for (let j = i + 1; j < n; j++) {
      if (!known(j)) continue;
      const expected = distance(reference, i, j);
      if (!(expected < cutoff)) continue;
      const error = Math.abs(distance(predicted, i, j) - expected);
      const share = (+(error < 0.5) + +(error < 1) + +(error < 2) + +(error < 4)) / 4;
      kept[i]! += share;
      kept[j]! += share;
      counted[i]! += 1;
      counted[j]! += 1;
    }
  }
  const sum = (list: Float64Array): number => list.reduce((a, b) => a + b, 0);
  return { score: sum(kept) / Math.max(sum(counted), 1), perResidue: kept.map((x, i) => x / Math.max(counted[i]!, 1)) };
}

const distance = (p: Points, i: number, j: number): number =>
  Math.hypot(p[3 * i]! - p[3 * j]!, p[3 * i + 1]! - p[3 * j + 1]!, p[3 * i + 2]! - p[3 * j + 2]!);
