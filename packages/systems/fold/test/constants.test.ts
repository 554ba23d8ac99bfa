import type { ArrayData } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import * as tables from "../constants/tables.ts";
import { arraysOf, noFixtures } from "./reference.ts";

describe.skipIf(noFixtures)("constants", () => {
  it("equal the reference's tables", async () => {
    const expected = await arraysOf("residue_constants");
    const { lower, upper } = tables.distanceBounds();
    const pairs: [string, ArrayData][] = [
      ["default_frames", tables.defaultFrames],
      ["atom14_to_rigid_group", tables.atom14Group],
      ["atom14_mask", tables.atom14Mask],
      ["atom14_literature_positions", tables.atom14Positions],
      ["atom14_to_atom37", tables.atom14ToAtom37],
      ["atom37_to_atom14", tables.atom37ToAtom14],
      ["atom37_mask", tables.atom37Mask],
      ["atom14_is_ambiguous", tables.atom14Ambiguous],
      ["rigidgroup_exists", tables.groupExists],
      ["rigidgroup_is_ambiguous", tables.groupAmbiguous],
      ["chi_angles_mask", tables.chiMask],
      ["chi_pi_periodic", tables.chiPeriodic],
      ["chi_atom_indices", tables.chiAtoms],
      ["van_der_waals_radius_atom37", tables.atomRadii],
      ["atom14_dists_lower_bound", lower],
      ["atom14_dists_upper_bound", upper],
    ];
    expect([...expected.keys()].filter((key) => key.startsWith("out/")).sort()).toEqual(pairs.map(([name]) => `out/${name}`).sort());
    for (const [name, table] of pairs) {
      const { shape, data } = expected.get(`out/${name}`)!;
      expect(table.shape, name).toEqual(shape);
      const off = [...table.data].reduce((most, v, i) => Math.max(most, Math.abs(v - data[i]!) / Math.max(1, Math.abs(data[i]!))), 0);
      expect(off, name).toBeLessThan(1e-6);
    }
  });
});
