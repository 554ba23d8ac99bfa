import { ArgumentError } from "@gradus/tensor";
import type { Alignment } from "../io/alignment.ts";
import { tokenOf, tokens } from "./tokens.ts";

/** A multiple sequence alignment as numbers: S sequences, the query first, of N places. */
export interface Msa {
  readonly sequences: number;
  readonly residues: number;
  /** [S, N] */
  readonly tokens: Uint8Array;
  /** Residues left out before each place, [S, N]. */
  readonly deletions: Int32Array;
}

/** Alignments of one query, one after the other, each sequence once: equal rows but for insertions are one (supplement, section 1.2.2). */
export function msaOf(sequence: string, alignments: readonly Alignment[]): Msa {
  const n = sequence.length;
  const seen = new Set<string>();
  const chosen: { row: string; deletions: Int32Array }[] = [];
  for (const { rows, deletions } of alignments) {
    if (rows[0] !== sequence)
      throw new ArgumentError(
        "features",
        `an alignment begins with ${JSON.stringify(rows[0]?.slice(0, 20))}, the query with ${sequence.slice(0, 20)}`,
      );
    rows.forEach((row, i) => {
      if (seen.has(row)) return;
      seen.add(row);
      chosen.push({ row, deletions: deletions[i]! });
    });
  }
  if (!chosen.length)
    throw new ArgumentError("features", "there is no alignment", "Give one, or singleSequence(query) to predict from the sequence alone");
  const msa = {
    sequences: chosen.length,
    residues: n,
    tokens: new Uint8Array(chosen.length * n),
    deletions: new Int32Array(chosen.length * n),
  };
  chosen.forEach(({ row, deletions }, s) => {
    for (let i = 0; i < n; i++) msa.tokens[s * n + i] = tokenOf(row.charCodeAt(i));
    msa.deletions.set(deletions, s * n);
  });
  return msa;
}

/** How often each token stands at each place, [N, 22]: the profile that masked residues are drawn from. */
export function profileOf({ sequences, residues, tokens: all }: Msa): Float32Array {
  const profile = new Float32Array(residues * tokens);
  for (let s = 0; s < sequences; s++) for (let i = 0; i < residues; i++) profile[i * tokens + all[s * residues + i]!]! += 1 / sequences;
  return profile;
}

/** Some of the sequences, in the order given. */
export function chooseRows({ residues, tokens: all, deletions }: Msa, rows: ArrayLike<number>): Msa {
  const sequences = rows.length;
  const chosen = { sequences, residues, tokens: new Uint8Array(sequences * residues), deletions: new Int32Array(sequences * residues) };
  for (let s = 0; s < sequences; s++) {
    const from = rows[s]! * residues;
    chosen.tokens.set(all.subarray(from, from + residues), s * residues);
    chosen.deletions.set(deletions.subarray(from, from + residues), s * residues);
  }
  return chosen;
}
