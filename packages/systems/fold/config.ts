import { ArgumentError } from "@gradus/tensor";
import type { Channels } from "./network/embed.ts";
import type { BlockSizes } from "./network/evoformer.ts";
import type { HeadSizes } from "./network/heads.ts";
import type { StructureSizes } from "./network/structure.ts";
import type { TemplateSizes } from "./network/templates.ts";

/** What distinguishes one network from another, and what it is given. */
export interface FoldConfig {
  readonly channels: Channels;
  readonly evoformer: BlockSizes & { readonly blocks: number };
  readonly extraMsa: BlockSizes & { readonly blocks: number };
  /** Null for networks that know no templates. */
  readonly templates: TemplateSizes | null;
  readonly structure: StructureSizes;
  readonly heads: HeadSizes;
  /** Times that results go through the network again. */
  readonly recycles: number;
  /** The most sequences and templates that it is given. */
  readonly most: Limits;
}

export interface Limits {
  /** Clusters of the alignment, templates among them. */
  readonly clusters: number;
  readonly extraSequences: number;
  readonly templates: number;
}

/** The paper's sizes (supplement, sections 1.6 to 1.8). */
const paper = {
  channels: { msa: 256, pair: 128, extra: 64, single: 384 },
  evoformer: {
    ...{ blocks: 48, msa: { heads: 8, width: 32 }, outer: 32, transition: 4 },
    pair: { multiplication: 128, heads: 4, width: 32, transition: 4 },
  },
  extraMsa: {
    ...{ blocks: 4, msa: { heads: 8, width: 8 }, outer: 32, transition: 4 },
    pair: { multiplication: 128, heads: 4, width: 32, transition: 4 },
  },
  templates: {
    ...{ channels: 64, blocks: 2, heads: 4, width: 16 },
    pair: { multiplication: 64, heads: 4, width: 16, transition: 2 },
  },
  structure: { ipa: { heads: 12, width: 16, queryPoints: 4, valuePoints: 8 }, angles: 128, layers: 8 },
  heads: { plddt: 128, error: false },
  recycles: 3,
  most: { clusters: 512, extraSequences: 1024, templates: 4 },
} as const satisfies FoldConfig;

/** Models 1 to 5 of table 5: which know templates, and how many extra sequences they are given. */
const table5: readonly (readonly [templates: boolean, extraSequences: number])[] = [
  [true, 5120],
  [true, 1024],
  [false, 5120],
  [false, 5120],
  [false, 1024],
];

function official(number: number, error: boolean): FoldConfig {
  const [templates, extraSequences] = table5[number - 1]!;
  return {
    ...paper,
    templates: templates ? paper.templates : null,
    heads: { ...paper.heads, error },
    most: { ...paper.most, extraSequences, templates: templates ? paper.most.templates : 0 },
  };
}

/** A network that a laptop trains: few channels and blocks, all parts but templates. */
const small: FoldConfig = {
  channels: { msa: 64, pair: 32, extra: 16, single: 64 },
  evoformer: {
    ...{ blocks: 4, msa: { heads: 4, width: 16 }, outer: 12, transition: 2 },
    pair: { multiplication: 32, heads: 4, width: 8, transition: 2 },
  },
  extraMsa: {
    ...{ blocks: 1, msa: { heads: 4, width: 4 }, outer: 8, transition: 2 },
    pair: { multiplication: 32, heads: 4, width: 8, transition: 2 },
  },
  templates: null,
  structure: { ipa: { heads: 4, width: 16, queryPoints: 4, valuePoints: 4 }, angles: 64, layers: 8 },
  heads: { plddt: 64, error: true },
  recycles: 3,
  most: { clusters: 32, extraSequences: 64, templates: 0 },
};

/** Half of it, for sequences alone. */
const mini: FoldConfig = {
  ...small,
  evoformer: { ...small.evoformer, blocks: 2 },
  most: { clusters: 1, extraSequences: 1, templates: 0 },
};

/** Networks by name: `model_1` to `model_5`, the same with `_ptm`, whose heads predict errors of pairs, `small` and `mini`. */
export const configs: Readonly<Record<string, FoldConfig>> = {
  small,
  mini,
  ...Object.fromEntries(
    [1, 2, 3, 4, 5].flatMap((number) => [
      [`model_${number}`, official(number, false)],
      [`model_${number}_ptm`, official(number, true)],
    ]),
  ),
};

/** A configuration by name. ArgumentError names those there are. */
export function configOf(name: string): FoldConfig {
  if (!Object.hasOwn(configs, name))
    throw new ArgumentError("configOf", `there is no network ${JSON.stringify(name)}`, `Use one of ${Object.keys(configs).join(", ")}`);
  return configs[name]!;
}
