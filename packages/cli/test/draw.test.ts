import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, encodePng } from "@gradus/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-draw-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);
const picture = (name: string) => decodeImage(new Uint8Array(readFileSync(at(name))));

async function save(name: string, height: number, width: number, value: (x: number, channel: number) => number): Promise<void> {
  const data = Uint8Array.from({ length: 3 * height * width }, (_, i) => value(Math.floor(i / 3) % width, i % 3));
  writeFileSync(at(name), await encodePng({ dtype: "uint8", shape: [height, width, 3], data }));
}

beforeAll(() => {
  const shipped = (name: string) => fileURLToPath(new URL(`../../systems/diffusion/scenes/weights/${name}`, import.meta.url));
  for (const name of ["lacking", "other"]) {
    mkdirSync(at(name));
    copyFileSync(shipped("scenes.json"), at(name, "weights.json"));
  }
  for (const name of ["folder.png", join("strange", "weights.json"), "damaged"]) mkdirSync(at(name), { recursive: true });
  const damaged = JSON.parse(readFileSync(shipped("scenes.json"), "utf8"));
  delete damaged.config.unet.heads;
  writeFileSync(at("damaged", "weights.json"), JSON.stringify(damaged));
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

  test("begins with a picture, of another shape its middle, and paints where the mask is light", async () => {
    // A white picture with a black column at its left edge, twice as wide as what is drawn.
    await save("wide.png", 64, 128, (x) => (x < 8 ? 0 : 255));
    await save("mask.png", 32, 64, (x) => (x < 32 ? 255 : 0));
    const painted = gradus(
      ...["draw", "a large red square on a black background", "--image", at("wide.png"), "--mask", at("mask.png"), "--steps", "4"],
      ...["--negative", "a nice white ground", "--out", at("painted.png"), "--json"],
    );
    expect(painted.stderr).toBe("");
    const { notes } = JSON.parse(painted.stdout);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/wide\.png has 128 x 64 pixels: its middle was taken, for 64 x 64/);
    expect(notes[1]).toBe("Left out of the negative prompt: nice ground");
    const { data } = await picture("painted.png");
    const values = (painted: boolean): number[] => Array.from(data, Number).filter((_, i) => Math.floor(i / 3) % 64 < 32 === painted);
    expect(new Set(values(false))).toEqual(new Set([255]));
    expect(values(true).reduce((sum, v) => sum + v) / values(true).length).toBeLessThan(220);
  });

  describe("before anything is drawn, refuses", () => {
    test.each([
      [
        "a mask of another shape",
        ["--image", "wide.png", "--mask", "square.png"],
        /--mask .*square\.png has 64 x 64 pixels, --image .*128 x 64/,
      ],
      ["a mask that is dark, if blue", ["--image", "square.png", "--mask", "blue.png"], /--mask .*blue\.png is dark everywhere/],
    ])("%s", async (_, args, message) => {
      await save("wide.png", 64, 128, () => 255);
      await save("square.png", 64, 64, () => 255);
      await save("blue.png", 64, 64, (__, c) => (c === 2 ? 255 : 0));
      const { status, stderr } = gradus(
        "draw",
        "a red circle",
        ...args.map((a) => (a.endsWith(".png") ? at(a) : a)),
        "--out",
        at("no.png"),
      );
      expect(status).toBe(1);
      expect(stderr).toMatch(message);
      expect(existsSync(at("no.png"))).toBe(false);
    });
  });

  test("says that a size is not what the model was made for", () => {
    const { stdout } = gradus("draw", "a ring", "--width", "32", "--height", "128", "--steps", "1", "--out", at("odd.png"));
    expect(stdout).toMatch(/made for pictures of 64 x 64: others, such as 32 x 128/);
  });

  test.each([
    [["Katze"], /knows no word of "Katze"/],
    [[" "], /prompt is empty/],
    [[], /there is no prompt/],
    [["a red circle", "--out", "picture.jpg"], /--out is picture.jpg.*png/],
    [["a red circle", "--animation", "a.mp4"], /--animation is a.mp4.*gif/],
    [["a red circle", "--width", "60"], /the width is 60.*multiple of 8/],
    [["a red circle", "--width", "40000"], /pictures of 40000 x 64 are too large/],
    [["a red circle", "--count", "1000000"], /1000000 pictures of 64 x 64 are too many together.*Draw up to 1024/],
    [["a red circle", "--guidance", "1", "--negative", "a blue square"], /guidance is 1, with which it has no effect/],
    [["--evaluate", "9", "--count", "2"], /--count is for pictures that are kept, and --evaluate draws captions of its own/],
    [["--evaluate", "9", "--out", "a.png"], /--out is for pictures that are kept/],
    [["Katze ".repeat(40)], /knows no word of "(Katze ){13}Ka"\. It knows/],
    [["a red circle", "--out", at("folder.png")], /--out is .*folder\.png: a folder of this name is there/],
    [["a red circle", "--out", "/proc/x.png"], /--out is \/proc\/x\.png: /],
    [["a red circle", "--model", at("strange")], /strange\/weights\.json is a folder, where a file was expected/],
    [["a red circle", "--model", at("damaged")], /damaged\/weights\.json has no config\.unet\.heads/],
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
