import { residueTypes } from "./atoms.ts";

/** Types of residues as AlphaFold numbers them (`aatype`): ARNDCQEGHILKMFPSTWYV, then X. */
export const residueLetters = residueTypes.map(({ letter }) => letter).join("");

/** Three-letter names by type: ALA ... VAL, then UNK. */
export const residueNames: readonly string[] = residueTypes.map(({ name }) => name);

/** The number of residues of unknown type. */
export const unknownResidue = 20;

/** Names of each type's heavy atoms, in the order of atom14 arrays; none for the unknown type. */
export const residueAtoms: readonly (readonly string[])[] = residueTypes.map(({ atoms }) => atoms.map(({ name }) => name));

/** Names of all heavy atoms, in the order of atom37 arrays. */
export const atomNames: readonly string[] = (
  "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3 NZ" + " OXT"
).split(" ");

const byLetter = new Map(residueTypes.map(({ letter }, type) => [letter, type]));
const byName = new Map(residueNames.map((name, type) => [name, type]));
const byAtom = new Map(atomNames.map((name, index) => [name, index]));

/** Type of a residue by its letter; `unknownResidue` for letters that are none of the twenty. */
export const typeOfLetter = (letter: string): number => byLetter.get(letter) ?? unknownResidue;

/** Type of a residue by its three-letter name; `unknownResidue` for names that are none of the twenty. */
export const typeOfName = (name: string): number => byName.get(name) ?? unknownResidue;

/** Place of an atom in atom37 arrays, undefined for names that have none (hydrogens, ligands). */
export const atom37Index = (name: string): number | undefined => byAtom.get(name);

/** Number of atom places in atom14 and atom37 arrays. */
export const atoms14 = 14;
export const atoms37 = 37;
