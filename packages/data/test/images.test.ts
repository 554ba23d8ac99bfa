import { existsSync, readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { GradusError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  augment,
  centerCrop,
  crop,
  type DecodeOptions,
  decodeImage,
  encodePng,
  type FileEntry,
  flipLeftRight,
  flipUpDown,
  imageFiles,
  isImageName,
  normalizeImage,
  padImage,
  Random,
  type ResizeMethod,
  resizeImage,
  rotate90,
} from "../src/index.ts";
import { openArchive } from "../src/node/index.ts";

const shared = new URL("../../../../shared/data/", import.meta.url).pathname;
interface Golden {
  resized: { shape: [number, number]; size: [number, number]; method: ResizeMethod; rgb: string; grey: string }[];
  floats: { size: [number, number]; method: ResizeMethod; values: string }[];
  oriented: { size: [number, number]; file: string; rgb: string }[];
  files: ({ name: string; size: [number, number]; file: string } & Record<"1" | "3" | "4", string>)[];
}
const golden = JSON.parse(readFileSync(new URL("./images.golden.json", import.meta.url), "utf8")) as Golden;
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

/** The numbers of images.golden.py. */
function pixels(...shape: [number, number, number]): ArrayData {
  const data = new Uint8Array(shape[0] * shape[1] * shape[2]);
  let x = 12345n;
  for (let i = 0; i < data.length; i++) {
    x = (1103515245n * x + 12345n) % 2n ** 31n;
    data[i] = Number(x >> 23n);
  }
  return { shape, dtype: "uint8", data };
}
const small = (): ArrayData => ({ shape: [2, 3, 1], dtype: "uint8", data: Uint8Array.of(1, 2, 3, 4, 5, 6) });

test("resizing equals PIL's to the bit, for colour and grey, enlarging and shrinking, by every method", () => {
  for (const { shape, size, method, rgb, grey } of golden.resized) {
    const name = `${shape} to ${size}, ${method}`;
    expect(resizeImage(pixels(...shape, 3), size, { method }).data, name).toEqual(fromBase64(rgb));
    expect(resizeImage(pixels(...shape, 1), size, { method }).data, name).toEqual(fromBase64(grey));
  }
  const values = Float32Array.from(pixels(7, 9, 1).data, (v) => v / 16 - 3);
  for (const { size, method, values: wanted } of golden.floats)
    expect(resizeImage({ shape: [7, 9, 1], dtype: "float32", data: values }, size, { method }).data).toEqual(
      new Float32Array(fromBase64(wanted).buffer),
    );
});

describe("decoding", () => {
  test.each(golden.files)("$name has PIL's pixels in grey, RGB and RGBA", async ({ file, size, ...wanted }) => {
    for (const channels of [1, 3, 4] as const) {
      const image = await decodeImage(fromBase64(file), { channels });
      expect(image.shape).toEqual([...size, channels]);
      expect(image.data).toEqual(fromBase64(wanted[channels]));
    }
  });

  test("photographs are turned as their EXIF orientation says, all eight as PIL's exif_transpose, where that is asked for", async () => {
    expect(golden.oriented).toHaveLength(8);
    for (const { file, size, rgb } of golden.oriented) {
      const upright = await decodeImage(fromBase64(file), { orient: true });
      expect(upright.shape).toEqual([...size, 3]);
      expect(upright.data).toEqual(fromBase64(rgb));
      const asItLies = await decodeImage(fromBase64(file));
      expect(asItLies.shape).toEqual([11, 19, 3]);
      expect(asItLies.data).toEqual(fromBase64(golden.oriented[0]!.rgb));
    }
    const png = await encodePng(pixels(6, 7, 3));
    expect(await decodeImage(png, { orient: true })).toEqual(pixels(6, 7, 3));
  });

  test("a damaged EXIF segment costs no picture: its pixels come in one of the eight orientations", async () => {
    const uprights = golden.oriented.map((o) => o.rgb);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(7),
        fc.array(fc.record({ at: fc.nat(1000), value: fc.nat(255) }), { minLength: 1, maxLength: 6 }),
        async (which, changes) => {
          const file = fromBase64(golden.oriented[which]!.file);
          const segment = Buffer.from(file).indexOf("Exif");
          const length = new DataView(file.buffer).getUint16(segment - 2) - 2;
          for (const { at, value } of changes) file[segment + (at % length)] = value;
          const { data } = await decodeImage(file, { orient: true });
          expect(uprights).toContain(Buffer.from(data as Uint8Array).toString("base64"));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("interlaced PNG, of 16 bits and of 2", async () => {
    const image = pixels(11, 13, 1);
    const wide = await decodeImage(
      adam7(13, 11, 16, (x, y) => image.data[y * 13 + x]!),
      { channels: 1 },
    );
    expect(wide.data).toEqual(image.data);
    const narrow = await decodeImage(
      adam7(13, 11, 2, (x, y) => image.data[y * 13 + x]! >> 6),
      { channels: 1 },
    );
    expect(narrow.data).toEqual(image.data.map((v) => (v >> 6) * 85));
  });

  test("encodePng is undone by decodeImage", async () => {
    for (const channels of [1, 3, 4] as const) {
      const image = pixels(6, 7, channels);
      expect(await decodeImage(await encodePng(image), { channels })).toEqual(image);
    }
    await expect(encodePng(pixels(2, 2, 2))).rejects.toThrow(/1, 3 or 4/);
  });

  test("other files, huge claims and truncated files are refused", async () => {
    const [jpeg, png] = [golden.files[0]!, golden.files.at(-1)!].map((f) => fromBase64(f.file)) as [Uint8Array, Uint8Array];
    await expect(decodeImage(new Uint8Array(10))).rejects.toThrow(/neither/);
    const huge = png.slice();
    huge.set([0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff], 16);
    await expect(decodeImage(huge)).rejects.toThrow(/more than 67108864 pixels/);
    huge.set([0, 0, 0x1f, 0xff, 0, 0, 0x1f, 0xff], 16);
    await expect(decodeImage(huge)).rejects.toThrow(/claims \d+ bytes of pixels/);
    for (const file of [jpeg, png])
      for (const size of [5, 30, file.length >> 1, file.length - 20])
        await expect(decodeImage(file.slice(0, size))).rejects.toThrow(GradusError);
    await expect(decodeImage(jpeg, { maxPixels: 100 })).rejects.toThrow(/more than 100 pixels/);
    await expect(decodeImage(jpeg, { channels: 2 } as unknown as DecodeOptions)).rejects.toThrow(/1, 3 or 4/);
    expect((await decodeImage(jpeg)).shape).toEqual([21, 34, 3]); // the decoder survived all of them
  });

  test("damaged files give an image or a GradusError, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(golden.files.length - 1),
        fc.array(fc.record({ at: fc.nat(2000), value: fc.nat(255) }), { minLength: 1, maxLength: 5 }),
        async (which, changes) => {
          const file = fromBase64(golden.files[which]!.file);
          for (const { at, value } of changes) file[at % file.length] = value;
          await decodeImage(file).catch((error) => {
            if (!(error instanceof GradusError)) throw error;
          });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** An interlaced grey PNG. */
function adam7(width: number, height: number, depth: number, value: (x: number, y: number) => number): Uint8Array {
  const raw: number[] = [];
  for (const [x0, y0, dx, dy] of [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const) {
    // biome-ignore format: a table
    if (x0 >= width) continue;
    for (let y = y0; y < height; y += dy) {
      let bits = "";
      for (let x = x0; x < width; x += dx) bits += (depth === 16 ? value(x, y) * 257 : value(x, y)).toString(2).padStart(depth, "0");
      raw.push(0, ...(bits.match(/.{1,8}/g) ?? []).map((b) => Number.parseInt(b.padEnd(8, "0"), 2)));
    }
  }
  const chunk = (type: string, body: Uint8Array) => {
    const out = Buffer.alloc(12 + body.length);
    out.writeUInt32BE(body.length);
    out.write(type, 4, "latin1");
    out.set(body, 8);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([depth, 0, 0, 0, 1], 8);
  const parts = [
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.from(raw))),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

describe("geometry", () => {
  test("crops, frames, flips and turns", () => {
    expect(crop(small(), 0, 1, 2, 2).data).toEqual(Uint8Array.of(2, 3, 5, 6));
    expect(centerCrop(small(), 2, 1).data).toEqual(Uint8Array.of(2, 5));
    expect([...padImage(small(), 1, 9).data]).toEqual([9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9]);
    expect([...flipLeftRight(small()).data]).toEqual([3, 2, 1, 6, 5, 4]);
    expect([...flipUpDown(small()).data]).toEqual([4, 5, 6, 1, 2, 3]);
    expect(rotate90(small())).toEqual({ shape: [3, 2, 1], dtype: "uint8", data: Uint8Array.of(3, 6, 2, 5, 1, 4) }); // np.rot90
    expect(() => crop(small(), 1, 0, 2, 2)).toThrow(/no part of 2 x 3/);
    expect(() => flipUpDown({ ...small(), shape: [6] })).toThrow(/\[height, width, channels\]/);
  });

  test("normalizeImage gives (v / 255 - mean) / deviation by channel", () => {
    const { data, dtype } = normalizeImage(
      { shape: [1, 1, 3], dtype: "uint8", data: Uint8Array.of(0, 51, 255) },
      [0.5, 0.2, 0],
      [0.5, 1, 2],
    );
    expect([dtype, ...data]).toEqual(["float32", -1, expect.closeTo(0, 6), 0.5]);
  });

  test("augment varies with its random numbers, within what it promises", () => {
    const image = pixels(8, 8, 3);
    const all = { shift: 2, flip: true, flipVertically: true, brightness: 0.2, contrast: 0.2 };
    expect(augment(image, new Random(1), all)).toEqual(augment(image, new Random(1), all));
    expect(augment(image, new Random(1), all).data).not.toEqual(augment(image, new Random(2), all).data);
    expect(augment(image, new Random(1), {})).toBe(image);
    expect(augment(image, new Random(1), { resizedCrop: { size: [4, 6] } }).shape).toEqual([4, 6, 3]);
    const mean = (a: ArrayData) => [...a.data].reduce((x, y) => x + y, 0) / a.data.length;
    const ratios = Array.from({ length: 50 }, (_, i) => mean(augment(image, new Random(i), { brightness: 0.1 })) / mean(image));
    expect(Math.min(...ratios)).toBeGreaterThan(0.89);
    expect(Math.max(...ratios)).toBeLessThan(1.11);
  });
});

describe("image files", () => {
  const files = (): FileEntry[] =>
    ["cat/1.png", "dog/2.png", "dog/3.png", "notes.txt"].map((name, i) => ({
      name: `photos/${name}`,
      size: 0,
      read: async () => encodePng({ shape: [2 + i, 2, 3], dtype: "uint8", data: new Uint8Array((2 + i) * 6).fill(10 * i) }),
    }));

  test("become a data set with the classes of their folders", async () => {
    const { dataset, classes } = imageFiles(files(), { size: [2, 2] });
    expect(classes).toEqual(["cat", "dog"]);
    const [batch] = await dataset.batch(3).toArray();
    expect(batch!.image.shape).toEqual([3, 2, 2, 3]);
    expect([await batch!.label.tolist(), batch!.label.dtype, batch!.name[2]]).toEqual([[0, 1, 1], "int32", "photos/dog/3.png"]);
    const shuffled = await dataset.shuffle(3, { seed: 1 }).toArray();
    expect(shuffled.map((e) => e.label).sort()).toEqual([0, 1, 1]);
    expect((await imageFiles(files(), { classes: ["dog"] }).dataset.toArray()).map((e) => [e.label, e.image.shape])).toEqual([
      [0, [3, 2, 3]],
      [0, [4, 2, 3]],
    ]);
    expect(() => imageFiles(files().slice(3))).toThrow(/no .jpg or .png/);
  });

  test("may have their classes from elsewhere than their folders", () => {
    expect(imageFiles(files(), { classOf: (name) => name.split("/")[0]! }).classes).toEqual(["photos"]);
  });

  test("are told by their names, and what macOS puts beside them is none", () => {
    for (const name of ["a.jpg", "a/b.JPEG", "a/._b/c.png", ".a.png"]) expect(isImageName(name)).toBe(true);
    for (const name of ["a", "jpg", "a.jpg.txt", "a.png/b", "._a.jpg", "__MACOSX/a/._b.png"]) expect(isImageName(name)).toBe(false);
  });

  test("a damaged one is named", async () => {
    const broken = [{ name: "a/b.png", size: 3, read: async () => Uint8Array.of(1, 2, 3) }];
    await expect(imageFiles(broken).dataset.toArray()).rejects.toThrow(/a\/b\.png: .*neither/);
  });

  test.skipIf(!existsSync(shared))("animals and plants, CIFAR-10 (skipped where shared/data is missing)", async () => {
    const animals = imageFiles(await openArchive(`${shared}course/animals-and-plants.tar`));
    expect([animals.dataset.size, animals.classes.length]).toEqual([7455, 12]);
    const [batch] = await animals.dataset.shuffle(8000, { seed: 3 }).batch(64).take(1).toArray();
    expect(batch!.image.shape).toEqual([64, 96, 96, 3]);
    const cifar = await openArchive(`${shared}cifar10-jpeg.tar.gz`);
    const train = imageFiles(cifar.filter((f) => f.name.startsWith("train/")));
    expect([train.dataset.size, train.classes.length]).toEqual([50_000, 10]);
    const start = performance.now();
    const [first] = await train.dataset.batch(1000).take(1).toArray();
    console.log(`1000 images of CIFAR-10 decoded in ${(performance.now() - start).toFixed(0)} ms`);
    expect(first!.image.shape).toEqual([1000, 32, 32, 3]);
  });
});
