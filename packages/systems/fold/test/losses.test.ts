import { concat, type Tensor } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import {
  angleNormLoss,
  backboneFape,
  chiLoss,
  fape,
  lddtCa,
  maskedMsaLoss,
  plddtLoss,
  renameSymmetricAtoms,
  sidechainFape,
  torsionLoss,
} from "../losses/index.ts";
import { toAtom37 } from "../network/atoms.ts";
import { at, toMatrices } from "../network/frames.ts";
import { plddtOf } from "../network/heads.ts";
import { atomsOf, framesOf, type StructureLayer } from "../network/structure.ts";
import { trueAtoms, trueGroups, trueTorsions } from "../network/truth.ts";
import { Fixture, noFixtures, tolerance } from "./reference.ts";

/** The made-up predictions and the real segment of a loss's file. */
async function read(name: string) {
  const f = await Fixture.read(name);
  const [frames, angles, unnormalized] = [f.in("frames"), f.in("angles"), f.in("unnormalized_angles")];
  const layers = Array.from(
    { length: frames.shape[0]! },
    (_, i): StructureLayer => ({
      backbone: { quaternion: frames.get(i, ":, :4"), translation: frames.get(i, ":, 4:") },
      angles: angles.get(i),
      unnormalized: unnormalized.get(i),
      state: angles,
    }),
  );
  const truth = [f.in("aatype"), f.in("all_atom_positions"), f.in("all_atom_mask")] as const;
  return { f, layers, truth, aatype: truth[0], groups: trueGroups(...truth) };
}

describe.skipIf(noFixtures)("losses equal the reference's", () => {
  it("FAPE of backbones (algorithm 28)", async () => {
    const { f, layers, groups } = await read("loss_backbone_fape");
    const target = at(groups.frames, ":", 0);
    const mask = groups.exists.get(":", 0);
    const frames = layers.map(({ backbone }) => framesOf(backbone));
    expect(await f.off("target_frames", toMatrices(target))).toBeLessThan(tolerance);
    expect(await f.off("target_mask", mask)).toBe(0);
    expect(await f.off("loss_clamped", backboneFape(frames, target, mask))).toBeLessThan(tolerance);
    const one = (i: number): Tensor => backboneFape([frames[i]!], target, mask).reshape([1]);
    expect(await f.off("loss_clamped_per_layer", concat([one(0), one(1), one(2)]))).toBeLessThan(tolerance);
    expect(await f.off("loss_unclamped", backboneFape(frames, target, mask, mask.sum().mul(0)))).toBeLessThan(tolerance);
    expect(await f.off("loss_mixed_0_9", backboneFape(frames, target, mask, mask.sum().mul(0).add(0.9)))).toBeLessThan(tolerance);
    expect(
      await fape({ frames: target, points: target.translation }, { frames: target, points: target.translation }, mask, mask).item(),
    ).toBeLessThan(2e-3);
  });

  it("FAPE of side chains, with names that fit best (algorithm 26)", async () => {
    const { f, layers, truth, aatype, groups } = await read("loss_sidechain_fape");
    const built = atomsOf(layers.at(-1)!, aatype);
    const renamed = renameSymmetricAtoms(built.atoms, trueAtoms(...truth));
    expect(await f.off("sidechain_frames", toMatrices(built.groups))).toBeLessThan(tolerance);
    expect(await f.off("positions", built.atoms)).toBeLessThan(tolerance);
    expect(await f.off("alt_naming_is_better", renamed.alternative)).toBe(0);
    expect(await f.off("renamed_atom14_gt_positions", renamed.positions)).toBeLessThan(tolerance);
    expect(await f.off("renamed_atom14_gt_exists", renamed.exists)).toBe(0);
    expect(await f.off("loss", sidechainFape(built, groups, renamed))).toBeLessThan(tolerance);
  });

  it("torsions (algorithm 27)", async () => {
    const { f, layers, truth } = await read("loss_supervised_chi");
    const torsions = trueTorsions(...truth);
    const mask = f.out("seq_mask");
    expect(await f.off("chi_term", chiLoss(layers, torsions, mask))).toBeLessThan(tolerance);
    expect(await f.off("angle_norm_term", angleNormLoss(layers, mask))).toBeLessThan(tolerance);
    expect(await f.off("loss", torsionLoss(layers, torsions, mask))).toBeLessThan(tolerance);
    expect(await f.off("chi_angles_sin_cos", torsions.angles.get(":, 3:"))).toBeLessThan(tolerance);
    expect(await f.off("chi_mask", torsions.mask.get(":, 3:").mul(mask.expandDims({ axis: 1 })))).toBe(0);
  });

  it("lDDT and its prediction", async () => {
    const { f, layers, truth, aatype } = await read("loss_lddt");
    const atoms = toAtom37(atomsOf(layers.at(-1)!, aatype).atoms, aatype);
    const [predicted, real, mask] = [atoms.get(":", 1), truth[1].get(":", 1), truth[2].get(":", 1)];
    const logits = f.in("logits");
    expect(await f.off("pred_atom37_positions", atoms)).toBeLessThan(tolerance);
    expect(await f.off("lddt_ca", lddtCa(predicted, real, mask))).toBeLessThan(tolerance);
    expect(await f.off("lddt_ca_global", lddtCa(predicted, real, mask, { whole: true }))).toBeLessThan(tolerance);
    expect(await f.off("plddt", plddtOf(logits))).toBeLessThan(tolerance);
    const loss = (counts: number): Tensor => plddtLoss(logits, predicted, real, mask, mask.sum().mul(0).add(counts));
    expect(await f.off("loss", loss(1))).toBeLessThan(tolerance);
    expect(await f.off("loss_bad_resolution", loss(0))).toBe(0);
  });

  it("masked alignments", async () => {
    const f = await Fixture.read("loss_masked_msa");
    expect(await f.off("loss", maskedMsaLoss(f.in("logits"), f.in("true_msa"), f.in("bert_mask")))).toBeLessThan(tolerance);
  });
});
