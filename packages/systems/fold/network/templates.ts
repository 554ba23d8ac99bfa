import { concat, einsum, oneHot, relu, softmax, stack, type Tensor } from "@gradus/tensor";
import { plainAttentionParameters } from "./attention.ts";
import { distogram } from "./embed.ts";
import { type PairSizes, pairParameters } from "./evoformer.ts";
import type { TemplateFeatures } from "./features.ts";
import { byRows, keep, linear, type Mask, norm, type Pass, rowsOf } from "./layers.ts";
import { linearParameters, normParameters, type Weights } from "./parameters.ts";
import { transition } from "./transition.ts";
import {
  triangleAttentionEndingNode,
  triangleAttentionStartingNode,
  triangleMultiplicationIncoming,
  triangleMultiplicationOutgoing,
} from "./triangle.ts";
import { pseudoBeta, trueTorsions } from "./truth.ts";

export interface TemplateSizes {
  /** c_t: channels of a template's pairs. */
  readonly channels: number;
  readonly blocks: number;
  readonly pair: PairSizes;
  /** Heads that look at templates, and channels of each. */
  readonly heads: number;
  readonly width: number;
}

/** Types of a template's residues: the 20, unknown, gap. */
const TYPES = 22;

/** Distances in bins, whether both are known, types of column and row, a direction that is not used, whether both frames are known. */
const PAIR_FEATURES = 39 + 1 + 2 * TYPES + 3 + 1;
/** Type, torsions, their alternatives, and which there are. */
const ANGLE_FEATURES = TYPES + 2 * 14 + 7;

export const templateParameters = (c_m: number, c_z: number, { channels, blocks, pair, heads, width }: TemplateSizes) => ({
  template_embedding: {
    single_template_embedding: {
      embedding2d: linearParameters(PAIR_FEATURES, channels, "relu"),
      template_pair_stack: {
        __layer_stack_no_state: Array.from({ length: blocks }, () => pairParameters(channels, pair)),
      },
      output_layer_norm: normParameters(channels),
    },
    attention: plainAttentionParameters({ queries: c_z, keys: channels, heads, width }),
  },
  template_single_embedding: linearParameters(ANGLE_FEATURES, c_m, "relu"),
  template_projection: linearParameters(c_m, c_m, "relu"),
});

export type TemplateWeights = Weights<ReturnType<typeof templateParameters>>;

/** One of several templates, without an axis for them. */
type Template = Omit<TemplateFeatures, "mask">;

const nth = ({ aatype, positions, atomMask }: TemplateFeatures, t: number): Template => ({
  aatype: aatype.get(t),
  positions: positions.get(t),
  atomMask: atomMask.get(t),
});

/** What the pair representation learns from templates (algorithm 2, lines 9 to 12): [r, r, c_z] → [r, r, c_z]. */
export function templatePairs(
  templates: TemplateFeatures,
  z: Tensor,
  pairMask: Mask,
  weights: TemplateWeights["template_embedding"],
  pass: Pass = {},
): Tensor {
  const count = templates.aatype.shape[0]!;
  const embedded = Array.from({ length: count }, (_, t) =>
    templatePairStack(nth(templates, t), pairMask, weights.single_template_embedding, pass),
  );
  const update = templatePointwiseAttention(embedded, z, templates.mask, weights.attention, pass);
  // Nothing comes from templates where there are none.
  return update.mul(templates.mask.max());
}

/** template_pair_feat of table 1: [r, r, 88]. */
export function templatePairFeatures({ aatype, positions, atomMask }: Template): Tensor {
  const { dtype } = positions;
  const residues = aatype.shape[0]!;
  const beta = pseudoBeta(aatype, positions, atomMask);
  const both = (mask: Tensor): Tensor => mask.expandDims({ axis: 1 }).mul(mask).expandDims({ axis: 2 });
  const known = both(beta.mask);
  const types = oneHot(aatype, TYPES, { dtype });
  const spread = (x: Tensor): Tensor => x.broadcastTo([residues, residues, TYPES]);
  const backbone = [0, 1, 2].map((atom) => atomMask.get(":", atom)).reduce((a, b) => a.mul(b));
  const framed = both(backbone);
  const parts = [
    distogram(beta.positions, 3.25, 50.75, 39),
    known,
    spread(types),
    spread(types.expandDims({ axis: 1 })),
    // AlphaFold leaves out the directions to other residues, whose channels remain.
    framed.mul(0).broadcastTo([residues, residues, 3]),
    framed,
  ];
  return concat(parts, { axis: 2 }).mul(framed);
}

/** Algorithm 16: triangle updates of one template's pairs, from its features, [r, r, c_t]. */
export function templatePairStack(
  template: Template,
  mask: Mask,
  { embedding2d, template_pair_stack, output_layer_norm }: TemplateWeights["template_embedding"]["single_template_embedding"],
  pass: Pass = {},
): Tensor {
  const { drop = keep } = pass;
  let t = linear(templatePairFeatures(template), embedding2d);
  for (const w of template_pair_stack.__layer_stack_no_state) {
    t = t.add(drop(triangleAttentionStartingNode(t, mask, w.triangle_attention_starting_node, pass), 0.25, 0));
    t = t.add(drop(triangleAttentionEndingNode(t, mask, w.triangle_attention_ending_node, pass), 0.25, 1));
    t = t.add(drop(triangleMultiplicationOutgoing(t, mask, w.triangle_multiplication_outgoing, pass), 0.25, 0));
    t = t.add(drop(triangleMultiplicationIncoming(t, mask, w.triangle_multiplication_incoming, pass), 0.25, 0));
    t = t.add(transition(t, w.pair_transition, pass));
  }
  return norm(t, output_layer_norm);
}

/** Algorithm 17: each pair attends to the same pair in all templates. */
function templatePointwiseAttention(
  templates: readonly Tensor[],
  z: Tensor,
  mask: Tensor,
  weights: TemplateWeights["template_embedding"]["attention"],
  { chunk }: Pass,
): Tensor {
  const hidden = mask.sub(1).mul(1e9);
  return byRows(z.shape[0]!, chunk, (from, to) => {
    const x = stack(
      templates.map((t) => rowsOf(t, from, to)),
      { axis: 2 },
    );
    const q = einsum("ijc,chd->ijhd", rowsOf(z, from, to), weights.query_w).mul(weights.query_w.shape[2]! ** -0.5);
    const k = einsum("ijtc,chd->ijthd", x, weights.key_w);
    const v = einsum("ijtc,chd->ijthd", x, weights.value_w);
    const seen = softmax(einsum("ijhd,ijthd->ijht", q, k).add(hidden));
    return einsum("ijhd,hdo->ijo", einsum("ijht,ijthd->ijhd", seen, v), weights.output_w).add(weights.output_b);
  });
}

/** Templates' torsions as further sequences of the MSA representation (algorithm 2, lines 7 and 8), and their mask: [t, r, c_m], [t, r]. */
export function templateSequences(
  templates: TemplateFeatures,
  weights: Pick<TemplateWeights, "template_single_embedding" | "template_projection">,
): { readonly m: Tensor; readonly mask: Tensor } {
  const rows = Array.from({ length: templates.aatype.shape[0]! }, (_, t) => {
    const one = nth(templates, t);
    const residues = one.aatype.shape[0]!;
    const { angles, alternatives, mask } = trueTorsions(one.aatype.minimum(20), one.positions, one.atomMask);
    // As AlphaFold does it, torsions that are not known are in there with what unknown atoms at the origin give.
    const flat = (x: Tensor): Tensor => x.reshape([residues, 14]);
    const types = oneHot(one.aatype, TYPES, { dtype: one.positions.dtype });
    // Psi is known wherever the residue itself is.
    return { features: concat([types, flat(angles), flat(alternatives), mask], { axis: 1 }), mask: mask.get(":", 2) };
  });
  const features = stack(rows.map((row) => row.features));
  return {
    m: linear(relu(linear(features, weights.template_single_embedding)), weights.template_projection),
    mask: stack(rows.map((row) => row.mask)),
  };
}
