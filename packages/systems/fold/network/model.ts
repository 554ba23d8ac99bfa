import { checkpoint, concat, type Tensor, zeros } from "@gradus/tensor";
import type { FoldConfig } from "../config.ts";
import { toAtom37 } from "./atoms.ts";
import { embedParameters, extraMsaEmbedder, inputEmbedder, recyclingEmbedder } from "./embed.ts";
import {
  evoformerBlock,
  evoformerBlockParameters,
  extraMsaBlock,
  extraMsaBlockParameters,
  type Masks,
  type Representations,
} from "./evoformer.ts";
import type { Features, Recycled } from "./features.ts";
import type { Frames } from "./frames.ts";
import { distogramLogits, type HeadWeights, headParameters, plddtLogits } from "./heads.ts";
import { linear, type Mask, type Pass } from "./layers.ts";
import { initialWeights, linearParameters, type Weights } from "./parameters.ts";
import { atomsOf, type StructureLayer, type StructureWeights, structureModule, structureParameters } from "./structure.ts";
import { type TemplateWeights, templatePairs, templateParameters, templateSequences } from "./templates.ts";
import { pseudoBeta } from "./truth.ts";

const evoformerParameters = ({ channels, evoformer, extraMsa }: FoldConfig) => ({
  ...embedParameters(channels),
  extra_msa_stack: Array.from({ length: extraMsa.blocks }, () => extraMsaBlockParameters(channels.extra, channels.pair, extraMsa)),
  evoformer_iteration: Array.from({ length: evoformer.blocks }, () => evoformerBlockParameters(channels.msa, channels.pair, evoformer)),
  single_activations: linearParameters(channels.msa, channels.single),
});

/** All parameters of a network under their official names. */
export const modelParameters = (config: FoldConfig) => ({
  evoformer: {
    ...evoformerParameters(config),
    ...(config.templates ? templateParameters(config.channels.msa, config.channels.pair, config.templates) : {}),
  },
  structure_module: structureParameters(config.channels.single, config.channels.pair, config.structure),
  ...headParameters(config.channels, config.heads),
});

type EvoformerWeights = Weights<ReturnType<typeof evoformerParameters>> & Partial<TemplateWeights>;

export type ModelWeights = HeadWeights & {
  readonly evoformer: EvoformerWeights;
  readonly structure_module: StructureWeights;
};

/** Weights to train from, by seed. */
export const initialModel = (config: FoldConfig, seed: number): ModelWeights =>
  initialWeights(modelParameters(config), seed) as ModelWeights;

/** Before the first pass nothing is known. */
export function nothingRecycled({ channels }: FoldConfig, residues: number): Recycled {
  return { m: zeros([residues, channels.msa]), z: zeros([residues, residues, channels.pair]), beta: zeros([residues, 3]) };
}

/** What the blocks work on. */
export interface Embedded extends Representations {
  /** Representation of the extra sequences, [e, r, c_e]. */
  readonly extra: Tensor;
  readonly masks: Masks;
  readonly extraMasks: Masks;
}

type Block<W> = (representations: Representations, masks: Masks, weights: W, pass: Pass) => Representations;

/** The parts of a pass, which may be programs of their own, or computed again for their gradients. */
export interface Stages {
  embed(features: Features, recycled: Recycled, weights: EvoformerWeights, pass: Pass): Embedded;
  extraMsaBlock: Block<EvoformerWeights["extra_msa_stack"][number]>;
  evoformerBlock: Block<EvoformerWeights["evoformer_iteration"][number]>;
  fold(
    features: Pick<Features, "aatype" | "seqMask">,
    representations: Representations,
    weights: Pick<ModelWeights, "evoformer" | "structure_module">,
    layers: number,
    pass: Pass,
  ): Folded;
}

/** A structure. */
export interface Folded {
  /** Single representation, [r, c_s]. */
  readonly single: Tensor;
  readonly layers: readonly StructureLayer[];
  /** Rigid groups [r, 8] and atoms [r, 14, 3] of the last layer, in ångström. */
  readonly groups: Frames;
  readonly atoms: Tensor;
  /** For the next pass. */
  readonly recycled: Recycled;
}

export interface Outputs extends Folded {
  /** MSA representation of the clusters without templates, [s, r, c_m]. */
  readonly msa: Tensor;
  /** Pair representation, [r, r, c_z]. */
  readonly pair: Tensor;
}

/** The parts as they are. */
export const stages: Stages = { embed, extraMsaBlock, evoformerBlock, fold };

/** For training: what a block computes is computed again for its gradient, instead of kept (supplement, section 1.11.8). */
export const checkpointed: Stages = {
  embed: (features, recycled, weights, pass) =>
    checkpoint((r: Recycled, w: EvoformerWeights) => embed(features, r, w, pass))(recycled, weights),
  extraMsaBlock: (representations, masks, weights, pass) =>
    checkpoint((r: Representations, w: typeof weights) => extraMsaBlock(r, masks, w, pass))(representations, weights),
  evoformerBlock: (representations, masks, weights, pass) =>
    checkpoint((r: Representations, w: typeof weights) => evoformerBlock(r, masks, w, pass))(representations, weights),
  fold,
};

/** One pass through the network: the body of algorithm 2's loop. */
export function iteration(
  features: Features,
  recycled: Recycled,
  weights: ModelWeights,
  layers: number,
  { embed, extraMsaBlock, evoformerBlock, fold }: Stages = stages,
  pass: Pass = {},
): Outputs {
  const { evoformer } = weights;
  const first = embed(features, recycled, evoformer, pass);
  let extra: Representations = { m: first.extra, z: first.z };
  for (const block of evoformer.extra_msa_stack) extra = extraMsaBlock(extra, first.extraMasks, block, pass);
  let representations: Representations = { m: first.m, z: extra.z };
  for (const block of evoformer.evoformer_iteration) representations = evoformerBlock(representations, first.masks, block, pass);
  const { m, z } = representations;
  const folded = fold(features, representations, weights, layers, pass);
  const sequences = features.msaFeat.shape[0]!;
  return { ...folded, msa: m.shape[0] === sequences ? m : m.get(`:${sequences}`), pair: z };
}

/** Algorithm 2, lines 5 to 13: features and what the pass before found, as representations. */
function embed(features: Features, recycled: Recycled, weights: EvoformerWeights, pass: Pass): Embedded {
  const { seqMask, templates } = features;
  const pairMask: Mask = seqMask?.expandDims({ axis: 1 }).mul(seqMask);
  const input = inputEmbedder(features, weights);
  const before = recyclingEmbedder(recycled, weights);
  let m = concat([input.m.get(":1").add(before.m), input.m.get("1:")]);
  let z = input.z.add(before.z);
  let msaMask: Mask = features.msaMask;
  if (templates && weights.template_embedding) {
    z = z.add(templatePairs(templates, z, pairMask, weights.template_embedding, pass));
    const more = templateSequences(templates, weights as TemplateWeights);
    const all = msaMask ?? more.mask.get(":1").mul(0).add(1).broadcastTo([m.shape[0]!, m.shape[1]!]);
    m = concat([m, more.m]);
    msaMask = concat([all, more.mask]);
  }
  return {
    m,
    z,
    extra: extraMsaEmbedder(features, weights.extra_msa_activations),
    masks: { msa: msaMask, pair: pairMask },
    extraMasks: { msa: features.extraMsaMask, pair: pairMask },
  };
}

/** Algorithm 2, lines 19 to 22: the structure, and what is recycled. */
function fold(
  { aatype, seqMask }: Pick<Features, "aatype" | "seqMask">,
  { m, z }: Representations,
  weights: Pick<ModelWeights, "evoformer" | "structure_module">,
  count: number,
  pass: Pass,
): Folded {
  const single = linear(m.get(0), weights.evoformer.single_activations);
  const layers = structureModule(single, z, seqMask, weights.structure_module, count, pass);
  const { groups, atoms } = atomsOf(layers.at(-1)!, aatype);
  const beta = pseudoBeta(aatype, toAtom37(atoms, aatype), null).positions;
  return { single, layers, groups, atoms, recycled: { m: m.get(0), z, beta } };
}

/** Logits of all heads. */
export function headsOf({ single, layers, msa, pair }: Outputs, weights: HeadWeights) {
  const { predicted_aligned_error_head: error } = weights;
  return {
    distogram: distogramLogits(pair, weights.distogram_head),
    plddt: plddtLogits(layers.at(-1)!.state, weights.predicted_lddt_head),
    maskedMsa: linear(msa, weights.masked_msa_head.logits),
    experimentallyResolved: linear(single, weights.experimentally_resolved_head.logits),
    alignedError: error ? linear(pair, error.logits) : null,
  };
}
