import { encodePng, type FileEntry, fashionMnistClasses } from "@gradus/data";
import { describe, expect, test } from "vitest";
import { imageSet } from "../image-set.ts";

const file = (name: string, bytes: Uint8Array): FileEntry => ({
  name,
  size: bytes.length,
  read: async () => bytes as Uint8Array<ArrayBuffer>,
});
const png = (size: number, colour: readonly [number, number, number], width = size) =>
  encodePng({ dtype: "uint8", shape: [size, width, 3], data: Uint8Array.from({ length: size * width * 3 }, (_, i) => colour[i % 3]!) });
const [red, grey, large, wide] = await Promise.all([png(8, [200, 0, 0]), png(8, [7, 7, 7]), png(12, [200, 0, 0]), png(8, [200, 0, 0], 12)]);
const folder = (names: readonly string[], bytes: Uint8Array = red!) => names.map((name) => file(name, bytes));
const numbered = (start: string, count: number) => Array.from({ length: count }, (_, i) => `${start}/${i}.png`);

/** An IDX file of bytes. */
function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, 8, shape.length]);
  for (const [axis, n] of shape.entries()) view.setUint32(4 + 4 * axis, n);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}
const mnist = (labels: readonly number[], side = 4): FileEntry[] =>
  ["train", "t10k"].flatMap((part) => [
    file(`data/${part}-images-idx3-ubyte`, idx([labels.length, side, side], new Uint8Array(labels.length * side * side).fill(5))),
    file(`data/${part}-labels-idx1-ubyte`, idx([labels.length], Uint8Array.from(labels))),
  ]);

describe("a set of pictures", () => {
  test("keeps a share of each folder for testing where there is no folder for it", async () => {
    const set = await imageSet(folder([...numbered("cat", 20), ...numbered("dog", 10)]), { keptForTest: 0.1 });
    expect(set.classes).toEqual(["cat", "dog"]);
    expect([...set.test.labels]).toEqual([0, 0, 1]);
    expect(set.train.images.shape).toEqual([27, 8, 8, 3]);
  });

  test("needs no classes where none are asked for", async () => {
    const set = await imageSet(folder(numbered("photographs", 10)), { keptForTest: 0.2, labelled: false });
    expect(set.classes).toEqual([]);
    expect([set.train.labels.length, set.test.labels.length]).toEqual([8, 2]);
    const mixed = await imageSet(folder(["train/a/1.png", "test/b/1.png"]), { keptForTest: 0.2, labelled: false });
    expect([mixed.train.labels.length, mixed.test.labels.length]).toEqual([1, 1]);
  });

  test("has one channel where no picture has colours, but three where these are asked for", async () => {
    const names = ["train/a/1.png", "train/b/1.png", "test/a/1.png"];
    const { train, test: rest } = await imageSet(folder(names, grey!));
    expect([train.images.shape, rest.images.shape]).toEqual([
      [2, 8, 8, 1],
      [1, 8, 8, 1],
    ]);
    expect(new Set(train.images.data as Uint8Array)).toEqual(new Set([7]));
    expect((await imageSet(folder(names, grey!), { channels: 3 })).train.images.shape).toEqual([2, 8, 8, 3]);
    const one = [...folder(names.slice(0, 2), grey!), file(names[2]!, red!)];
    expect((await imageSet(one)).train.images.shape).toEqual([2, 8, 8, 3]);
  });

  test("with a damaged file of CIFAR-10 or MNIST is refused, and the file named", async () => {
    const cifar = ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"].map((name) => file(`cifar/${name}`, new Uint8Array(3073)));
    await expect(imageSet([...cifar.slice(0, 2), file("cifar/test_batch.bin", new Uint8Array(3000))])).rejects.toThrow(
      /^cifar\/test_batch\.bin: readCifar: 3000 bytes/,
    );
    const broken = mnist([1, 2]).map((f) => (f.name.endsWith("t10k-images-idx3-ubyte") ? file(f.name, new Uint8Array(9)) : f));
    await expect(imageSet(broken)).rejects.toThrow(/^data\/t10k-images-idx3-ubyte: /);
  });

  test("is read from IDX files as MNIST's, the classes being numbers", async () => {
    const set = await imageSet(mnist([0, 1, 2, 1]));
    expect(set.classes).toEqual(["0", "1", "2"]);
    expect(set.train.images.shape).toEqual([4, 4, 4, 1]);
    expect([...set.test.labels]).toEqual([0, 1, 2, 1]);
    expect((await imageSet(mnist([0, 1]), { size: 8, channels: 3 })).train.images).toMatchObject({
      shape: [2, 8, 8, 3],
      data: new Uint8Array(384).fill(5),
    });
  });

  test("names Fashion-MNIST's classes only where the labels are its", async () => {
    expect(fashionMnistClasses).toHaveLength(10);
    expect((await imageSet(mnist([9, 0, 0, 3]))).classes).toHaveLength(10);
    expect((await imageSet(mnist([9, 0, 0, 3]))).classes).not.toEqual(fashionMnistClasses);
  });

  test.each([
    ["no file", [], /no picture among 0 files.*a folder a class/s],
    ["no picture", folder(["a/notes.txt", "b.csv"]), /no picture among 2 files/],
    ["one class", folder(numbered("cat", 20)), /one class only, "cat"/],
    [
      "two sizes",
      [...folder(numbered("cat", 4)), file("dog/1.png", large!), file("dog/2.png", large!)],
      /dog\/\d\.png has 12 × 12.*8 × 8.*Give a size/,
    ],
    [
      "pictures that are no squares",
      folder([...numbered("cat", 9), ...numbered("dog", 9)], wide!),
      /cat\/0\.png has 12 × 8 pixels, squares/,
    ],
    [
      "test pictures of another size",
      [...folder(["train/a/1.png", "train/b/1.png"]), file("test/a/1.png", large!)],
      /training pictures have 8.*test pictures 12/,
    ],
    ["labels of another set", [...mnist([0, 1]).slice(0, 1), ...mnist([0, 1, 2]).slice(1)], /2 train pictures and 3 labels/],
    ["labels missing", mnist([0, 1]).slice(0, 3), /no t10k-labels-idx1-ubyte/],
  ] as const)("of %s is refused with a sentence", async (_, files, message) => {
    await expect(imageSet(files, { keptForTest: 0.2 })).rejects.toThrow(message);
  });

  test("of other sizes is brought to one that is asked for", async () => {
    const files = [...folder(numbered("cat", 4)), file("dog/1.png", large!), file("dog/2.png", wide!)];
    expect((await imageSet(files, { keptForTest: 0.5, size: 6 })).train.images.shape).toEqual([3, 6, 6, 3]);
  });

  test("has the classes of the folders in train and test, however deep pictures lie there, and passes over what macOS adds", async () => {
    const names = ["train/cat/images/1.png", "train/cat/2.png", "train/dog/a/b/1.png", "test/dog/1.png", "train/cat/._1.png"];
    const set = await imageSet([...folder(names.slice(0, 4)), file(names[4]!, Uint8Array.of(0, 5, 22, 7))]);
    expect(set.classes).toEqual(["cat", "dog"]);
    expect([...set.train.labels]).toEqual([0, 0, 1]);
    expect([...set.test.labels]).toEqual([1]);
  });

  test("with a picture outside of its classes' folders is refused, and the picture named", async () => {
    const classes = ["train/a/1.png", "train/b/1.png", "test/a/1.png"];
    for (const name of ["train/overview.png", "test/overview.png"])
      await expect(imageSet(folder([...classes, name]))).rejects.toThrow(new RegExp(`${name} lies in no folder of a class`));
    await expect(imageSet(folder([...numbered("cat", 4), ...numbered("dog", 4), "1.png"]), { keptForTest: 0.2 })).rejects.toThrow(
      / 1\.png lies in no folder of a class/,
    );
  });

  test("that would fill the memory is refused", async () => {
    await expect(imageSet(folder(["train/a/1.png", "train/b/1.png", "test/a/1.png"]), { size: 1e6 })).rejects.toThrow(
      /2 pictures of 1000000 × 1000000 pixels take 5587\.9 GiB\. Give fewer/,
    );
    await expect(imageSet(mnist([0, 1]), { size: 40_000 })).rejects.toThrow(/2 pictures of 40000 × 40000.*2 GiB/);
  });
});
