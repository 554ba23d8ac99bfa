import { ShapeError } from "@gradus/tensor";
import { atom37Index, atoms14, atoms37, residueAtoms, typeOfLetter } from "./constants/residues.ts";
import { type Chain, predictedChain } from "./io/structure.ts";

/** A structure as the network gives it, atoms in atom14 order in ångström, [N, 14, 3], with pLDDT [N], as a chain. */
export function foldedChain(
  sequence: string,
  atoms: ArrayLike<number>,
  plddt: ArrayLike<number>,
  { residueIndex, chain }: { readonly residueIndex?: ArrayLike<number>; readonly chain?: string } = {},
): Chain {
  const n = sequence.length;
  if (atoms.length !== n * atoms14 * 3)
    throw new ShapeError("foldedChain", `${atoms.length} coordinates for ${n} residues`, "Give [N, 14, 3]");
  const atomPositions = new Float32Array(n * atoms37 * 3);
  const atomMask = new Float32Array(n * atoms37);
  for (let i = 0; i < n; i++)
    for (const [place, name] of residueAtoms[typeOfLetter(sequence[i]!)]!.entries()) {
      const to = i * atoms37 + atom37Index(name)!;
      for (let axis = 0; axis < 3; axis++) atomPositions[3 * to + axis] = atoms[3 * (i * atoms14 + place) + axis]!;
      atomMask[to] = 1;
    }
  return predictedChain({
    sequence,
    atomPositions,
    atomMask,
    plddt,
    ...(residueIndex ? { residueIndex } : {}),
    ...(chain ? { chain } : {}),
  });
}
