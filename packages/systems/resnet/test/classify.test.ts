import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { crop, encodePng } from "@gradus/data";
import { openArchive } from "@gradus/data/node";
import type { ArrayData } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { Classifier, imagenetDescription, imageSet, loadClassifier, parseDescription, readPicture } from "../index.ts";
import { evaluate } from "../train.ts";

const shipped = (name: string) => fileURLToPath(new URL(`../weights/${name}`, import.meta.url));
const record = JSON.parse(readFileSync(shipped("resnet20.json"), "utf8")) as { top1: number };
const description = parseDescription(readFileSync(shipped("resnet20.json"), "utf8"), "resnet20.json");
const classifier = await loadClassifier(description, shipped("resnet20.safetensors"));

const picture = (height: number, width: number, channels: number): ArrayData => ({
  dtype: "uint8",
  shape: [height, width, channels],
  data: Uint8Array.from({ length: height * width * channels }, (_, i) => (Math.imul(i, 2654435761) >>> 24) % 256),
});

describe("the network that comes with Gradus", () => {
  const archive = fileURLToPath(new URL("../../../../../shared/data/cifar10-jpeg.tar.gz", import.meta.url));
  test.skipIf(!existsSync(archive))("is right on CIFAR-10's test pictures as often as its record says (needs ../shared/data)", async () => {
    const files = (await openArchive(archive)).filter((f) => /(train\/.*\/0000|test\/.*[05])\.jpg$/.test(f.name));
    const { test: pictures } = await imageSet(files, 32);
    expect(pictures.labels).toHaveLength(2000);
    const { top1, top5 } = await evaluate(classifier.model, pictures, description.normalisation);
    // A fifth of the pictures: one standard deviation is 0.6 %.
    expect(Math.abs(top1 - record.top1)).toBeLessThan(0.02);
    expect(top5).toBeGreaterThan(0.99);
  });
});

describe("a picture", () => {
  test("of any size and shape gets probabilities, and grey ones those of their RGB versions", async () => {
    for (const [height, width] of [
      [1, 1],
      [3, 500],
      [700, 32],
      [1, 60_000],
    ] as const) {
      const [guesses] = await classifier.classify([picture(height, width, 3)], 10);
      expect(guesses!.map((g) => g.class).sort()).toEqual([...description.classes].sort());
      expect(guesses!.reduce((sum, g) => sum + g.probability, 0)).toBeCloseTo(1, 4);
    }
    const grey = picture(40, 40, 1);
    const rgb: ArrayData = {
      ...grey,
      shape: [40, 40, 3],
      data: Uint8Array.from({ length: 4800 }, (_, i) => grey.data[Math.floor(i / 3)] as number),
    };
    const [a, b] = await Promise.all([grey, rgb].map(async (p) => readPicture(await encodePng(p))));
    expect(await classifier.classify([a!])).toEqual(await classifier.classify([b!]));
  });

  test("of a telephone stands upright: readPicture follows the EXIF orientation of a JPEG file", async () => {
    const { oriented } = JSON.parse(readFileSync(new URL("../../../data/test/images.golden.json", import.meta.url), "utf8")) as {
      oriented: { size: number[]; file: string }[];
    };
    for (const { size, file } of oriented) {
      const bytes = new Uint8Array(Buffer.from(file, "base64"));
      expect((await readPicture(bytes)).shape).toEqual([...size, 3]);
      expect((await readPicture(bytes, { orient: false })).shape).toEqual([11, 19, 3]);
    }
  });

  test("that is none is refused with a sentence", async () => {
    const png = await encodePng(picture(20, 20, 3));
    const others = {
      GIF89a: "a GIF",
      "RIFF....WEBP": "a WebP file",
      BM: "a BMP file",
      "MM\0*": "a TIFF file",
      "....ftypheic": "a HEIC file",
    };
    for (const [head, kind] of Object.entries(others))
      await expect(readPicture(new TextEncoder().encode(`${head}........`))).rejects.toThrow(
        `neither a JPEG nor a PNG file, but ${kind}. Save it as one of these`,
      );
    await expect(readPicture(new TextEncoder().encode("a letter"))).rejects.toThrow(/neither a JPEG nor a PNG file$/);
    await expect(readPicture(new Uint8Array(0))).rejects.toThrow(/neither a JPEG nor a PNG file, but empty$/);
    await expect(readPicture(png.subarray(0, 200))).rejects.toThrow(/decodePng|decodeImage/);
    // A JPEG whose header names four colour components, as CMYK has.
    const cmyk = Uint8Array.from([0xff, 0xd8, 0xff, 0xc0, 0, 20, 8, 0, 16, 0, 16, 4, 1, 17, 0, 2, 17, 0, 3, 17, 0, 4, 17, 0, 0xff, 0xd9]);
    await expect(readPicture(cmyk)).rejects.toThrow(/4 colour components.*Convert the image to RGB/);
    expect(() => classifier.prepare(picture(40, 40, 1))).toThrow(/uint8 \[40, 40, 1\].*height, width, 3/);
    await expect(classifier.classify([{ ...picture(40, 40, 3), dtype: "float32" } as ArrayData])).rejects.toThrow(/uint8/);
    await expect(classifier.classify([picture(40, 40, 3)], 0)).rejects.toThrow(/top is 0/);
  });
});

test("a description may say what pictures are resized to before their middle is cut out", async () => {
  const text = (resize: unknown) => JSON.stringify({ ...description, resize });
  const wide = new Classifier(parseDescription(text(48), "x.json"));
  const whole = new Classifier(parseDescription(text(undefined), "x.json"));
  const image = picture(48, 48, 3);
  const middle = crop(image, 8, 8, 32, 32);
  expect(wide.prepare(image)).toEqual(whole.prepare(middle));
  expect(whole.prepare(image)).not.toEqual(whole.prepare(middle));
  expect(() => new Classifier({ ...description, resize: 20 }).prepare(image)).toThrow(/resize is 20\. Give a whole number from 32/);
  expect(() => parseDescription(text("48"), "x.json")).toThrow(/x\.json does not describe a network/);
});

test("what does not describe a network, or describes another one, is refused with a sentence", async () => {
  for (const text of ["", "[]", "null", '{"config":"resnet20"}', '{"config":"resnet20","classes":[],"normalisation":{}}'])
    expect(() => parseDescription(text, "x.json")).toThrow(/x\.json does not describe a network/);
  expect(() => new Classifier({ ...description, config: "resnet21" })).toThrow(/no network "resnet21"/);
  await expect(loadClassifier({ ...description, classes: ["a", "b"] }, shipped("resnet20.safetensors"))).rejects.toThrow(/shape/);
  // Two networks with the same arrays, of which torchvision has one.
  expect(() => imagenetDescription("resnet50-paper")).toThrow(/no network of torchvision/);
  await expect(loadClassifier({ ...description, config: "plain56" }, shipped("resnet20.safetensors"))).rejects.toThrow(/lacks/);
});

test("a network that finds all classes alike is right only about the first of them", async () => {
  const undecided = new Classifier(description);
  for (const w of undecided.model.weights) w.assign(w.mul(0));
  const images = { ...picture(64, 32, 3), shape: [2, 32, 32, 3] };
  const { top1, top5, confusion } = await evaluate(undecided.model, { images, labels: Int32Array.of(0, 7) }, description.normalisation);
  expect([top1, top5]).toEqual([0.5, 0.5]);
  expect([confusion[0]![0], confusion[7]![0]]).toEqual([1, 1]);
});

test("a network whose weights are no numbers gives no answer", async () => {
  const broken = new Classifier(description);
  broken.model.weights[0]!.assign(broken.model.weights[0]!.mul(Number.NaN));
  await expect(broken.classify([picture(32, 32, 3)])).rejects.toThrow(/not finite/);
  const one = { images: picture(32, 32, 3), labels: Int32Array.of(3) };
  await expect(
    evaluate(broken.model, { ...one, images: { ...one.images, shape: [1, 32, 32, 3] } }, description.normalisation),
  ).rejects.toThrow(/not finite/);
});
