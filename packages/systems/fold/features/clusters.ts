import type { Random } from "@gradus/data";
import type { Msa } from "./msa.ts";
import { gapToken, maskToken, tokens, tokensWithMask } from "./tokens.ts";

/** Which of `sequences` are kept by algorithm 1, the query among them: blocks of neighbours, often relatives, are left out. */
export function deleteBlocks(sequences: number, random: Random, { blocks = 5, share = 0.3 } = {}): number[] {
  const size = Math.floor(sequences * share);
  const deleted = new Set<number>();
  for (let b = 0; b < blocks; b++) {
    const start = random.integer(sequences);
    for (let i = start; i < Math.min(start + size, sequences); i++) deleted.add(i);
  }
  deleted.delete(0);
  return Array.from({ length: sequences }, (_, i) => i).filter((i) => !deleted.has(i));
}

/** Draws centres of clusters, the query first, and what remains, both in random order (supplement, section 1.2.7, step 1). */
export function drawCentres(sequences: number, clusters: number, random: Random): { centres: Int32Array; others: Int32Array } {
  const order = random.shuffle(Int32Array.from({ length: sequences - 1 }, (_, i) => i + 1));
  const n = Math.min(clusters, sequences);
  return { centres: Int32Array.from([0, ...order.subarray(0, n - 1)]), others: order.slice(n - 1) };
}

/** What becomes of a place that is masked; else it becomes the mask. */
const [byUniform, byProfile, bySame] = [0.1, 0.1, 0.1];

/**
 * Masks a share of all places, as BERT does (section 1.2.7, step 2): of those, 10 % become an amino acid drawn uniformly, 10 % one drawn from
 * the profile of the place, 10 % stay, and 70 % become the mask. Returns which places were chosen, [S, N].
 */
export function maskMsa(msa: Msa, profile: Float32Array, share: number, random: Random): { masked: Msa; chosen: Uint8Array } {
  const masked = { ...msa, tokens: msa.tokens.slice() };
  const chosen = new Uint8Array(msa.tokens.length);
  for (let at = 0; at < chosen.length; at++) {
    if (!random.chance(share)) continue;
    chosen[at] = 1;
    let u = random.uniform();
    if (u < byUniform) masked.tokens[at] = Math.min(19, Math.floor((u / byUniform) * 20));
    else if ((u -= byUniform) < byProfile) masked.tokens[at] = drawn(profile, (at % msa.residues) * tokens, u / byProfile);
    else if (u - byProfile >= bySame) masked.tokens[at] = maskToken;
  }
  return { masked, chosen };
}

/** The token at the share u of a distribution. */
function drawn(profile: Float32Array, start: number, u: number): number {
  let last = 0;
  for (let token = 0; token < tokens; token++) {
    const p = profile[start + token]!;
    if (p === 0) continue;
    last = token;
    u -= p;
    if (u < 0) break;
  }
  return last;
}

/**
 * The centre nearest to each of the others: the one that agrees with it at the most places, gaps and masks not counted; of equal ones the
 * first (section 1.2.7, step 3).
 */
export function nearestCentres(centres: Msa, others: Msa): Int32Array {
  const [a, b] = [packed(centres, 29), packed(others, 30)];
  const width = Math.ceil(centres.residues / 4);
  const nearest = new Int32Array(others.sequences);
  for (let o = 0; o < others.sequences; o++) {
    let most = -1;
    for (let c = 0; c < centres.sequences; c++) {
      // Four places at a time: below 128 a byte of 0x80 - (x ^ y) has its highest bit only where x equals y.
      let agreement = 0;
      for (let k = 0; k < width; ) {
        let sums = 0;
        // 255 are as many as a byte counts.
        for (const end = Math.min(width, k + 255); k < end; k++)
          sums = (sums + (((0x80808080 - (a[c * width + k]! ^ b[o * width + k]!)) & 0x80808080) >>> 7)) | 0;
        agreement += (sums & 255) + ((sums >>> 8) & 255) + ((sums >>> 16) & 255) + (sums >>> 24);
      }
      if (agreement > most) {
        most = agreement;
        nearest[o] = c;
      }
    }
  }
  return nearest;
}

/** Tokens as bytes of int32, rows filled up; gaps, masks and what fills up are `none`, which must agree with nothing. */
function packed({ sequences, residues, tokens: all }: Msa, none: number): Int32Array {
  const width = Math.ceil(residues / 4);
  const bytes = new Uint8Array(sequences * width * 4).fill(none);
  for (let s = 0; s < sequences; s++)
    for (let i = 0; i < residues; i++) {
      const token = all[s * residues + i]!;
      if (token !== gapToken && token !== maskToken) bytes[s * width * 4 + i] = token;
    }
  return new Int32Array(bytes.buffer);
}

export interface Clusters {
  /** Share of each token at each place of each cluster, its centre included: [S, N, 23]. */
  readonly profile: Float32Array;
  /** Mean number of deletions, [S, N]. */
  readonly deletions: Float32Array;
}

/** Averages over clusters (section 1.2.7, step 3). */
export function summarize(centres: Msa, others: Msa, nearest: Int32Array): Clusters {
  const { sequences, residues } = centres;
  const profile = new Float32Array(sequences * residues * tokensWithMask);
  const deletions = Float32Array.from(centres.deletions);
  const counts = new Float32Array(sequences).fill(1);
  for (let at = 0; at < centres.tokens.length; at++) profile[at * tokensWithMask + centres.tokens[at]!] = 1;
  nearest.forEach((centre, o) => {
    counts[centre]! += 1;
    for (let i = 0; i < residues; i++) {
      const [from, to] = [o * residues + i, centre * residues + i];
      profile[to * tokensWithMask + others.tokens[from]!]! += 1;
      deletions[to]! += others.deletions[from]!;
    }
  });
  const row = residues * tokensWithMask;
  for (let at = 0; at < profile.length; at++) profile[at]! /= counts[Math.floor(at / row)]!;
  for (let at = 0; at < deletions.length; at++) deletions[at]! /= counts[Math.floor(at / residues)]!;
  return { profile, deletions };
}
