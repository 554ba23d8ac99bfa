import { residueLetters } from "./residues.ts";

/**
 * Side-chain torsions: chi k turns about the bond between the third and second last of four neighbouring atoms on the way N, CA, and
 * then these. Types that are missing have none.
 */
const ways: Readonly<Record<string, string>> = {
  R: "CB CG CD NE CZ",
  N: "CB CG OD1",
  D: "CB CG OD1",
  C: "CB SG",
  Q: "CB CG CD OE1",
  E: "CB CG CD OE1",
  H: "CB CG ND1",
  I: "CB CG1 CD1",
  L: "CB CG CD1",
  K: "CB CG CD CE NZ",
  M: "CB CG SD CE",
  F: "CB CG CD1",
  P: "CB CG CD",
  S: "CB OG",
  T: "CB OG1",
  W: "CB CG CD1",
  Y: "CB CG CD1",
  V: "CB CG1",
};

/** Torsions chi1 to chi4 of each residue type, as far as it has them, each the names of its four atoms. */
export const chiAtomNames: readonly (readonly (readonly string[])[])[] = [...residueLetters].map((letter) => {
  const way = ["N", "CA", ...(ways[letter]?.split(" ") ?? [])];
  return way.slice(3).map((_, k) => way.slice(k, k + 4));
});

/**
 * Atoms that change places when a side chain's last torsion turns by 180 degrees, which nothing but the names tells apart (supplement,
 * table 3). That torsion is periodic in 180 degrees.
 */
export const ambiguousAtoms: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  D: [["OD1", "OD2"]],
  E: [["OE1", "OE2"]],
  F: [
    ["CD1", "CD2"],
    ["CE1", "CE2"],
  ],
  Y: [
    ["CD1", "CD2"],
    ["CE1", "CE2"],
  ],
};
