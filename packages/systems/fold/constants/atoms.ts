/** Where an atom lies in an ideal residue. */
export interface IdealAtom {
  readonly name: string;
  /** The rigid group it moves with: 0 backbone, 3 psi, 4 to 7 chi1 to chi4 (1 pre-omega and 2 phi have no heavy atom). */
  readonly group: number;
  /** Place in the group's frame, in ångström. */
  readonly position: readonly [x: number, y: number, z: number];
}

/** A type of residue. */
export interface ResidueType {
  /** One letter, as in FASTA files. */
  readonly letter: string;
  /** Three letters, as in mmCIF and PDB files. */
  readonly name: string;
  /** Its heavy atoms in the order of AlphaFold's atom14 arrays. */
  readonly atoms: readonly IdealAtom[];
}

/**
 * The twenty amino acids in AlphaFold's order (by their three letters), each atom with its rigid group and its place in that group's
 * frame: the measured averages that AlphaFold builds structures from (supplement, section 1.8.4 and table 2).
 */
const table = `
A ALA: N 0 -0.525 1.363 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.627 1.062 0, CB 0 -0.529 -0.774 -1.205
R ARG: N 0 -0.524 1.362 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.626 1.062 0, CB 0 -0.524 -0.778 -1.209, CG 4 0.616 1.39 0,
    CD 5 0.564 1.414 0, NE 6 0.539 1.357 0, CZ 7 0.758 1.093 0, NH1 7 0.206 2.301 0, NH2 7 2.078 0.978 0
N ASN: N 0 -0.536 1.357 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.625 1.062 0, CB 0 -0.531 -0.787 -1.2, CG 4 0.584 1.399 0,
    OD1 5 0.633 1.059 0, ND2 5 0.593 -1.188 0.001
D ASP: N 0 -0.525 1.362 0, CA 0 0 0 0, C 0 1.527 0 0, O 3 0.626 1.062 0, CB 0 -0.526 -0.778 -1.208, CG 4 0.593 1.398 0,
    OD1 5 0.61 1.091 0, OD2 5 0.592 -1.101 -0.003
C CYS: N 0 -0.522 1.362 0, CA 0 0 0 0, C 0 1.524 0 0, O 3 0.625 1.062 0, CB 0 -0.519 -0.773 -1.212, SG 4 0.728 1.653 0
Q GLN: N 0 -0.526 1.361 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.626 1.062 0, CB 0 -0.525 -0.779 -1.207, CG 4 0.615 1.393 0,
    CD 5 0.587 1.399 0, OE1 6 0.634 1.06 0, NE2 6 0.593 -1.189 -0.001
E GLU: N 0 -0.528 1.361 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.626 1.062 0, CB 0 -0.526 -0.781 -1.207, CG 4 0.615 1.392 0,
    CD 5 0.6 1.397 0, OE1 6 0.607 1.095 0, OE2 6 0.589 -1.104 -0.001
G GLY: N 0 -0.572 1.337 0, CA 0 0 0 0, C 0 1.517 0 0, O 3 0.626 1.062 0
H HIS: N 0 -0.527 1.36 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.625 1.063 0, CB 0 -0.525 -0.778 -1.208, CG 4 0.6 1.37 0, ND1 5 0.744 1.16 0,
    CD2 5 0.889 -1.021 0.003, CE1 5 2.03 0.851 0.002, NE2 5 2.145 -0.466 0.004
I ILE: N 0 -0.493 1.373 0, CA 0 0 0 0, C 0 1.527 0 0, O 3 0.627 1.062 0, CB 0 -0.536 -0.793 -1.213, CG1 4 0.534 1.437 0,
    CG2 4 0.54 -0.785 -1.199, CD1 5 0.619 1.391 0
L LEU: N 0 -0.52 1.363 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.625 1.063 0, CB 0 -0.522 -0.773 -1.214, CG 4 0.678 1.371 0,
    CD1 5 0.53 1.43 0, CD2 5 0.535 -0.774 1.2
K LYS: N 0 -0.526 1.362 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.626 1.062 0, CB 0 -0.524 -0.778 -1.208, CG 4 0.619 1.39 0,
    CD 5 0.559 1.417 0, CE 6 0.56 1.416 0, NZ 7 0.554 1.387 0
M MET: N 0 -0.521 1.364 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.625 1.062 0, CB 0 -0.523 -0.776 -1.21, CG 4 0.613 1.391 0,
    SD 5 0.703 1.695 0, CE 6 0.32 1.786 0
F PHE: N 0 -0.518 1.363 0, CA 0 0 0 0, C 0 1.524 0 0, O 3 0.626 1.062 0, CB 0 -0.525 -0.776 -1.212, CG 4 0.607 1.377 0,
    CD1 5 0.709 1.195 0, CD2 5 0.706 -1.196 0, CE1 5 2.102 1.198 0, CE2 5 2.098 -1.201 0, CZ 5 2.794 -0.003 -0.001
P PRO: N 0 -0.566 1.351 0, CA 0 0 0 0, C 0 1.527 0 0, O 3 0.621 1.066 0, CB 0 -0.546 -0.611 -1.293, CG 4 0.382 1.445 0,
    CD 5 0.477 1.424 0
S SER: N 0 -0.529 1.36 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.626 1.062 0, CB 0 -0.518 -0.777 -1.211, OG 4 0.503 1.325 0
T THR: N 0 -0.517 1.364 0, CA 0 0 0 0, C 0 1.526 0 0, O 3 0.626 1.062 0, CB 0 -0.516 -0.793 -1.215, OG1 4 0.472 1.353 0,
    CG2 4 0.55 -0.718 -1.228
W TRP: N 0 -0.521 1.363 0, CA 0 0 0 0, C 0 1.525 0 0, O 3 0.627 1.062 0, CB 0 -0.523 -0.776 -1.212, CG 4 0.609 1.37 0,
    CD1 5 0.824 1.091 0, CD2 5 0.854 -1.148 -0.005, NE1 5 2.14 0.69 -0.004, CE2 5 2.186 -0.678 -0.007, CE3 5 0.622 -2.53 -0.007,
    CZ2 5 3.283 -1.543 -0.011, CZ3 5 1.715 -3.389 -0.011, CH2 5 3.028 -2.89 -0.013
Y TYR: N 0 -0.522 1.362 0, CA 0 0 0 0, C 0 1.524 0 0, O 3 0.627 1.062 0, CB 0 -0.522 -0.776 -1.213, CG 4 0.607 1.382 0,
    CD1 5 0.716 1.195 0, CD2 5 0.713 -1.194 -0.001, CE1 5 2.107 1.2 -0.002, CE2 5 2.104 -1.201 -0.003, CZ 5 2.791 -0.001 -0.003,
    OH 5 4.168 -0.002 -0.005
V VAL: N 0 -0.494 1.373 0, CA 0 0 0 0, C 0 1.527 0 0, O 3 0.627 1.062 0, CB 0 -0.533 -0.795 -1.213, CG1 4 0.54 1.429 0,
    CG2 4 0.533 -0.776 1.203
`;

/** "A ALA: N 0 -0.525 1.363 0, CA ..." */
function parse(entry: string): ResidueType {
  const [head, atoms] = entry.split(":") as [string, string];
  const [letter, name] = head.trim().split(" ") as [string, string];
  return {
    letter,
    name,
    atoms: atoms.split(",").map((text) => {
      const [atom, group, x, y, z] = text.trim().split(" ") as [string, string, string, string, string];
      return { name: atom, group: Number(group), position: [Number(x), Number(y), Number(z)] };
    }),
  };
}

/** The twenty amino acids and, at 20, the unknown one, of which no atom is known. */
export const residueTypes: readonly ResidueType[] = [
  ...table
    .trim()
    .split(/\n(?=[A-Z] )/)
    .map(parse),
  { letter: "X", name: "UNK", atoms: [] },
];
