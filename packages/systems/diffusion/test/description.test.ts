import { GradusError } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { limits } from "../fields.ts";
import { Autoencoder, ClipTextEncoder, type DenoiserConfig, type StableDiffusionConfig, UNet } from "../index.ts";
import { loadPictureModel, type PictureConfig, pictureConfig, pictureModel, pictureModelBytes } from "../pictures/index.ts";
import { loadScenes, sceneBytes, scenesConfig } from "../scenes/index.ts";

type Path = readonly (string | number)[];
type Node = Record<string | number, unknown>;

/** Every place of a description, the objects and lists themselves among them. */
const pathsOf = (value: unknown, path: Path = []): Path[] => [
  ...(path.length ? [path] : []),
  ...(typeof value === "object" && value !== null ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key])) : []),
];

const gone = Symbol("gone");
/** What fits no field, whatever its type; null is as good as gone. */
const foreign: readonly unknown[] = [gone, null, "abc", "", {}, [], [[]], -1, -0.5, 1e12, 1e300, { toString: 1 }, "constructor"];

function changedAt(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Node) }) as Node;
  if (rest.length) copy[key!] = changedAt(copy[key!], rest, to);
  else if (to === gone) {
    if (Array.isArray(value)) (copy as unknown as unknown[]).splice(Number(key), 1);
    else delete copy[key!];
  } else copy[key!] = to;
  return copy;
}

/** Each change to a configuration is refused, or gives a model of the same configuration, as `same` tells: how often it was refused. */
async function refusals<C extends object>(
  config: C,
  load: (description: string) => Promise<{ readonly config: C }>,
  same: (config: C) => object,
): Promise<number> {
  let refused = 0;
  for (const path of pathsOf(config))
    for (const to of foreign) {
      const described = JSON.stringify({ config: changedAt(config, path, to) });
      try {
        const model = await load(described);
        expect({ path, ...same(model.config) }).toEqual({ path, ...same(config) });
      } catch (error) {
        if (!(error instanceof GradusError)) throw new Error(`${path.join(".")} as ${String(to)}: ${error}`, { cause: error });
        refused++;
      }
    }
  return refused;
}

const { unet, autoencoder, text } = scenesConfig;
const scenes: StableDiffusionConfig = {
  ...scenesConfig,
  text: { ...text, width: 16, layers: 1, heads: 2, hidden: 16 },
  unet: {
    ...{ ...unet, channels: [8, 8], attention: [false, true], midAttention: true, heads: [2, 2], groups: 4, contextWidth: 16 },
    sketch: { width: 8, heads: 2, layers: 1 },
  },
  autoencoder: { ...autoencoder, channels: [8, 8], groups: 4 },
  samplerOptions: { karras: false, spacing: "linspace" },
};

const networks: Readonly<Record<string, DenoiserConfig>> = {
  unet: {
    ...{ kind: "unet", inChannels: 1, outChannels: 1, classes: 3, channels: [8, 8], layersPerBlock: 1 },
    ...{ attention: [false, true], heads: 2, contextWidth: null, groups: 4 },
  },
  dit: { kind: "dit", inChannels: 1, outChannels: 1, classes: 3, patch: 2, width: 8, layers: 1, heads: 2, contextWidth: null },
};
const picturesWith = (network: DenoiserConfig): PictureConfig => ({
  ...{ ...pictureConfig("unet", { size: 8, channels: 1, classes: ["a", "b"] }), network },
});

describe("a description of which one field is gone, or of another kind, is refused at once or gives the same network:", () => {
  test("a model of scenes", async () => {
    const parts = {
      ...{ config: scenes, unet: new UNet(scenes.unet) },
      ...{ text: new ClipTextEncoder(scenes.text), autoencoder: new Autoencoder(scenes.autoencoder) },
    };
    const bytes = await sceneBytes(parts);
    await loadScenes(JSON.stringify({ config: scenes }), bytes);
    const refused = await refusals(
      scenes,
      (description) => loadScenes(description, bytes),
      // What may be left out has defaults.
      (c) => ({
        ...c,
        unet: { midAttention: true, ...c.unet },
        samplerOptions: { karras: false, spacing: "linspace", ...c.samplerOptions },
      }),
    );
    expect(refused).toBeGreaterThan(500);
  });

  test.each(["unet", "dit"])("a model of pictures, %s", async (kind) => {
    const config = picturesWith(networks[kind]!);
    const bytes = await pictureModelBytes(pictureModel(config));
    await loadPictureModel(JSON.stringify({ config }), bytes);
    // Any text names a class.
    const refused = await refusals(
      config,
      (description) => loadPictureModel(description, bytes),
      (c) => ({ ...c, classes: c.classes.length }),
    );
    expect(refused).toBeGreaterThan(200);
  });
});

describe("a description is refused in one sentence", () => {
  const load = (change: (config: Record<string, Node>) => void) => {
    const config = structuredClone(scenes) as unknown as Record<string, Node>;
    change(config);
    return loadScenes(JSON.stringify({ config }), new Uint8Array(), "weights.json");
  };
  test.each([
    ["without heads", (c: Record<string, Node>) => delete c["unet"]!["heads"], "weights.json has no config.unet.heads"],
    ["with many layers", (c: Record<string, Node>) => (c["unet"]!["layersPerBlock"] = 1e7), "config.unet.layersPerBlock 10000000: a whole"],
    ["with many times", (c: Record<string, Node>) => (c["schedule"]!["steps"] = 1e12), "config.schedule.steps 1000000000000: a whole"],
    ["without a schedule", (c: Record<string, Node>) => delete c["schedule"], "has no config.schedule"],
    ["with an unknown spacing", (c: Record<string, Node>) => (c["samplerOptions"]!["spacing"] = "odd"), 'samplerOptions.spacing "odd"'],
    ["with an unknown setting", (c: Record<string, Node>) => (c["unet"]!["magic"] = 1), "config.unet.magic 1: there is no such setting"],
    ["with an odd size", (c: Record<string, Node>) => ((c as Node)["size"] = 62), "config.size 62: a multiple of 4"],
  ])("%s", async (_, change, problem) => {
    await expect(load(change)).rejects.toThrow(problem);
  });

  test("of a network for words in a model of pictures", async () => {
    const config = picturesWith({ ...networks["dit"]!, contextWidth: 8 } as DenoiserConfig);
    await expect(loadPictureModel(JSON.stringify({ config }), new Uint8Array())).rejects.toThrow("it takes words, and there are none");
  });
});

test("the largest networks that descriptions may ask for are made at once, and then miss their weights", async () => {
  const bytes = await pictureModelBytes(pictureModel(picturesWith(networks["dit"]!)));
  const channels = new Array<number>(limits.levels).fill(limits.width);
  const { layersPerBlock, layers, width, heads, ratio, patch } = limits;
  const largest: DenoiserConfig[] = [
    { ...networks["unet"]!, kind: "unet", channels, layersPerBlock, attention: channels.map(() => true), heads } as DenoiserConfig,
    { ...networks["dit"]!, kind: "dit", layers, width, heads, ratio, patch } as DenoiserConfig,
  ];
  for (const network of largest)
    await expect(loadPictureModel(JSON.stringify({ config: picturesWith(network) }), bytes)).rejects.toThrow(GradusError);
});
