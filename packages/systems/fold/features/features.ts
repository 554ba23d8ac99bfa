import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { typeOfLetter } from "../constants/residues.ts";
import type { Alignment } from "../io/alignment.ts";
import { deleteBlocks, drawCentres, maskMsa, nearestCentres, summarize } from "./clusters.ts";
import { chooseRows, type Msa, msaOf, profileOf } from "./msa.ts";
import { type Template, type TemplateArrays, templateArrays } from "./templates.ts";
import { tokensWithMask } from "./tokens.ts";

/** What is known of a chain before it is folded. */
export interface FeatureInput {
  /** Capital letters, X for unknown residues. */
  readonly sequence: string;
  /** Numbers of the residues, with jumps where some are missing. Default 0, 1, 2, ... */
  readonly residueIndex?: ArrayLike<number>;
  /** Of the sequence; where the same row stands twice, it counts once. */
  readonly alignments: readonly Alignment[];
  /** Best first. */
  readonly templates?: readonly Template[];
}

/** Sizes that arrays are filled up to with zeros, so that they have the same shapes for all chains. */
export interface FixedSizes {
  readonly residues?: number;
  readonly clusters?: number;
  readonly extra?: number;
  readonly templates?: number;
}

export interface FeatureOptions {
  /** Default 0. The same seed and pass give the same features. */
  readonly seed?: number;
  /** Each pass of recycling sees another draw of the alignment. Default 0. */
  readonly pass?: number;
  /** Sequences that stand for clusters, N_clust. Default 512. */
  readonly clusters?: number;
  /** Other sequences, N_extra_seq. Default 1024. */
  readonly extra?: number;
  /** Templates, N_templ. Default 4. */
  readonly templates?: number;
  /** Share of the alignment that is masked. Default 0.15, as in AlphaFold's predictions too. */
  readonly masked?: number;
  /** Leaves blocks of the alignment out, as training does (algorithm 1). Default false. */
  readonly blockDeletion?: boolean;
  /** Residues to keep, as training does: the rest is left out after clustering. */
  readonly crop?: { readonly start: number; readonly length: number };
  readonly fill?: FixedSizes;
}

/**
 * The network's inputs of one pass as arrays (supplement, table 1), r residues, s clusters, e other sequences, t templates. Masks are 1 where
 * there is something, 0 where arrays were filled up.
 */
export interface FeatureArrays {
  /** Types of residues, int32 [r]. */
  readonly aatype: ArrayData;
  /** int32 [r] */
  readonly residueIndex: ArrayData;
  /** [r] */
  readonly seqMask: ArrayData;
  /** A column of zeros (breaks between domains, which a chain does not have), then the type, one-hot: [r, 22]. */
  readonly targetFeat: ArrayData;
  /** Token one-hot 23, has deletions, deletions, profile of the cluster 23, its mean of deletions: [s, r, 49]. The first row is the query's. */
  readonly msaFeat: ArrayData;
  /** [s, r] */
  readonly msaMask: ArrayData;
  /** Tokens, int32 [e, r]. At least one row; masked where there are no other sequences. */
  readonly extraMsa: ArrayData;
  /** [e, r] */
  readonly extraHasDeletion: ArrayData;
  /** [e, r] */
  readonly extraDeletionValue: ArrayData;
  /** [e, r] */
  readonly extraMsaMask: ArrayData;
  /** Null without templates. */
  readonly templates: TemplateArrays | null;
  /** Tokens of the clusters' centres before masking, int32 [s, r]: what the network should restore. */
  readonly trueMsa: ArrayData;
  /** Where it should: 1 for places chosen to be masked, [s, r]. */
  readonly bertMask: ArrayData;
}

/** Deletions, 0 to infinity, brought to 0 to 1. */
const deletionValue = (count: number): number => (Math.atan(count / 3) * 2) / Math.PI;

/**
 * AlphaFold's features of one pass (supplement, sections 1.2.6 to 1.2.9): draws centres from the alignment, masks them, lets the other sequences
 * join the nearest, and draws extra sequences from those. ArgumentError, in a sentence, for input that does not fit together.
 */
export function makeFeatures(input: FeatureInput, options: FeatureOptions = {}): FeatureArrays {
  const { seed = 0, pass = 0, clusters = 512, extra = 1024, masked: share = 0.15, blockDeletion = false, fill = {} } = options;
  for (const [name, value] of Object.entries({ clusters, extra }))
    if (!Number.isInteger(value) || value < 1) throw new ArgumentError("features", `${name} is ${value}`, "Give a whole number from 1 on");
  if (!(share >= 0 && share <= 1)) throw new ArgumentError("features", `masked is ${share}`, "Give a share from 0 to 1");
  const { sequence } = input;
  const n = sequence.length;
  const residueIndex = Int32Array.from({ length: n }, (_, i) => input.residueIndex?.[i] ?? i);
  if (input.residueIndex && input.residueIndex.length !== n)
    throw new ArgumentError("features", `there are ${input.residueIndex.length} residue numbers for ${n} residues`);
  const crop = options.crop ?? { start: 0, length: n };
  if (!(crop.start >= 0 && crop.length > 0 && crop.start + crop.length <= n))
    throw new ArgumentError("features", `a crop of ${crop.length} residues from ${crop.start} on does not lie in ${n}`);

  // A stream of random numbers each, so that one does not depend on how many another takes.
  const random = (purpose: number): Random => new Random(seed, pass, purpose);
  const whole = msaOf(sequence, input.alignments);
  const kept = blockDeletion ? chooseRows(whole, deleteBlocks(whole.sequences, random(0))) : whole;
  const { centres: rows, others: rest } = drawCentres(kept.sequences, clusters, random(1));
  const centres = chooseRows(kept, rows);
  const others = chooseRows(kept, rest);
  const { masked, chosen } = maskMsa(centres, profileOf(whole), share, random(2));
  const summary = summarize(masked, others, nearestCentres(masked, others));
  const extras = chooseRows(others, random(3).shuffle(Int32Array.from(rest.keys())).subarray(0, extra));

  const sizes = {
    residues: fixed("residues", crop.length, fill.residues),
    clusters: fixed("clusters", centres.sequences, fill.clusters),
    extra: fixed("extra", Math.max(1, extras.sequences), fill.extra),
  };
  const { residues: r } = sizes;
  const aatype = Int32Array.from(sequence, typeOfLetter);
  const perResidue = grid([r], [crop.length]);
  const perCluster = grid([sizes.clusters, r], [centres.sequences, crop.length]);
  const perExtra = grid([sizes.extra, r], [extras.sequences, crop.length]);
  const place = (row: number, i: number): number => row * n + crop.start + i;
  return {
    aatype: perResidue("int32", (i) => aatype[crop.start + i!]!),
    residueIndex: perResidue("int32", (i) => residueIndex[crop.start + i!]!),
    seqMask: perResidue("float32", () => 1),
    targetFeat: targetFeat(aatype, crop, r),
    msaFeat: msaFeat(masked, summary, crop, [sizes.clusters, r]),
    msaMask: perCluster("float32", () => 1),
    extraMsa: perExtra("int32", (s, i) => extras.tokens[place(s!, i!)]!),
    extraHasDeletion: perExtra("float32", (s, i) => Math.min(1, extras.deletions[place(s!, i!)]!)),
    extraDeletionValue: perExtra("float32", (s, i) => deletionValue(extras.deletions[place(s!, i!)]!)),
    extraMsaMask: perExtra("float32", () => 1),
    templates: input.templates?.length
      ? templateArrays(input.templates, { ...options, sequence, crop, residues: r, fill: fill.templates })
      : null,
    trueMsa: perCluster("int32", (s, i) => centres.tokens[place(s!, i!)]!),
    bertMask: perCluster("float32", (s, i) => chosen[place(s!, i!)]!),
  };
}

function fixed(name: string, have: number, wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= have))
    throw new ArgumentError(
      "features",
      `fill.${name} is ${wanted}, there are ${have}`,
      "Give at least as many, or a crop and fewer sequences",
    );
  return wanted ?? have;
}

/** Makes arrays of a shape, filled from functions of the index where something is, with zeros elsewhere. */
function grid([rows, columns]: readonly number[], [haveRows, haveColumns]: readonly number[]) {
  return (dtype: "int32" | "float32", of: (row: number, column: number) => number): ArrayData => {
    const shape = columns === undefined ? [rows!] : [rows!, columns];
    const data = new (dtype === "int32" ? Int32Array : Float32Array)(rows! * (columns ?? 1));
    for (let row = 0; row < haveRows!; row++)
      for (let column = 0; column < (haveColumns ?? 1); column++) data[row * (columns ?? 1) + column] = of(row, column);
    return { dtype, shape, data };
  };
}

function targetFeat(aatype: Int32Array, crop: { readonly start: number; readonly length: number }, r: number): ArrayData {
  const data = new Float32Array(r * 22);
  for (let i = 0; i < crop.length; i++) data[i * 22 + 1 + aatype[crop.start + i]!] = 1;
  return { dtype: "float32", shape: [r, 22], data };
}

function msaFeat(
  masked: Msa,
  { profile, deletions }: ReturnType<typeof summarize>,
  crop: { readonly start: number; readonly length: number },
  [rows, r]: readonly [number, number],
): ArrayData {
  const width = 2 * tokensWithMask + 3;
  const data = new Float32Array(rows * r * width);
  for (let s = 0; s < masked.sequences; s++)
    for (let i = 0; i < crop.length; i++) {
      const from = s * masked.residues + crop.start + i;
      const to = (s * r + i) * width;
      data[to + masked.tokens[from]!] = 1;
      data[to + 23] = Math.min(1, masked.deletions[from]!);
      data[to + 24] = deletionValue(masked.deletions[from]!);
      data.set(profile.subarray(from * tokensWithMask, (from + 1) * tokensWithMask), to + 25);
      data[to + 48] = deletionValue(deletions[from]!);
    }
  return { dtype: "float32", shape: [rows, r, width], data };
}
