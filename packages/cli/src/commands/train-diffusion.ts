import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StableDiffusion, StableDiffusionConfig } from "@gradus/systems/diffusion";
import {
  checkTraining,
  evaluate,
  loadSceneParts,
  loadScenes,
  type Parts,
  type SceneTrainingEvent,
  sceneBytes,
  sceneModel,
  scenesConfig,
  type TrainedScenes,
  trainScenes,
} from "@gradus/systems/diffusion/scenes";
import { ArgumentError } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { refuseGiven } from "../options.ts";
import { ownErrors } from "../own-errors.ts";
import { type DiffusionRecord, diffusionReport, type Look } from "../reports/diffusion.ts";
import { beginRun, Pace, trainingErrors, writeText } from "../run.ts";
import { evaluationLines, judgeScenes, loadDetector } from "../scene-judging.ts";
import { type Bar, bar, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train diffusion";

export interface TrainDiffusionOptions {
  readonly steps?: number;
  readonly autoencoderSteps?: number;
  readonly sketchSteps?: number;
  readonly snrLeast?: number;
  readonly scenes?: number;
  readonly batchSize?: number;
  readonly rate?: number;
  readonly seed: number;
  readonly captions?: number;
  readonly autoencoder?: string;
  readonly from?: string;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
  /** Other networks, for tests: the command has no option for it. */
  readonly config?: StableDiffusionConfig;
}

/** `gradus train diffusion`: trains, can be stopped and goes on, and leaves weights, a record and a report with pictures. */
export async function trainDiffusion(options: TrainDiffusionOptions): Promise<void> {
  const { steps = 12_000, autoencoderSteps = 3000, sketchSteps = 6000, captions = 500 } = options;
  const { scenes = 100_000, batchSize = 64, rate = 0.0015, snrLeast = 0 } = options;
  const { seed, out: folder = join("runs", "diffusion"), json = false } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  refuseGiven(
    command,
    options,
    ["unconditional", "network", "size", "limit", "samples"],
    "for pictures, and no --data is given",
    "Say where they are",
  );
  if (options.from !== undefined && options.autoencoder !== undefined)
    throw new ArgumentError(command, "both --from and --autoencoder were given", "A model has its autoencoder: give --from alone");
  const trainedGiven = options.from !== undefined ? "--from" : options.autoencoder !== undefined ? "--autoencoder" : null;
  if (trainedGiven)
    refuseGiven(
      command,
      options,
      trainedGiven === "--from" ? ["sketchSteps", "autoencoderSteps"] : ["autoencoderSteps"],
      `of a part that begins anew, and ${trainedGiven} gives a trained one`,
      "Leave one of them out",
    );
  if (captions < 4)
    throw new ArgumentError(command, `--captions is ${captions}`, "Give at least 4: pictures are compared with real scenes");
  const from = options.from === undefined ? null : await partsIn(options.from, "--from");
  const config = from?.config ?? options.config ?? scenesConfig;
  const numbers = { steps, autoencoderSteps, sketchSteps, snrLeast, scenes, batchSize, rate };
  await ownErrors(command, "the settings", () => checkTraining({ config, ...numbers }));
  const autoencoder = options.autoencoder === undefined ? null : (await partsIn(options.autoencoder, "--autoencoder")).autoencoder;
  const given = { autoencoder: options.autoencoder ?? null, from: options.from ?? null };
  const settings = { system: "diffusion", config, ...numbers, seed, ...given };
  const state = ["run.denoiser", "run.autoencoder", "run.sketch"];
  const { resumed, end } = await beginRun(command, folder, settings, options.fresh, { state });
  say(
    `${styled("bold", "diffusion")}: an autoencoder, a text encoder and a U-Net on ${scenes.toLocaleString("en")} drawn scenes and their captions`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const detector = await loadDetector();
  const progress = bar("{part} {bar} {percentage}% | {rate} steps/s | loss {loss} | {left} left", json);
  let learning: StableDiffusion | null = null;
  const run = trainScenes<Look>({
    ...{ config, ...numbers, seed, keep: join(folder, "run") },
    ...(from ? { from } : autoencoder ? { autoencoder } : {}),
    look: async (parts, { step, steps, loss }) => {
      // The same each time, so that its programs are compiled once.
      learning ??= sceneModel(parts);
      const { judged } = await evaluate(learning, detector, "unseen", { captions: Math.min(looked, captions), seed });
      const look = { step, loss, captions: judged.captions, right: judged.right };
      progress.above(() => {
        if (json) line(JSON.stringify({ event: "measured", ...look, exact: judged.exact, attributes: judged.attributes }));
        else
          line(
            `step ${String(step).padStart(String(steps).length)}/${steps}  loss ${loss.toFixed(4)}  right on ${look.captions} unseen captions: ${(100 * look.right).toFixed(1)} %`,
          );
      });
      return look;
    },
  });
  const trained = await follow(run, progress);
  // What is judged is what is written: weights have 8 bits then.
  const bytes = await sceneBytes(trained);
  const model = await loadScenes(JSON.stringify({ config: trained.config }), bytes);
  const { evaluation, drawn } = await judgeScenes(model, detector, { captions, seed }, json);
  const seconds = Math.round(trained.seconds);
  const record: DiffusionRecord = {
    ...{ system: "diffusion", config: trained.config },
    weights: trained.unet.countParams() + trained.text.countParams() + trained.autoencoder.countParams(),
    ...{ ...numbers, seed, seconds, resumed, losses: trained.losses, history: trained.looks },
    ...evaluation,
    command: `gradus ${process.argv.slice(2).join(" ")}`,
  };
  await saveFile(join(folder, "weights.safetensors"), [bytes]);
  await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
  await writeText(join(folder, "report.html"), await diffusionReport(record, drawn.unseen, drawn.heldOut));
  await end();
  tell({ event: "end", ...evaluation, seconds, folder });
  say("");
  for (const text of evaluationLines(evaluation)) say(text);
  say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the model:`);
  say(`  gradus draw "a red triangle above a blue square" --model ${folder}`);
  say(`  gradus draw --model ${folder} --evaluate ${captions} --seed ${seed}      tells these numbers again`);
}

/** A model that training wrote before. */
async function partsIn(folder: string, option: string): Promise<Parts> {
  const description = join(folder, "weights.json");
  if (!existsSync(description))
    throw new ArgumentError(command, `there is no file ${description}`, `Give ${option} a folder that gradus train diffusion wrote`);
  return loadSceneParts(await readFile(description, "utf8"), join(folder, "weights.safetensors"), description);
}

/** Captions that are drawn and judged after each pass of the denoiser, unless fewer are in the end. */
const looked = 48;

/** Shows a run's events as they come. */
async function follow<L>(run: AsyncGenerator<SceneTrainingEvent, TrainedScenes<L>>, progress: Bar): Promise<TrainedScenes<L>> {
  const paces = new Map<string, Pace>();
  for (;;) {
    const { value: event, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      return event;
    }
    const { part, step, steps, loss } = event;
    if (!paces.has(part)) paces.set(part, new Pace());
    const { rate, left } = paces.get(part)!.at(step, steps);
    progress.update(step, steps, {
      part,
      rate: rate.toFixed(1),
      loss: loss?.toFixed(4) ?? "-",
      left: left === null ? "?" : timeLeft(left),
    });
  }
}
