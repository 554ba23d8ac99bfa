import { compile } from "@gradus/tensor";
import type { FoldConfig } from "./config.ts";
import { evoformerBlock, extraMsaBlock, type Updates, updates } from "./network/evoformer.ts";
import type { Features } from "./network/features.ts";
import { alignedError, type HeadWeights, plddtOf, ptmOf } from "./network/heads.ts";
import { headsOf, iteration, type ModelWeights, nothingRecycled, type Outputs, type Stages, stages } from "./network/model.ts";
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
  private readonly heads = compile((outputs: Outputs, weights: HeadWeights, pairs: boolean) => {
    const { plddt, distogram, alignedError: error } = headsOf(outputs, weights);
    const sure = plddtOf(plddt);
    if (!pairs) return { plddt: sure, distogram: null, error: null, ptm: null };
    return { plddt: sure, distogram, error: error && alignedError(error), ptm: error && ptmOf(error) };
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
    let outputs: Outputs | null = null;
    for (let pass = 0; pass < passes; pass++) {
      const given = await features(pass);
      const before: Outputs | null = outputs;
      const recycled = before?.recycled ?? nothingRecycled(this.config, given.aatype.shape[0]!);
      outputs = iteration(given, recycled, this.weights, this.config.structure.layers, this.counted(progress), { chunk });
      release(before ?? recycled);
      const last = pass === passes - 1;
      const said = this.heads(outputs, this.weights, last);
      const { plddt, distogram, error, ptm } = said;
      yield {
        ...{ pass: pass + 1, passes },
        atoms: (await outputs.atoms.data()) as Float32Array,
        plddt: (await plddt.data()) as Float32Array,
        confidence: distogram && {
          distogram: (await distogram.data()) as Float32Array,
          alignedError: error && ((await error.data()) as Float32Array),
          ptm: ptm && (await ptm.item()),
        },
      };
      release(said);
    }
    release(outputs);
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
