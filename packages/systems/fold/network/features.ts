import type { ArrayData, Tensor } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";

/**
 * What the network is given of a chain of r residues: s sequences that represent clusters of an alignment, e others, t templates. Names
 * are AlphaFold's (supplement, table 1). Masks are 1 where there is something; null where there is something everywhere. Shapes decide
 * which program runs: equal shapes, the same one.
 */
export interface Features {
  /** Type of each residue, 0 to 20: int32 [r]. */
  readonly aatype: Tensor;
  /** Number of each residue in its chain: int32 [r]. */
  readonly residueIndex: Tensor;
  /** [r] */
  readonly seqMask: Tensor | null;
  /** A column for breaks between chains, then the type, one-hot: [r, 22]. */
  readonly targetFeat: Tensor;
  /** One-hot 23, has deletion, deletions, profile 23, mean of deletions: [s, r, 49]. The first sequence is that of the chain. */
  readonly msaFeat: Tensor;
  /** [s, r] */
  readonly msaMask: Tensor | null;
  /** Types of the other sequences, 0 to 22: int32 [e, r]. */
  readonly extraMsa: Tensor;
  /** [e, r] */
  readonly extraHasDeletion: Tensor;
  /** [e, r] */
  readonly extraDeletionValue: Tensor;
  /** [e, r] */
  readonly extraMsaMask: Tensor | null;
  /** Null for networks without templates. */
  readonly templates: TemplateFeatures | null;
}

/** Structures of related chains, aligned to the residues. */
export interface TemplateFeatures {
  /** int32 [t, r], 0 to 21; 20 is unknown, 21 a gap. */
  readonly aatype: Tensor;
  /** Atoms in atom37 order, in ångström: [t, r, 37, 3]. */
  readonly positions: Tensor;
  /** Which of them are known: [t, r, 37]. */
  readonly atomMask: Tensor;
  /** Which templates are there at all: [t]. */
  readonly mask: Tensor;
}

/** What one pass through the network leaves to the next (algorithms 31 and 32). */
export interface Recycled {
  /** First row of the MSA representation, [r, c_m]. */
  readonly m: Tensor;
  /** Pair representation, [r, r, c_z]. */
  readonly z: Tensor;
  /** Pseudo-beta atoms, in ångström: [r, 3]. */
  readonly beta: Tensor;
}

/** Features as arrays in plain memory, all masks there. */
export type FeatureData = { readonly [K in Exclude<keyof Features, "templates">]: ArrayData } & {
  readonly templates: { readonly [K in keyof TemplateFeatures]: ArrayData } | null;
};

/** Features for the network. Masks that hide nothing are left out: programs without them do less. */
export function featuresOf(data: FeatureData): Features {
  const hiding = (mask: ArrayData): Tensor | null => (mask.data.every((x) => x === 1) ? null : toTensor(mask));
  const { templates } = data;
  return {
    aatype: toTensor(data.aatype),
    residueIndex: toTensor(data.residueIndex),
    seqMask: hiding(data.seqMask),
    targetFeat: toTensor(data.targetFeat),
    msaFeat: toTensor(data.msaFeat),
    msaMask: hiding(data.msaMask),
    extraMsa: toTensor(data.extraMsa),
    extraHasDeletion: toTensor(data.extraHasDeletion),
    extraDeletionValue: toTensor(data.extraDeletionValue),
    extraMsaMask: hiding(data.extraMsaMask),
    templates: templates && {
      aatype: toTensor(templates.aatype),
      positions: toTensor(templates.positions),
      atomMask: toTensor(templates.atomMask),
      mask: toTensor(templates.mask),
    },
  };
}
