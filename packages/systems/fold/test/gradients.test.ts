import { array, compile, flattenTree, grad, type Tensor, type Tree } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { backboneFape, fape } from "../losses/index.ts";
import { at, type Frames, framesFromPoints } from "../network/frames.ts";
import { invariantPointAttention, ipaParameters } from "../network/ipa.ts";
import { type Parameters, visitParameters, type Weights } from "../network/parameters.ts";
import { atomsOf, framesOf, structureModule, structureParameters } from "../network/structure.ts";
import {
  triangleAttentionEndingNode,
  triangleAttentionParameters,
  triangleAttentionStartingNode,
  triangleMultiplicationIncoming,
  triangleMultiplicationOutgoing,
  triangleMultiplicationParameters,
} from "../network/triangle.ts";
import { some } from "./reference.ts";

/** Parameters of a formula, float64. */
function formula<P extends Parameters>(parameters: P): Weights<P> {
  let seed = 100;
  return visitParameters(parameters, ({ shape }) => some(shape, ++seed).mul(0.5)) as Weights<P>;
}

/**
 * The largest difference, over the arrays of a tree, between the slope along a direction that the gradient says and that of central
 * differences, as a share of the gradient's length times the direction's (at least 0.1: biases of scores have no slope).
 */
async function slopeDifference<T extends Tree>(f: (given: T) => Tensor, given: T): Promise<number> {
  const loss = compile((tree: T) => {
    const out = f(tree);
    return out.mul(some(out.shape, 7)).sum();
  });
  const gradients = compile((tree: T) => grad(loss)(tree));
  const { leaves, form } = flattenTree("test", given);
  const slopes = flattenTree("test", gradients(given)).leaves;
  let most = 0;
  for (const [i, leaf] of leaves.entries()) {
    const direction = some(leaf.shape, 1000 + i);
    const step = 1e-5;
    const moved = async (by: number): Promise<number> =>
      loss(form.rebuild(leaves.map((x, j) => (i === j ? x.add(direction.mul(by)) : x))) as T).item();
    const measured = ((await moved(step)) - (await moved(-step))) / (2 * step);
    const said = await slopes[i]!.mul(direction).sum().item();
    const scale = Math.sqrt((await slopes[i]!.square().sum().item()) * (await direction.square().sum().item()));
    most = Math.max(most, Math.abs(measured - said) / Math.max(scale, 0.1));
  }
  return most;
}

const r = 5;
const mask = array([1, 1, 0, 1, 1], { dtype: "float64" });
const pairMask = mask.expandDims({ axis: 1 }).mul(mask);
/** Without what is masked, where scores of minus a billion leave differences no digits. */
const seen = (z: Tensor): Tensor => z.mul(pairMask.expandDims({ axis: 2 }));
const frames = (seed: number): Frames => framesFromPoints(some([r, 3], seed), some([r, 3], seed + 1), some([r, 3], seed + 2));
const ipa = { heads: 2, width: 3, queryPoints: 2, valuePoints: 3 };

describe("gradients agree with differences, in float64", () => {
  it.each([
    ["multiplication, outgoing", triangleMultiplicationOutgoing],
    ["multiplication, incoming", triangleMultiplicationIncoming],
  ] as const)("of triangle %s", async (_, update) => {
    const given = { z: some([r, r, 4], 1), w: formula(triangleMultiplicationParameters(4, 3)) };
    for (const pass of [{}, { chunk: 2 }])
      expect(await slopeDifference(({ z, w }: typeof given) => seen(update(z, pairMask, w, pass)), given)).toBeLessThan(1e-6);
  });

  it.each([
    ["starting node", triangleAttentionStartingNode],
    ["ending node", triangleAttentionEndingNode],
  ] as const)("of triangle attention, %s", async (_, update) => {
    const given = { z: some([r, r, 4], 1), w: formula(triangleAttentionParameters(4, 2, 3)) };
    for (const pass of [{}, { chunk: 2 }])
      expect(await slopeDifference(({ z, w }: typeof given) => seen(update(z, pairMask, w, pass)), given)).toBeLessThan(1e-6);
  });

  it("of invariant point attention, frames included", async () => {
    const given = { s: some([r, 6], 1), z: some([r, r, 4], 2), f: { ...frames(3) }, w: formula(ipaParameters(6, 4, ipa)) };
    expect(
      await slopeDifference(
        ({ s, z, f, w }: typeof given) => invariantPointAttention(s, z, f, mask, w).mul(mask.expandDims({ axis: 1 })),
        given,
      ),
    ).toBeLessThan(1e-6);
  });

  it("of the structure module and the atoms it builds", async () => {
    const aatype = array([17, 1, 5, 10, 3], { dtype: "int32" });
    const w = formula(structureParameters(6, 4, { ipa, angles: 5, layers: 2 }));
    const given = { s: some([r, 6], 1), z: some([r, r, 4], 2), w };
    const atoms = ({ s, z, w }: typeof given, stopRotations: boolean): Tensor =>
      atomsOf(structureModule(s, z, mask, w, 2, { stopRotations }).at(-1)!, aatype).atoms.mul(mask.reshape([r, 1, 1]));
    expect(await slopeDifference((tree: typeof given) => atoms(tree, false), given)).toBeLessThan(1e-6);
    // In training no gradient passes from layer to layer through rotations.
    expect(await slopeDifference((tree: typeof given) => atoms(tree, true), given)).toBeGreaterThan(1e-3);
  });

  it("of FAPE, clamped and not", async () => {
    const target = frames(20);
    const truth = { frames: target, points: some([9, 3], 30).mul(8) };
    const pointMask = array([1, 1, 1, 0, 1, 1, 1, 1, 0], { dtype: "float64" });
    const given = { f: { ...frames(10) }, points: some([9, 3], 31).mul(8) };
    for (const clamp of [10, null])
      expect(
        await slopeDifference(({ f, points }: typeof given) => fape({ frames: f, points }, truth, mask, pointMask, { clamp }), given),
      ).toBeLessThan(1e-6);
    const layers = { quaternion: some([r, 4], 40), translation: some([r, 3], 41).mul(20) };
    const one = ({ quaternion, translation }: typeof layers): Tensor =>
      backboneFape([framesOf({ quaternion, translation }), at(target, ":")], target, mask);
    expect(await slopeDifference(one, layers)).toBeLessThan(1e-6);
  });
});
