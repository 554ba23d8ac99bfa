import { existsSync } from "node:fs";
import { join } from "node:path";
import { type FileEntry, Random } from "@gradus/data";
import { folderFiles } from "@gradus/data/node";
import { describe, expect, test } from "vitest";
import {
  atomArrays,
  type Chain,
  compareChains,
  cropChain,
  drawCrop,
  generateFolds,
  groupRelated,
  moved,
  readExamples,
  writeMmcif,
  writePdb,
} from "../index.ts";
import { loadStructure } from "../node.ts";

const shared = new URL("../../../../../shared/data/structures/", import.meta.url).pathname;
const made = generateFolds(4, { seed: 3 }).map(({ chain }) => chain);
const file = (name: string, text: string): FileEntry => {
  const bytes = new TextEncoder().encode(text);
  return { name, size: bytes.length, read: async () => bytes };
};
const structureOf = (...chains: Chain[]) => ({ id: "1ABC", method: null, resolution: null, date: null, chains });
/** By another order of magnitude than coordinates in files have. */
const turned = { rotation: Float64Array.of(0, -1, 0, 1, 0, 0, 0, 0, 1), translation: Float64Array.of(5, 6, 7) };

describe("examples of a folder", () => {
  test("come by file and chain; others are left out with a sentence each", async () => {
    const two = structureOf({ ...made[0]!, id: "A" }, { ...cropChain(made[1]!, { start: 0, length: 5 }), id: "B" });
    const { examples, skipped } = await readExamples([
      file("x/one.cif", writeMmcif(two)),
      file("two.pdb", writePdb(structureOf(made[2]!))),
      file("broken.pdb", "ATOM  broken"),
      file("notes.txt", "nothing"),
    ]);
    expect(examples.map(({ name, resolution }) => [name, resolution])).toEqual([
      ["one_A", 0],
      ["two_A", 0],
    ]);
    expect(examples[0]!.chain.sequence).toBe(made[0]!.sequence);
    expect(skipped).toEqual([
      "one_B: 5 residues have a CA atom, fewer than 10",
      expect.stringMatching(/^broken\.pdb: PDB: line 1 ends after/),
    ]);
  });

  test("without any are refused in a sentence", async () => {
    await expect(readExamples([])).rejects.toThrow("among 0 files 0 are structures, and none has a chain to learn from");
    await expect(readExamples([file("a.cif", "x")])).rejects.toThrow("among 1 files 1 are structures");
    const poly = { ...made[0]!, sequence: "A".repeat(made[0]!.sequence.length), aatype: new Int32Array(made[0]!.sequence.length) };
    await expect(readExamples([file("a.cif", writeMmcif(structureOf(poly)))])).rejects.toThrow(/a_A: A makes up \d+ of its \d+ residues/);
    const fine = [file("a.pdb", writePdb(structureOf(made[0]!)))];
    await expect(readExamples(fine, { maxResidues: 5 })).rejects.toThrow("residues, more than 5");
    const coarse = [file("a.pdb", `REMARK   2 RESOLUTION.    9.50 ANGSTROMS.\n${writePdb(structureOf(made[0]!))}`)];
    await expect(readExamples(coarse)).rejects.toThrow("its resolution is 9.5 Å, coarser than 9");
  });

  test.skipIf(!existsSync(shared))("real: all files of shared/data (skipped where it is missing)", async () => {
    const { examples, skipped } = await readExamples(await folderFiles(shared));
    expect(examples).toHaveLength(21);
    expect(skipped).toEqual([]);
    expect(examples.find(({ name }) => name === "2rbg_B")).toMatchObject({ resolution: 1.75 });
    const groups = groupRelated(examples.map(({ chain }) => chain)).map((group) => group.map((i) => examples[i]!.name));
    // The same protein in two files or twice in one; trypsin and urokinase have 40 % of their residues in common.
    const expected = ["2q2k_A 2q2k_B", "2rbg_A 2rbg_B", "3u8v_A 3u8v_B", "3zee_A 4i6p_A 4i6p_B", "2crb_A 4zey_A", "1gbt_A 4zhl_U"];
    const alone = ["1a7g_E", "1a8o_A", "1psm_A", "2ofg_X", "4cup_A", "4zhl_P", "5l33_A", "glucagon-relaxed-prediction_A"];
    expect(groups.map((group) => group.join(" ")).sort()).toEqual([...expected, ...alone].sort());
  });
});

describe("crops", () => {
  test("lie in the chain, each place alike; those of unclamped losses more often near the start", () => {
    const counts = { clamped: new Array(5).fill(0), unclamped: new Array(5).fill(0) };
    for (let seed = 0; seed < 4000; seed++)
      for (const clamped of [true, false]) {
        const { start, length } = drawCrop(14, 10, new Random(seed, +clamped), { clamped });
        expect(length).toBe(10);
        counts[clamped ? "clamped" : "unclamped"][start]++;
      }
    for (const count of counts.clamped) expect(Math.abs(count - 800)).toBeLessThan(130);
    // Start s comes with chance sum over x from 0 to 4 - s of 1/5 · 1/(5 - x).
    for (let s = 0; s < 5; s++) {
      let share = 0;
      for (let x = 0; x <= 4 - s; x++) share += 1 / 5 / (5 - x);
      expect(Math.abs(counts.unclamped[s] - 4000 * share)).toBeLessThan(170);
    }
    expect(drawCrop(7, 10, new Random(0))).toEqual({ start: 0, length: 7 });
    expect(() => drawCrop(7, 0, new Random(0))).toThrow("the size is 0");
  });

  test("keep atoms, numbers and indices of their residues", () => {
    const chain = made[0]!;
    const part = cropChain(chain, { start: 2, length: 5 });
    expect(part.sequence).toBe(chain.sequence.slice(2, 7));
    expect(part.numbers).toEqual(["3", "4", "5", "6", "7"]);
    expect([...part.residueIndex]).toEqual([2, 3, 4, 5, 6]);
    expect(part.atomPositions).toEqual(chain.atomPositions.slice(2 * 111, 7 * 111));
    expect(part.atomMask.length).toBe(5 * 37);
    const { positions, mask } = atomArrays(chain, { start: 2, length: 5 }, 7);
    expect([positions.shape, mask.shape]).toEqual([
      [7, 37, 3],
      [7, 37],
    ]);
    expect(positions.data.slice(0, 5 * 111)).toEqual(part.atomPositions);
    expect(mask.data.slice(0, 5 * 37)).toEqual(part.atomMask);
    expect([...mask.data.slice(5 * 37), ...positions.data.slice(5 * 111)].every((x) => x === 0)).toBe(true);
    expect(() => atomArrays(chain, { start: 0, length: 5 }, 4)).toThrow("5 residues do not fit into 4");
    expect(() => cropChain(chain, { start: 2, length: 100 })).toThrow("100 residues from 2 on do not lie in");
  });
});

describe("comparison of chains", () => {
  const chain = made[0]!;
  test("of one structure moved is perfect, with the motion that was made", () => {
    const other = { ...chain, atomPositions: Float32Array.from(moved(turned, chain.atomPositions)) };
    const { lddt, tmScore, gdtTs, rmsd, motion, residues } = compareChains(chain, other);
    expect([lddt, gdtTs]).toEqual([1, 1]);
    expect(tmScore).toBeGreaterThan(1 - 1e-9);
    expect(rmsd).toBeLessThan(1e-4);
    expect(residues).toBe(chain.sequence.length);
    motion.rotation.forEach((x, i) => expect(x).toBeCloseTo(turned.rotation[i]!, 4));
  });

  test("finds what corresponds where the sequences differ in length, and counts what is missing", () => {
    const part = cropChain(chain, { start: 3, length: chain.sequence.length - 3 });
    const found = compareChains(part, chain);
    expect(found.residues).toBe(part.sequence.length);
    expect(found.referenceResidues).toBe(chain.sequence.length);
    expect(found.tmScore).toBeCloseTo(part.sequence.length / chain.sequence.length, 6);
    expect(compareChains(chain, part).lddtPerResidue.slice(0, 4)).toEqual([null, null, null, 1]);
    const strange = { ...chain, sequence: "W".repeat(chain.sequence.length) };
    expect(() => compareChains({ ...strange, sequence: "G".repeat(9) }, chain)).toThrow("0 residues correspond");
  });

  test.skipIf(!existsSync(shared))(
    "real: the same protein by electron microscopy and in a crystal (skipped where shared/data is missing)",
    async () => {
      const [electron, crystal] = await Promise.all(["3zee.cif.gz", "4i6p.cif.gz"].map((name) => loadStructure(join(shared, name))));
      const found = compareChains(electron!.chains[0]!, crystal!.chains[0]!);
      expect(found.residues).toBeGreaterThan(75);
      expect(found.tmScore).toBeGreaterThan(0.8);
      expect(found.lddt).toBeGreaterThan(0.7);
      const copies = compareChains(crystal!.chains[0]!, crystal!.chains[1]!);
      expect(copies.tmScore).toBeGreaterThan(0.9);
    },
  );
});
