import type { FoldConfig } from "./config.ts";
import type { BlockSizes, PairSizes } from "./network/evoformer.ts";
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
  /** Multiplications and additions of a pass, each counted as two operations. */
  readonly operations: number;
  /** The most memory that a pass takes, weights included, in bytes. */
  readonly bytes: number;
}

/**
 * What a pass through a network takes, before it begins. Products are counted, of everything else nothing; a machine's speed is known
 * best from a pass of a shorter chain. `chunk` as for `FoldNetwork`.
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
  const products =
    evoformer.blocks * block(s, cM, evoformer, "each") + extraMsa.blocks * block(e, cE, extraMsa, "global") + ofTemplates + fold;

  // An update has its input, what it adds, and for the rows it works on its intermediates: six arrays of a head's channels, or those
  // inside of a transition or of an outer product.
  const rows = Math.min(chunk ?? Number.POSITIVE_INFINITY, Math.max(r, s, e));
  const update = (n: number, c: number, each: number): number => n * r * c + Math.min(rows, n) * r * (c + each);
  const ofBlock = (n: number, c: number, { msa, outer, transition, pair }: BlockSizes): number =>
    Math.max(
      update(n, c, Math.max(6 * msa.heads * msa.width, transition * c)),
      r ** 2 * cZ + 2 * n * r * outer + Math.min(rows, r) * r * (outer ** 2 + cZ),
      2 * r ** 2 * cZ + update(r, cZ, 2 * pair.multiplication),
      update(r, cZ, Math.max(6 * pair.heads * pair.width, pair.transition * cZ)),
    );
  const states = s * r * cM + r ** 2 * cZ;
  const most = Math.max(states + e * r * cE + ofBlock(e, cE, extraMsa), states + ofBlock(s, cM, evoformer));
  // Besides the pass before, which is there until its successor has begun.
  const features = s * r * 49 + 3 * e * r + t * r * 37 * 4 + r ** 2 * cZ;
  return { operations: 2 * products, bytes: 4 * (countParameters(modelParameters(config)) + most + features) };
}
