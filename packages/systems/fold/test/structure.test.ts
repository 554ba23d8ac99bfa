import { concat, stack, type Tensor } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { framesToAtoms, toAtom37, torsionAnglesToFrames } from "../network/atoms.ts";
import { quaternionToRotation, toMatrices } from "../network/frames.ts";
import { invariantPointAttention, ipaParameters } from "../network/ipa.ts";
import { linear } from "../network/layers.ts";
import { linearParameters } from "../network/parameters.ts";
import { atomsOf, backboneUpdate, structureModule, structureParameters } from "../network/structure.ts";
import { Fixture, noFixtures, tolerance } from "./reference.ts";

const ipa = { heads: 3, width: 7, queryPoints: 4, valuePoints: 5 };

describe.skipIf(noFixtures)("the structure module's parts equal the reference's", () => {
  it("invariant point attention (algorithm 22)", async () => {
    const f = await Fixture.read("invariant_point_attention");
    const scope = "structure_module/fold_iteration/invariant_point_attention";
    const w = f.weights(ipaParameters(22, 14, ipa), scope, "structure_module.ipa.");
    const frames = { rotation: f.in("rot_mats"), translation: f.in("trans") };
    expect(await f.off("update", invariantPointAttention(f.in("s"), f.in("z"), frames, f.in("mask"), w))).toBeLessThan(tolerance);
  });

  it("backbone update (algorithm 23)", async () => {
    const f = await Fixture.read("backbone_update");
    const w = f.weights(linearParameters(22, 6), "structure_module/fold_iteration/affine_update", "structure_module.bb_update.");
    const update = linear(f.in("s"), w);
    const { quaternion, translation } = backboneUpdate({ quaternion: f.in("quats"), translation: f.in("trans") }, update);
    expect(await f.off("update", update)).toBeLessThan(tolerance);
    expect(await f.off("quats", quaternion)).toBeLessThan(tolerance);
    expect(await f.off("rot_mats", quaternionToRotation(quaternion))).toBeLessThan(tolerance);
    expect(await f.off("trans", translation)).toBeLessThan(tolerance);
  });

  it("torsions to atoms of all residue types (algorithm 24)", async () => {
    const f = await Fixture.read("torsion_angles_to_atoms");
    const aatype = f.in("aatype");
    const backbone = { rotation: f.in("backbone_rot_mats"), translation: f.in("backbone_trans") };
    const groups = torsionAnglesToFrames(backbone, f.in("angles_sin_cos"), aatype);
    const atoms = framesToAtoms(groups, aatype);
    expect(await f.off("frames", toMatrices(groups))).toBeLessThan(tolerance);
    expect(await f.off("atom14_positions", atoms)).toBeLessThan(tolerance);
    expect(await f.off("atom37_positions", toAtom37(atoms, aatype))).toBeLessThan(tolerance);
  });

  it("the whole module, layer by layer (algorithm 20)", async () => {
    const f = await Fixture.read("structure_module");
    const w = f.weights(structureParameters(22, 14, { ipa, angles: 16, layers: 3 }), "structure_module", "structure_module.");
    const layers = structureModule(f.in("single"), f.in("pair"), f.in("mask"), w, 3);
    const built = layers.map((layer) => atomsOf(layer, f.in("aatype")));
    const all = (parts: Tensor[]): Tensor => stack(parts);
    const outputs: Record<string, Tensor> = {
      frames: all(layers.map(({ backbone }) => concat([backbone.quaternion, backbone.translation], { axis: 1 }))),
      sidechain_frames: all(built.map(({ groups }) => toMatrices(groups))),
      unnormalized_angles: all(layers.map(({ unnormalized }) => unnormalized)),
      angles: all(layers.map(({ angles }) => angles)),
      positions: all(built.map(({ atoms }) => atoms)),
      states: all(layers.map(({ state }) => state)),
      single: layers.at(-1)!.state,
    };
    for (const [name, value] of Object.entries(outputs)) expect(await f.off(name, value), name).toBeLessThan(tolerance);
  });
});
