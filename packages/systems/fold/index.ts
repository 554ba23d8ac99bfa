/** AlphaFold 2 (Jumper et al. 2021): from a sequence to a structure. */
export { type Lddt, type LddtOptions, lddt } from "./scores/lddt.ts";
export { moved, type Points, type RigidMotion, rmsd, type Superposition, superpose } from "./scores/superpose.ts";
export { gdtTs, type TmScore, type TmScoreOptions, tmScale, tmScore } from "./scores/tm-score.ts";
