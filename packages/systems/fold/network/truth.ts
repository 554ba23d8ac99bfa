import { array, concat, pad, prod, stack, sum, type Tensor, where } from "@gradus/tensor";
import {
  atom14Ambiguous,
  atom14Mask,
  atom14Swapped,
  atom14ToAtom37,
  chiAtoms,
  chiMask,
  chiPeriodic,
  groupAmbiguous,
  groupAtoms,
  groupExists,
} from "../constants/tables.ts";
import { lookUp, takePlaces } from "./atoms.ts";
import { applyInverse, type Frames, framesFromPoints } from "./frames.ts";

/** What a measured structure says to the network and its losses, from atoms in atom37 order: positions [r, 37, 3], mask [r, 37]. */

/** Places in atom37 arrays. */
const [N, CA, C, CB, O] = [0, 1, 2, 3, 4];
const GLYCINE = 7;

/** The atom that stands for a residue's side chain: CB, or CA of glycine. [r, 3] and its mask [r]. */
export function pseudoBeta(aatype: Tensor, positions: Tensor, mask: Tensor): { readonly positions: Tensor; readonly mask: Tensor };
export function pseudoBeta(aatype: Tensor, positions: Tensor, mask: null): { readonly positions: Tensor; readonly mask: null };
export function pseudoBeta(aatype: Tensor, positions: Tensor, mask: Tensor | null) {
  const glycine = aatype.equal(GLYCINE);
  return {
    positions: where(glycine.expandDims({ axis: 1 }), positions.get(":", CA), positions.get(":", CB)),
    mask: mask && where(glycine, mask.get(":", CA), mask.get(":", CB)),
  };
}

/** Atoms in atom14 order, under their names and under those they might as well have. Positions [r, 14, 3], masks [r, 14]. */
export interface TrueAtoms {
  readonly positions: Tensor;
  readonly exists: Tensor;
  readonly alternativePositions: Tensor;
  readonly alternativeExists: Tensor;
  /** Atoms whose name is a matter of convention. */
  readonly ambiguous: Tensor;
}

export function trueAtoms(aatype: Tensor, positions: Tensor, mask: Tensor): TrueAtoms {
  const places = lookUp(atom14ToAtom37, aatype);
  const exists = takePlaces(mask, places).mul(lookUp(atom14Mask, aatype, mask.dtype));
  const atoms = takePlaces(positions, places).mul(exists.expandDims({ axis: 2 }));
  const swapped = lookUp(atom14Swapped, aatype);
  return {
    positions: atoms,
    exists,
    alternativePositions: takePlaces(atoms, swapped),
    alternativeExists: takePlaces(exists, swapped),
    ambiguous: lookUp(atom14Ambiguous, aatype, mask.dtype),
  };
}

/** Rigid groups [r, 8] as measured, and where names are a matter of convention, as they might as well be. Masks [r, 8]. */
export interface TrueGroups {
  readonly frames: Frames;
  readonly alternativeFrames: Frames;
  readonly exists: Tensor;
}

export function trueGroups(aatype: Tensor, positions: Tensor, mask: Tensor): TrueGroups {
  const residues = aatype.shape[0]!;
  const places = lookUp(groupAtoms, aatype).reshape([residues, 24]);
  const points = takePlaces(positions, places).reshape([residues, 8, 3, 3]);
  const known = takePlaces(mask, places).reshape([residues, 8, 3]).min({ axis: 2 });
  const { rotation, translation } = framesFromPoints(points.get(":, :, 0"), points.get(":, :, 1"), points.get(":, :, 2"));
  const signs = (values: readonly number[]): Tensor => array([...values], { dtype: positions.dtype });
  // C of the backbone lies on positive x, unlike the first atoms of other groups.
  const backbone = rotation.get(":, :1").mul(signs([-1, 1, -1]));
  const upright = concat([backbone, rotation.get(":, 1:")], { axis: 1 });
  // Half a turn about x, where that changes names alone.
  const ambiguous = lookUp(groupAmbiguous, aatype, positions.dtype).expandDims({ axis: [2, 3] });
  const half = ambiguous.mul(signs([0, -2, -2])).add(1);
  return {
    frames: { rotation: upright, translation },
    alternativeFrames: { rotation: upright.mul(half), translation },
    exists: known.mul(lookUp(groupExists, aatype, mask.dtype)),
  };
}

/** Torsions as (sin, cos) of pre-omega, phi, psi, chi1 to chi4, [r, 7, 2], with half a turn more where that changes names alone. */
export interface TrueTorsions {
  readonly angles: Tensor;
  readonly alternatives: Tensor;
  /** [r, 7] */
  readonly mask: Tensor;
}

/** Pre-omega and phi take atoms of the residue before in the array, whatever its number. */
export function trueTorsions(aatype: Tensor, positions: Tensor, mask: Tensor): TrueTorsions {
  const residues = aatype.shape[0]!;
  const before = (x: Tensor): Tensor => pad(x.get(":-1"), [[1, 0], ...x.shape.slice(1).map((): [number, number] => [0, 0])]);
  const [previous, previousMask] = [before(positions), before(mask)];
  type Choice = readonly (readonly [from: "before" | "own", atom: number])[];
  const choices: readonly Choice[] = [
    [
      ["before", CA!],
      ["before", C!],
      ["own", N!],
      ["own", CA!],
    ],
    [
      ["before", C!],
      ["own", N!],
      ["own", CA!],
      ["own", C!],
    ],
    [
      ["own", N!],
      ["own", CA!],
      ["own", C!],
      ["own", O!],
    ],
  ];
  const choose = (own: Tensor, earlier: Tensor): Tensor =>
    stack(
      choices.map((choice) =>
        stack(
          choice.map(([from, atom]) => (from === "own" ? own : earlier).get(":", atom)),
          { axis: 1 },
        ),
      ),
      { axis: 1 },
    );
  const places = lookUp(chiAtoms, aatype).reshape([residues, 16]);
  const atoms = concat([choose(positions, previous), takePlaces(positions, places).reshape([residues, 4, 4, 3])], { axis: 1 });
  const known = concat(
    [
      prod(choose(mask, previousMask), { axis: 2 }),
      prod(takePlaces(mask, places).reshape([residues, 4, 4]), { axis: 2 }).mul(lookUp(chiMask, aatype, mask.dtype)),
    ],
    { axis: 1 },
  );

  const [a, b, c, d] = [0, 1, 2, 3].map((i) => atoms.get(":, :", i)) as [Tensor, Tensor, Tensor, Tensor];
  const seen = applyInverse(framesFromPoints(b, c, a), d);
  const sinCos = stack([seen.get("...", 2), seen.get("...", 1)], { axis: -1 });
  const unit = sinCos.div(sum(sinCos.square(), { axis: -1, keepdims: true }).add(1e-8).sqrt());
  // Psi is measured with O, which lies opposite the next N.
  const angles = unit.mul(array([1, 1, -1, 1, 1, 1, 1], { dtype: positions.dtype }).reshape([7, 1]));
  const turned = lookUp(chiPeriodic, aatype, positions.dtype).mul(-2).add(1);
  const factors = pad(turned.sub(1), [
    [0, 0],
    [3, 0],
  ]).add(1);
  return { angles, alternatives: angles.mul(factors.expandDims({ axis: 2 })), mask: known };
}
