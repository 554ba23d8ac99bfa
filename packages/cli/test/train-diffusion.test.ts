import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { gradus, jsonLines, killAt } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-scenes-"));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = fileURLToPath(new URL("tiny-scenes.ts", import.meta.url));
const usual = { steps: 5, autoencoderSteps: 2, sketchSteps: 3, scenes: 7, batchSize: 3, captions: 4, seed: 1, json: true };
const argumentsOf = (out: string, more: object = {}): [script: string, settings: string] => [
  script,
  JSON.stringify({ ...usual, out: at(out), ...more }),
];
const train = (out: string, more: object = {}) => spawnSync(process.execPath, argumentsOf(out, more), { encoding: "utf8" });

const record = (out: string) => JSON.parse(readFileSync(at(out, "weights.json"), "utf8"));
const weights = (out: string) => readFileSync(at(out, "weights.safetensors"));
const files = ["report.html", "run.json", "weights.json", "weights.safetensors"];

describe("gradus train diffusion", () => {
  test("leaves weights, a record and a report; killed in any part it goes on to the same, and to no other settings", async () => {
    const { status, stdout, stderr } = train("whole");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const events = jsonLines(stdout);
    expect(events.map(({ event, step }) => [event, step])).toEqual([
      ["measured", 2],
      ["measured", 4],
      ["measured", 5],
      ["end", undefined],
    ]);
    expect(readdirSync(at("whole")).sort()).toEqual(files);
    const { unseen, heldOut, diversity } = record("whole");
    expect(events.at(-1)).toMatchObject({ unseen, heldOut, diversity });
    expect(record("whole")).toMatchObject({ system: "diffusion", steps: 5, resumed: false, unseen: { captions: 4, seed: 1 } });
    const report = readFileSync(at("whole", "report.html"), "utf8");
    expect(report).toMatch(/Right of what 4 unseen captions say.*<svg/s);
    expect(report).toMatch(/of these kinds alone/);

    for (const part of ["autoencoder", "sketch", "denoiser"]) {
      await killAt(at("stopped", `run.${part}`), ...argumentsOf("stopped"));
      expect(train("stopped", { seed: 2 }).stderr).toMatch(
        /stopped holds a run that was stopped, with other settings or other data \(seed\)/,
      );
    }
    const state = readFileSync(at("stopped", "run.sketch"));
    writeFileSync(at("stopped", "run.sketch"), state.subarray(0, 1000));
    expect(train("stopped").stderr).toMatch(/run\.sketch is no backup of this run: .*Give --fresh to start anew/s);
    writeFileSync(at("stopped", "run.sketch"), state);
    expect(train("stopped").status).toBe(0);
    expect(weights("stopped")).toEqual(weights("whole"));
    const own = ["command", "seconds", "resumed"];
    const without = (out: string) => Object.fromEntries(Object.entries(record(out)).filter(([name]) => !own.includes(name)));
    expect(without("stopped")).toEqual(without("whole"));
    expect(record("stopped")).toMatchObject({ resumed: true, history: [{ step: 2 }, { step: 4 }, { step: 5 }] });
    expect(readdirSync(at("stopped")).sort()).toEqual(files);
  }, 300_000);

  test("takes a trained autoencoder in place of training one, fresh in the place of a run that is finished", async () => {
    const more = { autoencoder: at("whole"), autoencoderSteps: undefined, fresh: true };
    await killAt(at("stopped", "run.sketch"), ...argumentsOf("stopped", more));
    expect(existsSync(at("stopped", "run.autoencoder"))).toBe(false);
    expect(train("stopped").stderr).toMatch(
      /stopped holds a run that was stopped, with other settings or other data \(autoencoderSteps, autoencoder\)/,
    );
  }, 120_000);

  test("lets a model learn on; gradus draw --evaluate tells the record's numbers, which are of what was written", () => {
    const args = ["--steps", "1", "--scenes", "3", "--batch-size", "3", "--captions", "4", "--seed", "5"];
    const { status, stderr } = gradus("train", "diffusion", "--from", at("whole"), ...args, "--fresh", "--out", at("stopped"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { config, unseen, heldOut, diversity } = record("stopped");
    expect(config).toEqual(record("whole").config);
    const told = gradus("draw", "--model", at("stopped"), "--evaluate", "4", "--seed", "5", "--json");
    expect(JSON.parse(told.stdout)).toEqual({ unseen, heldOut, diversity });
    expect(heldOut.heldOutKinds.attributes.colour.said).toBe(4);
  }, 120_000);

  test.each([
    [["--scenes", "2000000000"], 1, /the latents of 2000000000 scenes take more than 2 GB of memory\. Give at most 524288/],
    [["--seed", "9007199254740991"], 2, /Give a whole number up to 4503599627370496/],
  ])("%j is answered with a sentence, and writes nothing", (args, code, message) => {
    const { status, stderr } = gradus("train", "diffusion", ...args, "--out", at("bad"));
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(existsSync(at("bad"))).toBe(false);
  });
});
