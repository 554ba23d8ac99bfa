import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type Fidelity, fidelity } from "../fidelity.ts";
import { draw } from "../pipeline.ts";
import type { SamplerName } from "../samplers/index.ts";
import type { StableDiffusion } from "../stable-diffusion.ts";
import type { Detector } from "./detector.ts";
import { allRight, judge, overall, sumOf, type Verdict } from "./judge.ts";
import { type Part, pictureOf, scene } from "./scene.ts";

export interface EvaluateOptions {
  /** Captions to draw; default 200. */
  readonly captions?: number;
  /** Default 20. */
  readonly steps?: number;
  /** Default 3. */
  readonly guidance?: number;
  readonly sampler?: SamplerName;
  /** Default 1. */
  readonly seed?: number;
  readonly report?: (done: number, total: number) => void;
}

/** What a detector says about pictures drawn from captions. */
export interface Judged {
  readonly captions: number;
  /** Of all that the captions say, the share that is right. */
  readonly right: number;
  /** The share of pictures on which everything is right. */
  readonly exact: number;
  readonly attributes: Verdict;
  /** How alike the pictures are to real scenes of the same captions. */
  readonly fidelity: Fidelity;
}

/** One picture that was drawn, with what a detector says about it. */
export interface Drawn {
  readonly caption: string;
  readonly picture: ArrayData;
  readonly verdict: Verdict;
  readonly right: boolean;
}

const drawOne = async (
  model: StableDiffusion,
  prompt: string,
  options: EvaluateOptions,
  seed: number,
  count = 1,
): Promise<readonly ArrayData[]> => {
  const { steps = 20, guidance = 3, sampler } = options;
  const run = draw(model, { prompt, steps, guidance, seed, count, ...(sampler ? { sampler } : {}) });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return value.pictures;
  }
};

/** Draws captions of a part of the scenes, and judges the pictures. */
export async function evaluate(
  model: StableDiffusion,
  detector: Detector,
  part: Part,
  options: EvaluateOptions = {},
): Promise<{ readonly judged: Judged; readonly drawn: readonly Drawn[] }> {
  const { captions = 200, seed = 1, report } = options;
  if (!(Number.isSafeInteger(captions) && captions >= 4)) throw new ArgumentError("evaluate", `${captions} captions`, "Give at least 4");
  const scenes = Array.from({ length: captions }, (_, i) => scene(seed, part, i));
  const pictures: ArrayData[] = [];
  for (const [i, { caption }] of scenes.entries()) {
    pictures.push(...(await drawOne(model, caption, options, seed + i)));
    report?.(i + 1, captions);
  }
  const seen = await detector.look(pictures);
  const drawn = scenes.map(({ statement, caption }, i): Drawn => {
    const verdict = judge(statement, seen[i]!);
    return { caption, picture: pictures[i]!, verdict, right: allRight(verdict) };
  });
  const attributes = sumOf(drawn.map((d) => d.verdict));
  const real = await detector.features(scenes.map((s) => s.picture));
  return {
    drawn,
    judged: {
      ...{ captions, right: overall(attributes), exact: drawn.filter((d) => d.right).length / captions, attributes },
      fidelity: await fidelity(real, await detector.features(pictures)),
    },
  };
}

/**
 * How unlike the pictures of one caption are that different seeds give, as a share of how unlike real scenes of that caption are: the mean
 * distance of their features. 0: always the same picture; 1: as varied as the scenes.
 */
export async function diversity(model: StableDiffusion, detector: Detector, options: EvaluateOptions = {}): Promise<number> {
  const { captions = 10, seed = 1 } = options;
  const each = 6;
  let [made, real] = [0, 0];
  for (let i = 0; i < captions; i++) {
    const { caption, statement } = scene(seed, "unseen", i);
    const random = new Random(seed, i);
    const scenes: ArrayData[] = [];
    while (scenes.length < each) scenes.push(...[pictureOf(statement, random) ?? []].flat());
    made += spread(await detector.features(await drawOne(model, caption, options, seed, each)));
    real += spread(await detector.features(scenes));
  }
  return made / real;
}

/** Mean distance of any two. */
function spread(features: readonly Float32Array[]): number {
  let [sum, pairs] = [0, 0];
  for (const [i, a] of features.entries())
    for (const b of features.slice(i + 1)) {
      sum += Math.sqrt(a.reduce((s, v, k) => s + (v - b[k]!) ** 2, 0));
      pairs++;
    }
  return sum / pairs;
}
