import { Random } from "@gradus/data";

/** Points are numbered row by row from the top left; 0 is empty, 1 black, 2 white. */
export type Stones = Uint8Array;

/** Up to four neighbours of each point, -1 where there is none: [4 * points]. */
export function neighbours(size: number): Int16Array {
  const table = new Int16Array(4 * size * size).fill(-1);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const at = 4 * (row * size + column);
      if (row > 0) table[at] = (row - 1) * size + column;
      if (row < size - 1) table[at + 1] = (row + 1) * size + column;
      if (column > 0) table[at + 2] = row * size + column - 1;
      if (column < size - 1) table[at + 3] = row * size + column + 1;
    }
  return table;
}

/** What is used over and over for a size of board: neighbours, numbers for hashes, and memory to walk in. */
export class Field {
  readonly size: number;
  readonly points: number;
  readonly next: Int16Array;
  /** Random numbers of each colour on each point, in two halves (Zobrist 1970): [2 * points], black first. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  private readonly queue: Int16Array;
  private readonly seen: Int32Array;
  private stamp = 0;

  constructor(size: number) {
    this.size = size;
    this.points = size * size;
    this.next = neighbours(size);
    const random = new Random(size);
    this.low = Int32Array.from({ length: 2 * this.points }, () => random.bits());
    this.high = Int32Array.from({ length: 2 * this.points }, () => random.bits());
    this.queue = new Int16Array(this.points);
    this.seen = new Int32Array(this.points);
  }

  /**
   * The stones connected with one, if the chain has no liberty; null as soon as one is found.
   * What is returned is good until the next call.
   */
  captured(stones: Stones, point: number): Int16Array | null {
    const { next, queue, seen } = this;
    const colour = stones[point];
    const stamp = ++this.stamp;
    queue[0] = point;
    seen[point] = stamp;
    let count = 1;
    for (let i = 0; i < count; i++)
      for (let k = 4 * queue[i]!, end = k + 4; k < end; k++) {
        const other = next[k]!;
        if (other < 0 || seen[other] === stamp) continue;
        if (stones[other] === 0) return null;
        if (stones[other] !== colour) continue;
        seen[other] = stamp;
        queue[count++] = other;
      }
    return queue.subarray(0, count);
  }

  /** Whose each point is when the game ends: a stone's own colour; of an empty one the colour that alone borders its region, else 0. */
  owners(stones: Stones): Uint8Array {
    const { next, queue } = this;
    const owner = Uint8Array.from(stones);
    const done = new Uint8Array(this.points);
    for (let start = 0; start < this.points; start++) {
      if (stones[start] || done[start]) continue;
      queue[0] = start;
      done[start] = 1;
      let [count, touched] = [1, 0];
      for (let i = 0; i < count; i++)
        for (let k = 4 * queue[i]!, end = k + 4; k < end; k++) {
          const other = next[k]!;
          if (other < 0) continue;
          if (stones[other]) touched |= stones[other]!;
          else if (!done[other]) {
            done[other] = 1;
            queue[count++] = other;
          }
        }
      // 3: both colours border it.
      if (touched !== 3) for (let i = 0; i < count; i++) owner[queue[i]!] = touched;
    }
    return owner;
  }
}

/** Chains of a position, found in one pass: what legality of all points needs. */
export class Chains {
  private readonly field: Field;
  /** The chain of each point, -1 where it is empty. */
  readonly of: Int16Array;
  /** Of each chain: liberties, and the hash of its stones. */
  readonly liberties: Int16Array;
  readonly low: Int32Array;
  readonly high: Int32Array;
  private readonly queue: Int16Array;
  private readonly counted: Int16Array;

  constructor(field: Field) {
    this.field = field;
    this.of = new Int16Array(field.points);
    this.liberties = new Int16Array(field.points);
    this.low = new Int32Array(field.points);
    this.high = new Int32Array(field.points);
    this.queue = new Int16Array(field.points);
    this.counted = new Int16Array(field.points);
  }

  find(stones: Stones): this {
    const { of, liberties, low, high, queue, counted } = this;
    const { next, points } = this.field;
    of.fill(-1);
    counted.fill(-1);
    let chains = 0;
    for (let start = 0; start < points; start++) {
      const colour = stones[start]!;
      if (!colour || of[start]! >= 0) continue;
      const chain = chains++;
      const offset = (colour - 1) * points;
      let [free, a, b, count] = [0, 0, 0, 1];
      queue[0] = start;
      of[start] = chain;
      for (let i = 0; i < count; i++) {
        const point = queue[i]!;
        a ^= this.field.low[offset + point]!;
        b ^= this.field.high[offset + point]!;
        for (let k = 4 * point, end = k + 4; k < end; k++) {
          const other = next[k]!;
          if (other < 0) continue;
          if (stones[other] === colour) {
            if (of[other]! < 0) {
              of[other] = chain;
              queue[count++] = other;
            }
          } else if (!stones[other] && counted[other] !== chain) {
            counted[other] = chain;
            free++;
          }
        }
      }
      liberties[chain] = free;
      low[chain] = a;
      high[chain] = b;
    }
    return this;
  }
}

/** Points for two to nine stones of handicap (GTP 2, section 4.1.1); null where the board has none for so many. */
export function handicapPoints(size: number, stones: number): number[] | null {
  if (stones < 2 || stones > 9 || size < 7) return null;
  const edge = size >= 13 ? 3 : 2;
  const [low, high, middle] = [edge, size - 1 - edge, (size - 1) / 2];
  const hasMiddle = size % 2 === 1;
  // Even boards, and 7 x 7, take corners only.
  if (stones > 4 && (!hasMiddle || size === 7)) return null;
  const at = (row: number, column: number) => row * size + column;
  const corners = [at(high, low), at(low, high), at(low, low), at(high, high)];
  const sides = [at(middle, low), at(middle, high), at(high, middle), at(low, middle)];
  const chosen = [
    ...corners.slice(0, Math.min(4, stones)),
    ...(stones >= 6 ? sides.slice(0, 2) : []),
    ...(stones >= 8 ? sides.slice(2) : []),
  ];
  return stones === 5 || stones === 7 || stones === 9 ? [...chosen, at(middle, middle)] : chosen;
}
