import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateFolds, writePdb } from "@gradus/systems/fold";
import { loadFold } from "@gradus/systems/fold/network";
import { afterAll, describe, expect, test } from "vitest";
import { gradus, jsonLines, kill } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-fold-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("gradus train fold", () => {
  test("learns from a folder of structures and tells what it leaves out; weights, a record and a report remain", async () => {
    const data = join(folder, "structures");
    mkdirSync(data);
    const folds = generateFolds(3, { seed: 2, kinds: ["hairpin"] });
    for (const [i, { chain }] of folds.entries())
      writeFileSync(join(data, `s${i}.pdb`), writePdb({ id: `S${i}`, method: null, resolution: null, date: null, chains: [chain] }));
    writeFileSync(join(data, "broken.cif"), "data_x\nloop_\n_atom_site.id\n");
    const { sequence } = folds[0]!.chain;
    writeFileSync(join(data, "s0.a3m"), `>query\n${sequence}\n>relative\n${sequence.replace(/V/g, "I")}\n`);
    const out = join(folder, "run");
    const args = ["train", "fold", "--data", data, "--steps", "1", "--batch-size", "1", "--crop", "16", "--held-out", "0", "--out", out];
    const { status, stdout, stderr } = gradus(...args);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/left out: .*broken\.cif/);
    expect(stdout).toMatch(/2 Evoformer blocks on 3 chains, 0 kept from training/);
    expect(stdout).toMatch(/chains it has seen: lDDT 0\.\d\d, TM-score 0\.\d\d, \d+\.\d\d Å/);
    expect(readdirSync(out).sort()).toEqual(["report.html", "run.json", "weights.json", "weights.safetensors"]);
    const description = readFileSync(join(out, "weights.json"), "utf8");
    const seen = folds.filter(({ chain }) => chain.sequence.length <= 16).length;
    expect(JSON.parse(description)).toMatchObject({
      ...{ system: "fold", task: "structures", steps: 1, chains: 3, aligned: 1, heldOut: [] },
    });
    expect(JSON.parse(description).training).toHaveLength(seen);
    await expect(loadFold(description, join(out, "weights.safetensors"))).resolves.toMatchObject({ config: { recycles: 3 } });
    expect(readFileSync(join(out, "report.html"), "utf8")).toMatch(/<svg/);

    const again = gradus(...args);
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/holds a run that is finished.*--fresh/);
  });

  test("goes on after it was killed, to the same weights, and tells as JSON what it learns from", async () => {
    const data = join(folder, "few");
    mkdirSync(data);
    for (const [i, { chain }] of generateFolds(2, { seed: 3, kinds: ["helix"] }).entries())
      writeFileSync(join(data, `s${i}.pdb`), writePdb({ id: `S${i}`, method: null, resolution: null, date: null, chains: [chain] }));
    writeFileSync(join(data, "broken.pdb"), "ATOM      1  N   ALA A   1\n");
    const args = ["train", "fold", "--data", data, "--steps", "6", "--batch-size", "1", "--held-out", "0", "--json", "--out"];
    const [whole, parts] = [join(folder, "whole"), join(folder, "parts")];
    const { status, stdout, stderr } = gradus(...args, whole);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const told = jsonLines(stdout);
    expect(told[0]).toMatchObject({ event: "data", training: 2, heldOut: 0, leftOut: [expect.stringMatching(/broken\.pdb/)] });
    expect(told.slice(1).map(({ event }) => event)).toEqual([...new Array(5).fill("measured"), "end"]);
    await kill([...args, parts], join(parts, "run.safetensors"));
    expect(gradus(...args, parts).status).toBe(0);
    const [a, b] = [whole, parts].map((run) => readFileSync(join(run, "weights.safetensors")));
    expect(a!.equals(b!)).toBe(true);
    expect(JSON.parse(readFileSync(join(parts, "weights.json"), "utf8"))).toMatchObject({ resumed: true, aligned: 0 });
  });

  test.each([
    [["--data", join(folder, "nowhere")], /^gradus train fold: --data \S+: there is no/],
    [["--data", folder, "--held-out", "0.9", "--max-residues", "1"], /^gradus train fold: --data \S+: among/],
    [["--data", "one.pdb.gz"], /one\.pdb\.gz is a single file.*the folder it is in/],
    [["--config", "huge"], /^gradus train fold: --config huge: there is no network "huge".*mini/],
    [["--from", join(folder, "nowhere")], /there is no file .*weights\.json.*gradus train fold wrote/],
    [["--steps", "-1"], /--steps/],
    [["--held-out", "2"], /held-out/],
  ])("says in a sentence what is wrong with %o, and writes nothing", (wrong, message) => {
    const out = join(folder, "wrong");
    const { status, stderr } = gradus("train", "fold", ...wrong, "--out", out);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(() => readdirSync(out)).toThrow();
  });
});
