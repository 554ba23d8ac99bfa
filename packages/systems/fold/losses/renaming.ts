import { sqrt, sum, type Tensor, where } from "@gradus/tensor";
import type { TrueAtoms } from "../network/truth.ts";

/** True atoms [r, 14, 3] under the names that fit a prediction better. */
export interface RenamedAtoms {
  readonly positions: Tensor;
  /** [r, 14] */
  readonly exists: Tensor;
  /** 1 for residues whose alternative names were taken: [r]. */
  readonly alternative: Tensor;
}

/**
 * Algorithm 26: of names that are a matter of convention (such as OD1 and OD2 of aspartate) those are taken under which distances to
 * atoms with certain names come closer to the prediction's. Predicted atoms [r, 14, 3].
 */
export function renameSymmetricAtoms(predicted: Tensor, truth: TrueAtoms): RenamedAtoms {
  const [residues] = predicted.shape as [number];
  const flat = (x: Tensor): Tensor => x.reshape([14 * residues, 3]);
  const distances = (from: Tensor, to: Tensor): Tensor =>
    sqrt(sum(flat(from).expandDims({ axis: 1 }).sub(flat(to)).square(), { axis: -1 }).add(1e-10));
  const found = distances(predicted, predicted);
  const certain = truth.exists.mul(truth.ambiguous.neg().add(1)).reshape([14 * residues]);
  const uncertain = truth.exists.mul(truth.ambiguous).reshape([14 * residues, 1]);
  const off = (positions: Tensor): Tensor => {
    const difference = sqrt(found.sub(distances(positions, truth.positions)).square().add(1e-10));
    return sum(difference.mul(certain).mul(uncertain).reshape([residues, -1]), { axis: 1 });
  };
  const better = off(truth.alternativePositions).less(off(truth.positions));
  return {
    positions: where(better.reshape([residues, 1, 1]), truth.alternativePositions, truth.positions),
    exists: where(better.expandDims({ axis: 1 }), truth.alternativeExists, truth.exists),
    alternative: better.astype(predicted.dtype),
  };
}
