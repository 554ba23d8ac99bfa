import { array, compile, concat, type Tensor, zeros } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { FoldNetwork } from "../fold.ts";
import type { Features, Recycled } from "../network/features.ts";
import { headsOf, initialModel, iteration, type ModelWeights, nothingRecycled, type Outputs } from "../network/model.ts";
import { features, formula, residues, tiny } from "./tiny.ts";

/** As one program, so that outputs share their work. */
const run = compile(
  (given: Features, weights: ModelWeights): Outputs =>
    iteration(given, nothingRecycled(tiny, given.aatype.shape[0]!), weights, tiny.structure.layers),
);

async function difference(a: Tensor, b: Tensor): Promise<number> {
  const [x, y] = [await a.data(), await b.data()];
  let [most, scale] = [0, 1e-6];
  x.forEach((v, i) => {
    most = Math.max(most, Math.abs(Number(v) - Number(y[i])));
    scale = Math.max(scale, Math.abs(Number(v)));
  });
  return most / scale;
}

/** x with zeros, or what `fill` says, behind its end along an axis. */
const padded = (x: Tensor, axis: number, more: number): Tensor =>
  concat(
    [
      x,
      zeros(
        x.shape.map((size, i) => (i === axis ? more : size)),
        { dtype: x.dtype },
      ),
    ],
    { axis },
  );

describe("the network", () => {
  const weights = formula(tiny);

  it("finds the same for a chain with padding, as far as the chain goes", async () => {
    const given = features(2);
    const more = 3;
    const mask = (rows: number): Tensor => padded(array(Array.from({ length: rows }, () => new Array(residues).fill(1))), 1, more);
    const t = given.templates!;
    const wide: Features = {
      aatype: padded(given.aatype, 0, more),
      residueIndex: padded(given.residueIndex, 0, more),
      seqMask: mask(1).reshape([residues + more]),
      targetFeat: padded(given.targetFeat, 0, more),
      msaFeat: padded(padded(given.msaFeat, 1, more), 0, 2),
      msaMask: padded(mask(3), 0, 2),
      extraMsa: padded(padded(given.extraMsa, 1, more), 0, 1),
      extraHasDeletion: padded(padded(given.extraHasDeletion, 1, more), 0, 1),
      extraDeletionValue: padded(padded(given.extraDeletionValue, 1, more), 0, 1),
      extraMsaMask: padded(mask(4), 0, 1),
      templates: {
        aatype: padded(padded(t.aatype, 1, more), 0, 1),
        positions: padded(padded(t.positions, 1, more), 0, 1),
        atomMask: padded(padded(t.atomMask, 1, more), 0, 1),
        mask: padded(t.mask, 0, 1),
      },
    };
    const [alone, among] = [run(given, weights), run(wide, weights)];
    expect(await difference(alone.atoms, among.atoms.get(`:${residues}`))).toBeLessThan(1e-4);
    expect(await difference(alone.pair, among.pair.get(`:${residues}, :${residues}`))).toBeLessThan(1e-4);
    expect(await difference(alone.msa, among.msa.get(`:3, :${residues}`))).toBeLessThan(1e-4);
  });

  it("hears of templates only where there are some", async () => {
    const given = features(2);
    const t = given.templates!;
    const none = { ...given, templates: { ...t, mask: zeros([2]), atomMask: zeros(t.atomMask.shape) } };
    const [without, silent, heard] = [run({ ...given, templates: null }, weights), run(none, weights), run(given, weights)];
    expect(await difference(without.pair, silent.pair)).toBeLessThan(1e-4);
    expect(await difference(without.pair, heard.pair)).toBeGreaterThan(1e-3);
    expect(silent.msa.shape).toEqual([3, residues, tiny.channels.msa]);
  });

  it("in programs for parts, with chunks, pass by pass, gives what plain calls give", async () => {
    const given = features(2);
    let recycled = nothingRecycled(tiny, residues);
    const network = new FoldNetwork(tiny, weights);
    const again = compile((r: Recycled) => iteration(given, r, weights, tiny.structure.layers));
    let blocks = 0;
    let passes = 0;
    for await (const found of network.fold(() => given, { chunk: 3, progress: () => blocks++ })) {
      const expected = again(recycled);
      recycled = expected.recycled;
      expect(await difference(expected.atoms, array(found.atoms).reshape([residues, 14, 3]))).toBeLessThan(1e-4);
      passes++;
      expect(found.pass).toBe(passes);
      expect(found.confidence !== null).toBe(passes === 2);
      expect(found.plddt.every((v) => v > 0 && v < 100)).toBe(true);
      if (found.confidence) {
        const heads = headsOf(expected, weights);
        expect(await difference(heads.distogram, array(found.confidence.distogram).reshape([residues, residues, 64]))).toBeLessThan(1e-4);
        expect(found.confidence.alignedError!.length).toBe(residues ** 2);
        expect(found.confidence.ptm).toBeGreaterThan(0);
      }
    }
    expect(blocks).toBe(6);
  });

  it("does nothing to its input in the first step of training: all that is added starts from zero", async () => {
    const start = initialModel(tiny, 1);
    const { layers } = run(features(2), start);
    expect(await difference(layers.at(-1)!.backbone.translation.add(1), zeros([residues, 3]).add(1))).toBe(0);
    const again = initialModel(tiny, 1);
    const name = (w: ModelWeights) => w.evoformer.preprocess_msa.weights;
    expect(await difference(name(start), name(again))).toBe(0);
    expect(await difference(name(start), name(initialModel(tiny, 2)))).toBeGreaterThan(0.1);
  });
});
