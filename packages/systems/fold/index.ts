/** AlphaFold 2 (Jumper et al. 2021): from a sequence to a structure. */
export { readA3m } from "./io/a3m.ts";
export { type Alignment, singleSequence } from "./io/alignment.ts";
export { readMmcif } from "./io/mmcif.ts";
export { paeJson } from "./io/pae.ts";
export { readPdb } from "./io/pdb.ts";
export { readAlignment } from "./io/read-alignment.ts";
export { readStructure } from "./io/read-structure.ts";
export { checkSequence, type Query, readQueries } from "./io/sequence.ts";
export { readStockholm } from "./io/stockholm.ts";
export { type Chain, type Prediction, predictedChain, type Structure } from "./io/structure.ts";
export { type WriteOptions, writeMmcif } from "./io/write-mmcif.ts";
export { writePdb } from "./io/write-pdb.ts";
export { type Lddt, type LddtOptions, lddt } from "./scores/lddt.ts";
export { moved, type Points, type RigidMotion, rmsd, type Superposition, superpose } from "./scores/superpose.ts";
export { gdtTs, type TmScore, type TmScoreOptions, tmScale, tmScore } from "./scores/tm-score.ts";
