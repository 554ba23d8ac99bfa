import { existsSync, readFileSync } from "node:fs";
import { GradusError } from "@gradus/tensor";
import { readNpz } from "@gradus/tensor/io";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lddt } from "../scores/lddt.ts";
import { moved, type Points, rmsd, superpose } from "../scores/superpose.ts";
import { gdtTs, tmScale, tmScore } from "../scores/tm-score.ts";
import golden from "./scores.golden.json" with { type: "json" };

const shared = new URL("../../../../../shared/fixtures/alphafold/", import.meta.url).pathname;

/** A motion by the quaternion (w, x, y, z), which need not have length 1. */
function motion([w, x, y, z]: readonly number[], translation: readonly number[]) {
  const n = Math.hypot(w!, x!, y!, z!);
  [w, x, y, z] = [w! / n, x! / n, y! / n, z! / n];
  return {
    rotation: Float64Array.of(
      ...[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
      ...[2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
      ...[2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ),
    translation: Float64Array.from(translation),
  };
}

const turned = motion([0.3, -0.8, 0.5, 0.1], [7, -20, 3]);
const line = (n: number, step = 3.8): number[] => Array.from({ length: n }, (_, i) => [i * step, 0, 0]).flat();
/** n points on a helix. */
const helix = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => [2.3 * Math.cos(1.745 * i), 2.3 * Math.sin(1.745 * i), 1.5 * i]).flat();

describe("against an implementation with NumPy", () => {
  test.each(golden.map((c, i) => [i, c.predicted.length / 3, c] as const))("chain %i of %i residues", (_i, _n, c) => {
    expect(rmsd(c.predicted, c.reference)).toBeCloseTo(c.rmsd, 9);
    const { score, perResidue } = lddt(c.predicted, c.reference);
    expect(score).toBeCloseTo(c.lddt, 12);
    c.perResidue.forEach((expected, i) => expect(perResidue[i]).toBeCloseTo(expected, 12));
    expect(tmScore(c.predicted, c.reference).score).toBeCloseTo(c.tm, 9);
    expect(gdtTs(c.predicted, c.reference)).toBeCloseTo(c.gdt, 12);
  });
});

test.skipIf(!existsSync(shared))("lDDT is that of AlphaFold's reference numbers (skipped where shared/fixtures is missing)", async () => {
  const arrays = await readNpz(readFileSync(`${shared}loss_lddt.npz`));
  const of = (name: string) => arrays.get(name)!.data as Float32Array;
  const alphaCarbons = (all: Float32Array): number[] => [...all].filter((_, i) => Math.floor(i / 3) % 37 === 1);
  const mask = [...of("in/all_atom_mask")].filter((_, i) => i % 37 === 1);
  const found = lddt(alphaCarbons(of("out/pred_atom37_positions")), alphaCarbons(of("in/all_atom_positions")), { mask });
  expect(found.score).toBeCloseTo(of("out/lddt_ca_global")[0]!, 5);
  of("cmp/lddt_ca").forEach((counts, i) => counts && expect(found.perResidue[i]).toBeCloseTo(of("out/lddt_ca")[i]!, 5));
});

describe("superposition", () => {
  test("finds the motion that was applied", () => {
    const points = helix(20);
    const { rotation, translation, rmsd: distance } = superpose(points, moved(turned, points));
    expect(distance).toBeLessThan(1e-12);
    turned.rotation.forEach((x, i) => expect(rotation[i]).toBeCloseTo(x, 12));
    turned.translation.forEach((x, i) => expect(translation[i]).toBeCloseTo(x, 12));
  });

  test("of a square stretched to a rectangle leaves what is known by hand", () => {
    const square = [1, 1, 0, -1, 1, 0, -1, -1, 0, 1, -1, 0];
    const rectangle = square.map((x, i) => (i % 3 === 0 ? 3 * x : x));
    expect(rmsd(square, rectangle)).toBeCloseTo(2, 12);
  });

  test("never mirrors: a tetrahedron and its mirror image stay apart", () => {
    const tetrahedron = [1, 1, 1, 1, -1, -1, -1, 1, -1, -1, -1, 1];
    const mirrored = tetrahedron.map((x, i) => (i % 3 === 2 ? -x : x));
    // Corners 1 and 2 change places with 3 and 4, or by the best turn less is lost: the singular values are 4, 4 and -4.
    expect(rmsd(tetrahedron, mirrored)).toBeCloseTo(Math.sqrt((2 * 12 - 2 * 4) / 4), 12);
    const { rotation: r } = superpose(tetrahedron, mirrored);
    const determinant =
      r[0]! * (r[4]! * r[8]! - r[5]! * r[7]!) - r[1]! * (r[3]! * r[8]! - r[5]! * r[6]!) + r[2]! * (r[3]! * r[7]! - r[4]! * r[6]!);
    expect(determinant).toBeCloseTo(1, 12);
  });

  test("leaves out points of weight 0, whatever they hold", () => {
    const points = helix(6);
    const other = moved(turned, points);
    other.fill(Number.NaN, 6, 9);
    expect(rmsd(points, other, [1, 1, 0, 1, 1, 1])).toBeLessThan(1e-12);
  });

  test.each([
    ["one point", [1, 2, 3]],
    ["the same point thrice", [1, 2, 3, 1, 2, 3, 1, 2, 3]],
    ["points on a line", line(5)],
  ])("is exact for %s", (_name, points) => {
    expect(rmsd(points, moved(turned, points))).toBeLessThan(1e-9);
  });

  test("says what is wrong with its arguments", () => {
    expect(() => superpose([1, 2, 3], [1, 2, 3, 4, 5, 6])).toThrow("there are 1 points on one side and 2 on the other");
    expect(() => superpose([1, 2], [1, 2])).toThrow("2 numbers are no points");
    expect(() => superpose([], [])).toThrow("there are no points");
    expect(() => superpose(line(3), line(3), [1, -1, 1])).toThrow("the weight of point 1 is -1");
    expect(() => superpose([Number.NaN, 2, 3], [1, 2, 3])).toThrow("not finite");
  });
});

describe("known values", () => {
  test("d0 is the formula's: 1.24 (L - 15)^(1/3) - 1.8", () => {
    expect(tmScale(15 + 64)).toBeCloseTo(1.24 * 4 - 1.8, 12);
    expect(tmScale(10)).toBe(0.5);
    expect(tmScale(20)).toBe(0.5);
  });

  test("lDDT of a line of four with its last residue 1.5 Å too far is 3/4 of that residue's distances", () => {
    const reference = line(4);
    const predicted = [...reference];
    predicted[9]! += 1.5;
    // Six distances, three of them off by 1.5: those are kept at 2 and 4 Å only.
    const { score, perResidue } = lddt(predicted, reference);
    expect(score).toBeCloseTo((3 * 1 + 3 * 0.5) / 6, 12);
    [5 / 6, 5 / 6, 5 / 6, 0.5].forEach((expected, i) => expect(perResidue[i]).toBeCloseTo(expected, 12));
  });

  test("lDDT leaves out distances of 15 Å and more", () => {
    // Residues 1 and 5 are 15.2 Å apart: moving 5 around 1 at that distance costs nothing.
    expect(lddt([0, 0, 0, 15.2, 0, 0], [0, 0, 0, 0, 15.2, 0]).score).toBe(0);
    expect(lddt([0, 0, 0, 14.8, 0, 0], [0, 0, 0, 0, 15.2, 0]).perResidue).toEqual(Float64Array.of(0, 0));
    expect(lddt([0, 0, 0, 15.2, 0, 0], [0, 0, 0, 0, 14.8, 0]).score).toBe(1);
  });

  test("TM-score and GDT-TS of a half that fits exactly and a half far away are one half and a little", () => {
    const n = 60;
    const reference = helix(n);
    const predicted = reference.map((x, i) => (i >= 90 ? x + 1000 : x));
    expect(tmScore(predicted, reference).score).toBeCloseTo(0.5, 4);
    expect(gdtTs(predicted, reference)).toBe(0.5);
    expect(tmScore(predicted, reference, { length: 120 }).score).toBeCloseTo(0.25, 2);
    expect(gdtTs(predicted, reference, { length: 120 })).toBe(0.25);
  });

  test("one residue of 100 displaced by d0 costs half of its share", () => {
    const reference = helix(100);
    const predicted = [...reference];
    predicted[3 * 50]! += tmScale(100);
    const { score } = tmScore(predicted, reference);
    expect(score).toBeGreaterThanOrEqual(0.995);
    expect(score).toBeLessThan(0.9952);
  });
});

describe("properties", () => {
  const coordinates = (least: number) =>
    fc.integer({ min: least, max: 14 }).chain((n) => {
      const list = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 3 * n, maxLength: 3 * n });
      return fc.tuple(list, list, fc.array(fc.double({ min: 0.1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }));
    });
  const scores = (a: Points, b: Points) => [rmsd(a, b), lddt(a, b).score, tmScore(a, b).score, gdtTs(a, b)];

  test("a structure and itself, moved, score 1", () => {
    fc.assert(
      fc.property(coordinates(4), ([a, , quaternion]) => {
        const [distance, , tm, gdt] = scores(moved(motion(quaternion, [5, -9, 2]), a), a);
        expect(distance).toBeLessThan(1e-6);
        expect(tm).toBeGreaterThan(1 - 1e-9);
        expect(gdt).toBe(1);
      }),
      { numRuns: 40 },
    );
  });

  test("a rigid motion of either side changes no score, and all lie between 0 and 1", () => {
    fc.assert(
      fc.property(coordinates(4), ([a, b, quaternion]) => {
        const plain = scores(a, b);
        const after = scores(moved(motion(quaternion, [5, -9, 2]), a), b);
        expect(after[0]).toBeCloseTo(plain[0]!, 6);
        expect(after[1]).toBeCloseTo(plain[1]!, 3);
        for (const score of [...plain.slice(1), ...after.slice(1)]) {
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1 + 1e-12);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("RMSD is symmetric and no superposition is better", () => {
    fc.assert(
      fc.property(coordinates(3), ([a, b, quaternion]) => {
        expect(rmsd(a, b)).toBeCloseTo(rmsd(b, a), 8);
        const other = moved(motion(quaternion, [0, 0, 0]), a);
        const plain = Math.sqrt(other.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / (a.length / 3));
        expect(rmsd(a, b)).toBeLessThanOrEqual(plain + 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test("masked residues do not count, and too few are refused in a sentence", () => {
    const reference = helix(30);
    const predicted = [...reference];
    predicted.fill(Number.NaN, 30, 33);
    const mask = Float32Array.from({ length: 30 }, (_, i) => +(i !== 10));
    expect(tmScore(predicted, reference, { mask }).score).toBeCloseTo(1, 9);
    expect(gdtTs(predicted, reference, { mask, length: 30 })).toBeCloseTo(29 / 30, 12);
    expect(lddt(predicted, reference, { mask }).score).toBe(1);
    expect(() => tmScore(predicted, reference)).toThrow(GradusError);
    expect(() => tmScore([0, 0, 0], [0, 0, 0])).toThrow("1 residues have positions in both structures");
    expect(() => tmScore(reference, reference, { length: 3 })).toThrow("the length is 3 with 30 residues compared");
    expect(() => tmScore(line(3, 1e200), line(3))).toThrow("no places in ångström");
    expect(Number.isFinite(tmScore(line(4, 2e5), helix(4)).score)).toBe(true); // far away, and still done at once
  });
});
