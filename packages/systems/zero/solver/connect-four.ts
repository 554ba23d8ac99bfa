import { StateError } from "@gradus/tensor";
import { connectFour } from "../games/connect-four.ts";

// A board is seven columns of seven bits, the lowest the bottom square, the highest always empty: columns 0 to 3 are 28 bits of one
// number, columns 4 to 6 are 21 bits of another. A line runs along bits that are 1, 7, 6 or 8 apart.
const low = 2 ** 28 - 1;
const high = 2 ** 21 - 1;
const bottomLow = 0b0000001_0000001_0000001_0000001;
const bottomHigh = 0b0000001_0000001_0000001;
const boardLow = bottomLow * 63;
const boardHigh = bottomHigh * 63;
const columns = 7;
const columnLow = [0, 1, 2, 3, 4, 5, 6].map((c) => (c < 4 ? 63 << (7 * c) : 0));
const columnHigh = [0, 1, 2, 3, 4, 5, 6].map((c) => (c < 4 ? 0 : 63 << (7 * (c - 4))));
/** Columns in the order they are tried: lines through the middle are most. */
const order = [3, 2, 4, 1, 5, 0, 6];

const ones = (x: number): number => {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
};

/** The last result of `spots`, in halves: two numbers are returned without an object. */
let foundLow = 0;
let foundHigh = 0;

/** Empty squares that would make a line of four for stones p, among stones m of both. */
function spots(pl: number, ph: number, ml: number, mh: number): void {
  // Upwards: three below each other and the square above.
  let rl = (pl << 1) & (pl << 2) & (pl << 3);
  let rh = (ph << 1) & (ph << 2) & (ph << 3);
  for (let k = 6; k <= 8; k++) {
    // Stones moved by k, 2 k and 3 k squares, up (u) and down (d), over the border between the halves.
    const u1l = (pl << k) & low;
    const u1h = ((ph << k) | (pl >>> (28 - k))) & high;
    const u2l = (u1l << k) & low;
    const u2h = ((u1h << k) | (u1l >>> (28 - k))) & high;
    const u3l = (u2l << k) & low;
    const u3h = ((u2h << k) | (u2l >>> (28 - k))) & high;
    const d1l = (pl >>> k) | ((ph << (28 - k)) & low);
    const d1h = ph >>> k;
    const d2l = (d1l >>> k) | ((d1h << (28 - k)) & low);
    const d2h = d1h >>> k;
    const d3l = (d2l >>> k) | ((d2h << (28 - k)) & low);
    const d3h = d2h >>> k;
    rl |= (u1l & u2l & (u3l | d1l)) | (d1l & d2l & (d3l | u1l));
    rh |= (u1h & u2h & (u3h | d1h)) | (d1h & d2h & (d3h | u1h));
  }
  foundLow = rl & boardLow & ~ml;
  foundHigh = rh & boardHigh & ~mh;
}

export interface SolverOptions {
  /** Positions that are remembered: 2 to this power, 9 bytes each. Default 22. */
  readonly tableBits?: number;
}

/**
 * Who wins Connect Four from a position with perfect play on both sides: alpha-beta with null windows, threats first, and a table of
 * positions (after the method that Pascal Pons describes). Exact; the fewer stones, the longer it takes.
 */
export class Solver {
  private readonly keysLow: Int32Array;
  private readonly keysHigh: Int32Array;
  /** Least and greatest outcome known, as (least + 1) + 4 (greatest + 1). */
  private readonly bounds: Uint8Array;
  private readonly mask: number;
  /** Positions looked at so far. */
  nodes = 0;

  constructor({ tableBits = 22 }: SolverOptions = {}) {
    this.keysLow = new Int32Array(2 ** tableBits);
    this.keysHigh = new Int32Array(2 ** tableBits);
    this.bounds = new Uint8Array(2 ** tableBits);
    this.mask = 2 ** tableBits - 1;
  }

  /** The result for who is to move, 1, 0 or -1. FormatError for what is no position, StateError when the game is over. */
  outcome(position: string): -1 | 0 | 1 {
    const { pl, ph, ml, mh, ply } = read(position);
    return this.result(pl, ph, ml, mh, ply);
  }

  /** The result of each column for who is to move, null where it is full. Errors as for `outcome`. */
  values(position: string): (-1 | 0 | 1 | null)[] {
    const { pl, ph, ml, mh, ply } = read(position);
    spots(pl, ph, ml, mh);
    const [winLow, winHigh] = [foundLow, foundHigh];
    return Array.from({ length: columns }, (_, c) => {
      const moveLow = (ml + bottomLow) & boardLow & columnLow[c]!;
      const moveHigh = (mh + bottomHigh) & boardHigh & columnHigh[c]!;
      if (!moveLow && !moveHigh) return null;
      if ((moveLow & winLow) | (moveHigh & winHigh)) return 1;
      if (ply === 41) return 0;
      // After the move the other side is to move: its stones are those that are not ours.
      return (0 - this.result(ml & ~pl, mh & ~ph, ml | moveLow, mh | moveHigh, ply + 1)) as -1 | 0 | 1;
    });
  }

  private result(pl: number, ph: number, ml: number, mh: number, ply: number): -1 | 0 | 1 {
    if (ply >= 42) return 0;
    spots(pl, ph, ml, mh);
    if ((foundLow & ((ml + bottomLow) & boardLow)) | (foundHigh & ((mh + bottomHigh) & boardHigh))) return 1;
    if (this.search(pl, ph, ml, mh, ply, 0) > 0) return 1;
    return this.search(pl, ph, ml, mh, ply, -1) > -1 ? 0 : -1;
  }

  /** Whether the outcome is above alpha: a bound on either side of it. Who is to move cannot win at once. */
  private search(pl: number, ph: number, ml: number, mh: number, ply: number, alpha: number): number {
    this.nodes++;
    // Moves that do not lose at once: into the other side's threat, if there is one, and never below one.
    let movesLow = (ml + bottomLow) & boardLow;
    let movesHigh = (mh + bottomHigh) & boardHigh;
    spots(ml ^ pl, mh ^ ph, ml, mh);
    const [threatLow, threatHigh] = [foundLow, foundHigh];
    const [forcedLow, forcedHigh] = [movesLow & threatLow, movesHigh & threatHigh];
    if (forcedLow | forcedHigh) {
      if (ones(forcedLow) + ones(forcedHigh) > 1) return -1;
      movesLow = forcedLow;
      movesHigh = forcedHigh;
    }
    movesLow &= ~(threatLow >>> 1);
    movesHigh &= ~(threatHigh >>> 1);
    if (!(movesLow | movesHigh)) return -1;
    if (ply >= 40) return 0;

    const [keyLow, keyHigh] = [pl + ml, ph + mh];
    const at = (Math.imul(keyLow, 0x9e3779b1) ^ Math.imul(keyHigh, 0x85ebca6b) ^ (keyLow >>> 15)) & this.mask;
    let [least, greatest] = [-1, 1];
    if (this.keysLow[at] === keyLow && this.keysHigh[at] === keyHigh && this.bounds[at]) {
      const bounds = this.bounds[at]!;
      least = (bounds & 3) - 1;
      greatest = (bounds >> 2) - 2;
      if (least > alpha) return least;
      if (greatest <= alpha) return greatest;
    }

    // Moves by how many threats they make.
    let count = 0;
    const first = 7 * ply;
    for (const c of order) {
      const [moveLow, moveHigh] = [movesLow & columnLow[c]!, movesHigh & columnHigh[c]!];
      if (!(moveLow | moveHigh)) continue;
      spots(pl | moveLow, ph | moveHigh, ml, mh);
      const threats = ones(foundLow) + ones(foundHigh);
      let place = first + count++;
      for (; place > first && scores[place - 1]! < threats; place--) {
        scores[place] = scores[place - 1]!;
        lows[place] = lows[place - 1]!;
        highs[place] = highs[place - 1]!;
      }
      scores[place] = threats;
      lows[place] = moveLow;
      highs[place] = moveHigh;
    }
    let best = -1;
    for (let i = first; i < first + count; i++) {
      const value = -this.search(ml ^ pl, mh ^ ph, ml | lows[i]!, mh | highs[i]!, ply + 1, -alpha - 1);
      if (value > best) best = value;
      if (best > alpha) break;
    }
    if (best > alpha) least = Math.max(least, best);
    else greatest = Math.min(greatest, best);
    this.keysLow[at] = keyLow;
    this.keysHigh[at] = keyHigh;
    this.bounds[at] = least + 1 + 4 * (greatest + 2);
    return best;
  }
}

/** Moves of each ply under way, seven places each. */
const scores = new Int8Array(7 * 42);
const lows = new Int32Array(7 * 42);
const highs = new Int32Array(7 * 42);

/** A position as bits: stones p of who is to move, m of both. */
function read(position: string) {
  const state = connectFour.begin(position);
  if (state.outcome) throw new StateError("Solver", `the game is over: ${state.outcome.reason}`);
  const heights = new Array<number>(columns).fill(0);
  const stones = [
    [0, 0],
    [0, 0],
  ];
  for (const [ply, digit] of [...position].entries()) {
    const c = Number(digit) - 1;
    const half = c < 4 ? 0 : 1;
    stones[ply & 1]![half]! |= 1 << (7 * (c - 4 * half) + heights[c]!++);
  }
  const [own, other] = [stones[position.length & 1]!, stones[1 - (position.length & 1)]!];
  return { pl: own[0]!, ph: own[1]!, ml: own[0]! | other[0]!, mh: own[1]! | other[1]!, ply: position.length };
}
