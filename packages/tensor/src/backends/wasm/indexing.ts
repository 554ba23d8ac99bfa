import type { OpaqueKernel } from "../../compile/kernel.ts";
import { bytesOf, type DType } from "../../dtype.ts";
import type { Attributes, ScatterMode } from "../../graph/primitives.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import {
  type AxisCode,
  around,
  columnBlock,
  columnUnits,
  copyOps,
  eachUnit,
  pushAt,
  pushBlock,
  repeat,
  repeatOn,
  type Split,
  storeRounded,
  tableEntry,
} from "./lines.ts";
import type { PlainOp } from "./opcodes.ts";
import { registerOf, type Speller } from "./values.ts";

/** Pushes index number `m`, clamped to the axis. */
function pushIndex(f: FunctionBuilder, indices: Local, m: Local, n: number): void {
  f.scope(() => {
    const i = f.local("i32");
    pushAt(f, indices, m, 4).load("i32.load").tee(i).i32(n).op("i32.ge_u");
    // Almost never taken, so cheaper than selecting. What is negative is not below n, read as unsigned.
    f.if_(() =>
      f
        .i32(0)
        .i32(n - 1)
        .get(i)
        .i32(0)
        .op("i32.lt_s")
        .select()
        .set(i),
    );
    f.get(i);
  });
}

/** `gather`: rows of x copied one by one; a unit is one row of the result. */
export function planGather({ node }: OpaqueKernel, { axis }: Attributes["gather"]): AxisCode {
  const { n, inner } = around(node.inputs[0]!.shape, axis);
  const count = node.inputs[1]!.size;
  const outer = node.size / (count * inner);
  const bytes = bytesOf(node.dtype);
  const row = inner * bytes;
  const single = copyOps[row];
  return {
    units: outer * count,
    work: Math.max(4, inner),
    emit(f) {
      const [x, indices, out] = [0, 1, 2].map((k) => tableEntry(f, k)) as [Local, Local, Local];
      const [m, block] = [f.local("i32"), f.local("i32")];
      // The unit as [outer, m]; `block` is where x's rows of that outer position begin.
      const first = f.param(1);
      f.get(first).i32(count).op("i32.rem_u").set(m);
      f.get(x)
        .get(first)
        .i32(count)
        .op("i32.div_u")
        .i32(n * row)
        .op("i32.mul")
        .op("i32.add")
        .set(block);
      eachUnit(f, (unit) => {
        pushAt(f, out, unit, row).get(block);
        pushIndex(f, indices, m, n);
        if (row !== 1) f.i32(row).op("i32.mul");
        f.op("i32.add");
        if (single) f.load(single[0], 0, bytes === 8 ? 8 : 1).store(single[1], 0, 1);
        else f.i32(row).memoryCopy();
        f.get(m).i32(1).op("i32.add").tee(m).i32(count).op("i32.eq");
        f.if_(() =>
          f
            .i32(0)
            .set(m)
            .get(block)
            .i32(n * row)
            .op("i32.add")
            .set(block),
        );
      });
    },
  };
}

/** Columns a unit of `scatter` takes where there are few outer positions to share. */
const blockColumns = 256;
/** A unit's float64 sums should stay in the second cache, unless there is no other way. */
const sumBytes = 2 ** 20;

/**
 * `scatter`: a copy of x, changed in the order of the indices. A unit is a block of columns of one outer position, so that
 * no two threads meet. Half types are brought together in float64 and rounded once; so are float32 sums where several
 * terms a place are to be expected and the sums fit in cache.
 */
export function planScatter({ node }: OpaqueKernel, { axis, mode }: Attributes["scatter"], speller: Speller): AxisCode {
  const split = around(node.shape, axis);
  const count = node.inputs[1]!.size;
  const { n, inner, outer } = split;
  const { dtype } = node;
  const half = dtype === "float16" || dtype === "bfloat16";
  const sums = dtype === "float32" && mode === "add" && count > n && n * inner * 8 <= sumBytes;
  if (mode !== "set" && (half || sums)) {
    const block = Math.min(inner, Math.max(1, Math.floor(sumBytes / (8 * n))));
    const update = (f: FunctionBuilder, to: Local, from: Local, width: Local) =>
      repeat(f, width, (c) => {
        const [place, x] = [f.local("i32"), f.local("f64")];
        pushAt(f, from, c, bytesOf(dtype));
        speller.load(f, dtype);
        f.op("f64.promote_f32").set(x);
        pushAt(f, to, c, 8).tee(place).get(place).load("f64.load").get(x);
        f.op(`f64.${mode}` as PlainOp).store("f64.store");
      });
    return widely(split, count, block, dtype, speller, update);
  }
  const block = outer >= 8 ? inner : Math.min(inner, blockColumns);
  return directly(split, count, block, dtype, inner === 1 ? elementUpdate(dtype, mode, speller) : rowUpdate(dtype, mode, speller));
}

/** Brings `width` elements at `to` together with those at `from`. */
type RowUpdate = (f: FunctionBuilder, to: Local, from: Local, width: Local) => void;

/** The same for one element, whatever the width. */
function elementUpdate(dtype: DType, mode: ScatterMode, speller: Speller): (f: FunctionBuilder, to: Local, from: Local) => void {
  if (mode === "set") {
    const [load, store] = copyOps[bytesOf(dtype)]!;
    return (f, to, from) => f.get(to).get(from).load(load).store(store);
  }
  const register = registerOf(dtype);
  return (f, to, from) =>
    f.scope(() => {
      const [old, x] = [f.local(register), f.local(register)];
      for (const [address, value] of [
        [to, old],
        [from, x],
      ] as const) {
        f.get(address);
        speller.load(f, dtype);
        f.set(value);
      }
      f.get(to);
      speller.combine(f, kindOf(mode), old, x, dtype, 1);
      if (dtype === "bool") f.i32(0).op("i32.ne");
      speller.store(f, dtype);
    });
}

const kindOf = (mode: "add" | "max" | "min") => (mode === "add" ? "sum" : mode);

function rowUpdate(dtype: DType, mode: ScatterMode, speller: Speller): RowUpdate {
  const bytes = bytesOf(dtype);
  const element = elementUpdate(dtype, mode, speller);
  /** One by one from column `c` on. */
  const rest = (f: FunctionBuilder, c: Local, to: Local, from: Local, width: Local) =>
    repeatOn(f, c, width, () => {
      const [place, source] = [f.local("i32"), f.local("i32")];
      pushAt(f, to, c, bytes).set(place);
      pushAt(f, from, c, bytes).set(source);
      element(f, place, source);
    });
  if (mode === "set")
    return (f, to, from, width) => {
      const c = f.local("i32");
      f.i32(0).set(c);
      // memory.copy is a call: too much for a few elements.
      f.get(width)
        .i32(16)
        .op("i32.lt_u")
        .if_(
          () => rest(f, c, to, from, width),
          () => f.get(to).get(from).get(width).i32(bytes).op("i32.mul").memoryCopy(),
        );
    };
  const vectors = dtype === "float32" || dtype === "int32" || dtype === "uint32";
  return (f, to, from, width) => {
    const c = f.local("i32");
    f.i32(0).set(c);
    if (vectors)
      f.scope(() => {
        const wide = f.local("i32");
        f.get(width).i32(-4).op("i32.and").set(wide);
        repeatOn(
          f,
          c,
          wide,
          () => {
            const [old, x] = [f.local("v128"), f.local("v128")];
            pushAt(f, to, c, bytes).load("v128.load", 0, bytes).set(old);
            pushAt(f, from, c, bytes).load("v128.load", 0, bytes).set(x);
            pushAt(f, to, c, bytes);
            speller.combine(f, kindOf(mode), old, x, dtype, 4);
            f.store("v128.store", 0, bytes);
          },
          4,
        );
      });
    rest(f, c, to, from, width);
  };
}

/** Calls `row` with the addresses of each update's first element and of the place it goes to, in the order of the indices. */
function eachUpdate(
  f: FunctionBuilder,
  { indices, count, n }: { readonly indices: Local; readonly count: number; readonly n: number },
  to: { readonly base: Local; readonly stride: number },
  from: { readonly base: Local; readonly stride: number },
  row: (to: Local, from: Local) => void,
): void {
  repeat(f, count, (m) => {
    const [place, update] = [f.local("i32"), f.local("i32")];
    f.get(to.base);
    pushIndex(f, indices, m, n);
    f.i32(to.stride).op("i32.mul").op("i32.add").set(place);
    pushAt(f, from.base, m, from.stride).set(update);
    row(place, update);
  });
}

/** Changes are made in the output. */
function directly(split: Split, count: number, block: number, dtype: DType, update: RowUpdate): AxisCode {
  const { n, inner } = split;
  const bytes = bytesOf(dtype);
  const row = inner * bytes;
  return {
    units: columnUnits(split, block),
    work: (4 * count + n) * block,
    emit(f) {
      const [x, indices, updates, out] = [0, 1, 2, 3].map((k) => tableEntry(f, k)) as [Local, Local, Local, Local];
      const [from, to, source] = [f.local("i32"), f.local("i32"), f.local("i32")];
      eachUnit(f, (unit) => {
        const columns = columnBlock(f, unit, split, block);
        pushBlock(f, x, columns, split, bytes);
        f.set(source);
        pushBlock(f, out, columns, split, bytes);
        f.set(to);
        pushBlock(f, updates, columns, { ...split, n: count }, bytes);
        f.set(from);
        if (block === inner)
          f.get(to)
            .get(source)
            .i32(n * row)
            .memoryCopy();
        else
          repeat(f, n, (i) => {
            pushAt(f, to, i, row);
            pushAt(f, source, i, row).get(columns.width).i32(bytes).op("i32.mul").memoryCopy();
          });
        eachUpdate(f, { indices, count, n }, { base: to, stride: row }, { base: from, stride: row }, (a, b) =>
          update(f, a, b, columns.width),
        );
      });
    },
  };
}

/** Changes are made to float64 values in the workspace, and rounded at the end. */
function widely(split: Split, count: number, block: number, dtype: DType, speller: Speller, update: RowUpdate): AxisCode {
  const { n, inner } = split;
  const bytes = bytesOf(dtype);
  const row = inner * bytes;
  return {
    units: columnUnits(split, block),
    work: (8 * count + 2 * n) * block,
    workspace: n * block * 8,
    emit(f, workspace) {
      const [x, indices, updates, out] = [0, 1, 2, 3].map((k) => tableEntry(f, k)) as [Local, Local, Local, Local];
      const [from, to, wide] = [f.local("i32"), f.local("i32"), f.local("i32")];
      eachUnit(f, (unit) => {
        const columns = columnBlock(f, unit, split, block);
        workspace(unit);
        f.set(wide);
        /** Visits the elements of the block with the addresses of their float64 values and of themselves. */
        const eachElement = (body: (value: Local, element: Local) => void) =>
          repeat(f, n, (i) => {
            const [value, element] = [f.local("i32"), f.local("i32")];
            pushAt(f, wide, i, 8 * block).set(value);
            pushAt(f, to, i, row).set(element);
            repeat(f, columns.width, () => {
              body(value, element);
              f.get(value).i32(8).op("i32.add").set(value);
              f.get(element).i32(bytes).op("i32.add").set(element);
            });
          });
        pushBlock(f, x, columns, split, bytes);
        f.set(to);
        eachElement((value, element) => {
          f.get(value).get(element);
          speller.load(f, dtype);
          f.op("f64.promote_f32").store("f64.store");
        });
        pushBlock(f, updates, columns, { ...split, n: count }, bytes);
        f.set(from);
        eachUpdate(f, { indices, count, n }, { base: wide, stride: 8 * block }, { base: from, stride: row }, (a, b) =>
          update(f, a, b, columns.width),
        );
        pushBlock(f, out, columns, split, bytes);
        f.set(to);
        eachElement((value, element) => {
          f.get(element).get(value).load("f64.load");
          storeRounded(f, dtype, speller);
        });
      });
    },
  };
}
