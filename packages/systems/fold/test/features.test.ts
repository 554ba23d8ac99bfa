import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Random } from "@gradus/data";
import type { ArrayData } from "@gradus/tensor/io";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deleteBlocks, drawCentres, maskMsa, nearestCentres, summarize } from "../features/clusters.ts";
import { type Msa, msaOf, profileOf } from "../features/msa.ts";
import {
  type Alignment,
  alignSequences,
  identityOf,
  makeFeatures,
  readA3m,
  readAlignment,
  readHhr,
  readPdb,
  type Structure,
  singleSequence,
  templateOf,
} from "../index.ts";
import { loadStructure } from "../node.ts";

const shared = new URL("../../../../../shared/data/structures/", import.meta.url).pathname;
const letters = "ARNDCQEGHILKMFPSTWYVX-";
const alignment = (...rows: string[]): Alignment => readA3m(rows.map((row) => `>x\n${row}\n`).join(""), rows[0]!.replace(/[a-z]/g, ""));
/** Rows of the last axis. */
const rowsOf = ({ shape, data }: ArrayData): number[][] => {
  const width = shape.at(-1)!;
  return Array.from({ length: data.length / width }, (_, i) => Array.from(data.subarray(i * width, (i + 1) * width) as ArrayLike<number>));
};
const oneHot = (index: number, n: number): number[] => Array.from({ length: n }, (_, i) => +(i === index));
const value = (count: number): number => Math.fround((Math.atan(count / 3) * 2) / Math.PI);

describe("alignments as numbers", () => {
  test("each row counts once, and letters that are no amino acid count as the likeliest", () => {
    const msa = msaOf("MKV", [alignment("MKV", "BZU", "MKaV", "J-O"), alignment("MKV", "BZU", "AAA")]);
    expect(msa.sequences).toBe(4); // MKaV is MKV but for the insertion
    expect(Array.from(msa.tokens, (t) => letters[t]).join("")).toBe("MKVDECX-XAAA");
    expect(() => msaOf("MKV", [])).toThrow("there is no alignment. Give one, or singleSequence");
    expect(() => msaOf("MKV", [alignment("MKA")])).toThrow('an alignment begins with "MKA", the query with MKV');
  });

  test("the profile is the mean over sequences", () => {
    const profile = profileOf(msaOf("MK", [alignment("MK", "MA", "-A", "MC")]));
    const expected = [0, 0];
    [...letters].forEach((letter, i) => {
      expected[0] = { M: 0.75, "-": 0.25 }[letter] ?? 0;
      expected[1] = { K: 0.25, A: 0.5, C: 0.25 }[letter] ?? 0;
      expect([profile[i], profile[22 + i]]).toEqual(expected);
    });
  });
});

describe("clusters", () => {
  test("centres are the query and others, each sequence on one side", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), fc.nat(), (sequences, clusters, seed) => {
        const { centres, others } = drawCentres(sequences, clusters, new Random(seed));
        expect(centres[0]).toBe(0);
        expect(centres.length).toBe(Math.min(sequences, clusters));
        expect([...centres, ...others].sort((a, b) => a - b)).toEqual(Array.from({ length: sequences }, (_, i) => i));
      }),
    );
  });

  test("are drawn evenly: each other sequence is a centre as often", () => {
    const counts = new Array(10).fill(0);
    for (let seed = 0; seed < 3000; seed++) for (const i of drawCentres(10, 4, new Random(seed)).centres) counts[i]++;
    expect(counts[0]).toBe(3000);
    for (const count of counts.slice(1)) expect(Math.abs(count - 1000)).toBeLessThan(130); // five standard deviations
  });

  test("block deletion keeps the query and leaves out up to five blocks of 30 %", () => {
    let least = 100;
    for (let seed = 0; seed < 200; seed++) {
      const kept = deleteBlocks(100, new Random(seed));
      expect(kept[0]).toBe(0);
      expect(new Set(kept).size).toBe(kept.length);
      expect(kept.length).toBeLessThan(100);
      least = Math.min(least, kept.length);
    }
    expect(least).toBeLessThan(20);
    expect(deleteBlocks(1, new Random(0))).toEqual([0]);
  });

  const random = (sequences: number, residues: number, seed: number): Msa => {
    const draw = new Random(seed);
    const tokens = Uint8Array.from({ length: sequences * residues }, () => [0, 1, 2, 20, 21, 22][draw.integer(6)]!);
    return { sequences, residues, tokens, deletions: Int32Array.from(tokens, () => draw.integer(4)) };
  };

  test("the nearest centre agrees at most places, gaps and masks not counted; the first of equal ones", () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        (seed, c, o, n) => {
          const [centres, others] = [random(c, n, seed), random(o, n, seed + 1)];
          const expected = Array.from({ length: o }, (_, k) => {
            const agreement = Array.from({ length: c }, (_, s) => {
              let sum = 0;
              for (let i = 0; i < n; i++)
                sum += +(centres.tokens[s * n + i] === others.tokens[k * n + i] && others.tokens[k * n + i]! < 21);
              return sum;
            });
            return agreement.indexOf(Math.max(...agreement));
          });
          expect([...nearestCentres(centres, others)]).toEqual(expected);
        },
      ),
    );
    // More places than one byte counts, all equal.
    const long = { sequences: 2, residues: 3000, tokens: new Uint8Array(6000).fill(3), deletions: new Int32Array(6000) };
    long.tokens[0] = 4;
    expect([...nearestCentres(long, long)]).toEqual([0, 1]);
  });

  test("profiles and deletions are means over a cluster with its centre", () => {
    const centres = msaOf("MK", [alignment("MK", "A-")]);
    const others = msaOf("MA", [alignment("MA", "aaaC-", "aaaaaaMK")]);
    const { profile, deletions } = summarize(centres, others, Int32Array.of(0, 1, 0));
    const at = (s: number, i: number, letter: string) => profile[(s * 2 + i) * 23 + letters.indexOf(letter)];
    expect([at(0, 0, "M"), at(0, 1, "K"), at(0, 1, "A"), at(1, 0, "A"), at(1, 0, "C"), at(1, 1, "-")].map((x) => x!.toFixed(4))).toEqual(
      [1, 2 / 3, 1 / 3, 0.5, 0.5, 1].map((x) => x.toFixed(4)),
    );
    expect([...deletions]).toEqual([2, 0, 1.5, 0]);
    for (let row = 0; row < 4; row++) expect(profile.slice(row * 23, row * 23 + 23).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });
});

test("masking chooses 15 % of places: 70 % of them become the mask, 10 % each are uniform, from the profile, and as they were", () => {
  const n = 400;
  const msa: Msa = { sequences: 500, residues: n, tokens: new Uint8Array(500 * n).fill(4), deletions: new Int32Array(500 * n) };
  const profile = new Float32Array(n * 22);
  for (let i = 0; i < n; i++) profile.set([0.25, 0.75], i * 22 + 20); // unknown or a gap: nothing else gives these
  const { masked, chosen } = maskMsa(msa, profile, 0.15, new Random(1));
  const counts = new Array(23).fill(0);
  chosen.forEach((c, at) => {
    if (c) counts[masked.tokens[at]!]++;
    else expect(masked.tokens[at]).toBe(4);
  });
  const total = chosen.reduce((a, b) => a + b, 0);
  const near = (count: number, share: number) => expect(Math.abs(count - share * total)).toBeLessThan(5 * Math.sqrt(share * total));
  expect(Math.abs(total - 0.15 * msa.tokens.length)).toBeLessThan(5 * Math.sqrt(0.15 * 0.85 * msa.tokens.length));
  near(counts[22], 0.7);
  near(counts[20], 0.1 * 0.25);
  near(counts[21], 0.1 * 0.75);
  near(counts[4], 0.1 + 0.1 / 20);
  for (const token of [0, 1, 19]) near(counts[token], 0.1 / 20);
  expect(msa.tokens.every((t) => t === 4)).toBe(true);
});

describe("features", () => {
  test("of a small alignment without masking are those of the supplement's table", () => {
    const f = makeFeatures({ sequence: "MX", alignments: [alignment("MX", "aaA-")] }, { masked: 0 });
    expect([...f.aatype.data]).toEqual([12, 20]);
    expect([...f.residueIndex.data]).toEqual([0, 1]);
    expect(rowsOf(f.targetFeat)).toEqual([oneHot(1 + 12, 22), oneHot(1 + 20, 22)]);
    expect(f.msaFeat.shape).toEqual([2, 2, 49]);
    expect(rowsOf(f.msaFeat)).toEqual([
      [...oneHot(12, 23), 0, 0, ...oneHot(12, 23), 0],
      [...oneHot(20, 23), 0, 0, ...oneHot(20, 23), 0],
      [...oneHot(0, 23), 1, value(2), ...oneHot(0, 23), value(2)],
      [...oneHot(21, 23), 0, 0, ...oneHot(21, 23), 0],
    ]);
    expect(rowsOf(f.trueMsa)).toEqual([
      [12, 20],
      [0, 21],
    ]);
    // No sequence is left for the extra stack: one row that is masked.
    expect([f.extraMsa.shape, [...f.extraMsaMask.data]]).toEqual([
      [1, 2],
      [0, 0],
    ]);
    expect(f.templates).toBeNull();
    expect([...f.bertMask.data]).toEqual([0, 0, 0, 0]);
  });

  test("sequences that are no centre join the nearest and go to the extra stack", () => {
    const f = makeFeatures({ sequence: "MKVLA", alignments: [alignment("MKVLA", "MKVLA", "aMKVLC", "MKV-C")] }, { clusters: 1, masked: 0 });
    expect(f.msaFeat.shape).toEqual([1, 5, 49]);
    const last = rowsOf(f.msaFeat)[4]!;
    expect(last[25]).toBeCloseTo(1 / 3, 6); // A, of A C C
    expect(last[25 + 4]).toBeCloseTo(2 / 3, 6);
    expect(rowsOf(f.msaFeat)[0]![48]).toBeCloseTo(value(1 / 3), 6);
    const extra = rowsOf(f.extraMsa).map((row) => row.map((t) => letters[t]).join(""));
    expect(extra.sort()).toEqual(["MKV-C", "MKVLC"]);
    expect([...f.extraHasDeletion.data].filter(Boolean)).toEqual([1]);
    expect([...f.extraDeletionValue.data].filter(Boolean)).toEqual([value(1)]);
    expect([...f.extraMsaMask.data]).toEqual(new Array(10).fill(1));
  });

  const many = alignment(
    "MKVLAACDEF",
    ...Array.from({ length: 60 }, (_, s) => Array.from({ length: 10 }, (_, i) => letters[(s * 7 + i * i * (s % 5)) % 22]).join("")),
  );
  const input = { sequence: "MKVLAACDEF", alignments: [many] };

  test("are the same for the same seed and pass, and others for others", () => {
    const make = (seed: number, pass: number) => makeFeatures(input, { seed, pass, clusters: 8, extra: 16 });
    expect(make(3, 1)).toEqual(make(3, 1));
    for (const other of [make(4, 1), make(3, 2)]) {
      expect(other.trueMsa.data).not.toEqual(make(3, 1).trueMsa.data);
      expect(other.bertMask.data).not.toEqual(make(3, 1).bertMask.data);
      expect(other.extraMsa.data).not.toEqual(make(3, 1).extraMsa.data);
    }
    expect(make(0, 0).extraMsa.shape).toEqual([16, 10]);
  });

  test("cropped and filled up are parts of the whole, with zeros around", () => {
    const options = { clusters: 8, extra: 16, seed: 5 };
    const whole = makeFeatures({ ...input, residueIndex: [0, 1, 2, 3, 4, 5, 9, 10, 11, 12] }, options);
    const part = makeFeatures(
      { ...input, residueIndex: [0, 1, 2, 3, 4, 5, 9, 10, 11, 12] },
      { ...options, crop: { start: 4, length: 5 }, fill: { residues: 7, clusters: 12, extra: 20 } },
    );
    expect([...part.residueIndex.data]).toEqual([4, 5, 9, 10, 11, 0, 0]);
    expect([...part.seqMask.data]).toEqual([1, 1, 1, 1, 1, 0, 0]);
    expect(part.msaFeat.shape).toEqual([12, 7, 49]);
    const [all, some] = [rowsOf(whole.msaFeat), rowsOf(part.msaFeat)];
    for (let s = 0; s < 12; s++)
      for (let i = 0; i < 7; i++) expect(some[s * 7 + i]).toEqual(s < 8 && i < 5 ? all[s * 10 + 4 + i] : new Array(49).fill(0));
    expect(
      rowsOf(part.msaMask)
        .flat()
        .reduce((a, b) => a + b, 0),
    ).toBe(8 * 5);
    expect(rowsOf(part.extraMsa)[2]!.slice(0, 5)).toEqual(rowsOf(whole.extraMsa)[2]!.slice(4, 9));
    expect(rowsOf(part.extraMsaMask)[15]).toEqual([1, 1, 1, 1, 1, 0, 0]);
    expect(rowsOf(part.extraMsaMask)[16]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(rowsOf(part.targetFeat)[5]).toEqual(new Array(22).fill(0));
  });

  test.each([
    [{ clusters: 0 }, "clusters is 0"],
    [{ extra: 1.5 }, "extra is 1.5"],
    [{ masked: 2 }, "masked is 2"],
    [{ crop: { start: 8, length: 5 } }, "a crop of 5 residues from 8 on does not lie in 10"],
    [{ fill: { residues: 5 } }, "fill.residues is 5, there are 10"],
    [{ clusters: 8, fill: { clusters: 7 } }, "fill.clusters is 7, there are 8"],
  ])("refuse %j in a sentence", (options, message) => {
    expect(() => makeFeatures(input, options)).toThrow(message);
  });

  test("refuse numbers of residues that do not fit", () => {
    expect(() => makeFeatures({ ...input, residueIndex: [1] })).toThrow("there are 1 residue numbers for 10 residues");
  });
});

describe("pairwise alignment", () => {
  const shown = (a: string, b: string) => [...alignSequences(a, b)!].map((j) => b[j] ?? "-").join("");

  test.each([
    ["MKTAYIAKQR", "MKTAYIAKQR", "MKTAYIAKQR"],
    ["MKTAYIAKQRWWL", "TAYIAKQR", "--TAYIAKQR---"],
    ["TAYIAKQR", "MKTAYIAKQRWWL", "TAYIAKQR"],
    ["MKTAYIAKQRWWLHHH", "MKTAYIAWWLHHH", "MKTAYIA---WWLHHH"],
    ["MKTAYIAWWLHHH", "MKTAYIAKQRWWLHHH", "MKTAYIAWWLHHH"],
    ["WWWW", "GGGG", "----"],
    ["", "MK", ""],
  ])("%s on %s", (a, b, expected) => {
    expect(shown(a, b)).toBe(expected);
  });

  test("scores as well as the best of all alignments of short sequences", () => {
    // All ways by recursion: the score of the best, ends free.
    const pair: Record<string, number> = { AA: 4, CC: 9, WW: 11, AC: 0, CA: 0, AW: -3, WA: -3, CW: -2, WC: -2 };
    const scoreOf = (a: string, b: string, below: Int32Array): number => {
      const pairs = [...below].flatMap((to, from) => (to < 0 ? [] : [[from, to] as const]));
      if (!pairs.length) return 0;
      let score = 0;
      let [i, j] = [-1, -1];
      for (const [from, to] of pairs) {
        score += pair[a[from]! + b[to]!]!;
        if (i >= 0) for (const gap of [from - i - 1, to - j - 1]) if (gap) score -= 11 + gap;
        // Only one of two overhangs is free.
        if (i < 0 && from && to) score -= 11 + Math.min(from, to);
        [i, j] = [from, to];
      }
      const overhang = Math.min(a.length - 1 - i, b.length - 1 - j);
      return overhang ? score - 11 - overhang : score;
    };
    const best = (a: string, b: string): number => {
      let most = 0;
      const below = new Int32Array(a.length).fill(-1);
      const place = (from: number, next: number): void => {
        if (from === a.length) {
          most = Math.max(most, scoreOf(a, b, below));
          return;
        }
        place(from + 1, next);
        for (let to = next; to < b.length; to++) {
          below[from] = to;
          place(from + 1, to + 1);
          below[from] = -1;
        }
      };
      place(0, 0);
      return most;
    };
    const text = fc.string({ unit: fc.constantFrom("A", "C", "W"), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(scoreOf(a, b, alignSequences(a, b)!)).toBe(best(a, b));
      }),
      { numRuns: 100 },
    );
    expect(identityOf("MKTA", "MKSA", alignSequences("MKTA", "MKSA")!)).toEqual({ identity: 0.75, pairs: 4 });
  });
});

const hhr = `Query         query
Match_columns 12
No_of_seqs    1 out of 1

No 1
>1ABC_A Some protein; n=1
Probab=99.93  E-value=1.2e-30  Score=100.00  Aligned_cols=7  Identities=100%  Similarity=1.0  Sum_probs=6.5

Q ss_pred             CCCC
Q query             3 GSTAY--IA    9 (12)
Q Consensus         3 gstay--ia    9 (12)
T Consensus         5 gs-aykkia   12 (20)
T 1ABC_A            5 GS-AYKKIA   12 (20)
T ss_dssp             CCCC

No 2
>2XYZ_B Other
Probab=50.0  E-value=1  Score=10.00  Aligned_cols=3  Identities=10%  Similarity=0.1  Sum_probs=2.0

Q query             1 MKG    3 (12)
T 2XYZ_B            1 MRG    3 (30)

Q query             4 S    4 (12)
T 2XYZ_B            4 S    4 (30)
`;

describe("templates", () => {
  const names: Record<string, string> = {
    A: "ALA",
    G: "GLY",
    I: "ILE",
    K: "LYS",
    M: "MET",
    S: "SER",
    T: "THR",
    V: "VAL",
    Y: "TYR",
    W: "TRP",
  };
  /** A chain whose CA of residue i lies at x = i; small letters are not seen. */
  const structure = (sequence: string, date = "01-JAN-10"): Structure => {
    const seqres = [...sequence].map((c) => names[c.toUpperCase()]!);
    const lines = [`HEADER    PROTEIN${" ".repeat(33)}${date}   1ABC`];
    for (let row = 0; row * 13 < seqres.length; row++)
      lines.push(
        `SEQRES ${String(row + 1).padStart(3)} A ${String(seqres.length).padStart(4)}  ${seqres.slice(row * 13, row * 13 + 13).join(" ")}`,
      );
    [...sequence].forEach((c, i) => {
      if (c === c.toUpperCase())
        lines.push(`ATOM      1  CA  ${seqres[i]} A${String(i + 1).padStart(4)}    ${i.toFixed(3).padStart(8)}   1.000   2.000`);
    });
    return readPdb(lines.join("\n"));
  };
  const query = "MKGSTAYIAKMS";

  test("are laid below the query by sequence, with gaps where nothing is", () => {
    const template = templateOf(query, structure("WWMKGSTAYIAkMS"));
    expect([...template.below]).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    const f = makeFeatures(
      { sequence: query, alignments: [singleSequence(query)], templates: [template, template] },
      { templates: 1, crop: { start: 8, length: 4 }, fill: { residues: 5, templates: 2 } },
    ).templates!;
    expect(rowsOf(f.aatype)).toEqual([
      [0, 11, 12, 15, 21],
      [21, 21, 21, 21, 21],
    ]);
    expect([...f.mask.data]).toEqual([1, 0]);
    expect(f.positions.shape).toEqual([2, 5, 37, 3]);
    expect(
      rowsOf(f.positions)
        .slice(1, 10 * 37)
        .filter((_, i) => i % 37 === 0)
        .map(([x]) => x),
    ).toEqual([10, 0, 12, 13, 0, 0, 0, 0, 0, 0]);
    expect(rowsOf(f.atomMask).map((row) => row[1])).toEqual([1, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  test("follow the alignment of a hit", () => {
    const [hit, other] = readHhr(hhr);
    expect(hit).toEqual({ name: "1ABC_A Some protein; n=1", query: "GSTAY--IA", template: "GS-AYKKIA", queryStart: 2, sumProbs: 6.5 });
    expect(other).toMatchObject({ query: "MKGS", template: "MRGS", queryStart: 0 });
    const template = templateOf(query, structure("MMMMGSAYKKIAWW"), { chain: "A", hit: hit! });
    expect([...template.below]).toEqual([-1, -1, 4, 5, -1, 6, 7, 10, 11, -1, -1, -1]);
    expect(template.name).toBe("1ABC_A");
    expect(() => templateOf(query, structure("WWWWWWWWWWWW"), { hit: hit! })).toThrow("the hit 1ABC_A Some protein; n=1 is not in it");
    expect(() => templateOf("WWWWWWWWWWWW", structure("MMMMGSAYKKIAWW"), { hit: hit! })).toThrow("or not for this query");
  });

  test("are refused in a sentence where they do not fit or come too late", () => {
    expect(() => templateOf(query, structure(query), { chain: "B" })).toThrow('1ABC: it has no chain "B". There are A');
    expect(() => templateOf(query, structure("wwwwwwwwW"))).toThrow("0 of the query's 12 residues have a counterpart in it");
    expect(() => templateOf(query, structure(query), { before: "2010-01-01" })).toThrow(
      "it was released on 2010-01-01, not before 2010-01-01",
    );
    expect(templateOf(query, structure(query), { before: "2010-01-02" }).below[11]).toBe(11);
    const template = templateOf("MK", structure("MK"));
    expect(() => makeFeatures({ sequence: query, alignments: [singleSequence(query)], templates: [template] })).toThrow(
      "is laid along 2 residues, the query has 12",
    );
  });

  test.each([
    ["", "the file does not begin with the query"],
    [hhr.replace(">1ABC_A", "1ABC_A"), "hit 1 has no name"],
    [hhr.replace("T 1ABC_A            5 GS-AYKKIA   12 (20)", ""), "hit 1: the query has 9 columns, the template 0"],
    [hhr.replace("  9 (12)\nQ C", " 10 (12)\nQ C"), "hit 1: the numbers 3 and 10 do not fit the row between them"],
    [hhr.slice(0, hhr.indexOf("Q query             1")), "hit 2 has no alignment"],
  ])("of a broken result file are refused in a sentence", (text, message) => {
    expect(() => readHhr(text)).toThrow(message);
  });

  test.skipIf(!existsSync(shared))(
    "real: a structure is its own template, and one solved anew fits (skipped where shared/data is missing)",
    async () => {
      const [electron, crystal] = await Promise.all(["3zee.cif.gz", "4i6p.cif.gz"].map((name) => loadStructure(join(shared, name))));
      const { sequence } = electron!.chains[0]!;
      const template = templateOf(sequence, crystal!);
      expect(template.name).toBe("4I6P_A");
      expect([...template.below]).toEqual(Array.from({ length: sequence.length }, (_, i) => i + 3));
    },
  );
});

test.skipIf(!existsSync(shared))(
  "of a real alignment of 1428 sequences keep what must hold (skipped where shared/data is missing)",
  async () => {
    const packed = new Uint8Array(readFileSync(join(shared, "6kwc-bfd.a3m.gz")));
    const query = new TextDecoder().decode(gunzipSync(packed)).split("\n")[1]!;
    const found = await readAlignment(packed, query);
    const f = makeFeatures({ sequence: query, alignments: [found] }, { clusters: 128, extra: 512, seed: 7 });
    expect([f.msaFeat.shape, f.extraMsa.shape]).toEqual([
      [128, 191, 49],
      [512, 191],
    ]);
    const rows = rowsOf(f.msaFeat);
    const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
    for (const row of rows) {
      expect(sum(row.slice(0, 23))).toBe(1);
      expect(sum(row.slice(25, 48))).toBeCloseTo(1, 4);
      expect(row[23]! >= 0 && row[23]! <= 1 && row[24]! >= 0 && row[24]! < 1 && row[48]! >= 0 && row[48]! < 1).toBe(true);
    }
    const share = sum(rowsOf(f.bertMask).flat()) / f.bertMask.data.length;
    expect(Math.abs(share - 0.15)).toBeLessThan(0.012);
    expect(Array.from(f.trueMsa.data.subarray(0, 191) as Int32Array, (t) => letters[t]).join("")).toBe(query);
    // What is not masked is what was there.
    rows.forEach((row, at) => {
      if (!f.bertMask.data[at]) expect(row.indexOf(1)).toBe(f.trueMsa.data[at]);
    });
  },
);
