import { type ArrayData, arange, concat, type DType, stack, type Tensor, take, zeros } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";
import {
  atom14Group,
  atom14Mask,
  atom14Positions,
  atom14ToAtom37,
  atom37Mask,
  atom37ToAtom14,
  defaultFrames,
} from "../constants/tables.ts";
import { apply, at, compose, type Frames, fromMatrices, reshapeFrames, rotateFrames } from "./frames.ts";

/** Rows of a table of constants, by residue types int32 [r]. */
export function lookUp(table: ArrayData, aatype: Tensor, dtype?: DType): Tensor {
  const rows = take(toTensor(table), aatype, { axis: 0 });
  return dtype && table.dtype === "float32" ? rows.astype(dtype) : rows;
}

/** Of each residue's places those that are named: [r, a, ...] by int32 [r, b] → [r, b, ...]. */
export function takePlaces(x: Tensor, places: Tensor): Tensor {
  const [residues, count, ...rest] = x.shape as [number, number, ...number[]];
  const first = arange(residues, { dtype: "int32" })
    .mul(count)
    .reshape([residues, ...places.shape.slice(1).map(() => 1)]);
  return take(x.reshape([residues * count, ...rest]), places.add(first), { axis: 0 });
}

/** Atoms in atom37 order from those in atom14 order: [r, 14, 3] → [r, 37, 3]; zeros where a type has no such atom. */
export const toAtom37 = (x: Tensor, aatype: Tensor): Tensor =>
  takePlaces(x, lookUp(atom37ToAtom14, aatype)).mul(lookUp(atom37Mask, aatype, x.dtype).expandDims({ axis: 2 }));

/** The other way: [r, 37, 3] → [r, 14, 3]. */
export const toAtom14 = (x: Tensor, aatype: Tensor): Tensor =>
  takePlaces(x, lookUp(atom14ToAtom37, aatype)).mul(lookUp(atom14Mask, aatype, x.dtype).expandDims({ axis: 2 }));

/** Rotations about the x axis, from (sin, cos) [..., 2] → [..., 3, 3]. */
function aboutX(sinCos: Tensor): Tensor {
  const [sin, cos] = [sinCos.get("...", 0), sinCos.get("...", 1)];
  const zero = cos.mul(0);
  const one = zero.add(1);
  return stack([one, zero, zero, zero, cos, sin.neg(), zero, sin, cos], { axis: -1 }).reshape([...cos.shape, 3, 3]);
}

const joined = (parts: readonly Frames[]): Frames => ({
  rotation: concat(
    parts.map(({ rotation }) => rotation),
    { axis: 1 },
  ),
  translation: concat(
    parts.map(({ translation }) => translation),
    { axis: 1 },
  ),
});

/**
 * Algorithm 24, lines 1 to 10: the eight rigid groups of each residue, [r, 8] frames, from its backbone [r] and its torsions, (sin, cos)
 * of pre-omega, phi, psi, chi1 to chi4, [r, 7, 2].
 */
export function torsionAnglesToFrames(backbone: Frames, angles: Tensor, aatype: Tensor): Frames {
  const residues = angles.shape[0]!;
  const defaults = fromMatrices(lookUp(defaultFrames, aatype, angles.dtype));
  // The backbone itself does not turn.
  const still = concat([zeros([residues, 1, 1], { dtype: angles.dtype }), zeros([residues, 1, 1], { dtype: angles.dtype }).add(1)], {
    axis: 2,
  });
  const turned: Frames = {
    rotation: rotateFrames(defaults.rotation, aboutX(concat([still, angles], { axis: 1 }))),
    translation: defaults.translation,
  };
  // Each of chi2 to chi4 is carried by the one before it.
  const chis = [at(turned, ":", "4:5")];
  for (let k = 1; k < 4; k++) chis.push(compose(chis[k - 1]!, at(turned, ":", `${4 + k}:${5 + k}`)));
  return compose(at(backbone, ":", null), joined([at(turned, ":", ":4"), ...chis]));
}

/** Algorithm 24, lines 11 and 12: atoms [r, 14, 3] in the frames of their rigid groups [r, 8]; zeros where a type has no such atom. */
export function framesToAtoms(groups: Frames, aatype: Tensor): Tensor {
  const { dtype, shape } = groups.translation;
  const places = lookUp(atom14Group, aatype);
  const own: Frames = {
    rotation: takePlaces(groups.rotation, places),
    translation: takePlaces(groups.translation, places),
  };
  const positions = apply(reshapeFrames(own, [shape[0]!, 14]), lookUp(atom14Positions, aatype, dtype));
  return positions.mul(lookUp(atom14Mask, aatype, dtype).expandDims({ axis: 2 }));
}
