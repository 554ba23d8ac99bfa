import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, resizeImage } from "@gradus/data";
import { draw as drawPictures, loadStableDiffusion, type SamplerName, type StableDiffusion } from "@gradus/systems/diffusion";
import { describesPictures } from "@gradus/systems/diffusion/pictures";
import { loadScenes } from "@gradus/systems/diffusion/scenes";
import { ArgumentError, FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkDrawingFiles, makeRoom, saveDrawing } from "../drawing.ts";
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
  readonly count: number;
  readonly width?: number;
  readonly height?: number;
  readonly image?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly out: string;
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
  return existsSync(path) ? readFile(path, "utf8") : null;
}

/** `gradus draw`: pictures from words. */
export async function draw(prompt: string | undefined, options: DrawOptions): Promise<void> {
  const { out, animation, count, seed, json = false } = options;
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
    return judged(model, { ...options, evaluate: options.evaluate });
  }
  if (prompt === undefined)
    throw new ArgumentError(command, "there is no prompt", 'Say what to draw, such as "a red triangle above a blue square"');
  // What a model of scenes was judged with; Stable Diffusion's own default.
  const guidance = options.guidance ?? (options.model && description === null ? 7.5 : 3);
  const image = options.image === undefined ? null : await pictureIn(options.image, model.config.size, options);
  const mask = options.mask === undefined ? null : await maskIn(options.mask, image);
  await makeRoom(options);
  const progress = bar("{bar} {value}/{total} steps | {left} left", json);
  const frames: ArrayData[] = [];
  const begin = performance.now();
  const run = drawPictures(model, {
    ...{ prompt, negativePrompt: options.negative ?? "", seed, count, steps: options.steps, guidance },
    ...(options.sampler ? { sampler: options.sampler } : {}),
    ...(options.width ? { width: options.width } : {}),
    ...(options.height ? { height: options.height } : {}),
    ...(image ? { image } : {}),
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
    const { pictures, cut } = value;
    await saveDrawing({ out, animation }, grid(pictures), frames);
    const seconds = (performance.now() - begin) / 1000;
    if (json)
      line(
        JSON.stringify({ file: out, ...(animation ? { animation } : {}), prompt, cut, seed, count, seconds: Number(seconds.toFixed(2)) }),
      );
    else {
      if (cut) line(styled("yellow", `Left out of the prompt: ${cut}`));
      line(`${styled("bold", out)}${animation ? ` and ${styled("bold", animation)}` : ""}  ${seconds.toFixed(1)} s`);
    }
    return;
  }
}

/** A picture from a file. ArgumentError, which names it, for what is none. */
async function decoded(path: string): Promise<ArrayData> {
  try {
    return await decodeImage(new Uint8Array(await readFile(path)));
  } catch (error) {
    throw error instanceof FormatError ? new ArgumentError(command, `${path} cannot be used: ${error.message}`) : error;
  }
}

/** A picture from a file, in the size that is asked for. */
const pictureIn = async (path: string, size: number, { width, height }: DrawOptions): Promise<ArrayData> =>
  resizeImage(await decoded(path), [height ?? size, width ?? size]);

/** Where to paint: what is light in a picture. */
async function maskIn(path: string, image: ArrayData | null): Promise<ArrayData> {
  if (!image) throw new ArgumentError(command, "--mask says where to paint, --image is missing", "Give the picture to paint on");
  const [height, width] = image.shape as [number, number];
  const { data } = resizeImage(await decoded(path), [height, width]);
  return {
    dtype: "uint8",
    shape: [height, width],
    data: Uint8Array.from({ length: width * height }, (_, i) => (Number(data[3 * i]!) > 127 ? 255 : 0)),
  };
}

/** Draws captions that no training scene has, and lets the detector say what is right on the pictures. */
async function judged(model: StableDiffusion, options: DrawOptions & { readonly evaluate: number }): Promise<void> {
  const { evaluate: captions, seed, steps, guidance = 3, sampler, json = false } = options;
  const how = { captions, seed, steps, guidance, ...(sampler ? { sampler } : {}) };
  const { evaluation } = await judgeScenes(model, await loadDetector(), how, json);
  for (const text of json ? [JSON.stringify(evaluation)] : evaluationLines(evaluation)) line(text);
}
