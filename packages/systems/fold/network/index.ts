/** The network of AlphaFold 2, part by part, its losses, and weights under their official names. */
export { configOf, configs, type FoldConfig } from "../config.ts";
export { type Estimate, estimate, type Task } from "../estimate.ts";
export { type Confidence, type FoldedChain, FoldNetwork, type FoldOptions } from "../fold.ts";
export * from "../losses/index.ts";
export { type Predicted, type PredictedPass, type PredictOptions, predict, taskOf } from "../predict.ts";
export {
  type ChainScore,
  type FoldTrainingEvent,
  type TrainedNetwork,
  type TrainFoldOptions,
  trainFold,
} from "../train.ts";
export { loadFold, type TrainedFold, trainedBytes } from "../trained.ts";
export { type Chains, dividedChains, generatedChains, type LearnedChain, readAlignments } from "../training/chains.ts";
export { type LoadedWeights, loadOfficialWeights, officialArrays, saveOfficialWeights } from "../weights.ts";
export { evoformerBlock, evoformerBlockParameters, extraMsaBlock, extraMsaBlockParameters } from "./evoformer.ts";
export { type FeatureData, type Features, featuresOf, type Recycled, type TemplateFeatures } from "./features.ts";
export { type Frames, framesFromPoints, quaternionToRotation } from "./frames.ts";
export { mostAlignedError } from "./heads.ts";
export { invariantPointAttention } from "./ipa.ts";
export { dropFrom, type Observer, type Pass } from "./layers.ts";
export {
  checkpointed,
  headsOf,
  initialModel,
  iteration,
  type ModelWeights,
  modelParameters,
  nothingRecycled,
  type Outputs,
  stages,
} from "./model.ts";
export {
  countParameters,
  initialWeights,
  Parameter,
  type Parameters,
  type Path,
  visitParameters,
  type Weights,
  weightsOf,
} from "./parameters.ts";
export { atomsOf, framesOf, type StructureLayer, structureModule, structureParameters } from "./structure.ts";
export { pseudoBeta, trueAtoms, trueGroups, trueTorsions } from "./truth.ts";
