import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@gradus/data";
import { full, tensor } from "@gradus/tensor";
import { afterAll, describe, expect, test } from "vitest";
import type { DenoiserConfig } from "../denoiser.ts";
import {
  classOf,
  drawn,
  evaluatePictures,
  type ImageSet,
  loadPictureModel,
  networkNames,
  type PictureConfig,
  type PictureModel,
  type Pictures,
  type PictureTraining,
  pictureConfig,
  pictureModel,
  pictureModelBytes,
  type TrainedPictures,
  trainJudge,
  trainPictures,
} from "../pictures/index.ts";

const size = 8;
/** Grey pictures, dark with a light upper half (class "top") or a light lower half ("bottom"). */
function halves(count: number, seed: number): Pictures {
  const random = new Random(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const data = new Uint8Array(count * size * size);
  for (let i = 0; i < data.length; i++) {
    const [picture, row] = [Math.floor(i / (size * size)), Math.floor(i / size) % size];
    data[i] = (row < size / 2 ? 0 : 1) === labels[picture] ? 200 + random.integer(40) : 20 + random.integer(40);
  }
  return { images: { dtype: "uint8", shape: [count, size, size, 1], data }, labels };
}
const set: ImageSet = { train: halves(128, 1), test: halves(24, 2), classes: ["top", "bottom"] };
const unlabelled: ImageSet = { ...set, classes: [] };

/** The settings of the named network, and a small network in its place. */
function tiny(kind: "unet" | "dit", classes: readonly string[]): PictureConfig {
  const given = { inChannels: 1, outChannels: 1, ...(classes.length ? { classes: classes.length + 1 } : {}) };
  const network: DenoiserConfig =
    kind === "unet"
      ? {
          ...given,
          kind,
          channels: [16, 16],
          layersPerBlock: 1,
          attention: [false, false],
          midAttention: false,
          heads: 2,
          contextWidth: null,
          groups: 4,
        }
      : { ...given, kind, patch: 4, width: 32, layers: 2, heads: 2 };
  return { ...pictureConfig("unet", { size, channels: 1, classes }), network };
}

async function finish(from: ImageSet, config: PictureConfig, options: PictureTraining): Promise<TrainedPictures> {
  const run = trainPictures(from, config, { batchSize: 32, rate: 5e-3, ...options });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return value;
  }
}
const numbers = ({ network }: PictureModel) =>
  Promise.all(network.weights.slice(0, 5).map(async (w) => Array.from(await w.data(), Number)));
/** By how much the upper half is lighter than the lower one. */
const lightAbove = ({ data }: { readonly data: ArrayLike<number> }): number => {
  const half = (from: number) =>
    Array.from(data)
      .slice(from, from + data.length / 2)
      .reduce((a, b) => a + b, 0) /
    (data.length / 2);
  return half(0) - half(data.length / 2);
};

describe("training on pictures", () => {
  const folder = mkdtempSync(join(tmpdir(), "gradus-pictures-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(["unet", "dit"] as const)("teaches a %s what its classes look like, and the more guidance the clearer", async (kind) => {
    const { model, losses } = await finish(set, tiny(kind, set.classes), { steps: kind === "unet" ? 160 : 600, looks: 4 });
    expect(losses).toHaveLength(kind === "unet" ? 40 : 150); // a pass over 128 pictures has 4 steps
    expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
    const mean = async (asked: number, guidance: number) => {
      const pictures = await drawn(model, { classes: new Array<number>(6).fill(asked), steps: 10, guidance, seed: 3 });
      return pictures.map(lightAbove).reduce((a, b) => a + b, 0) / pictures.length;
    };
    expect(await mean(0, 2)).toBeGreaterThan(60);
    expect(await mean(1, 2)).toBeLessThan(-60);
    expect(await mean(0, 2)).toBeGreaterThan(await mean(0, 0.5));
  });

  test("depends on its seed alone, and goes on from a file to the same numbers", async () => {
    const config = tiny("unet", set.classes);
    const options = { steps: 8, looks: 4, seed: 5 };
    const whole = await finish(set, config, options);
    const keep = join(folder, "run.safetensors");
    const run = trainPictures(set, config, { batchSize: 32, rate: 5e-3, ...options, keep });
    for await (const { paused, step } of run) if (paused && step >= 4) break;
    expect(existsSync(keep)).toBe(true);
    const resumed = await finish(set, config, { ...options, keep });
    expect(await numbers(resumed.model)).toEqual(await numbers(whole.model));
    expect(resumed.losses).toEqual(whole.losses);
  });

  test.each([
    [6, 3, [2, 4, 6]],
    [7, 3, [2, 4, 6, 7]],
    [9, 1, [3, 6, 9]], // a pass over 128 pictures has 4 steps
  ])("does %i steps, and pauses at least %i times", async (asked, looks, expected) => {
    const pauses: number[] = [];
    const run = trainPictures(set, tiny("unet", set.classes), { steps: asked, looks, batchSize: 32 });
    for await (const { paused, step, steps, loss } of run) {
      expect(steps).toBe(asked);
      expect(loss).toBeGreaterThan(0);
      if (paused) pauses.push(step);
    }
    expect(pauses).toEqual(expected);
  });

  test.each([
    [{ steps: 0 }, /steps is 0/],
    [{ batchSize: 200 }, /128 pictures do not fill a batch of 200/],
    [{ rate: Number.NaN }, /rate is NaN/],
  ])("refuses %j", async (wrong, message) => {
    await expect(finish(set, tiny("unet", set.classes), wrong)).rejects.toThrow(message);
  });

  test("refuses pictures that a model is not for, and says what both are", async () => {
    await expect(finish(unlabelled, tiny("unet", set.classes), { steps: 2 })).rejects.toThrow(
      /pictures have 8 × 8 pixels, grey, no classes; the model is for 8 × 8 pixels, grey, the classes top, bottom/,
    );
  });
});

describe("drawing", async () => {
  const model = pictureModel(tiny("unet", set.classes));
  // Networks begin with giving zeros: then nothing would depend on anything.
  for (const [i, weight] of model.network.weights.entries()) {
    const random = new Random(7, i);
    weight.assign(tensor(Float32Array.from({ length: weight.size }, () => random.normal(0, 0.15))).reshape(weight.shape));
  }

  test("gives each picture what its seed and class give alone", async () => {
    const [, second] = await drawn(model, { classes: [0, 1, null], steps: 4, seed: 10 });
    const [alone] = await drawn(model, { classes: [1], steps: 4, seed: 11 });
    const apart = Array.from(second!.data, (v, i) => Math.abs(Number(v) - Number(alone!.data[i]!)));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    const [other] = await drawn(model, { classes: [0], steps: 4, seed: 11 });
    expect(other!.data).not.toEqual(alone!.data);
  });

  test("without guidance is what the class alone says; with, it goes from any class past it", async () => {
    // One step of DDIM is linear in what the network says.
    const start = { classes: [1], steps: 1, sampler: "ddim", seed: 4 } as const;
    const [plain, twice, any1] = await Promise.all([1, 2, 0].map(async (guidance) => (await drawn(model, { ...start, guidance }))[0]!));
    const inside = Array.from(plain!.data, (_, i) => i).filter((i) =>
      [plain, twice, any1].every((p) => Number(p!.data[i]) > 1 && Number(p!.data[i]) < 254),
    );
    expect(inside.length).toBeGreaterThan(4);
    for (const i of inside) {
      const [p, t, a] = [plain, twice, any1].map((picture) => Number(picture!.data[i])) as [number, number, number];
      expect(Math.abs(t - (a + 2 * (p - a)))).toBeLessThanOrEqual(3);
    }
  });

  test.each([
    [{ classes: [2] }, /no class 2.*knows 2/],
    [{ classes: [] }, /no classes/],
    [{ guidance: -1 }, /guidance is -1/],
    [{ guidance: 1e308 }, /guidance is 1e\+308/],
    [{ classes: new Array<null>(100_000).fill(null) }, /100000 pictures of 8 x 8 are too many together/],
    [{ seed: 0.5 }, /seed is 0.5/],
    [{ steps: 2000 }, /steps is 2000/],
  ])("refuses %j", async (wrong, message) => {
    await expect(drawn(model, wrong)).rejects.toThrow(message);
  });

  test("refuses weights that are not finite", async () => {
    const broken = pictureModel(tiny("unet", []));
    for (const weight of broken.network.weights) weight.assign(full(weight.shape, Number.NaN));
    await expect(drawn(broken, { steps: 1 })).rejects.toThrow(/not finite/);
  });
});

describe("classes by name", () => {
  const config = pictureConfig("unet", { size: 28, channels: 1, classes: ["T-shirt/top", "Trouser", "Shirt", "Sandal"] });
  test.each([
    ["trouser", 1],
    ["T-SHIRT/top", 0],
    ["t-shirt", 0],
    [" sandal ", 3],
    ["any", null],
  ])("%j is %s", (name, k) => {
    expect(classOf(config, name)).toBe(k);
  });
  test.each(["hat", "s", ""])("%j is refused, and those there are are listed", (name) => {
    expect(() => classOf(config, name)).toThrow(/there is no class ".*T-shirt\/top, Trouser, Shirt, Sandal, and any/);
  });
  test("are refused by a model that knows none", () => {
    expect(() => classOf({ ...config, classes: [] }, "hat")).toThrow(/knows no classes/);
  });
});

describe("a model's files", () => {
  test.each(["unet", "dit"] as const)("hold a %s, about a byte a weight, and give its pictures again", async (kind) => {
    const model = pictureModel(tiny(kind, set.classes));
    for (const [i, weight] of model.network.weights.entries()) {
      const random = new Random(9, i);
      weight.assign(tensor(Float32Array.from({ length: weight.size }, () => random.normal(0, 0.1))).reshape(weight.shape));
    }
    const description = JSON.stringify({ config: model.config });
    const loaded = await loadPictureModel(description, await pictureModelBytes(model));
    const [a, b] = [await drawn(model, { classes: [0], steps: 2 }), await drawn(loaded, { classes: [0], steps: 2 })];
    const off = Array.from(a[0]!.data, (v, i) => Math.abs(Number(v) - Number(b[0]!.data[i]!)));
    expect(off.reduce((x, y) => x + y, 0) / off.length).toBeLessThan(6);
  });

  test.each([
    ["nonsense", /does not describe a model of pictures/],
    [JSON.stringify({ config: { ...tiny("unet", []), classes: ["a", "b"] } }), /other channels or classes/],
    [JSON.stringify({ config: { ...tiny("unet", []), size: "8" } }), /config\.size "8": a whole number/],
    [JSON.stringify({ config: tiny("dit", []) }), /the weights lack x_embedder/],
  ])("are refused with another description, %#", async (description, message) => {
    const bytes = await pictureModelBytes(pictureModel(tiny("unet", [])));
    await expect(loadPictureModel(description, bytes, "weights.json")).rejects.toThrow(message);
  });
});

describe("the judge", () => {
  test("knows classes, and finds drawn pictures as far from real ones as they are", async () => {
    const judge = await trainJudge(set, { steps: 60, batchSize: 32 });
    expect([...(await judge.look(set.test.images)).classes]).toEqual([...set.test.labels]);
    const untrained = pictureModel(tiny("unet", set.classes));
    const { evaluation, drawn: pictures } = await evaluatePictures(untrained, judge, set, { pictures: 30, steps: 3 });
    expect(evaluation).toMatchObject({ pictures: 30, realRight: 1 });
    expect(pictures.filter((p) => p.asked === p.taken).length / 30).toBe(evaluation.right);
    expect(evaluation.real.frechet).toBeLessThan(0.2 * evaluation.fidelity.frechet);
    expect(evaluation.real.precision).toBeGreaterThan(evaluation.fidelity.precision);
  });

  test("without classes learns which way up pictures are", async () => {
    const judge = await trainJudge(unlabelled, { steps: 60, batchSize: 32 });
    expect(judge.knowsClasses).toBe(false);
    const { evaluation } = await evaluatePictures(pictureModel(tiny("unet", [])), judge, unlabelled, { pictures: 8, steps: 2 });
    expect(evaluation).toMatchObject({ right: null, realRight: null });
    expect(evaluation.real.frechet).toBeLessThan(evaluation.fidelity.frechet);
  });
});

test("networks by name are there for grey and coloured pictures, with classes and without", () => {
  for (const name of networkNames) {
    const { network } = pictureConfig(name, { size: 32, channels: 3, classes: ["a", "b"] });
    expect(network).toMatchObject({ inChannels: 3, outChannels: 3, classes: 3 });
    expect(pictureConfig(name, { size: 28, channels: 1, classes: [] }).network.classes).toBeUndefined();
  }
  expect(() => pictureConfig("gan", { size: 32, channels: 3, classes: [] })).toThrow(/no network "gan".*unet, .*dit/);
  expect(() => pictureConfig("dit", { size: 30, channels: 3, classes: [] })).toThrow(/patches of 4 × 4 pixels, pictures have 30 × 30/);
});
