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
  eachRow,
  GROUP_BYTES,
  gather,
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
 * The cotangents of attention without storing its scores (Dao et al. 2022, appendix B), in float32.
 *
 * The plain formulas, with weights w = softmax(scores), the cotangent g of the result and D[t] = g[t]·out[t]:
 * dw[t, s] = g[t]·v[s], ds = w · (dw - D) · scale; dq[t] = Σ ds[t, s] k[s], dk[s] = Σ ds[t, s] q[t], dv[s] = Σ w[t, s] g[t].
 *
 * A unit is a part of the queries of one head: every `parts`-th block. For a block of queries and a block of keys, weights
 * and ds lie in scratch as [key][queries]. Sums for queries grow as in `attention.ts`; those for keys in panels [keys][8
 * features], from the block's q and g in panels [queries][8 features].
 */

/** Keys in a block, a multiple of ROWS: weights and ds of 64 queries then take 24 KiB. */
const KEYS = 48;

/** The kernel of a packed `attentionGradient` over the table [q, k, v, g, sums, packed, mask?, out]. */
export function planAttentionGradient(kernel: OpaqueKernel): AttentionCode {
  const node = kernel.node as Node<"attentionGradient">;
  const [q, k, v, , , , maskNode] = node.inputs as [Node, Node, Node, Node, Node, Node, Node | undefined];
  const problem = problemOf(q, k, v, maskNode, node.attrs);
  const { heads, H, T, S, d, e, causal, mask, scale } = problem;
  const { parts } = node.attrs;
  const groups = unitGroups(problem);
  const Q = groups * LANES;
  const stride = 4 * Q;
  const panels = { d: Math.ceil(d / LANES), e: Math.ceil(e / LANES) };
  const place = layout({
    lanesQ: groups * d * GROUP_BYTES,
    lanesG: groups * e * GROUP_BYTES,
    sums: groups * d * GROUP_BYTES,
    panelsQ: panels.d * Q * GROUP_BYTES,
    panelsG: panels.e * Q * GROUP_BYTES,
    weights: KEYS * stride,
    scores: KEYS * stride,
    dk: panels.d * S * GROUP_BYTES,
    dv: panels.e * S * GROUP_BYTES,
  });
  const outAt = mask ? 7 : 6;
  return {
    units: heads * parts,
    work: Math.ceil((T * S * (3 * d + 2 * e)) / parts / (causal ? 16 : 8)),
    scratchBytes: place.end,
    emit(f, module, math) {
      const packQ = definePack(module, T, d);
      const packG = e === d ? packQ : definePack(module, T, e);
      const block = { outStride: stride, allRows: S };
      const scoresOf = defineProducts(module, math, { width: d, rowStride: 4 * d, scale, ...block });
      const weightGradients = defineProducts(module, math, { width: e, rowStride: 4 * e, ...block });
      const scoreGradients = defineScoreGradients(module, math, problem, stride);
      const addQueries = defineAccumulate(module, math, { width: d, weightStride: stride, kind: "plain" });
      const addKeys = defineProducts(module, math, { width: Q, rowStride: stride, outStride: GROUP_BYTES, adds: true, allRows: S });
      const panelsOfQ = definePanels(module, T, d, Q);
      const panelsOfG = e === d ? panelsOfQ : definePanels(module, T, e, Q);
      const finishQueries = defineFinishQueries(module, T, d);
      const finishK = defineFinishKeys(module, S, d);
      const finishV = e === d ? finishK : defineFinishKeys(module, S, e);

      const [args, unit, end, scratch] = f.params as [Local, Local, Local, Local];
      const entry = (at: number) => f.get(args).load("i32.load", 4 * at);
      const at = (name: keyof typeof place) => f.get(scratch).i32(place[name]).op("i32.add");
      const locals = Array.from({ length: 11 }, () => f.local("i32"));
      const [head, part, first, query, group, key, limit, keys, values, count, own] = locals as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const pushRow = (operand: number, rows: number, width: number, row?: Local) => {
        f.get(head).i32(rows).op("i32.mul");
        if (row) f.get(row).op("i32.add");
        f.i32(4 * width).op("i32.mul");
        entry(operand).op("i32.add");
      };
      /** Address of the current group's part of something with so many bytes a group. */
      const ofGroup = (name: keyof typeof place, bytes: number) => at(name).get(group).i32(bytes).op("i32.mul").op("i32.add");
      const eachGroup = (body: () => void) => {
        f.get(first).set(query).i32(0).set(group);
        eachRow(f, group, groups, () => {
          f.get(query).i32(T).op("i32.lt_s").if_(body);
          advance(f, query, LANES);
        });
      };
      const startBlock = () => {
        at("sums")
          .i32(0)
          .i32(place.panelsQ - place.sums)
          .memoryFill();
        // Columns of queries that are not there stay zero.
        at("weights")
          .i32(0)
          .i32(place.dk - place.weights)
          .memoryFill();
        eachGroup(() => {
          pushRow(0, T, d);
          f.get(query);
          ofGroup("lanesQ", d * GROUP_BYTES).call(packQ);
          pushRow(3, T, e);
          f.get(query);
          ofGroup("lanesG", e * GROUP_BYTES).call(packG);
        });
        pushRow(0, T, d);
        f.get(first);
        at("panelsQ").call(panelsOfQ);
        pushRow(3, T, e);
        f.get(first);
        at("panelsG").call(panelsOfG);
      };
      /** to = how many of the block's keys the queries before `from + ahead` may see, in whole tiles of rows. */
      const countKeys = (to: Local, from: Local, ahead: number) => {
        f.i32(S).get(key).op("i32.sub").set(to);
        atMost(f, to, () => f.i32(KEYS));
        if (causal)
          atMost(f, to, () => {
            f.get(from)
              .get(key)
              .op("i32.sub")
              .i32(ahead + S - T + ROWS - 1)
              .op("i32.add");
            f.i32(ROWS).op("i32.div_s").i32(ROWS).op("i32.mul");
          });
      };
      const sumKeys = (name: "dk" | "dv", from: "panelsQ" | "panelsG", rows: "scores" | "weights", many: number) => {
        f.i32(0).set(group);
        eachRow(f, group, many, () => {
          ofGroup(from, Q * GROUP_BYTES);
          at(rows);
          ofGroup(name, S * GROUP_BYTES)
            .get(key)
            .i32(GROUP_BYTES)
            .op("i32.mul")
            .op("i32.add");
          f.get(count).call(addKeys);
        });
      };
      const walkKeys = () => {
        f.i32(S).set(limit);
        if (causal)
          atMost(f, limit, () =>
            f
              .get(first)
              .i32(Q + S - T)
              .op("i32.add"),
          );
        f.i32(0).set(key);
        f.block((exit) => {
          f.loop((again) => {
            f.get(key).get(limit).op("i32.ge_s").br_if(exit);
            pushRow(1, S, d, key);
            f.set(keys);
            pushRow(2, S, e, key);
            f.set(values);
            countKeys(count, first, Q);
            eachGroup(() => {
              countKeys(own, query, LANES);
              const clear = () => {
                // Rows that only later groups see.
                f.get(own).i32(0).get(own).i32(0).op("i32.gt_s").select().set(own);
                for (const name of ["weights", "scores"] as const) clearRows(f, () => ofGroup(name, GROUP_BYTES), own, count, stride);
              };
              if (causal) f.get(own).get(count).op("i32.lt_s").if_(clear);
              f.get(own)
                .i32(0)
                .op("i32.gt_s")
                .if_(() => {
                  ofGroup("lanesQ", d * GROUP_BYTES).get(keys);
                  ofGroup("weights", GROUP_BYTES).get(own).call(scoresOf);
                  ofGroup("lanesG", e * GROUP_BYTES).get(values);
                  ofGroup("scores", GROUP_BYTES).get(own).call(weightGradients);
                  ofGroup("weights", GROUP_BYTES).get(own).get(key).get(query);
                  ofGroup("scores", GROUP_BYTES);
                  pushRow(4, T, 1);
                  pushRow(5, T, 1);
                  f.i32(4 * heads * T * e).op("i32.add");
                  if (mask) {
                    f.get(head).i32(H).op("i32.div_u").i32(mask[0]).op("i32.mul");
                    f.get(head).i32(H).op("i32.rem_u").i32(mask[1]).op("i32.mul").op("i32.add");
                    entry(6).op("i32.add");
                  }
                  f.call(scoreGradients);
                  f.get(keys);
                  ofGroup("scores", GROUP_BYTES);
                  ofGroup("sums", d * GROUP_BYTES)
                    .get(own)
                    .i32(0)
                    .call(addQueries);
                });
            });
            sumKeys("dv", "panelsG", "weights", panels.e);
            sumKeys("dk", "panelsQ", "scores", panels.d);
            advance(f, key, KEYS);
            f.br(again);
          });
        });
      };

      f.block((done) => {
        f.loop((nextUnit) => {
          f.get(unit).get(end).op("i32.ge_s").br_if(done);
          f.get(unit).i32(parts).op("i32.div_u").set(head);
          f.get(unit).i32(parts).op("i32.rem_u").set(part);
          at("dk")
            .i32(0)
            .i32(place.end - place.dk)
            .memoryFill();
          f.get(part).i32(Q).op("i32.mul").set(first);
          f.block((exit) => {
            f.loop((again) => {
              f.get(first).i32(T).op("i32.ge_s").br_if(exit);
              startBlock();
              walkKeys();
              eachGroup(() => {
                ofGroup("sums", d * GROUP_BYTES);
                pushRow(outAt, T, d);
                f.get(query).call(finishQueries);
              });
              advance(f, first, parts * Q);
              f.br(again);
            });
          });
          // Results: dq, then [parts, heads, S, d] of dk and [parts, heads, S, e] of dv.
          const row = () => f.get(part).i32(heads).op("i32.mul").get(head).op("i32.add");
          at("dk");
          row()
            .i32(4 * S * d)
            .op("i32.mul")
            .i32(4 * heads * T * d)
            .op("i32.add");
          entry(outAt).op("i32.add").call(finishK);
          at("dv");
          row()
            .i32(4 * S * e)
            .op("i32.mul")
            .i32(4 * heads * (T * d + parts * S * d))
            .op("i32.add");
          entry(outAt).op("i32.add").call(finishV);
          advance(f, unit, 1);
          f.br(nextUnit);
        });
      });
    },
  };
}

/** Offsets of stretches of memory one after the other, and their end. */
function layout<Name extends string>(bytes: Record<Name, number>): Record<Name | "end", number> {
  let end = 0;
  const offsets = Object.entries<number>(bytes).map(([name, size]) => [name, (end += size) - size]);
  return { ...Object.fromEntries(offsets), end };
}

/** Zeros in rows from..to of 8 numbers each. */
function clearRows(f: FunctionBuilder, pushBase: () => void, from: Local, to: Local, stride: number): void {
  f.scope(() => {
    const [at, left] = [f.local("i32"), f.local("i32")];
    pushBase();
    f.get(from).i32(stride).op("i32.mul").op("i32.add").set(at);
    f.get(to).get(from).op("i32.sub").set(left);
    countDown(f, left, () => {
      for (const v of half)
        f.get(at)
          .i32x4(0)
          .store("v128.store", 16 * v, 4);
      advance(f, at, stride);
    });
  });
}

/**
 * (scores, count, key, query, dw, sums of the head, maxima of the head, [mask of the head]): scores become weights, dw becomes
 * ds = weights · (dw - sums) · scale. The reciprocals of the totals lie behind the maxima of all heads.
 */
function defineScoreGradients(module: ModuleBuilder, math: MathLibrary, problem: Problem, stride: number): FunctionRef {
  const { heads, T, scale } = problem;
  return module.func(null, new Array(problem.mask ? 8 : 7).fill("i32"), [], (f) => {
    const [scores, count, key, query, dw, sums, maxima, mask] = f.params as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local | undefined,
    ];
    maskScores(f, problem, { scores, count, key, query, mask }, stride);
    const perQuery = (base: Local, offset = 0) => {
      const pointers = rowPointers(f, base, query, T, 4);
      const vectors = half.map((v) => {
        const vector = f.local("v128");
        gather(f, pointers.slice(4 * v, 4 * v + 4), offset);
        f.set(vector);
        return vector;
      });
      f.release(...pointers);
      return vectors;
    };
    const [sum, maximum, reciprocal] = [perQuery(sums), perQuery(maxima), perQuery(maxima, 4 * heads * T)];
    const [at, beside, weight] = [f.local("i32"), f.local("i32"), f.local("v128")];
    f.get(dw).set(beside);
    overKeys(f, at, scores, count, stride, () => {
      for (const v of half) {
        f.get(at)
          .load("v128.load", 16 * v, 4)
          .get(maximum[v]!)
          .op("f32x4.sub");
        math.emit("exp", f, "f32x4");
        f.get(reciprocal[v]!).op("f32x4.mul").set(weight);
        f.get(at)
          .get(weight)
          .store("v128.store", 16 * v, 4);
        f.get(beside);
        f.get(beside)
          .load("v128.load", 16 * v, 4)
          .get(sum[v]!)
          .op("f32x4.sub")
          .get(weight)
          .op("f32x4.mul");
        f.constant(Float32Array.of(scale))
          .op("f32x4.mul")
          .store("v128.store", 16 * v, 4);
      }
      advance(f, beside, stride);
    });
  });
}

/** (base of the head, first, to): rows first..first+Q of `width` numbers as panels [row][8 numbers], zeros where there are none. */
function definePanels(module: ModuleBuilder, rows: number, width: number, Q: number): FunctionRef {
  return module.func(null, ["i32", "i32", "i32"], [], (f) => {
    const [base, first, to] = f.params as [Local, Local, Local];
    const [row, from] = [f.local("i32"), f.local("i32")];
    const bytes = Math.ceil(width / LANES) * Q * GROUP_BYTES;
    f.get(to).i32(0).i32(bytes).memoryFill();
    f.get(base)
      .get(first)
      .i32(4 * width)
      .op("i32.mul")
      .op("i32.add")
      .set(from);
    f.i32(rows).get(first).op("i32.sub").set(row);
    atMost(f, row, () => f.i32(Q));
    countDown(f, row, () => {
      copyPanels(
        f,
        width,
        (panel) => [to, panel * Q * GROUP_BYTES],
        (column) => [from, 4 * column],
        "gather",
      );
      advance(f, from, 4 * width);
      advance(f, to, GROUP_BYTES);
    });
  });
}

/** (panels, to): panels [S][8 numbers] as rows of `width` numbers. */
function defineFinishKeys(module: ModuleBuilder, S: number, width: number): FunctionRef {
  return module.func(null, ["i32", "i32"], [], (f) => {
    const [from, to] = f.params as [Local, Local];
    const left = f.local("i32");
    f.i32(S).set(left);
    countDown(f, left, () => {
      copyPanels(
        f,
        width,
        (panel) => [from, panel * S * GROUP_BYTES],
        (column) => [to, 4 * column],
        "spread",
      );
      advance(f, from, GROUP_BYTES);
      advance(f, to, 4 * width);
    });
  });
}

type At = readonly [pointer: Local, offset: number];

/** One row of `width` numbers copied into its place in panels of 8, or back. */
function copyPanels(
  f: FunctionBuilder,
  width: number,
  inPanel: (panel: number) => At,
  inRow: (column: number) => At,
  way: "gather" | "spread",
): void {
  for (let column = 0; column < width; ) {
    const step = width - column >= 4 && column % 4 === 0 ? 4 : 1;
    const [panel, offset] = inPanel(Math.floor(column / LANES));
    const [row, start] = inRow(column);
    const there: At = [panel, offset + 4 * (column % LANES)];
    const [[to, toOffset], [from, fromOffset]] = way === "gather" ? [there, [row, start] as At] : [[row, start] as At, there];
    f.get(to).get(from);
    if (step === 4) f.load("v128.load", fromOffset, 4).store("v128.store", toOffset, 4);
    else f.load("i32.load", fromOffset).store("i32.store", toOffset);
    column += step;
  }
}

/** (sums [width][8], dq of the head, query): the cotangents of 8 queries, in rows. */
function defineFinishQueries(module: ModuleBuilder, T: number, width: number): FunctionRef {
  return module.func(null, ["i32", "i32", "i32"], [], (f) => {
    const [sums, base, query] = f.params as [Local, Local, Local];
    const pointers = rowPointers(f, base, query, T, 4 * width);
    const [left, x] = [f.local("i32"), f.local("v128")];
    f.i32(width).set(left);
    countDown(f, left, () => {
      for (const v of half) {
        f.get(sums)
          .load("v128.load", 16 * v, 4)
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
