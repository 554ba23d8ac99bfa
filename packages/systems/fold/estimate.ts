import type { FoldConfig } from "./config.ts";
import type { BlockSizes, PairSizes } from "./network/evoformer.ts";
import { bins } from "./network/heads.ts";
import { modelParameters } from "./network/model.ts";
import { countParameters } from "./network/parameters.ts";

/** What a network is to fold. */
export interface Task {
  readonly residues: number;
  /** Sequences that represent clusters, without templates. */
  readonly sequences: number;
  readonly extraSequences: number;
  readonly templates: number;
}

export interface Estimate {
  /** Operations in the products of a pass; a multiplication and an addition are two. */
  readonly operations: number;
  /** Of these, in a block of the stack of extra sequences and in one of the Evoformer. */
  readonly blocks: { readonly extra: number; readonly evoformer: number };
  /** The most memory that the engine holds in a pass, weights included, in bytes. */
  readonly bytes: number;
}

/**
 * What a pass through a network takes, before it begins. Products are counted, of everything else nothing; `measureSpeed` tells how many
 * of them a machine does in a second. Memory is that of all large arrays, to within a factor of 1.5 of what was measured from 64 MiB on
 * (test/estimate.test.ts); a process needs some 300 MB besides. `chunk` as for `FoldNetwork`.
 */
export function estimate(config: FoldConfig, { residues: r, sequences, extraSequences: e, templates: t }: Task, chunk?: number): Estimate {
  const { channels, evoformer, extraMsa, structure } = config;
  const { msa: cM, pair: cZ, extra: cE, single: cS } = channels;
  const s = sequences + t;

  const pairs = (c: number, { multiplication, heads, width, transition }: PairSizes): number =>
    2 * (r ** 2 * (5 * c * multiplication + c ** 2) + r ** 3 * multiplication) +
    2 * (5 * r ** 2 * c * heads * width + 2 * r ** 3 * heads * width) +
    2 * transition * (r * c) ** 2;
  const block = (n: number, c: number, { msa, outer, transition, pair }: BlockSizes, columns: "each" | "global"): number => {
    const inner = msa.heads * msa.width;
    const row = 5 * n * r * c * inner + 2 * n * r ** 2 * inner + r ** 2 * cZ * msa.heads;
    const column = columns === "each" ? 5 * n * r * c * inner + 2 * n ** 2 * r * inner : 2 * n * r * c * (inner + msa.width);
    const outerProduct = 2 * n * r * c * outer + r ** 2 * outer ** 2 * (n + cZ);
    return row + column + 2 * transition * n * r * c ** 2 + outerProduct + pairs(cZ, pair);
  };
  const { ipa, layers } = structure;
  const points = ipa.queryPoints + ipa.valuePoints;
  const fold =
    layers * (r ** 2 * ipa.heads * (2 * ipa.width + 3 * ipa.queryPoints + 3 * ipa.valuePoints + 2 * cZ) + 8 * r * cS ** 2) +
    layers * r * cS * ipa.heads * (3 * ipa.width + 3 * points + ipa.width + 4 * ipa.valuePoints + cZ);
  const ofTemplates = config.templates ? t * config.templates.blocks * pairs(config.templates.channels, config.templates.pair) : 0;
  const blocks = { extra: block(e, cE, extraMsa, "global"), evoformer: block(s, cM, evoformer, "each") };
  const products = evoformer.blocks * blocks.evoformer + extraMsa.blocks * blocks.extra + ofTemplates + fold;
  return {
    operations: 2 * products,
    blocks: { extra: 2 * blocks.extra, evoformer: 2 * blocks.evoformer },
    bytes:
      4 * (countParameters(modelParameters(config)) + arrays(config, { residues: r, sequences, extraSequences: e, templates: t }, chunk)),
  };
}

/** Numbers in arrays that are there at the same time, weights apart, where there are the most. */
function arrays(config: FoldConfig, { residues: r, sequences, extraSequences: e, templates: t }: Task, chunk = Infinity): number {
  const { channels, evoformer, extraMsa, structure, heads } = config;
  const { msa: cM, pair: cZ, extra: cE } = channels;
  const s = sequences + t;

  // An update has what it adds, and for the rows it works on its intermediates: six arrays of a head's channels, or those inside of a
  // transition. Attention along columns works on [r, n, c], with keys and values that heads share where it is global. An outer product has one
  // factor as a whole, twice (as it is and in the order of the product), and of the other what its rows need.
  const update = (rows: number, columns: number, c: number, each: number): number =>
    rows * columns * c + Math.min(chunk, rows) * columns * (c + each);
  const ofBlock = (n: number, c: number, { msa, outer, transition, pair }: BlockSizes, columns: "each" | "global"): number => {
    const attention = 6 * msa.heads * msa.width;
    return Math.max(
      update(n, r, c, Math.max(attention, transition * c)),
      update(r, n, c, columns === "each" ? attention : 2 * msa.width),
      r ** 2 * cZ + 2 * n * r * outer + Math.min(chunk, r) * (n * (c + outer) + r * (outer ** 2 + cZ)),
      2 * r ** 2 * cZ + update(r, r, cZ, 2 * pair.multiplication),
      update(r, r, cZ, Math.max(6 * pair.heads * pair.width, pair.transition * cZ)),
    );
  };
  const states = s * r * cM + r ** 2 * cZ;
  const ofTemplates = config.templates && t ? t * r ** 2 * config.templates.channels + update(r, r, config.templates.channels, 2 * 88) : 0;
  const most = Math.max(
    states + e * r * cE + Math.max(ofBlock(e, cE, extraMsa, "global"), r ** 2 * 2 * cZ + ofTemplates),
    states + ofBlock(s, cM, evoformer, "each"),
    // The structure module has pairs once more, what is recycled, and scores; heads have logits of each pair.
    states + r ** 2 * (2 * cZ + 3 * structure.ipa.heads),
    states + r ** 2 * (cZ + (heads.error ? 3.3 : 2.2) * bins.distogram),
  );
  // Besides what the pass before has left.
  const features = sequences * r * 49 + 3 * e * r + t * r * 37 * 4;
  return most + features + r ** 2 * cZ;
}
