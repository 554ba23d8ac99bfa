import type { OpaqueKernel } from "../../compile/kernel.ts";
import type { Node } from "../../graph/node.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import {
  type AttentionCode,
  advance,
  atMost,
  countDown,
  defineAccumulate,
  definePack,
  defineProducts,
  GROUP_BYTES,
  half,
  LANES,
  maskScores,
  overKeys,
  type Problem,
  problemOf,
  ROWS,
  rowPointers,
  unitGroups,
} from "./attention-blocks.ts";
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

/** Keys in a block, a multiple of ROWS. */
const KEYS = 96;
/** The kernel of an `attention` node over the table [q, k, v, mask?, out]. */
export function planAttention(kernel: OpaqueKernel): AttentionCode {
  const node = kernel.node as Node<"attention">;
  const [q, k, v, maskNode] = node.inputs as [Node, Node, Node, Node | undefined];
  const problem = problemOf(q, k, v, maskNode, node.attrs);
  const { heads, T, S, d, e, causal } = problem;
  const groups = unitGroups(problem);
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
      const products = defineProducts(module, math, {
        width: d,
        rowStride: 4 * d,
        outStride: GROUP_BYTES,
        scale: problem.scale,
        allRows: S,
      });
      const soften = defineSoften(module, math, problem);
      const accumulate = defineAccumulate(module, math, { width: e, weightStride: GROUP_BYTES, kind: "scaled" });
      const accumulateCarefully = defineAccumulate(module, math, { width: e, weightStride: GROUP_BYTES, kind: "careful" });
      const isTainted = defineIsTainted(module, e);
      const packed = node.attrs.packed ?? false;
      const finish = defineFinish(module, problem, packed);

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
                const add = (how: FunctionRef) =>
                  f.get(values).get(weights).get(sums).get(count).get(statistics).i32(FACTOR).op("i32.add").call(how);
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
            f.get(query);
            if (packed) {
              pushRow(problem.mask ? 4 : 3, T, 1);
              f.i32(4 * heads * T * e).op("i32.add");
            }
            f.call(finish);
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

/**
 * (scores, count, key, query, statistics, [mask of the head]): turns scores [count][8] into exp(score - maximum) and brings
 * the statistics up to date; FACTOR is what sums of earlier blocks are to be multiplied with.
 */
function defineSoften(module: ModuleBuilder, math: MathLibrary, problem: Problem): FunctionRef {
  return module.func(null, new Array(problem.mask ? 6 : 5).fill("i32"), [], (f) => {
    const [scores, count, key, query, statistics, mask] = f.params as [Local, Local, Local, Local, Local, Local | undefined];
    maskScores(f, problem, { scores, count, key, query, mask }, GROUP_BYTES);
    const at = f.local("i32");
    const vectors = () => half.map(() => f.local("v128"));
    const [maximum, before, total] = [vectors(), vectors(), vectors()];
    for (const v of half)
      f.get(statistics)
        .load("v128.load", MAXIMUM + 16 * v, 4)
        .tee(before[v]!)
        .set(maximum[v]!);
    overKeys(f, at, scores, count, GROUP_BYTES, () => {
      // pmax: NaN never becomes the maximum.
      for (const v of half)
        f.get(maximum[v]!)
          .get(at)
          .load("v128.load", 16 * v, 4)
          .op("f32x4.pmax")
          .set(maximum[v]!);
    });
    for (const v of half) {
      f.get(statistics)
        .get(maximum[v]!)
        .store("v128.store", MAXIMUM + 16 * v, 4);
      pushFiniteMaximum(f, maximum[v]!);
      f.set(maximum[v]!);
      f.get(statistics).get(before[v]!).get(maximum[v]!).op("f32x4.sub");
      math.emit("exp", f, "f32x4");
      f.store("v128.store", FACTOR + 16 * v, 4);
      f.i32x4(0).set(total[v]!);
    }
    overKeys(f, at, scores, count, GROUP_BYTES, () => {
      for (const v of half) {
        const weight = f.local("v128");
        f.get(at)
          .load("v128.load", 16 * v, 4)
          .get(maximum[v]!)
          .op("f32x4.sub");
        math.emit("exp", f, "f32x4");
        f.tee(weight).get(total[v]!).op("f32x4.add").set(total[v]!);
        f.get(at)
          .get(weight)
          .store("v128.store", 16 * v, 4);
        f.release(weight);
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

/** Where nothing was seen yet, 0 stands for the maximum: exp(-∞ - 0) = 0. */
function pushFiniteMaximum(f: FunctionBuilder, maximum: Local): void {
  f.i32x4(0).get(maximum).get(maximum).constant(Float32Array.of(Number.NEGATIVE_INFINITY)).op("f32x4.eq").op("v128.bitselect");
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

/**
 * (sums, statistics, out of the head, query, [maxima of the head]): out[query..query+7] = sums / total; zeros where nothing
 * was seen. The packed form has the maxima of all heads and behind them 1 / total, or zeros.
 */
function defineFinish(module: ModuleBuilder, { heads, T, e: width }: Problem, packed: boolean): FunctionRef {
  return module.func(null, new Array(packed ? 5 : 4).fill("i32"), [], (f) => {
    const [sums, statistics, base, query, maxima] = f.params as [Local, Local, Local, Local, Local | undefined];
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
    const storeLanes = (to: readonly Local[], v: 0 | 1, offset = 0) => {
      for (let lane = 0; lane < 4; lane++)
        f.get(to[4 * v + lane]!)
          .get(x)
          .memoryLane("v128.store32_lane", lane, offset, 4);
    };
    if (maxima) {
      const places = rowPointers(f, maxima, query, T, 4);
      for (const v of half) {
        f.get(statistics)
          .load("v128.load", MAXIMUM + 16 * v, 4)
          .set(x);
        pushFiniteMaximum(f, x);
        f.set(x);
        storeLanes(places, v);
        f.constant(Float32Array.of(1)).get(totals[v]!).op("f32x4.div");
        f.get(statistics)
          .load("v128.load", TOTAL + 16 * v, 4)
          .constant(Float32Array.of(0));
        f.op("f32x4.ne").op("v128.and").set(x);
        storeLanes(places, v, 4 * heads * T);
      }
    }
    f.i32(width).set(left);
    countDown(f, left, () => {
      for (const v of half) {
        f.get(sums)
          .load("v128.load", 16 * v, 4)
          .get(totals[v]!)
          .op("f32x4.div")
          .set(x);
        storeLanes(pointers, v);
      }
      advance(f, sums, GROUP_BYTES);
      for (const p of pointers) advance(f, p, 4);
    });
  });
}
