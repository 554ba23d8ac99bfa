import { array, eye, pad, relu, sqrt, sum, type Tensor, take, where } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";
import { peptideBond } from "../constants/bonds.ts";
import { residueAtoms, residueNames } from "../constants/residues.ts";
import { atom14ToAtom37, atomRadii, distanceBounds } from "../constants/tables.ts";
import { lookUp } from "../network/atoms.ts";
import { maskedMean } from "./masked.ts";

/** Deviations that bonds and angles may be off by. */
const TOLERANCE = 12;
/** Ångström that the spheres of atoms may overlap by. */
const OVERLAP = 1.5;

const PROLINE = residueNames.indexOf("PRO");
const [N, CA, C] = [0, 1, 2];
/** Place of a cysteine's sulphur in atom14 arrays; two of them may be bound. */
const SG = residueAtoms[residueNames.indexOf("CYS")]!.indexOf("SG");

const bounds = distanceBounds(OVERLAP, TOLERANCE);

/** A prediction whose geometry is looked at. */
export interface PredictedAtoms {
  /** In ångström, [r, 14, 3]. */
  readonly positions: Tensor;
  /** 1 for atoms that the residue's type has: [r, 14]. */
  readonly exists: Tensor;
  readonly aatype: Tensor;
  readonly residueIndex: Tensor;
}

/** Violations of what is known of covalent geometry and of atoms' sizes, beyond tolerances. */
export interface Violations {
  /** Mean errors of lengths (Å) and of cosines of angles at peptide bonds. */
  readonly length: Tensor;
  readonly cosineCaCN: Tensor;
  readonly cosineCNCa: Tensor;
  /** Ångström by which an atom comes too close to others, or within its residue too close or too far, summed up: [r, 14]. */
  readonly atoms: Tensor;
  /** 1 for residues with a violation: [r]. */
  readonly residues: Tensor;
}

/** Equations 44 to 47 of the supplement (section 1.9.11), added up: what makes a structure possible. */
export function violationLoss(prediction: PredictedAtoms): Tensor {
  const { length, cosineCaCN, cosineCNCa, atoms } = violationsOf(prediction);
  return length
    .add(cosineCaCN)
    .add(cosineCNCa)
    .add(sum(atoms).div(sum(prediction.exists).add(1e-6)));
}

export function violationsOf(prediction: PredictedAtoms): Violations {
  const peptide = peptideViolations(prediction);
  const [between, within] = [clashes(prediction), withinResidues(prediction)];
  const atoms = between.add(within);
  return {
    ...peptide,
    atoms,
    residues: peptide.residues.maximum(atoms.greater(0).astype(atoms.dtype).max({ axis: 1 })),
  };
}

/** Length of the bond between residues, and the angles beside it: equations 44 and 45. */
function peptideViolations({ positions, exists, aatype, residueIndex }: PredictedAtoms): Omit<Violations, "atoms"> {
  const { dtype } = positions;
  const number = (value: number): Tensor => array(value, { dtype });
  const here = (atom: number): Tensor => positions.get(":-1", atom);
  const next = (atom: number): Tensor => positions.get("1:", atom);
  const there = (...atoms: Tensor[]): Tensor => atoms.reduce((a, b) => a.mul(b), together);
  const together = residueIndex.get("1:").sub(residueIndex.get(":-1")).equal(1).astype(dtype);
  const has = (from: ":-1" | "1:", atom: number): Tensor => exists.get(from, atom);

  const vector = (from: Tensor, to: Tensor) => {
    const v = to.sub(from);
    const length = sqrt(sum(v.square(), { axis: -1 }).add(1e-6));
    return { length, unit: v.div(length.expandDims({ axis: 1 })) };
  };
  const cToN = vector(here(C), next(N));
  const cToCa = vector(here(C), here(CA));
  const nToCa = vector(next(N), next(CA));
  const cosine = (a: Tensor, b: Tensor): Tensor => sum(a.mul(b), { axis: -1 });

  const { length, cosineCaCN, cosineCNCa } = peptideBond;
  const proline = aatype.get("1:").equal(PROLINE);
  const byType = (usual: number, beforeProline: number): Tensor => where(proline, number(beforeProline), number(usual));
  const excess = (value: Tensor, mean: Tensor, deviation: Tensor, mask: Tensor) => {
    const error = relu(sqrt(value.sub(mean).square().add(1e-6)).sub(deviation.mul(TOLERANCE)));
    return { loss: maskedMean(error, mask, 1e-6), violated: error.greater(0).astype(dtype).mul(mask) };
  };
  const parts = [
    excess(
      cToN.length,
      byType(length.mean, length.meanProline),
      byType(length.deviation, length.deviationProline),
      there(has(":-1", C), has("1:", N)),
    ),
    excess(
      cosine(cToCa.unit, cToN.unit),
      number(cosineCaCN.mean),
      number(cosineCaCN.deviation),
      there(has(":-1", CA), has(":-1", C), has("1:", N)),
    ),
    excess(
      cosine(cToN.unit.neg(), nToCa.unit),
      number(cosineCNCa.mean),
      number(cosineCNCa.deviation),
      there(has(":-1", C), has("1:", N), has("1:", CA)),
    ),
  ] as const;
  const violated = parts.map((part) => part.violated).reduce((a, b) => a.maximum(b));
  // A bond belongs to both residues.
  const residues = pad(violated, [[0, 1]]).maximum(pad(violated, [[1, 0]]));
  return { length: parts[0].loss, cosineCaCN: parts[1].loss, cosineCNCa: parts[2].loss, residues };
}

/** By how much spheres of atoms of different residues overlap too far, of each atom summed up [r, 14]: equation 46. */
function clashes({ positions, exists, aatype, residueIndex }: PredictedAtoms): Tensor {
  const { dtype } = positions;
  const residues = aatype.shape[0]!;
  const count = 14 * residues;
  const flat = positions.reshape([count, 3]);
  const distance = sqrt(sum(flat.expandDims({ axis: 1 }).sub(flat).square(), { axis: -1 }).add(1e-10));
  const perAtom = (x: Tensor): Tensor => x.expandDims({ axis: 1 }).broadcastTo([residues, 14]).reshape([count]);
  const index = perAtom(residueIndex);
  const place = array(
    Array.from({ length: count }, (_, i) => i % 14),
    { dtype: "int32" },
  );
  const both = (first: number, second: number): Tensor => place.equal(first).expandDims({ axis: 1 }).logicalAnd(place.equal(second));
  const later = index.sub(index.expandDims({ axis: 1 }));
  const bonded = both(C, N).logicalAnd(later.equal(1)).logicalOr(both(SG, SG));
  const there = exists.reshape([count]);
  const mask = later
    .greater(0)
    .logicalAnd(bonded.logicalNot())
    .astype(dtype)
    .mul(there)
    .mul(there.expandDims({ axis: 1 }));
  const radius = take(toTensor(atomRadii).astype(dtype), lookUp(atom14ToAtom37, aatype), { axis: 0 }).reshape([count]);
  const overlap = relu(radius.expandDims({ axis: 1 }).add(radius).sub(OVERLAP).sub(distance)).mul(mask);
  return sum(overlap, { axis: 0 })
    .add(sum(overlap, { axis: 1 }))
    .reshape([residues, 14]);
}

/** By how much atoms of one residue come too close or too far, of each atom summed up [r, 14]: equation 46. */
function withinResidues({ positions, exists, aatype }: PredictedAtoms): Tensor {
  const { dtype } = positions;
  const between = positions.expandDims({ axis: 2 }).sub(positions.expandDims({ axis: 1 }));
  const distance = sqrt(sum(between.square(), { axis: -1 }).add(1e-10));
  const others = eye(14, { dtype }).neg().add(1);
  const mask = exists
    .expandDims({ axis: 2 })
    .mul(exists.expandDims({ axis: 1 }))
    .mul(others);
  const close = relu(lookUp(bounds.lower, aatype, dtype).sub(distance));
  const far = relu(distance.sub(lookUp(bounds.upper, aatype, dtype)));
  // Each pair is there twice, and counts for both atoms.
  return sum(close.add(far).mul(mask), { axis: 2 }).mul(2);
}
