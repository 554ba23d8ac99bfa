import { tokenOf } from "./tokens.ts";

/** BLOSUM62 (Henikoff and Henikoff 1992), the half below the diagonal, in the order ARNDCQEGHILKMFPSTWYV. */
const half = `
4
-1 5
-2 0 6
-2 -2 1 6
0 -3 -3 -3 9
-1 1 0 0 -3 5
-1 0 0 2 -4 2 5
0 -2 0 -1 -3 -2 -2 6
-2 0 1 -1 -3 0 0 -2 8
-1 -3 -3 -3 -1 -3 -3 -4 -3 4
-1 -2 -3 -4 -1 -2 -3 -4 -3 2 4
-1 2 0 -1 -3 1 1 -2 -1 -3 -2 5
-1 -1 -2 -3 -1 0 -2 -3 -2 1 2 -1 5
-2 -3 -3 -3 -2 -3 -3 -3 -1 0 0 -3 0 6
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4 7
1 -1 1 0 -1 0 0 0 -1 -2 -2 0 -1 -2 -1 4
0 -1 0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1 1 5
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1 1 -4 -3 -2 11
-2 -2 -2 -3 -2 -1 -2 -3 2 -1 -1 -2 -1 3 -3 -2 -2 2 7
0 -3 -3 -3 -1 -2 -2 -3 -3 3 1 -2 1 -1 -2 -2 0 -3 -1 4`;

/** Scores of pairs of tokens, 21 × 21; what is unknown counts as a small mismatch. */
const scores = new Int8Array(21 * 21).fill(-1);
half
  .trim()
  .split("\n")
  .forEach((line, a) => {
    line.split(" ").forEach((value, b) => {
      scores[a * 21 + b] = scores[b * 21 + a] = Number(value);
    });
  });

const [open, extend] = [11, 1];

/** More cells than this are refused: 4 bytes each. */
const mostCells = 2e8;

/**
 * Which place of `b` stands below each of `a`, -1 for none: the best alignment by BLOSUM62 where overhanging ends cost nothing and a gap of k
 * costs 11 + k (Needleman and Wunsch 1970, Gotoh 1982). Null for sequences too long for it.
 */
export function alignSequences(a: string, b: string): Int32Array | null {
  const [n, m] = [a.length, b.length];
  if ((n + 1) * (m + 1) > mostCells) return null;
  const [x, y] = [a, b].map((s) => Uint8Array.from(s, (c) => Math.min(20, tokenOf(c.charCodeAt(0))))) as [Uint8Array, Uint8Array];
  const width = m + 1;
  // How the best alignment ends at each cell: 0 a pair, 1 a gap in b, 2 a gap in a; with 4 and 8 those gaps go on.
  const steps = new Uint8Array((n + 1) * width);
  let best = new Float64Array(width);
  const down = new Float64Array(width).fill(-Infinity);
  let [end, endScore] = [[0, 0] as [number, number], 0];
  const consider = (i: number, j: number, score: number): void => {
    if (score > endScore) [end, endScore] = [[i, j], score];
  };
  for (let i = 1; i <= n; i++) {
    const row = new Float64Array(width);
    let across = -Infinity;
    for (let j = 1; j <= m; j++) {
      let step = 0;
      if (down[j]! - extend > best[j]! - open - extend) {
        step |= 4;
        down[j]! -= extend;
      } else down[j] = best[j]! - open - extend;
      if (across - extend > row[j - 1]! - open - extend) {
        step |= 8;
        across -= extend;
      } else across = row[j - 1]! - open - extend;
      let score = best[j - 1]! + scores[x[i - 1]! * 21 + y[j - 1]!]!;
      if (down[j]! > score) {
        score = down[j]!;
        step |= 1;
      }
      if (across > score) {
        score = across;
        step = (step & 12) | 2;
      }
      row[j] = score;
      steps[i * width + j] = step;
      if (i === n || j === m) consider(i, j, score);
    }
    best = row;
  }
  const below = new Int32Array(n).fill(-1);
  let [i, j] = end;
  let state = 0;
  while (i > 0 && j > 0) {
    const step = steps[i * width + j]!;
    if (state === 0) state = step & 3;
    if (state === 0) below[--i] = --j;
    else if (state === 1) {
      if (!(step & 4)) state = 0;
      i--;
    } else {
      if (!(step & 8)) state = 0;
      j--;
    }
  }
  return below;
}

/** Share of equal letters among the places that an alignment pairs, and how many it pairs. */
export function identityOf(a: string, b: string, below: Int32Array): { readonly identity: number; readonly pairs: number } {
  let [equal, pairs] = [0, 0];
  below.forEach((j, i) => {
    if (j < 0) return;
    pairs++;
    equal += +(a[i] === b[j]);
  });
  return { identity: pairs ? equal / pairs : 0, pairs };
}
