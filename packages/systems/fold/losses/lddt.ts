import { eye, softmaxCrossEntropy, sqrt, stopGradient, sum, type Tensor } from "@gradus/tensor";
import { maskedMean, pairs } from "./masked.ts";

/** How far apart atoms may truly be to count, in ångström. */
const CUTOFF = 15;

const distances = (x: Tensor): Tensor => sqrt(sum(x.expandDims({ axis: 1 }).sub(x).square(), { axis: -1 }).add(1e-10));

/**
 * lDDT of CA atoms, 0 to 1: of the true distances up to 15 Å, the share that the prediction keeps to within 0.5, 1, 2 and 4 Å, of each
 * residue [r] or (`whole`) of all together []. Positions [r, 3], mask [r]. Without a gradient.
 */
export function lddtCa(predicted: Tensor, truth: Tensor, mask: Tensor, { whole = false } = {}): Tensor {
  const [found, real] = [distances(predicted), distances(truth)];
  const counted = real
    .less(CUTOFF)
    .astype(mask.dtype)
    .mul(pairs(mask))
    .mul(eye(mask.shape[0]!, { dtype: mask.dtype }).neg().add(1));
  const off = found.sub(real).abs();
  const kept = [0.5, 1, 2, 4].map((limit) => off.less(limit).astype(mask.dtype)).reduce((a, b) => a.add(b));
  const axes = whole ? {} : { axis: -1 };
  const share = sum(counted.mul(kept).mul(0.25), axes).add(1e-10);
  return stopGradient(share.div(sum(counted, axes).add(1e-10)));
}

/**
 * Loss of the predicted lDDT (section 1.9.6): logits [r, bins] against the lDDT of the prediction. `counts` [] is 1 for structures of a
 * resolution between 0.1 and 3 Å.
 */
export function plddtLoss(logits: Tensor, predicted: Tensor, truth: Tensor, mask: Tensor, counts: Tensor): Tensor {
  const count = logits.shape.at(-1)!;
  const bin = lddtCa(predicted, truth, mask)
    .mul(count)
    .floor()
    .minimum(count - 1)
    .astype("int32");
  return maskedMean(softmaxCrossEntropy(logits, bin, { reduction: "none" }), mask, 1e-10).mul(counts);
}
