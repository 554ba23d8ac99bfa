import { describe, expect, it } from "vitest";
import { embedParameters, inputEmbedder, recyclingEmbedder, relpos } from "../network/embed.ts";
import {
  alignedError,
  distogramLogits,
  distogramParameters,
  mostAlignedError,
  plddtLogits,
  plddtOf,
  plddtParameters,
  ptmOf,
} from "../network/heads.ts";
import { linear } from "../network/layers.ts";
import { linearParameters } from "../network/parameters.ts";
import { Fixture, noFixtures, tolerance } from "./reference.ts";

describe.skipIf(noFixtures)("embedders and heads equal the reference's", () => {
  const { extra_msa_activations, prev_pos_linear, prev_msa_first_row_norm, prev_pair_norm, ...input } = embedParameters(
    { msa: 10, pair: 14, extra: 9, single: 22 },
    { target: 6, msa: 9 },
    4,
  );

  it("input embedder and relative positions (algorithms 3 to 5)", async () => {
    const f = await Fixture.read("input_embedder");
    const w = f.weights(input, "evoformer", "input_embedder.");
    const features = { targetFeat: f.in("target_feat"), residueIndex: f.in("residue_index"), msaFeat: f.in("msa_feat") };
    const { m, z } = inputEmbedder(features, w);
    expect(await f.off("m", m)).toBeLessThan(tolerance);
    expect(await f.off("z", z)).toBeLessThan(tolerance);
    expect(await f.off("relpos", relpos(features.residueIndex, w.pair_activiations))).toBeLessThan(tolerance);
  });

  it("recycling embedder (algorithm 32)", async () => {
    const f = await Fixture.read("recycling_embedder");
    const w = f.weights({ prev_pos_linear, prev_msa_first_row_norm, prev_pair_norm }, "evoformer", "recycling_embedder.");
    const { m, z } = recyclingEmbedder({ m: f.in("m_prev"), z: f.in("z_prev"), beta: f.in("x_prev") }, w);
    expect(await f.off("m_update", m)).toBeLessThan(tolerance);
    expect(await f.off("z_update", z)).toBeLessThan(tolerance);
  });

  it("distogram", async () => {
    const f = await Fixture.read("distogram_head");
    const w = f.weights(distogramParameters(14, 20), "distogram_head", "aux_heads.distogram.");
    expect(await f.off("logits", distogramLogits(f.in("z"), w))).toBeLessThan(tolerance);
  });

  it("predicted lDDT (algorithm 29)", async () => {
    const f = await Fixture.read("plddt_head");
    const w = f.weights(plddtParameters(22, 18), "predicted_lddt_head", "aux_heads.plddt.");
    const logits = plddtLogits(f.in("s"), w);
    expect(await f.off("logits", logits)).toBeLessThan(tolerance);
    expect(await f.off("plddt", plddtOf(logits))).toBeLessThan(tolerance);
  });

  it("predicted aligned error and TM-score", async () => {
    const f = await Fixture.read("predicted_aligned_error_head");
    const w = f.weights(linearParameters(14, 64), "predicted_aligned_error_head/logits", "aux_heads.tm.");
    const logits = linear(f.in("z"), w);
    expect(await f.off("logits", logits)).toBeLessThan(tolerance);
    expect(await f.off("predicted_aligned_error", alignedError(logits))).toBeLessThan(tolerance);
    expect(mostAlignedError()).toBe(await f.out("max_predicted_aligned_error").item());
    expect(await f.off("ptm", ptmOf(logits))).toBeLessThan(tolerance);
  });
});
