import { sqrt, sum, type Tensor, where } from "@gradus/tensor";
import { type Frames, reshapeFrames } from "../network/frames.ts";
import type { TrueGroups } from "../network/truth.ts";
import type { RenamedAtoms } from "./renaming.ts";

export interface FapeOptions {
  /** Errors beyond so many ångström count no more; null: all count. Default 10. */
  readonly clamp?: number | null;
  /** Ångström that are a loss of 1. */
  readonly scale?: number;
  readonly epsilon?: number;
}

/** Frames [f] and points [p, 3] of a structure, in ångström. */
export interface Aligned {
  readonly frames: Frames;
  readonly points: Tensor;
}

/**
 * Algorithm 28: the frame aligned point error. The mean, over frames [f] and points [p], of how far a point lies from its true place
 * after both structures were laid one upon the other by that frame. Masks [f] and [p].
 */
export function fape(
  predicted: Aligned,
  target: Aligned,
  frameMask: Tensor,
  pointMask: Tensor,
  { clamp = 10, scale = 10, epsilon = 1e-4 }: FapeOptions = {},
): Tensor {
  const [x, y] = [localCoordinates(predicted), localCoordinates(target)];
  const squared = x.map((part, axis) => part.sub(y[axis]!).square()).reduce((a, b) => a.add(b));
  let distance = sqrt(squared.add(epsilon));
  if (clamp !== null) distance = distance.minimum(clamp);
  const total = sum(distance.mul(frameMask.expandDims({ axis: 1 })).mul(pointMask));
  return total.div(scale).div(sum(frameMask).add(epsilon)).div(sum(pointMask).add(epsilon));
}

/** x, y and z of all points in all frames, each [f, p]: one by one, so that no array [f, p, 3] is needed. */
function localCoordinates({ frames: { rotation, translation }, points }: Aligned): Tensor[] {
  return [0, 1, 2].map((axis) =>
    [0, 1, 2]
      .map((k) =>
        points
          .get(":", k)
          .sub(translation.get(":", k, null))
          .mul(rotation.get(":", k, axis, null)),
      )
      .reduce((a, b) => a.add(b)),
  );
}

/**
 * The loss of backbones (algorithm 20, line 17): FAPE of CA atoms in backbone frames, the mean over layers. `clamped` [] is the share of
 * the clamped error; of the whole one comes the rest, which AlphaFold takes for one example in ten.
 */
export function backboneFape(layers: readonly Frames[], target: Frames, mask: Tensor, clamped: Tensor | null = null): Tensor {
  const truth = { frames: target, points: target.translation };
  const each = layers.map((frames) => {
    const predicted = { frames, points: frames.translation };
    const error = fape(predicted, truth, mask, mask);
    if (!clamped) return error;
    return error.mul(clamped).add(fape(predicted, truth, mask, mask, { clamp: null }).mul(clamped.neg().add(1)));
  });
  return each.reduce((a, b) => a.add(b)).div(layers.length);
}

/** The loss of side chains (algorithm 20, line 28): FAPE of all atoms [r, 14, 3] in all rigid groups [r, 8]. */
export function sidechainFape(
  predicted: { readonly groups: Frames; readonly atoms: Tensor },
  target: TrueGroups,
  { positions, exists, alternative }: RenamedAtoms,
): Tensor {
  const residues = positions.shape[0]!;
  const choose = (a: Tensor, b: Tensor): Tensor =>
    where(alternative.reshape([residues, ...a.shape.slice(1).map(() => 1)]).greater(0), a, b);
  const frames: Frames = {
    rotation: choose(target.alternativeFrames.rotation, target.frames.rotation),
    translation: choose(target.alternativeFrames.translation, target.frames.translation),
  };
  const flat = (f: Frames, points: Tensor): Aligned => ({
    frames: reshapeFrames(f, [8 * residues]),
    points: points.reshape([14 * residues, 3]),
  });
  return fape(
    flat(predicted.groups, predicted.atoms),
    flat(frames, positions),
    target.exists.reshape([8 * residues]),
    exists.reshape([14 * residues]),
  );
}
