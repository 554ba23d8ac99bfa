import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { encodePng } from "@gradus/data";
import {
  arranged,
  type DrawnPicture,
  drawn,
  evaluatePictures,
  type ImageSet,
  type ImageSetOptions,
  imageSet,
  loadPictureModel,
  type PictureModel,
  type PictureTrainingEvent,
  pictureConfig,
  pictureModelBytes,
  some,
  type TrainedPictures,
  trainJudge,
  trainPictures,
} from "@gradus/systems/diffusion/pictures";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { type ArrayData, makeFolder, saveFile } from "@gradus/tensor/io";
import { refuseGiven } from "../options.ts";
import { digestOf, pictureFiles, publicPictures } from "../picture-data.ts";
import { percent } from "../reports/captioner.ts";
import { type PictureRecord, pictureReport } from "../reports/picture-model.ts";
import { grid } from "../reports/pictures.ts";
import { beginRun, Pace, trainingErrors, writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train diffusion";

export interface TrainPicturesOptions {
  readonly data: string;
  readonly unconditional?: boolean;
  readonly network?: string;
  readonly size?: number;
  readonly limit?: number;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly rate?: number;
  readonly samples?: number;
  readonly from?: string;
  readonly seed: number;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** Data sets that can be fetched, by the names they have here. */
const catalog = { cifar10: "cifar10", mnist: "mnist", "fashion-mnist": "fashionMnist" } as const;

const expected =
  "a folder or a .tar, .tar.gz or .zip archive with pictures in a folder a class, CIFAR-10's binary files or the IDX files of MNIST or Fashion-MNIST; or cifar10, mnist or fashion-mnist to fetch these";

/** Share of the pictures that is kept for judging, where none are there for it. */
const keptForTest = 0.1;

async function pictures(path: string, options: ImageSetOptions): Promise<ImageSet> {
  if (!Object.hasOwn(catalog, path)) {
    const files = await pictureFiles(command, path, expected);
    return imageSet(files, { ...options, keptForTest }).catch((error: unknown) => {
      throw error instanceof FormatError ? withFlags(error) : error;
    });
  }
  const { train, test, classes } = await publicPictures(command, catalog[path as keyof typeof catalog]);
  // Grey ones come without an axis for their channel.
  const whole = <T extends { readonly images: ArrayData }>(part: T): T =>
    part.images.shape.length === 4 ? part : { ...part, images: { ...part.images, shape: [...part.images.shape, 1] } };
  return arranged({ train: whole(train), test: whole(test), classes }, options);
}

/** What is wrong with a set, and which option of the command helps. */
function withFlags(error: FormatError): Error {
  if (/pixels/.test(error.problem))
    return new ArgumentError(command, error.problem, "Give --size, such as 32, to bring all pictures to it");
  if (/one class only|no folder of a class/.test(error.problem))
    return new ArgumentError(command, error.problem, "Put pictures into a folder a class, or give --unconditional");
  return error;
}

/** `gradus train diffusion --data`: a model that draws pictures like those of a data set, in its classes or as they come. */
export async function trainOnPictures(options: TrainPicturesOptions): Promise<void> {
  const {
    steps = 10_000,
    batchSize = 64,
    rate = 0.001,
    samples = 500,
    seed,
    out: folder = join("runs", "pictures"),
    json = false,
  } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  refuseGiven(
    command,
    options,
    ["autoencoderSteps", "sketchSteps", "snrLeast", "scenes", "autoencoder", "captions"],
    "of scenes, --data gives pictures",
    "Leave one of them out",
  );
  if (samples < 4) throw new ArgumentError(command, `--samples is ${samples}`, "Give at least 4: they are compared with real pictures");
  const from = options.from === undefined ? null : await modelIn(options.from);
  if (from && options.network !== undefined)
    throw new ArgumentError(command, "both --from and --network were given", "A model has its network: give --from alone");
  const reading = bar("{what} {bar} {value}/{total}", json);
  const all = await pictures(options.data, {
    ...{ labelled: !options.unconditional, report: (what, done, total) => reading.update(done, total, { what }) },
    ...(options.size === undefined ? {} : { size: options.size }),
  }).finally(() => reading.stop());
  const set = limited(all, options.limit, batchSize);
  const { classes } = set;
  const [, size, , channels] = set.train.images.shape as [number, number, number, number];
  const config = from?.config ?? pictureConfig(options.network ?? "unet", { size, channels, classes });

  const settings = {
    system: "diffusion",
    task: "pictures",
    config,
    steps,
    batchSize,
    rate,
    seed,
    data: digestOf(set),
    from: options.from ?? null,
  };
  const { checkpoint, resumed, end } = await beginRun(command, folder, settings, options.fresh);
  const shownIn = join(folder, "samples");
  if (!resumed) await rm(shownIn, { recursive: true, force: true });
  const [many, of] = [set.train.labels.length.toLocaleString("en"), classes.length ? ` of ${classes.length} classes` : ""];
  say(
    `${styled("bold", "diffusion")}: ${nameOf(config.network.kind)} on ${many} pictures${of}, ${size} × ${size}, ${channels === 1 ? "grey" : "coloured"}`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const run = trainPictures(set, config, { steps, batchSize, rate, seed, keep: checkpoint, ...(from ? { from } : {}) });
  const { model: trained, losses, seconds } = await follow(run, shownIn, seed, json);
  // What is judged is what is written: weights have 8 bits then.
  const bytes = await pictureModelBytes(trained);
  const model = await loadPictureModel(JSON.stringify({ config }), bytes);
  const judging = bar("{what} {bar} {value}/{total}", json);
  const judge = await trainJudge(set, {
    steps: Math.min(1000, steps),
    seed,
    report: (n, total) => judging.update(n, total, { what: "a judge learns" }),
  });
  const { evaluation, drawn: made } = await evaluatePictures(model, judge, set, {
    ...{ pictures: samples, seed, report: (n, total) => judging.update(n, total, { what: "drawing" }) },
  });
  judging.stop();
  const record: PictureRecord = {
    ...{ system: "diffusion", task: "pictures", config, weights: model.network.countParams() },
    ...{ trainingPictures: set.train.labels.length, testPictures: set.test.labels.length, steps, batchSize, rate, seed },
    ...{ seconds: Math.round(seconds), resumed, command: `gradus ${process.argv.slice(2).join(" ")}` },
    ...{ losses, evaluation },
  };
  await saveFile(join(folder, "weights.safetensors"), [bytes]);
  await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
  await writeText(join(folder, "report.html"), await pictureReport(record, byClass(made, classes), set.test, await keptSamples(shownIn)));
  await end();
  tell({ event: "end", ...evaluation, seconds: record.seconds, folder });
  say("");
  say(evaluationLine(evaluation));
  say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the model:`);
  say(`  gradus draw --model ${folder}${classes.length ? ` --class ${quoted(classes[0]!)}` : ""} --count 8`);
}

const nameOf = (kind: "unet" | "dit"): string => (kind === "unet" ? "a U-Net" : "a diffusion transformer");
const quoted = (name: string): string => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));

function limited(set: ImageSet, limit: number | undefined, batchSize: number): ImageSet {
  const n = set.train.labels.length;
  if (limit !== undefined && limit > n) throw new ArgumentError(command, `--limit is ${limit}, and there are ${n} pictures`);
  const count = limit ?? n;
  if (count < batchSize)
    throw new ArgumentError(command, `${count} pictures do not fill a batch of ${batchSize}`, "Give a smaller --batch-size");
  if (set.test.labels.length < 4)
    throw new ArgumentError(
      command,
      `there are ${set.test.labels.length} pictures to compare drawn ones with, besides ${n} to train with`,
      "Give more",
    );
  return count === n ? set : { ...set, train: some(set.train, count) };
}

/** A model that training wrote before. */
async function modelIn(folder: string): Promise<PictureModel> {
  const description = join(folder, "weights.json");
  if (!existsSync(description))
    throw new ArgumentError(command, `there is no file ${description}`, "Give --from a folder that gradus train diffusion --data wrote");
  return loadPictureModel(await readFile(description, "utf8"), join(folder, "weights.safetensors"), description);
}

/** Shows a run's events as they come, and draws some pictures at each pause: with the weights as they are, not their averages. */
async function follow(
  run: AsyncGenerator<PictureTrainingEvent, TrainedPictures>,
  shownIn: string,
  seed: number,
  json: boolean,
): Promise<TrainedPictures> {
  const progress = bar("{bar} {percentage}% | {rate} steps/s | loss {loss} | {left} left", json);
  const pace = new Pace();
  for (;;) {
    const { value: event, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      return event;
    }
    const { step, steps, loss, paused, model } = event;
    const { rate, left } = pace.at(step, steps);
    const remaining = left === null ? "?" : timeLeft(left);
    progress.update(step, steps, { rate: rate.toFixed(2), loss: loss.toFixed(4), left: remaining });
    if (!paused) continue;
    const file = join(shownIn, `step-${String(step).padStart(String(steps).length, "0")}.png`);
    await makeFolder(shownIn);
    await saveFile(file, [await encodePng(grid(await drawn(model, { classes: oneOfEach(model), seed }), shownAtOnce))]);
    progress.above(() => {
      if (json) line(JSON.stringify({ event: "sampled", step, loss, file }));
      else line(`step ${String(step).padStart(String(steps).length)}/${steps}  loss ${loss.toFixed(4)}  ${remaining} left  ${file}`);
    });
  }
}

/** Pictures that are drawn while it trains. */
const shownAtOnce = 10;

/** A picture of each class, of evenly chosen ones where there are many; without classes, as many of any. */
const oneOfEach = ({ config: { classes } }: PictureModel): (number | null)[] =>
  Array.from({ length: shownAtOnce }, (_, i) =>
    !classes.length ? null : classes.length <= shownAtOnce ? i % classes.length : Math.floor((i * classes.length) / shownAtOnce),
  );

/** Names and bytes of the pictures that `follow` left, earlier parts of the run included. */
async function keptSamples(folder: string): Promise<{ readonly name: string; readonly bytes: Uint8Array }[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^step-\d+\.png$/.test(name)).sort();
  return Promise.all(names.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(join(folder, name))) })));
}

/** What was drawn of each class; all of it where there are none. */
function byClass(
  made: readonly DrawnPicture[],
  classes: readonly string[],
): { readonly name: string; readonly drawn: readonly DrawnPicture[] }[] {
  if (!classes.length) return [{ name: "", drawn: made }];
  return classes.map((name, k) => ({ name, drawn: made.filter(({ asked }) => asked === k) }));
}

/** "500 pictures: Fréchet distance 3.21 from unseen real ones (real ones: 0.40), ..." */
function evaluationLine({ pictures: count, fidelity, real, right, realRight }: PictureRecord["evaluation"]): string {
  return (
    `${styled("bold", `${count} pictures`)}: Fréchet distance ${fidelity.frechet.toPrecision(3)} from unseen real ones (as many real ones: ${real.frechet.toPrecision(3)}), ` +
    `precision ${percent(fidelity.precision)}, recall ${percent(fidelity.recall)}` +
    (right === null || realRight === null ? "" : `; ${percent(right)} are taken for their class (real ones: ${percent(realRight)})`)
  );
}
