import { array, zeros } from "@gradus/tensor";
import { describe, expect, it } from "vitest";
import { peptideBond, residueAngles, residueBonds, vanDerWaalsRadii } from "../constants/bonds.ts";
import { residueAtoms, residueNames } from "../constants/residues.ts";
import { atom14Mask } from "../constants/tables.ts";
import { alignedErrorLoss, distogramLoss, experimentallyResolvedLoss, violationLoss, violationsOf } from "../losses/index.ts";
import { lookUp, toAtom14 } from "../network/atoms.ts";
import { framesFromPoints } from "../network/frames.ts";
import { Fixture, noFixtures, some } from "./reference.ts";

type Point = readonly number[];
const distance = (a: Point, b: Point): number => Math.hypot(...a.map((v, i) => v - b[i]!));
const excess = (off: number, deviation: number): number => Math.max(0, Math.abs(off) - 12 * deviation);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Violations in plain loops, after equations 44 to 47. */
function plain(positions: readonly (readonly Point[])[], aatype: readonly number[], index: readonly number[]) {
  const cosine = (at: Point, a: Point, b: Point): number => {
    const [u, v] = [a, b].map((p) => p.map((x, i) => x - at[i]!)) as [number[], number[]];
    return u.reduce((sum, x, i) => sum + x * v[i]!, 0) / Math.hypot(...u) / Math.hypot(...v);
  };
  const lengths: number[] = [];
  const first: number[] = [];
  const second: number[] = [];
  for (let i = 0; i + 1 < aatype.length; i++) {
    if (index[i + 1] !== index[i]! + 1 || [i, i + 1].some((k) => !residueAtoms[aatype[k]!]!.length)) continue;
    const [, ca, c] = positions[i]! as [Point, Point, Point];
    const [n, nextCa] = positions[i + 1]! as [Point, Point];
    const proline = residueNames[aatype[i + 1]!] === "PRO";
    const { length, cosineCaCN, cosineCNCa } = peptideBond;
    lengths.push(
      excess(distance(c, n) - (proline ? length.meanProline : length.mean), proline ? length.deviationProline : length.deviation),
    );
    first.push(excess(cosine(c, ca, n) - cosineCaCN.mean, cosineCaCN.deviation));
    second.push(excess(cosine(n, c, nextCa) - cosineCNCa.mean, cosineCNCa.deviation));
  }
  let [overlaps, atoms] = [0, 0];
  const radius = (name: string): number => vanDerWaalsRadii[name[0]!]!;
  aatype.forEach((type, i) => {
    const names = residueAtoms[type]!;
    atoms += names.length;
    names.forEach((a, x) => {
      for (let j = i + 1; j < aatype.length; j++)
        residueAtoms[aatype[j]!]!.forEach((b, y) => {
          if (index[j]! <= index[i]! || (a === "C" && b === "N" && index[j] === index[i]! + 1)) return;
          if (a === "SG" && b === "SG") return;
          overlaps += 2 * Math.max(0, radius(a) + radius(b) - 1.5 - distance(positions[i]![x]!, positions[j]![y]!));
        });
      for (const [y, b] of names.entries()) {
        if (y === x) continue;
        const d = distance(positions[i]![x]!, positions[i]![y]!);
        const bond = [...residueBonds[type]!, ...residueAngles[type]!].find((q) => q.atoms.includes(a) && q.atoms.includes(b));
        overlaps += 2 * (bond ? excess(d - bond.length, bond.deviation) : Math.max(0, radius(a) + radius(b) - 1.5 - d));
      }
    });
  });
  return { length: mean(lengths), cosineCaCN: mean(first), cosineCNCa: mean(second), atoms: overlaps / atoms };
}

describe.skipIf(noFixtures)("violations", () => {
  it("are few in a real chain, and as plain loops find them when it is shaken", async () => {
    const f = await Fixture.read("atom37_features");
    const count = 24;
    const aatype = f.in("aatype").get(`:${count}`);
    const residueIndex = f.in("residue_index").get(`:${count}`);
    const real = toAtom14(f.in("all_atom_positions").get(`:${count}`), aatype);
    const known = f.in("all_atom_mask").get(`:${count}`);
    const seen = toAtom14(known.expandDims({ axis: 2 }).broadcastTo([count, 37, 3]), aatype).get(":, :, 0");
    const quiet = violationsOf({ positions: real, exists: seen, aatype, residueIndex });
    expect(await quiet.residues.sum().item()).toBe(0);
    expect(await quiet.atoms.sum().item()).toBe(0);

    const shaken = real.add(some([count, 14, 3], 5, "float32").mul(1.2));
    const given = { positions: shaken, exists: lookUp(atom14Mask, aatype), aatype, residueIndex };
    const found = violationsOf(given);
    const lists = [await shaken.tolist(), await aatype.tolist(), await residueIndex.tolist()] as unknown as Parameters<typeof plain>;
    const expected = plain(...lists);
    expect(await found.length.item()).toBeCloseTo(expected.length, 4);
    expect(await found.cosineCaCN.item()).toBeCloseTo(expected.cosineCaCN, 4);
    expect(await found.cosineCNCa.item()).toBeCloseTo(expected.cosineCNCa, 4);
    const atoms = (await found.atoms.sum().item()) / (await given.exists.sum().item());
    expect(Math.abs(atoms / expected.atoms - 1)).toBeLessThan(1e-4);
    const sum = expected.length + expected.cosineCaCN + expected.cosineCNCa + expected.atoms;
    expect(Math.abs((await violationLoss(given).item()) / sum - 1)).toBeLessThan(1e-4);
    expect(await found.residues.sum().item()).toBeGreaterThan(count / 2);
  });
});

describe("losses of heads", () => {
  it("of distances and of errors take the bin that a value is in, by the paper's edges", async () => {
    const beta = array([
      [0, 0, 0],
      [2.3, 0, 0],
      [2.4, 0, 0],
      [30, 0, 0],
    ]);
    // Distances 2.3, 2.4, 30, 0.1, 27.7, 27.6: only 2.4 is beyond the first edge and below the second.
    const bin = (d: number): number => Array.from({ length: 63 }, (_, k) => 2.3125 + 0.3125 * k).filter((edge) => d > edge).length;
    expect([bin(2.3), bin(2.4), bin(30)]).toEqual([0, 1, 63]);
    const x = [0, 2.3, 2.4, 30];
    const logits = some([4, 4, 64], 3, "float32");
    const numbers = (await logits.tolist()) as unknown as number[][][];
    const mask = array([1, 1, 1, 0]);
    const entropy = (row: number[], k: number): number => Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[k]!;
    const pairs = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => entropy(numbers[i]![j]!, bin(Math.abs(x[i]! - x[j]!)))));
    expect(await distogramLoss(logits, beta, mask).item()).toBeCloseTo(mean(pairs), 4);

    const truth = framesFromPoints(some([4, 3], 1, "float32"), some([4, 3], 2, "float32").mul(9), some([4, 3], 4, "float32"));
    const predicted = {
      ...truth,
      translation: truth.translation.add(
        array([
          [3.1, 0, 0],
          [0, 0, 0],
          [0, 0, 40],
          [0, 0, 0],
        ]),
      ),
    };
    // The same rotations: j's place in i's frame is off by the difference of the two errors.
    const off = [
      [3.1, 0, 0],
      [0, 0, 0],
      [0, 0, 40],
    ] as const;
    const errorBin = (d: number): number => Array.from({ length: 63 }, (_, k) => 0.5 * k).filter((edge) => d > edge).length;
    const errors = off.flatMap((a, i) => off.map((b, j) => entropy(numbers[i]![j]!, errorBin(distance(a, b)))));
    expect(await alignedErrorLoss(logits, predicted, truth, mask).item()).toBeCloseTo(mean(errors), 3);
  });

  it("of atoms that were seen count those that a residue has", async () => {
    const logits = array([[2, -1, 5]]);
    const expected = (Math.log(1 + Math.exp(-2)) + Math.log(1 + Math.exp(-1))) / 2;
    expect(await experimentallyResolvedLoss(logits, array([[1, 0, 1]]), array([[1, 1, 0]])).item()).toBeCloseTo(expected, 5);
    expect(await experimentallyResolvedLoss(logits, zeros([1, 3]), zeros([1, 3])).item()).toBe(0);
  });
});
