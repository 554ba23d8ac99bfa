import { ShapeError } from "@gradus/tensor";
import { atom37Index, atoms37, typeOfLetter } from "../constants/residues.ts";

/** A protein chain: its whole sequence, and the heavy atoms that are known, in AlphaFold's atom37 places. N is the number of residues. */
export interface Chain {
  /** The name that authors gave it; empty where a file gives none. */
  readonly id: string;
  /** One letter a residue, X for what is none of the twenty amino acids and comes from none. */
  readonly sequence: string;
  /** Types of residues, int32 [N]. */
  readonly aatype: Int32Array;
  /** Places along the chain, int32 [N]: from 0 on, with jumps where residues are known to be missing from the sequence itself. */
  readonly residueIndex: Int32Array;
  /** The authors' numbers with insertion codes, such as "52" or "52A"; empty for residues without atoms. */
  readonly numbers: readonly string[];
  /** Ångström, [N, 37, 3]; zeros where the mask is 0. */
  readonly atomPositions: Float32Array;
  /** 1 where the file has the atom, [N, 37]. */
  readonly atomMask: Float32Array;
  /** Temperature factors, or pLDDT in predictions, [N, 37]. */
  readonly bFactors: Float32Array;
}

/** What a structure file tells of proteins: its first model. */
export interface Structure {
  /** As the file names itself, such as "2RBG"; may be empty. */
  readonly id: string;
  /** "X-RAY DIFFRACTION", "SOLUTION NMR", ... */
  readonly method: string | null;
  /** Ångström; null where there is none, as for NMR. */
  readonly resolution: number | null;
  /** First release, or deposition where only that is known: "2007-10-02". */
  readonly date: string | null;
  /** At least one. */
  readonly chains: readonly Chain[];
}

/** What a network says of a chain. */
export interface Prediction {
  readonly sequence: string;
  /** Ångström, [N, 37, 3]. */
  readonly atomPositions: ArrayLike<number>;
  /** 1 for atoms that the residues have, [N, 37]. */
  readonly atomMask: ArrayLike<number>;
  /** Confidence from 0 to 100, [N]. */
  readonly plddt: ArrayLike<number>;
  /** From 0 on; default without jumps. */
  readonly residueIndex?: ArrayLike<number>;
  /** Default "A". */
  readonly chain?: string;
}

/** A prediction as a chain, with its confidence where experiments have temperature factors. */
export function predictedChain({ sequence, atomPositions, atomMask, plddt, residueIndex, chain = "A" }: Prediction): Chain {
  const n = sequence.length;
  if (
    atomPositions.length !== n * atoms37 * 3 ||
    atomMask.length !== n * atoms37 ||
    plddt.length !== n ||
    (residueIndex?.length ?? n) !== n
  )
    throw new ShapeError(
      "predictedChain",
      `a sequence of ${n} residues, ${atomPositions.length} coordinates, ${atomMask.length} entries of the mask, ${plddt.length} of pLDDT`,
      "Give [N, 37, 3], [N, 37] and [N]",
    );
  const index = Int32Array.from(residueIndex ?? { length: n }, (value, i) => value ?? i);
  return {
    id: chain,
    sequence,
    aatype: Int32Array.from(sequence, typeOfLetter),
    residueIndex: index,
    numbers: Array.from(index, (i) => String(i + 1)),
    atomPositions: Float32Array.from(atomPositions, (x, i) => (atomMask[Math.floor(i / 3)]! > 0 ? x : 0)),
    atomMask: Float32Array.from(atomMask, (m) => +(m > 0)),
    bFactors: Float32Array.from(atomMask, (m, i) => (m > 0 ? plddt[Math.floor(i / atoms37)]! : 0)),
  };
}

/** The CA atoms of a chain, [N, 3], and which are known, [N]. */
export function alphaCarbons({ atomPositions, atomMask }: Pick<Chain, "atomPositions" | "atomMask">): {
  points: Float32Array;
  mask: Float32Array;
} {
  const n = atomMask.length / atoms37;
  const place = atom37Index("CA")!;
  const points = new Float32Array(n * 3);
  const mask = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const at = i * atoms37 + place;
    mask[i] = atomMask[at]!;
    points.set(atomPositions.subarray(3 * at, 3 * at + 3), 3 * i);
  }
  return { points, mask };
}
