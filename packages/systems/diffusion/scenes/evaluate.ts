import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type Fidelity, fidelity } from "../fidelity.ts";
import { draw } from "../pipeline.ts";
import type { SamplerName } from "../samplers/index.ts";
import type { StableDiffusion } from "../stable-diffusion.ts";
import type { Detector } from "./detector.ts";
import { allRight, judge, judgeGroups, overall, sumOf, type Verdict } from "./judge.ts";
import { isHeldOut, type Part, pictureOf, scene } from "./scene.ts";

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
  /** How many captions, the seed that they and the pictures come from, and how these were drawn. */
  readonly captions: number;
  readonly seed: number;
  readonly steps: number;
  readonly guidance: number;
  readonly sampler: SamplerName;
  /** Of all that the captions say, the share that is right. */
  readonly right: number;
  /** The share of pictures on which everything is right. */
  readonly exact: number;
  readonly attributes: Verdict;
  /**
   * The same of held-out kinds alone, of what captions say of these things themselves; null where there are none. Most captions that have one
   * speak of a kind that was seen, too.
   */
  readonly heldOutKinds: { readonly right: number; readonly attributes: Verdict } | null;
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

/** All that is told of a model, plain JSON. */
export interface Evaluation {
  readonly unseen: Judged;
  readonly heldOut: Judged;
  /** See `diversity`. */
  readonly diversity: number;
}

const usual = { captions: 200, steps: 20, guidance: 3, seed: 1 };

const drawOne = async (
  model: StableDiffusion,
  prompt: string,
  options: EvaluateOptions,
  seed: number,
  count = 1,
): Promise<readonly ArrayData[]> => {
  const { steps, guidance, sampler } = { ...usual, ...options };
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
  const { captions, seed, steps, guidance, sampler = model.config.sampler, report } = { ...usual, ...options };
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
  const kept = scenes.flatMap(({ statement }, i) =>
    judgeGroups(statement, seen[i]!).filter((_, k) => isHeldOut(statement.groups[k]!.colour, statement.groups[k]!.shape)),
  );
  const real = await detector.features(scenes.map((s) => s.picture));
  return {
    drawn,
    judged: {
      ...{ captions, seed, steps, guidance, sampler },
      ...{ right: overall(attributes), exact: drawn.filter((d) => d.right).length / captions, attributes },
      heldOutKinds: kept.length ? { right: overall(sumOf(kept)), attributes: sumOf(kept) } : null,
      fidelity: await fidelity(real, await detector.features(pictures)),
    },
  };
}

/** Judges a model by captions that no training scene has, by kinds of things that none has, and by how its pictures differ. */
export async function evaluateAll(
  model: StableDiffusion,
  detector: Detector,
  options: Omit<EvaluateOptions, "report"> & { readonly report?: (what: string, done: number, total: number) => void } = {},
): Promise<{ readonly evaluation: Evaluation; readonly drawn: { readonly unseen: readonly Drawn[]; readonly heldOut: readonly Drawn[] } }> {
  const reported = (what: string): EvaluateOptions => ({ ...options, report: (done, total) => options.report?.(what, done, total) });
  const unseen = await evaluate(model, detector, "unseen", reported("unseen captions"));
  const heldOut = await evaluate(model, detector, "held-out", reported("kinds never seen"));
  const captions = Math.min(mostCompared, unseen.judged.captions);
  return {
    evaluation: {
      ...{ unseen: unseen.judged, heldOut: heldOut.judged },
      diversity: await diversity(model, detector, { ...reported("several pictures a caption"), captions }),
    },
    drawn: { unseen: unseen.drawn, heldOut: heldOut.drawn },
  };
}

/** Captions by which `diversity` is measured, and pictures of each. */
const mostCompared = 10;
const each = 6;

/**
 * How unlike the pictures of one caption are that different seeds give, as a share of how unlike real scenes of that caption are: the mean
 * distance of their features. 0: always the same picture; 1: as varied as the scenes.
 */
export async function diversity(model: StableDiffusion, detector: Detector, options: EvaluateOptions = {}): Promise<number> {
  const { captions = mostCompared, seed = usual.seed, report } = options;
  let [made, real] = [0, 0];
  for (let i = 0; i < captions; i++) {
    const { caption, statement } = scene(seed, "unseen", i);
    const random = new Random(seed, i);
    const scenes: ArrayData[] = [];
    while (scenes.length < each) scenes.push(...[pictureOf(statement, random) ?? []].flat());
    made += spread(await detector.features(await drawOne(model, caption, options, seed, each)));
    real += spread(await detector.features(scenes));
    report?.(i + 1, captions);
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
