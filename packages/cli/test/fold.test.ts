import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBackbone, readStructure, writePdb } from "@gradus/systems/fold";
import {
  configOf,
  type FoldConfig,
  type ModelWeights,
  modelParameters,
  saveOfficialWeights,
  trainedBytes,
  visitParameters,
} from "@gradus/systems/fold/network";
import { tensor } from "@gradus/tensor";
import { zipBytes } from "@gradus/tensor/io";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus, jsonLines, main } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-fold-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const write = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};

/** A very small network, of the form that training writes. */
const config: FoldConfig = {
  ...configOf("small"),
  channels: { msa: 8, pair: 6, extra: 4, single: 10 },
  evoformer: {
    ...{ blocks: 1, msa: { heads: 2, width: 4 }, outer: 3, transition: 2 },
    pair: { multiplication: 6, heads: 2, width: 3, transition: 2 },
  },
  extraMsa: {
    ...{ blocks: 1, msa: { heads: 2, width: 2 }, outer: 3, transition: 2 },
    pair: { multiplication: 6, heads: 2, width: 3, transition: 2 },
  },
  structure: { ipa: { heads: 2, width: 3, queryPoints: 2, valuePoints: 2 }, angles: 12, layers: 2 },
  heads: { plddt: 12, error: true },
  recycles: 1,
  most: { clusters: 4, extraSequences: 4, templates: 0 },
};

/** Weights of a formula, none of them zero, so that all counts. */
function formula(of: FoldConfig): ModelWeights {
  let seed = 0;
  return visitParameters(modelParameters(of), ({ shape }) => {
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => 0.4 * Math.sin(12.9898 * (i + 1) + 78.233 * seed),
    );
    seed++;
    return tensor(data).reshape([...shape]);
  }) as ModelWeights;
}

const alpha = "AELKMQRAELKGNAELKM";
const fasta = write("two.fasta", `>alpha a helix\n${alpha}\n>sp|P1|beta\nVITYFWNGVITYX\n`);
const one = write("one.fasta", `>alpha\n${alpha}\n`);
const aligned = `>alpha\n${alpha}\n>relative\nAELKMQR-ELRGNAELaaKM\n>other\nSELKMQKAEL--NADLKM\n`;

/** A helix that has nothing in common with the sequences above. */
const other = writePdb({
  ...{ id: "none", method: null, resolution: null, date: null },
  chains: [buildBackbone("W".repeat(12), new Array(12).fill({ phi: -60, psi: -45 }))],
});

beforeAll(async () => {
  for (const [name, record] of [
    ["rule", { task: "generated" }],
    ["known", { task: "structures", aligned: 5 }],
    ["unaligned", { task: "structures", aligned: 0 }],
  ] as const) {
    mkdirSync(at(name));
    writeFileSync(join(at(name), "weights.safetensors"), await trainedBytes(config, formula(config)));
    write(`${name}/weights.json`, JSON.stringify({ system: "fold", config, ...record }));
  }
});

const events = (stdout: string): Record<string, unknown>[] => jsonLines(stdout);
const read = (name: string): string => readFileSync(at(name), "utf8");
const structureIn = (name: string) => readStructure(read(name));

describe("gradus fold", () => {
  test("writes each sequence as mmCIF, PDB, JSON and a page, and tells as JSON what it does", async () => {
    const { status, stdout, stderr } = gradus("fold", fasta, "--weights", at("rule"), "--out", at("first"), "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const told = events(stdout);
    expect(told[0]).toMatchObject({ event: "network", about: expect.stringMatching(/generated helices and hairpins, not on proteins/) });
    const own = told.filter(({ id }) => id === "alpha");
    expect(own.map(({ event }) => event)).toEqual(["estimate", "block", "block", "pass", "block", "block", "pass", "end"]);
    expect(own[0]).toMatchObject({ residues: alpha.length, sequences: 1, alone: true, passes: 2 });
    expect(own[0]!["bytes"]).toBeGreaterThan(0);
    const end = own.at(-1)! as unknown as { plddt: number; files: string[]; ptm: number };
    expect(end.files).toEqual(["cif", "pdb", "pae.json", "html"].map((ending) => at(`first/alpha.${ending}`)));

    const [cif, pdb] = [await structureIn("first/alpha.cif"), await structureIn("first/alpha.pdb")];
    for (const { chains } of [cif, pdb]) {
      expect(chains.map(({ sequence }) => sequence)).toEqual([alpha]);
      const { bFactors, atomMask } = chains[0]!;
      const sure = Array.from({ length: alpha.length }, (_, i) => bFactors[i * 37 + 1]!);
      expect(sure.reduce((a, b) => a + b, 0) / alpha.length).toBeCloseTo(end.plddt, 1);
      // Backbones are whole.
      for (let i = 0; i < alpha.length; i++) expect([...atomMask.subarray(i * 37, i * 37 + 3)]).toEqual([1, 1, 1]);
    }
    const [pae] = JSON.parse(read("first/alpha.pae.json")) as [
      { predicted_aligned_error: number[][]; max_predicted_aligned_error: number },
    ];
    expect(pae.predicted_aligned_error.length).toBe(alpha.length);
    expect(pae.predicted_aligned_error.flat().every((v) => v >= 0 && v <= pae.max_predicted_aligned_error)).toBe(true);
    expect(read("first/alpha.html")).toMatch(/from the sequence alone.*expected error, Å.*expected distance, Å/s);

    // The name's bars would be folders or worse; X has no atoms.
    const beta = (await structureIn("first/sp_P1_beta.cif")).chains[0]!;
    expect(beta.sequence).toBe("VITYFWNGVITYX");
    expect(beta.atomMask.subarray(12 * 37).every((m) => m === 0)).toBe(true);
    expect(readdirSync(at("first"))).toHaveLength(8);
  });

  test("gives the same files for the same seed, and says plainly that it folds from the sequence alone", () => {
    const { status, stdout } = gradus("fold", one, "--weights", at("rule"), "--out", at("again"));
    expect(status).toBe(0);
    expect(stdout).toMatch(/from the sequence alone\nFolded from the sequence alone, without an alignment/);
    expect(stdout).toMatch(/2 passes, some \d+ (s|min) and \d+ MiB.*pass 1\/2 .*pass 2\/2 .*relaxed: /s);
    for (const ending of ["cif", "pdb", "pae.json"]) expect(read(`again/alpha.${ending}`)).toBe(read(`first/alpha.${ending}`));
  });

  test("a network without a head for errors of pairs leaves none of a prediction before, and chains may be one residue long", async () => {
    const without = { ...config, heads: { ...config.heads, error: false } };
    mkdirSync(at("without"));
    writeFileSync(join(at("without"), "weights.safetensors"), await trainedBytes(without, formula(without)));
    write("without/weights.json", JSON.stringify({ system: "fold", config: without, task: "structures", aligned: 0 }));
    const short = write("short.fasta", ">alpha\nA\n");
    for (const [network, files] of [
      ["unaligned", 4],
      ["without", 3],
    ] as const) {
      const { status, stdout, stderr } = gradus("fold", short, "--weights", at(network), "--recycles", "0", "--out", at("short"));
      expect(stderr).toBe("");
      expect(status).toBe(0);
      // It never saw an alignment: nobody has to say --single-sequence.
      expect(stdout).toMatch(/: 1 residue, from the sequence alone\nFolded .*: that is what this network was trained on\.\n1 pass, some/);
      expect(readdirSync(at("short"))).toHaveLength(files);
    }
  });

  test("folds from an alignment with another seed, and lays the prediction upon what it is compared with", async () => {
    const msa = write("alpha.a3m", aligned);
    const { status, stdout } = gradus(
      ...["fold", one, "--weights", at("known"), "--msa", msa, "--seed", "3", "--chunk", "4", "--no-relax"],
      ...["--compare", `${at("first/alpha.cif")}:A`, "--out", at("compared"), "--json"],
    );
    expect(status).toBe(0);
    const told = events(stdout);
    expect(told.find(({ event }) => event === "estimate")).toMatchObject({ sequences: 3, alone: false });
    const { comparison, relaxed } = told.at(-1) as { comparison: Record<string, number>; relaxed: unknown };
    expect(relaxed).toBe(null);
    expect(comparison).toMatchObject({ residues: alpha.length, referenceResidues: alpha.length });
    for (const score of ["tmScore", "lddt", "gdtTs"]) expect(comparison[score]).toBeGreaterThan(0);
    // Where it lies, the reference lies too: far from each other they would score worse.
    const [a, b] = [await structureIn("compared/alpha.cif"), await structureIn("first/alpha.cif")].map(
      ({ chains }) => chains[0]!.atomPositions,
    );
    const centre = (x: Float32Array, axis: number): number =>
      Array.from({ length: alpha.length }, (_, i) => x[(i * 37 + 1) * 3 + axis]!).reduce((s, v) => s + v / alpha.length, 0);
    for (let axis = 0; axis < 3; axis++) expect(Math.abs(centre(a!, axis) - centre(b!, axis))).toBeLessThan(3);
    expect(read("compared/alpha.html")).toContain("reached");
  });

  test("takes official files by name, and alignments from a server", async () => {
    const mini = configOf("mini");
    await saveOfficialWeights(at("mini.npz"), formula(mini), mini);
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url!.startsWith("/result"))
        response.end(zipBytes("test", [["uniref.a3m", new TextEncoder().encode(aligned.replace(">alpha", ">101"))]]));
      else response.end(JSON.stringify({ id: "t1", status: "COMPLETE" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const args = [
        "fold",
        one,
        "--weights",
        at("mini.npz"),
        "--config",
        "mini",
        "--server",
        url,
        "--recycles",
        "0",
        "--out",
        at("served"),
      ];
      const child = spawn(process.execPath, [main, ...args]);
      let text = "";
      child.stdout.on("data", (part) => (text += part));
      child.stderr.on("data", (part) => (text += part));
      const status = await new Promise((resolve) => child.once("exit", resolve));
      expect(text).toMatch(/alignment of 3 sequences/);
      expect(status).toBe(0);
      expect(asked).toEqual(["POST /ticket/msa", "GET /result/download/t1"]);
      expect(existsSync(at("served/alpha.cif"))).toBe(true);
    } finally {
      server.close();
    }
  });

  test.each([
    ["letters that are none", ">a\nAELOK\n", [], /"O" at place 4 .*pyrrolysine: write K/],
    ["a sequence that is too long", `>a\n${"A".repeat(5001)}\n`, [], /has 5001 residues.*at most 5000/],
    ["a sequence among others that is empty", ">a\nAEL\n>b\n\n>c\nAEL\n", [], /b: the sequence is empty/],
    ["a sequence of unknown residues", ">a\nXXXX\n", [], /a has no known residue/],
    ["names that make one file", ">a|b\nAEL\n>a:b\nAEL\n", [], /two sequences .* written as a_b/],
    [
      "more memory than there is",
      `>a\n${"A".repeat(4000)}\n`,
      [],
      /a \(4000 residues\) would take .* of memory, and .*--chunk|Fold a part/,
    ],
    [
      "an alignment of another sequence",
      null,
      ["--msa", write("other.a3m", ">q\nAELKMQRAELKGNAELKW\n")],
      /other.a3m: .*W at place 18, the query has M/,
    ],
    ["templates for a network without", null, ["--templates", "2RBG"], /knows no templates/],
    ["what is neither file nor PDB id", null, ["--compare", "nothing"], /no such file, and it is no PDB id/],
    [
      "a structure that has nothing in common with it",
      null,
      ["--compare", write("other.pdb", other)],
      /--compare .*other.pdb, for alpha: /,
    ],
    ["a chain that is not there", null, ["--compare", `${at("other.pdb")}:Q`], /--compare .*:Q, for alpha: .*no chain "Q"\. There are A/],
    ["a server that is no address", null, ["--server", "nowhere"], /^gradus fold: no alignment for alpha: .*--single-sequence/],
    ["both kinds of evidence", null, ["--msa", one, "--single-sequence"], /both --single-sequence and --msa/],
  ])("refuses %s with a sentence, and leaves nothing behind", (name, text, args, message) => {
    const file = text === null ? one : write(`${name.replaceAll(" ", "-")}.fasta`, text);
    const { status, stdout, stderr } = gradus("fold", file, "--weights", at("rule"), ...args, "--out", at("none"));
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(existsSync(at("none"))).toBe(false);
  });

  test.each([
    ["a network that was trained on alignments, without one", ["--weights", "known"], /no alignment for alpha.*--single-sequence/],
    [
      "official weights without an alignment",
      ["--weights", "params_model_2_ptm.npz"],
      /no alignment for alpha, and model_2_ptm was trained on/,
    ],
    ["weights of which nothing says what they are", ["--weights", "weights.npz"], /does not tell which network.*--config/],
    ["weights that are none", ["--weights", "params_model_1.npz", "--single-sequence"], /params_model_1.npz: .*zip/],
    [
      "a network that there is none of",
      ["--weights", "params_model_1.npz", "--config", "model_9"],
      /--config model_9: there is no network/,
    ],
    ["a folder with a damaged description", ["--weights", "damaged"], /^gradus fold: \S+weights.json does not describe a folding network/],
    ["a folder with damaged weights", ["--weights", "truncated"], /^gradus fold: \S+weights.safetensors: /],
    ["a folder without a network", ["--weights", "."], /there is no file .*weights.json.*gradus train fold/],
  ])("refuses %s", (_, args, message) => {
    for (const name of ["params_model_2_ptm.npz", "params_model_1.npz", "weights.npz"]) write(name, "no weights");
    for (const [name, length] of [
      ["damaged", 20],
      ["truncated", Infinity],
    ] as const) {
      mkdirSync(at(name), { recursive: true });
      write(`${name}/weights.json`, read("rule/weights.json").slice(0, length));
      writeFileSync(join(at(name), "weights.safetensors"), readFileSync(join(at("rule"), "weights.safetensors")).subarray(0, 3000));
    }
    const given = args.map((arg) => (arg.startsWith("--") || arg === "model_9" ? arg : at(arg)));
    const { status, stderr } = gradus("fold", one, ...given, "--out", at("none"));
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(1);
    expect(existsSync(at("none"))).toBe(false);
  });

  test.each([
    ["a file", "one.fasta", /one.fasta is a file/],
    ["below a file", "one.fasta/deep/folder", /the folder \S+ cannot be made: \S+one.fasta is a file/],
  ])("refuses to write into %s before any work is done", (_, out, message) => {
    const { status, stdout, stderr } = gradus("fold", one, "--weights", at("rule"), "--out", at(out));
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
    expect(status).toBe(1);
    expect(read("one.fasta")).toBe(`>alpha\n${alpha}\n`);
  });

  test.skipIf(spawnSync("script", ["--version"]).status !== 0)(
    "draws a bar no wider than the terminal, and never takes its cursor or wrapping, which Ctrl+C would not give back (needs script)",
    () => {
      const command = ["stty cols 50;", process.execPath, main, "fold", one, "--weights", at("rule"), "--out", at("bar")].join(" ");
      const { stdout } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"], { encoding: "utf8" });
      // What is between escapes.
      const shown = stdout.split("\u001b").flatMap((text) => text.replace(/^(\[[\d;?]*[A-Za-z]|\d)/, "").split(/[\r\n]+/));
      const bars = shown.filter((text) => text.includes("| block"));
      expect(bars.length).toBeGreaterThan(1);
      for (const text of bars) expect(text.length).toBeLessThan(50);
      for (const taken of ["[?25l", "[?7l"]) expect(stdout).not.toContain(taken);
    },
  );
});
