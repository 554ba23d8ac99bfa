import { ArgumentError } from "@gradus/tensor";
import { atomNames, atoms37, residueNames } from "../constants/residues.ts";
import type { Chain } from "./structure.ts";

/** An atom as it is written. */
export interface ListedAtom {
  /** "CA" */
  readonly name: string;
  /** "C" */
  readonly element: string;
  /** Index of its residue in the chain. */
  readonly residue: number;
  /** "GLY" */
  readonly residueName: string;
  /** The number that authors gave the residue, and its insertion code or "". */
  readonly number: number;
  readonly insertion: string;
  readonly position: readonly [x: number, y: number, z: number];
  readonly bFactor: number;
}

/** The number and the insertion code of a residue; where authors give none, its place from 1 on. */
export function numberOf(chain: Chain, residue: number): { readonly number: number; readonly insertion: string } {
  const [, digits, insertion = ""] = /^(-?\d+)([A-Za-z]?)$/.exec(chain.numbers[residue] ?? "") ?? [];
  return { number: digits === undefined ? chain.residueIndex[residue]! + 1 : Number(digits), insertion };
}

/** The atoms that a chain has, in order. ArgumentError for places that are none. */
export function* listedAtoms(operation: string, chain: Chain): Generator<ListedAtom> {
  for (let residue = 0; residue < chain.sequence.length; residue++) {
    const { number, insertion } = numberOf(chain, residue);
    const residueName = residueNames[chain.aatype[residue]!]!;
    for (let atom = 0; atom < atoms37; atom++) {
      const at = residue * atoms37 + atom;
      if (!(chain.atomMask[at]! > 0)) continue;
      const [x, y, z] = chain.atomPositions.subarray(3 * at, 3 * at + 3) as unknown as [number, number, number];
      const name = atomNames[atom]!;
      // Wider than the columns of either format.
      if (!(Math.abs(x) < 9999 && Math.abs(y) < 9999 && Math.abs(z) < 9999) || x < -999 || y < -999 || z < -999)
        throw new ArgumentError(
          operation,
          `${name} of residue ${residue + 1} is at (${x}, ${y}, ${z})`,
          "Move the structure near the origin",
        );
      const bFactor = Math.min(999, Math.max(-99, chain.bFactors[at]!)) || 0;
      yield { name, element: name[0]!, residue, residueName, number, insertion, position: [x, y, z], bFactor };
    }
  }
}
