import { einsum, sigmoid, type Tensor } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { type AttentionWeights, attention, attentionParameters } from "../network/attention.ts";
import type { Observer } from "../network/layers.ts";
import { iteration, nothingRecycled, stages } from "../network/model.ts";
import { visitParameters } from "../network/parameters.ts";
import { some } from "./reference.ts";
import { features, formula, residues, tiny } from "./tiny.ts";

const numbers = async (x: Tensor): Promise<number[]> => Array.from((await x.data()) as Float32Array);
const farthest = async (a: Tensor, b: Tensor): Promise<number> => Math.max(...(await numbers(a.sub(b).abs())));

const small = { ...tiny, templates: null, evoformer: { ...tiny.evoformer, blocks: 1 }, extraMsa: { ...tiny.extraMsa, blocks: 0 } };

describe("an observer", () => {
  it("sees each attention once a block or layer, as shares that sum to one, and changes nothing", async () => {
    const weights = formula(small);
    const seen: Record<Parameters<Observer>[0], Tensor[]> = { points: [], starting: [], ending: [] };
    const run = (observe?: Observer) =>
      iteration(features(0), nothingRecycled(small, residues), weights, small.structure.layers, stages, { observe });
    const watched = run((what, shares) => void seen[what].push(shares));
    const { heads } = small.structure.ipa;
    expect(seen.points.map(({ shape }) => shape)).toEqual(new Array(small.structure.layers).fill([heads, residues, residues]));
    for (const what of ["starting", "ending"] as const)
      expect(seen[what].map(({ shape }) => shape)).toEqual([[residues, small.evoformer.pair.heads, residues, residues]]);
    for (const shares of Object.values(seen).flat())
      for (const sum of await numbers(shares.sum({ axis: -1 }))) expect(sum).toBeCloseTo(1, 5);
    expect(await farthest(watched.atoms, run().atoms)).toBeLessThan(1e-4);
  });

  it("sees the shares by which values are mixed, with bias and mask", async () => {
    let seed = 0;
    const parameters = attentionParameters({ queries: 5, heads: 2, width: 3 });
    const w = visitParameters(parameters, ({ shape }) => some(shape, ++seed, "float32")) as AttentionWeights;
    const x = some([2, 4, 5], 30, "float32");
    const bias = some([2, 4, 4], 31, "float32");
    const mask = some([2, 4], 32, "float32").greater(-0.4).astype("float32");
    let shares: Tensor | undefined;
    const y = attention(x, x, w, { bias, mask, observe: (a) => void (shares = a) });
    const v = einsum("bsx,xhc->bhsc", x, w.value_w);
    const gates = sigmoid(einsum("btx,xhc->bthc", x, w.gating_w!).add(w.gating_b!));
    const mixed = einsum("bhts,bhsc->bthc", shares!, v).mul(gates);
    expect(await farthest(einsum("bthc,hco->bto", mixed, w.output_w).add(w.output_b), y)).toBeLessThan(1e-5);
    // What must not be seen has no share.
    const hidden = await numbers(
      shares!.mul(
        mask
          .sub(1)
          .abs()
          .expandDims({ axis: [1, 2] }),
      ),
    );
    expect(Math.max(...hidden)).toBe(0);
    expect(await numbers(mask)).toContain(0);
  });
});
