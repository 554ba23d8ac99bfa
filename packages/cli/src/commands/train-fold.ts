import { join } from "node:path";
import { openArchive } from "@gradus/data/node";
import { readExamples } from "@gradus/systems/fold";
import {
  type ChainScore,
  type Chains,
  configOf,
  dividedChains,
  type FoldTrainingEvent,
  generatedChains,
  readAlignments,
  type TrainedNetwork,
  trainedBytes,
  trainFold,
} from "@gradus/systems/fold/network";
import { ArgumentError } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { checkFolder } from "../folders.ts";
import { readTrained } from "../folding.ts";
import { ownErrors } from "../own-errors.ts";
import { type FoldRecord, foldReport, meanScores, scoreOf, scoresLine } from "../reports/fold.ts";
import { beginRun, Pace, trainingErrors, writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train fold";

export interface TrainFoldOptions {
  readonly data?: string;
  readonly config: string;
  readonly steps: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly crop?: number;
  readonly chains: number;
  readonly heldOut: number;
  readonly maxResidues: number;
  readonly dropout?: boolean;
  readonly from?: string;
  readonly seed: number;
  readonly out: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** Chains made by rule that the network is tested on. */
const generatedHeldOut = 200;

/** `gradus train fold`: trains, can be stopped and goes on, and leaves weights, a record and a report. */
export async function trainFoldCommand(options: TrainFoldOptions): Promise<void> {
  const { steps, batchSize, rate, seed, out: folder, dropout = false, json = false } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const from =
    options.from === undefined ? null : await readTrained(command, options.from, "Give --from a folder that gradus train fold wrote");
  const config = from?.config ?? (await ownErrors(command, `--config ${options.config}`, () => configOf(options.config)));
  await checkFolder(command, folder);
  const { chains, skipped } = await chainsOf(options);
  for (const text of skipped) say(`left out: ${text}`);
  tell({ event: "data", training: chains.training.length, heldOut: chains.heldOut.length, leftOut: skipped });
  const { data = null, crop = null } = options;
  const names = { training: chains.training.length, heldOut: data === null ? chains.heldOut.length : chains.heldOut.map((c) => c.name) };
  const settings = { system: "fold", config, data, chains: names, steps, batchSize, rate, crop, dropout, from: options.from ?? null, seed };
  const { checkpoint, resumed, end } = await beginRun(command, folder, settings, options.fresh);
  say(
    `${styled("bold", "fold")}: ${config.evoformer.blocks} Evoformer blocks on ${chains.training.length.toLocaleString("en")} ${data === null ? "chains made by rule" : "chains"}, ${chains.heldOut.length} kept from training`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const before = Number(from?.record["aligned"] ?? 0);
  const aligned = before + chains.training.filter(({ alignments }) => alignments.some(({ rows }) => rows.length > 1)).length;
  const begin = performance.now();
  const run = trainFold({
    ...{ config, chains, steps, batchSize, rate, dropout, seed, keep: checkpoint },
    ...(crop === null ? {} : { crop }),
    ...(from ? { from: from.weights } : {}),
  });
  const { trained, history } = await follow(run, json);
  const record: FoldRecord = {
    ...{ system: "fold", config, task: data === null ? "generated" : "structures", steps, batchSize, rate, seed, dropout },
    ...{ training: trained.training.map(scoreOf), heldOut: trained.heldOut.map(scoreOf), history },
    ...{ chains: chains.training.length, aligned, seconds: Math.round((performance.now() - begin) / 1000), resumed },
    command: `gradus ${process.argv.slice(2).join(" ")}`,
  };
  await saveFile(join(folder, "weights.safetensors"), [await trainedBytes(config, trained.weights)]);
  await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
  await writeText(join(folder, "report.html"), foldReport(record, trained));
  await end();
  tell({ event: "end", training: meanScores(trained.training), heldOut: meanScores(trained.heldOut), seconds: record.seconds, folder });
  say("");
  say(scoresLine("chains it has seen", trained.training));
  if (trained.heldOut.length) say(scoresLine("chains it has not seen", trained.heldOut));
  say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the network:`);
  say(`  gradus fold sequence.fasta --weights ${folder} ${aligned ? "--msa alignment.a3m " : ""}--out folded`);
}

/** What a run learns from, and a sentence for all that is left out. */
async function chainsOf(options: TrainFoldOptions): Promise<{ readonly chains: Chains; readonly skipped: readonly string[] }> {
  const { data, chains: count, heldOut, maxResidues, seed } = options;
  if (data === undefined) return { chains: generatedChains(count, generatedHeldOut, seed), skipped: [] };
  if (/\.(cif|mmcif|pdb|ent|a3m|sto)(\.gz)?$/i.test(data))
    throw new ArgumentError(command, `${data} is a single file`, "Give --data the folder it is in, or an archive of structures");
  return ownErrors(command, `--data ${data}`, async () => {
    const files = await openArchive(data);
    const { examples, skipped } = await readExamples(files, { maxResidues });
    const found = await readAlignments(files, examples);
    return { chains: dividedChains(examples, found.alignments, heldOut, seed), skipped: [...skipped, ...found.skipped] };
  });
}

/** Shows a run's events as they come. */
async function follow(run: AsyncGenerator<FoldTrainingEvent, TrainedNetwork>, json: boolean) {
  const progress = bar("{bar} {percentage}% | {rate} steps/s | loss {loss} | {left} left", json);
  const history: FoldRecord["history"][number][] = [];
  const pace = new Pace();
  let mean: number | null = null;
  for (;;) {
    const { value: event, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      return { trained: event, history };
    }
    const { step, steps, losses, scores } = event;
    const total = losses["total"]!;
    mean = mean === null ? total : 0.98 * mean + 0.02 * total;
    const { rate, left } = pace.at(step, steps);
    const ending = left === null ? "?" : timeLeft(left);
    progress.update(step, steps, { rate: rate.toFixed(2), loss: mean.toFixed(3), left: ending });
    if (!scores) continue;
    const of = (list: readonly ChainScore[]) => (list.length ? meanScores(list) : null);
    const measured = { step, loss: mean, training: of(scores.training), heldOut: of(scores.heldOut) };
    history.push(measured);
    progress.above(() => {
      if (json) return line(JSON.stringify({ event: "measured", ...measured, losses }));
      const shown = [scoresLine("seen", scores.training), ...(scores.heldOut.length ? [scoresLine("not seen", scores.heldOut)] : [])];
      line(
        `step ${String(step).padStart(String(steps).length)}/${steps}  loss ${measured.loss.toFixed(3)}  ${shown.join("; ")}  ${ending} left`,
      );
    });
  }
}
