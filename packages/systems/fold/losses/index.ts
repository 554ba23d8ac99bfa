/** What the network learns from. Sections and equations are those of the supplement, 1.9. */
export { backboneFape, fape, sidechainFape } from "./fape.ts";
export { lddtCa, plddtLoss } from "./lddt.ts";
export { alignedErrorLoss, distogramLoss, experimentallyResolvedLoss, maskedMsaLoss } from "./predictions.ts";
export { renameSymmetricAtoms } from "./renaming.ts";
export { angleNormLoss, chiLoss, torsionLoss } from "./torsion.ts";
export { fineTuning, foldLoss, initialTraining, type LossWeights, type Truth } from "./total.ts";
export { violationLoss, violationsOf } from "./violations.ts";
