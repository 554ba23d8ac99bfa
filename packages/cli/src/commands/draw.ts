import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { centerCrop, type DecodeOptions, decodeImage, resizeImage } from "@gradus/data";
import {
  checkDrawn,
  draw as drawPictures,
  loadStableDiffusion,
  type SamplerName,
  type StableDiffusion,
  sizeStep,
} from "@gradus/systems/diffusion";
import { describesPictures } from "@gradus/systems/diffusion/pictures";
import { loadScenes } from "@gradus/systems/diffusion/scenes";
import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkDrawingFiles, defaultOut, makeRoom, saveDrawing } from "../drawing.ts";
import { refuseGiven } from "../options.ts";
import { grid } from "../reports/pictures.ts";
import { evaluationLines, judgeScenes, loadDetector } from "../scene-judging.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus draw";

export interface DrawOptions {
  readonly model?: string;
  readonly class?: readonly string[];
  readonly negative?: string;
  readonly seed: number;
  readonly steps: number;
  readonly guidance?: number;
  readonly sampler?: SamplerName;
  readonly count?: number;
  readonly width?: number;
  readonly height?: number;
  readonly image?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly out?: string;
  readonly animation?: string;
  readonly evaluate?: number;
  readonly json?: boolean;
}

const shipped = (name: string): string => fileURLToPath(import.meta.resolve(`@gradus/systems/diffusion/scenes/weights/${name}`));

/** A model from a folder of `gradus train diffusion` (which has a description) or of diffusers, or the one that comes with Gradus. */
async function load(folder: string | undefined, description: string | null): Promise<StableDiffusion> {
  if (folder === undefined) return loadScenes(await readFile(shipped("scenes.json"), "utf8"), shipped("scenes.safetensors"));
  if (description !== null) return loadScenes(description, join(folder, "weights.safetensors"), join(folder, "weights.json"));
  if (existsSync(join(folder, "unet"))) return loadStableDiffusion(folder);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new ArgumentError(
      command,
      `there is no folder ${folder}`,
      "Give one that gradus train diffusion wrote, or one in diffusers' layout",
    );
  const unfinished = existsSync(join(folder, "run.json"));
  throw new ArgumentError(
    command,
    `${folder} holds neither weights.json nor a folder unet`,
    unfinished
      ? "The run in it is not finished: its command goes on with it"
      : "Give a folder that gradus train diffusion wrote, or a model in diffusers' layout",
  );
}

/** What training wrote beside weights; null where there is none. */
async function descriptionIn(folder: string | undefined): Promise<string | null> {
  if (folder === undefined) return null;
  const path = join(folder, "weights.json");
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new ArgumentError(command, `${path} is a folder, where a file was expected`);
  return found ? readFile(path, "utf8") : null;
}

/** What says nothing about captions that are drawn to be judged. */
const ofPictures = ["negative", "count", "width", "height", "image", "strength", "mask", "out", "animation"] as const;

/** `gradus draw`: pictures from words. */
export async function draw(prompt: string | undefined, options: DrawOptions): Promise<void> {
  const { out = defaultOut, animation, count = 1, seed, json = false } = options;
  checkDrawingFiles(command, options);
  for (const path of [options.image, options.mask])
    if (path !== undefined && !statSync(path, { throwIfNoEntry: false })?.isFile())
      throw new ArgumentError(command, `there is no file ${path}`);
  if (options.strength !== undefined && options.image === undefined)
    throw new ArgumentError(command, "--strength says how much of a picture is forgotten, --image is missing", "Give the picture");
  const description = await descriptionIn(options.model);
  if (options.model !== undefined && description !== null && describesPictures(description))
    return (await import("./draw-pictures.ts")).drawOfClasses(prompt, options.model, description, options);
  if (options.class)
    throw new ArgumentError(command, "--class is for models that gradus train diffusion --data wrote", "Give one as --model");
  const model = await load(options.model, description);
  if (options.evaluate !== undefined) {
    if (prompt !== undefined)
      throw new ArgumentError(command, "both a prompt and --evaluate were given", "It draws captions of its own: leave the prompt out");
    if (options.model !== undefined && description === null)
      throw new ArgumentError(command, `--evaluate is for models of scenes, ${options.model} holds another`, "Leave it out");
    refuseGiven(command, options, ofPictures, "for pictures that are kept, and --evaluate draws captions of its own", "Leave it out");
    return judged(model, { ...options, evaluate: options.evaluate });
  }
  if (prompt === undefined)
    throw new ArgumentError(command, "there is no prompt", 'Say what to draw, such as "a red triangle above a blue square"');
  // What a model of scenes was judged with; Stable Diffusion's own default.
  const guidance = options.guidance ?? (options.model && description === null ? 7.5 : 3);
  const { size } = model.config;
  const { width = size, height = size } = options;
  checkDrawn(count, height, width, sizeStep(model.config));
  const given = options.image === undefined ? null : await decoded(options.image, 3);
  const mask = options.mask === undefined ? null : await maskIn(options.mask, given, options.image, [height, width]);
  await makeRoom(command, options);
  const notes: string[] = [];
  if (Math.max(width, height) > 1.5 * size || 1.5 * Math.min(width, height) < size)
    notes.push(
      `The model was made for pictures of ${size} x ${size}: others, such as ${width} x ${height}, often do not show what was asked for`,
    );
  if (given && !alike(given.shape, [height, width]))
    notes.push(`${options.image} has ${given.shape[1]} x ${given.shape[0]} pixels: its middle was taken, for ${width} x ${height}`);
  const progress = bar("{bar} {value}/{total} steps | {left} left", json);
  const frames: ArrayData[] = [];
  const begin = performance.now();
  const run = drawPictures(model, {
    ...{ prompt, negativePrompt: options.negative ?? "", seed, count, steps: options.steps, guidance },
    ...(options.sampler ? { sampler: options.sampler } : {}),
    ...{ width, height },
    ...(given ? { image: fitted(given, [height, width]) } : {}),
    ...(mask ? { mask } : {}),
    ...(options.strength === undefined ? {} : { strength: options.strength }),
  });
  for (;;) {
    const { value, done } = await run.next();
    if (!done) {
      const { step, steps, ms } = value;
      progress.update(step, steps, { left: timeLeft((ms * (steps - step)) / 1000) });
      if (animation) frames.push(grid(await value.pictures()));
      continue;
    }
    progress.stop();
    const { pictures, cut, negativeCut } = value;
    await saveDrawing({ out, animation }, grid(pictures), frames);
    if (cut) notes.push(`Left out of the prompt: ${short(cut)}`);
    if (negativeCut) notes.push(`Left out of the negative prompt: ${short(negativeCut)}`);
    const seconds = (performance.now() - begin) / 1000;
    const files = { file: out, ...(animation ? { animation } : {}) };
    if (json) line(JSON.stringify({ ...files, prompt, cut: short(cut), notes, seed, count, seconds: Number(seconds.toFixed(2)) }));
    else {
      for (const note of notes) line(styled("yellow", note));
      line(`${styled("bold", out)}${animation ? ` and ${styled("bold", animation)}` : ""}  ${seconds.toFixed(1)} s`);
    }
    return;
  }
}

const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)} ...` : text);

/** A picture from a file. ArgumentError, which names it, for what is none. */
async function decoded(path: string, channels: NonNullable<DecodeOptions["channels"]>): Promise<ArrayData> {
  try {
    return await decodeImage(new Uint8Array(await readFile(path)), { channels });
  } catch (error) {
    throw error instanceof FormatError ? new ArgumentError(command, `${path} cannot be used: ${error.message}`) : error;
  }
}

type Size = readonly [height: number, width: number];

/** Whether one size is the other, made larger or smaller, up to a pixel. */
const alike = ([h, w]: readonly number[], [height, width]: readonly number[]): boolean =>
  Math.abs(w! * height! - width! * h!) <= Math.max(h!, height!);

/** A picture in another size; of one of another shape, the middle. */
function fitted(picture: ArrayData, [height, width]: Size): ArrayData {
  const [h, w] = picture.shape as [number, number, number];
  const part = (side: number, wanted: number): number => Math.max(1, Math.min(side, Math.round(wanted)));
  const middle = alike([h, w], [height, width])
    ? picture
    : centerCrop(picture, part(h, (w * height) / width), part(w, (h * width) / height));
  return resizeImage(middle, [height, width]);
}

/** Where to paint: what is light in a picture of the same shape as the one to paint on. */
async function maskIn(path: string, image: ArrayData | null, imagePath: string | undefined, size: Size): Promise<ArrayData> {
  if (!image) throw new ArgumentError(command, "--mask says where to paint, --image is missing", "Give the picture to paint on");
  const mask = await decoded(path, 1);
  const sides = ({ shape }: ArrayData): string => `${shape[1]} x ${shape[0]}`;
  if (!alike(mask.shape, image.shape))
    throw new ArgumentError(
      command,
      `--mask ${path} has ${sides(mask)} pixels, --image ${imagePath} ${sides(image)}`,
      "Give a mask of the picture's shape",
    );
  const data = Uint8Array.from(fitted(mask, size).data, (light) => (Number(light) > 127 ? 255 : 0));
  if (!data.includes(255))
    throw new ArgumentError(command, `--mask ${path} is dark everywhere: nothing would be painted`, "Make it white where to paint");
  return { dtype: "uint8", shape: [...size], data };
}

/** Draws captions that no training scene has, and lets the detector say what is right on the pictures. */
async function judged(model: StableDiffusion, options: DrawOptions & { readonly evaluate: number }): Promise<void> {
  const { evaluate: captions, seed, steps, guidance = 3, sampler, json = false } = options;
  const how = { captions, seed, steps, guidance, ...(sampler ? { sampler } : {}) };
  const { evaluation } = await judgeScenes(model, await loadDetector(), how, json);
  for (const text of json ? [JSON.stringify(evaluation)] : evaluationLines(evaluation)) line(text);
}
