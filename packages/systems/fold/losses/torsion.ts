import { abs, stack, sum, type Tensor } from "@gradus/tensor";
import type { Torsions } from "../network/structure.ts";
import type { TrueTorsions } from "../network/truth.ts";
import { maskedMean } from "./masked.ts";

/**
 * Algorithm 27 for side chains: squared distances of (sin, cos) from the truth, or from what names alone tell from it, the mean over
 * layers; and how far the network's own numbers are from the circle. Weights are those of section 1.9.1.
 */
export function torsionLoss(layers: readonly Torsions[], truth: TrueTorsions, mask: Tensor): Tensor {
  return chiLoss(layers, truth, mask).mul(0.5).add(angleNormLoss(layers, mask).mul(0.01));
}

/** The part that compares torsions. `mask` [r] is 1 for residues of the chain. */
export function chiLoss(layers: readonly Torsions[], truth: TrueTorsions, mask: Tensor): Tensor {
  const chis = (x: Tensor): Tensor => x.get("..., 3:, :");
  const found = stack(layers.map((layer) => chis(layer.angles)));
  const off = (real: Tensor): Tensor => sum(found.sub(chis(real)).square(), { axis: -1 });
  const known = truth.mask
    .get(":, 3:")
    .mul(mask.expandDims({ axis: 1 }))
    .broadcastTo(found.shape.slice(0, -1));
  return maskedMean(off(truth.angles).minimum(off(truth.alternatives)), known, 1e-4);
}

/** The part that keeps numbers near the circle. `mask` [r]. */
export function angleNormLoss(layers: readonly Torsions[], mask: Tensor): Tensor {
  const norms = sum(stack(layers.map(({ unnormalized }) => unnormalized)).square(), { axis: -1 })
    .add(1e-6)
    .sqrt();
  return maskedMean(abs(norms.sub(1)), mask.expandDims({ axis: 1 }).broadcastTo([...norms.shape]), 1e-4);
}
