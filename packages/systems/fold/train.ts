import { Random } from "@gradus/data";
import { ArgumentError, FormatError, loadSafetensorsFile, ShapeError, saveSafetensors, tensor } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";
import type { FoldConfig } from "./config.ts";
import { atomArrays, type Crop, drawCrop } from "./data.ts";
import { type FeatureArrays, makeFeatures } from "./features/features.ts";
import { foldedChain } from "./folded-chain.ts";
import { alphaCarbons } from "./io/structure.ts";
import { initialTraining, type LossWeights } from "./losses/index.ts";
import type { Features, Recycled } from "./network/features.ts";
import type { ModelWeights } from "./network/model.ts";
import { release } from "./release.ts";
import { type Comparison, compareChains } from "./scores/compare.ts";
import { moved } from "./scores/superpose.ts";
import type { Chains, LearnedChain } from "./training/chains.ts";
import { FoldTrainer, type Guess, type Lesson, type Losses } from "./training/trainer.ts";

export interface TrainFoldOptions {
  readonly config: FoldConfig;
  readonly chains: Chains;
  /** Updates of the weights. Default 2000. */
  readonly steps?: number;
  /** Chains whose gradients are averaged for an update. Default 8. */
  readonly batchSize?: number;
  /** The highest learning rate. Default 0.001. */
  readonly rate?: number;
  /** Residues of a chain that are seen at once (supplement, section 1.2.8). Default: those of the longest chain, at most 256. */
  readonly crop?: number;
  /** Default: as AlphaFold's initial training, and the error of pairs where the network has a head for it. */
  readonly losses?: LossWeights;
  /** Drops what the supplement's section 1.11.6 says. Default false: small networks have little to spare. */
  readonly dropout?: boolean;
  /** Default 1. Same seed, same numbers. */
  readonly seed?: number;
  /** Weights to go on from, in place of new ones. */
  readonly from?: ModelWeights;
  /** The file where the run keeps its state, to go on from. */
  readonly keep?: string;
  /** Updates from one measurement to the next. Default a twentieth of all. */
  readonly evaluateEvery?: number;
}

/** How near a prediction comes to a chain. */
export interface ChainScore extends Pick<Comparison, "lddt" | "tmScore" | "rmsd"> {
  readonly name: string;
  readonly residues: number;
  /** Mean of what the network expects of itself, 0 to 100. */
  readonly plddt: number;
  /** CA atoms, [N, 3], in ångström: predicted, laid upon those of the chain, and those of the chain; zeros where it has none. */
  readonly predicted: Float32Array;
  readonly known: Float32Array;
}

/** What training tells. */
export interface FoldTrainingEvent {
  readonly step: number;
  readonly steps: number;
  /** Means over the chains since the event before. */
  readonly losses: Losses;
  /** From time to time: how some chains come out, of those that were learned from and of those that were not. */
  readonly scores?: { readonly training: readonly ChainScore[]; readonly heldOut: readonly ChainScore[] };
}

/** What came out: weights that are averages over the last steps, and how all chains come out with them. */
export interface TrainedNetwork {
  readonly weights: ModelWeights;
  readonly training: readonly ChainScore[];
  readonly heldOut: readonly ChainScore[];
}

/** Chains that are looked at while training goes on, of each side. */
const looked = 8;
/** The most of each side that are looked at in the end. */
const judged = 200;

/**
 * Trains a network on chains (supplement, section 1.11): a random part of a random chain, a random number of passes without gradients, one
 * with. With `keep` it can be stopped, and goes on to the same numbers.
 */
export async function* trainFold(options: TrainFoldOptions): AsyncGenerator<FoldTrainingEvent, TrainedNetwork> {
  const { config, chains, steps = 2000, batchSize = 8, rate = 1e-3, dropout = false, seed = 1, from, keep } = options;
  const { crop = Math.min(256, longest(chains)), evaluateEvery = Math.max(1, Math.round(steps / 20)) } = options;
  const losses = options.losses ?? { ...initialTraining, alignedError: config.heads.error ? 0.1 : 0 };
  for (const [name, value] of Object.entries({ steps, batchSize, crop, evaluateEvery }))
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new ArgumentError("trainFold", `${name} is ${value}`, "Give a positive integer");
  if (!(rate > 0 && Number.isFinite(rate))) throw new ArgumentError("trainFold", `rate is ${rate}`, "Give a positive number");
  const trainer = new FoldTrainer(config, { steps, batchSize, rate, losses, dropout, seed }, from);
  const sizes: Sizes = { residues: crop, ...rowsOf(chains, config) };

  let done = keep ? await restore(trainer, keep, steps) : 0;
  let saved = performance.now();
  for (; done < steps; ) {
    const sums: Record<string, number> = {};
    for (let k = 0; k < batchSize; k++) {
      const example = done * batchSize + k;
      const random = new Random(seed, 1, example);
      const chain = chains.training[random.integer(chains.training.length)]!;
      // One in ten has its error not clamped (section 1.11.5), and those have other parts cut out.
      const clamped = !random.chance(0.1);
      const part = drawCrop(chain.chain.sequence.length, crop, random, { clamped });
      const passes = random.integer(config.recycles + 1);
      const before = await passed(trainer, chain, part, sizes, passes, example);
      const lesson = lessonOf(chain, part, sizes, example, passes, clamped);
      for (const [name, loss] of Object.entries(await trainer.learn(lesson, before, example)))
        sums[name] = (sums[name] ?? 0) + loss / batchSize;
      release(lesson, before);
    }
    done++;
    const measured = done % evaluateEvery === 0 && done < steps;
    if (keep && (done % saveEvery === 0 || measured || performance.now() - saved > saveAfter)) {
      await save(trainer, keep, done);
      saved = performance.now();
    }
    yield {
      ...{ step: done, steps, losses: sums },
      ...(measured ? { scores: await scoresOf(trainer, chains, sizes, looked) } : {}),
    };
  }
  trainer.optimizer.finalizeWeights();
  return { weights: trainer.weights, ...(await scoresOf(trainer, chains, sizes, judged)) };
}

/** Updates between two savings of the state, and milliseconds after which it is saved sooner. */
const [saveEvery, saveAfter] = [50, 60_000];

/** Shapes that all lessons have, filled up with zeros. */
interface Sizes {
  readonly residues: number;
  readonly clusters: number;
  readonly extra: number;
}

const longest = ({ training, heldOut }: Chains): number => Math.max(...[...training, ...heldOut].map(({ chain }) => chain.sequence.length));

/** As many rows as the largest alignment fills, at most those that the network takes. */
function rowsOf({ training, heldOut }: Chains, { most }: FoldConfig): { readonly clusters: number; readonly extra: number } {
  const rows = [...training, ...heldOut].map(({ alignments }) => alignments.reduce((n, { rows: { length } }) => n + length, 0));
  const largest = Math.max(...rows);
  const clusters = Math.min(most.clusters, largest);
  return { clusters, extra: Math.max(1, Math.min(most.extraSequences, largest - clusters)) };
}

const arraysOf = ({ chain, alignments }: LearnedChain, part: Crop, { clusters, extra, residues }: Sizes, seed: number, pass: number) =>
  makeFeatures(
    { sequence: chain.sequence, residueIndex: chain.residueIndex, alignments },
    { ...{ seed, pass, clusters, extra, templates: 0, crop: part }, fill: { residues, clusters, extra } },
  );

/** All masks are there, so that one program serves all chains. */
const featuresOf = (arrays: FeatureArrays): Features => ({
  aatype: toTensor(arrays.aatype),
  residueIndex: toTensor(arrays.residueIndex),
  seqMask: toTensor(arrays.seqMask),
  targetFeat: toTensor(arrays.targetFeat),
  msaFeat: toTensor(arrays.msaFeat),
  msaMask: toTensor(arrays.msaMask),
  extraMsa: toTensor(arrays.extraMsa),
  extraHasDeletion: toTensor(arrays.extraHasDeletion),
  extraDeletionValue: toTensor(arrays.extraDeletionValue),
  extraMsaMask: toTensor(arrays.extraMsaMask),
  templates: null,
});

function lessonOf(chain: LearnedChain, part: Crop, sizes: Sizes, seed: number, pass: number, clamped: boolean): Lesson {
  const arrays = arraysOf(chain, part, sizes, seed, pass);
  const atoms = atomArrays(chain.chain, part, sizes.residues);
  const { resolution } = chain;
  return {
    features: featuresOf(arrays),
    truth: {
      ...{ positions: toTensor(atoms.positions), mask: toTensor(atoms.mask) },
      ...{ trueMsa: toTensor(arrays.trueMsa), masked: toTensor(arrays.bertMask) },
      ...{ resolved: tensor(Number(resolution >= 0.1 && resolution <= 3)), clamped: tensor(Number(clamped)) },
    },
  };
}

/** What passes without gradients leave to the next. */
async function passed(trainer: FoldTrainer, chain: LearnedChain, part: Crop, sizes: Sizes, passes: number, seed: number) {
  let before = trainer.nothing(sizes.residues);
  for (let pass = 0; pass < passes; pass++) {
    const guess = onePass(trainer, chain, part, sizes, seed, pass, before);
    release(guess.atoms, guess.plddt);
    before = guess.recycled;
  }
  return before;
}

function onePass(trainer: FoldTrainer, chain: LearnedChain, part: Crop, sizes: Sizes, seed: number, pass: number, before: Recycled): Guess {
  const features = featuresOf(arraysOf(chain, part, sizes, seed, pass));
  const guess = trainer.guess(features, before);
  release(features, before);
  return guess;
}

/** Folds the first chains of each side that the network can see whole. */
async function scoresOf(trainer: FoldTrainer, { training, heldOut }: Chains, sizes: Sizes, most: number) {
  const side = async (list: readonly LearnedChain[]): Promise<ChainScore[]> => {
    const scores: ChainScore[] = [];
    const whole = list.filter(({ chain }) => chain.sequence.length <= sizes.residues);
    for (const chain of whole.slice(0, most)) scores.push(await scoreOf(trainer, chain, sizes));
    return scores;
  };
  return { training: await side(training), heldOut: await side(heldOut) };
}

async function scoreOf(trainer: FoldTrainer, learned: LearnedChain, sizes: Sizes): Promise<ChainScore> {
  const { name, chain } = learned;
  const { sequence } = chain;
  const part = { start: 0, length: sequence.length };
  let before = trainer.nothing(sizes.residues);
  for (let pass = 0; ; pass++) {
    const { atoms, plddt, recycled } = onePass(trainer, learned, part, sizes, 0, pass, before);
    before = recycled;
    if (pass < trainer.config.recycles) {
      release(atoms, plddt);
      continue;
    }
    const sure = ((await plddt.data()) as Float32Array).subarray(0, sequence.length);
    const places = ((await atoms.data()) as Float32Array).subarray(0, sequence.length * 14 * 3);
    release(atoms, plddt, before);
    const folded = foldedChain(sequence, places, sure);
    const { lddt, tmScore, rmsd, motion } = compareChains(folded, chain);
    return {
      ...{ name, residues: sequence.length, lddt, tmScore, rmsd, plddt: sure.reduce((a, b) => a + b, 0) / sure.length },
      ...{ predicted: Float32Array.from(moved(motion, alphaCarbons(folded).points)), known: alphaCarbons(chain).points },
    };
  }
}

async function save(trainer: FoldTrainer, path: string, step: number): Promise<void> {
  await saveSafetensors(path, trainer.state(), { step: String(step) });
}

/** Takes up a state that was kept, and says after how many updates; 0 where there is none. FormatError where it is not of this run. */
async function restore(trainer: FoldTrainer, path: string, steps: number): Promise<number> {
  const { existsSync } = await import("node:fs");
  if (!existsSync(path)) return 0;
  try {
    const { tensors, metadata } = await loadSafetensorsFile(path);
    const step = Number(metadata["step"]);
    if (!(Number.isInteger(step) && step >= 1 && step <= steps))
      throw new FormatError("trainFold", `it was kept after ${metadata["step"]} of ${steps} updates`);
    trainer.restore(tensors);
    release(tensors);
    return step;
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof ShapeError)) throw error;
    throw new FormatError("trainFold", `${path} holds no state of this run: ${error.problem}`, "Remove the file to start anew");
  }
}
