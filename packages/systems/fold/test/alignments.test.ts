import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { GradusError } from "@gradus/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Alignment, checkSequence, readA3m, readAlignment, readQueries, readStockholm, singleSequence } from "../index.ts";

const shared = new URL("../../../../../shared/data/structures/", import.meta.url).pathname;
const plain = ({ rows, deletions }: Alignment) => ({ rows, deletions: deletions.map((d) => [...d]) });

describe("queries", () => {
  test("are read from FASTA, in capital letters", async () => {
    expect(await readQueries(">one first protein\nmkt\nAYI\n\n>\nX")).toEqual([
      { id: "one", sequence: "MKTAYI" },
      { id: "sequence 2", sequence: "X" },
    ]);
    expect(await readQueries(new Uint8Array(gzipSync(">a\nMK\n")))).toEqual([{ id: "a", sequence: "MK" }]);
  });

  test.each([
    ["", "the sequence is empty"],
    [" \n", "the sequence is empty"],
    ["MKU", 'there is "U" at place 3 of the sequence. U is selenocysteine: write C'],
    ["BKU", 'there is "B" at place 1'],
    ["MK*", "* is the end of translation: leave it out"],
    ["M-K", "- is a gap"],
    ["MK1", 'there is "1" at place 3 of the sequence. The twenty amino acids are ARNDCQEGHILKMFPSTWYV; write X'],
    ["M\u00e9", 'there is "É" at place 2'],
    ["A".repeat(5001), "the sequence has 5001 residues. Give at most 5000"],
  ])("%j is refused in a sentence", (text, message) => {
    expect(() => checkSequence(text)).toThrow(message);
    expect(() => checkSequence(text)).toThrow(GradusError);
  });

  test("files without one, or with others, are refused in a sentence", async () => {
    await expect(readQueries("")).rejects.toThrow("FASTA: the file holds no sequence");
    await expect(readQueries("MKT")).rejects.toThrow("line 1 stands before the first record");
    await expect(readQueries(">a\nMKT\n>b\n")).rejects.toThrow("FASTA: b: the sequence is empty");
    await expect(readQueries(">a\nMKT\n>b\nMOT\n")).rejects.toThrow('FASTA: b: there is "O" at place 2');
  });
});

describe("A3M", () => {
  test("takes out insertions and counts them before the residue that follows", () => {
    const text = "#comment\n>q\nMKV\nLA\n>hit one\nabMk..-\nV-dddAe\n>gaps\n-----\n\0";
    const found = readA3m(text, "MKVLA");
    expect(found.names).toEqual(["q", "hit one", "gaps"]);
    expect(() => readA3m(text, "MKVL")).toThrow("its first sequence has 5 residues, the query has 4");
    expect(plain(found)).toEqual({
      rows: ["MKVLA", "M-V-A", "-----"],
      deletions: [
        [0, 0, 0, 0, 0],
        [2, 1, 0, 0, 3],
        [0, 0, 0, 0, 0],
      ],
    });
  });

  test.each([
    ["", "it holds no sequence"],
    ["MKV\n>q\nMKV\n", "line 1 stands before the first name"],
    [">q\nMKL\n", "its first sequence has L at place 3, the query has V"],
    [">q\nMKVA\n", "its first sequence has 4 residues, the query has 3"],
    [">q\nmkv\n", "its first sequence has 0 residues"],
    [">q\nMKV\n>x y\nMK\n", "sequence 2 (x y) is aligned to 2 places, the query has 3 residues. All must be aligned"],
    [">q\nMKV\n>x\nMK1\n", 'sequence 2 (x) has "1" in it'],
    [">q\nMKV\n\0>b\nMKV\n", "the file holds several alignments"],
    ["# STOCKHOLM 1.0\nq MKV\n", "line 2 stands before the first name"],
  ])("%j is refused in a sentence", (text, message) => {
    expect(() => readA3m(text, "MKV")).toThrow(message);
    expect(() => readA3m(text, "MKV")).toThrow("A3M: the alignment does not fit: ");
  });
});

describe("Stockholm", () => {
  const text = "# STOCKHOLM 1.0\n#=GF ID x\n\nq/1-5    MK-V\nhit/2-9  .Kab\n#=GC RF  xx.x\n\nq/1-5    -.LA\nhit/2-9  CCL-\n//\n";

  test("leaves out columns where the query has gaps, and counts what others have there", async () => {
    expect(readStockholm(text, "MKVLA").names).toEqual(["q/1-5", "hit/2-9"]);
    expect(plain(readStockholm(text, "MKVLA"))).toEqual({
      rows: ["MKVLA", "-KBL-"],
      deletions: [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 2, 0],
      ],
    });
    expect(await readAlignment(text, "MKVLA")).toEqual(readStockholm(text, "MKVLA"));
    expect((await readAlignment(new Uint8Array(gzipSync(">q\nMK\n")), "MK")).rows).toEqual(["MK"]);
  });

  test.each([
    ["", "it does not begin with # STOCKHOLM"],
    ["# STOCKHOLM 1.0\nq MKV\n", "it does not end with //; the file may be truncated"],
    ["# STOCKHOLM 1.0\n//\n", "it holds no sequence"],
    ["# STOCKHOLM 1.0\nq MKV extra\n//\n", 'line 2 is no name with a row: "q MKV extra"'],
    ["# STOCKHOLM 1.0\nq MKV\nx MK\n//\n", "sequence 2 (x) has 2 columns, the first has 3"],
    ["# STOCKHOLM 1.0\nq MKV\nx MK1\n//\n", 'sequence 2 (x) has "1" in it'],
    ["# STOCKHOLM 1.0\nq MAV\n//\n", "its first sequence has A at place 2, the query has K"],
  ])("%j is refused in a sentence", (broken, message) => {
    expect(() => readStockholm(broken, "MKV")).toThrow(message);
    expect(() => readStockholm(broken, "MKV")).toThrow(GradusError);
  });
});

test("a single sequence is an alignment of itself", () => {
  expect(plain(singleSequence("MK"))).toEqual({ rows: ["MK"], deletions: [[0, 0]] });
});

test("A3M and Stockholm of one alignment are the same", () => {
  // Pairs of columns: the query's residue or a gap, another's residue or a gap.
  const column = fc.record({ query: fc.constantFrom("M", "K", "-"), other: fc.constantFrom("A", "C", "-") });
  fc.assert(
    fc.property(fc.array(column, { minLength: 1, maxLength: 30 }), (columns) => {
      const query = columns
        .map((c) => c.query)
        .join("")
        .replaceAll("-", "");
      fc.pre(query !== "");
      const stockholm = `# STOCKHOLM 1.0\nq ${columns.map((c) => c.query).join("")}\nh ${columns.map((c) => c.other).join("")}\n//\n`;
      const row = columns.map((c) => (c.query !== "-" ? c.other : c.other === "-" ? "" : c.other.toLowerCase())).join("");
      expect(readStockholm(stockholm, query)).toEqual(readA3m(`>q\n${query}\n>h\n${row}\n`, query));
    }),
  );
});

test("texts put together at random give an alignment or a sentence", () => {
  const words = fc.constantFrom(
    ">",
    ">q",
    "MKV",
    "mk",
    "-",
    ".",
    "\n",
    "\r\n",
    "#",
    "# STOCKHOLM 1.0\n",
    "//\n",
    "q ",
    " ",
    "\0",
    "1",
    "é",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 20 }), (parts) => {
      for (const read of [readA3m, readStockholm])
        try {
          for (const row of read(parts.join(""), "MKV").rows) expect(row).toMatch(/^[A-Z-]{3}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(GradusError);
        }
    }),
    { numRuns: 1000 },
  );
});

test.skipIf(!existsSync(shared))("real alignments fit their queries (skipped where shared/data is missing)", async () => {
  const file = (name: string) => new Uint8Array(readFileSync(join(shared, name)));
  const small = await readAlignment(
    file("2q2k_A-uniclust.a3m.gz"),
    "MGSSHHHHHHSSGLVPGSHMDKKETKHLLKIKKEDYPQIFDFLENVPRGTKTAHIREALRRYIEEIGENP",
  );
  expect(small.rows).toHaveLength(4);
  expect([...small.deletions[3]!].flatMap((d, i) => (d ? [[i, d]] : []))).toEqual([[69, 1]]);
  const text = await readAlignment(file("6kwc-bfd.a3m.gz"), "M").catch((error: Error) => error.message);
  expect(text).toContain("its first sequence has 191 residues, the query has 1");
});
