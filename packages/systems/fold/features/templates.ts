import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { atoms37, typeOfLetter } from "../constants/residues.ts";
import type { Hit } from "../io/hhr.ts";
import type { Chain, Structure } from "../io/structure.ts";
import { alignSequences, identityOf } from "./align.ts";
import { gapToken } from "./tokens.ts";

/** A chain of known structure laid along the query's N residues. */
export interface Template {
  /** Such as "4PQX_A". */
  readonly name: string;
  readonly chain: Chain;
  /** Which residue of the chain stands below each of the query's, -1 for none: int32 [N]. */
  readonly below: Int32Array;
}

export interface TemplateOptions {
  /** Name of the chain. Default the one that fits best. */
  readonly chain?: string;
  /** An alignment that a search has found. Default one by BLOSUM62. */
  readonly hit?: Hit;
  /** Refuses structures of this day or later, "2018-04-30", so that a prediction can be compared with what came later. */
  readonly before?: string;
}

/** Below this share of the query's residues a template says too little (supplement, section 1.2.3). */
const leastShare = 0.1;

/**
 * A template for a query from a structure: with the alignment of a hit, or with one of its own. ArgumentError, in a sentence, for a chain that
 * is not there, a hit that does not belong to query and structure, and for what says too little or comes too late.
 */
export function templateOf(query: string, structure: Structure, { chain: id, hit, before }: TemplateOptions = {}): Template {
  const name = structure.id || "the structure";
  const fail = (problem: string, fix?: string): never => {
    throw new ArgumentError("template", `${name}: ${problem}`, fix);
  };
  if (before !== undefined && !(structure.date && structure.date < before))
    fail(
      structure.date ? `it was released on ${structure.date}, not before ${before}` : `nothing says that it was released before ${before}`,
    );
  const chains = id === undefined ? structure.chains : structure.chains.filter((chain) => chain.id === id);
  if (!chains.length) fail(`it has no chain ${JSON.stringify(id)}`, `There are ${structure.chains.map((c) => c.id).join(", ")}`);
  const found = chains.map((chain) => ({ chain, below: hit ? placesOfHit(query, chain, hit) : alignSequences(query, chain.sequence) }));
  // By pairs of residues whose atoms are known, equal ones first.
  const worth = ({ chain, below }: (typeof found)[number]): number =>
    below ? below.reduce((sum, j, i) => sum + (j >= 0 && chain.numbers[j] ? 1 + +(chain.sequence[j] === query[i]) : 0), 0) : -1;
  const best = found.reduce((a, b) => (worth(b) > worth(a) ? b : a));
  const { chain, below } = best;
  if (!below)
    return fail(
      hit ? `the hit ${hit.name} is not in it, or not for this query` : "the sequences are too long to be aligned here",
      "Give the structure that was found",
    );
  const pairs = below.reduce((sum, j) => sum + +(j >= 0 && chain.numbers[j] !== ""), 0);
  if (pairs < leastShare * query.length)
    fail(`${pairs} of the query's ${query.length} residues have a counterpart in it`, "Give a structure of a related protein");
  return { name: `${structure.id}_${chain.id}`, chain, below };
}

/** Which residues of a chain a hit lays below the query's; null where the hit belongs to another query or chain. */
function placesOfHit(query: string, chain: Chain, hit: Hit): Int32Array | null {
  const ungapped = (text: string): string => text.replaceAll("-", "").toUpperCase();
  const [part, found] = [ungapped(hit.query), ungapped(hit.template)];
  if (query.slice(hit.queryStart, hit.queryStart + part.length) !== part) return null;
  // The chain's own numbering need not be that of the hit's database: its sequence is looked for, and aligned where it differs a little.
  const start = chain.sequence.indexOf(found);
  const places = start >= 0 ? Int32Array.from(found, (_, k) => start + k) : alignSequences(found, chain.sequence);
  if (!places) return null;
  if (start < 0) {
    const { identity, pairs } = identityOf(found, chain.sequence, places);
    if (identity < 0.9 || pairs < 0.9 * found.length) return null;
  }
  const below = new Int32Array(query.length).fill(-1);
  let [i, k] = [hit.queryStart, 0];
  for (let column = 0; column < hit.query.length; column++) {
    const [a, b] = [hit.query[column] !== "-", hit.template[column] !== "-"];
    if (a && b) below[i] = places[k]!;
    i += +a;
    k += +b;
  }
  return below;
}

/** t templates as the network takes them. */
export interface TemplateArrays {
  /** Types of the residues below the query's, 21 for none: int32 [t, r]. */
  readonly aatype: ArrayData;
  /** Ångström, [t, r, 37, 3]. */
  readonly positions: ArrayData;
  /** [t, r, 37] */
  readonly atomMask: ArrayData;
  /** 1 for templates that are there, [t]. */
  readonly mask: ArrayData;
}

/** The first templates as arrays, cropped and filled up. */
export function templateArrays(
  templates: readonly Template[],
  {
    sequence,
    crop,
    residues: r,
    templates: most = 4,
    fill,
  }: {
    readonly sequence: string;
    readonly crop: { readonly start: number; readonly length: number };
    readonly residues: number;
    readonly templates?: number;
    readonly fill: number | undefined;
  },
): TemplateArrays | null {
  const chosen = templates.slice(0, most);
  const t = fill ?? chosen.length;
  if (t < chosen.length) throw new ArgumentError("features", `fill.templates is ${t}, there are ${chosen.length}`);
  if (!t) return null;
  const aatype = new Int32Array(t * r).fill(gapToken);
  const positions = new Float32Array(t * r * atoms37 * 3);
  const atomMask = new Float32Array(t * r * atoms37);
  const mask = new Float32Array(t);
  chosen.forEach(({ name, chain, below }, k) => {
    if (below.length !== sequence.length)
      throw new ArgumentError("features", `the template ${name} is laid along ${below.length} residues, the query has ${sequence.length}`);
    mask[k] = 1;
    for (let i = 0; i < crop.length; i++) {
      const from = below[crop.start + i]!;
      if (from < 0) continue;
      const to = k * r + i;
      aatype[to] = typeOfLetter(chain.sequence[from]!);
      positions.set(chain.atomPositions.subarray(from * atoms37 * 3, (from + 1) * atoms37 * 3), to * atoms37 * 3);
      atomMask.set(chain.atomMask.subarray(from * atoms37, (from + 1) * atoms37), to * atoms37);
    }
  });
  return {
    aatype: { dtype: "int32", shape: [t, r], data: aatype },
    positions: { dtype: "float32", shape: [t, r, atoms37, 3], data: positions },
    atomMask: { dtype: "float32", shape: [t, r, atoms37], data: atomMask },
    mask: { dtype: "float32", shape: [t], data: mask },
  };
}
