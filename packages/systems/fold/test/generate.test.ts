import { describe, expect, test } from "vitest";
import { residueTypes } from "../constants/atoms.ts";
import { atom37Index } from "../constants/residues.ts";
import { buildBackbone, closestContact } from "../generate/backbone.ts";
import { anglesOf } from "../generate/folds.ts";
import { type Chain, type FoldKind, generateFolds, isHeldOut, readMmcif, rmsd, writeMmcif } from "../index.ts";

type Vector = [number, number, number];
const at = ({ atomPositions }: Chain, residue: number, name: string): Vector => {
  const start = 3 * (37 * residue + atom37Index(name)!);
  return [...atomPositions.slice(start, start + 3)] as Vector;
};
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const distance = (a: Vector, b: Vector): number => Math.hypot(...minus(a, b));
/** Measured in degrees, by another formula than the one that builds (arctangent of a triple product). */
function torsion(a: Vector, b: Vector, c: Vector, d: Vector): number {
  const [u, v, w] = [minus(b, a), minus(c, b), minus(d, c)];
  const [n, m] = [cross(u, v), cross(v, w)];
  return (Math.atan2(Math.hypot(...v) * dot(u, m), dot(n, m)) * 180) / Math.PI;
}
const close = (a: number, b: number) => expect(Math.abs(((a - b + 540) % 360) - 180)).toBeLessThan(0.01);
const folds = (kind: FoldKind, n = 20) => generateFolds(n, { kinds: [kind], seed: 1 });
const alphas = (chain: Chain): Vector[] => [...chain.sequence].map((_, i) => at(chain, i, "CA"));

describe("a backbone from torsions", () => {
  const angles = [
    { phi: -60, psi: -45 },
    { phi: -130, psi: 150 },
    { phi: 65, psi: 30, omega: 175 },
    { phi: -70, psi: 160, omega: 0 },
    { phi: 55, psi: -120 },
  ];
  const chain = buildBackbone("AWGPI", angles);

  test("has the torsions it was built from, and ideal lengths", () => {
    angles.forEach(({ psi }, i) => {
      close(torsion(at(chain, i, "N"), at(chain, i, "CA"), at(chain, i, "C"), at(chain, i, "O")), psi + 180);
      if (i === 4) return;
      close(torsion(at(chain, i, "N"), at(chain, i, "CA"), at(chain, i, "C"), at(chain, i + 1, "N")), psi);
      close(torsion(at(chain, i, "C"), at(chain, i + 1, "N"), at(chain, i + 1, "CA"), at(chain, i + 1, "C")), angles[i + 1]!.phi);
      close(torsion(at(chain, i, "CA"), at(chain, i, "C"), at(chain, i + 1, "N"), at(chain, i + 1, "CA")), angles[i + 1]!.omega ?? 180);
      expect(distance(at(chain, i, "C"), at(chain, i + 1, "N"))).toBeCloseTo(i === 2 ? 1.341 : 1.329, 4);
    });
    expect(distance(at(chain, 0, "CA"), at(chain, 1, "CA"))).toBeCloseTo(3.8, 1);
    expect(distance(at(chain, 2, "CA"), at(chain, 3, "CA"))).toBeLessThan(3); // cis
  });

  test("has residues of AlphaFold's ideal shape, left-handed ones as in nature", () => {
    [...chain.sequence].forEach((letter, i) => {
      const names = letter === "G" ? ["N", "CA", "C"] : ["N", "CA", "C", "CB"];
      const ideal = names.flatMap((name) => residueTypes.find((t) => t.letter === letter)!.atoms.find((a) => a.name === name)!.position);
      expect(
        rmsd(
          names.flatMap((name) => at(chain, i, name)),
          ideal,
        ),
      ).toBeLessThan(1e-3);
      expect(chain.atomMask[37 * i + atom37Index("CB")!]).toBe(letter === "G" ? 0 : 1);
    });
  });

  test("is refused for residues of unknown shape", () => {
    expect(() => buildBackbone("AX", angles.slice(0, 2))).toThrow('"X" is none of the twenty amino acids');
    expect(() => buildBackbone("AA", angles)).toThrow("there are 5 residues' angles for 2 residues");
  });
});

describe("generated folds", () => {
  test("helices rise 1.5 Å a residue, turn by 100 degrees, and have O of residue i near N of residue i + 4", () => {
    for (const { chain } of folds("helix", 5)) {
      const ca = alphas(chain);
      // The axis: from the middle of the first turn to that of the last.
      const middle = (i: number): Vector =>
        [0, 1, 2].map((k) => (ca[i]![k]! + ca[i + 1]![k]! + ca[i + 2]![k]! + ca[i + 3]![k]!) / 4) as Vector;
      const rise = distance(middle(0), middle(ca.length - 4)) / (ca.length - 4);
      expect(rise).toBeGreaterThan(1.4);
      expect(rise).toBeLessThan(1.6);
      for (let i = 0; i + 4 < ca.length; i++) {
        const bond = distance(at(chain, i, "O"), at(chain, i + 4, "N"));
        expect(bond).toBeGreaterThan(2.6);
        expect(bond).toBeLessThan(3.3);
        expect(Math.abs(torsion(ca[i]!, ca[i + 1]!, ca[i + 2]!, ca[i + 3]!) - 51)).toBeLessThan(5); // right-handed
      }
    }
  });

  test("strands of a hairpin are joined by hydrogen bonds, every second pair", () => {
    for (const { chain } of folds("hairpin")) {
      const n = chain.sequence.length;
      for (let i = 0; i < n / 2 - 1; i++) {
        const j = n - 1 - i;
        expect(distance(at(chain, i, "CA"), at(chain, j, "CA"))).toBeLessThan(6);
        if ((n / 2 - 2 - i) % 2) continue;
        for (const [a, b] of [
          [i, j],
          [j, i],
        ] as const) {
          const bond = distance(at(chain, a, "O"), at(chain, b, "N"));
          expect(bond).toBeGreaterThan(2.5);
          expect(bond).toBeLessThan(3.3);
        }
      }
    }
  });

  test("the second helix comes back along the first", () => {
    for (const { chain } of folds("helix-turn-helix")) {
      const ca = alphas(chain);
      const [first, second] = [minus(ca[7]!, ca[0]!), minus(ca.at(-1)!, ca.at(-8)!)];
      expect(dot(first, second) / Math.hypot(...first) / Math.hypot(...second)).toBeLessThan(-0.3);
      const contacts = ca.slice(0, 8).flatMap((a) => ca.slice(-8).map((b) => distance(a, b)));
      expect(Math.min(...contacts)).toBeLessThan(13);
    }
  });

  const many = generateFolds(300, { seed: 7 });

  test("have a whole backbone without clashes, around the origin, by the rules alone", () => {
    for (const { chain, angles } of many) {
      expect(closestContact(chain)).toBeGreaterThan(2.5);
      expect(angles).toEqual(anglesOf(chain.sequence));
      const glycines = [...chain.sequence].filter((c) => c === "G").length;
      const atoms = chain.atomMask.reduce((a, b) => a + b, 0);
      expect(atoms).toBe(5 * chain.sequence.length - glycines);
      for (let k = 0; k < 3; k++)
        expect(Math.abs(chain.atomPositions.reduce((sum, x, i) => sum + (i % 3 === k ? x : 0), 0) / atoms)).toBeLessThan(1e-4);
    }
    expect(new Set(many.map(({ kind }) => kind)).size).toBe(3);
  });

  test("training and held-out sequences are never the same, whatever the seeds", () => {
    const training = [...many, ...generateFolds(300, { seed: 8 })].map(({ chain }) => chain.sequence);
    const heldOut = [7, 9].flatMap((seed) => generateFolds(150, { seed, part: "held-out" })).map(({ chain }) => chain.sequence);
    expect(training.some((sequence) => isHeldOut(sequence))).toBe(false);
    expect(heldOut.every((sequence) => isHeldOut(sequence))).toBe(true);
    // One in five, among all that could be drawn.
    const all = Array.from({ length: 4000 }, (_, i) => `MKLAE${i.toString(7).replace(/\d/g, (d) => "AELKMQR"[Number(d)]!)}`);
    const share = all.filter(isHeldOut).length / all.length;
    expect(Math.abs(share - 0.2)).toBeLessThan(0.035);
  });

  test("are the same for the same seed, others for another, and each sequence comes once", () => {
    expect(generateFolds(20, { seed: 7 })).toEqual(many.slice(0, 20));
    expect(generateFolds(1, { seed: 8 })[0]!.chain.sequence).not.toBe(many[0]!.chain.sequence);
    expect(new Set(many.map(({ chain }) => chain.sequence)).size).toBe(300);
  });

  test("can be written and read like any structure", () => {
    const { chain } = many[0]!;
    const again = readMmcif(writeMmcif({ id: "made", method: null, resolution: null, date: null, chains: [chain] })).chains[0]!;
    expect(again.sequence).toBe(chain.sequence);
    expect(rmsd(again.atomPositions, chain.atomPositions, again.atomMask)).toBeLessThan(0.001);
  });

  test("say in a sentence what they cannot do", () => {
    expect(() => generateFolds(-1)).toThrow("the count is -1");
    expect(() => generateFolds(1, { kinds: ["barrel" as FoldKind] })).toThrow(
      "there is no kind barrel. There are helix, hairpin, helix-turn-helix",
    );
    expect(() => anglesOf("AAHA")).toThrow('no rule knows "H" in AAHA');
  });
});
