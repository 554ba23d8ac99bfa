import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Chain, type Comparison, compareChains, moved, paeJson, writeMmcif, writePdb } from "@gradus/systems/fold";
import { type FoldNetwork, mostAlignedError, type Predicted, predict } from "@gradus/systems/fold/network";
import { OutOfMemoryError } from "@gradus/tensor";
import { type EvidenceOptions, evidence, type Job, jobsOf, memoryFix, notesOf, size } from "../fold-jobs.ts";
import { checkFolder, makeResultsFolder } from "../folders.ts";
import { type FoldSource, foldSource, queriesIn } from "../folding.ts";
import { comparisonLine, mean, predictionReport } from "../reports/prediction.ts";
import { writeText } from "../run.ts";
import { bar, counted, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus fold";

export interface FoldCommandOptions extends EvidenceOptions {
  readonly weights?: string;
  readonly config?: string;
  readonly recycles?: number;
  readonly seed: number;
  /** False with --no-relax. */
  readonly relax: boolean;
  readonly out: string;
  readonly json?: boolean;
}

/** `gradus fold`: structures from sequences, each as mmCIF, PDB, JSON and a page. What cannot be folded is refused before anything is. */
export async function fold(fasta: string, options: FoldCommandOptions): Promise<void> {
  const { json = false, out } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  await checkFolder(command, out);
  const queries = await queriesIn(fasta);
  const source = await foldSource(options.weights, options.config);
  const jobs = await jobsOf(queries, source, options, (text) => say(styled("dim", text)));
  const recycles = options.recycles ?? source.config.recycles;
  const network = await source.load();
  await makeResultsFolder(command, out);
  say(`${styled("bold", "Network")}: ${source.about}.`);
  tell({ event: "network", name: source.name, about: source.about });
  for (const job of jobs) {
    try {
      await foldOne(job, { source, network, recycles, options });
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      throw new OutOfMemoryError(
        command,
        `there is not enough memory for ${job.query.id}: ${error.problem}`,
        memoryFix(job.task, source, 0, options.chunk),
      );
    }
  }
}

interface Setting {
  readonly source: FoldSource;
  readonly network: FoldNetwork;
  readonly recycles: number;
  readonly options: FoldCommandOptions;
}

async function foldOne(job: Job, { source, network, recycles, options }: Setting): Promise<void> {
  const { query, alone, task, cost, against } = job;
  const { id, sequence } = query;
  const { seed, relax, out, json = false, chunk } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify({ ...event, id }));
  const from = evidence(job, source);
  const notes = notesOf(job, source);
  say(`\n${styled("bold", id)}: ${counted(task.residues, "residue")}, from ${from}`);
  for (const note of notes) say(styled("yellow", note));

  const begin = performance.now();
  const given = { recycles, ...(chunk === undefined ? {} : { chunk }) };
  const seconds = await network.timePrediction(task, given);
  say(`${counted(recycles + 1, "pass", "passes")}, some ${timeLeft(seconds)} and ${size(cost.bytes)} of memory`);
  tell({ event: "estimate", ...task, alone, passes: recycles + 1, seconds: rounded(seconds), bytes: cost.bytes });
  const { predicted, passes } = await follow(job, network, { ...given, seed, relax }, seconds, json);
  const took = (performance.now() - begin) / 1000;

  const comparison = against && compareChains(predicted.chain, against.chain);
  const chain = comparison ? laidUpon(predicted.chain, comparison) : predicted.chain;
  const structure = { id: query.file, method: null, resolution: null, date: null, chains: [chain] };
  const { alignedError, ptm } = predicted.confidence;
  const sureness = confidenceLine(predicted);
  const rows: [string, string][] = [
    ["Network", source.about],
    ["Sequence", `${id}, ${counted(task.residues, "residue")}: ${sequence.length > 120 ? `${sequence.slice(0, 120)}…` : sequence}`],
    ["Folded from", from],
    ["Confidence", sureness],
    ["pLDDT by pass", passes.map((p) => p.toFixed(1)).join(", ")],
    ["Relaxed", relaxedLine(predicted) ?? "no"],
    ...(comparison
      ? [[`Against ${against!.name}`, `${comparisonLine(comparison)}; the files have it laid upon that structure`] as [string, string]]
      : []),
    ["Passes", `${recycles + 1}, seed ${seed}`],
    ["Time", timeLeft(took)],
    ["Command", `gradus ${process.argv.slice(2).join(" ")}`],
  ];
  const compared = comparison ? { compared: { name: against!.name, comparison } } : {};
  const files: [end: string, text: string][] = [
    ["cif", writeMmcif(structure, { plddt: true })],
    ["pdb", writePdb(structure, { plddt: true })],
    ...(alignedError ? [["pae.json", paeJson(alignedError, mostAlignedError())] as [string, string]] : []),
    ["html", await predictionReport({ id, predicted, notes, rows, ...compared })],
  ];
  const paths = files.map(([end]) => join(out, `${query.file}.${end}`));
  for (const [i, [, text]] of files.entries()) await writeText(paths[i]!, text);
  // One of a prediction before would seem to belong to this one.
  if (!alignedError) await rm(join(out, `${query.file}.pae.json`), { force: true });

  const result = {
    ...{ plddt: rounded(mean(predicted.plddt)), ptm: ptm === null ? null : rounded(ptm, 4) },
    relaxed: predicted.relaxed && {
      before: predicted.relaxed.before,
      after: predicted.relaxed.after,
      moved: rounded(predicted.relaxed.moved, 3),
    },
    comparison: comparison && {
      reference: against!.name,
      rmsd: comparison.rmsd,
      tmScore: comparison.tmScore,
      lddt: comparison.lddt,
      gdtTs: comparison.gdtTs,
      residues: comparison.residues,
      referenceResidues: comparison.referenceResidues,
    },
  };
  tell({ event: "end", ...result, seconds: rounded(took), files: paths });
  say(`${sureness}, ${timeLeft(took)}`);
  const mended = relaxedLine(predicted);
  if (mended) say(`relaxed: ${mended}`);
  if (comparison) say(`against ${against!.name}: ${comparisonLine(comparison)}`);
  if (!alignedError) say(styled("dim", "no .pae.json: errors of pairs are predicted by ptm networks alone"));
  say(paths.join("  "));
}

/** Shows the passes of a prediction as they come. */
async function follow(
  { query: { id }, input, cost }: Job,
  network: FoldNetwork,
  { seed, relax, recycles, chunk }: { readonly seed: number; readonly relax: boolean; readonly recycles: number; readonly chunk?: number },
  seconds: number,
  json: boolean,
): Promise<{ readonly predicted: Predicted; readonly passes: readonly number[] }> {
  const total = recycles + 1;
  const progress = bar("pass {pass}/{passes} {bar} {percentage}% | block {block}/{blocks} | {left} left", json);
  const begin = performance.now();
  const clock = new Clock(seconds);
  const passes: number[] = [];
  let before = begin;
  const told = (block: number, blocks: number): void => {
    const { extra, evoformer } = cost.blocks;
    const extras = Math.min(block, network.config.extraMsa.blocks);
    const share = Math.min(1, (extras * extra + (block - extras) * evoformer) / cost.operations);
    const left = clock.left((passes.length + share) / total);
    if (json) line(JSON.stringify({ event: "block", id, pass: passes.length + 1, passes: total, block, blocks, left: rounded(left) }));
    progress.update(Math.min(999, Math.round((1000 * (passes.length + share)) / total)), 1000, {
      pass: passes.length + 1,
      passes: total,
      block,
      blocks,
      left: timeLeft(left),
    });
  };
  const run = predict(network, input, { seed, relax, recycles, progress: told, ...(chunk === undefined ? {} : { chunk }) });
  try {
    for (;;) {
      const { value, done } = await run.next();
      if (done) return { predicted: value, passes };
      const sure = mean(value.plddt);
      passes.push(sure);
      const now = performance.now();
      const [took, left] = [(now - before) / 1000, clock.left(passes.length / total)];
      before = now;
      progress.above(() => {
        if (json)
          line(
            JSON.stringify({
              event: "pass",
              id,
              pass: value.pass,
              passes: total,
              plddt: rounded(sure),
              seconds: rounded(took),
              left: rounded(left),
            }),
          );
        else line(`pass ${value.pass}/${total}  mean pLDDT ${sure.toFixed(1)}  ${took.toFixed(1)} s`);
      });
    }
  } finally {
    progress.stop();
  }
}

/** Seconds left: at first as estimated, from a tenth of the way on as it went so far. */
class Clock {
  private readonly estimated: number;
  private readonly begin = performance.now();

  constructor(estimated: number) {
    this.estimated = estimated;
  }

  left(share: number): number {
    if (share < 0.1) return this.estimated * (1 - share);
    return ((performance.now() - this.begin) / 1000) * (1 / share - 1);
  }
}

/** The shortest chains that TM-scores, predicted or not, say something of: below, their scale of distances is far less than an ångström. */
const shortest = 30;

function confidenceLine({ plddt, confidence: { ptm } }: Predicted): string {
  const score = ptm === null ? "" : `, predicted TM-score ${ptm.toFixed(3)}`;
  const short = score && plddt.length < shortest ? " (of so short a chain it says nothing)" : "";
  return `mean pLDDT ${mean(plddt).toFixed(1)}${score}${short}`;
}

function relaxedLine({ relaxed }: Predicted): string | null {
  if (!relaxed) return null;
  const { before, after } = relaxed;
  const of = ({ bonds, clashes }: typeof before): string => `${bonds} strained bonds and angles, ${counted(clashes, "clash", "clashes")}`;
  return `${of(before)} before; ${of(after)} after; atoms moved by ${relaxed.moved.toFixed(2)} Å`;
}

/** The prediction where the reference lies, so that viewers show one upon the other. */
function laidUpon(chain: Chain, { motion }: Comparison): Chain {
  const atomPositions = Float32Array.from(moved(motion, chain.atomPositions), (x, i) => (chain.atomMask[Math.floor(i / 3)] ? x : 0));
  return { ...chain, atomPositions };
}

const rounded = (x: number, digits = 2): number => Number(x.toFixed(digits));
