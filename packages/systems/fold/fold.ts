import { compile, type Tensor } from "@gradus/tensor";
import type { FoldConfig } from "./config.ts";
import { evoformerBlock, extraMsaBlock, type Updates, updates } from "./network/evoformer.ts";
import type { Features, Recycled } from "./network/features.ts";
import { alignedError, distogramLogits, expectedDistance, type HeadWeights, plddtLogits, plddtOf, ptmOf } from "./network/heads.ts";
import { linear } from "./network/layers.ts";
import { iteration, type ModelWeights, nothingRecycled, type Outputs, type Stages, stages } from "./network/model.ts";
import { release } from "./release.ts";

export interface FoldOptions {
  /** Passes after the first; default: as many as the configuration says. */
  readonly recycles?: number;
  /** Rows that attentions, triangle updates and transitions work on at once. Less takes less memory, and a little more time. */
  readonly chunk?: number;
  /** Told after each block of a pass, of how many. */
  readonly progress?: (block: number, blocks: number) => void;
}

/** A structure after a pass. */
export interface FoldedChain {
  /** Passes so far, from 1. */
  readonly pass: number;
  readonly passes: number;
  /** Atoms in atom14 order, in ångström: [r, 14, 3]. */
  readonly atoms: Float32Array;
  /** Predicted lDDT of each residue, 0 to 100: [r]. */
  readonly plddt: Float32Array;
  /** Null before the last pass. */
  readonly confidence: Confidence | null;
}

/** What the network says of pairs. */
export interface Confidence {
  /** Logits of distances between pseudo-beta atoms, [r, r, 64]. */
  readonly distogram: Float32Array;
  /** Distances that these lead to expect, in ångström, [r, r]; what is farther than 21.7 Å counts as that. */
  readonly distances: Float32Array;
  /** Expected error of residue j's place in the frame of residue i, in ångström, [r, r]; null but for ptm networks. */
  readonly alignedError: Float32Array | null;
  /** The TM-score that is to be expected; null but for ptm networks. */
  readonly ptm: number | null;
}

/**
 * A network that folds chains. Each update is a program for chains of one size, which all blocks share and which works in place: the
 * memory of intermediates is that of one update. Weights are arrays; of variables, which programs are bound to, each block has its own.
 */
export class FoldNetwork {
  readonly config: FoldConfig;
  readonly weights: ModelWeights;
  private readonly updates = Object.fromEntries(
    Object.entries(updates).map(([name, update]) => [name, compile(update, { donate: [0] })]),
  ) as unknown as Updates;
  private readonly stages: Stages = {
    embed: compile(stages.embed),
    extraMsaBlock: (representations, masks, weights, pass) => extraMsaBlock(representations, masks, weights, pass, this.updates),
    evoformerBlock: (representations, masks, weights, pass) => evoformerBlock(representations, masks, weights, pass, this.updates),
    fold: compile(stages.fold),
  };
  private readonly plddt = compile((state: Tensor, { predicted_lddt_head }: HeadWeights) =>
    plddtOf(plddtLogits(state, predicted_lddt_head)),
  );
  private readonly pairs = compile((pair: Tensor, { distogram_head, predicted_aligned_error_head: head }: HeadWeights) => {
    const distogram = distogramLogits(pair, distogram_head);
    const error = head ? linear(pair, head.logits) : null;
    return { distogram, distances: expectedDistance(distogram), alignedError: error && alignedError(error), ptm: error && ptmOf(error) };
  });

  constructor(config: FoldConfig, weights: ModelWeights) {
    this.config = config;
    this.weights = weights;
  }

  /**
   * Folds a chain, pass by pass (algorithm 2). `features` gives what the network sees in a pass, from 0; of equal shapes in all of them,
   * else programs are made anew.
   */
  async *fold(features: (pass: number) => Features | Promise<Features>, options: FoldOptions = {}): AsyncGenerator<FoldedChain> {
    const { recycles = this.config.recycles, chunk, progress } = options;
    const passes = recycles + 1;
    let recycled: Recycled | null = null;
    for (let pass = 0; pass < passes; pass++) {
      const given = await features(pass);
      recycled ??= nothingRecycled(this.config, given.aatype.shape[0]!);
      const outputs: Outputs = iteration(given, recycled, this.weights, this.config.structure.layers, this.counted(progress), { chunk });
      release(recycled);
      const plddt = this.plddt(outputs.layers.at(-1)!.state, this.weights);
      const confidence = pass === passes - 1 ? await this.confidenceOf(outputs.pair) : null;
      const found = { atoms: await floats(outputs.atoms), plddt: await floats(plddt) };
      // All but what the next pass begins with, before it takes memory itself.
      const { recycled: next, ...done } = outputs;
      release(done, plddt);
      recycled = next;
      yield { pass: pass + 1, passes, ...found, confidence };
    }
    release(recycled);
  }

  private async confidenceOf(pair: Tensor): Promise<Confidence> {
    const said = this.pairs(pair, this.weights);
    const { distogram, distances, alignedError, ptm } = said;
    const confidence = {
      distogram: await floats(distogram),
      distances: await floats(distances),
      alignedError: alignedError && (await floats(alignedError)),
      ptm: ptm && (await ptm.item()),
    };
    release(said);
    return confidence;
  }

  /** The parts, telling after each block. */
  private counted(progress: FoldOptions["progress"]): Stages {
    if (!progress) return this.stages;
    const blocks = this.config.extraMsa.blocks + this.config.evoformer.blocks;
    let done = 0;
    const told = <A extends unknown[], R>(f: (...args: A) => R) => {
      return (...args: A): R => {
        const result = f(...args);
        progress(++done, blocks);
        return result;
      };
    };
    const { extraMsaBlock, evoformerBlock } = this.stages;
    return { ...this.stages, extraMsaBlock: told(extraMsaBlock), evoformerBlock: told(evoformerBlock) };
  }
}

const floats = (x: Tensor): Promise<Float32Array> => x.data() as Promise<Float32Array>;
