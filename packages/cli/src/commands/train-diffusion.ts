import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  checkTraining,
  Detector,
  type Drawn,
  diversity,
  evaluate,
  type Judged,
  loadSceneParts,
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
import { type DiffusionRecord, diffusionReport } from "../reports/diffusion.ts";
import { beginRun, Pace, withinMemory, writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";
import { judgement } from "./draw.ts";

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
}

const detectorFile = fileURLToPath(import.meta.resolve("@gradus/systems/diffusion/scenes/weights/detector.safetensors"));

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
  await ownErrors(command, "the settings", () =>
    checkTraining({ steps, autoencoderSteps, sketchSteps, snrLeast, scenes, batchSize, rate }),
  );
  const from = options.from === undefined ? null : await partsIn(options.from, "--from");
  const autoencoder = options.autoencoder === undefined ? null : (await partsIn(options.autoencoder, "--autoencoder")).autoencoder;
  const given = { autoencoder: options.autoencoder ?? null, from: options.from ?? null };
  const config = from?.config ?? scenesConfig;
  const settings = { system: "diffusion", config, steps, autoencoderSteps, sketchSteps, snrLeast, scenes, batchSize, rate, seed, ...given };
  const state = ["run.denoiser", "run.autoencoder", "run.sketch"];
  const { resumed, end } = await beginRun(command, folder, settings, options.fresh, { state });
  say(
    `${styled("bold", "diffusion")}: an autoencoder, a text encoder and a U-Net on ${scenes.toLocaleString("en")} drawn scenes and their captions`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const begin = performance.now();
  const detector = await Detector.load(detectorFile);
  const run = trainScenes({
    ...{ steps, autoencoderSteps, sketchSteps, snrLeast, scenes, batchSize, rate, seed, keep: join(folder, "run") },
    ...(from ? { from } : autoencoder ? { autoencoder } : {}),
  });
  const { trained, history } = await follow(run, detector, seed, json);
  const model = sceneModel(trained);
  const judging = bar("{what} {bar} {value}/{total}", json);
  const results: { judged: Judged; drawn: readonly Drawn[] }[] = [];
  for (const [part, what] of [["unseen", "unseen captions"] as const, ["held-out", "kinds never seen"] as const])
    results.push(await evaluate(model, detector, part, { captions, seed, report: (n, total) => judging.update(n, total, { what }) }));
  judging.stop();
  const [unseen, heldOut] = results as [(typeof results)[0], (typeof results)[0]];
  const seconds = Math.round((performance.now() - begin) / 1000);
  const record: DiffusionRecord = {
    ...{
      system: "diffusion",
      config: trained.config,
      weights: trained.unet.countParams() + trained.text.countParams() + trained.autoencoder.countParams(),
    },
    ...{ steps, autoencoderSteps, sketchSteps, snrLeast, scenes, batchSize, rate, seed, seconds, resumed, losses: trained.losses, history },
    ...{ unseen: unseen.judged, heldOut: heldOut.judged, diversity: await diversity(model, detector, { seed }) },
    command: `gradus ${process.argv.slice(2).join(" ")}`,
  };
  await saveFile(join(folder, "weights.safetensors"), [await sceneBytes(trained)]);
  await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
  await writeText(join(folder, "report.html"), await diffusionReport(record, unseen.drawn, heldOut.drawn));
  await end();
  tell({ event: "end", unseen: unseen.judged, heldOut: heldOut.judged, diversity: record.diversity, seconds, folder });
  say("");
  say(judgement("unseen captions", unseen.judged));
  say(judgement("kinds never seen", heldOut.judged));
  say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the model:`);
  say(`  gradus draw "a red triangle above a blue square" --model ${folder}`);
}

/** A model that training wrote before. */
async function partsIn(folder: string, option: string): Promise<Parts> {
  const description = join(folder, "weights.json");
  if (!existsSync(description))
    throw new ArgumentError(command, `there is no file ${description}`, `Give ${option} a folder that gradus train diffusion wrote`);
  return loadSceneParts(await readFile(description, "utf8"), join(folder, "weights.safetensors"), description);
}

/** Captions that are drawn and judged after each pass of the denoiser. */
const looked = 48;

/** Shows a run's events as they come, and how right its pictures get. */
async function follow(run: AsyncGenerator<SceneTrainingEvent, TrainedScenes>, detector: Detector, seed: number, json: boolean) {
  const progress = bar("{part} {bar} {percentage}% | {rate} steps/s | loss {loss} | {left} left", json);
  const history: { step: number; loss: number; right: number }[] = [];
  const paces = new Map<string, Pace>();
  for (;;) {
    const { value: event, done } = await withinMemory(command, () => run.next());
    if (done) {
      progress.stop();
      return { trained: event, history };
    }
    const { part, step, steps, loss, parts } = event;
    if (!paces.has(part)) paces.set(part, new Pace());
    const { rate, left } = paces.get(part)!.at(step, steps);
    progress.update(step, steps, {
      part,
      rate: rate.toFixed(1),
      loss: loss?.toFixed(4) ?? "-",
      left: left === null ? "?" : timeLeft(left),
    });
    if (!parts || loss === null) continue;
    const { judged } = await evaluate(sceneModel(parts), detector, "unseen", { captions: looked, seed });
    history.push({ step, loss, right: judged.right });
    progress.above(() => {
      if (json)
        line(JSON.stringify({ event: "measured", step, loss, right: judged.right, exact: judged.exact, attributes: judged.attributes }));
      else
        line(
          `step ${String(step).padStart(String(steps).length)}/${steps}  loss ${loss.toFixed(4)}  right on ${looked} unseen captions: ${(100 * judged.right).toFixed(1)} %`,
        );
    });
  }
}
