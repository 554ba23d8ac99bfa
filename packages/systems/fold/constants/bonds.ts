import { residueLetters } from "./residues.ts";

/** A length or an angle of the covalent geometry, with its standard deviation. */
interface Measured {
  readonly atoms: readonly string[];
  readonly mean: number;
  readonly deviation: number;
}

/** The distance of two atoms of a residue that covalent bonds hold. */
export interface Bond {
  readonly atoms: readonly [string, string];
  /** In ångström. */
  readonly length: number;
  readonly deviation: number;
}

/** The backbone of all residues that say nothing else. Bonds in ångström, angles in degrees. */
const backbone = "N-CA 1.459 .020, CA-C 1.525 .026, C-O 1.229 .019, N-CA-C 111 2.7, CA-C-O 120.1 2.1";

/**
 * Bond lengths (Å) and angles (degrees) within residues, with standard deviations, as measured in crystals of small molecules: Engh and
 * Huber, International Tables for Crystallography F (2001), chapter 18.3.
 */
const table: Readonly<Record<string, string>> = {
  A: "CA-CB 1.52 .021, N-CA-CB 110.1 1.4, CB-CA-C 110.1 1.5",
  R: `CA-CB 1.535 .022, CB-CG 1.521 .027, CG-CD 1.515 .025, CD-NE 1.46 .017, NE-CZ 1.326 .013, CZ-NH1 1.326 .013, CZ-NH2 1.326 .013,
    N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.4 2.2, CB-CG-CD 111.6 2.6, CG-CD-NE 111.8 2.1, CD-NE-CZ 123.6 1.4,
    NE-CZ-NH1 120.3 .5, NE-CZ-NH2 120.3 .5, NH1-CZ-NH2 119.4 1.1`,
  N: `CA-CB 1.527 .026, CB-CG 1.506 .023, CG-OD1 1.235 .022, CG-ND2 1.324 .025, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.4 2.2,
    CB-CG-ND2 116.7 2.4, CB-CG-OD1 121.6 2, ND2-CG-OD1 121.9 2.3`,
  D: `CA-CB 1.535 .022, CB-CG 1.513 .021, CG-OD1 1.249 .023, CG-OD2 1.249 .023, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.4 2.2,
    CB-CG-OD1 118.3 .9, CB-CG-OD2 118.3 .9, OD1-CG-OD2 123.3 1.9`,
  C: "CA-CB 1.526 .013, CB-SG 1.812 .016, N-CA-CB 110.8 1.5, CB-CA-C 111.5 1.2, CA-CB-SG 114.2 1.1",
  Q: `CA-CB 1.535 .022, CB-CG 1.521 .027, CG-CD 1.506 .023, CD-OE1 1.235 .022, CD-NE2 1.324 .025, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2,
    CA-CB-CG 113.4 2.2, CB-CG-CD 111.6 2.6, CG-CD-OE1 121.6 2, CG-CD-NE2 116.7 2.4, OE1-CD-NE2 121.9 2.3`,
  E: `CA-CB 1.535 .022, CB-CG 1.517 .019, CG-CD 1.515 .015, CD-OE1 1.252 .011, CD-OE2 1.252 .011, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2,
    CA-CB-CG 113.4 2.2, CB-CG-CD 114.2 2.7, CG-CD-OE1 118.3 2, CG-CD-OE2 118.3 2, OE1-CD-OE2 123.3 1.2`,
  G: "N-CA 1.456 .015, CA-C 1.514 .016, C-O 1.232 .016, N-CA-C 113.1 2.5, CA-C-O 120.6 1.8",
  H: `CA-CB 1.535 .022, CB-CG 1.492 .016, CG-ND1 1.369 .015, CG-CD2 1.353 .017, ND1-CE1 1.343 .025, CD2-NE2 1.415 .021,
    CE1-NE2 1.322 .023, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.6 1.7, CB-CG-ND1 123.2 2.5, CB-CG-CD2 130.8 3.1,
    CG-ND1-CE1 108.2 1.4, ND1-CE1-NE2 109.9 2.2, CE1-NE2-CD2 106.6 2.5, NE2-CD2-CG 109.2 1.9, CD2-CG-ND1 106 1.4`,
  I: `CA-CB 1.544 .023, CB-CG1 1.536 .028, CB-CG2 1.524 .031, CG1-CD1 1.5 .069, N-CA-CB 110.8 2.3, CB-CA-C 111.6 2, CA-CB-CG1 111 1.9,
    CB-CG1-CD1 113.9 2.8, CA-CB-CG2 110.9 2, CG1-CB-CG2 111.4 2.2`,
  L: `CA-CB 1.533 .023, CB-CG 1.521 .029, CG-CD1 1.514 .037, CG-CD2 1.514 .037, N-CA-CB 110.4 2, CB-CA-C 110.2 1.9, CA-CB-CG 115.3 2.3,
    CB-CG-CD1 111 1.7, CB-CG-CD2 111 1.7, CD1-CG-CD2 110.5 3`,
  K: `CA-CB 1.535 .022, CB-CG 1.521 .027, CG-CD 1.52 .034, CD-CE 1.508 .025, CE-NZ 1.486 .025, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2,
    CA-CB-CG 113.4 2.2, CB-CG-CD 111.6 2.6, CG-CD-CE 111.9 3, CD-CE-NZ 111.7 2.3`,
  M: `CA-CB 1.535 .022, CB-CG 1.509 .032, CG-SD 1.807 .026, SD-CE 1.774 .056, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.3 1.7,
    CB-CG-SD 112.4 3, CG-SD-CE 100.2 1.6`,
  F: `CA-CB 1.535 .022, CB-CG 1.509 .017, CG-CD1 1.383 .015, CG-CD2 1.383 .015, CD1-CE1 1.388 .02, CD2-CE2 1.388 .02, CE1-CZ 1.369 .019,
    CE2-CZ 1.369 .019, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.9 2.4, CB-CG-CD1 120.8 .7, CB-CG-CD2 120.8 .7,
    CD1-CG-CD2 118.3 1.3, CG-CD1-CE1 120.8 1.1, CG-CD2-CE2 120.8 1.1, CD1-CE1-CZ 120.1 1.2, CD2-CE2-CZ 120.1 1.2, CE1-CZ-CE2 120 1.8`,
  P: `N-CA 1.468 .017, CA-C 1.524 .02, C-O 1.228 .02, CA-CB 1.531 .02, CB-CG 1.495 .05, CG-CD 1.502 .033, CD-N 1.474 .014,
    N-CA-C 112.1 2.6, CA-C-O 120.2 2.4, N-CA-CB 103.3 1.2, CB-CA-C 111.7 2.1, CA-CB-CG 104.8 1.9, CB-CG-CD 106.5 3.9, CG-CD-N 103.2 1.5,
    CA-N-CD 111.7 1.4`,
  S: "CA-CB 1.525 .015, CB-OG 1.418 .013, N-CA-CB 110.5 1.5, CB-CA-C 110.1 1.9, CA-CB-OG 111.2 2.7",
  T: `CA-CB 1.529 .026, CB-OG1 1.428 .02, CB-CG2 1.519 .033, N-CA-CB 110.3 1.9, CB-CA-C 111.6 2.7, CA-CB-OG1 109 2.1, CA-CB-CG2 112.4 1.4,
    OG1-CB-CG2 110 2.3`,
  W: `CA-CB 1.535 .022, CB-CG 1.498 .018, CG-CD1 1.363 .014, CG-CD2 1.432 .017, CD1-NE1 1.375 .017, NE1-CE2 1.371 .013, CD2-CE2 1.409 .012,
    CD2-CE3 1.399 .015, CE2-CZ2 1.393 .017, CE3-CZ3 1.38 .017, CZ2-CH2 1.369 .019, CZ3-CH2 1.396 .016, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2,
    CA-CB-CG 113.7 1.9, CB-CG-CD1 127 1.3, CB-CG-CD2 126.6 1.3, CD1-CG-CD2 106.3 .8, CG-CD1-NE1 110.1 1, CD1-NE1-CE2 109 .9,
    NE1-CE2-CD2 107.3 1, CE2-CD2-CG 107.3 .8, CG-CD2-CE3 133.9 .9, NE1-CE2-CZ2 130.4 1.1, CE3-CD2-CE2 118.7 1.2, CD2-CE2-CZ2 122.3 1.2,
    CE2-CZ2-CH2 117.4 1, CZ2-CH2-CZ3 121.6 1.2, CH2-CZ3-CE3 121.2 1.1, CZ3-CE3-CD2 118.8 1.3`,
  Y: `CA-CB 1.535 .022, CB-CG 1.512 .015, CG-CD1 1.387 .013, CG-CD2 1.387 .013, CD1-CE1 1.389 .015, CD2-CE2 1.389 .015, CE1-CZ 1.381 .013,
    CE2-CZ 1.381 .013, CZ-OH 1.374 .017, N-CA-CB 110.6 1.8, CB-CA-C 110.4 2, CA-CB-CG 113.4 1.9, CB-CG-CD1 121 .6, CB-CG-CD2 121 .6,
    CD1-CG-CD2 117.9 1.1, CG-CD1-CE1 121.3 .8, CG-CD2-CE2 121.3 .8, CD1-CE1-CZ 119.8 .9, CD2-CE2-CZ 119.8 .9, CE1-CZ-CE2 119.8 1.6,
    CE1-CZ-OH 120.1 2.7, CE2-CZ-OH 120.1 2.7`,
  V: `CA-CB 1.543 .021, CB-CG1 1.524 .021, CB-CG2 1.524 .021, N-CA-CB 111.5 2.2, CB-CA-C 111.4 1.9, CA-CB-CG1 110.9 1.5,
    CA-CB-CG2 110.9 1.5, CG1-CB-CG2 110.9 1.6`,
};

const parse = (text: string): Measured[] =>
  text.split(",").map((entry) => {
    const [atoms, mean, deviation] = entry.trim().split(" ") as [string, string, string];
    return { atoms: atoms.split("-"), mean: Number(mean), deviation: Number(deviation) };
  });

/** What a residue type says, and the backbone where it says nothing. */
function geometryOf(letter: string): Measured[] {
  const own = table[letter];
  if (own === undefined) return [];
  const measured = parse(own);
  const said = new Set(measured.map(({ atoms }) => atoms.join()));
  return [...parse(backbone).filter(({ atoms }) => !said.has(atoms.join())), ...measured];
}

const bondsIn = (geometry: readonly Measured[]): Bond[] =>
  geometry.flatMap(({ atoms, mean, deviation }) =>
    atoms.length === 2 ? [{ atoms: atoms as unknown as [string, string], length: mean, deviation }] : [],
  );

/**
 * The distance across an angle, by the law of cosines; its deviation from those of the two bonds and of the angle, which are taken to
 * vary independently.
 */
function across({ atoms, mean, deviation }: Measured, bonds: readonly Bond[]): Bond {
  const [first, middle, last] = atoms as [string, string, string];
  const find = (atom: string) => bonds.find((bond) => bond.atoms.includes(atom) && bond.atoms.includes(middle))!;
  const [a, b] = [find(first), find(last)];
  const gamma = (mean * Math.PI) / 180;
  const length = Math.sqrt(a.length ** 2 + b.length ** 2 - 2 * a.length * b.length * Math.cos(gamma));
  const byGamma = (a.length * b.length * Math.sin(gamma)) / length;
  const byA = (a.length - b.length * Math.cos(gamma)) / length;
  const byB = (b.length - a.length * Math.cos(gamma)) / length;
  const spread = Math.hypot(byGamma * ((deviation * Math.PI) / 180), byA * a.deviation, byB * b.deviation);
  return { atoms: [first, last], length, deviation: spread };
}

/** Bonds within a residue of each type; none for the unknown type. */
export const residueBonds: readonly (readonly Bond[])[] = [...residueLetters].map((letter) => bondsIn(geometryOf(letter)));

/** Distances across the angles of each type. */
export const residueAngles: readonly (readonly Bond[])[] = [...residueLetters].map((letter, type) =>
  geometryOf(letter)
    .filter(({ atoms }) => atoms.length === 3)
    .map((angle) => across(angle, residueBonds[type]!)),
);

/** The peptide bond between residues; different before proline. Lengths in ångström, angles as cosines. Engh and Huber as well. */
export const peptideBond = {
  length: { mean: 1.329, deviation: 0.014, meanProline: 1.341, deviationProline: 0.016 },
  cosineCaCN: { mean: -0.4473, deviation: 0.0311 },
  cosineCNCa: { mean: -0.5203, deviation: 0.0353 },
} as const;

/** Van der Waals radii by element, in ångström (Bondi 1964). */
export const vanDerWaalsRadii: Readonly<Record<string, number>> = { C: 1.7, N: 1.55, O: 1.52, S: 1.8 };
