import type { OpaqueKernel } from "../../compile/kernel.ts";
import { bytesOf, type DType } from "../../dtype.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import { keyType, pushKey } from "./keys.ts";
import {
  type AxisCode,
  around,
  columnBlock,
  columnUnits,
  eachUnit,
  pushAt,
  pushBlock,
  repeat,
  repeatOn,
  type Split,
  tableEntry,
} from "./lines.ts";
import type { PlainOp } from "./opcodes.ts";

/** Columns whose best values wait side by side in the first cache. */
const blockColumns = 512;
/** Elements of a row whose best is found before its place is looked for; a multiple of 16. */
const stretch = 2048;

/** `argmax` and `argmin`: the first of the best, and NaN is better than any number. */
export function planExtreme({ node }: OpaqueKernel, axis: number): AxisCode {
  const { dtype, shape } = node.inputs[0]!;
  const extreme: Extreme = { dtype, largest: node.op === "argmax", bytes: bytesOf(dtype), vector: vectorOf(dtype) };
  const split = around(shape, axis);
  if (split.inner > 1) return downColumns(split, extreme);
  return extreme.vector && split.n >= 16 ? alongVectorRows(split, extreme) : alongRows(split, extreme);
}

interface Extreme {
  readonly dtype: DType;
  readonly largest: boolean;
  readonly bytes: number;
  /** The type of vectors, where there is a form on vectors. */
  readonly vector: "f32x4" | "i32x4" | null;
}

const vectorOf = (dtype: DType) => (dtype === "float32" ? "f32x4" : dtype === "int32" || dtype === "uint32" ? "i32x4" : null);

/** The comparison that says that the first operand beats the second; on numbers. */
function beats({ dtype, largest }: Extreme, register: string): PlainOp {
  const sign = register.startsWith("f") ? "" : dtype === "uint32" ? "_u" : "_s";
  return `${register}.${largest ? "gt" : "lt"}${sign}` as PlainOp;
}

/** Any type by its keys, element after element. */
function alongRows({ outer, n }: Split, { dtype, largest, bytes }: Extreme): AxisCode {
  const key = keyType(dtype);
  return {
    units: outer,
    work: 4 * n,
    emit(f) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [row, place] = [f.local("i32"), f.local("i32")];
      const [k, best] = [f.local(key), f.local(key)];
      eachUnit(f, (unit) => {
        pushAt(f, x, unit, n * bytes).set(row);
        f.i32(0).set(place).get(row);
        pushKey(f, dtype, !largest);
        f.set(best);
        repeat(f, n, (i) => {
          pushAt(f, row, i, bytes);
          pushKey(f, dtype, !largest);
          f.tee(k).get(best).op(`${key}.gt_u`);
          f.if_(() => f.get(k).set(best).get(i).set(place));
        });
        pushAt(f, out, unit, 4).get(place).store("i32.store");
      });
    },
  };
}

/** Stretch by stretch the best value of each, then the place of the best of all. */
function alongVectorRows({ outer, n }: Split, extreme: Extreme): AxisCode {
  const { vector, largest, dtype } = extreme;
  const scalar = vector === "f32x4" ? "f32" : "i32";
  const floats = vector === "f32x4";
  const better = (f: FunctionBuilder, a: Local): void => {
    // pmax(a, b) is b where a < b, and a otherwise: one instruction, but blind to NaN.
    if (floats) f.get(a).op(largest ? "f32x4.pmax" : "f32x4.pmin");
    else f.get(a).op(`i32x4.${largest ? "max" : "min"}_${dtype === "uint32" ? "u" : "s"}` as PlainOp);
  };
  return {
    units: outer,
    work: n,
    emit(f) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [row, i, end, start] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      const [best, value] = [f.local(scalar), f.local(scalar)];
      const most = [0, 1, 2, 3].map(() => f.local("v128")) as [Local, Local, Local, Local];
      const [v, unordered] = [f.local("v128"), f.local("v128")];
      const load = () => pushAt(f, row, i, 4).load(`${scalar}.load`);
      const vectors = (count: number) => () => {
        for (let k = 0; k < count; k++) {
          pushAt(f, row, i, 4)
            .load("v128.load", 16 * k, 4)
            .set(v);
          if (floats) f.get(v).get(v).op("f32x4.ne").get(unordered).op("v128.or").set(unordered);
          f.get(v);
          better(f, most[k]!);
          f.set(most[k]!);
        }
      };
      /** Goes on from `i` to the first element that equals `best`; or, `nan`, that is none. It must be there. */
      const find = (nan: boolean) =>
        f.loop((again) => {
          load().tee(value);
          f.get(nan ? value : best).op(`${scalar}.${nan ? "eq" : "ne"}` as PlainOp);
          f.if_(() => f.get(i).i32(1).op("i32.add").set(i).br(again));
        });
      eachUnit(f, (unit) => {
        pushAt(f, x, unit, n * 4).set(row);
        const [from, limit] = [f.local("i32"), f.local("i32")];
        f.i32(0).set(from).i32(0).set(start).get(row).load(`${scalar}.load`).set(best);
        f.block((found) => {
          repeatOn(
            f,
            from,
            n,
            () => {
              f.get(from).set(i);
              f.get(from).i32(stretch).op("i32.add").set(end);
              f.get(end).i32(n).get(end).i32(n).op("i32.lt_u").select().set(end);
              load()
                .op(floats ? "f32x4.splat" : "i32x4.splat")
                .tee(most[0]);
              f.tee(most[1]).tee(most[2]).set(most[3]);
              if (floats) f.constant(Int32Array.of(0)).set(unordered);
              // A row has 16 elements, so these differences are not negative.
              f.get(end).i32(15).op("i32.sub").set(limit);
              repeatOn(f, i, limit, vectors(4), 16);
              f.get(end).i32(3).op("i32.sub").set(limit);
              repeatOn(f, i, limit, vectors(1), 4);
              repeatOn(f, i, end, () => {
                load()
                  .op(floats ? "f32x4.splat" : "i32x4.splat")
                  .set(v);
                if (floats) f.get(v).get(v).op("f32x4.ne").get(unordered).op("v128.or").set(unordered);
                f.get(v);
                better(f, most[0]);
                f.set(most[0]);
              });
              if (floats)
                f.get(unordered)
                  .op("v128.any_true")
                  .if_(() => {
                    f.get(from).set(i);
                    find(true);
                    f.br(found);
                  });
              for (const other of most.slice(1)) {
                f.get(other);
                better(f, most[0]);
                f.set(most[0]);
              }
              for (let lane = 0; lane < 4; lane++) {
                f.get(most[0])
                  .lane(floats ? "f32x4.extract_lane" : "i32x4.extract_lane", lane)
                  .tee(value);
                f.get(best).op(beats(extreme, scalar));
                f.if_(() => f.get(value).set(best).get(from).set(start));
              }
            },
            stretch,
          );
          f.get(start).set(i);
          const target = f.local("v128");
          f.get(best)
            .op(floats ? "f32x4.splat" : "i32x4.splat")
            .set(target);
          f.i32(n - 15).set(limit);
          f.block((near) => {
            repeatOn(
              f,
              i,
              limit,
              () => {
                for (let k = 0; k < 4; k++) {
                  pushAt(f, row, i, 4)
                    .load("v128.load", 16 * k, 4)
                    .get(target)
                    .op(`${vector}.eq` as PlainOp);
                  if (k) f.op("v128.or");
                }
                f.op("v128.any_true").br_if(near);
              },
              16,
            );
          });
          find(false);
        });
        pushAt(f, out, unit, 4).get(i).store("i32.store");
      });
    },
  };
}

/** Row after row of a block of columns; the best places so far lie in the output, their values in the workspace. */
function downColumns(split: Split, extreme: Extreme): AxisCode {
  const { n, inner } = split;
  const { dtype, largest, bytes, vector } = extreme;
  const key = keyType(dtype);
  const stateBytes = key === "i64" ? 8 : 4;
  const block = Math.min(inner, blockColumns);
  return {
    units: columnUnits(split, block),
    work: 2 * n * block,
    workspace: block * stateBytes,
    emit(f, workspace) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [from, to, states, wide] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      const k = f.local(key);
      const [v, best, better, places] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
      eachUnit(f, (unit) => {
        const columns = columnBlock(f, unit, split, block);
        workspace(unit);
        f.set(states);
        pushBlock(f, x, columns, split, bytes);
        f.set(from);
        pushBlock(f, out, columns, { ...split, n: 1 }, 4);
        f.set(to);
        f.get(columns.width)
          .i32(vector ? -4 : 0)
          .op("i32.and")
          .set(wide);
        // The first columns in vectors of values, the rest by their keys.
        f.get(states).get(from).get(wide).i32(4).op("i32.mul").memoryCopy();
        f.get(to).i32(0).get(columns.width).i32(4).op("i32.mul").memoryFill();
        const rest = (body: (c: Local) => void) =>
          f.scope(() => {
            const c = f.local("i32");
            f.get(wide).set(c);
            repeatOn(f, c, columns.width, () => body(c));
          });
        rest((c) => {
          pushAt(f, states, c, stateBytes);
          pushAt(f, from, c, bytes);
          pushKey(f, dtype, !largest);
          f.store(`${key}.store`);
        });
        repeat(f, n, (row) => {
          if (vector) {
            f.get(row).op("i32x4.splat").set(places);
            repeat(
              f,
              wide,
              (c) => {
                const [state, place] = [f.local("i32"), f.local("i32")];
                pushAt(f, from, c, 4).load("v128.load", 0, 4).set(v);
                pushAt(f, states, c, 4).tee(state).load("v128.load", 0, 4).set(best);
                f.get(v).get(best);
                if (vector === "f32x4") {
                  // Not below or equal: true for NaN too, which only NaN is not beaten by.
                  f.op(largest ? "f32x4.le" : "f32x4.ge")
                    .op("v128.not")
                    .get(best)
                    .get(best)
                    .op("f32x4.eq")
                    .op("v128.and");
                } else f.op(beats(extreme, vector));
                f.set(better);
                f.get(state).get(v).get(best).get(better).op("v128.bitselect").store("v128.store", 0, 4);
                pushAt(f, to, c, 4).tee(place).get(places).get(place).load("v128.load", 0, 4);
                f.get(better).op("v128.bitselect").store("v128.store", 0, 4);
              },
              4,
            );
          }
          rest((c) => {
            pushAt(f, from, c, bytes);
            pushKey(f, dtype, !largest);
            f.tee(k);
            pushAt(f, states, c, stateBytes).load(`${key}.load`).op(`${key}.gt_u`);
            f.if_(() => {
              pushAt(f, states, c, stateBytes).get(k).store(`${key}.store`);
              pushAt(f, to, c, 4).get(row).store("i32.store");
            });
          });
          f.get(from)
            .i32(inner * bytes)
            .op("i32.add")
            .set(from);
        });
      });
    },
  };
}
