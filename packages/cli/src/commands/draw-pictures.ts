import { join } from "node:path";
import { checkDrawn } from "@gradus/systems/diffusion";
import { classOf, drawPictures, loadPictureModel, type PictureModel } from "@gradus/systems/diffusion/pictures";
import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { defaultOut, makeRoom, saveDrawing } from "../drawing.ts";
import { refuseGiven } from "../options.ts";
import { grid } from "../reports/pictures.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";
import type { DrawOptions } from "./draw.ts";

const command = "gradus draw";

/** What only models that draw from words take. */
const ofWords = ["negative", "width", "height", "image", "strength", "mask", "evaluate"] as const;

/** `gradus draw` with a model of `gradus train diffusion --data`: pictures of a class, or of any. */
export async function drawOfClasses(prompt: string | undefined, folder: string, description: string, options: DrawOptions): Promise<void> {
  const { out = defaultOut, animation, count = 1, seed, json = false } = options;
  const model = await loadPictureModel(description, join(folder, "weights.safetensors"), join(folder, "weights.json"));
  checkOptions(model, prompt, folder, options);
  const names = options.class?.length ? options.class : ["any"];
  const asked = names.map((name) => classOf(model.config, name));
  checkDrawn(count * asked.length, model.config.size, model.config.size);
  const classes = asked.flatMap((k) => new Array<number | null>(count).fill(k));
  // A row a class.
  const laid = (pictures: readonly ArrayData[]): ArrayData => grid(pictures, asked.length > 1 ? count : undefined);
  await makeRoom(command, { out, animation });
  const progress = bar("{bar} {value}/{total} steps | {left} left", json);
  const frames: ArrayData[] = [];
  const begin = performance.now();
  const run = drawPictures(model, {
    ...{ classes, seed, steps: options.steps, guidance: options.guidance ?? 2 },
    ...(options.sampler ? { sampler: options.sampler } : {}),
  });
  for (;;) {
    const { value, done } = await run.next();
    if (!done) {
      const { step, steps, ms } = value;
      progress.update(step, steps, { left: timeLeft((ms * (steps - step)) / 1000) });
      if (animation) frames.push(laid(await value.pictures()));
      continue;
    }
    progress.stop();
    await saveDrawing({ out, animation }, laid(value), frames);
    const seconds = Number(((performance.now() - begin) / 1000).toFixed(2));
    const shown = asked.map((k) => (k === null ? null : model.config.classes[k]!));
    if (json) line(JSON.stringify({ file: out, ...(animation ? { animation } : {}), classes: shown, seed, count, seconds }));
    else
      line(
        `${styled("bold", out)}${animation ? ` and ${styled("bold", animation)}` : ""}  ${shown.map((name) => name ?? "any").join(", ")}  ${seconds.toFixed(1)} s`,
      );
    return;
  }
}

function checkOptions({ config }: PictureModel, prompt: string | undefined, folder: string, options: DrawOptions): void {
  const { classes } = config;
  const choose = classes.length ? `Give --class with one of ${classes.join(", ")}` : "Leave it out: it draws what it was trained on";
  if (prompt !== undefined)
    throw new ArgumentError(command, `the model in ${folder} takes no prompt, ${JSON.stringify(prompt.slice(0, 80))} was given`, choose);
  refuseGiven(command, options, ofWords, `for models that draw from words, and ${folder} holds one of pictures`, "Leave it out");
}
