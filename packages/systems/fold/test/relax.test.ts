import { existsSync } from "node:fs";
import { join } from "node:path";
import { Random } from "@gradus/data";
import { describe, expect, test } from "vitest";
import { atom37Index } from "../constants/residues.ts";
import { buildBackbone } from "../generate/backbone.ts";
import { type Chain, compareChains, cropChain, generateFolds, relax } from "../index.ts";
import { loadStructure } from "../node.ts";
import { Energy } from "../relax/relax.ts";
import { geometryOf, nearPairs, strainOf } from "../relax/terms.ts";

const shared = new URL("../../../../../shared/data/structures/", import.meta.url).pathname;

/** Every atom moved by normal noise of so many ångström. */
function shaken(chain: Chain, noise: number, seed = 1): Chain {
  const random = new Random(seed);
  const moved = chain.atomPositions.map((x, i) => (chain.atomMask[Math.floor(i / 3)] ? x + random.normal(0, noise) : 0));
  return { ...chain, atomPositions: moved };
}
const { chain } = generateFolds(1, { seed: 2, kinds: ["helix-turn-helix"] })[0]!;

describe("strain", () => {
  test("of ideal backbones is small, and shaking is noticed", () => {
    const ideal = strainOf(geometryOf(chain));
    expect(ideal).toMatchObject({ bonds: 0, clashes: 0 });
    expect(ideal.worstBond).toBeLessThan(4);
    expect(strainOf(geometryOf(shaken(chain, 0.3))).bonds).toBeGreaterThan(10);
  });

  test("counts overlaps by hand: carbons 1.8 Å apart overlap by 1.6 Å, bound atoms do not count", () => {
    const apart = buildBackbone("GG", [
      { phi: -60, psi: -40 },
      { phi: -60, psi: -40 },
    ]);
    const set = (residue: number, name: string, x: number[]) => apart.atomPositions.set(x, 3 * (37 * residue + atom37Index(name)!));
    expect(strainOf(geometryOf(apart)).clashes).toBe(0);
    set(0, "CA", [0, 0, 0]);
    set(1, "C", [1.8, 0, 0]);
    const { clashes, worstOverlap } = strainOf(geometryOf(apart));
    expect(clashes).toBeGreaterThanOrEqual(1);
    expect(worstOverlap).toBeGreaterThanOrEqual(1.6 - 1e-6);
  });

  test("finds the same near pairs as a plain loop", () => {
    const geometry = geometryOf(shaken(chain, 1));
    const p = geometry.positions;
    const expected: [number, number][] = [];
    for (let i = 0; i < geometry.places.length; i++)
      for (let j = i + 1; j < geometry.places.length; j++) {
        const d = Math.hypot(p[3 * i]! - p[3 * j]!, p[3 * i + 1]! - p[3 * j + 1]!, p[3 * i + 2]! - p[3 * j + 2]!);
        const same = Math.floor(geometry.places[i]! / 37) === Math.floor(geometry.places[j]! / 37);
        if (d < 3 && !same && !geometry.bound.has(i * geometry.places.length + j)) expected.push([i, j]);
      }
    const sorted = (pairs: [number, number][]) => pairs.map(([a, b]) => a * 10_000 + b).sort((a, b) => a - b);
    expect(expected.length).toBeGreaterThan(50);
    expect(sorted(nearPairs(geometry, p, 3))).toEqual(sorted(expected));
  });
});

test("the gradient is that of finite differences", () => {
  const geometry = geometryOf(shaken(chain, 0.5));
  const random = new Random(5);
  const at = geometry.positions.map((x) => x + random.normal(0, 0.2));
  const gradient = new Float64Array(at.length);
  new Energy(geometry, 2).evaluate(at, gradient);
  const scale = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  for (let k = 0; k < 30; k++) {
    const i = random.integer(at.length);
    const value = (h: number): number => {
      const moved = at.slice();
      moved[i]! += h;
      return new Energy(geometry, 2).evaluate(moved, new Float64Array(at.length));
    };
    expect(Math.abs((value(1e-5) - value(-1e-5)) / 2e-5 - gradient[i]!) / scale).toBeLessThan(1e-6);
  }
});

describe("relaxation", () => {
  test("leaves ideal structures where they are", () => {
    const { moved, after } = relax(chain);
    expect(moved).toBeLessThan(0.05);
    expect(after).toMatchObject({ bonds: 0, clashes: 0 });
  });

  test("mends shaken structures without changing their shape", () => {
    const broken = shaken(chain, 0.25);
    const { before, after, chain: mended, moved } = relax(broken);
    expect(before.bonds).toBeGreaterThan(10);
    expect(after).toMatchObject({ bonds: 0, clashes: 0 });
    expect(after.worstBond).toBeLessThan(6);
    expect(moved).toBeLessThan(0.6);
    expect(compareChains(mended, chain).lddt).toBeGreaterThan(0.93);
    expect(mended.sequence).toBe(chain.sequence);
  });

  test("drives parts out of each other", () => {
    // The second helix pushed into the first.
    const inside = { ...chain, atomPositions: chain.atomPositions.slice() };
    const n = chain.sequence.length;
    const middle = (from: number): number[] =>
      [0, 1, 2].map((k) => {
        let sum = 0;
        for (let i = from; i < from + 8; i++) sum += chain.atomPositions[3 * (37 * i + 1) + k]!;
        return sum / 8;
      });
    const [first, second] = [middle(0), middle(n - 8)];
    for (let i = n - 8; i < n; i++)
      for (let atom = 0; atom < 37; atom++)
        if (chain.atomMask[37 * i + atom])
          for (let k = 0; k < 3; k++) inside.atomPositions[3 * (37 * i + atom) + k]! += 0.55 * (first[k]! - second[k]!);
    const { before, after } = relax(inside, { steps: 2000, restraint: 0.1 });
    expect(before.clashes + before.bonds).toBeGreaterThan(5);
    expect(after).toMatchObject({ bonds: 0, clashes: 0 });
  });

  test("separates atoms in one place, and keeps to its number of steps", () => {
    const one = { ...chain, atomPositions: chain.atomPositions.slice() };
    one.atomPositions.copyWithin(3 * 37 * 3, 3 * 37 * 10, 3 * 37 * 10 + 3);
    const { after, chain: mended } = relax(one, { steps: 3000 });
    expect(mended.atomPositions.every(Number.isFinite)).toBe(true);
    expect(after.bonds + after.clashes).toBeLessThan(3);
    expect(relax(shaken(chain, 0.3), { steps: 7 }).steps).toBe(7);
  });

  test("refuses chains without atoms, and atoms that are nowhere", () => {
    const none = { ...chain, atomMask: new Float32Array(chain.atomMask.length) };
    expect(() => relax(none)).toThrow("the chain has no atoms");
    const nowhere = { ...chain, atomPositions: chain.atomPositions.map(() => Number.NaN) };
    expect(() => relax(nowhere)).toThrow("some atoms have no finite place");
  });

  test.skipIf(!existsSync(shared))("real: whole side chains, shaken (skipped where shared/data is missing)", async () => {
    const whole = (await loadStructure(join(shared, "2rbg.pdb.gz"))).chains[0]!;
    const real = cropChain(whole, { start: 2, length: 60 });
    expect(strainOf(geometryOf(real))).toMatchObject({ bonds: 0, clashes: 0 });
    expect(relax(real).moved).toBeLessThan(0.1);
    const { before, after, moved } = relax(shaken(real, 0.2));
    expect(before.bonds).toBeGreaterThan(50);
    expect(after).toMatchObject({ bonds: 0, clashes: 0 });
    // Shaking moved each atom by some 0.35 Å.
    expect(moved).toBeLessThan(0.6);
  });
});
