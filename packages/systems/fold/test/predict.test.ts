import { init } from "@gradus/tensor";
import { expect, test } from "vitest";
import { FoldNetwork } from "../fold.ts";
import { type Chain, compareChains, generateFolds, singleSequence, templateOf } from "../index.ts";
import { type Predicted, type PredictOptions, predict, taskOf } from "../predict.ts";
import { formula, tiny } from "./tiny.ts";

await init({ device: "wasm", threads: 1 });

const { chain } = generateFolds(1, { seed: 2, kinds: ["hairpin"] })[0]!;
const { sequence } = chain;
const known = templateOf(sequence, { id: "made", method: null, resolution: null, date: null, chains: [chain] });
const input = { sequence, alignments: [singleSequence(sequence)] };
const network = new FoldNetwork(tiny, formula(tiny));

async function run(
  given: Parameters<typeof predict>[1],
  options: PredictOptions = {},
  by = network,
): Promise<Predicted & { passes: Chain[] }> {
  const passes: Chain[] = [];
  const running = predict(by, given, options);
  for (;;) {
    const { value, done } = await running.next();
    if (done) return { ...value, passes };
    passes.push(value.chain);
  }
}
const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => Array.from(a).every((x, i) => x === b[i]);

test("a prediction is the same for the same seed, hears of templates, and is relaxed only where asked", async () => {
  const plain = await run(input, { relax: false, seed: 1 });
  expect(plain.passes).toHaveLength(tiny.recycles + 1);
  expect(plain.relaxed).toBe(null);
  expect(same(plain.chain.atomPositions, plain.passes.at(-1)!.atomPositions)).toBe(true);
  const n = sequence.length;
  expect(plain.confidence.distances).toHaveLength(n * n);
  for (const distance of plain.confidence.distances) expect(distance > 2 && distance < 22).toBe(true);

  const relaxed = await run(input, { seed: 1 });
  expect(same(relaxed.passes.at(-1)!.atomPositions, plain.chain.atomPositions)).toBe(true);
  expect(relaxed.relaxed!.after.worstBond).toBeLessThan(relaxed.relaxed!.before.worstBond);
  // The seed decides what of the alignment is masked.
  expect(same((await run(input, { relax: false, seed: 2 })).chain.atomPositions, plain.chain.atomPositions)).toBe(false);

  const withTemplate = { ...input, templates: [known] };
  expect(taskOf(network, withTemplate)).toEqual({ residues: n, sequences: 1, extraSequences: 1, templates: 1 });
  const seconds = await network.timePrediction(taskOf(network, withTemplate));
  expect(seconds).toBeGreaterThan(0);
  const guided = await run(withTemplate, { relax: false, seed: 1 });
  expect(same(guided.chain.atomPositions, plain.chain.atomPositions)).toBe(false);
  expect(compareChains(guided.chain, guided.chain).rmsd).toBeLessThan(1e-6);
});

test("what cannot be predicted is refused in a sentence", async () => {
  const without = new FoldNetwork({ ...tiny, templates: null }, network.weights);
  await expect(run({ ...input, templates: [known] }, {}, without)).rejects.toThrow(/knows no templates/);
  await expect(run({ sequence: "XX", alignments: [singleSequence("XX")] })).rejects.toThrow(/no known residue/);
  const { single_activations: single } = network.weights.evoformer;
  const broken = {
    ...network.weights,
    evoformer: { ...network.weights.evoformer, single_activations: { ...single, bias: single.bias.mul(Number.NaN) } },
  };
  await expect(run(input, { relax: false, recycles: 0 }, new FoldNetwork(tiny, broken))).rejects.toThrow(
    /not finite.*weights may be damaged/,
  );
});
