import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readText } from "@gradus/data";
import { fileChunks } from "@gradus/data/node";
import { type Alignment, fetchStructure, type Query, readAlignment, readQueries, type Structure } from "@gradus/systems/fold";
import { configOf, type FoldConfig, FoldNetwork, loadFold, loadOfficialWeights, type TrainedFold } from "@gradus/systems/fold/network";
import { loadStructure } from "@gradus/systems/fold/node";
import { ArgumentError, FormatError, GradusError } from "@gradus/tensor";
import { ownErrors } from "./own-errors.ts";

/** What `gradus fold` is given: a network, sequences, alignments, structures. */

const command = "gradus fold";

/** A network that is known, and may still have to be read. */
export interface FoldSource {
  /** "model_2_ptm", "the small network that comes with Gradus", "runs/fold" */
  readonly name: string;
  /** What was it trained on, in a sentence. */
  readonly about: string;
  readonly config: FoldConfig;
  /** Whether it was trained on sequences alone, without alignments of relatives. */
  readonly alone: boolean;
  load(): Promise<FoldNetwork>;
}

/** The network by --weights and --config; without either the one that comes with Gradus. */
export async function foldSource(weights: string | undefined, config: string | undefined): Promise<FoldSource> {
  if (weights === undefined || (existsSync(weights) && statSync(weights).isDirectory())) {
    if (config !== undefined)
      throw new ArgumentError(command, `--config is ${config}, but the network tells itself what it is`, "Leave --config out");
    return weights === undefined ? shipped() : trained(weights);
  }
  checkFile(weights, "Give an official params_model_N.npz, or a folder that gradus train fold wrote");
  if (!/\.npz$/i.test(weights))
    throw new ArgumentError(
      command,
      `${weights} does not end in .npz`,
      "Give params_model_N.npz, or the folder that gradus train fold wrote",
    );
  const name = config ?? /model_[1-5](_ptm)?/.exec(basename(weights))?.[0];
  if (name === undefined)
    throw new ArgumentError(
      command,
      `the name ${basename(weights)} does not tell which network this is`,
      "Say it with --config, model_1 to model_5 or model_1_ptm to model_5_ptm",
    );
  const known = await ownErrors(command, `--config ${name}`, () => configOf(name));
  return {
    name,
    about: `AlphaFold 2's ${name} with weights of ${weights}, trained on alignments of relatives`,
    config: known,
    alone: false,
    load: async () => new FoldNetwork(known, (await inFile(weights, () => loadOfficialWeights(weights, known))).weights),
  };
}

async function shipped(): Promise<FoldSource> {
  const [description, weights] = ["json", "safetensors"].map((end) =>
    fileURLToPath(import.meta.resolve(`@gradus/systems/fold/weights/generated.${end}`)),
  ) as [string, string];
  for (const path of [description, weights])
    if (!existsSync(path))
      throw new ArgumentError(
        command,
        `the small network that comes with Gradus is not there (${path})`,
        "Give --weights: an official params_model_N.npz, or a folder that gradus train fold wrote",
      );
  return trained(null, [description, weights]);
}

/** A network's description and weights. */
type TrainedFiles = readonly [description: string, weights: string];
const filesIn = (folder: string): TrainedFiles => [join(folder, "weights.json"), join(folder, "weights.safetensors")];

async function trained(folder: string | null, files = filesIn(folder!)): Promise<FoldSource> {
  const { config, weights, record } = await read(command, files, "Give a folder that gradus train fold wrote");
  const network = new FoldNetwork(config, weights);
  const generated = record["task"] === "generated";
  const learned = generated
    ? "generated helices and hairpins, not on proteins: of a real protein it knows nothing, however sure it says that it is"
    : "known structures";
  return {
    name: folder ?? "the small network that comes with Gradus",
    about: `${folder ? `the network of ${folder}` : "the small network that comes with Gradus"}, trained on ${learned}`,
    config,
    alone: fromSequences(record, config),
    load: async () => network,
  };
}

/** Whether a network never saw an alignment in training. Records of runs before that was written down tell it by what the network takes. */
function fromSequences({ task, aligned }: Readonly<Record<string, unknown>>, { most }: FoldConfig): boolean {
  return typeof aligned === "number" ? aligned === 0 : task === "generated" || most.clusters === 1;
}

/** The network that `gradus train fold` left in a folder. ArgumentError where a file is missing; errors name the file. */
export const readTrained = (operation: string, folder: string, fix: string): Promise<TrainedFold> => read(operation, filesIn(folder), fix);

async function read(operation: string, [description, weights]: TrainedFiles, fix: string): Promise<TrainedFold> {
  for (const path of [description, weights]) checkFile(path, fix, operation);
  const text = await readFile(description, "utf8");
  try {
    return await loadFold(text, weights, description);
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    // What loadFold itself finds is of the description, which it names; all else, of the weights.
    const problem = error.operation === "loadFold" ? error.problem : `${weights}: ${error.problem}`;
    throw new FormatError(operation, problem, error.fix);
  }
}

/** ArgumentError, in a sentence, for what is no file. */
function checkFile(path: string, fix?: string, operation = command): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new ArgumentError(operation, `there is no file ${path}`, fix);
  if (found.isDirectory()) throw new ArgumentError(operation, `${path} is a folder`, fix ?? "Give a file");
}

/** Does what reads a file; errors name it. */
async function inFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GradusError) throw new FormatError(command, `${path}: ${error.problem}`, error.fix);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new ArgumentError(command, `${path} cannot be read (${message})`);
  }
}

/** A sequence, and the name of its files. */
export interface NamedQuery extends Query {
  readonly file: string;
}

/** The sequences of a FASTA file. Names of files have letters, digits, points, - and _ alone. */
export async function queriesIn(path: string): Promise<NamedQuery[]> {
  checkFile(path, "Give a FASTA file: > and a name on one line, the amino acids below it");
  const queries = await inFile(path, () => readQueries(fileChunks(path)));
  const seen = new Set<string>();
  return queries.map(({ id, sequence }) => {
    const file = id
      .replace(/[^\w.-]+/g, "_")
      .replace(/^[.]+/, "_")
      .slice(0, 100);
    if (seen.has(file.toLowerCase()))
      throw new ArgumentError(command, `two sequences of ${path} would both be written as ${file}`, "Give them different names");
    seen.add(file.toLowerCase());
    return { id, sequence, file };
  });
}

/** Which alignments belong to which query: those whose first sequence it is. FormatError for one that belongs to none. */
export async function alignmentsFor(paths: readonly string[], queries: readonly Query[]): Promise<Map<Query, Alignment[]>> {
  const found = new Map<Query, Alignment[]>(queries.map((query) => [query, []]));
  for (const path of paths) {
    checkFile(path, "Give an alignment in the A3M or Stockholm format");
    const text = await inFile(path, () => readText(fileChunks(path), { maxBytes: 2 ** 29 }));
    const problems: FormatError[] = [];
    for (const query of queries) {
      try {
        found.get(query)!.push(await readAlignment(text, query.sequence));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        problems.push(error);
      }
    }
    if (problems.length === queries.length) {
      const { problem, fix } = problems[0]!;
      const which = queries.length > 1 ? `it belongs to none of the ${queries.length} sequences; of ${queries[0]!.id}: ` : "";
      throw new FormatError(command, `${path}: ${which}${problem}`, fix);
    }
  }
  return found;
}

/** A structure, and which of its chains was asked for. */
export interface FoundStructure {
  readonly name: string;
  readonly structure: Structure;
  readonly chain?: string;
}

/** A structure by a file's path or by its PDB id, either with a chain: "model.cif", "model.cif:B", "2RBG", "2RBG:A". */
export async function structureOf(option: string, text: string): Promise<FoundStructure> {
  const [, before, chain] = /^(.+):(\w{1,4})$/.exec(text) ?? [];
  const named = chain === undefined ? {} : { chain };
  const path = existsSync(text) ? text : before !== undefined && existsSync(before) ? before : null;
  if (path !== null) {
    checkFile(path, "Give an mmCIF or PDB file");
    return { name: text, structure: await inFile(path, () => loadStructure(path)), ...(path === text ? {} : named) };
  }
  const id = before ?? text;
  if (!/^(\d\w{3}|pdb_\w{8})$/i.test(id))
    throw new ArgumentError(
      command,
      `--${option} is ${text}: there is no such file, and it is no PDB id`,
      "Give an mmCIF or PDB file, or an id such as 2RBG",
    );
  return { name: text, structure: await ownErrors(command, `--${option} ${text}`, () => fetchStructure(id)), ...named };
}
