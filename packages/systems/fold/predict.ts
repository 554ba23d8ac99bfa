import { ArgumentError, FormatError } from "@gradus/tensor";
import type { Task } from "./estimate.ts";
import { type FeatureInput, makeFeatures } from "./features/features.ts";
import { msaOf } from "./features/msa.ts";
import type { Confidence, FoldedChain, FoldNetwork, FoldOptions } from "./fold.ts";
import { foldedChain } from "./folded-chain.ts";
import type { Chain } from "./io/structure.ts";
import { type Features, featuresOf } from "./network/features.ts";
import { type Relaxed, relax as relaxChain } from "./relax/relax.ts";
import { release } from "./release.ts";

export interface PredictOptions extends FoldOptions {
  /** Default 0. The same seed gives the same structure. */
  readonly seed?: number;
  /** Share of the alignment that is masked. Default 0.15, as in AlphaFold's predictions. */
  readonly masked?: number;
  /** Whether bonds are mended and clashes removed at the end. Default true. */
  readonly relax?: boolean;
}

/** A structure after a pass; its B factors are pLDDT. */
export interface PredictedPass {
  /** Passes so far, from 1. */
  readonly pass: number;
  readonly passes: number;
  readonly chain: Chain;
  /** Predicted lDDT of each residue, 0 to 100: [r]. */
  readonly plddt: Float32Array;
}

export interface Predicted {
  /** Relaxed where that was asked for. B factors are pLDDT. */
  readonly chain: Chain;
  /** Predicted lDDT of each residue, 0 to 100: [r]. */
  readonly plddt: Float32Array;
  readonly confidence: Confidence;
  /** What relaxing did; null without. */
  readonly relaxed: Relaxed | null;
}

/** How many of what is there the network is given. Templates take places of clusters, as in AlphaFold, whether there are any or not. */
function limits({ config: { most } }: Pick<FoldNetwork, "config">) {
  return { clusters: most.clusters - most.templates, extra: most.extraSequences, templates: most.templates };
}

/** What a prediction asks of the network, for `estimate`. */
export function taskOf(network: Pick<FoldNetwork, "config">, input: FeatureInput): Task {
  const { clusters, extra, templates } = limits(network);
  const { sequences } = msaOf(input.sequence, input.alignments);
  return {
    residues: input.sequence.length,
    sequences: Math.min(clusters, sequences),
    extraSequences: Math.max(1, Math.min(extra, sequences - clusters)),
    templates: Math.min(templates, input.templates?.length ?? 0),
  };
}

/**
 * From a sequence with what is known of it to a structure: features, network, relaxing. A stream of the passes that returns the prediction.
 * ArgumentError for templates where the network knows none, and for a sequence without a known residue; FormatError for weights that
 * lead to no numbers.
 */
export async function* predict(
  network: FoldNetwork,
  input: FeatureInput,
  { seed = 0, masked, relax = true, ...options }: PredictOptions = {},
): AsyncGenerator<PredictedPass, Predicted> {
  const { sequence } = input;
  if (input.templates?.length && !network.config.templates)
    throw new ArgumentError("predict", "the network knows no templates", "Leave them out, or take model_1 or model_2");
  if (!/[^X]/.test(sequence)) throw new ArgumentError("predict", "the sequence has no known residue", "X stands for an unknown one");
  const given = { ...limits(network), seed, ...(masked === undefined ? {} : { masked }) };
  let features: Features | null = null;
  let last: (PredictedPass & Pick<FoldedChain, "confidence">) | null = null;
  const next = (pass: number): Features => {
    release(features);
    features = featuresOf(makeFeatures(input, { ...given, pass }));
    return features;
  };
  for await (const { pass, passes, atoms, plddt, confidence } of network.fold(next, options)) {
    if (!(atoms.every(Number.isFinite) && plddt.every(Number.isFinite)))
      throw new FormatError("predict", "the network gives numbers that are not finite", "Its weights may be damaged, or of another network");
    const chain = foldedChain(sequence, atoms, plddt, input);
    last = { pass, passes, chain, plddt, confidence };
    yield { pass, passes, chain, plddt };
  }
  release(features);
  const { chain, plddt, confidence } = last!;
  const relaxed = relax ? relaxChain(chain) : null;
  return { chain: relaxed?.chain ?? chain, plddt, confidence: confidence!, relaxed };
}
