import { peptideBond, residueAngles, residueBonds, vanDerWaalsRadii } from "../constants/bonds.ts";
import { atom37Index, atomNames, atoms37, residueNames } from "../constants/residues.ts";
import type { Chain } from "../io/structure.ts";

/** A distance that covalent bonds hold: of bonds themselves, and across angles. Atoms are numbered as in `Geometry`. */
export interface Held {
  readonly a: number;
  readonly b: number;
  /** Ångström. */
  readonly length: number;
  readonly deviation: number;
}

/** The atoms of a chain, one after the other, and what holds them. */
export interface Geometry {
  /** Place of each atom in atom37 arrays of the whole chain: residue · 37 + atom. */
  readonly places: Int32Array;
  /** Ångström, [n, 3]. */
  readonly positions: Float64Array;
  readonly radii: Float64Array;
  readonly held: readonly Held[];
  /** Pairs that may come as near as they are because they are bound, as a · n + b with a < b. */
  readonly bound: ReadonlySet<number>;
}

const [proline, cysteine] = ["PRO", "CYS"].map((name) => residueNames.indexOf(name)) as [number, number];

/** Across the peptide bond: carbonyl oxygen to the next nitrogen, and CA to CA on opposite sides and on the same side. */
const oxygenNitrogen = { length: 2.25, deviation: 0.03 };
const [trans, cis] = [
  { length: 3.8, deviation: 0.05 },
  { length: 2.95, deviation: 0.05 },
];

export function geometryOf({ aatype, residueIndex, atomPositions, atomMask }: Chain): Geometry {
  const places = Int32Array.from(atomMask.keys()).filter((at) => atomMask[at]! > 0);
  const n = places.length;
  const numbers = new Map(Array.from(places, (place, i) => [place, i]));
  const positions = Float64Array.from({ length: 3 * n }, (_, k) => atomPositions[3 * places[Math.floor(k / 3)]! + (k % 3)]!);
  const held: Held[] = [];
  const bound = new Set<number>();
  const find = (residue: number, name: string): number | undefined => numbers.get(residue * atoms37 + atom37Index(name)!);
  const hold = (a: number | undefined, b: number | undefined, { length, deviation }: { length: number; deviation: number }): void => {
    if (a !== undefined && b !== undefined) held.push({ a, b, length, deviation });
  };
  for (let i = 0; i < aatype.length; i++) {
    const type = aatype[i]!;
    for (const bond of [...residueBonds[type]!, ...residueAngles[type]!]) hold(find(i, bond.atoms[0]), find(i, bond.atoms[1]), bond);
    const joined = i > 0 && residueIndex[i] === residueIndex[i - 1]! + 1;
    if (!joined) continue;
    const [ca, c, o] = ["CA", "C", "O"].map((name) => find(i - 1, name));
    const [nitrogen, alpha] = ["N", "CA"].map((name) => find(i, name));
    const { mean, deviation, meanProline, deviationProline } = peptideBond.length;
    const bond = type === proline ? { length: meanProline, deviation: deviationProline } : { length: mean, deviation };
    hold(c, nitrogen, bond);
    hold(ca, nitrogen, across(lengthOf(aatype[i - 1]!, "CA", "C"), bond.length, peptideBond.cosineCaCN));
    hold(c, alpha, across(lengthOf(type, "N", "CA"), bond.length, peptideBond.cosineCNCa));
    hold(o, nitrogen, oxygenNitrogen);
    if (ca !== undefined && alpha !== undefined) hold(ca, alpha, distance(positions, ca, alpha) < 3.4 ? cis : trans);
    if (c !== undefined && nitrogen !== undefined) bound.add(c * n + nitrogen);
  }
  // Any two cysteines may be bridged.
  const sulphurs = Array.from(aatype.keys()).flatMap((i) => (aatype[i] === cysteine ? [find(i, "SG")] : []));
  for (const a of sulphurs) for (const b of sulphurs) if (a !== undefined && b !== undefined && a < b) bound.add(a * n + b);
  const radii = Float64Array.from(places, (place) => vanDerWaalsRadii[atomNames[place % atoms37]![0]!]!);
  return { places, positions, radii, held, bound };
}

const lengthOf = (type: number, a: string, b: string): number =>
  residueBonds[type]!.find(({ atoms }) => atoms.includes(a) && atoms.includes(b))?.length ?? 1.5;

/** The distance across an angle between two bonds. */
function across(a: number, b: number, { mean, deviation }: { readonly mean: number; readonly deviation: number }) {
  const length = Math.sqrt(a * a + b * b - 2 * a * b * mean);
  return { length, deviation: (a * b * deviation) / length };
}

const distance = (p: Float64Array, a: number, b: number): number =>
  Math.hypot(p[3 * a]! - p[3 * b]!, p[3 * a + 1]! - p[3 * b + 1]!, p[3 * a + 2]! - p[3 * b + 2]!);

/** Pairs of atoms of different residues nearer than `limit`, but for bound ones. By cells of that size, so that the work grows with n. */
export function nearPairs({ places, bound }: Geometry, positions: Float64Array, limit: number): [number, number][] {
  const n = places.length;
  const cells = new Map<string, number[]>();
  const cellOf = (i: number): [number, number, number] =>
    [0, 1, 2].map((k) => Math.floor(positions[3 * i + k]! / limit)) as [number, number, number];
  for (let i = 0; i < n; i++) {
    const key = cellOf(i).join();
    const cell = cells.get(key);
    if (cell) cell.push(i);
    else cells.set(key, [i]);
  }
  const pairs: [number, number][] = [];
  for (let i = 0; i < n; i++) {
    const [x, y, z] = cellOf(i);
    for (let dx = -1; dx <= 1; dx++)
      for (let dy = -1; dy <= 1; dy++)
        for (let dz = -1; dz <= 1; dz++)
          for (const j of cells.get(`${x + dx},${y + dy},${z + dz}`) ?? []) {
            if (j <= i || Math.floor(places[i]! / atoms37) === Math.floor(places[j]! / atoms37) || bound.has(i * n + j)) continue;
            if (distance(positions, i, j) < limit) pairs.push([i, j]);
          }
  }
  return pairs;
}

/** What is wrong with a structure, by the tolerances of AlphaFold's violation loss (supplement, section 1.9.11). */
export interface Strain {
  /** Bonds and angles that are off by more than twelve standard deviations. */
  readonly bonds: number;
  /** The largest of those errors, in standard deviations. */
  readonly worstBond: number;
  /** Pairs of atoms whose spheres overlap by more than 1.5 Å. */
  readonly clashes: number;
  /** The largest overlap, in ångström. */
  readonly worstOverlap: number;
}

/** Ångström that spheres may overlap by, and standard deviations that bonds may be off by. */
export const [overlapTolerance, bondTolerance] = [1.5, 12] as const;
/** The largest sum of two radii, sulphur's, less the tolerance. */
export const clashRange = 2 * vanDerWaalsRadii.S!;

export function strainOf(geometry: Geometry, positions = geometry.positions): Strain {
  const errors = geometry.held.map(({ a, b, length, deviation }) => Math.abs(distance(positions, a, b) - length) / deviation);
  const overlaps = nearPairs(geometry, positions, clashRange - overlapTolerance).map(
    ([a, b]) => geometry.radii[a]! + geometry.radii[b]! - distance(positions, a, b),
  );
  return {
    bonds: errors.filter((error) => error > bondTolerance).length,
    worstBond: errors.reduce((a, b) => Math.max(a, b), 0),
    clashes: overlaps.filter((overlap) => overlap > overlapTolerance).length,
    worstOverlap: overlaps.reduce((a, b) => Math.max(a, b), 0),
  };
}
