import type { OpaqueKernel } from "../../compile/kernel.ts";
import { is } from "../../graph/node.ts";
import { stridesOf } from "../../shape.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import type { OpaqueCode } from "./indexing.ts";
import type { MathLibrary } from "./math.ts";

/**
 * Attention in single passes that never store the scores (Dao et al. 2022), in float32.
 *
 * The plain formula: out[t] = Σ over s of softmax over s (q[t]·k[s]·scale + mask[t, s]) · v[s].
 *
 * A unit is a block of queries of one head. It walks blocks of keys that fit the first caches, keeping for each query the
 * maximum score so far, the sum of exp(score - maximum) and the weighted sum of values; when the maximum grows, both sums
 * shrink by the same factor (online softmax: Milakov and Gimelshein 2018).
 *
 * Queries lie across vector lanes, eight at a time (a group). Scores then come out as [key][8 queries], maxima and sums need
 * no work across lanes, and keys and values are read one number at a time where they lie: nothing of them is copied.
 */

/** Queries in a group: two vectors, which with six rows fill the registers as `gemm.ts` does. */
const LANES = 8;
const GROUP_BYTES = 4 * LANES;
const ROWS = 6;
/** Keys in a block, a multiple of ROWS. */
const KEYS = 96;
/** Queries in a unit where features are few; scratch for queries and sums should stay in the second cache. */
const UNIT_QUERIES = 64;
const UNIT_NUMBERS = 2 ** 14;

/** Sizes of one attention, and strides in bytes of its mask (0 along axes that it lacks). */
interface Problem {
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

function problemOf({ node }: OpaqueKernel): Problem {
  if (!is(node, "attention")) throw new Error(`attention: cannot plan ${node.op}`);
  const [q, k, v, mask] = node.inputs;
  const [B, H, T, d] = q!.shape as [number, number, number, number];
  const strides = mask ? stridesOf(mask.shape).map((s, i) => (mask.shape[i] === 1 ? 0 : 4 * s)) : null;
  return {
    ...{ heads: B * H, H, T, S: k!.shape[2]!, d, e: v!.shape[3]!, causal: node.attrs.causal, scale: node.attrs.scale },
    mask: strides as Problem["mask"],
  };
}

/** The kernel of an `attention` node over the table [q, k, v, mask?, out]. */
export function planAttention(kernel: OpaqueKernel): OpaqueCode {
  const problem = problemOf(kernel);
  const { heads, T, S, d, e, causal } = problem;
  const groups = Math.max(1, Math.min(UNIT_QUERIES / LANES, Math.floor(UNIT_NUMBERS / (LANES * Math.max(d, e))), Math.ceil(T / LANES)));
  const blocks = Math.ceil(T / (groups * LANES));
  // Scratch of a thread: packed queries, weighted sums, statistics of the groups, and the weights of one group and block.
  const lanesAt = 0;
  const sumsAt = lanesAt + groups * d * GROUP_BYTES;
  const statisticsAt = sumsAt + groups * e * GROUP_BYTES;
  const weightsAt = statisticsAt + groups * STATISTICS_BYTES;
  return {
    units: heads * blocks,
    work: Math.ceil((groups * LANES * S * (d + e)) / (causal ? 16 : 8)),
    scratchBytes: weightsAt + KEYS * GROUP_BYTES,
    emit(f, module, math) {
      const pack = definePack(module, problem.T, d);
      const products = defineProducts(module, math, d, S, problem.scale);
      const soften = defineSoften(module, math, problem);
      const accumulate = defineAccumulate(module, math, e, "scaled");
      const accumulateCarefully = defineAccumulate(module, math, e, "careful");
      const isTainted = defineIsTainted(module, e);
      const finish = defineFinish(module, T, e);

      const [args, unit, end, scratch] = f.params as [Local, Local, Local, Local];
      const entry = (place: number) => f.get(args).load("i32.load", 4 * place);
      const locals = Array.from({ length: 11 }, () => f.local("i32"));
      const [head, first, query, lanes, sums, statistics, key, limit, keys, values, careful] = locals as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const count = f.local("i32");
      const weights = f.local("i32");
      f.get(scratch).i32(weightsAt).op("i32.add").set(weights);

      /** Runs `body` for the groups of the unit that have a query. */
      const eachGroup = (body: () => void) => {
        f.get(first).set(query);
        f.get(scratch).i32(lanesAt).op("i32.add").set(lanes);
        f.get(scratch).i32(sumsAt).op("i32.add").set(sums);
        f.get(scratch).i32(statisticsAt).op("i32.add").set(statistics);
        f.loop((again) => {
          body();
          advance(f, query, LANES);
          advance(f, lanes, d * GROUP_BYTES);
          advance(f, sums, e * GROUP_BYTES);
          advance(f, statistics, STATISTICS_BYTES);
          f.get(query)
            .i32(T)
            .op("i32.lt_s")
            .get(query)
            .get(first)
            .i32(groups * LANES)
            .op("i32.add")
            .op("i32.lt_s")
            .op("i32.and")
            .br_if(again);
        });
      };
      /** Address of row `row` of this head in an operand of `rows` rows. */
      const pushRow = (place: number, rows: number, width: number, row?: Local) => {
        f.get(head).i32(rows).op("i32.mul");
        if (row) f.get(row).op("i32.add");
        f.i32(4 * width).op("i32.mul");
        entry(place).op("i32.add");
      };
      const start = () => {
        f.get(scratch)
          .i32(sumsAt)
          .op("i32.add")
          .i32(0)
          .i32(statisticsAt - sumsAt)
          .memoryFill();
        eachGroup(() => {
          pushRow(0, T, d);
          f.get(query).get(lanes).call(pack);
          for (let v = 0; v < 2; v++) {
            f.get(statistics)
              .constant(Float32Array.of(Number.NEGATIVE_INFINITY))
              .store("v128.store", MAXIMUM + 16 * v, 4);
            f.get(statistics)
              .constant(Float32Array.of(0))
              .store("v128.store", TOTAL + 16 * v, 4);
          }
        });
      };
      const walkKeys = () => {
        // Causal: no key beyond the one that the unit's last query may see.
        f.i32(S).set(limit);
        if (causal) {
          f.get(first)
            .i32(groups * LANES + S - T)
            .op("i32.add")
            .set(limit);
          atMost(f, limit, () => f.i32(S));
        }
        f.i32(0).set(key);
        f.block((exit) => {
          f.loop((again) => {
            f.get(key).get(limit).op("i32.ge_s").br_if(exit);
            pushRow(1, S, d, key);
            f.set(keys);
            pushRow(2, S, e, key);
            f.set(values);
            eachGroup(() => {
              f.i32(S).get(key).op("i32.sub").set(count);
              if (causal) {
                // The group's last query sees up to here; whole tiles of rows are computed, the rest then masked.
                atMost(f, count, () => {
                  f.get(query)
                    .get(key)
                    .op("i32.sub")
                    .i32(LANES + S - T + ROWS - 1)
                    .op("i32.add");
                  f.i32(ROWS).op("i32.div_s").i32(ROWS).op("i32.mul");
                });
              }
              atMost(f, count, () => f.i32(KEYS));
              f.get(count).i32(0).op("i32.gt_s");
              f.if_(() => {
                f.get(lanes).get(keys).get(weights).get(count).call(products);
                f.get(weights).get(count).get(key).get(query).get(statistics);
                if (problem.mask) {
                  f.get(head).i32(problem.H).op("i32.div_u").i32(problem.mask[0]).op("i32.mul");
                  f.get(head).i32(problem.H).op("i32.rem_u").i32(problem.mask[1]).op("i32.mul").op("i32.add");
                  entry(3).op("i32.add");
                }
                f.call(soften);
                const add = (how: FunctionRef) => f.get(values).get(weights).get(sums).get(count).get(statistics).call(how);
                f.get(careful).if_(
                  () => add(accumulateCarefully),
                  () => add(accumulate),
                );
              });
            });
            advance(f, key, KEYS);
            f.br(again);
          });
        });
      };

      const tainted = f.local("i32");
      f.block((done) => {
        f.loop((nextUnit) => {
          f.get(unit).get(end).op("i32.ge_s").br_if(done);
          f.get(unit).i32(blocks).op("i32.div_u").set(head);
          f.get(unit)
            .i32(blocks)
            .op("i32.rem_u")
            .i32(groups * LANES)
            .op("i32.mul")
            .set(first);
          f.i32(0).set(careful);
          f.loop((again) => {
            start();
            walkKeys();
            f.i32(0).set(tainted);
            eachGroup(() => {
              f.get(sums).get(statistics).call(isTainted).get(tainted).op("i32.or").set(tainted);
            });
            f.get(tainted).get(careful).op("i32.eqz").op("i32.and");
            f.i32(1).set(careful).br_if(again);
          });
          eachGroup(() => {
            f.get(sums).get(statistics);
            pushRow(problem.mask ? 4 : 3, T, e);
            f.get(query).call(finish);
          });
          advance(f, unit, 1);
          f.br(nextUnit);
        });
      });
    },
  };
}

/** What is kept for a group between blocks of keys: 8 numbers each. */
const MAXIMUM = 0;
const TOTAL = GROUP_BYTES;
const FACTOR = 2 * GROUP_BYTES;
const STATISTICS_BYTES = 3 * GROUP_BYTES;

const half = [0, 1] as const;

function advance(f: FunctionBuilder, local: Local, by: number): void {
  f.get(local).i32(by).op("i32.add").set(local);
}

/** local = min(local, limit) */
function atMost(f: FunctionBuilder, local: Local, pushLimit: () => void): void {
  f.scope(() => {
    const limit = f.local("i32");
    pushLimit();
    f.set(limit);
    f.get(local).get(limit).get(local).get(limit).op("i32.lt_s").select().set(local);
  });
}

/** Runs `body` while `left` > 0, taking 1 off each time. */
function countDown(f: FunctionBuilder, left: Local, body: () => void): void {
  f.block((exit) => {
    f.loop((again) => {
      f.get(left).op("i32.eqz").br_if(exit);
      body();
      advance(f, left, -1);
      f.br(again);
    });
  });
}

/** Addresses of the rows of 8 successive queries. Those past the end are the last again: they compute, and write, the same. */
function rowPointers(f: FunctionBuilder, base: Local, first: Local, rows: number, stride: number): Local[] {
  return Array.from({ length: LANES }, (_, lane) => {
    const row = f.local("i32");
    f.get(first).i32(lane).op("i32.add").set(row);
    atMost(f, row, () => f.i32(rows - 1));
    f.get(row).i32(stride).op("i32.mul").get(base).op("i32.add").set(row);
    return row;
  });
}

/** Pushes four lanes, one from each of four addresses. */
function gather(f: FunctionBuilder, pointers: readonly Local[], offset = 0): void {
  f.scope(() => {
    const vector = f.local("v128");
    f.get(pointers[0]!).load("v128.load32_zero", offset, 4).set(vector);
    for (let lane = 1; lane < 4; lane++) f.get(pointers[lane]!).get(vector).memoryLane("v128.load32_lane", lane, offset, 4).set(vector);
    f.get(vector);
  });
}

/** (base, first, to): rows first..first+7 of `width` numbers, as [width][8 rows]. */
function definePack(module: ModuleBuilder, rows: number, width: number): FunctionRef {
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

/**
 * (lanes, rows, out, count): out[row][8] = scale · Σ over i < width of rows[row][i] · lanes[i][8]. `count` is a multiple of
 * ROWS, or ends with the last of `allRows`.
 */
function defineProducts(module: ModuleBuilder, math: MathLibrary, width: number, allRows: number, scale: number): FunctionRef {
  return module.func(null, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [lanes, rows, out, count] = f.params as [Local, Local, Local, Local];
    const [from, left] = [f.local("i32"), f.local("i32")];
    const tile = (height: number) =>
      f.scope(() => {
        const sums = Array.from({ length: height }, () => half.map(() => f.local("v128")));
        const right = half.map(() => f.local("v128"));
        const number = f.local("v128");
        for (const sum of sums.flat()) f.i64x2(0n).set(sum);
        const steps = (n: number) => {
          for (let i = 0; i < n; i++) {
            for (const v of half)
              f.get(from)
                .load("v128.load", i * GROUP_BYTES + 16 * v, 4)
                .set(right[v]!);
            for (let row = 0; row < height; row++) {
              f.get(rows)
                .load("v128.load32_splat", 4 * (row * width + i), 4)
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
            f.store("v128.store", row * GROUP_BYTES + 16 * v, 4);
          }
        });
        advance(f, rows, 4 * width * (height - 1));
        advance(f, out, height * GROUP_BYTES);
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

/**
 * (scores, count, key, query, statistics, [mask of the head]): adds the mask, turns scores [count][8] into
 * exp(score - maximum) and brings the statistics up to date; FACTOR is what sums of earlier blocks are to be multiplied with.
 */
function defineSoften(module: ModuleBuilder, math: MathLibrary, problem: Problem): FunctionRef {
  const { T, S, causal, mask } = problem;
  return module.func(null, new Array(mask ? 6 : 5).fill("i32"), [], (f) => {
    const [scores, count, key, query, statistics, maskBase] = f.params as [Local, Local, Local, Local, Local, Local];
    const [at, left] = [f.local("i32"), f.local("i32")];
    const [maximum, before, total, x] = [0, 1, 2, 3].map(() => half.map(() => f.local("v128"))) as [Local[], Local[], Local[], Local[]];
    for (const v of half)
      f.get(statistics)
        .load("v128.load", MAXIMUM + 16 * v, 4)
        .tee(before[v]!)
        .set(maximum[v]!);

    const overKeys = (body: () => void) => {
      f.get(scores).set(at).get(count).set(left);
      countDown(f, left, () => {
        for (const v of half)
          f.get(at)
            .load("v128.load", 16 * v, 4)
            .set(x[v]!);
        body();
        advance(f, at, GROUP_BYTES);
      });
    };
    const store = (v: 0 | 1) =>
      f
        .get(at)
        .get(x[v]!)
        .store("v128.store", 16 * v, 4);
    const raise = (v: 0 | 1) => f.get(maximum[v]!).get(x[v]!).op("f32x4.pmax").set(maximum[v]!); // NaN never becomes the maximum

    if (mask) f.scope(() => addMask(f, maskBase, key, query, problem, overKeys, x, store));
    const plain = () => overKeys(() => half.forEach(raise));
    if (!causal) plain();
    else {
      // Query t sees keys up to t + S - T.
      const last = f.local("i32");
      f.get(query)
        .i32(S - T)
        .op("i32.add")
        .set(last);
      f.get(key).get(count).op("i32.add").i32(1).op("i32.sub").get(last).op("i32.gt_s");
      f.if_(() => {
        const [place, end] = [f.local("v128"), half.map(() => f.local("v128"))];
        for (const v of half) {
          f.get(last)
            .op("i32x4.splat")
            .i32x4(4 * v, 4 * v + 1, 4 * v + 2, 4 * v + 3)
            .op("i32x4.add");
          f.i32x4(S - 1)
            .op("i32x4.min_s")
            .set(end[v]!);
        }
        f.get(key).op("i32x4.splat").set(place);
        overKeys(() => {
          for (const v of half) {
            f.get(x[v]!).constant(Float32Array.of(Number.NEGATIVE_INFINITY));
            f.get(place).get(end[v]!).op("i32x4.le_s").op("v128.bitselect").set(x[v]!);
            store(v);
            raise(v);
          }
          f.get(place).constant(Int32Array.of(1)).op("i32x4.add").set(place);
        });
      }, plain);
    }

    // Where nothing was seen yet, subtract 0: exp(-∞ - 0) = 0.
    for (const v of half) {
      f.get(statistics)
        .get(maximum[v]!)
        .store("v128.store", MAXIMUM + 16 * v, 4);
      f.i32x4(0).get(maximum[v]!).get(maximum[v]!).constant(Float32Array.of(Number.NEGATIVE_INFINITY)).op("f32x4.eq");
      f.op("v128.bitselect").set(maximum[v]!);
      f.get(statistics).get(before[v]!).get(maximum[v]!).op("f32x4.sub");
      math.emit("exp", f, "f32x4");
      f.store("v128.store", FACTOR + 16 * v, 4);
      f.i32x4(0).set(total[v]!);
    }
    overKeys(() => {
      for (const v of half) {
        f.get(x[v]!).get(maximum[v]!).op("f32x4.sub");
        math.emit("exp", f, "f32x4");
        f.tee(x[v]!).get(total[v]!).op("f32x4.add").set(total[v]!);
        store(v);
      }
    });
    for (const v of half) {
      f.get(statistics);
      f.get(statistics).load("v128.load", TOTAL + 16 * v, 4);
      f.get(statistics).load("v128.load", FACTOR + 16 * v, 4);
      f.get(total[v]!);
      math.fma(f);
      f.store("v128.store", TOTAL + 16 * v, 4);
    }
  });
}

/** x += mask over a block of keys; the mask is [.., T, S] in memory, so lanes are gathered where it varies over queries. */
function addMask(
  f: FunctionBuilder,
  base: Local,
  key: Local,
  query: Local,
  { T, mask }: Problem,
  overKeys: (body: () => void) => void,
  x: readonly Local[],
  store: (v: 0 | 1) => void,
): void {
  const [, , stride, step] = mask!;
  const start = f.local("i32");
  f.get(key).i32(step).op("i32.mul").get(base).op("i32.add").set(start);
  const pointers = stride ? rowPointers(f, start, query, T, stride) : [start];
  overKeys(() => {
    for (const v of half) {
      if (stride) gather(f, pointers.slice(4 * v, 4 * v + 4));
      else f.get(start).load("v128.load32_splat", 0, 4);
      f.get(x[v]!).op("f32x4.add").set(x[v]!);
      store(v);
    }
    if (step) for (const p of pointers) advance(f, p, step);
  });
}

/**
 * (rows, weights, out, count, statistics): out[i][8] = FACTOR · out[i][8] + Σ over rows of rows[row][i] · weights[row][8].
 * "careful": a weight of zero contributes nothing even where the row is infinite or NaN.
 */
function defineAccumulate(module: ModuleBuilder, math: MathLibrary, width: number, kind: "scaled" | "careful"): FunctionRef {
  return module.func(null, ["i32", "i32", "i32", "i32", "i32"], [], (f) => {
    const [rows, weights, out, count, statistics] = f.params as [Local, Local, Local, Local, Local];
    const [row, at, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
    /** Multiplies the vector on the stack by `weight`, where zero times anything is zero. */
    const timesCarefully = (weight: Local) =>
      f.get(weight).op("f32x4.mul").get(weight).constant(Float32Array.of(0)).op("f32x4.ne").op("v128.and");
    const tile = (height: number) =>
      f.scope(() => {
        const sums = Array.from({ length: height }, () => half.map(() => f.local("v128")));
        const right = half.map(() => f.local("v128"));
        const number = f.local("v128");
        for (const v of half)
          f.get(statistics)
            .load("v128.load", FACTOR + 16 * v, 4)
            .set(right[v]!);
        sums.forEach((pair, i) => {
          for (const v of half) {
            f.get(out).load("v128.load", i * GROUP_BYTES + 16 * v, 4);
            if (kind === "careful") timesCarefully(right[v]!);
            else f.get(right[v]!).op("f32x4.mul");
            f.set(pair[v]!);
          }
        });
        f.get(rows).set(row).get(weights).set(at);
        const steps = (n: number) => {
          for (let s = 0; s < n; s++) {
            for (const v of half)
              f.get(at)
                .load("v128.load", s * GROUP_BYTES + 16 * v, 4)
                .set(right[v]!);
            sums.forEach((pair, i) => {
              f.get(row)
                .load("v128.load32_splat", 4 * (s * width + i), 4)
                .set(number);
              for (const v of half) {
                if (kind === "scaled") multiplyAdd(f, math, number, right[v]!, pair[v]!);
                else {
                  f.get(number);
                  timesCarefully(right[v]!);
                  f.get(pair[v]!).op("f32x4.add").set(pair[v]!);
                }
              }
            });
          }
          advance(f, at, n * GROUP_BYTES);
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

/** (sums, statistics) → whether a sum is NaN though the weights are not: then weights of zero may have met infinite values. */
function defineIsTainted(module: ModuleBuilder, width: number): FunctionRef {
  return module.func(null, ["i32", "i32"], ["i32"], (f) => {
    const [sums, statistics] = f.params as [Local, Local];
    const left = f.local("i32");
    const [x, found] = [f.local("v128"), f.local("v128")];
    f.i32x4(0).set(found);
    f.i32(width).set(left);
    const totals = half.map((v) => {
      const total = f.local("v128");
      f.get(statistics)
        .load("v128.load", TOTAL + 16 * v, 4)
        .set(total);
      return total;
    });
    countDown(f, left, () => {
      for (const v of half) {
        f.get(sums)
          .load("v128.load", 16 * v, 4)
          .tee(x)
          .get(x)
          .op("f32x4.ne");
        f.get(totals[v]!).get(totals[v]!).op("f32x4.eq").op("v128.and").get(found).op("v128.or").set(found);
      }
      advance(f, sums, GROUP_BYTES);
    });
    f.get(found).op("v128.any_true");
  });
}

/** (sums, statistics, out of the head, query): out[query..query+7] = sums / total; zeros where nothing was seen. */
function defineFinish(module: ModuleBuilder, T: number, width: number): FunctionRef {
  return module.func(null, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [sums, statistics, base, query] = f.params as [Local, Local, Local, Local];
    const pointers = rowPointers(f, base, query, T, 4 * width);
    const [left, x] = [f.local("i32"), f.local("v128")];
    const totals = half.map((v) => {
      const total = f.local("v128");
      f.get(statistics)
        .load("v128.load", TOTAL + 16 * v, 4)
        .set(total);
      f.constant(Float32Array.of(1)).get(total).get(total).constant(Float32Array.of(0)).op("f32x4.eq").op("v128.bitselect").set(total);
      return total;
    });
    f.i32(width).set(left);
    countDown(f, left, () => {
      for (const v of half) {
        f.get(sums)
          .load("v128.load", 16 * v, 4)
          .get(totals[v]!)
          .op("f32x4.div")
          .set(x);
        for (let lane = 0; lane < 4; lane++)
          f.get(pointers[4 * v + lane]!)
            .get(x)
            .memoryLane("v128.store32_lane", lane, 0, 4);
      }
      advance(f, sums, GROUP_BYTES);
      for (const p of pointers) advance(f, p, 4);
    });
  });
}
