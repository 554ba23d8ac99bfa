import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage } from "@gradus/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-draw-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);
const picture = (name: string) => decodeImage(new Uint8Array(readFileSync(at(name))));

beforeAll(() => {
  const shipped = (name: string) => fileURLToPath(new URL(`../../systems/diffusion/scenes/weights/${name}`, import.meta.url));
  for (const name of ["lacking", "other"]) {
    mkdirSync(at(name));
    copyFileSync(shipped("scenes.json"), at(name, "weights.json"));
  }
  copyFileSync(shipped("detector.safetensors"), at("other", "weights.safetensors"));
});

describe("gradus draw", () => {
  test("takes a prompt without quotes, and a long one as far as there is room", () => {
    const long = "a red circle and a blue square and a green ring and a yellow cross on a white background";
    const { status, stdout } = gradus("draw", ...long.split(" "), "--steps", "1", "--out", at("new", "long.png"), "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ prompt: long, cut: "cross on a white background" });
    expect(existsSync(at("new", "long.png"))).toBe(true);
  });

  test("writes the same picture for the same seed, and says as JSON what it left out of the prompt", async () => {
    const run = (seed: string, out: string) =>
      gradus("draw", "a large red dog circle", "--seed", seed, "--steps", "6", "--out", at(out), "--json");
    const first = run("1", "one.png");
    expect(first.status).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ file: at("one.png"), seed: 1, cut: "dog" });
    run("1", "again.png");
    run("2", "other.png");
    expect((await picture("one.png")).shape).toEqual([64, 64, 3]);
    expect(readFileSync(at("again.png"))).toEqual(readFileSync(at("one.png")));
    expect(readFileSync(at("other.png"))).not.toEqual(readFileSync(at("one.png")));
  });

  test("lays several pictures out as a grid, and shows on a GIF how they came about", async () => {
    const { status } = gradus(
      "draw",
      "a blue ring",
      "--count",
      "3",
      "--steps",
      "3",
      "--out",
      at("grid.png"),
      "--animation",
      at("grid.gif"),
    );
    expect(status).toBe(0);
    expect((await picture("grid.png")).shape).toEqual([130, 130, 3]);
    const gif = readFileSync(at("grid.gif"));
    expect(gif.subarray(0, 6).toString()).toBe("GIF89a");
    // A frame a step, and the picture.
    expect([...gif].filter((byte, i) => byte === 0x21 && gif[i + 1] === 0xf9 && gif[i + 2] === 4)).toHaveLength(4);
  });

  test("begins with a picture, and keeps what the mask keeps", async () => {
    gradus("draw", "a large green square", "--steps", "6", "--out", at("begin.png"));
    const { status } = gradus(
      "draw",
      "a red circle",
      "--image",
      at("begin.png"),
      "--strength",
      "0.5",
      "--steps",
      "6",
      "--out",
      at("changed.png"),
    );
    expect(status).toBe(0);
    expect(readFileSync(at("changed.png"))).not.toEqual(readFileSync(at("begin.png")));
  });

  test.each([
    [["Katze"], /knows no word of "Katze"/],
    [[" "], /prompt is empty/],
    [[], /there is no prompt/],
    [["a red circle", "--out", "picture.jpg"], /--out is picture.jpg.*png/],
    [["a red circle", "--animation", "a.mp4"], /--animation is a.mp4.*gif/],
    [["a red circle", "--width", "30"], /the width is 30.*multiple of 4/],
    [["a red circle", "--steps", "2000"], /steps is 2000/],
    [["a red circle", "--image", "nowhere.png"], /there is no file nowhere.png/],
    [["a red circle", "--mask", "package.json"], /--image is missing/],
    [["a red circle", "--model", "."], /holds neither weights.json nor a folder unet/],
    [["a red circle", "--model", "nowhere"], /there is no folder nowhere/],
    [["a red circle", "--model", at("lacking")], /^gradus: there is no .*lacking\/weights\.safetensors$/m],
    [["a red circle", "--model", at("other")], /the weights lack text_encoder.*other\/weights\.json/],
    [["a red circle", "--image", "package.json"], /package\.json cannot be used: .*neither a JPEG nor a PNG/],
    [["a red circle", "--strength", "0.5"], /--image is missing/],
    [["a red circle", "--class", "trouser"], /--class is for models that gradus train diffusion --data wrote/],
    [["a red circle", "--evaluate", "9"], /both a prompt and --evaluate/],
    [["a red circle", "--out", "package.json/a.png"], /package\.json is there already, and is no folder/],
  ])("%j fails with a sentence", (args, message) => {
    const { status, stderr } = gradus("draw", ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(existsSync("picture.png")).toBe(false);
  });
});
