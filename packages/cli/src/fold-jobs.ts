import { type Alignment, type Chain, fetchAlignment, singleSequence, type Template, templateOf } from "@gradus/systems/fold";
import { type Estimate, estimate, type Task, taskOf } from "@gradus/systems/fold/network";
import { ArgumentError } from "@gradus/tensor";
import { alignmentsFor, type FoldSource, type FoundStructure, type NamedQuery, structureOf } from "./folding.ts";
import { ownErrors } from "./own-errors.ts";
import { counted } from "./terminal.ts";

/** What `gradus fold` has to do, and what that takes. */

const command = "gradus fold";

/** What sequences are folded from. */
export interface EvidenceOptions {
  readonly msa?: readonly string[];
  readonly server?: string;
  readonly singleSequence?: boolean;
  readonly templates?: readonly string[];
  readonly compare?: string;
  readonly chunk?: number;
}

/** A chain of an experiment. */
export interface Against {
  readonly name: string;
  readonly chain: Chain;
}

/** All that is known of a sequence, and what folding it takes. */
export interface Job {
  readonly query: NamedQuery;
  readonly input: {
    readonly sequence: string;
    readonly alignments: readonly Alignment[];
    readonly templates: Template[];
  };
  readonly alone: boolean;
  /** What the prediction is compared with. */
  readonly against: Against | null;
  readonly task: Task;
  readonly cost: Estimate;
}

function checkOptions({ msa = [], server, singleSequence: single = false }: EvidenceOptions): void {
  if (single && (msa.length || server !== undefined))
    throw new ArgumentError(command, `both --single-sequence and ${msa.length ? "--msa" : "--server"} were given`, "Give one of them");
  if (msa.length && server !== undefined) throw new ArgumentError(command, "both --msa and --server were given", "Give one of them");
}

/**
 * A job for each sequence, with all that has to be read or fetched for it; `told` hears of the server. ArgumentError where nothing says
 * that a sequence is to be folded from itself alone, and for what would take more memory than there is.
 */
export async function jobsOf(
  queries: readonly NamedQuery[],
  source: FoldSource,
  options: EvidenceOptions,
  told: (text: string) => void,
): Promise<Job[]> {
  const { msa = [], server, templates: wanted = [], singleSequence: single = false, compare, chunk } = options;
  checkOptions(options);
  if (wanted.length && queries.length > 1)
    throw new ArgumentError(command, `--templates belong to one sequence, the FASTA file has ${queries.length}`, "Fold them one by one");
  if (wanted.length && !source.config.templates)
    throw new ArgumentError(
      command,
      `${source.name} knows no templates`,
      "Leave --templates out, or take the weights of model_1 or model_2",
    );
  for (const { id, sequence } of queries)
    if (!/[^X]/.test(sequence)) throw new ArgumentError(command, `${id} has no known residue`, "X stands for an unknown one");
  const alignments = await alignmentsFor(msa, queries);
  const alone = queries.find((query) => !alignments.get(query)!.length);
  if (alone && server === undefined && !single && !source.alone)
    throw new ArgumentError(
      command,
      `there is no alignment for ${alone.id}, and ${source.name} was trained on alignments`,
      "Give one with --msa or --server, or say --single-sequence: the prediction will be much worse",
    );
  const templates: Template[] = [];
  for (const text of wanted) templates.push(await chainFor("templates", queries[0]!, await structureOf("templates", text)));
  const reference = compare === undefined ? null : await structureOf("compare", compare);
  const jobs: Job[] = [];
  for (const query of queries) {
    const { id, sequence } = query;
    const against = reference && { name: reference.name, chain: (await chainFor("compare", query, reference)).chain };
    const own =
      server === undefined ? alignments.get(query)! : await fetched(query, server, (status) => told(`${id}: ${server} says ${status}`));
    const input = { sequence, alignments: own.length ? own : [singleSequence(sequence)], templates };
    const task = taskOf(source, input);
    jobs.push({ query, input, alone: !own.length, against, task, cost: estimate(source.config, task, chunk) });
  }
  for (const job of jobs) checkMemory(job, source, chunk);
  return jobs;
}

/** A structure laid along a query: its chain that was asked for, or the one that fits best. */
const chainFor = (option: string, { id, sequence }: NamedQuery, { name, structure, chain }: FoundStructure): Promise<Template> =>
  ownErrors(command, `--${option} ${name}, for ${id}`, () => templateOf(sequence, structure, chain === undefined ? {} : { chain }));

const fetched = ({ id, sequence }: NamedQuery, url: string, onStatus: (status: string) => void): Promise<Alignment[]> =>
  ownErrors(
    command,
    `no alignment for ${id}`,
    () => fetchAlignment(sequence, { url, onStatus }),
    "Give one as a file with --msa instead, or say --single-sequence: the prediction will be much worse",
  );

/** What the engine can hold at most: addresses of 32 bits. */
const mostBytes = 2 ** 32;
/** What programs and their making take besides. */
const besides = 150 * 2 ** 20;

/** ArgumentError where the estimate exceeds what the machine has to give. */
function checkMemory({ query: { id }, task, cost: { bytes } }: Job, source: FoldSource, chunk: number | undefined): void {
  const free = process.availableMemory();
  const most = Math.min(mostBytes, free - besides);
  if (bytes <= most) return;
  const why = bytes > mostBytes ? `the engine can hold ${size(mostBytes)}` : `${size(free)} are free`;
  throw new ArgumentError(
    command,
    `${id} (${task.residues} residues) would take ${size(bytes)} of memory, and ${why}`,
    memoryFix(task, source, most, chunk),
  );
}

/** The --chunk with which a task fits into so many bytes, or what else helps. */
export function memoryFix(task: Task, source: FoldSource, most: number, chunk = Number.POSITIVE_INFINITY): string {
  const largest = Math.max(task.residues, task.sequences, task.extraSequences);
  for (let rows = 256; rows >= 4; rows /= 2)
    if (rows < Math.min(chunk, largest) && estimate(source.config, task, rows).bytes <= most)
      return `Give --chunk ${rows}: it works on so many rows at a time, and takes ${size(estimate(source.config, task, rows).bytes)}`;
  return `Fold a part of it, such as a domain${chunk === Number.POSITIVE_INFINITY && most === 0 ? ", or give --chunk 16" : ""}`;
}

export const size = (bytes: number): string =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** "the sequence alone", "an alignment of 1200 sequences (508 clusters, 692 others) and 2 templates" */
export function evidence({ alone, input, task }: Job, { config }: FoldSource): string {
  if (alone && !task.templates) return "the sequence alone";
  const rows = input.alignments.reduce((sum, { rows: { length } }) => sum + length, 0);
  const aligned = alone
    ? "the sequence alone"
    : `an alignment of ${counted(rows, "sequence")} (${counted(task.sequences, "cluster")}, ${counted(task.extraSequences, "other")} at most)`;
  const { length } = input.templates;
  const left = length > task.templates ? ` (of ${length}: ${config.most.templates} are the most)` : "";
  return task.templates ? `${aligned} and ${task.templates} template${task.templates > 1 ? "s" : ""}${left}` : aligned;
}

/** Sentences that whoever reads the structure has to know. */
export function notesOf({ alone, input: { sequence } }: Job, source: FoldSource): string[] {
  const notes: string[] = [];
  if (alone)
    notes.push(
      source.alone
        ? "Folded from the sequence alone, without an alignment of relatives: that is what this network was trained on."
        : "Folded from the sequence alone, as --single-sequence says: this network was trained on alignments of relatives, and is much worse without.",
    );
  if (!alone && source.alone) notes.push("This network was trained on sequences alone: what it makes of an alignment, nobody knows.");
  const unknown = sequence.split("X").length - 1;
  if (unknown) notes.push(`${unknown} unknown residue${unknown > 1 ? "s" : ""} (X) will have no atoms.`);
  return notes;
}
