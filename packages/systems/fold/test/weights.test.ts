import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FormatError, ShapeError, type Tensor } from "@gradus/tensor";
import { type ArrayData, writeNpz } from "@gradus/tensor/io";
import { describe, expect, it } from "vitest";
import { configOf, type FoldConfig } from "../config.ts";
import { recyclingEmbedder } from "../network/embed.ts";
import { evoformerBlock, extraMsaBlock } from "../network/evoformer.ts";
import { plddtLogits, plddtOf } from "../network/heads.ts";
import { modelParameters } from "../network/model.ts";
import { countParameters, initialWeights, weightsOf } from "../network/parameters.ts";
import { structureModule } from "../network/structure.ts";
import { loadOfficialWeights, officialArrays, saveOfficialWeights } from "../weights.ts";
import { arraysOf, Fixture, fixtureUrl, noFixtures, tolerance } from "./reference.ts";

/** The network that official_layout_params.npz is for. */
const tiny: FoldConfig = {
  ...configOf("model_3_ptm"),
  channels: { msa: 10, pair: 14, extra: 9, single: 22 },
  evoformer: {
    ...{ blocks: 1, msa: { heads: 3, width: 4 }, outer: 8, transition: 3 },
    pair: { multiplication: 11, heads: 2, width: 6, transition: 3 },
  },
  extraMsa: {
    ...{ blocks: 1, msa: { heads: 3, width: 5 }, outer: 8, transition: 3 },
    pair: { multiplication: 11, heads: 2, width: 6, transition: 3 },
  },
  structure: { ipa: { heads: 3, width: 7, queryPoints: 4, valuePoints: 5 }, angles: 16, layers: 3 },
  heads: { plddt: 18, error: true },
};

describe.skipIf(noFixtures)("official weights", () => {
  it("of all ten networks have the names, shapes and sizes of the published files", () => {
    const text = readFileSync(fixtureUrl("PARAM_NAMES.md"), "utf8");
    const rows = [...text.matchAll(/^\| `([^`]+\/\/[^`]+)` \| (\[[^\]]*\]) \|/gm)];
    const published = new Map(rows.map(([, name, shape]) => [`alphafold/alphafold_iteration/${name}`, shape!]));
    const sizes = [
      ["model_1", "model_2", 336, 93229082],
      ["model_3", "model_4", 265, 92899674],
      ["model_5", "model_5", 265, 92899674],
      ["model_1_ptm", "model_2_ptm", 338, 93237338],
      ["model_3_ptm", "model_4_ptm", 267, 92907930],
      ["model_5_ptm", "model_5_ptm", 267, 92907930],
    ] as const;
    for (const [first, second, count, numbers] of sizes)
      for (const name of [first, second]) {
        const arrays = officialArrays(configOf(name));
        expect(arrays.size, name).toBe(count);
        expect(countParameters(modelParameters(configOf(name))), name).toBe(numbers);
        for (const [key, { shape }] of arrays) expect(`[${shape.join(", ")}]`, key).toBe(published.get(key));
      }
    expect([...officialArrays(configOf("model_1_ptm")).keys()].sort()).toEqual([...published.keys()].sort());
  });

  it("give the reference's results under their official names", async () => {
    const bytes = readFileSync(fixtureUrl("official_layout_params.npz"));
    const { weights, ignored } = await loadOfficialWeights(bytes, tiny);
    expect(ignored).toEqual([]);
    const block = await Fixture.read("evoformer_block");
    const masks = (f: Fixture) => ({ msa: f.in("msa_mask"), pair: f.in("pair_mask") });
    const one = evoformerBlock({ m: block.in("m"), z: block.in("z") }, masks(block), weights.evoformer.evoformer_iteration[0]!);
    expect(await block.off("m", one.m)).toBeLessThan(tolerance);
    expect(await block.off("z", one.z)).toBeLessThan(tolerance);

    const extra = await Fixture.read("extra_msa_block");
    const other = extraMsaBlock({ m: extra.in("m"), z: extra.in("z") }, masks(extra), weights.evoformer.extra_msa_stack[0]!);
    expect(await extra.off("m", other.m)).toBeLessThan(tolerance);
    expect(await extra.off("z", other.z)).toBeLessThan(tolerance);

    const structure = await Fixture.read("structure_module");
    const layers = structureModule(structure.in("single"), structure.in("pair"), structure.in("mask"), weights.structure_module, 3);
    expect(await structure.off("single", layers.at(-1)!.state)).toBeLessThan(tolerance);

    const recycling = await Fixture.read("recycling_embedder");
    const before = { m: recycling.in("m_prev"), z: recycling.in("z_prev"), beta: recycling.in("x_prev") };
    const update = recyclingEmbedder(before, weights.evoformer);
    expect(await recycling.off("m_update", update.m)).toBeLessThan(tolerance);
    expect(await recycling.off("z_update", update.z)).toBeLessThan(tolerance);

    const plddt = await Fixture.read("plddt_head");
    expect(await plddt.off("plddt", plddtOf(plddtLogits(plddt.in("s"), weights.predicted_lddt_head)))).toBeLessThan(tolerance);
  });

  it("that do not fit are refused, with the array's name", async () => {
    const arrays = await arraysOf("official_layout_params");
    const key = "alphafold/alphafold_iteration/evoformer/left_single//weights";
    const load = (changed: ReadonlyMap<string, ArrayData>) => loadOfficialWeights(writeNpz(changed), tiny);
    const without = new Map(arrays);
    without.delete(key);
    await expect(load(without)).rejects.toThrow(FormatError);
    await expect(load(without)).rejects.toThrow(/lacks .*left_single/);
    const shorter = new Map(arrays).set(key, { dtype: "float32", shape: [1, 2], data: new Float32Array(2) });
    await expect(load(shorter)).rejects.toThrow(ShapeError);
    const templates = new Map(arrays).set("alphafold/alphafold_iteration/evoformer/template_projection//bias", arrays.get(key)!);
    await expect(load(templates)).rejects.toThrow(/no place for .*template_projection/);
    const more = new Map(arrays).set("something/else", arrays.get(key)!);
    expect((await load(more)).ignored).toEqual(["something/else"]);
    await expect(loadOfficialWeights(writeNpz(arrays), configOf("model_3_ptm"))).rejects.toThrow(ShapeError);
  });

  it("come back from a file as they were", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gradus-fold-"));
    try {
      const config = { ...tiny, evoformer: { ...tiny.evoformer, blocks: 2 } };
      const weights = initialWeights(modelParameters(config), 3);
      await saveOfficialWeights(join(folder, "weights.npz"), weights as never, config);
      const { weights: again } = await loadOfficialWeights(join(folder, "weights.npz"), config);
      const all = async (list: readonly Tensor[]) => Promise.all(list.map(async (x) => [...x.shape, ...(await x.data())]));
      expect(await all(weightsOf(again))).toEqual(await all(weightsOf(weights)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
