import { Heap } from "./heap.ts";

/** Which pairs of tokens become one. */
export interface Merges {
  /** How early the pair was learned, from 0 on; -1 for a pair that stays two. */
  rank(a: number, b: number): number;
  /** The token that the pair of this rank becomes. */
  result(rank: number): number;
}

/**
 * Byte-pair encoding of one word (Sennrich et al. 2016): again and again the pair learned first becomes one token, the leftmost where it
 * occurs often. Equal to looking through all pairs for each merge, in n log n steps: pairs wait in a heap, and a pair that is no
 * longer there when its turn comes is passed over.
 */
export function mergeWord(symbols: readonly number[], merges: Merges): readonly number[] {
  const n = symbols.length;
  if (n < 2) return symbols;
  const token = Int32Array.from(symbols); // -1: swallowed by a token to the left
  const next = Int32Array.from(symbols, (_, i) => i + 1);
  const previous = Int32Array.from(symbols, (_, i) => i - 1);
  const heap = new Heap<number>((a, b) => a < b); // rank · n + place
  const consider = (i: number) => {
    const j = next[i]!;
    const rank = j < n ? merges.rank(token[i]!, token[j]!) : -1;
    if (rank >= 0) heap.push(rank * n + i);
  };
  for (let i = 0; i < n - 1; i++) consider(i);
  for (let item = heap.pop(); item !== undefined; item = heap.pop()) {
    const rank = Math.floor(item / n);
    const i = item - rank * n;
    const j = next[i]!;
    if (token[i] === -1 || j >= n || merges.rank(token[i]!, token[j]!) !== rank) continue;
    token[i] = merges.result(rank);
    token[j] = -1;
    next[i] = next[j]!;
    if (next[i]! < n) previous[next[i]!] = i;
    if (previous[i]! >= 0) consider(previous[i]!);
    consider(i);
  }
  return Array.from(token.filter((t) => t !== -1));
}

/** Merges by a table of pairs. */
export class PairTable implements Merges {
  readonly #ranks = new Map<number, number>();
  readonly #results: number[] = [];
  readonly #size: number;

  /** `size`: ids are below it. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The next pair, later than all before. */
  add(a: number, b: number, result: number): void {
    this.#ranks.set(a * this.#size + b, this.#results.length);
    this.#results.push(result);
  }

  rank(a: number, b: number): number {
    return this.#ranks.get(a * this.#size + b) ?? -1;
  }

  result(rank: number): number {
    return this.#results[rank]!;
  }
}

/** Words seen lately and their tokens: text repeats its words. Long ones are not kept. */
export class WordCache {
  readonly #words = new Map<string, readonly number[]>();

  get(word: string, encode: (word: string) => readonly number[]): readonly number[] {
    if (word.length > 40) return encode(word);
    let ids = this.#words.get(word);
    if (!ids) {
      if (this.#words.size >= 50_000) this.#words.clear();
      ids = encode(word);
      this.#words.set(word, ids);
    }
    return ids;
  }
}
