import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeImage, encodePng, Random } from "@gradus/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus, kill } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-pictures-"));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const size = 8;
/** Grey noise, light in the upper or in the lower half. */
function picture(upper: boolean, i: number, side = size): Promise<Uint8Array> {
  const random = new Random(3, i);
  const data = new Uint8Array(side * side).map((_, p) => (p < (side * side) / 2 === upper ? 200 : 20) + random.integer(40));
  return encodePng({ dtype: "uint8", shape: [side, side, 1], data });
}

beforeAll(async () => {
  for (const name of ["Upper half", "Lower half"]) {
    mkdirSync(at("pictures", name), { recursive: true });
    for (let i = 0; i < 30; i++) writeFileSync(at("pictures", name, `${i}.png`), await picture(name === "Upper half", i));
  }
  mkdirSync(at("mixed", "a"), { recursive: true });
  for (const [i, side] of [size, 12, size].entries()) writeFileSync(at("mixed", "a", `${i + 1}.png`), await picture(true, i, side));
  mkdirSync(at("empty"));
  mkdirSync(at("one", "class"), { recursive: true });
  for (const i of [1, 2, 3]) writeFileSync(at("one", "class", `${i}.png`), await picture(true, i));
  for (const name of ["a", "b"]) mkdirSync(at("stray", name), { recursive: true });
  for (const name of ["a/1", "b/1", "2"]) writeFileSync(at("stray", `${name}.png`), await picture(true, 1));
});

const run = (out: string, ...more: string[]) => [
  ...["train", "diffusion", "--data", at("pictures"), "--steps", "4", "--batch-size", "16", "--samples", "6", "--out", at(out), "--json"],
  ...more,
];
const record = (out: string) => JSON.parse(readFileSync(at(out, "weights.json"), "utf8")) as Record<string, unknown>;
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("gradus train diffusion --data", () => {
  test("tells how it goes, leaves samples, weights, a record and a report; gradus draw then knows the classes", async () => {
    const { status, stdout, stderr } = gradus(...run("a"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const events = lines(stdout);
    expect(events.map((e) => e["event"])).toEqual(["sampled", "sampled", "sampled", "sampled", "end"]);
    expect(events.at(-1)).toMatchObject({ pictures: 6, right: expect.any(Number), fidelity: { frechet: expect.any(Number) } });
    expect(readdirSync(at("a")).sort()).toEqual(["report.html", "run.json", "samples", "weights.json", "weights.safetensors"]);
    expect(readdirSync(at("a", "samples"))).toEqual(["step-1.png", "step-2.png", "step-3.png", "step-4.png"]);
    expect((await decodeImage(readFileSync(at("a", "samples", "step-1.png")), { channels: 1 })).shape).toEqual([8, 98, 1]);
    expect(record("a")).toMatchObject({
      ...{ system: "diffusion", task: "pictures", trainingPictures: 54, testPictures: 6, steps: 4, resumed: false },
      config: { size: 8, channels: 1, classes: ["Lower half", "Upper half"], network: { kind: "unet", classes: 3 } },
    });
    const report = readFileSync(at("a", "report.html"), "utf8");
    expect(report).toMatch(/Upper half: \d of 3 are taken for it/);
    expect(report).toMatch(/step 4<\/p><img src="data:image\/png;base64,.*<svg/s);

    const draw = (...args: string[]) => gradus("draw", "--model", at("a"), "--steps", "3", ...args);
    const drawn = draw(
      "--class",
      "upper HALF",
      "--class",
      "any",
      "--count",
      "3",
      "--out",
      at("drawn.png"),
      "--animation",
      at("drawn.gif"),
      "--json",
    );
    expect(drawn.stderr).toBe("");
    expect(lines(drawn.stdout)[0]).toMatchObject({ file: at("drawn.png"), classes: ["Upper half", null], count: 3 });
    // A row a class.
    expect((await decodeImage(readFileSync(at("drawn.png")), { channels: 1 })).shape).toEqual([18, 28, 1]);
    expect(readFileSync(at("drawn.gif")).subarray(0, 6).toString()).toBe("GIF89a");
    expect(draw("--class", "hat", "--out", at("none.png")).stderr).toBe(
      'gradus: draw: there is no class "hat". There are Lower half, Upper half, and any\n',
    );
    expect(draw("a hat", "--out", at("none.png")).stderr).toMatch(
      /takes no prompt, "a hat" was given. Give --class with one of Lower half, Upper half/,
    );
    expect(draw("--image", at("drawn.png"), "--out", at("none.png")).stderr).toMatch(/--image is for models that draw from words/);
    expect(existsSync(at("none.png"))).toBe(false);
  }, 240_000);

  test("killed in the middle, goes on to the same weights", async () => {
    await kill(run("b"), at("b", "run.safetensors"));
    expect(gradus(...run("b")).status).toBe(0);
    expect(record("b")).toMatchObject({ resumed: true });
    expect(readFileSync(at("b", "weights.safetensors"))).toEqual(readFileSync(at("a", "weights.safetensors")));
    // What was drawn before the end is in the report.
    expect(readFileSync(at("b", "report.html"), "utf8")).toMatch(/step 3<\/p>.*step 4<\/p>/s);
    expect(gradus(...run("b")).stderr).toMatch(/b holds a run that is finished/);
  }, 240_000);

  test("trains a transformer without classes, and lets a model learn on", () => {
    const { status, stderr } = gradus(...run("c", "--unconditional", "--network", "dit", "--limit", "40"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(record("c")).toMatchObject({
      trainingPictures: 40,
      config: { classes: [], network: { kind: "dit" } },
      evaluation: { right: null },
    });
    expect(gradus("draw", "--model", at("c"), "--steps", "2", "--out", at("free.png"), "--json").status).toBe(0);
    expect(gradus("draw", "--model", at("c"), "--class", "hat").stderr).toMatch(/knows no classes, "hat" was asked for/);
    // Where training data have classes, the model does not fit them.
    expect(gradus(...run("d", "--from", at("c"))).stderr).toMatch(
      /pictures have 8 × 8 pixels, grey, the classes Lower half, Upper half; the model is for 8 × 8 pixels, grey, no classes/,
    );
    expect(gradus(...run("d", "--from", at("c"), "--unconditional")).status).toBe(0);
    expect(record("d")).toMatchObject({ config: { network: { kind: "dit" } } });
  }, 240_000);

  test.each([
    [["--data", at("nowhere")], /there is no .*nowhere.*fashion-mnist/s],
    [["--data", at("empty")], /no picture among 0 files/],
    [["--data", at("mixed"), "--unconditional"], /2\.png has 12 × 12 pixels, others have 8 × 8.*--size/s],
    [["--data", at("one")], /one class only, "class".*--unconditional/s],
    [["--data", at("stray")], /2\.png lies in no folder of a class.*--unconditional/s],
    [["--data", at("one"), "--unconditional"], /2 pictures do not fill a batch of 64.*--batch-size/],
    [["--data", at("pictures"), "--samples", "2"], /--samples is 2/],
    [["--data", at("pictures"), "--scenes", "9"], /--scenes is of scenes, --data gives pictures/],
    [["--data", at("pictures"), "--sketch-steps", "9"], /--sketch-steps is of scenes, --data gives pictures/],
    [["--unconditional"], /--unconditional is for pictures, and no --data is given/],
    [["--from", at("a"), "--sketch-steps", "9"], /--sketch-steps is of a part that begins anew, and --from gives a trained one/],
    [["--autoencoder", at("a"), "--autoencoder-steps", "9"], /--autoencoder-steps is of a part that .*--autoencoder gives a trained one/],
    [["--captions", "2"], /--captions is 2. Give at least 4/],
    [["--snr-least", "9"], /snrLeast is 9. Give a ratio from 0 to 5/],
    [["--scenes", "9"], /9 scenes for batches of 64/],
  ])("%j is answered with a sentence", (args, message) => {
    const { status, stderr } = gradus("train", "diffusion", ...args, "--out", at("bad"));
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(existsSync(at("bad"))).toBe(false);
  });
});
