import { array, type Tensor } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { mapParameters, type Parameters, type Weights } from "../network/parameters.ts";
import { templatePairFeatures, templatePairStack, templatePairs, templateParameters, templateSequences } from "../network/templates.ts";
import { triangleMultiplicationIncoming, triangleMultiplicationOutgoing, triangleMultiplicationParameters } from "../network/triangle.ts";
import { some } from "./reference.ts";
import golden from "./templates.golden.json" with { type: "json" };

/** Weights by their names, as templates.golden.py has them. */
const named = <P extends Parameters>(parameters: P, scope: readonly string[] = []): Weights<P> =>
  mapParameters(parameters, ({ shape }, path) => {
    const seed = [...[...scope, ...path].join("/")].reduce((sum, letter, k) => sum + (k + 1) * letter.charCodeAt(0), 0) % 997;
    return some(shape, seed).mul(0.5);
  });

/** The largest difference from NumPy's numbers, which have seven digits behind the point. */
async function off(value: Tensor, expected: unknown): Promise<number> {
  const numbers = (expected as number[][]).flat(5) as number[];
  const given = await value.data();
  expect(given.length).toBe(numbers.length);
  return numbers.reduce((most, v, i) => Math.max(most, Math.abs(v - Number(given[i]))), 0);
}
const close = 1e-6;

const [r, count, c_m, c_z] = [5, 3, 7, 6];
const sizes = { channels: 4, blocks: 2, pair: { multiplication: 5, heads: 2, width: 3, transition: 2 }, heads: 3, width: 2 };
const known = array([1, 1, 0, 1, 1], { dtype: "float64" });
const pairMask = known.expandDims({ axis: 1 }).mul(known);
const z = some([r, r, c_z], 1);
const templates = {
  aatype: array(golden.aatype, { dtype: "int32" }),
  positions: some([count, r, 37, 3], 8).mul(10),
  atomMask: array(golden.atomMask, { dtype: "float64" }).reshape([count, r, 37]),
  mask: array([1, 0, 1], { dtype: "float64" }),
};
const passes = [{}, { chunk: 2 }];

describe("against the supplement's algorithms written anew with NumPy, whole and in chunks", () => {
  it.each([
    ["outgoing", triangleMultiplicationOutgoing],
    ["incoming", triangleMultiplicationIncoming],
  ] as const)("triangle multiplication, %s edges (algorithms 11 and 12)", async (edges, update) => {
    const weights = named(triangleMultiplicationParameters(c_z, 5), [edges]);
    for (const pass of passes) expect(await off(update(z, pairMask, weights, pass), golden[edges])).toBeLessThan(close);
  });

  const weights = named(templateParameters(c_m, c_z, sizes));
  const embedding = weights.template_embedding;
  const nth = (t: number) => ({
    aatype: templates.aatype.get(t),
    positions: templates.positions.get(t),
    atomMask: templates.atomMask.get(t),
  });

  it("features of pairs of a template (table 1)", async () => {
    for (let t = 0; t < count; t++) expect(await off(templatePairFeatures(nth(t)), golden.pairFeatures[t])).toBe(0);
  });

  it("a template's pairs (algorithm 16)", async () => {
    for (const pass of passes)
      for (let t = 0; t < count; t++) {
        const found = templatePairStack(nth(t), pairMask, embedding.single_template_embedding, pass);
        expect(await off(found, golden.embedded[t])).toBeLessThan(close);
      }
  });

  it("what pairs learn of templates, of which one is not there (algorithm 17)", async () => {
    for (const pass of passes) expect(await off(templatePairs(templates, z, pairMask, embedding, pass), golden.pairs)).toBeLessThan(close);
  });

  it("torsions of templates as rows of the alignment (algorithm 2, lines 7 and 8)", async () => {
    const { m, mask } = templateSequences(templates, weights);
    expect(await off(mask, golden.rowMask)).toBe(0);
    expect(await off(m, golden.rows)).toBeLessThan(close);
  });
});
