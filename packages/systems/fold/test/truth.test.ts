import { describe, expect, it } from "vitest";
import { atom14Mask, atom14ToAtom37, atom37Mask, atom37ToAtom14, groupAmbiguous, groupExists } from "../constants/tables.ts";
import { lookUp, toAtom37 } from "../network/atoms.ts";
import { at, toMatrices } from "../network/frames.ts";
import { pseudoBeta, trueAtoms, trueGroups, trueTorsions } from "../network/truth.ts";
import { Fixture, noFixtures, tolerance } from "./reference.ts";

describe.skipIf(noFixtures)("what a measured structure says", () => {
  it("equals the reference's for a real chain with gaps and an unknown residue", async () => {
    const f = await Fixture.read("atom37_features");
    const given = [f.in("aatype"), f.in("all_atom_positions"), f.in("all_atom_mask")] as const;
    const [aatype] = given;
    const atoms = trueAtoms(...given);
    const groups = trueGroups(...given);
    const torsions = trueTorsions(...given);
    const beta = pseudoBeta(...given);
    const outputs = {
      atom14_atom_exists: lookUp(atom14Mask, aatype),
      residx_atom14_to_atom37: lookUp(atom14ToAtom37, aatype),
      residx_atom37_to_atom14: lookUp(atom37ToAtom14, aatype),
      atom37_atom_exists: lookUp(atom37Mask, aatype),
      atom14_gt_exists: atoms.exists,
      atom14_gt_positions: atoms.positions,
      atom14_alt_gt_positions: atoms.alternativePositions,
      atom14_alt_gt_exists: atoms.alternativeExists,
      atom14_atom_is_ambiguous: atoms.ambiguous,
      rigidgroups_gt_frames: toMatrices(groups.frames),
      rigidgroups_gt_exists: groups.exists,
      rigidgroups_group_exists: lookUp(groupExists, aatype),
      rigidgroups_group_is_ambiguous: lookUp(groupAmbiguous, aatype),
      rigidgroups_alt_gt_frames: toMatrices(groups.alternativeFrames),
      torsion_angles_sin_cos: torsions.angles,
      alt_torsion_angles_sin_cos: torsions.alternatives,
      torsion_angles_mask: torsions.mask,
      pseudo_beta: beta.positions,
      pseudo_beta_mask: beta.mask,
      backbone_rigid_tensor: toMatrices(at(groups.frames, ":", 0)),
      backbone_rigid_mask: groups.exists.get(":", 0),
      chi_angles_sin_cos: torsions.angles.get(":, 3:"),
      chi_mask: torsions.mask.get(":, 3:"),
      atom37_from_atom14: toAtom37(atoms.positions, aatype),
    };
    expect([...f.arrays.keys()].filter((name) => name.startsWith("out/")).sort()).toEqual(
      Object.keys(outputs)
        .map((name) => `out/${name}`)
        .sort(),
    );
    for (const [name, value] of Object.entries(outputs)) expect(await f.off(name, value), name).toBeLessThan(tolerance);
  });
});
