import type { Node } from "../../graph/node.ts";
import { stridesOf } from "../../shape.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import type { MathLibrary } from "./math.ts";

/** Code of an attention kernel, over the table [inputs..., out]. */
export interface AttentionCode {
  readonly units: number;
  /** Elementary operations a unit. */
  readonly work: number;
  /** What each thread needs while it runs. */
  readonly scratchBytes: number;
  emit(f: FunctionBuilder, module: ModuleBuilder, math: MathLibrary): void;
}

/** Pieces of the attention kernels: matrix products of eight queries in vector lanes with rows read where they lie. */

/** Queries in a group: two vectors, which with six rows fill the registers as in `gemm.ts`. */
export const LANES = 8;
export const GROUP_BYTES = 4 * LANES;
export const ROWS = 6;

/** Sizes of one attention, and strides in bytes of its mask (0 along axes that it lacks). */
export interface Problem {
  readonly heads: number;
  readonly H: number;
  readonly T: number;
  readonly S: number;
  readonly d: number;
  readonly e: number;
  readonly causal: boolean;
  readonly scale: number;
  readonly mask: readonly [b: number, h: number, t: number, s: number] | null;
}

/** The problem of queries, keys, values and perhaps a mask. */
export function problemOf(q: Node, k: Node, v: Node, mask: Node | undefined, attrs: { causal: boolean; scale: number }): Problem {
  const [B, H, T, d] = q.shape as [number, number, number, number];
  const strides = mask ? stridesOf(mask.shape).map((s, i) => (mask.shape[i] === 1 ? 0 : 4 * s)) : null;
  return {
    ...{ heads: B * H, H, T, S: k.shape[2]!, d, e: v.shape[3]!, causal: attrs.causal, scale: attrs.scale },
    mask: strides as Problem["mask"],
  };
}

/** Queries in a unit where features are few; what is kept for them should stay in the second cache. */
const UNIT_QUERIES = 64;
const UNIT_NUMBERS = 2 ** 14;

/** Groups of queries that a unit takes together. */
export function unitGroups({ T, d, e }: Problem): number {
  const fitting = Math.floor(UNIT_NUMBERS / (LANES * Math.max(d, e)));
  return Math.max(1, Math.min(UNIT_QUERIES / LANES, fitting, Math.ceil(T / LANES)));
}

export const half = [0, 1] as const;

export function advance(f: FunctionBuilder, local: Local, by: number): void {
  f.get(local).i32(by).op("i32.add").set(local);
}

/** local = min(local, limit) */
export function atMost(f: FunctionBuilder, local: Local, pushLimit: () => void): void {
  f.scope(() => {
    const limit = f.local("i32");
    pushLimit();
    f.set(limit);
    f.get(local).get(limit).get(local).get(limit).op("i32.lt_s").select().set(local);
  });
}

/** Runs `body` while `left` > 0, taking 1 off each time. */
export function countDown(f: FunctionBuilder, left: Local, body: () => void): void {
  f.block((exit) => {
    f.loop((again) => {
      f.get(left).op("i32.eqz").br_if(exit);
      body();
      advance(f, left, -1);
      f.br(again);
    });
  });
}

/** Runs `body` with `index` from its value up to `end` - 1, at least once. */
export function eachRow(f: FunctionBuilder, index: Local, end: number, body: () => void): void {
  f.loop((again) => {
    body();
    advance(f, index, 1);
    f.get(index).i32(end).op("i32.lt_s").br_if(again);
  });
}

/** Addresses of the rows of 8 successive queries. Those past the end are the last again: they compute, and write, the same. */
export function rowPointers(f: FunctionBuilder, base: Local, first: Local, rows: number, stride: number): Local[] {
  return Array.from({ length: LANES }, (_, lane) => {
    const row = f.local("i32");
    f.get(first).i32(lane).op("i32.add").set(row);
    atMost(f, row, () => f.i32(rows - 1));
    f.get(row).i32(stride).op("i32.mul").get(base).op("i32.add").set(row);
    return row;
  });
}

/** Pushes four lanes, one from each of four addresses. */
export function gather(f: FunctionBuilder, pointers: readonly Local[], offset = 0): void {
  f.scope(() => {
    const vector = f.local("v128");
    f.get(pointers[0]!).load("v128.load32_zero", offset, 4).set(vector);
    for (let lane = 1; lane < 4; lane++) f.get(pointers[lane]!).get(vector).memoryLane("v128.load32_lane", lane, offset, 4).set(vector);
    f.get(vector);
  });
}

/** (base, first, to): rows first..first+7 of `width` numbers, as [width][8 rows]. */
export function definePack(module: ModuleBuilder, rows: number, width: number): FunctionRef {
  return module.func(null, ["i32", "i32", "i32"], [], (f) => {
    const [base, first, to] = f.params as [Local, Local, Local];
    const pointers = rowPointers(f, base, first, rows, 4 * width);
    const left = f.local("i32");
    f.i32(width).set(left);
    countDown(f, left, () => {
      for (const v of half) {
        f.get(to);
        gather(f, pointers.slice(4 * v, 4 * v + 4));
        f.store("v128.store", 16 * v, 4);
      }
      advance(f, to, GROUP_BYTES);
      for (const p of pointers) advance(f, p, 4);
    });
  });
}

function multiplyAdd(f: FunctionBuilder, math: MathLibrary, x: Local, y: Local, sum: Local): void {
  f.get(x).get(y).get(sum);
  math.fma(f);
  f.set(sum);
}

/** What `defineProducts` multiplies, strides in bytes. */
export interface Products {
  readonly width: number;
  readonly rowStride: number;
  readonly outStride: number;
  readonly scale?: number;
  /** Adds to what is in `out`. */
  readonly adds?: boolean;
  /** `count` is a multiple of ROWS, or ends with the last of so many rows. */
  readonly allRows: number;
}

/** (lanes, rows, out, count): out[row][8] = scale · Σ over i < width of rows[row][i] · lanes[i][8]. */
export function defineProducts(module: ModuleBuilder, math: MathLibrary, shape: Products): FunctionRef {
  const { width, rowStride, outStride, scale = 1, adds = false, allRows } = shape;
  return module.func(null, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [lanes, rows, out, count] = f.params as [Local, Local, Local, Local];
    const [from, left] = [f.local("i32"), f.local("i32")];
    const tile = (height: number) =>
      f.scope(() => {
        const sums = Array.from({ length: height }, () => half.map(() => f.local("v128")));
        const right = half.map(() => f.local("v128"));
        const number = f.local("v128");
        sums.forEach((pair, row) => {
          for (const v of half) {
            if (adds) f.get(out).load("v128.load", row * outStride + 16 * v, 4);
            else f.i64x2(0n);
            f.set(pair[v]!);
          }
        });
        const steps = (n: number) => {
          for (let i = 0; i < n; i++) {
            for (const v of half)
              f.get(from)
                .load("v128.load", i * GROUP_BYTES + 16 * v, 4)
                .set(right[v]!);
            for (let row = 0; row < height; row++) {
              f.get(rows)
                .load("v128.load32_splat", row * rowStride + 4 * i, 4)
                .set(number);
              for (const v of half) multiplyAdd(f, math, number, right[v]!, sums[row]![v]!);
            }
          }
          advance(f, from, n * GROUP_BYTES);
          advance(f, rows, 4 * n);
        };
        f.get(lanes).set(from);
        if (width >= 4) {
          f.i32(Math.floor(width / 4)).set(left);
          countDown(f, left, () => steps(4));
        }
        if (width % 4) steps(width % 4);
        sums.forEach((pair, row) => {
          for (const v of half) {
            f.get(out).get(pair[v]!);
            if (scale !== 1) f.constant(Float32Array.of(scale)).op("f32x4.mul");
            f.store("v128.store", row * outStride + 16 * v, 4);
          }
        });
        advance(f, rows, height * rowStride - 4 * width);
        advance(f, out, height * outStride);
      });
    const tiles = f.local("i32");
    f.get(count).i32(ROWS).op("i32.div_u").set(tiles);
    countDown(f, tiles, () => tile(ROWS));
    if (allRows % ROWS)
      f.get(count)
        .i32(ROWS)
        .op("i32.rem_u")
        .if_(() => tile(allRows % ROWS));
  });
}

/** Runs `body` for each key of a block of scores [count][8], `at` pointing at them. */
export function overKeys(f: FunctionBuilder, at: Local, scores: Local, count: Local, stride: number, body: () => void): void {
  f.scope(() => {
    const left = f.local("i32");
    f.get(scores).set(at).get(count).set(left);
    countDown(f, left, () => {
      body();
      advance(f, at, stride);
    });
  });
}

/** Where a block of scores lies: queries `query`.. of a head and keys `key`.., with the head's part of the mask. */
export interface Place {
  readonly scores: Local;
  readonly count: Local;
  readonly key: Local;
  readonly query: Local;
  readonly mask: Local | undefined;
}

/** Adds the mask to a block of scores, and makes those of keys that a causal query may not see -∞. */
export function maskScores(f: FunctionBuilder, problem: Problem, place: Place, stride: number): void {
  const { T, S, causal } = problem;
  const { scores, count, key, query } = place;
  const at = f.local("i32");
  if (place.mask) f.scope(() => addMask(f, problem, place, stride));
  if (!causal) return;
  // Query t sees keys up to t + S - T.
  const last = f.local("i32");
  f.get(query)
    .i32(S - T)
    .op("i32.add")
    .set(last);
  f.get(key).get(count).op("i32.add").i32(1).op("i32.sub").get(last).op("i32.gt_s");
  f.if_(() => {
    const number = f.local("v128");
    const ends = half.map((v) => {
      const end = f.local("v128");
      f.get(last)
        .op("i32x4.splat")
        .i32x4(4 * v, 4 * v + 1, 4 * v + 2, 4 * v + 3)
        .op("i32x4.add");
      // Lanes past the last query repeat it.
      f.i32x4(S - 1)
        .op("i32x4.min_s")
        .set(end);
      return end;
    });
    f.get(key).op("i32x4.splat").set(number);
    overKeys(f, at, scores, count, stride, () => {
      for (const v of half) {
        f.get(at);
        f.get(at).load("v128.load", 16 * v, 4);
        f.constant(Float32Array.of(Number.NEGATIVE_INFINITY));
        f.get(number).get(ends[v]!).op("i32x4.le_s").op("v128.bitselect");
        f.store("v128.store", 16 * v, 4);
      }
      f.get(number).constant(Int32Array.of(1)).op("i32x4.add").set(number);
    });
  });
}

/** The mask is [.., T, S] in memory, so its numbers are gathered where they vary over queries. */
function addMask(f: FunctionBuilder, { T, mask }: Problem, { scores, count, key, query, mask: base }: Place, stride: number): void {
  const [, , rowStride, step] = mask!;
  const [at, start] = [f.local("i32"), f.local("i32")];
  f.get(key).i32(step).op("i32.mul").get(base!).op("i32.add").set(start);
  const pointers = rowStride ? rowPointers(f, start, query, T, rowStride) : [start];
  overKeys(f, at, scores, count, stride, () => {
    for (const v of half) {
      f.get(at);
      f.get(at).load("v128.load", 16 * v, 4);
      if (rowStride) gather(f, pointers.slice(4 * v, 4 * v + 4));
      else f.get(start).load("v128.load32_splat", 0, 4);
      f.op("f32x4.add").store("v128.store", 16 * v, 4);
    }
    if (step) for (const p of pointers) advance(f, p, step);
  });
}

/** What `defineAccumulate` adds up; stride in bytes. */
export interface Accumulation {
  readonly width: number;
  readonly weightStride: number;
  /** "scaled": `out` is multiplied by `factors` first. "careful": so that zero times infinity or NaN is zero. */
  readonly kind: "plain" | "scaled" | "careful";
}

/** (rows, weights, out, count, factors): out[i][8] = factors[8] · out[i][8] + Σ over rows of rows[row][i] · weights[row][8]. */
export function defineAccumulate(module: ModuleBuilder, math: MathLibrary, shape: Accumulation): FunctionRef {
  const { width, weightStride, kind } = shape;
  return module.func(null, ["i32", "i32", "i32", "i32", "i32"], [], (f) => {
    const [rows, weights, out, count, factors] = f.params as [Local, Local, Local, Local, Local];
    const [row, at, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
    /** Multiplies the vector on the stack by `weight`, where zero times anything is zero. */
    const timesCarefully = (weight: Local) =>
      f.get(weight).op("f32x4.mul").get(weight).constant(Float32Array.of(0)).op("f32x4.ne").op("v128.and");
    const tile = (height: number) =>
      f.scope(() => {
        const sums = Array.from({ length: height }, () => half.map(() => f.local("v128")));
        const right = half.map(() => f.local("v128"));
        const number = f.local("v128");
        if (kind !== "plain")
          for (const v of half)
            f.get(factors)
              .load("v128.load", 16 * v, 4)
              .set(right[v]!);
        sums.forEach((pair, i) => {
          for (const v of half) {
            f.get(out).load("v128.load", i * GROUP_BYTES + 16 * v, 4);
            if (kind === "careful") timesCarefully(right[v]!);
            if (kind === "scaled") f.get(right[v]!).op("f32x4.mul");
            f.set(pair[v]!);
          }
        });
        f.get(rows).set(row).get(weights).set(at);
        const steps = (n: number) => {
          for (let s = 0; s < n; s++) {
            for (const v of half)
              f.get(at)
                .load("v128.load", s * weightStride + 16 * v, 4)
                .set(right[v]!);
            sums.forEach((pair, i) => {
              f.get(row)
                .load("v128.load32_splat", 4 * (s * width + i), 4)
                .set(number);
              for (const v of half) {
                if (kind !== "careful") multiplyAdd(f, math, number, right[v]!, pair[v]!);
                else {
                  f.get(number);
                  timesCarefully(right[v]!);
                  f.get(pair[v]!).op("f32x4.add").set(pair[v]!);
                }
              }
            });
          }
          advance(f, at, n * weightStride);
          advance(f, row, 4 * n * width);
        };
        f.get(count).i32(2).op("i32.shr_u").set(left);
        countDown(f, left, () => steps(4));
        f.get(count).i32(3).op("i32.and").set(left);
        countDown(f, left, () => steps(1));
        sums.forEach((pair, i) => {
          for (const v of half)
            f.get(out)
              .get(pair[v]!)
              .store("v128.store", i * GROUP_BYTES + 16 * v, 4);
        });
        advance(f, out, height * GROUP_BYTES);
        advance(f, rows, 4 * height);
      });
    // Tiles of nearly equal heights: few rows alone would wait for their own sums.
    const tiles = Math.ceil(width / ROWS);
    const low = Math.floor(width / tiles);
    const high = width - low * tiles;
    const many = f.local("i32");
    for (const [height, times] of [
      [low + 1, high],
      [low, tiles - high],
    ] as const) {
      if (!times) continue;
      f.i32(times).set(many);
      countDown(f, many, () => tile(height));
    }
  });
}
