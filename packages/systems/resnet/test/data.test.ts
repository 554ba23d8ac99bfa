import { encodePng, type FileEntry } from "@gradus/data";
import type { Tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { configOf, type ImageSet, imageSet, normalisationOf, type Pictures, plainBatches, some, train, trainingBatches } from "../index.ts";

/** Pictures of 8 × 8 pixels, each of one colour: picture i has i in its red channel. */
function coloured(count: number): Pictures {
  const data = Uint8Array.from({ length: count * 192 }, (_, j) => (j % 3 === 0 ? Math.floor(j / 192) : 128));
  return { images: { dtype: "uint8", shape: [count, 8, 8, 3], data }, labels: Int32Array.from({ length: count }, (_, i) => i % 2) };
}
const file = (name: string, bytes: Uint8Array): FileEntry => ({
  name,
  size: bytes.length,
  read: async () => bytes as Uint8Array<ArrayBuffer>,
});
const all = async <T>(batches: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
};
const values = async (x: Tensor) => [...(await x.data())] as number[];

describe("a set of pictures", async () => {
  const png = await encodePng({ dtype: "uint8", shape: [10, 8, 3], data: new Uint8Array(240).fill(9) });
  test("is read from folders below train and test, wherever these are, and brought to one size", async () => {
    const names = ["a/train/cat/1.png", "a/train/dog/test/1.png", "a/train/dog/1.png", "a/val/dog/2.png"];
    const set = await imageSet(
      names.map((n) => file(n, png)),
      8,
    );
    expect(set.classes).toEqual(["cat", "dog"]); // a folder within "train" belongs to it, and to a class
    expect([...set.train.labels]).toEqual([0, 1, 1]);
    expect([...set.test.labels]).toEqual([1]);
    expect(set.train.images.shape).toEqual([3, 8, 8, 3]);
    expect(new Set(set.train.images.data as Uint8Array)).toEqual(new Set([9]));
  });

  test.each([
    [["train/cat/1.png"], /0 below "test" or "val"/],
    [["cat/1.png", "dog/1.png"], /0 below a folder "train"/],
    [["train/cat/1.png", "test/cat/1.png"], /one class only/],
    [["train/cat/1.png", "train/dog/1.png", "test/horse/1.png"], /"horse".*"train"/s],
  ])("of %j is refused with a sentence", async (names, message) => {
    await expect(
      imageSet(
        names.map((n) => file(n, png)),
        8,
      ),
    ).rejects.toThrow(message);
  });

  test("with a damaged picture is refused, and the picture named", async () => {
    const files = [file("train/cat/1.png", png), file("train/dog/broken.png", png.subarray(0, 60)), file("test/cat/1.png", png)];
    await expect(imageSet(files, 8)).rejects.toThrow(/broken\.png/);
  });

  test("can be made smaller, evenly", () => {
    expect([...some(coloured(10), 4).labels]).toEqual([0, 0, 1, 1]); // pictures 0, 2, 5, 7
    expect((some(coloured(10), 4).images.data as Uint8Array)[192]).toBe(2);
    expect(() => some(coloured(10), 11)).toThrow(/11 of 10/);
  });
});

describe("batches to train with", () => {
  const pictures = coloured(20);
  const normalisation = normalisationOf(pictures);

  test("have mean 0 and deviation 1 before they are varied", async () => {
    const [batch] = await all(plainBatches(pictures, normalisation, 20));
    const red = (await values(batch![0])).filter((_, i) => i % 3 === 0);
    expect(red.reduce((a, b) => a + b, 0) / red.length).toBeCloseTo(0, 4);
    expect(red.reduce((a, b) => a + b * b, 0) / red.length).toBeCloseTo(1, 4);
    expect(await batch![1].tolist()).toEqual([...pictures.labels]);
  });

  test("hold every picture once an epoch, in another order and another variation in each, and the same for the same epoch", async () => {
    const make = () => trainingBatches(pictures, normalisation, 5, 1);
    const epoch = async (n: number) => (await Promise.all((await all(make().iterate({ epoch: n }))).map(([x]) => values(x)))).flat();
    const redOf = (numbers: readonly number[]) =>
      Array.from({ length: 20 }, (_, i) => Math.max(...numbers.slice(i * 192, (i + 1) * 192).filter((_, j) => j % 3 === 0)));
    const [first, again, second] = [await epoch(3), await epoch(3), await epoch(4)];
    expect(first).toEqual(again);
    expect(redOf(first)).not.toEqual(redOf(second));
    // What was shifted in from outside is 0, so that dark pictures (red below the mean) show 0 at their brightest.
    const bright = (list: number[]) => list.filter((v) => v > 0.01).sort();
    expect(bright(redOf(first))).toEqual(bright(redOf(second)));
    expect(bright(redOf(first))).toHaveLength(10);
  });
});

describe("training", () => {
  const set: ImageSet = { train: coloured(20), test: coloured(4), classes: ["even", "odd"] };
  const config = configOf("resnet20", { classes: 2, imageSize: 8 });
  const run = (options: Parameters<typeof train>[2], c = config) => train(set, c, options).next();
  test("with too few pictures for a batch, or for other classes, is refused with a sentence", async () => {
    await expect(run({ batchSize: 32 })).rejects.toThrow(/20 pictures do not fill a batch of 32/);
    await expect(run({ batchSize: 4 }, configOf("resnet20"))).rejects.toThrow(/tells 10 classes, the pictures have 2/);
    for (const recipe of ["fast", "paper"] as const)
      await expect(run({ batchSize: 10, epochs: 1, recipe })).rejects.toThrow(
        /^train: 1 × 2 batches of 10 are 2 steps, .* needs 4 .*Give more epochs or a smaller batch$/,
      );
  });
});
