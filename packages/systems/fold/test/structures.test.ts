import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { FormatError, GradusError } from "@gradus/tensor";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { atom37Index, atomNames, residueNames } from "../constants/residues.ts";
import { type Chain, paeJson, predictedChain, readMmcif, readPdb, readStructure, type Structure, writeMmcif, writePdb } from "../index.ts";
import { readCif } from "../io/cif.ts";
import { loadStructure, savePae, saveStructure } from "../node.ts";
import golden from "./structures.golden.json" with { type: "json" };

const shared = new URL("../../../../../shared/data/structures/", import.meta.url).pathname;
const here = mkdtempSync(join(tmpdir(), "gradus-structures-"));
afterAll(() => rmSync(here, { recursive: true }));

/** The place of an atom, or null where the file does not have it. */
function placeOf(chain: Chain, residue: number, atom: string): number[] | null {
  const at = residue * 37 + atom37Index(atom)!;
  return chain.atomMask[at] ? [...chain.atomPositions.slice(3 * at, 3 * at + 3)] : null;
}
const atomsOf = (chain: Chain, residue: number): string[] => atomNames.filter((name) => placeOf(chain, residue, name));

/** A line of the PDB format: "ATOM", name, alternate location, residue, chain, number with insertion code, x, occupancy. */
function atom(kind: string, name: string, alt: string, residue: string, chain: string, number: string, x: number, occupancy = 1): string {
  const [, digits, insertion] = /^(-?\d+)(\D?)$/.exec(number)!;
  const place = `${chain}${digits!.padStart(4)}${insertion || " "}`;
  const numbers = `${x.toFixed(3).padStart(8)}   2.000   3.000${occupancy.toFixed(2).padStart(6)}${(10).toFixed(2).padStart(6)}`;
  return `${kind.padEnd(6)}    1  ${name.padEnd(3)}${alt || " "}${residue.padStart(3)} ${place}   ${numbers}`;
}
const pdb = (...lines: string[]): string => `${lines.join("\n")}\n`;

/** An mmCIF text with a sequence and rows of atoms: kind, name, alternate location, residue, number, insertion code, x, occupancy, model. */
function mmcif(sequence: string[], rows: string[], more = ""): string {
  return `data_TEST
_entry.id TEST
_exptl.method 'X-RAY DIFFRACTION'
_refine.ls_d_res_high 1.90
loop_
_entity_poly.entity_id
_entity_poly.type
1 'polypeptide(L)'
2 polydeoxyribonucleotide
loop_
_entity_poly_seq.entity_id
_entity_poly_seq.num
_entity_poly_seq.mon_id
${sequence.map((name, i) => (/\d/.test(name[0]!) ? `1 ${name}` : `1 ${i + 1} ${name}`)).join("\n")}
2 1 DA
${more}loop_
_atom_site.group_PDB
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.occupancy
_atom_site.pdbx_PDB_model_num
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.auth_asym_id
_atom_site.auth_seq_id
${rows.map((row) => `${row} A 1 2.0 3.0 Q ${Number(row.split(" ")[4]) + 100}`).join("\n")}
HETATM O . HOH . ? 5 1 1 C 3 0 0 Q 900
ATOM P . DA 1 ? 5 1 1 D 2 0 0 R 1
#
`;
}

/** Twenty chains of one long sequence with an atom each: small, but for what it asks for. */
function hungry(): string {
  const sequence = Array.from({ length: 30_000 }, (_, i) => `1 ${i + 1} GLY`).join("\n");
  const atoms = Array.from({ length: 20 }, (_, i) => `CA GLY C${i} 1 1 1 2 3`).join("\n");
  const items = "label_atom_id label_comp_id label_asym_id label_entity_id label_seq_id Cartn_x Cartn_y Cartn_z".split(" ");
  return `data_x loop_ _entity_poly_seq.entity_id _entity_poly_seq.num _entity_poly_seq.mon_id\n${sequence}\nloop_ ${items.map((item) => `_atom_site.${item}`).join(" ")}\n${atoms}\n`;
}

describe("CIF", () => {
  const columns = (text: string) =>
    readCif(text).map(({ name, categories }) => [
      name,
      Object.fromEntries([...categories].map(([k, v]) => [k, Object.fromEntries(v.columns)])),
    ]);

  test("reads items, loops, quotes, texts, comments and what is unknown", () => {
    const text = `# about\r\ndata_one\n_a.x 1 # note\n_a.Y 'it''s "here"'\n_A.z\n;two\nlines;\n;\nLOOP_\n_b.p _b.q\n. ? "." '?' ;no\n#x\n data-_ DATA_two _c.d 'O5''x loop_'`;
    expect(columns(text)).toEqual([
      ["one", { a: { x: ["1"], y: [`it''s "here"`], z: ["two\nlines;"] }, b: { p: [null, ".", ";no"], q: [null, "?", "data-_"] } }],
      ["two", { c: { d: ["O5''x loop_"] } }],
    ]);
  });

  test.each([
    ["", "the text holds no data block"],
    ["_a.b c", "line 1: nothing may stand before data_"],
    ["data_x _a.b", "there is no value for _a.b"],
    ["data_x\n_a.b loop_ _c.d 1", "line 2: there is no value for _a.b"],
    ["data_x loop_ 1 2", "loop_ names no items"],
    ["data_x\nloop_\n_a.b\n_a.c\n1 2\n3\n", "the loop of _a.b has 3 values for 2 items"],
    ["data_x _a.b 'open\n'", "a quoted value does not end on its line"],
    ["data_x _a.b\n;open\n", "a text between semicolons does not end"],
    ["data_x _a.b 1 _a.b 2", "b stands twice"],
    ["data_x loop_ _a.b 1 2 _a.c 2", "c has 1 values, others of its category 2"],
    ["data_x save_y", 'there is "save_y" where a name or loop_ should be'],
    ["data_x 5", 'there is "5" where a name or loop_ should be'],
  ])("refuses %j", (text, message) => {
    expect(() => readCif(text)).toThrow(FormatError);
    expect(() => readCif(text)).toThrow(message);
  });
});

describe("mmCIF", () => {
  test("takes the highest occupancy of alternate locations, and of equal ones the first", () => {
    const { chains } = readMmcif(
      mmcif(
        ["ALA", "GLY"],
        [
          "ATOM N A ALA 1 ? 1 0.4 1",
          "ATOM N B ALA 1 ? 2 0.6 1",
          "ATOM CA A ALA 1 ? 3 0.5 1",
          "ATOM CA B ALA 1 ? 4 0.5 1",
          "ATOM C . ALA 1 ? 5 1 1",
          "ATOM CB B ALA 1 ? 6 0.2 1",
        ],
      ),
    );
    const chain = chains[0]!;
    expect([placeOf(chain, 0, "N"), placeOf(chain, 0, "CA"), placeOf(chain, 0, "CB")]).toEqual([
      [2, 2, 3],
      [3, 2, 3],
      [6, 2, 3],
    ]);
    expect(atomsOf(chain, 0)).toEqual(["N", "CA", "C", "CB"]);
  });

  test("keeps the whole sequence, with masks of zeros for residues and atoms that are not seen", () => {
    const structure = readMmcif(
      mmcif(["MET", "GLY", "TRP", "SER"], ["ATOM CA . GLY 2 ? 1 1 1", "ATOM CA . SER 4 B 2 1 1", "ATOM H . SER 4 B 2 1 1"]),
    );
    expect(structure).toMatchObject({ id: "TEST", method: "X-RAY DIFFRACTION", resolution: 1.9, date: null });
    expect(structure.chains).toHaveLength(1);
    const chain = structure.chains[0]!;
    expect(chain).toMatchObject({ id: "Q", sequence: "MGWS", numbers: ["", "102", "", "104B"] });
    expect([...chain.residueIndex]).toEqual([0, 1, 2, 3]);
    expect([0, 1, 2, 3].map((i) => atomsOf(chain, i))).toEqual([[], ["CA"], [], ["CA"]]);
    expect(chain.atomPositions.slice(0, 37 * 3).every((x) => x === 0)).toBe(true);
  });

  test("reads the first model alone", () => {
    const { chains } = readMmcif(mmcif(["GLY"], ["ATOM CA . GLY 1 ? 1 1 3", "ATOM CA . GLY 1 ? 2 1 4", "ATOM N . GLY 1 ? 2 1 4"]));
    expect(placeOf(chains[0]!, 0, "CA")).toEqual([1, 2, 3]);
    expect(placeOf(chains[0]!, 0, "N")).toBeNull();
  });

  test("gives modified residues the type of their parent: known ones, and those that the file explains", () => {
    const more = "loop_\n_pdbx_struct_mod_residue.label_comp_id\n_pdbx_struct_mod_residue.parent_comp_id\nZZZ LYS\n";
    const rows = [
      "HETATM SE . MSE 1 ? 1 1 1",
      "HETATM NZ . ZZZ 2 ? 1 1 1",
      "HETATM QQ . ZZZ 2 ? 1 1 1",
      "HETATM CA . YYY 3 ? 1 1 1",
      "HETATM CG . YYY 3 ? 1 1 1",
    ];
    const chain = readMmcif(mmcif(["MSE", "ZZZ", "YYY"], rows, more)).chains[0]!;
    expect(chain.sequence).toBe("MKX");
    expect([0, 1, 2].map((i) => atomsOf(chain, i))).toEqual([["SD"], ["NZ"], ["CA"]]);
  });

  test("of two residues in one place takes the one that is there more often", () => {
    const sequence = ["GLY", "2 SER", "2 THR"];
    const chain = readMmcif(mmcif(sequence, ["ATOM CA . SER 2 ? 1 0.3 1", "ATOM CB . SER 2 ? 1 0.3 1", "ATOM CA . THR 2 ? 2 0.7 1"]))
      .chains[0]!;
    expect(chain.sequence).toBe("GT");
    expect(atomsOf(chain, 1)).toEqual(["CA"]);
    expect(placeOf(chain, 1, "CA")).toEqual([2, 2, 3]);
  });

  test("reads files of atoms alone, and takes jumps of their numbers over", () => {
    const rows = [
      ["1", "ALA", "7"],
      ["2", "GLY", "9"],
      ["3", "HOH", "10"],
    ].map(([x, name, number]) => `${name === "HOH" ? "O" : "CA"} ${name} A ${number} ${x} 0 0`);
    const items = ["label_atom_id", "label_comp_id", "label_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z"];
    const chain = readMmcif(`data_x loop_ ${items.map((item) => `_atom_site.${item}`).join(" ")}\n${rows.join("\n")}`).chains[0]!;
    expect(chain).toMatchObject({ id: "A", sequence: "AG", numbers: ["7", "9"] });
    expect([...chain.residueIndex]).toEqual([0, 2]);
  });

  test.each([
    [
      "a residue that the sequence does not have",
      mmcif(["GLY"], ["ATOM CA . GLY 2 ? 1 1 1"]),
      "chain Q has atoms of residue 2, its sequence has 1",
    ],
    [
      "another residue than in the sequence",
      mmcif(["GLY"], ["ATOM CA . ALA 1 ? 1 1 1"]),
      "residue 1 of chain Q is GLY in the sequence and ALA among the atoms",
    ],
    ["a coordinate that is none", mmcif(["GLY"], ["ATOM CA . GLY 1 ? x 1 1"]), 'atom 1 (GLY CA): "x" is no coordinate'],
    ["a coordinate far away", mmcif(["GLY"], ["ATOM CA . GLY 1 ? 1e300 1 1"]), 'atom 1 (GLY CA): "1e300" is no coordinate'],
    ["an unknown coordinate", mmcif(["GLY"], ["ATOM CA . GLY 1 ? ? 1 1"]), "is no coordinate"],
    ["no protein", mmcif(["GLY"], []), "the structure has no protein chain"],
    [
      "a sequence out of order",
      mmcif(["5 GLY"], ["ATOM CA . GLY 5 ? 1 1 1"]),
      "the sequence of entity 1 has GLY with the number 5 after 0",
    ],
    ["more than memory holds", hungry(), "the structure has more than 500000 residues"],
    ["no atoms", "data_x _entry.id x", "the file lists no atoms"],
    ["atoms without places", "data_x loop_ _atom_site.label_atom_id CA", "the atoms have no label_comp_id"],
  ])("says in a sentence that there is %s", (_name, text, message) => {
    expect(() => readMmcif(text)).toThrow(FormatError);
    expect(() => readMmcif(text)).toThrow(message);
  });
});

describe("PDB", () => {
  test("reads insertion codes, alternate locations and the first model; leaves out ligands, water and hydrogen", () => {
    const { chains } = readPdb(
      pdb(
        "MODEL        1",
        atom("ATOM", "CA", "A", "SER", "H", "52", 1, 0.3),
        atom("ATOM", "CA", "B", "SER", "H", "52", 2, 0.7),
        atom("ATOM", "CA", "", "GLY", "H", "52A", 3),
        atom("ATOM", "H", "", "GLY", "H", "52A", 3),
        atom("ATOM", "CA", "", "GLY", "H", "53", 4),
        "TER",
        atom("HETATM", "CA", "", "GLY", "H", "200", 9),
        atom("HETATM", "O", "", "HOH", "H", "300", 9),
        "ENDMDL",
        "MODEL        2",
        atom("ATOM", "N", "", "SER", "H", "52", 1),
        "ENDMDL",
      ),
    );
    expect(chains).toHaveLength(1);
    expect(chains[0]).toMatchObject({ id: "H", sequence: "SGG", numbers: ["52", "52A", "53"] });
    expect([...chains[0]!.residueIndex]).toEqual([0, 1, 2]); // with insertions numbers are no distances
    expect([0, 1, 2].map((i) => placeOf(chains[0]!, i, "CA"))).toEqual([
      [2, 2, 3],
      [3, 2, 3],
      [4, 2, 3],
    ]);
    expect(placeOf(chains[0]!, 0, "N")).toBeNull();
  });

  test("lays residues along SEQRES by their numbers and bonds", () => {
    const seqres = "SEQRES   1 A    7  GLY GLY ALA GLY GLY GLY SER";
    const numbers = (text: string) => readPdb(text).chains[0]!.numbers;
    const glycine = (number: string, x: number) => [
      atom("ATOM", "N", "", "GLY", "A", number, x),
      atom("ATOM", "C", "", "GLY", "A", number, x + 2),
    ];
    // Glycines 11 and 13: with one between them, before SER 14.
    expect(numbers(pdb(seqres, ...glycine("11", 0), ...glycine("13", 9), atom("ATOM", "CA", "", "SER", "A", "14", 12)))).toEqual([
      "",
      "",
      "",
      "11",
      "",
      "13",
      "14",
    ]);
    // A bond between them outweighs their numbers.
    expect(numbers(pdb(seqres, ...glycine("11", 0), ...glycine("13", 3), atom("ATOM", "CA", "", "SER", "A", "14", 12)))).toEqual([
      "",
      "",
      "",
      "",
      "11",
      "13",
      "14",
    ]);
    expect(readPdb(pdb(seqres, ...glycine("11", 0))).chains[0]!.sequence).toBe("GGAGGGS");
  });

  test("reads modified residues by MODRES and by what is known", () => {
    const text = pdb(
      "HEADER    HYDROLASE                               02-OCT-07   1ABC",
      "REVDAT   1   30-SEP-08 1ABC    0",
      "EXPDTA    X-RAY DIFFRACTION",
      "REMARK   2 RESOLUTION.    1.75 ANGSTROMS.",
      "SEQRES   1 A    3  MSE ZZZ GLY",
      "MODRES 1ABC ZZZ A    2  TRP  SOMETHING",
      atom("HETATM", "SE", "", "MSE", "A", "1", 1),
      atom("HETATM", "CA", "", "ZZZ", "A", "2", 2),
      atom("ATOM", "CA", "", "GLY", "A", "3", 3),
    );
    expect(readPdb(text)).toMatchObject({ id: "1ABC", date: "2008-09-30", resolution: 1.75, method: "X-RAY DIFFRACTION" });
    const chain = readPdb(text).chains[0]!;
    expect(chain.sequence).toBe("MWG");
    expect(atomsOf(chain, 0)).toEqual(["SD"]);
  });

  test("puts NH1 and NH2 of arginine where their names belong", () => {
    const lines = (first: number, second: number) =>
      pdb(
        atom("ATOM", "CD", "", "ARG", "A", "1", 0),
        atom("ATOM", "NH1", "", "ARG", "A", "1", first),
        atom("ATOM", "NH2", "", "ARG", "A", "1", second),
      );
    for (const text of [lines(2.9, 3.6), lines(3.6, 2.9)]) expect(placeOf(readPdb(text).chains[0]!, 0, "NH1")![0]).toBeCloseTo(2.9, 5);
  });

  const one = atom("ATOM", "CA", "", "GLY", "A", "1", 1);
  test.each([
    ["no atoms", "HEADER\n", "the file lists no atoms"],
    ["a line that ends early", pdb(one, one.slice(0, 40)), "line 2 ends after 40 of an atom's columns"],
    ["a coordinate that is none", one.replace("1.000", "1.0x0"), 'line 1: "   1.0x0" is no coordinate'],
    ["a number that is none", one.replace("A   1", "A   ?"), 'line 1: "?" is no number of a residue'],
    ["an atom without a name", one.replace(" CA ", "    "), "line 1: the atom has no name"],
    ["no protein", atom("HETATM", "O", "", "HOH", "A", "1", 1), "no protein chain"],
    ["a residue that SEQRES does not list", pdb("SEQRES   1 A    1  ALA", one), "chain A has atoms of GLY 1, which SEQRES does not list"],
    [
      "too many residues",
      pdb("SEQRES   1 A    1  GLY", one, one.replace("A   1", "A   2")),
      "there are atoms of 2 residues, SEQRES lists 1",
    ],
    [
      "residues in another order",
      pdb("SEQRES   1 A    3  GLY ALA SER", atom("ATOM", "CA", "", "ALA", "A", "1", 1), atom("ATOM", "CA", "", "GLY", "A", "2", 1)),
      "residue GLY 2 has atoms, but does not stand in SEQRES after what comes before it",
    ],
  ])("says in a sentence that there is %s", (_name, text, message) => {
    expect(() => readPdb(text)).toThrow(FormatError);
    expect(() => readPdb(text)).toThrow(message);
  });
});

test("says in a sentence what is no structure at all", async () => {
  for (const text of ["", "hello\n", ">name\nMKV\n", "{}"])
    await expect(readStructure(text)).rejects.toThrow("this is neither an mmCIF file nor a PDB file");
  await expect(readStructure(Uint8Array.of(0x83, 0xa7, 0xff, 0xfe))).rejects.toThrow("the bytes are not UTF-8");
  await expect(readStructure(new Uint8Array(gzipSync("data_x")).slice(0, 12))).rejects.toThrow(GradusError);
  await expect(loadStructure(join(here, "nowhere.cif"))).rejects.toThrow("ENOENT");
});

/** Two chains, with gaps, insertion codes and an unknown residue. */
const sample: Structure = readPdb(
  pdb(
    "HEADER    HYDROLASE                               02-OCT-07   1ABC",
    "SEQRES   1 A    5  MET GLY TRP UNK SER",
    ...["N", "CA", "C", "O"].map((name, i) => atom("ATOM", name, "", "GLY", "A", "-2", -100 + i)),
    ...["N", "CA", "CZ2", "CH2"].map((name, i) => atom("ATOM", name, "", "TRP", "A", "-2A", i)),
    atom("ATOM", "CA", "", "UNK", "A", "3", 7),
    atom("ATOM", "CA", "", "ARG", "B", "1", 1),
  ),
);

describe("writing", () => {
  test.each([
    ["mmCIF", writeMmcif, readMmcif],
    ["PDB", writePdb, readPdb],
  ] as const)("%s gives back what was written", (_name, write, read) => {
    const again = read(write(sample));
    expect(again.id).toBe("1ABC");
    expect(again.chains).toEqual(sample.chains);
    expect(read(write(sample, { plddt: true })).chains).toEqual(sample.chains);
  });

  test("a prediction carries its confidence as B factors, and mmCIF says what they are", () => {
    const atomMask = new Float32Array(2 * 37);
    for (const at of [0, 1, 2, 37, 38]) atomMask[at] = 1;
    const atomPositions = Float32Array.from({ length: 2 * 37 * 3 }, (_, i) => i / 7);
    const chain = predictedChain({ sequence: "MK", atomPositions, atomMask, plddt: [91.256, 30.5] });
    const structure: Structure = { id: 'it\'s a "test"', method: null, resolution: null, date: null, chains: [chain] };
    const text = writeMmcif(structure, { plddt: true });
    const again = readMmcif(text).chains[0]!;
    expect([again.bFactors[0], again.bFactors[37]]).toEqual([Math.fround(91.26), 30.5]);
    const [block] = readCif(text);
    const local = block!.categories.get("ma_qa_metric_local")!.columns;
    expect([local.get("label_seq_id"), local.get("metric_value")]).toEqual([
      ["1", "2"],
      ["91.26", "30.50"],
    ]);
    expect(block!.categories.get("ma_qa_metric_global")!.columns.get("metric_value")).toEqual(["60.88"]);
    expect(readPdb(writePdb(structure, { plddt: true })).chains[0]!.bFactors[37]).toBe(30.5);
    expect(() => predictedChain({ sequence: "MKV", atomPositions, atomMask, plddt: [1, 2] })).toThrow(
      "a sequence of 3 residues, 222 coordinates",
    );
  });

  test("lines of the PDB format have their columns", () => {
    const lines = writePdb(sample).split("\n");
    expect(lines[1]).toBe("SEQRES   1 A    5  MET GLY TRP UNK SER".padEnd(80));
    expect(lines).toContain("ATOM      7  CH2 TRP A  -2A      3.000   2.000   3.000  1.00 10.00           C  ");
    expect(lines).toContain("TER      10      UNK A   3".padEnd(80));
    expect(lines.every((line) => line.length === 80 || line === "")).toBe(true);
  });

  test("refuses what a format cannot hold", () => {
    const renamed = (id: string): Structure => ({ ...sample, chains: [{ ...sample.chains[0]!, id }] });
    expect(() => writePdb(renamed("AB"))).toThrow('a chain is called "AB", which the PDB format cannot hold. Write mmCIF instead');
    expect(readMmcif(writeMmcif(renamed("AB"))).chains[0]!.id).toBe("AB");
    expect(() => writePdb({ ...sample, chains: [sample.chains[1]!, sample.chains[1]!] })).toThrow("two chains have the same name");
    const broken = structuredClone(sample.chains[1]!);
    broken.atomPositions[3] = Number.NaN;
    for (const write of [writePdb, writeMmcif])
      expect(() => write({ ...sample, chains: [broken] })).toThrow("CA of residue 1 is at (NaN, 2, 3)");
  });

  test("mmCIF keeps any names of chains", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 12, unit: "binary" }), (id) => {
        fc.pre(!["?", "."].includes(id) && id.trim() === id && !/[\r\n]/.test(id));
        expect(readMmcif(writeMmcif({ ...sample, chains: [{ ...sample.chains[1]!, id }] })).chains[0]!.id).toBe(id);
      }),
    );
  });

  test("files are written whole or not at all, by their extension", async () => {
    for (const name of ["x.cif", "x.pdb", "x.cif.gz"]) {
      await saveStructure(join(here, name), sample);
      expect((await loadStructure(join(here, name))).chains).toEqual(sample.chains);
    }
    const broken = { ...sample, chains: [{ ...sample.chains[0]!, id: "AB" }] };
    await expect(saveStructure(join(here, "y.pdb"), broken)).rejects.toThrow("Write mmCIF");
    await expect(saveStructure(join(here, "y.txt"), sample)).rejects.toThrow("End it with .cif or .pdb");
    expect(readdirSync(here).sort()).toEqual(["x.cif", "x.cif.gz", "x.pdb"]);
  });

  test("aligned errors are JSON in AlphaFold DB's layout", async () => {
    await savePae(join(here, "pae.json"), [0, 1.234, 5, 0.126], 31.75);
    expect(JSON.parse(readFileSync(join(here, "pae.json"), "utf8"))).toEqual([
      {
        predicted_aligned_error: [
          [0, 1.23],
          [5, 0.13],
        ],
        max_predicted_aligned_error: 31.75,
      },
    ]);
    expect(() => paeJson([1, 2, 3], 31)).toThrow("3 numbers are no square");
    expect(() => paeJson([0, Number.NaN, 0, 0], 31)).toThrow("the error of residue 2 on 1 is NaN");
  });
});

describe.skipIf(!existsSync(shared))("real structures (skipped where shared/data is missing)", () => {
  test.each(
    Object.entries(
      golden as Record<
        string,
        Record<string, { numbers: string[]; names: string[]; atoms: number; coordinates: number; bFactors: number }>
      >,
    ),
  )("%s has the residues and atoms that BioPython finds", async (name, expected) => {
    const { chains } = await loadStructure(join(shared, name));
    expect(chains.map(({ id }) => id)).toEqual(Object.keys(expected));
    for (const chain of chains) {
      const { numbers, names, atoms, coordinates, bFactors } = expected[chain.id]!;
      const seen = chain.numbers.flatMap((number, i) => (number ? [i] : []));
      expect(seen.map((i) => chain.numbers[i])).toEqual(numbers);
      // Names agree but for selenomethionine.
      expect(seen.map((i) => residueNames[chain.aatype[i]!])).toEqual(names.map((n) => (n === "MSE" ? "MET" : n)));
      expect(chain.atomMask.reduce((a, b) => a + b, 0)).toBe(atoms);
      expect(Math.abs(chain.atomPositions.reduce((a, b) => a + Math.abs(b), 0) - coordinates)).toBeLessThan(0.05 + 1e-6 * coordinates);
      expect(Math.abs(chain.bFactors.reduce((a, b) => a + b, 0) - bFactors)).toBeLessThan(0.05 + 1e-6 * bFactors);
    }
  });

  test("come back from both formats as they were written", async () => {
    for (const name of ["2rbg.pdb.gz", "4zhl.cif.gz", "4cup.cif.gz"]) {
      const structure = await loadStructure(join(shared, name));
      expect(readMmcif(writeMmcif(structure)).chains).toEqual(structure.chains);
      expect(readPdb(writePdb(structure)).chains).toEqual(structure.chains);
    }
  });

  test("cut off or with wrong bytes anywhere they give a structure or a sentence", async () => {
    const texts = ["1a8o.cif.gz", "5l33.pdb.gz"].map((name) => new Uint8Array(gunzipSync(readFileSync(join(shared, name)))));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.999999, noNaN: true }), fc.integer({ min: 0, max: 127 })), { maxLength: 8 }),
        async (whole, share, changes) => {
          const bytes = whole.slice(0, share > 0.7 ? undefined : Math.floor(whole.length * share));
          for (const [at, byte] of changes) if (bytes.length) bytes[Math.floor(at * bytes.length)] = byte;
          await readStructure(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(GradusError));
        },
      ),
      { numRuns: 150 },
    );
  });
});

test("short texts put together at random give a structure or a sentence", () => {
  const words = fc.constantFrom(
    "data_",
    "data_x",
    "loop_",
    "_atom_site.Cartn_x",
    "_entity_poly_seq.num",
    "_a.b",
    "1",
    "?",
    ".",
    "'",
    '"',
    "\n;",
    ";",
    "#",
    "\n",
    "\r\n",
    " ",
    "save_",
    "\0",
    "A",
    "é",
  );
  const parts = fc.array(words, { maxLength: 30 });
  const sentence = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(GradusError);
    }
  };
  fc.assert(
    fc.property(parts, (list) => {
      sentence(() => readMmcif(list.join("")));
      sentence(() => readMmcif(list.join(" ")));
      sentence(() => readPdb(list.join("")));
    }),
    { numRuns: 500 },
  );
  // Lines of the sample, mixed.
  const lines = fc.array(fc.constantFrom(...writePdb(sample).split("\n"), "TER", "TER  ", "ENDMDL", "MODRES", "SEQRES", "HETATM"), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(lines, (list) => sentence(() => readPdb(list.join("\n")))),
    { numRuns: 500 },
  );
});
