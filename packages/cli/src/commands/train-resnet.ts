import { join } from "node:path";
import {
  arranged,
  batchSizeOf,
  configOf,
  evaluate,
  type ImageSet,
  imageSet,
  type Recipe,
  recipes,
  saveWeights,
  some,
  train,
} from "@gradus/systems/resnet";
import { ArgumentError } from "@gradus/tensor";
import { checkFolder } from "../folders.ts";
import { ownErrors } from "../own-errors.ts";
import { digestOf, pictureFiles, publicPictures } from "../picture-data.ts";
import { resnetReport } from "../reports/resnet.ts";
import { beginRun, Pace, trainingErrors, writeText } from "../run.ts";
import { bar, counted, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train resnet";

export interface TrainResNetOptions {
  readonly data: string;
  readonly config: string;
  readonly recipe: Recipe;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly seed: number;
  readonly limit?: number;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** What a run is. */
interface RunSettings {
  readonly system: "resnet";
  readonly config: string;
  readonly recipe: Recipe;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly classes: readonly string[];
  /** SHA-256 of the pictures and their classes. */
  readonly data: string;
}

const expected =
  "a folder or a .tar, .tar.gz or .zip archive with train/CLASS/ and test/CLASS/, CIFAR-10's binary files or MNIST's, or cifar10";

async function pictures(path: string, size: number, report: (what: string, done: number, total: number) => void): Promise<ImageSet> {
  if (path === "cifar10") return arranged(await publicPictures(command, path), { size, channels: 3 });
  // An archive of CIFAR's own holds a folder of its own; entries are found by their last parts.
  return imageSet(await pictureFiles(command, path, expected), size, report);
}

/** `gradus train resnet`: trains, can be stopped and goes on, and leaves weights, a record and a report. */
export async function trainResNet(options: TrainResNetOptions): Promise<void> {
  const { config: name, recipe, seed, json = false } = options;
  const folder = options.out ?? join("runs", name);
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const published = await ownErrors(command, `--config ${name}`, () => configOf(name));
  const { batchSize = batchSizeOf(published) } = options;
  const epochs = options.epochs ?? recipes[recipe].epochs;
  await checkFolder(command, folder);
  const reading = bar("{what} {bar} {value}/{total}", json);
  const all = await pictures(options.data, published.imageSize, (what, done, total) => reading.update(done, total, { what })).finally(() =>
    reading.stop(),
  );
  const { limit = all.train.labels.length } = options;
  if (limit > all.train.labels.length)
    throw new ArgumentError(command, `--limit is ${limit}, and there are ${all.train.labels.length} pictures`);
  if (limit < batchSize)
    throw new ArgumentError(command, `${limit} pictures do not fill a batch of ${batchSize}`, "Give a smaller --batch-size");
  const set = limit === all.train.labels.length ? all : { ...all, train: some(all.train, limit) };
  const config = configOf(name, { classes: set.classes.length });

  const settings: RunSettings = {
    system: "resnet",
    config: name,
    recipe,
    epochs,
    batchSize,
    seed,
    classes: set.classes,
    data: digestOf(set),
  };
  const { checkpoint, resumed, end } = await beginRun(command, folder, settings, options.fresh);

  say(
    `${styled("bold", name)}, ${set.train.labels.length} pictures of ${set.classes.length} classes, recipe ${recipe}, ${counted(epochs, "epoch")}`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);
  const steps = Math.floor(set.train.labels.length / batchSize);
  const progress = bar("{bar} {percentage}% | {rate} pictures/s | loss {loss} | {left} left", json);
  const run = train(set, config, { recipe, epochs, batchSize, seed, checkpoint });
  const pace = new Pace();
  for (;;) {
    const { value: event, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      const evaluation = await evaluate(event.model, set.test, event.normalisation);
      const record = {
        ...{ system: "resnet", config: name, classes: set.classes, normalisation: event.normalisation, resize: published.imageSize },
        ...{ recipe, epochs, batchSize, seed, data: options.data, trainingPictures: set.train.labels.length },
        ...{ testPictures: set.test.labels.length, top1: evaluation.top1, top5: evaluation.top5, confusion: evaluation.confusion },
        ...{ seconds: Math.round(event.seconds), resumed, command: `gradus ${process.argv.slice(2).join(" ")}`, history: event.history },
      };
      await saveWeights(event.model, join(folder, "weights.safetensors"));
      await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
      await writeText(join(folder, "report.html"), resnetReport(record));
      await end();
      tell({ event: "end", top1: evaluation.top1, top5: evaluation.top5, seconds: record.seconds, folder });
      const five = set.classes.length > 5 ? `, ${(100 * evaluation.top5).toFixed(2)} % among the five likeliest` : "";
      say(`\nTest pictures: ${(100 * evaluation.top1).toFixed(2)} % right${five}.`);
      say(`${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the network:`);
      say(`  gradus classify picture.jpg --model ${name} --weights ${join(folder, "weights.safetensors")}`);
      return;
    }
    const at = event.epoch * steps + (event.kind === "progress" ? event.batch : steps);
    const now = pace.at(at, epochs * steps);
    const rate = now.rate * batchSize;
    const left = now.left === null ? "?" : timeLeft(now.left);
    if (event.kind === "progress") {
      progress.update(at, epochs * steps, { rate: Math.round(rate), loss: event.logs["loss"]!.toFixed(3), left });
      continue;
    }
    tell({ event: "epoch", epoch: event.epoch + 1, ...event.logs, picturesPerSecond: Math.round(rate) });
    const { loss, accuracy, val_accuracy: test } = event.logs as { loss: number; accuracy: number; val_accuracy?: number };
    progress.above(() =>
      say(
        `epoch ${String(event.epoch + 1).padStart(String(epochs).length)}/${epochs}  loss ${loss.toFixed(3)}  right ${(100 * accuracy).toFixed(1)} %` +
          `${test === undefined ? "" : `  on test pictures ${(100 * test).toFixed(1)} %`}  ${Math.round(rate)} pictures/s  ${left} left`,
      ),
    );
  }
}
