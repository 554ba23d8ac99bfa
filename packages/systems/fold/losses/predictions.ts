import { array, sigmoidCrossEntropy, softmaxCrossEntropy, stopGradient, sum, type Tensor } from "@gradus/tensor";
import { applyInverse, at, type Frames } from "../network/frames.ts";
import { distanceEdges, errorEdges } from "../network/heads.ts";
import { maskedMean, pairs } from "./masked.ts";

/** Losses of the heads. */

/** Which bin each squared value is in, by the bins' edges: int32. */
const binOf = (squared: Tensor, edges: readonly number[]): Tensor =>
  squared
    .expandDims({ axis: -1 })
    .greater(
      array(
        edges.map((edge) => edge ** 2),
        { dtype: squared.dtype },
      ),
    )
    .astype("int32")
    .sum({ axis: -1 })
    .astype("int32");

const entropy = (logits: Tensor, classes: Tensor): Tensor => softmaxCrossEntropy(logits, classes, { reduction: "none" });

/** Section 1.9.8: logits of distances [r, r, 64] against those of pseudo-beta atoms [r, 3], mask [r]. */
export function distogramLoss(logits: Tensor, beta: Tensor, mask: Tensor): Tensor {
  const squared = sum(beta.expandDims({ axis: 1 }).sub(beta).square(), { axis: -1 });
  return maskedMean(entropy(logits, binOf(squared, distanceEdges(logits.shape.at(-1)!))), pairs(mask), 1e-6);
}

/** Section 1.9.9: logits [s, r, 23] of what the alignment had [s, r] where `masked` [s, r] is 1. */
export const maskedMsaLoss = (logits: Tensor, trueMsa: Tensor, masked: Tensor): Tensor => maskedMean(entropy(logits, trueMsa), masked);

/** Section 1.9.10: logits [r, 37] of whether an atom was seen [r, 37], for atoms that the residue's type has [r, 37]. */
export const experimentallyResolvedLoss = (logits: Tensor, seen: Tensor, exists: Tensor): Tensor =>
  maskedMean(sigmoidCrossEntropy(logits, seen, { reduction: "none" }), exists);

/**
 * Section 1.9.7: logits [r, r, 64] of how far residue j lies from its true place in the frame of residue i. Frames [r] in ångström, mask
 * [r]. No gradient reaches the frames.
 */
export function alignedErrorLoss(logits: Tensor, predicted: Frames, truth: Frames, mask: Tensor): Tensor {
  const local = (frames: Frames): Tensor => applyInverse(at(frames, ":", null), frames.translation);
  const squared = stopGradient(sum(local(predicted).sub(local(truth)).square(), { axis: -1 }));
  return maskedMean(entropy(logits, binOf(squared, errorEdges(logits.shape.at(-1)!))), pairs(mask));
}
