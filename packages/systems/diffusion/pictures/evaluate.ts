import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type ImageSet, type Pictures, some } from "../../image-set.ts";
import { type Fidelity, fidelity } from "../fidelity.ts";
import type { SamplerName } from "../samplers/index.ts";
import { drawn } from "./draw.ts";
import type { Judge } from "./judge.ts";
import type { PictureModel } from "./model.ts";

export interface PictureEvaluationOptions {
  /** Pictures to draw, of the classes that test pictures have; default 500. */
  readonly pictures?: number;
  /** Default 20. */
  readonly steps?: number;
  /** Default 2. */
  readonly guidance?: number;
  readonly sampler?: SamplerName;
  /** Default 1. */
  readonly seed?: number;
  readonly report?: (done: number, total: number) => void;
}

/** What a judge says about drawn pictures. */
export interface PictureEvaluation {
  readonly pictures: number;
  /** How alike they are to real pictures that nothing was trained on. */
  readonly fidelity: Fidelity;
  /** The same of as many pictures that were trained on: what a perfect copy would reach. */
  readonly real: Fidelity;
  /** The share that the judge takes for what they should show, and that of the test pictures; null without classes. */
  readonly right: number | null;
  readonly realRight: number | null;
}

/** A picture that was drawn, its class, and what the judge takes it for; null where there are no classes. */
export interface DrawnPicture {
  readonly picture: ArrayData;
  readonly asked: number | null;
  readonly taken: number | null;
}

/** Pictures that are drawn side by side. */
const atOnce = 25;
/** Real pictures that drawn ones are compared with, at most. */
const most = 1000;

/** Draws pictures as a data set has them, and has them judged. */
export async function evaluatePictures(
  model: PictureModel,
  judge: Judge,
  { train, test }: ImageSet,
  options: PictureEvaluationOptions = {},
): Promise<{ readonly evaluation: PictureEvaluation; readonly drawn: readonly DrawnPicture[] }> {
  const { steps = 20, guidance = 2, sampler, seed = 1, report } = options;
  const real = some(test, Math.min(most, test.labels.length));
  const count = Math.min(options.pictures ?? 500, train.labels.length);
  if (!(Number.isSafeInteger(count) && count >= 4)) throw new ArgumentError("evaluate", `${count} pictures`, "Give at least 4");
  const asked = Array.from({ length: count }, (_, i) =>
    judge.knowsClasses ? real.labels[Math.floor((i * real.labels.length) / count)]! : null,
  );
  const pictures: ArrayData[] = [];
  for (let i = 0; i < count; i += atOnce) {
    const classes = asked.slice(i, i + atOnce);
    pictures.push(...(await drawn(model, { classes, steps, guidance, seed: seed + i, ...(sampler ? { sampler } : {}) })));
    report?.(pictures.length, count);
  }
  const [ofDrawn, ofReal, ofTrained] = [
    await judge.look(stacked(pictures)),
    await judge.look(real.images),
    await judge.look(some(train, count).images),
  ];
  const share = (taken: Int32Array, wanted: ArrayLike<number | null>): number | null =>
    judge.knowsClasses ? taken.filter((k, i) => k === wanted[i]).length / taken.length : null;
  return {
    drawn: pictures.map((picture, i) => ({ picture, asked: asked[i]!, taken: judge.knowsClasses ? ofDrawn.classes[i]! : null })),
    evaluation: {
      pictures: count,
      fidelity: await fidelity(ofReal.features, ofDrawn.features),
      real: await fidelity(ofReal.features, ofTrained.features),
      right: share(ofDrawn.classes, asked),
      realRight: share(ofReal.classes, real.labels),
    },
  };
}

/** Pictures of one size as one array. */
function stacked(pictures: readonly ArrayData[]): Pictures["images"] {
  const [first] = pictures;
  const each = first!.data.length;
  const data = new Uint8Array(pictures.length * each);
  for (const [i, picture] of pictures.entries()) data.set(picture.data as Uint8Array, i * each);
  return { dtype: "uint8", shape: [pictures.length, ...first!.shape], data };
}
