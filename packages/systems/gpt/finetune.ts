import { setRandomSeed } from "@gradus/nn";
import {
  ArgumentError,
  FormatError,
  loadSafetensorsFile,
  ShapeError,
  type Source,
  StateError,
  safetensorsBytes,
  type Variable,
} from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import { countWeights } from "./config.ts";
import type { TokenSplit } from "./data.ts";
import { Adapter, type Linear } from "./linear.ts";
import type { Gpt } from "./model.ts";
import { optimise, type Recipe, type Trained, type TrainingUpdate, type TrainOptions } from "./train.ts";

export interface AdapterOptions {
  /** Rank of the change to each matrix (r in the paper). Default 8. */
  readonly rank?: number;
  /** The change counts alpha / rank times. Default 2 · rank. */
  readonly alpha?: number;
  /** Names of the matrices in each block that are changed. Default: all of qkv, out, gate, up, down. */
  readonly targets?: readonly string[];
}

const matrices = ["qkv", "out", "gate", "up", "down"];

/** The products in a network's blocks. */
function linears({ blocks }: Gpt): Linear[] {
  return blocks
    .flatMap(({ attention, feedForward }) => [attention.qkv, attention.out, feedForward.gate, feedForward.up, feedForward.down])
    .filter((linear) => linear !== null);
}

const adapted = (network: Gpt): Linear[] => linears(network).filter(({ adapter }) => adapter !== null);

/** Whether a network has adapters that are not merged. */
export const hasAdapters = (network: Gpt): boolean => adapted(network).length > 0;

/**
 * Gives matrices of a network changes of low rank (LoRA; Hu et al. 2022, §4.1), and makes these all that training changes. They begin at
 * nothing. ArgumentError for names that no matrix has, StateError where there are adapters already.
 */
export function addAdapters(network: Gpt, options: AdapterOptions = {}): void {
  const { rank = 8, alpha = 2 * rank, targets = matrices } = options;
  if (!(Number.isInteger(rank) && rank >= 1))
    throw new ArgumentError("addAdapters", `the rank is ${rank}`, "Give a whole number from 1 on");
  if (!(alpha > 0 && alpha < Infinity)) throw new ArgumentError("addAdapters", `alpha is ${alpha}`, "Give a positive number");
  if (hasAdapters(network))
    throw new StateError("addAdapters", "the network has adapters already", "Merge them first: mergeAdapters(network)");
  const unknown = targets.find((name) => !matrices.includes(name));
  if (unknown !== undefined) throw new ArgumentError("addAdapters", `no matrix is called ${unknown}`, `There are ${matrices.join(", ")}`);
  const all = linears(network);
  const chosen = all.filter(({ name }) => targets.includes(name));
  if (!chosen.length)
    throw new ArgumentError("addAdapters", `there is no matrix to change among "${targets.join(", ")}"`, `Use ${matrices.join(", ")}`);
  for (const linear of chosen) linear.adapter = new Adapter(linear, rank, alpha / rank);
  // What holds an adapter has to count as trainable, for its sake; all else is frozen.
  network.trainable = true;
  const { tokens, table, norm, head, blocks } = network;
  const others = [tokens, table, norm, head, ...blocks.flatMap(({ norm1, norm2 }) => [norm1, norm2])];
  for (const layer of [...others, ...all.filter((linear) => !linear.adapter)]) if (layer) layer.trainable = false;
}

/**
 * Adds each change to its matrix and takes the adapters away: the network computes what it did, to rounding, and is trainable as a
 * whole again. StateError for matrices of 8 or 4 bits, which cannot take it.
 */
export function mergeAdapters(network: Gpt): void {
  const found = adapted(network);
  if (found.some(({ weight }) => !weight))
    throw new StateError("mergeAdapters", "weights of 8 or 4 bits cannot take a change", "Load the network with 32 bits");
  for (const { weight, adapter } of found) weight!.assign(weight!.add(adapter!.product()));
  removeAdapters(network);
}

/** Takes the adapters away and leaves the matrices as they were. */
export function removeAdapters(network: Gpt): void {
  for (const linear of adapted(network)) linear.adapter = null;
  network.trainable = true;
}

/** The arrays of the adapters by path, such as "block0/attention/qkv/adapter/a". */
const arraysOf = (network: Gpt): Map<string, Variable> =>
  new Map(
    network
      .namedWeights()
      .filter(([path]) => path.includes("/adapter/"))
      .map(([path, { variable }]) => [path.slice(network.name.length + 1), variable]),
  );

/** The adapters alone as a `.safetensors` file, all of it or nothing. StateError where there are none. */
export async function saveAdapters(network: Gpt, path: string): Promise<void> {
  await saveFile(path, [await adapterBytes(network)]);
}

/** The same as bytes, for pages. */
export async function adapterBytes(network: Gpt): Promise<Uint8Array> {
  const found = adapted(network);
  const adapter = found[0]?.adapter;
  if (!adapter) throw new StateError("saveAdapters", "the network has no adapters", "Add some: addAdapters(network)");
  const rank = adapter.a.shape[0]!;
  const options: AdapterOptions = { rank, alpha: adapter.scale * rank, targets: [...new Set(found.map(({ name }) => name))] };
  return safetensorsBytes(Object.fromEntries(arraysOf(network)), { adapters: JSON.stringify(options) });
}

/**
 * Gives a network the adapters of a file, which must be of a network of the same form: every array is used exactly once. FormatError or
 * ShapeError for others, and then nothing is changed.
 */
export async function loadAdapters(network: Gpt, source: Source): Promise<void> {
  const { tensors, metadata } = await loadSafetensorsFile(source);
  addAdapters(network, parseOptions(metadata["adapters"]));
  try {
    const arrays = arraysOf(network);
    const missing = [...arrays.keys()].find((path) => !(path in tensors));
    const extra = Object.keys(tensors).find((path) => !arrays.has(path));
    if (missing !== undefined || extra !== undefined)
      throw new FormatError(
        "loadAdapters",
        missing === undefined ? `the network has no place for ${extra}` : `the file lacks ${missing}`,
        "The adapters may be of another network",
      );
    for (const [path, variable] of arrays)
      if (tensors[path]!.shape.join() !== variable.shape.join())
        throw new ShapeError(
          "loadAdapters",
          `${path} has shape [${tensors[path]!.shape.join(", ")}] in the file, [${variable.shape.join(", ")}] in the network`,
          "The adapters may be of another network",
        );
    for (const [path, variable] of arrays) variable.assign(tensors[path]!.astype("float32"));
  } catch (error) {
    removeAdapters(network);
    throw error;
  }
}

function parseOptions(text: string | undefined): AdapterOptions {
  const { rank, alpha, targets } = (parseJson(text ?? "") ?? {}) as AdapterOptions;
  if (Number.isInteger(rank) && Number.isFinite(alpha) && Array.isArray(targets)) return { rank: rank!, alpha: alpha!, targets };
  throw new FormatError("loadAdapters", "the file's header does not describe adapters", "Give a file of saveAdapters");
}

export interface FinetuneOptions extends Omit<TrainOptions, "dropout"> {
  /** Train adapters of this form alone; without, all weights. */
  readonly adapters?: AdapterOptions;
}

/** How a network is fine-tuned unless said otherwise: at a tenth of the rate it was made with, or with adapters, which take more. */
export function finetuneRecipe(network: Gpt, adapters: boolean): Omit<Recipe, "dropout"> {
  const small = countWeights(network.config) < 2e7;
  const rate = adapters ? (small ? 3e-3 : 3e-4) : small ? 1e-4 : 3e-5;
  return {
    ...{ steps: 500, batchSize: 8, accumulate: 1, rate, warmup: 20, beta2: 0.99 },
    ...{ weightDecay: adapters ? 0 : 0.1, evaluateEvery: 50, validationWindows: 128 },
  };
}

/**
 * Trains a network that was trained before on another text, all of it or adapters alone, which stay in place: see `mergeAdapters`.
 * Dropout is what the network was made with. Updates and errors as for `train`.
 */
export async function* finetune(network: Gpt, tokens: TokenSplit, options: FinetuneOptions): AsyncGenerator<TrainingUpdate, Trained> {
  if (options.adapters) {
    setRandomSeed(options.seed);
    addAdapters(network, options.adapters);
  }
  return yield* optimise(network, tokens, options);
}
