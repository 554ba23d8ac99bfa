import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "@gradus/data";
import { loadSafetensorsFile, saveSafetensors } from "@gradus/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { fidelity } from "../fidelity.ts";
import {
  captionOf,
  Detector,
  diversity,
  evaluate,
  heldOut,
  judge,
  judgeGroups,
  loadSceneParts,
  loadScenes,
  overall,
  type Parts,
  parseCaption,
  pictureOf,
  type SceneTrainingEvent,
  type Seen,
  type SeenThing,
  scene,
  sceneModel,
  scenesConfig,
  sumOf,
  type TrainedScenes,
  trainScenes,
  WordTokenizer,
  words,
} from "../scenes/index.ts";

const weights = (name: string) => fileURLToPath(new URL(`../scenes/weights/${name}`, import.meta.url));
const detector = await Detector.load(weights("detector.safetensors"));
const many = (part: Parameters<typeof scene>[1], count: number, seed = 4) => Array.from({ length: count }, (_, i) => scene(seed, part, i));

const isKept = (g: Pick<SeenThing, "colour" | "shape">): boolean =>
  heldOut.some(([colour, shape]) => g.colour === colour && g.shape === shape);

describe("captions", () => {
  test("say what they were made from, in words of the vocabulary, at most fourteen", () => {
    for (const part of ["training", "unseen", "held-out"] as const)
      for (const { caption, statement } of many(part, 300)) {
        expect(parseCaption(caption)).toEqual({ ...statement });
        const said = caption.split(" ");
        expect(said.length).toBeLessThanOrEqual(14);
        expect(said.filter((w) => !words.includes(w))).toEqual([]);
      }
  });

  test.each([
    ["A red triangle, above a blue square.", "a red triangle above a blue square"],
    ["two small red triangles to the left of a blue circle", "two small red triangles left of a blue circle"],
    ["3 Purple Crosses on a gray background", "three purple crosses on a grey background"],
    ["an orange ring at the top left", "an orange ring at the top left"],
  ])("%s is understood", (said, meant) => {
    expect(captionOf(parseCaption(said)!)).toBe(meant);
  });

  test.each(["a red", "two red circle", "a red circle above", "five red circles", "a red circle in the kitchen", ""])(
    "%j is none",
    (caption) => {
      expect(parseCaption(caption)).toBeNull();
    },
  );

  test("that training has are not among the unseen, and held-out kinds are in every held-out scene and in no other", () => {
    const of = (part: Parameters<typeof scene>[1]) => many(part, 1500);
    const [training, unseen] = [of("training"), of("unseen")];
    const known = new Set(training.map((s) => s.caption));
    expect(unseen.filter((s) => known.has(s.caption))).toEqual([]);
    const hasKept = ({ statement }: (typeof training)[number]) => statement.groups.some(isKept);
    expect([...training, ...unseen].filter(hasKept)).toEqual([]);
    expect(of("held-out").every(hasKept)).toBe(true);
  });
});

describe("the tokenizer", () => {
  const tokenizer = new WordTokenizer();
  test("gives each word a number, ends, fills up, and tells what it leaves out", () => {
    const { ids, cut } = tokenizer.encode("a red dog above a blue square");
    expect(cut).toBe("dog");
    expect(ids).toHaveLength(tokenizer.context);
    expect(Array.from(ids).filter((id) => id > 1)).toHaveLength(6);
    expect(ids[6]).toBe(1);
    expect(Array.from(ids.subarray(7))).toEqual(new Array(tokenizer.context - 7).fill(0));
    expect(tokenizer.encode("a red circle and a blue square and a green ring and a red cross above").cut).toBe("cross above");
    // In the prompt's order, whatever the reason.
    expect(tokenizer.encode("a red dog circle and a blue square and a green ring and a red cross above please").cut).toBe(
      "dog cross above please",
    );
    expect(Array.from(tokenizer.encode("").ids)).toEqual(new Array(tokenizer.context).fill(0));
  });
  test("refuses a prompt of which it knows no word, and says which it knows", () => {
    expect(() => tokenizer.encode("Katze")).toThrow(/knows no word of "Katze".*triangle/s);
  });
});

describe("the judge", () => {
  const thing = (
    colour: SeenThing["colour"],
    shape: SeenThing["shape"],
    x: number,
    y: number,
    size: SeenThing["size"] = "small",
  ): SeenThing => ({
    ...{ colour, shape, size, x, y, radius: size === "small" ? 5 : 9 },
  });
  const verdict = (caption: string, things: SeenThing[], ground: Seen["ground"] = "white") => {
    const v = judge(parseCaption(caption)!, { ground, things });
    return Object.fromEntries(Object.entries(v).map(([name, { right, said }]) => [name, `${right}/${said}`]));
  };

  test("finds a picture right that shows what the caption says", () => {
    expect(
      verdict("two small red triangles left of a large blue circle on a white background", [
        thing("red", "triangle", 10, 10),
        thing("red", "triangle", 12, 40),
        thing("blue", "circle", 50, 30, "large"),
      ]),
    ).toEqual({ colour: "2/2", shape: "2/2", size: "2/2", count: "2/2", position: "1/1", ground: "1/1" });
  });

  test.each([
    ["colour", [thing("green", "triangle", 10, 10), thing("blue", "circle", 50, 30)], { colour: "1/2" }],
    ["shape", [thing("red", "square", 10, 10), thing("blue", "circle", 50, 30)], { shape: "1/2" }],
    ["number", [thing("red", "triangle", 10, 10), thing("red", "triangle", 10, 40), thing("blue", "circle", 50, 30)], { count: "1/2" }],
    ["place", [thing("red", "triangle", 50, 10), thing("blue", "circle", 10, 30)], { position: "0/1" }],
    ["thing that is missing", [thing("blue", "circle", 50, 30)], { colour: "1/2", shape: "1/2", count: "1/2", position: "0/1" }],
    [
      "thing too many",
      [thing("red", "triangle", 10, 10), thing("blue", "circle", 50, 30), thing("yellow", "ring", 30, 60)],
      { colour: "1/2", shape: "1/2", count: "1/2" },
    ],
  ])("sees a wrong %s", (_, things, wrong) => {
    const right = { colour: "2/2", shape: "2/2", size: "0/0", count: "2/2", position: "1/1", ground: "0/0" };
    expect(verdict("a red triangle left of a blue circle", things as SeenThing[])).toEqual({ ...right, ...(wrong as object) });
  });

  test("tells of each group alone what is right of it", () => {
    const caption = parseCaption("two large red triangles left of a blue circle on a white background")!;
    const seen: Seen = { ground: "grey", things: [thing("red", "triangle", 10, 10, "large"), thing("green", "circle", 50, 30)] };
    const told = judgeGroups(caption, seen).map((v) => Object.values(v).map(({ right, said }) => `${right}/${said}`));
    expect(told).toEqual([
      ["1/1", "1/1", "1/1", "0/1", "0/0", "0/0"],
      ["0/1", "1/1", "0/0", "1/1", "0/0", "0/0"],
    ]);
  });

  test("sees a wrong size and ground", () => {
    expect(verdict("a large red ring on a black background", [thing("red", "ring", 30, 30, "small")], "grey")).toMatchObject({
      size: "0/1",
      ground: "0/1",
    });
  });

  test.each(["training", "held-out"] as const)("and the detector find real scenes right: %s", async (part) => {
    const scenes = many(part, 150, 9);
    const seen = await detector.look(scenes.map((s) => s.picture));
    expect(overall(sumOf(scenes.map((s, i) => judge(s.statement, seen[i]!))))).toBeGreaterThan(0.98);
  });

  test("finds scenes wrong that were painted for other captions", async () => {
    const scenes = many("unseen", 60, 9);
    const seen = await detector.look(scenes.map((s) => s.picture));
    expect(overall(sumOf(scenes.map((s, i) => judge(s.statement, seen[(i + 1) % 60]!))))).toBeLessThan(0.5);
  });
});

describe("fidelity", () => {
  const normal = (count: number, mean: number, deviation: number, seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: count }, () => Float32Array.from({ length: 3 }, () => random.normal(mean, deviation)));
  };

  test("of a set with itself is perfect", async () => {
    const set = normal(50, 0, 1, 1);
    const { frechet, precision, recall } = await fidelity(set, set);
    expect(frechet).toBeCloseTo(0, 6);
    expect([precision, recall]).toEqual([1, 1]);
  });

  test("tells normal distributions apart as the formula says: means by 2, deviations 1 and 3, in three dimensions", async () => {
    const { frechet } = await fidelity(normal(4000, 0, 1, 1), normal(4000, 2, 3, 2));
    // 3 · (2² + (3 - 1)²)
    expect(Math.abs(frechet - 24)).toBeLessThan(1.5);
  });

  test("has no precision where nothing is near, and little recall where only one kind is made", async () => {
    const real = [...normal(40, 0, 1, 1), ...normal(40, 50, 1, 2)];
    expect(await fidelity(real, normal(40, 200, 1, 3))).toMatchObject({ precision: 0, recall: 0 });
    const { precision, recall } = await fidelity(real, normal(40, 0, 1, 4));
    expect(precision).toBeGreaterThan(0.7);
    expect(recall).toBeLessThan(0.51);
  });
});

describe("training", () => {
  const folder = join(tmpdir(), `gradus-diffusion-${process.pid}`);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const { unet, autoencoder } = scenesConfig;
  const config = {
    ...{ ...scenesConfig, unet: { ...unet, channels: [16, 16], attention: [false, true] } },
    autoencoder: { ...autoencoder, channels: [8, 8, 8] },
  };
  const options = { config, autoencoderSteps: 2, sketchSteps: 2, steps: 4, scenes: 16, batchSize: 8, seed: 3 };
  type Run<L> = AsyncGenerator<SceneTrainingEvent, TrainedScenes<L>>;
  /** Trains to the end; `told` gets the last step that each part told of, and how many it has. */
  const finish = async <L>(run: Run<L>, told: Record<string, readonly [number, number]> = {}): Promise<TrainedScenes<L>> => {
    for (;;) {
      const { value, done } = await run.next();
      if (done) return value;
      told[value.part] = [value.step, value.steps];
    }
  };
  const numbers = async ({ unet, text, autoencoder }: Parts) =>
    Promise.all([unet, text, autoencoder].flatMap((n) => n.weights.slice(0, 6).map(async (w) => Array.from(await w.data(), Number))));

  test("teaches words and sketch before the denoiser, only what is new, and depends on its seed alone", async () => {
    const [all, rest] = [{}, {}];
    const [one, two] = [await finish(trainScenes(options), all), await finish(trainScenes(options))];
    expect(await numbers(one)).toEqual(await numbers(two));
    expect(one.losses.denoiser.every((l) => l > 0 && Number.isFinite(l))).toBe(true);
    expect(one.config.autoencoder.scalingFactor).toBeGreaterThan(0);
    expect(all).toEqual({ autoencoder: [2, 2], latents: [16, 16], sketch: [2, 2], denoiser: [4, 4] });
    await finish(trainScenes({ ...options, from: one }), rest);
    expect(Object.keys(rest)).toEqual(["latents", "denoiser"]);
  });

  test("does as many steps as asked, whatever the scenes and their batches are", async () => {
    const steps: number[] = [];
    const told = {};
    const look = async (_: unknown, at: { readonly step: number; readonly steps: number }) => {
      expect(at.steps).toBe(5);
      steps.push(at.step);
    };
    await finish(trainScenes({ ...options, autoencoderSteps: 3, sketchSteps: 3, steps: 5, scenes: 7, batchSize: 3, look }), told);
    expect(told).toEqual({ autoencoder: [3, 3], latents: [7, 7], sketch: [3, 3], denoiser: [5, 5] });
    expect(steps).toEqual([2, 4, 5]);
  });

  test("that was stopped keeps what was thought of it before, and the time that it took", async () => {
    mkdirSync(folder);
    const keep = join(folder, "run");
    const more = {
      ...{ ...options, steps: 6 },
      look: async (_: unknown, { step, loss }: { readonly step: number; readonly loss: number }) => ({ step, loss }),
    };
    const whole = await finish(trainScenes(more));
    for await (const { part, step } of trainScenes({ ...more, keep })) if (part === "denoiser" && step >= 3) break;
    for (const part of ["autoencoder", "sketch", "denoiser"]) {
      const { tensors, metadata } = await loadSafetensorsFile(`${keep}.${part}`);
      await saveSafetensors(`${keep}.${part}`, tensors, { run: JSON.stringify({ ...JSON.parse(metadata["run"]!), seconds: 1000 }) });
    }
    const resumed = await finish(trainScenes({ ...more, keep }));
    expect(await numbers(resumed)).toEqual(await numbers(whole));
    expect(resumed.looks).toEqual(whole.looks);
    expect(resumed.looks.map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(resumed.losses).toEqual(whole.losses);
    expect(resumed.seconds).toBeGreaterThan(3000);
  });

  test.each([
    [{ steps: 0 }, /steps is 0/],
    [{ sketchSteps: 1.5 }, /sketchSteps is 1.5/],
    [{ scenes: 4 }, /4 scenes for batches of 8/],
    [{ rate: -1 }, /rate is -1/],
    [{ snrLeast: 6 }, /snrLeast is 6/],
    [{ scenes: 2e9 }, /the latents of 2000000000 scenes take more than 2 GB of memory. Give at most 524288 scenes/],
  ])("refuses %j", async (wrong, message) => {
    await expect(finish(trainScenes({ ...options, ...wrong }))).rejects.toThrow(message);
  });
});

describe("the model that comes with Gradus", () => {
  const description = readFileSync(weights("scenes.json"), "utf8");

  const model = loadScenes(description, weights("scenes.safetensors"));

  test.each([
    ["what unseen captions say", "unseen", 24],
    ["kinds of things that it has never seen", "held-out", 16],
  ] as const)("draws %s, for the most part", async (_, part, captions) => {
    const { judged } = await evaluate(await model, detector, part, { captions, seed: 11 });
    expect(judged.right).toBeGreaterThan(0.8);
    expect(judged.heldOutKinds === null).toBe(part === "unseen");
  });

  test("is told what it makes of held-out kinds alone", async () => {
    const { judged } = await evaluate(await model, detector, "held-out", { captions: 6, steps: 4 });
    const { right, attributes } = judged.heldOutKinds!;
    // One group of each caption has such a kind.
    const own = many("held-out", 6, 1).map((s) => s.statement.groups.find(isKept)!);
    const said = { colour: 6, shape: 6, size: own.filter((g) => g.size !== null).length, count: 6, position: 0, ground: 0 };
    expect(Object.fromEntries(Object.entries(attributes).map(([name, share]) => [name, share.said]))).toEqual(said);
    expect(judged.attributes.colour.said).toBeGreaterThan(6);
    expect(right).toBe(overall(attributes));
  });

  test("draws a caption in many ways; one that always draws the same has no diversity", async () => {
    const few = { captions: 2, steps: 6 };
    const varied = await diversity(await model, detector, few);
    expect(varied).toBeGreaterThan(0.5);
    expect(varied).toBeLessThan(1.5);
    const parts = await loadSceneParts(description, weights("scenes.safetensors"));
    for (const weight of parts.autoencoder.weights) weight.assign(weight.mul(0));
    expect(await diversity(sceneModel(parts), detector, few)).toBe(0);
  });

  test("takes less than 8 MB", () => {
    const size = (name: string) => (existsSync(weights(name)) ? readFileSync(weights(name)).length : Infinity);
    expect(size("scenes.safetensors") + size("detector.safetensors")).toBeLessThan(8e6);
  });

  test.each([
    ["{}", /does not describe a model of scenes/],
    ["nonsense", /does not describe/],
    [JSON.stringify({ config: { ...scenesConfig, text: { ...scenesConfig.text, vocabulary: 9 } } }), /knows 9 words/],
    [JSON.stringify({ config: { ...scenesConfig, unet: { ...scenesConfig.unet, channels: [16, 32, 64] } } }), /is \[/],
  ])("is refused with another description, %#", async (text, message) => {
    await expect(loadSceneParts(text, weights("scenes.safetensors"), "weights.json")).rejects.toThrow(message);
  });
});

test("pictures of one statement differ, all as it says", async () => {
  const statement = parseCaption("two large red rings above a small blue square")!;
  const random = new Random(5);
  const pictures = Array.from({ length: 30 }, () => pictureOf(statement, random)).filter((p) => p !== null);
  expect(pictures.length).toBeGreaterThan(20);
  const seen = await detector.look(pictures);
  expect(overall(sumOf(seen.map((s) => judge(statement, s))))).toBeGreaterThan(0.97);
  expect(new Set(seen.map((s) => Math.round(s.things[0]!.x))).size).toBeGreaterThan(8);
});
