import { ArgumentError } from "@gradus/tensor";
import { residueTypes } from "../constants/atoms.ts";
import { peptideBond } from "../constants/bonds.ts";
import { atom37Index, atoms37, residueLetters, unknownResidue } from "../constants/residues.ts";
import type { Chain } from "../io/structure.ts";

/** Torsion angles of a residue's backbone, in degrees. */
export interface BackboneAngles {
  readonly phi: number;
  readonly psi: number;
  /** Of the peptide bond before the residue. Default 180. */
  readonly omega?: number;
}

type Vector = readonly [x: number, y: number, z: number];

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const scaled = (a: Vector, s: number): Vector => [a[0] * s, a[1] * s, a[2] * s];
const unit = (a: Vector): Vector => scaled(a, 1 / Math.hypot(...a));
const plus = (...list: Vector[]): Vector => list.reduce((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]]);
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** The atom d of a chain a - b - c - d by the length of c - d, the angle b - c - d, and the torsion (NeRF, Parsons et al. 2005). */
export function placeAtom(a: Vector, b: Vector, c: Vector, length: number, angle: number, torsion: number): Vector {
  const along = unit(minus(c, b));
  const normal = unit(cross(minus(b, a), along));
  const side = cross(normal, along);
  const [r, s] = [-length * Math.cos(angle), length * Math.sin(angle)];
  return plus(c, scaled(along, r), scaled(side, s * Math.cos(torsion)), scaled(normal, s * Math.sin(torsion)));
}

/** Where a type's backbone atoms lie when CA is the origin, C on the x axis and N in the plane of x and y. */
function geometryOf(type: number) {
  const place = (name: string): Vector | undefined => residueTypes[type]!.atoms.find((atom) => atom.name === name)?.position;
  const [n, c, o] = ["N", "C", "O"].map((name) => place(name)!) as [Vector, Vector, Vector];
  return {
    lengthN: Math.hypot(...n),
    lengthC: c[0],
    lengthO: Math.hypot(...o),
    angleNCaC: Math.acos(n[0] / Math.hypot(...n)),
    // O is given as seen from C, with x going on from CA.
    angleCaCO: Math.PI - Math.atan2(o[1], o[0]),
    beta: place("CB"),
  };
}

const proline = residueLetters.indexOf("P");

/**
 * A chain with the backbone and CB, built residue by residue from ideal lengths and angles and the torsions given; its centre is the origin.
 * ArgumentError for residues of unknown type, whose geometry is not known.
 */
export function buildBackbone(sequence: string, angles: readonly BackboneAngles[], id = "A"): Chain {
  const n = sequence.length;
  if (!n || angles.length !== n) throw new ArgumentError("buildBackbone", `there are ${angles.length} residues' angles for ${n} residues`);
  const aatype = Int32Array.from(sequence, (letter) => residueLetters.indexOf(letter));
  const strange = aatype.findIndex((type) => type < 0 || type === unknownResidue);
  if (strange >= 0) throw new ArgumentError("buildBackbone", `${JSON.stringify(sequence[strange])} is none of the twenty amino acids`);
  const atomPositions = new Float32Array(n * atoms37 * 3);
  const atomMask = new Float32Array(n * atoms37);
  const set = (residue: number, name: string, position: Vector): void => {
    const at = residue * atoms37 + atom37Index(name)!;
    atomPositions.set(position, 3 * at);
    atomMask[at] = 1;
  };

  let before: { n: Vector; ca: Vector; c: Vector; psi: number } | undefined;
  for (let i = 0; i < n; i++) {
    const { lengthN, lengthC, lengthO, angleNCaC, angleCaCO, beta } = geometryOf(aatype[i]!);
    const { phi, psi, omega = 180 } = angles[i]!;
    let nitrogen: Vector = [lengthN * Math.cos(angleNCaC), lengthN * Math.sin(angleNCaC), 0];
    let alpha: Vector = [0, 0, 0];
    let carbon: Vector = [lengthC, 0, 0];
    if (before) {
      const length = aatype[i] === proline ? peptideBond.length.meanProline : peptideBond.length.mean;
      nitrogen = placeAtom(before.n, before.ca, before.c, length, Math.acos(peptideBond.cosineCaCN.mean), radians(before.psi));
      alpha = placeAtom(before.ca, before.c, nitrogen, lengthN, Math.acos(peptideBond.cosineCNCa.mean), radians(omega));
      carbon = placeAtom(before.c, nitrogen, alpha, lengthC, angleNCaC, radians(phi));
    }
    set(i, "N", nitrogen);
    set(i, "CA", alpha);
    set(i, "C", carbon);
    set(i, "O", placeAtom(nitrogen, alpha, carbon, lengthO, angleCaCO, radians(psi + 180)));
    if (beta) {
      const x = unit(minus(carbon, alpha));
      const z = unit(cross(x, minus(nitrogen, alpha)));
      set(i, "CB", plus(alpha, scaled(x, beta[0]), scaled(cross(z, x), beta[1]), scaled(z, beta[2])));
    }
    before = { n: nitrogen, ca: alpha, c: carbon, psi };
  }
  return {
    ...{ id, sequence, aatype, atomMask },
    residueIndex: Int32Array.from({ length: n }, (_, i) => i),
    numbers: Array.from({ length: n }, (_, i) => String(i + 1)),
    atomPositions: centred(atomPositions, atomMask),
    bFactors: new Float32Array(n * atoms37),
  };
}

/** Moves the mean of all atoms to the origin. */
function centred(positions: Float32Array, mask: Float32Array): Float32Array {
  const centre = [0, 0, 0];
  const count = mask.reduce((a, b) => a + b, 0);
  positions.forEach((x, i) => {
    centre[i % 3]! += x / count; // places without atoms hold zeros
  });
  return positions.map((x, i) => (mask[Math.floor(i / 3)] ? x - centre[i % 3]! : 0));
}

/** The smallest distance between atoms of residues that are not neighbours, in ångström; Infinity where there are none. */
export function closestContact({ atomPositions: p, atomMask }: Chain): number {
  const atoms: number[] = [];
  atomMask.forEach((m, at) => m && atoms.push(at));
  let closest = Infinity;
  for (const a of atoms)
    for (const b of atoms)
      if (Math.floor(b / atoms37) - Math.floor(a / atoms37) > 1)
        closest = Math.min(closest, Math.hypot(p[3 * a]! - p[3 * b]!, p[3 * a + 1]! - p[3 * b + 1]!, p[3 * a + 2]! - p[3 * b + 2]!));
  return closest;
}
