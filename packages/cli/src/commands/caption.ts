import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, encodePng } from "@gradus/data";
import { type Accuracy, type Captioner, evaluate, loadCaptioner, parseCaptioner, scene } from "@gradus/systems/gpt/vision";
import { ArgumentError, GradusError } from "@gradus/tensor";
import { type ArrayData, makeFolder, saveFile } from "@gradus/tensor/io";
import { percent } from "../reports/captioner.ts";
import { fileProblem } from "../system-errors.ts";
import { bar, line, styled } from "../terminal.ts";

export interface CaptionOptions {
  readonly model?: string;
  readonly draw?: string;
  readonly evaluate?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** A captioner from a folder that training wrote, or the one that comes with Gradus. */
async function load(folder: string | undefined): Promise<Captioner> {
  const [weights, description] = folder
    ? [join(folder, "weights.safetensors"), join(folder, "weights.json")]
    : ["safetensors", "json"].map((end) => fileURLToPath(import.meta.resolve(`@gradus/systems/gpt/vision/weights/captioner.${end}`)));
  for (const path of [weights!, description!])
    if (!existsSync(path))
      throw new ArgumentError("gradus caption", `there is no file ${path}`, "Give --model a folder that gradus train captioner wrote");
  return loadCaptioner(parseCaptioner(await readFile(description!, "utf8"), description!), weights!);
}

/** Scenes that no training has seen, as files: something to caption. */
async function draw(folder: string, seed: number): Promise<string[]> {
  await makeFolder(folder);
  const paths = [...Array(12).keys()].map((i) => join(folder, `scene-${i + 1}.png`));
  for (const [i, path] of paths.entries()) await saveFile(path, [await encodePng(scene(seed, "unseen", i).picture)]);
  return paths;
}

/** `gradus caption`: what scenes show. Files that are no such pictures are told, the others answered; then it fails. */
export async function caption(paths: readonly string[], options: CaptionOptions): Promise<void> {
  const { seed, json = false, evaluate: scenes } = options;
  if (!paths.length && !options.draw && !scenes)
    throw new ArgumentError("gradus caption", "there is nothing to caption", "Give pictures, --draw or --evaluate");
  for (const path of paths) if (!existsSync(path)) throw new ArgumentError("gradus caption", `there is no file ${path}`);
  const captioner = await load(options.model);
  const pictures: { file: string; picture: ArrayData }[] = [];
  const failures: string[] = [];
  const captions: string[] = [];
  for (const file of [...paths, ...(options.draw ? await draw(options.draw, seed) : [])]) {
    try {
      const picture = await decodeImage(new Uint8Array(await readFile(file)));
      const [said] = await captioner.caption([picture]);
      pictures.push({ file, picture });
      captions.push(said!);
      line(json ? JSON.stringify({ file, caption: said }) : `${styled("bold", file)}  ${said}`);
    } catch (error) {
      const problem = error instanceof GradusError ? `${file}: ${error.message}` : fileProblem(error, file);
      if (problem === null) throw error;
      failures.push(problem);
    }
  }
  if (scenes) {
    const progress = bar("{bar} {value}/{total} scenes", json);
    const report = (before: number) => (done: number) => progress.update(before + done, 2 * scenes, {});
    const unseen = await evaluate(captioner, "unseen", { scenes, seed, report: report(0) });
    const heldOut = await evaluate(captioner, "held-out", { scenes, seed, report: report(scenes) });
    progress.stop();
    if (json) line(JSON.stringify({ unseen, heldOut }));
    else for (const text of accuracyLine({ unseen, heldOut })) line(text);
  }
  if (failures.length)
    throw new ArgumentError("gradus caption", failures.join("\n"), captions.length ? "The others were captioned" : undefined);
}

/** Accuracies as a table of lines. */
export function accuracyLine({ unseen, heldOut }: { readonly unseen: Accuracy; readonly heldOut: Accuracy }): string[] {
  const columns = ["colour", "shape", "count", "position", "exact"] as const;
  const row = (name: string, cells: readonly string[]): string => name.padEnd(34) + cells.map((c) => c.padStart(9)).join("");
  return [
    row("right", columns),
    row(
      `${unseen.scenes} unseen scenes`,
      columns.map((c) => percent(unseen[c])),
    ),
    row(
      `${heldOut.scenes} with kinds never seen`,
      columns.map((c) => percent(heldOut[c])),
    ),
  ];
}
