import { ArgumentError } from "@gradus/tensor/errors";
import { BPETokenizer, byteCharacters, writeBytes } from "./bpe.ts";
import { Heap } from "./heap.ts";
import { compilePattern, gpt2Pattern, pieces } from "./pattern.ts";
import { SpecialTokens, specialFrom } from "./special.ts";

export interface TrainBPEOptions {
  /** Size of the vocabulary: 256 bytes, what is learned, and special tokens. */
  readonly size: number;
  /** Special tokens; where the text spells them it is cut, and they get the last ids. */
  readonly special?: readonly string[];
  /** How text is cut into words, which no token crosses; GPT-2's unless said. */
  readonly pattern?: string;
  /** A pair is merged only if it occurs so often; 2 unless said. */
  readonly minCount?: number;
  /** Told after each token learned. */
  readonly progress?: (tokens: number, size: number) => void;
}

interface Pair {
  readonly a: number;
  readonly b: number;
  /** How often it occurs in the text. */
  count: number;
  /** Where it occurred when it was counted; some places may hold other tokens by now. */
  readonly places: number[];
}

/**
 * Learns a byte-pair encoding (Sennrich et al. 2016, algorithm 1): the pair of neighbours that occurs most often becomes a token, until
 * there are `size`. Of pairs that occur equally often the one with the lower ids comes first, so a text always gives the same tokens.
 * Gives fewer where no pair is left that occurs `minCount` times.
 *
 * Each word is kept once, with how often it occurs, and each pair knows where it is: a merge costs as much as it changes.
 */
export function trainBPE(text: string, options: TrainBPEOptions): BPETokenizer {
  const { size, special: names = [], pattern = gpt2Pattern, minCount = 2, progress } = options;
  const learned = size - names.length;
  if (!(Number.isInteger(size) && learned >= 256 && size <= 2 ** 20))
    throw new ArgumentError(
      "trainBPE",
      `the size is ${size}`,
      `Give a whole number from ${256 + names.length} (bytes and special tokens) to 2 ** 20`,
    );
  if (!(minCount >= 1)) throw new ArgumentError("trainBPE", `minCount is ${minCount}`, "Give a number from 1 on");

  const words = countWords(text.toWellFormed(), compilePattern("trainBPE", pattern), specialFrom("trainBPE", names, 0));
  const tokens = [...byteCharacters];
  const known = new Set(tokens);
  const merges: string[] = [];

  // All words one after another; a place is -1 once its symbol is part of the token to its left.
  const encoded = [...words.keys()].map((word) => new TextEncoder().encode(word));
  const length = encoded.reduce((sum, bytes) => sum + bytes.length, 0);
  const idOf = new Map(byteCharacters.map((character, id) => [character, id]));
  const ids = Int32Array.from({ length: 256 }, (_, byte) => idOf.get(writeBytes([byte]))!);
  const [symbol, next, previous] = [new Int32Array(length), new Int32Array(length), new Int32Array(length)];
  const weight = new Float64Array(length); // of the word a place is in
  let at = 0;
  [...words.values()].forEach((count, k) => {
    const bytes = encoded[k]!;
    bytes.forEach((byte, i) => {
      symbol[at] = ids[byte]!;
      previous[at] = i === 0 ? -1 : at - 1;
      next[at] = i === bytes.length - 1 ? -1 : at + 1;
      weight[at++] = count;
    });
  });

  const pairs = new Map<number, Pair>();
  const touched = new Set<Pair>();
  const count = (place: number, change: 1 | -1) => {
    const [a, b] = [symbol[place]!, symbol[next[place]!]!];
    const key = a * size + b;
    let pair = pairs.get(key);
    if (!pair) pairs.set(key, (pair = { a, b, count: 0, places: [] }));
    pair.count += change * weight[place]!;
    if (change === 1) {
      pair.places.push(place);
      touched.add(pair);
    }
  };
  // Counts only fall once the step that made them is over, so an entry of the heap may promise too much but never too little.
  const heap = new Heap<{ readonly pair: Pair; readonly count: number }>(
    (x, y) => x.count > y.count || (x.count === y.count && (x.pair.a < y.pair.a || (x.pair.a === y.pair.a && x.pair.b < y.pair.b))),
  );
  const flush = () => {
    for (const pair of touched) heap.push({ pair, count: pair.count });
    touched.clear();
  };
  for (let place = 0; place < length; place++) if (next[place] !== -1) count(place, 1);
  flush();

  while (tokens.length < learned) {
    const best = heap.pop();
    if (!best || best.count < minCount) break;
    const { pair } = best;
    if (pair.count !== best.count) {
      heap.push({ pair, count: pair.count });
      continue;
    }
    const token = tokens[pair.a]! + tokens[pair.b]!;
    // A second way to a token that is there already would give it no new meaning.
    if (known.has(token)) continue;
    const id = tokens.push(token) - 1;
    known.add(token);
    merges.push(`${tokens[pair.a]} ${tokens[pair.b]}`);
    // From left to right, so that of "aaa" the first two become one.
    for (const place of pair.places.sort((x, y) => x - y)) {
      const right = next[place]!;
      if (symbol[place] !== pair.a || right === -1 || symbol[right] !== pair.b) continue;
      const [before, after] = [previous[place]!, next[right]!];
      if (before !== -1) count(before, -1);
      count(place, -1);
      if (after !== -1) count(right, -1);
      symbol[place] = id;
      symbol[right] = -1;
      next[place] = after;
      if (after !== -1) previous[after] = place;
      if (before !== -1) count(before, 1);
      if (after !== -1) count(place, 1);
    }
    pairs.delete(pair.a * size + pair.b);
    flush();
    progress?.(tokens.length + names.length, size);
  }
  const special = Object.fromEntries(specialFrom("trainBPE", names, tokens.length));
  return new BPETokenizer({ type: "bpe", tokens, merges, special, pattern });
}

/** The words of a text and how often each occurs. */
function countWords(text: string, pattern: RegExp, special: ReadonlyMap<string, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const piece of new SpecialTokens(special).split(text)) {
    if (typeof piece === "number") continue;
    for (const { text: word } of pieces(piece, pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}
