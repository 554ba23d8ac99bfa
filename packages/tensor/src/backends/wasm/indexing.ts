import type { OpaqueKernel } from "../../compile/kernel.ts";
import { bytesOf } from "../../dtype.ts";
import { is } from "../../graph/node.ts";
import { sizeOf } from "../../shape.ts";
import type { FunctionBuilder, Local, ModuleBuilder } from "./assembler.ts";
import { planAttention } from "./attention.ts";
import { planAttentionGradient } from "./attention-gradient.ts";
import type { MathLibrary } from "./math.ts";

/** A generated kernel for an opaque primitive: units, and how to emit it over the table [inputs..., out]. */
export interface OpaqueCode {
  readonly units: number;
  readonly work: number;
  /** What each thread needs while it runs. */
  readonly scratchBytes?: number;
  emit(f: FunctionBuilder, module: ModuleBuilder, math: MathLibrary): void;
}

/** Kernels for `gather`, for `scatter` that adds float32, and for attention in float32; null for what runs on the host. */
export function planOpaque(kernel: OpaqueKernel): OpaqueCode | null {
  const { node } = kernel;
  if (is(node, "gather")) return gather(kernel, node.attrs.axis);
  if (is(node, "scatter") && node.attrs.mode === "add" && node.dtype === "float32") return scatterAdd(kernel, node.attrs.axis);
  if (is(node, "attention") && node.dtype === "float32") return planAttention(kernel);
  if (is(node, "attentionGradient") && node.attrs.of === "all") return planAttentionGradient(kernel);
  return null;
}

interface Split {
  readonly outer: number;
  readonly n: number;
  readonly count: number;
  readonly inner: number;
}

/** The array as [outer, n, inner] around the axis, with `count` indices. */
function around(shape: readonly number[], axis: number, indices: number): Split {
  return { outer: sizeOf(shape.slice(0, axis)), n: shape[axis]!, count: indices, inner: sizeOf(shape.slice(axis + 1)) };
}

function tableEntry(f: FunctionBuilder, place: number): Local {
  const local = f.local("i32");
  f.get(f.param(0))
    .load("i32.load", 4 * place)
    .set(local);
  return local;
}

/** Pushes base + row · bytes, where row is the clamped index number `m` of outer block `o`. */
function pushRow(f: FunctionBuilder, base: Local, indices: Local, o: Local, m: Local, { n, inner }: Split, bytes: number): void {
  f.scope(() => {
    const i = f.local("i32");
    f.get(indices).get(m).i32(4).op("i32.mul").op("i32.add").load("i32.load").set(i);
    f.i32(0).get(i).get(i).i32(0).op("i32.lt_s").select().set(i);
    f.i32(n - 1)
      .get(i)
      .get(i)
      .i32(n - 1)
      .op("i32.gt_s")
      .select()
      .set(i);
    f.get(base)
      .get(o)
      .i32(n)
      .op("i32.mul")
      .get(i)
      .op("i32.add")
      .i32(inner * bytes)
      .op("i32.mul")
      .op("i32.add");
  });
}

/** Rows of x copied one by one; a unit is one row of the result. */
function gather({ node }: OpaqueKernel, axis: number): OpaqueCode {
  const split = around(node.inputs[0]!.shape, axis, node.inputs[1]!.size);
  const bytes = bytesOf(node.dtype);
  const row = split.inner * bytes;
  return {
    units: split.outer * split.count,
    work: Math.max(4, split.inner),
    emit(f) {
      const [x, indices, out] = [0, 1, 2].map((k) => tableEntry(f, k)) as [Local, Local, Local];
      const [u, o, m] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.get(f.param(1)).set(u);
      f.get(u)
        .get(f.param(2))
        .op("i32.lt_u")
        .if_(() => {
          f.loop((again) => {
            f.get(u).i32(split.count).op("i32.div_u").set(o);
            f.get(u).i32(split.count).op("i32.rem_u").set(m);
            f.get(out).get(u).i32(row).op("i32.mul").op("i32.add");
            pushRow(f, x, indices, o, m, split, bytes);
            if (row === 8) f.load("i64.load", 0, 1).store("i64.store", 0, 1);
            else if (row === 4) f.load("i32.load", 0, 1).store("i32.store", 0, 1);
            else if (row === 2) f.load("i32.load16_u", 0, 1).store("i32.store16", 0, 1);
            else if (row === 1) f.load("i32.load8_u").store("i32.store8");
            else f.i32(row).memoryCopy();
            f.get(u).i32(1).op("i32.add").tee(u).get(f.param(2)).op("i32.lt_u").br_if(again);
          });
        });
    },
  };
}

/** A copy of x with rows added to in the order of the indices; a unit is one outer block, so that no two threads meet. */
function scatterAdd({ node }: OpaqueKernel, axis: number): OpaqueCode {
  const split = around(node.shape, axis, node.inputs[1]!.size);
  const { n, count, inner } = split;
  const block = n * inner * 4;
  return {
    units: split.outer,
    work: count * inner + n * inner,
    emit(f) {
      const [x, indices, updates, out] = [0, 1, 2, 3].map((k) => tableEntry(f, k)) as [Local, Local, Local, Local];
      const [o, m, to, from, c] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      f.get(f.param(1)).set(o);
      f.block((done) => {
        f.get(o).get(f.param(2)).op("i32.ge_u").br_if(done);
        f.loop((nextBlock) => {
          f.get(out).get(o).i32(block).op("i32.mul").op("i32.add");
          f.get(x).get(o).i32(block).op("i32.mul").op("i32.add").i32(block).memoryCopy();
          if (count > 0 && inner > 0) {
            f.i32(0).set(m);
            f.loop((nextRow) => {
              pushRow(f, out, indices, o, m, split, 4);
              f.set(to);
              f.get(updates)
                .get(o)
                .i32(count)
                .op("i32.mul")
                .get(m)
                .op("i32.add")
                .i32(inner * 4)
                .op("i32.mul")
                .op("i32.add")
                .set(from);
              f.i32(0).set(c);
              const sweep = (limit: number, step: number, add: () => void): void => {
                if (limit <= 0) return;
                f.loop((again) => {
                  add();
                  f.get(c).i32(step).op("i32.add").tee(c).i32(limit).op("i32.lt_u").br_if(again);
                });
              };
              const wide = inner - (inner % 4);
              const at = (p: Local) => f.get(p).get(c).i32(4).op("i32.mul").op("i32.add");
              sweep(wide, 4, () => {
                at(to);
                at(to).load("v128.load", 0, 4);
                at(from).load("v128.load", 0, 4).op("f32x4.add").store("v128.store", 0, 4);
              });
              sweep(inner > wide ? inner : 0, 1, () => {
                at(to);
                at(to).load("f32.load");
                at(from).load("f32.load").op("f32.add").store("f32.store");
              });
              f.get(m).i32(1).op("i32.add").tee(m).i32(count).op("i32.lt_u").br_if(nextRow);
            });
          }
          f.get(o).i32(1).op("i32.add").tee(o).get(f.param(2)).op("i32.lt_u").br_if(nextBlock);
        });
      });
    },
  };
}
