import { describe, expect, it } from "vitest";
import { evoformerBlock, evoformerBlockParameters, extraMsaBlock, extraMsaBlockParameters } from "../network/evoformer.ts";
import {
  msaColumnAttention,
  msaColumnAttentionParameters,
  msaRowAttentionParameters,
  msaRowAttentionWithPairBias,
  outerProductMean,
  outerProductMeanParameters,
} from "../network/msa.ts";
import { transition, transitionParameters } from "../network/transition.ts";
import {
  triangleAttentionEndingNode,
  triangleAttentionParameters,
  triangleAttentionStartingNode,
  triangleMultiplicationOutgoing,
  triangleMultiplicationParameters,
} from "../network/triangle.ts";
import { Fixture, noFixtures, tolerance } from "./reference.ts";

const block = "evoformer/evoformer_iteration";
const blocks = "evoformer.blocks.*";
const sizes = {
  msa: { heads: 3, width: 4 },
  outer: 8,
  transition: 3,
  pair: { multiplication: 11, heads: 2, width: 6, transition: 3 },
};
const passes = [{}, { chunk: 4 }];

describe.skipIf(noFixtures)("the Evoformer's parts equal the reference's, whole and in chunks", () => {
  it("row attention with pair bias (algorithm 7)", async () => {
    const f = await Fixture.read("msa_row_attention_with_pair_bias");
    const w = f.weights(
      msaRowAttentionParameters(10, 14, sizes.msa),
      `${block}/msa_row_attention_with_pair_bias`,
      `${blocks}.msa_att_row.`,
    );
    for (const pass of passes)
      expect(await f.off("update", msaRowAttentionWithPairBias(f.in("m"), f.in("z"), f.in("mask"), w, pass))).toBeLessThan(tolerance);
  });

  it("column attention (algorithm 8)", async () => {
    const f = await Fixture.read("msa_column_attention");
    const w = f.weights(msaColumnAttentionParameters(10, sizes.msa), `${block}/msa_column_attention`, `${blocks}.msa_att_col.`);
    for (const pass of passes) expect(await f.off("update", msaColumnAttention(f.in("m"), f.in("mask"), w, pass))).toBeLessThan(tolerance);
  });

  it("outer product mean (algorithm 10)", async () => {
    const f = await Fixture.read("outer_product_mean");
    const w = f.weights(outerProductMeanParameters(10, 14, 8), `${block}/outer_product_mean`, `${blocks}.outer_product_mean.`);
    for (const pass of passes) expect(await f.off("update", outerProductMean(f.in("m"), f.in("mask"), w, pass))).toBeLessThan(tolerance);
  });

  it("triangle multiplication (algorithm 11)", async () => {
    const f = await Fixture.read("triangle_multiplication_outgoing");
    const name = "triangle_multiplication_outgoing";
    const w = f.weights(triangleMultiplicationParameters(14, 11), `${block}/${name}`, `${blocks}.pair_stack.tri_mul_out.`);
    for (const pass of passes)
      expect(await f.off("update", triangleMultiplicationOutgoing(f.in("z"), f.in("mask"), w, pass))).toBeLessThan(tolerance);
  });

  it.each([
    ["starting", "tri_att_start", triangleAttentionStartingNode],
    ["ending", "tri_att_end", triangleAttentionEndingNode],
  ] as const)("triangle attention, %s node (algorithms 13 and 14)", async (node, openFold, f14) => {
    const f = await Fixture.read(`triangle_attention_${node}_node`);
    const scope = `${block}/triangle_attention_${node}_node`;
    const w = f.weights(triangleAttentionParameters(14, 2, 6), scope, `${blocks}.pair_stack.${openFold}.`);
    for (const pass of passes) expect(await f.off("update", f14(f.in("z"), f.in("mask"), w, pass))).toBeLessThan(tolerance);
  });

  it("pair transition (algorithm 15)", async () => {
    const f = await Fixture.read("pair_transition");
    const w = f.weights(transitionParameters(14, 3), `${block}/pair_transition`, `${blocks}.pair_stack.pair_transition.`);
    for (const pass of passes) expect(await f.off("update", transition(f.in("z"), w, pass))).toBeLessThan(tolerance);
  });

  it("a whole block (algorithm 6)", async () => {
    const f = await Fixture.read("evoformer_block");
    const w = f.weights(evoformerBlockParameters(10, 14, sizes), block, `${blocks}.`);
    for (const pass of passes) {
      const masks = { msa: f.in("msa_mask"), pair: f.in("pair_mask") };
      const { m, z } = evoformerBlock({ m: f.in("m"), z: f.in("z") }, masks, w, pass);
      expect(await f.off("m", m)).toBeLessThan(tolerance);
      expect(await f.off("z", z)).toBeLessThan(tolerance);
    }
  });

  it("a block for extra sequences (algorithm 18)", async () => {
    const f = await Fixture.read("extra_msa_block");
    const extra = { ...sizes, msa: { heads: 3, width: 5 } };
    const w = f.weights(extraMsaBlockParameters(9, 14, extra), "evoformer/extra_msa_stack", "extra_msa_stack.blocks.*.");
    for (const pass of passes) {
      const masks = { msa: f.in("msa_mask"), pair: f.in("pair_mask") };
      const { m, z } = extraMsaBlock({ m: f.in("m"), z: f.in("z") }, masks, w, pass);
      expect(await f.off("m", m)).toBeLessThan(tolerance);
      expect(await f.off("z", z)).toBeLessThan(tolerance);
    }
  });
});
