import type { Tensor } from "@gradus/tensor";
import { atom14Mask, atom37Mask } from "../constants/tables.ts";
import { lookUp } from "../network/atoms.ts";
import type { Features } from "../network/features.ts";
import { at } from "../network/frames.ts";
import type { headsOf, Outputs } from "../network/model.ts";
import { framesOf } from "../network/structure.ts";
import { pseudoBeta, trueAtoms, trueGroups, trueTorsions } from "../network/truth.ts";
import { backboneFape, sidechainFape } from "./fape.ts";
import { plddtLoss } from "./lddt.ts";
import { alignedErrorLoss, distogramLoss, experimentallyResolvedLoss, maskedMsaLoss } from "./predictions.ts";
import { renameSymmetricAtoms } from "./renaming.ts";
import { torsionLoss } from "./torsion.ts";
import { violationLoss } from "./violations.ts";

/** What is known of a chain that the network learns from. */
export interface Truth {
  /** Atoms in atom37 order, in ångström, [r, 37, 3], and which of them were seen, [r, 37]. */
  readonly positions: Tensor;
  readonly mask: Tensor;
  /** What the alignment had, int32 [s, r], and where that was hidden from the network, [s, r]. */
  readonly trueMsa: Tensor;
  readonly masked: Tensor;
  /** 1 for structures of a resolution between 0.1 and 3 Å, which say how good a prediction can be: []. */
  readonly resolved: Tensor;
  /** Share of the clamped backbone error: 1, or for one example in ten 0. []. */
  readonly clamped: Tensor;
}

/** How much each loss counts: equation 7 of the supplement, as AlphaFold's own code has it. */
export interface LossWeights {
  readonly backbone: number;
  readonly sidechain: number;
  readonly torsion: number;
  readonly distogram: number;
  readonly maskedMsa: number;
  readonly plddt: number;
  /** These only when a network is trained further: table 4. */
  readonly experimentallyResolved: number;
  readonly violation: number;
  /** Only for ptm networks. */
  readonly alignedError: number;
}

export const initialTraining: LossWeights = {
  ...{ backbone: 0.5, sidechain: 0.5, torsion: 1, distogram: 0.3, maskedMsa: 2, plddt: 0.01 },
  ...{ experimentallyResolved: 0, violation: 0, alignedError: 0 },
};

export const fineTuning: LossWeights = { ...initialTraining, experimentallyResolved: 0.01, violation: 1, alignedError: 0.1 };

/** The losses of a prediction, weighted, and their sum. Losses that do not count are not computed. */
export function foldLoss(
  outputs: Outputs,
  logits: ReturnType<typeof headsOf>,
  { aatype, residueIndex, seqMask }: Features,
  truth: Truth,
  weights: LossWeights,
): { readonly total: Tensor; readonly parts: Readonly<Partial<Record<keyof LossWeights, Tensor>>> } {
  const { layers, atoms } = outputs;
  const real = [aatype, truth.positions, truth.mask] as const;
  const groups = trueGroups(...real);
  const [backbone, known] = [at(groups.frames, ":", 0), groups.exists.get(":", 0)];
  const [ca, seen] = [truth.positions.get(":", 1), truth.mask.get(":", 1)];
  const beta = pseudoBeta(...real);
  const present = seqMask ?? known.mul(0).add(1);
  const has = (table: typeof atom14Mask): Tensor => lookUp(table, aatype, known.dtype).mul(present.expandDims({ axis: 1 }));

  const losses: Readonly<Record<keyof LossWeights, () => Tensor>> = {
    backbone: () =>
      backboneFape(
        layers.map((layer) => framesOf(layer.backbone)),
        backbone,
        known,
        truth.clamped,
      ),
    sidechain: () => sidechainFape(outputs, groups, renameSymmetricAtoms(atoms, trueAtoms(...real))),
    torsion: () => torsionLoss(layers, trueTorsions(...real), present),
    distogram: () => distogramLoss(logits.distogram, beta.positions, beta.mask),
    maskedMsa: () => maskedMsaLoss(logits.maskedMsa, truth.trueMsa, truth.masked),
    plddt: () => plddtLoss(logits.plddt, atoms.get(":", 1), ca, seen, truth.resolved),
    experimentallyResolved: () =>
      experimentallyResolvedLoss(logits.experimentallyResolved, truth.mask, has(atom37Mask)).mul(truth.resolved),
    violation: () => violationLoss({ positions: atoms, exists: has(atom14Mask), aatype, residueIndex }),
    alignedError: () => alignedErrorLoss(logits.alignedError!, framesOf(layers.at(-1)!.backbone), backbone, known).mul(truth.resolved),
  };
  const counted = (Object.keys(losses) as (keyof LossWeights)[]).filter(
    (name) => weights[name] > 0 && (name !== "alignedError" || logits.alignedError),
  );
  const parts = Object.fromEntries(counted.map((name) => [name, losses[name]().mul(weights[name])]));
  return { total: Object.values(parts).reduce((a, b) => a.add(b)), parts };
}
