import { compile, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  CategoryEncoding,
  CenterCrop,
  Discretization,
  Normalization,
  RandomBrightness,
  RandomContrast,
  RandomCrop,
  RandomFlip,
  RandomRotation,
  RandomTranslation,
  RandomZoom,
  Rescaling,
  Resizing,
} from "../../src/index.ts";
import { checkLayer, expectClose, numbers } from "../check.ts";

const float64 = { dtype: "float64" } as const;
const training = { training: true };
/** An image made by a function of row, column and channel; [1, height, width, channels]. */
const image = (height: number, width: number, f: (y: number, x: number, c: number) => number, channels = 1): Tensor =>
  tensor(
    Float64Array.from({ length: height * width * channels }, (_, i) =>
      f(Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels),
    ),
  ).reshape([1, height, width, channels]);

describe("fixed changes", () => {
  test("Rescaling", () => {
    const x = numbers([2, 3, 3, 2]);
    checkLayer(new Rescaling(2, { ...float64, offset: -1 }), { inputs: [x], expected: x.mul(2).sub(1), params: 0 });
    const bytes = tensor([0, 51, 255]).astype("uint8");
    expectClose(new Rescaling(1 / 255)(bytes).astype("float64"), { shape: [3], data: [0, 0.2, 1] }, 1e-6);
  });
  test("Normalization learns mean and variance from data, and inverts", () => {
    const data = numbers([50, 3])
      .mul(tensor([1, 10, 100]).astype("float64"))
      .add(7);
    const layer = new Normalization(float64);
    layer.adapt(data);
    const y = layer(data);
    expectClose(y.mean({ axis: 0 }), { shape: [3], data: [0, 0, 0] });
    expectClose(y.var({ axis: 0 }), { shape: [3], data: [1, 1, 1] });
    checkLayer(layer, { inputs: [data.get("0:4")], params: 6 });
    const inverse = new Normalization({ ...float64, invert: true });
    inverse.adapt(data);
    expectClose(inverse(y), data);
    checkLayer(new Normalization({ ...float64, mean: [1, 2, 3], variance: [4, 9, 16] }), {
      inputs: [tensor([[3, 5, -1]]).astype("float64")],
      expected: { shape: [1, 3], data: [1, 1, -1] },
      params: 0,
    });
    checkLayer(new Normalization({ ...float64, axis: null, mean: 1, variance: 4 }), {
      inputs: [tensor([[3, 5]]).astype("float64")],
      expected: { shape: [1, 2], data: [1, 2] },
    });
  });
  test("Resizing, also keeping the ratio of the sides", () => {
    const x = image(2, 4, (y, x) => 10 * y + x);
    checkLayer(new Resizing(1, 2, float64), { inputs: [x], expected: { shape: [1, 1, 2, 1], data: [5.5, 7.5] } });
    const cropped = new Resizing(2, 2, { ...float64, cropToAspectRatio: true });
    checkLayer(cropped, { inputs: [x], expected: { shape: [1, 2, 2, 1], data: [1, 2, 11, 12] } });
    const padded = new Resizing(4, 4, { ...float64, padToAspectRatio: true, fillValue: 9, interpolation: "nearest" });
    checkLayer(padded, { inputs: [x], expected: { shape: [1, 4, 4, 1], data: [9, 9, 9, 9, 0, 1, 2, 3, 10, 11, 12, 13, 9, 9, 9, 9] } });
    expect(new Resizing(3, 5)(numbers([4, 4, 2])).shape).toEqual([3, 5, 2]);
    checkLayer(new Resizing(3, 5, { ...float64, dataFormat: "channelsFirst", interpolation: "bicubic" }), {
      inputs: [numbers([2, 3, 4, 4])],
    });
  });
  test("CenterCrop cuts, and scales what is too small", () => {
    const x = image(4, 5, (y, x) => 10 * y + x);
    checkLayer(new CenterCrop(2, 3, float64), { inputs: [x], expected: { shape: [1, 2, 3, 1], data: [11, 12, 13, 21, 22, 23] } });
    expect(new CenterCrop(8, 2)(x).shape).toEqual([1, 8, 2, 1]);
  });
});

describe("random changes", () => {
  const x = numbers([3, 4, 5, 2]);
  const layers = [
    new RandomFlip("horizontal", float64),
    new RandomRotation(0.1, { ...float64, fillMode: "constant", fillValue: 3 }),
    new RandomZoom(0.2, { ...float64, widthFactor: [-0.1, 0.3] }),
    new RandomTranslation(0.2, [0, 0.1], float64),
    new RandomContrast(0.5, { ...float64, valueRange: [0, 1] }),
    new RandomBrightness([-0.1, 0.2], float64),
  ];
  for (const layer of layers)
    test(`${layer} leaves images alone outside of training, and draws anew in compiled programs`, () => {
      checkLayer(layer, { inputs: [x], expected: x, params: 0 });
      const big = numbers([8, 4, 5, 2]);
      const step = compile((t: Tensor) => layer(t, training));
      const [a, b] = [step(big), step(big)];
      expect(a.shape).toEqual(big.shape);
      expect([...a.dataSync()]).not.toEqual([...b.dataSync()]);
    });

  test("RandomFlip mirrors about half of the images", () => {
    const ramp = image(2, 3, (y, x) => 10 * y + x);
    const batch = ramp.broadcastTo([400, 2, 3, 1]);
    const kinds = (mode: "horizontal" | "vertical" | "horizontalAndVertical"): Map<string, number> => {
      const counts = new Map<string, number>();
      for (const one of new RandomFlip(mode, { seed: 1 })(batch, training).unstack()) {
        const key = [...one.dataSync()].join();
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      return counts;
    };
    expect([...kinds("horizontal").keys()].sort()).toEqual(["0,1,2,10,11,12", "2,1,0,12,11,10"]);
    expect([...kinds("vertical").keys()].sort()).toEqual(["0,1,2,10,11,12", "10,11,12,0,1,2"]);
    const both = [...kinds("horizontalAndVertical").values()];
    expect(both.length).toBe(4);
    expect(Math.min(...both)).toBeGreaterThan(60);
  });
  test("a quarter turn is counter-clockwise", () => {
    const x = image(3, 3, (y, x) => 3 * y + x);
    const y = new RandomRotation([0.25, 0.25], { ...float64, interpolation: "nearest" })(x, training);
    expectClose(y, { shape: [1, 3, 3, 1], data: [2, 5, 8, 1, 4, 7, 0, 3, 6] });
  });
  test("translations go down and right, by the way of filling", () => {
    const x = image(1, 4, (_, x) => x + 1);
    const moved = (fillMode: "reflect" | "wrap" | "constant" | "nearest"): number[] => [
      ...(new RandomTranslation(0, [0.5, 0.5], { ...float64, fillMode, fillValue: 9 })(x, training).dataSync() as Float64Array),
    ];
    expect(moved("reflect")).toEqual([2, 1, 1, 2]);
    expect(moved("wrap")).toEqual([3, 4, 1, 2]);
    expect(moved("constant")).toEqual([9, 9, 1, 2]);
    expect(moved("nearest")).toEqual([1, 1, 1, 2]);
    const down = new RandomTranslation([0.5, 0.5], 0, { ...float64, fillMode: "constant" })(x.reshape([1, 4, 1, 1]), training);
    expectClose(down, { shape: [1, 4, 1, 1], data: [0, 0, 1, 2] });
  });
  test("places between pixels are mixed of the four around, as plain loops do it", () => {
    const [height, width, zoom] = [5, 6, 1.3];
    const x = image(height, width, (y, x, c) => Math.sin(7 * y + 3 * x + c), 2);
    const pixel = (y: number, x1: number, c: number): number =>
      y < 0 || y >= height || x1 < 0 || x1 >= width ? -2 : Math.sin(7 * y + 3 * x1 + c);
    const expected = image(
      height,
      width,
      (row, column, c) => {
        const [y, x1] = [(row - 2) * zoom + 2, (column - 2.5) * zoom + 2.5];
        const [top, left] = [Math.floor(y), Math.floor(x1)];
        const across = (r: number) => pixel(r, left, c) * (1 - (x1 - left)) + pixel(r, left + 1, c) * (x1 - left);
        return across(top) * (1 - (y - top)) + across(top + 1) * (y - top);
      },
      2,
    );
    const layer = new RandomZoom([zoom - 1, zoom - 1], { ...float64, fillMode: "constant", fillValue: -2 });
    expectClose(layer(x, training), expected, 1e-5);
  });
  test("RandomCrop takes a part of the images in training, the middle otherwise", () => {
    const x = image(6, 7, (y, x) => 10 * y + x);
    const layer = new RandomCrop(2, 3, { ...float64, seed: 3 });
    checkLayer(layer, { inputs: [x], expected: { shape: [1, 2, 3, 1], data: [22, 23, 24, 32, 33, 34] } });
    const starts = new Set<number>();
    const step = compile((t: Tensor) => layer(t, training));
    for (let i = 0; i < 200; i++) {
      const values = [...step(x).dataSync()] as number[];
      const first = values[0]!;
      expect(values).toEqual([0, 1, 2, 10, 11, 12].map((d) => first + d));
      starts.add(first);
    }
    expect(starts.size).toBe(25);
  });
  test("RandomContrast and RandomBrightness stay within the range of values", () => {
    const x = image(2, 2, (y, x) => 50 * (2 * y + x));
    const contrast = new RandomContrast([0, 0], float64)(x, training);
    expectClose(contrast, x);
    const bright = new RandomBrightness([0.5, 0.5], float64)(x, training);
    expectClose(bright, { shape: [1, 2, 2, 1], data: [127.5, 177.5, 227.5, 255] });
    const seen = new RandomContrast(0.9, { ...float64, seed: 1 })(x.broadcastTo([50, 2, 2, 1]), training);
    expect(seen.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
    // (x - 75) · c + 75 for one c of each image
    const [a, b] = [seen.get(":", 0, 1, 0).sub(75), seen.get(":", 1, 0, 0).sub(75)];
    expectClose(a.add(b), { shape: [50], data: new Array(50).fill(0) });
  });
  test("bad arguments are named", () => {
    expect(() => new RandomRotation(2)).toThrow(/factor is 2/);
    expect(() => new RandomFlip("sideways" as "vertical")).toThrow(/mode is "sideways"/);
    expect(() => new RandomFlip()(numbers([2, 3]))).toThrow(/expects images.*\[2, 3\]/);
    expect(() => new RandomContrast(0.5, { valueRange: [1, 0] })).toThrow(/valueRange/);
  });
});

describe("encodings", () => {
  test("CategoryEncoding", () => {
    const ids = tensor([
      [0, 2, 2],
      [3, 1, 0],
    ]).astype("int32");
    const encoded = (outputMode: "multiHot" | "count" | "oneHot", x = ids): Tensor =>
      new CategoryEncoding(4, { outputMode })(x).astype("float64");
    expectClose(encoded("multiHot"), { shape: [2, 4], data: [1, 0, 1, 0, 1, 1, 0, 1] });
    expectClose(encoded("count"), { shape: [2, 4], data: [1, 0, 2, 0, 1, 1, 0, 1] });
    expectClose(encoded("oneHot", ids.get(":", "0:1")), { shape: [2, 4], data: [1, 0, 0, 0, 0, 0, 0, 1] });
    checkLayer(new CategoryEncoding(4), { inputs: [ids], params: 0 });
  });
  test("Discretization", async () => {
    const x = tensor([[-1.5, 1, 3.4, 0.5]]).astype("float32");
    const layer = new Discretization({ binBoundaries: [0, 1, 2] });
    checkLayer(layer, { inputs: [x], expected: { shape: [1, 4], data: [0, 2, 3, 1] } });
    const adapted = new Discretization({ numBins: 4, outputMode: "count" });
    expect(() => adapted(x)).toThrow(/adapt/);
    const data = tensor(Float32Array.from({ length: 100 }, (_, i) => i));
    await adapted.adapt(data);
    expectClose(adapted(data.reshape([1, 100])).astype("float64"), { shape: [1, 4], data: [25, 25, 25, 25] });
  });
});
