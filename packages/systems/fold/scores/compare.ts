import { ArgumentError } from "@gradus/tensor";
import { alignSequences } from "../features/align.ts";
import { alphaCarbons, type Chain } from "../io/structure.ts";
import { lddt } from "./lddt.ts";
import { type RigidMotion, superpose } from "./superpose.ts";
import { gdtTs, tmScore } from "./tm-score.ts";

export interface Comparison {
  /** Of CA atoms, 0 to 1. */
  readonly lddt: number;
  /** lDDT of each residue of the prediction; null where the reference has none. */
  readonly lddtPerResidue: readonly (number | null)[];
  /** Normalised by the residues that the reference has, 0 to 1. */
  readonly tmScore: number;
  readonly gdtTs: number;
  /** Of CA atoms, in ångström. */
  readonly rmsd: number;
  /** Residues compared, and those that the reference has. */
  readonly residues: number;
  readonly referenceResidues: number;
  /** The motion that brings the prediction onto the reference, as the TM-score has it. */
  readonly motion: RigidMotion;
}

/**
 * A prediction against an experiment by their CA atoms. Residues correspond by their place where both have the same sequence, else by an
 * alignment of the sequences. ArgumentError where fewer than three correspond.
 */
export function compareChains(prediction: Chain, reference: Chain): Comparison {
  const n = prediction.sequence.length;
  const same = prediction.sequence === reference.sequence;
  const below = same ? Int32Array.from({ length: n }, (_, i) => i) : alignSequences(prediction.sequence, reference.sequence);
  if (!below)
    throw new ArgumentError("compareChains", `sequences of ${n} and ${reference.sequence.length} residues are too long to be aligned`);
  const [found, known] = [alphaCarbons(prediction), alphaCarbons(reference)];
  const target = new Float32Array(3 * n);
  const mask = new Float32Array(n);
  below.forEach((j, i) => {
    if (j < 0 || !found.mask[i] || !known.mask[j]) return;
    mask[i] = 1;
    target.set(known.points.subarray(3 * j, 3 * j + 3), 3 * i);
  });
  const count = (list: Float32Array): number => list.reduce((a, b) => a + b, 0);
  const residues = count(mask);
  if (residues < 3)
    throw new ArgumentError("compareChains", `${residues} residues correspond`, "Compare structures of the same protein, or of relatives");
  const length = count(known.mask);
  const { score, motion } = tmScore(found.points, target, { mask, length });
  const local = lddt(found.points, target, { mask });
  return {
    lddt: local.score,
    lddtPerResidue: Array.from(local.perResidue, (value, i) => (mask[i] ? value : null)),
    tmScore: score,
    gdtTs: gdtTs(found.points, target, { mask, length }),
    rmsd: superpose(found.points, target, mask).rmsd,
    residues,
    referenceResidues: length,
    motion,
  };
}
