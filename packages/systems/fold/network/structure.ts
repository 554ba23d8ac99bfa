import { concat, ones, relu, sqrt, stopGradient, sum, type Tensor, zeros } from "@gradus/tensor";
import { framesToAtoms, torsionAnglesToFrames } from "./atoms.ts";
import { type Frames, identityQuaternions, multiplyQuaternions, quaternionToRotation, rotate } from "./frames.ts";
import { type IpaSizes, invariantPointAttention, ipaParameters } from "./ipa.ts";
import { keep, type LinearWeights, linear, type Mask, norm, type Pass, reluLinear } from "./layers.ts";
import { linearParameters, normParameters, type Weights } from "./parameters.ts";

export interface StructureSizes {
  readonly ipa: IpaSizes;
  /** Channels of the network that finds torsions. */
  readonly angles: number;
  /** Times that the shared layer is applied. */
  readonly layers: number;
}

const torsionParameters = (c_s: number, c: number) => ({
  input_projection: linearParameters(c_s, c),
  input_projection_1: linearParameters(c_s, c),
  resblock1: linearParameters(c, c, "relu"),
  resblock2: linearParameters(c, c, 0),
  resblock1_1: linearParameters(c, c, "relu"),
  resblock2_1: linearParameters(c, c, 0),
  unnormalized_angles: linearParameters(c, 14),
});

export const structureParameters = (c_s: number, c_z: number, { ipa, angles }: StructureSizes) => ({
  single_layer_norm: normParameters(c_s),
  initial_projection: linearParameters(c_s, c_s),
  pair_layer_norm: normParameters(c_z),
  fold_iteration: {
    invariant_point_attention: ipaParameters(c_s, c_z, ipa),
    attention_layer_norm: normParameters(c_s),
    transition: linearParameters(c_s, c_s, "relu"),
    transition_1: linearParameters(c_s, c_s, "relu"),
    transition_2: linearParameters(c_s, c_s, 0),
    transition_layer_norm: normParameters(c_s),
    affine_update: linearParameters(c_s, 6, 0),
    rigid_sidechain: torsionParameters(c_s, angles),
  },
});

export type StructureWeights = Weights<ReturnType<typeof structureParameters>>;

/** Frames of residues by quaternion, as the layers change them. */
export interface Backbone {
  /** (w, x, y, z), [r, 4] */
  readonly quaternion: Tensor;
  /** [r, 3] */
  readonly translation: Tensor;
}

export const framesOf = ({ quaternion, translation }: Backbone): Frames => ({
  rotation: quaternionToRotation(quaternion),
  translation,
});

/** Torsions as (sin, cos) of pre-omega, phi, psi, chi1 to chi4: [r, 7, 2]. */
export interface Torsions {
  /** On the unit circle. */
  readonly angles: Tensor;
  /** As the network gave them; a loss keeps them near the circle. */
  readonly unnormalized: Tensor;
}

/** What a layer of the structure module finds. */
export interface StructureLayer extends Torsions {
  /** In ångström. */
  readonly backbone: Backbone;
  /** Single representation after the layer, [r, c_s]. */
  readonly state: Tensor;
}

/** Units of the structure module's translations, in ångström. */
export const UNIT = 10;

/**
 * Algorithm 20 without its losses and without atoms, which `atomsOf` makes: the layers' results, the last of which counts. All residues
 * start at the origin. `stopRotations` lets no gradient flow from one layer to the layer before through rotations, as in training.
 */
export function structureModule(
  single: Tensor,
  pair: Tensor,
  mask: Mask,
  weights: StructureWeights,
  layers: number,
  pass: Pass & { readonly stopRotations?: boolean } = {},
): StructureLayer[] {
  const { stopRotations = true } = pass;
  const initial = norm(single, weights.single_layer_norm);
  const z = norm(pair, weights.pair_layer_norm);
  let s = linear(initial, weights.initial_projection);
  const residues = s.shape[0]!;
  let backbone: Backbone = {
    quaternion: identityQuaternions([residues], s.dtype),
    translation: zeros([residues, 3], { dtype: s.dtype }),
  };
  const found: StructureLayer[] = [];
  for (let layer = 0; layer < layers; layer++) {
    s = updateSingle(s, z, framesOf(backbone), mask, weights.fold_iteration, pass);
    backbone = backboneUpdate(backbone, linear(s, weights.fold_iteration.affine_update));
    const torsions = torsionAngles(s, initial, weights.fold_iteration.rigid_sidechain);
    const { quaternion, translation } = backbone;
    found.push({ backbone: { quaternion, translation: translation.mul(UNIT) }, ...torsions, state: s });
    if (stopRotations) backbone = { quaternion: stopGradient(quaternion), translation };
  }
  return found;
}

/** Algorithm 20, lines 6 to 9: what a residue learns of the others, and what it makes of it. */
function updateSingle(s: Tensor, z: Tensor, frames: Frames, mask: Mask, weights: StructureWeights["fold_iteration"], pass: Pass): Tensor {
  const { drop = keep } = pass;
  s = s.add(invariantPointAttention(s, z, frames, mask, weights.invariant_point_attention, pass));
  s = norm(drop(s, 0.1, null), weights.attention_layer_norm);
  const inner = linear(reluLinear(reluLinear(s, weights.transition), weights.transition_1), weights.transition_2);
  return norm(drop(s.add(inner), 0.1, null), weights.transition_layer_norm);
}

/**
 * Algorithm 23, and the frame that it leads to: six numbers a residue [r, 6] are the vector part of a quaternion whose real part is 1,
 * and a step in the residue's own frame.
 */
export function backboneUpdate({ quaternion, translation }: Backbone, update: Tensor): Backbone {
  const turn = concat([ones([update.shape[0]!, 1], { dtype: update.dtype }), update.get(":, :3")], { axis: 1 });
  const turned = multiplyQuaternions(quaternion, turn);
  return {
    quaternion: turned.div(sqrt(sum(turned.square(), { axis: -1, keepdims: true }))),
    translation: translation.add(rotate(quaternionToRotation(quaternion), update.get(":, 3:"))),
  };
}

/** Algorithm 20, lines 11 to 14: torsions from the single representation as it is and as it was at first. */
function torsionAngles(s: Tensor, initial: Tensor, weights: StructureWeights["fold_iteration"]["rigid_sidechain"]): Torsions {
  let a = linear(relu(s), weights.input_projection).add(linear(relu(initial), weights.input_projection_1));
  const block = (first: LinearWeights, second: LinearWeights) => a.add(linear(reluLinear(relu(a), first), second));
  a = block(weights.resblock1, weights.resblock2);
  a = block(weights.resblock1_1, weights.resblock2_1);
  const unnormalized = linear(relu(a), weights.unnormalized_angles).reshape([s.shape[0]!, 7, 2]);
  const length = sqrt(sum(unnormalized.square(), { axis: -1, keepdims: true }).maximum(1e-12));
  return { angles: unnormalized.div(length), unnormalized };
}

/** Rigid groups [r, 8] and atoms [r, 14, 3] of a layer's result, in ångström: algorithm 24. */
export function atomsOf({ backbone, angles }: StructureLayer, aatype: Tensor): { readonly groups: Frames; readonly atoms: Tensor } {
  const groups = torsionAnglesToFrames(framesOf(backbone), angles, aatype);
  return { groups, atoms: framesToAtoms(groups, aatype) };
}
