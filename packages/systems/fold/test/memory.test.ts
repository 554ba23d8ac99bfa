import { compile, init, type Tensor, zeros } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { configOf } from "../config.ts";
import { evoformerBlockParameters, extraMsaBlockParameters, updates } from "../network/evoformer.ts";
import type { Pass } from "../network/layers.ts";
import { mapParameters, type Parameters } from "../network/parameters.ts";

await init({ device: "wasm", threads: 1 });

const { channels, evoformer, extraMsa } = configOf("model_1");
const [sequences, residues] = [64, 64];
const empty = <P extends Parameters>(parameters: P) => mapParameters(parameters, ({ shape }) => zeros(shape).realize());
const w = empty(evoformerBlockParameters(channels.msa, channels.pair, evoformer));
const extra = empty(extraMsaBlockParameters(channels.extra, channels.pair, extraMsa));
const m = (c: number): Tensor => zeros([sequences, residues, c]).realize();
const z = (): Tensor => zeros([residues, residues, channels.pair]).realize();
const { msa: c_m, extra: c_e } = channels;

/** An update as the network calls it. */
type Call = (u: typeof updates, pass: Pass) => Tensor;
const calls: Readonly<Record<string, Call>> = {
  "row attention": (u, pass) => u.msaRowAttention(m(c_m), z(), null, w.msa_row_attention_with_pair_bias, pass),
  "column attention": (u, pass) => u.msaColumnAttention(m(c_m), null, w.msa_column_attention, pass),
  "global column attention": (u, pass) => u.msaColumnGlobalAttention(m(c_e), null, extra.msa_column_global_attention, pass),
  "outer product mean": (u, pass) => u.outerProductMean(z(), m(c_e), null, extra.outer_product_mean, pass),
  "outgoing triangle multiplication": (u, pass) => u.triangleMultiplicationOutgoing(z(), null, w.triangle_multiplication_outgoing, pass),
  "incoming triangle multiplication": (u, pass) => u.triangleMultiplicationIncoming(z(), null, w.triangle_multiplication_incoming, pass),
  "triangle attention, starting node": (u, pass) => u.triangleAttentionStartingNode(z(), null, w.triangle_attention_starting_node, pass),
  "triangle attention, ending node": (u, pass) => u.triangleAttentionEndingNode(z(), null, w.triangle_attention_ending_node, pass),
  "transition of the alignment": (u, pass) => u.transition(m(c_e), extra.msa_transition, pass),
  "transition of pairs": (u, pass) => u.transition(z(), w.pair_transition, pass),
};

/** Bytes of an update's intermediates, as a program of its own that works in place. */
async function intermediates(call: Call, chunk?: number): Promise<number> {
  let text = "";
  const programs = Object.fromEntries(
    Object.entries(updates).map(([name, update]) => [
      name,
      (...args: unknown[]) => {
        const program = compile(update as (...args: unknown[]) => Tensor, { donate: [0] });
        const result = program(...args);
        text = program.explain();
        return result;
      },
    ]),
  ) as unknown as typeof updates;
  await call(programs, { chunk }).data();
  return Number(/memory: (\d+) bytes/.exec(text)![1]);
}

describe("memory of intermediates", () => {
  test.each(Object.entries(calls))("of %s is less for fewer rows at a time, and grows with them in a line", async (_, call) => {
    const [four, eight, sixteen] = [await intermediates(call, 4), await intermediates(call, 8), await intermediates(call, 16)];
    const all = await intermediates(call);
    expect(four).toBeLessThan(0.7 * all);
    // From 8 to 16 rows it grows by no more than twice what it grows by from 4 to 8, but for where arrays happen to lie.
    expect(sixteen - eight - 2 * (eight - four)).toBeLessThan(0.15 * all);
  });
});
