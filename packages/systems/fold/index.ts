/** AlphaFold 2 (Jumper et al. 2021): from a sequence to a structure. */
export {
  type AtomArrays,
  atomArrays,
  type Crop,
  cropChain,
  drawCrop,
  type Example,
  type ExampleOptions,
  type Examples,
  groupRelated,
  readExamples,
} from "./data.ts";
export {
  type FetchAlignmentOptions,
  type FetchStructureOptions,
  fetchAlignment,
  fetchStructure,
  type NetworkOptions,
} from "./databases.ts";
export { alignSequences, identityOf } from "./features/align.ts";
export { type FeatureArrays, type FeatureInput, type FeatureOptions, type FixedSizes, makeFeatures } from "./features/features.ts";
export { type Template, type TemplateArrays, type TemplateOptions, templateOf } from "./features/templates.ts";
export { type BackboneAngles, buildBackbone } from "./generate/backbone.ts";
export {
  anglesOf,
  type FoldKind,
  foldKinds,
  type GeneratedFold,
  type GenerateOptions,
  generateFolds,
  isHeldOut,
} from "./generate/folds.ts";
export { readA3m } from "./io/a3m.ts";
export { type Alignment, singleSequence } from "./io/alignment.ts";
export { type Hit, readHhr } from "./io/hhr.ts";
export { readMmcif } from "./io/mmcif.ts";
export { paeJson } from "./io/pae.ts";
export { readPdb } from "./io/pdb.ts";
export { readAlignment } from "./io/read-alignment.ts";
export { readStructure } from "./io/read-structure.ts";
export { checkSequence, type Query, readQueries } from "./io/sequence.ts";
export { readStockholm } from "./io/stockholm.ts";
export { alphaCarbons, type Chain, type Prediction, predictedChain, type Structure } from "./io/structure.ts";
export { type WriteOptions, writeMmcif } from "./io/write-mmcif.ts";
export { writePdb } from "./io/write-pdb.ts";
export { type Relaxed, type RelaxOptions, relax } from "./relax/relax.ts";
export type { Strain } from "./relax/terms.ts";
export { type Comparison, compareChains } from "./scores/compare.ts";
export { type Lddt, type LddtOptions, lddt } from "./scores/lddt.ts";
export { moved, type Points, type RigidMotion, rmsd, type Superposition, superpose } from "./scores/superpose.ts";
export { gdtTs, type TmScore, type TmScoreOptions, tmScale, tmScore } from "./scores/tm-score.ts";
