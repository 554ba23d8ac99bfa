import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@gradus/data";
import { loadSafetensorsFile, saveSafetensors, zeros } from "@gradus/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { configOf, type FoldConfig } from "../config.ts";
import { residueAtoms } from "../constants/residues.ts";
import type { Example } from "../data.ts";
import { foldedChain } from "../folded-chain.ts";
import { singleSequence } from "../io/alignment.ts";
import { writePdb } from "../io/write-pdb.ts";
import { initialModel } from "../network/model.ts";
import { type FoldTrainingEvent, type TrainFoldOptions, trainFold } from "../train.ts";
import { loadFold, namedWeights, trainedBytes } from "../trained.ts";
import { dividedChains, generatedChains, readAlignments } from "../training/chains.ts";
import "./reference.ts"; // one thread

const folder = mkdtempSync(join(tmpdir(), "gradus-fold-train-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pair = { multiplication: 6, heads: 2, width: 3, transition: 2 };
const tiny: FoldConfig = {
  ...configOf("mini"),
  channels: { msa: 8, pair: 6, extra: 4, single: 10 },
  evoformer: { blocks: 1, msa: { heads: 2, width: 4 }, outer: 3, transition: 2, pair },
  extraMsa: { blocks: 1, msa: { heads: 2, width: 2 }, outer: 3, transition: 2, pair },
  structure: { ipa: { heads: 2, width: 3, queryPoints: 2, valuePoints: 2 }, angles: 12, layers: 1 },
  heads: { plddt: 12, error: true },
  recycles: 1,
};
const chains = generatedChains(4, 2, 3);
const options: TrainFoldOptions = { config: tiny, chains, steps: 6, batchSize: 2, rate: 0.01, seed: 5, evaluateEvery: 3 };

/** Runs until `stop` updates are done, or to the end. */
async function run(given: TrainFoldOptions, stop = Number.POSITIVE_INFINITY) {
  const training = trainFold(given);
  const events: FoldTrainingEvent[] = [];
  for (;;) {
    const { value, done } = await training.next();
    if (done) return { events, trained: value };
    events.push(value);
    if (value.step >= stop) {
      await training.return(undefined as never);
      return { events, trained: null };
    }
  }
}

describe("training", () => {
  it("lowers the loss, tells how chains come out, and goes on from a stop to the same numbers", async () => {
    const whole = await run(options);
    const total = whole.events.map(({ losses }) => losses["total"]!);
    expect(total).toHaveLength(6);
    expect(total.at(-1)!).toBeLessThan(total[0]! - 0.1);
    expect(whole.events.map(({ scores }) => scores && [scores.training.length, scores.heldOut.length])).toEqual([
      ...[undefined, undefined, [4, 2]],
      ...[undefined, undefined, undefined],
    ]);
    const score = whole.trained!.heldOut[0]!;
    expect(score.residues).toBe(chains.heldOut[0]!.chain.sequence.length);
    expect(score.predicted.length).toBe(3 * score.residues);
    expect(score.rmsd).toBeGreaterThan(0);

    const keep = join(folder, "run.safetensors");
    await run({ ...options, keep }, 3);
    const rest = await run({ ...options, keep });
    expect(rest.events.map(({ step }) => step)).toEqual([4, 5, 6]);
    expect(rest.events.map(({ losses }) => losses)).toEqual(whole.events.slice(3).map(({ losses }) => losses));
    expect(rest.trained!.heldOut).toEqual(whole.trained!.heldOut);
  });

  it("goes on from no state that is damaged, or of another run", async () => {
    const keep = join(folder, "kept.safetensors");
    await run({ ...options, keep }, 3);
    const { tensors, metadata } = await loadSafetensorsFile(keep);
    const whole = readFileSync(keep);
    const [name] = Object.keys(tensors).filter((key) => !key.startsWith("optimizer/")) as [string];
    const { [name]: _, ...others } = tensors;
    const wrong: readonly (readonly [RegExp, () => unknown])[] = [
      [/kept\.safetensors holds no state of this run: .*Remove the file/, () => writeFileSync(keep, whole.subarray(0, whole.length / 2))],
      [new RegExp(`${name} is missing`), () => saveSafetensors(keep, others, metadata)],
      [/after 7 of 6 updates/, () => saveSafetensors(keep, tensors, { step: "7" })],
      [/after undefined of 6 updates/, () => saveSafetensors(keep, tensors)],
      [/holds no state.*float32\[3, 1, 4\]/, () => saveSafetensors(keep, { ...tensors, [name]: zeros([3, 1, 4]) }, metadata)],
    ];
    for (const [message, make] of wrong) {
      await make();
      await expect(run({ ...options, keep })).rejects.toThrow(message);
    }
    await saveSafetensors(keep, tensors, metadata);
    expect((await run({ ...options, keep })).events).toHaveLength(3);
  });

  it.each([
    [{ steps: 0 }, /steps is 0/],
    [{ batchSize: 1.5 }, /batchSize is 1.5/],
    [{ rate: Number.NaN }, /rate is NaN/],
    [{ crop: -1 }, /crop is -1/],
  ])("refuses %o", async (wrong, message) => {
    await expect(run({ ...options, ...wrong })).rejects.toThrow(message);
  });
});

describe("chains to learn from", () => {
  const example = (name: string, sequence: string): Example => ({
    ...{ name, resolution: 2 },
    chain: { ...chains.training[0]!.chain, sequence },
  });
  const letters = "ACDEFGHIKLMNPQRSTVWY";
  const sequence = (seed: number): string => {
    const random = new Random(seed);
    return Array.from({ length: 60 }, () => letters[random.integer(20)]).join("");
  };

  it("keep families on one side, and count equal sequences once", () => {
    const one = sequence(3);
    const relative = `${one.slice(0, 50)}${sequence(7).slice(50)}`;
    const all = [
      example("a", one),
      example("b", relative),
      example("c", one),
      ...[11, 13, 17, 19].map((s) => example(`${s}`, sequence(s))),
    ];
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { training, heldOut } = dividedChains(all, [], 0.3, seed);
      const names = (side: typeof training) => side.map(({ name }) => name);
      expect([...names(training), ...names(heldOut)].sort()).toEqual(["11", "13", "17", "19", "a", "b"]);
      expect(names(training).includes("a")).toBe(names(training).includes("b"));
      expect(heldOut.length).toBeGreaterThanOrEqual(2);
    }
    expect(() => dividedChains([all[0]!], [], 0.5, 1)).toThrow(/none is left to train on/);
    expect(() => dividedChains(all, [], 1, 1)).toThrow(/share held out is 1/);
  });

  it("take the alignments whose query is their sequence, and no others", async () => {
    const [a, b] = [sequence(3), sequence(5)];
    const file = (name: string, text: string) => ({ name, read: async () => new TextEncoder().encode(text) });
    const files = [file("a.a3m", `>a\n${a}\n>x\n${a.replace(/C/g, "-")}\n`), file("other.a3m", ">o\nACDEFG\n"), file("a.txt", "no")];
    const { alignments, skipped } = await readAlignments(files as never, [example("a", a), example("b", b)]);
    expect(alignments.map(({ rows }) => rows[0])).toEqual([a]);
    expect(skipped).toEqual([expect.stringMatching(/other\.a3m: it is no alignment that begins with/)]);
    const { training } = dividedChains([example("a", a), example("b", b)], alignments, 0, 1);
    expect(training.map((c) => c.alignments[0]!.rows.length)).toEqual([2, 1]);
    expect(training[1]!.alignments).toEqual([singleSequence(b)]);
  });
});

describe("a trained network's files", () => {
  const weights = initialModel(tiny, 1);
  const description = JSON.stringify({ system: "fold", config: tiny, note: "kept" });

  it("give back the weights to half precision, and all that the description says", async () => {
    const loaded = await loadFold(description, await trainedBytes(tiny, weights));
    expect(loaded.record["note"]).toBe("kept");
    const [a, b] = [namedWeights(tiny, weights), namedWeights(tiny, loaded.weights)];
    for (const [name, own] of Object.entries(a)) {
      const [x, y] = [await own.data(), await b[name]!.data()];
      x.forEach((v, i) => {
        expect(Math.abs(Number(v) - Number(y[i]))).toBeLessThanOrEqual(Math.abs(Number(v)) / 1024 + 1e-7);
      });
    }
  });

  it("are refused, in a sentence, where they are of another network or no files of ours", async () => {
    const bytes = await trainedBytes(tiny, weights);
    const changed = (change: object) => JSON.stringify({ config: { ...tiny, ...change } });
    for (const [text, message] of [
      ["", /does not describe a folding network/],
      ["null", /there is no config/],
      [changed({ channels: { ...tiny.channels, msa: -8 } }), /config\.channels\.msa is -8/],
      [changed({ channels: { ...tiny.channels, msa: 1e9 } }), /config\.channels\.msa is 1000000000/],
      [changed({ heads: { plddt: 12, error: "yes" } }), /config\.heads\.error is "yes"/],
      [changed({ channels: { ...tiny.channels, pair: 7 } }), /is \[.*\], \[.*\] by/],
      [changed({ evoformer: { ...tiny.evoformer, blocks: 2 } }), /the weights lack evoformer\/evoformer_iteration\/1/],
      [changed({ evoformer: { ...tiny.evoformer, blocks: 0 } }), /the network has no place for evoformer\/evoformer_iteration\/0/],
    ] as const)
      await expect(loadFold(text, bytes), text).rejects.toThrow(message);
    await expect(loadFold(description, bytes.subarray(0, bytes.length - 9))).rejects.toThrow();
    await expect(loadFold(description, new Uint8Array(3))).rejects.toThrow();
  });
});

describe("a folded chain", () => {
  it("has the atoms of its residues, in their places", () => {
    const atoms = Float32Array.from({ length: 2 * 14 * 3 }, (_, i) => i);
    const chain = foldedChain("GW", atoms, [50, 90]);
    expect([...chain.atomMask.subarray(0, 37)].reduce((a, b) => a + b)).toBe(4);
    expect([...chain.atomMask.subarray(37)].reduce((a, b) => a + b)).toBe(14);
    const file = writePdb({ id: "X", method: null, resolution: null, date: null, chains: [chain] } as never);
    const text = typeof file === "string" ? file : new TextDecoder().decode(file as Uint8Array);
    writeFileSync(join(folder, "x.pdb"), text);
    // Tryptophan's atoms in the order of atom14: the first is N, the second CA.
    const ca = text.split("\n").find((row) => row.startsWith("ATOM") && row.slice(12, 16).trim() === "CA" && row.slice(17, 20) === "TRP")!;
    const at = 3 * (14 + residueAtoms[17]!.indexOf("CA"));
    expect([ca.slice(30, 38), ca.slice(38, 46), ca.slice(46, 54)].map(Number)).toEqual([at, at + 1, at + 2]);
    expect(Number(ca.slice(60, 66))).toBe(90);
    expect(() => foldedChain("GW", atoms.subarray(3), [50, 90])).toThrow(/81 coordinates for 2 residues/);
  });
});
