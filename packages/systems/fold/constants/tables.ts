import type { ArrayData } from "@gradus/tensor";
import { residueTypes } from "./atoms.ts";
import { residueAngles, residueBonds, vanDerWaalsRadii } from "./bonds.ts";
import { atom37Index, atomNames, atoms14, atoms37, residueAtoms, residueLetters } from "./residues.ts";
import { ambiguousAtoms, chiAtomNames } from "./torsions.ts";

/** Constants by residue type (21 rows: the twenty, then unknown), worked out from the facts beside this file. */

const types = residueTypes.length;
const groups = 8;

type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
type Table<D extends Data> = ArrayData & { readonly data: D };

function floats(shape: readonly number[], fill: (data: Float32Array) => void): Table<Float32Array<ArrayBuffer>> {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  fill(data);
  return { dtype: "float32", shape, data };
}

function integers(shape: readonly number[], fill: (data: Int32Array) => void): Table<Int32Array<ArrayBuffer>> {
  const data = new Int32Array(shape.reduce((a, b) => a * b, 1));
  fill(data);
  return { dtype: "int32", shape, data };
}

/** Calls `visit` for every atom of every type, with its places in atom14 and atom37 arrays. */
function eachAtom(visit: (type: number, place14: number, place37: number) => void): void {
  for (const [type, atoms] of residueAtoms.entries()) for (const [place, name] of atoms.entries()) visit(type, place, atom37Index(name)!);
}

/** Which atom37 place an atom14 place is, int32 [21, 14]; 0 where there is no atom. */
export const atom14ToAtom37 = integers([types, atoms14], (data) => {
  eachAtom((type, a, b) => (data[type * atoms14 + a] = b));
});

/** The other way: int32 [21, 37]; 0 where there is no atom. */
export const atom37ToAtom14 = integers([types, atoms37], (data) => {
  eachAtom((type, a, b) => (data[type * atoms37 + b] = a));
});

/** 1 where a type has an atom: [21, 14]. */
export const atom14Mask = floats([types, atoms14], (data) => {
  eachAtom((type, a) => (data[type * atoms14 + a] = 1));
});

/** 1 where a type has an atom: [21, 37]. */
export const atom37Mask = floats([types, atoms37], (data) => {
  eachAtom((type, _, b) => (data[type * atoms37 + b] = 1));
});

/** The rigid group that each atom moves with: int32 [21, 14]. */
export const atom14Group = integers([types, atoms14], (data) => {
  eachAtom((type, a) => (data[type * atoms14 + a] = residueTypes[type]!.atoms[a]!.group));
});

/** Ideal places of atoms in the frame of their group, in ångström: [21, 14, 3]. */
export const atom14Positions = floats([types, atoms14, 3], (data) => {
  eachAtom((type, a) => data.set(residueTypes[type]!.atoms[a]!.position, (type * atoms14 + a) * 3));
});

/** 1 for torsions chi1 to chi4 that a type has: [21, 4]. */
export const chiMask = floats([types, 4], (data) => {
  for (const [type, chis] of chiAtomNames.entries()) data.fill(1, 4 * type, 4 * type + chis.length);
});

/** The four atoms of each torsion as atom37 places: int32 [21, 4, 4]; 0 for torsions that are not there. */
export const chiAtoms = integers([types, 4, 4], (data) => {
  for (const [type, chis] of chiAtomNames.entries())
    data.set(
      chis.flat().map((name) => atom37Index(name)!),
      16 * type,
    );
});

/** 1 for torsions that turning by 180 degrees leaves as they are but for names, [21, 4]: always a type's last one. */
export const chiPeriodic = floats([types, 4], (data) => {
  for (const letter of Object.keys(ambiguousAtoms)) {
    const type = residueLetters.indexOf(letter);
    data[4 * type + chiAtomNames[type]!.length - 1] = 1;
  }
});

/** 1 for atoms whose name is a matter of convention: [21, 14]. */
export const atom14Ambiguous = floats([types, atoms14], (data) => {
  for (const [letter, pairs] of Object.entries(ambiguousAtoms)) {
    const type = residueLetters.indexOf(letter);
    for (const name of pairs.flat()) data[type * atoms14 + residueAtoms[type]!.indexOf(name)] = 1;
  }
});

/** The place of the atom with the other name, itself where names are certain: int32 [21, 14]. */
export const atom14Swapped = integers([types, atoms14], (data) => {
  for (let i = 0; i < data.length; i++) data[i] = i % atoms14;
  for (const [letter, pairs] of Object.entries(ambiguousAtoms)) {
    const type = residueLetters.indexOf(letter);
    for (const pair of pairs) {
      const [a, b] = pair.map((name) => residueAtoms[type]!.indexOf(name)) as [number, number];
      data[type * atoms14 + a] = b;
      data[type * atoms14 + b] = a;
    }
  }
});

/** Three atoms that span each rigid group, as atom37 places: on the negative x axis, at the origin, in the xy plane. int32 [21, 8, 3]. */
export const groupAtoms = integers([types, groups, 3], (data) => {
  for (let type = 0; type < types; type++) {
    const set = (group: number, names: readonly string[]) =>
      data.set(
        names.map((name) => atom37Index(name)!),
        (type * groups + group) * 3,
      );
    set(0, ["C", "CA", "N"]);
    set(3, ["CA", "C", "O"]);
    for (const [k, names] of chiAtomNames[type]!.entries()) set(4 + k, names.slice(1));
  }
});

/** 1 for rigid groups with heavy atoms, [21, 8]: backbone and psi of every type, chi1 to chi4 where there are. */
export const groupExists = floats([types, groups], (data) => {
  for (let type = 0; type < types; type++) {
    data[type * groups] = data[type * groups + 3] = 1;
    data.set(chiMask.data.subarray(4 * type, 4 * type + 4), type * groups + 4);
  }
});

/** 1 for rigid groups whose atoms' names are a matter of convention: [21, 8]. */
export const groupAmbiguous = floats([types, groups], (data) => {
  for (let type = 0; type < types; type++) data.set(chiPeriodic.data.subarray(4 * type, 4 * type + 4), type * groups + 4);
});

type Vector = readonly [number, number, number];
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const unit = (a: Vector): Vector => a.map((v) => v / Math.hypot(...a)) as unknown as Vector;
const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** The 4 x 4 matrix, row by row, of the frame with this x axis, y in the half plane of `y`, and this origin. */
function frame(x: Vector, y: Vector, origin: Vector): number[] {
  const ex = unit(x);
  const ey = unit(minus(y, ex.map((v) => v * dot(ex, y)) as unknown as Vector));
  const ez = cross(ex, ey);
  return [...[0, 1, 2].flatMap((i) => [ex[i]!, ey[i]!, ez[i]!, origin[i]!]), 0, 0, 0, 1];
}

/**
 * Where each rigid group's frame lies in the frame of the group that carries it, at torsion 0: [21, 8, 4, 4]. Backbone and pre-omega
 * are the identity; phi, psi and chi1 are carried by the backbone, chi2 to chi4 by the chi before. 0 for groups that are not there.
 */
export const defaultFrames = floats([types, groups, 4, 4], (data) => {
  for (const [type, { atoms }] of residueTypes.entries()) {
    if (!atoms.length) continue;
    const at = (name: string) => atoms.find((atom) => atom.name === name)!.position;
    const set = (group: number, matrix: number[]) => data.set(matrix, (type * groups + group) * 16);
    const identity = frame([1, 0, 0], [0, 1, 0], [0, 0, 0]);
    set(0, identity);
    set(1, identity);
    set(2, frame(minus(at("N"), at("CA")), [1, 0, 0], at("N")));
    set(3, frame(minus(at("C"), at("CA")), minus(at("CA"), at("N")), at("C")));
    for (const [k, names] of chiAtomNames[type]!.entries()) {
      const [first, second, axis] = names.map(at) as [Vector, Vector, Vector];
      set(4 + k, k === 0 ? frame(minus(axis, second), minus(first, second), axis) : frame(axis, [-1, 0, 0], axis));
    }
  }
});

/** Van der Waals radii of atom37 places, by element (the first letter of a name): [37]. */
export const atomRadii = floats([atoms37], (data) => {
  for (const [i, name] of atomNames.entries()) data[i] = vanDerWaalsRadii[name[0]!]!;
});

/**
 * The least and the largest distance of any two atoms of a residue that break no rule, [21, 14, 14]: a bond or the span of an angle may
 * be off by so many deviations, other atoms may overlap by so many ångström. 0 where there is no such pair.
 */
export function distanceBounds(overlapTolerance = 1.5, toleranceFactor = 12): { readonly lower: ArrayData; readonly upper: ArrayData } {
  const [lower, upper] = [new Float32Array(types * atoms14 ** 2), new Float32Array(types * atoms14 ** 2)];
  for (const [type, names] of residueAtoms.entries()) {
    const set = (i: number, j: number, low: number, high: number) => {
      for (const at of [(type * atoms14 + i) * atoms14 + j, (type * atoms14 + j) * atoms14 + i]) [lower[at], upper[at]] = [low, high];
    };
    const radius = (i: number) => vanDerWaalsRadii[names[i]![0]!]!;
    for (let i = 0; i < names.length; i++) for (let j = 0; j < i; j++) set(i, j, radius(i) + radius(j) - overlapTolerance, 1e10);
    for (const { atoms, length, deviation } of [...residueBonds[type]!, ...residueAngles[type]!]) {
      const [i, j] = atoms.map((name) => names.indexOf(name)) as [number, number];
      set(i, j, length - toleranceFactor * deviation, length + toleranceFactor * deviation);
    }
  }
  const shape = [types, atoms14, atoms14];
  return { lower: { dtype: "float32", shape, data: lower }, upper: { dtype: "float32", shape, data: upper } };
}
