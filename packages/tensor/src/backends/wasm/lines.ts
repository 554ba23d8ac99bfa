import type { DType } from "../../dtype.ts";
import { sizeOf } from "../../shape.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import type { LoadOp, StoreOp } from "./opcodes.ts";
import type { Speller } from "./values.ts";

// What the kernels of primitives that work along one axis have in common.

/** Pushes the address of the bytes that a unit of a kernel has for itself. */
export type PushWorkspace = (unit: Local) => void;

/** A generated kernel over units that any thread may take: how many, how much work, and the code itself. */
export interface AxisCode {
  readonly units: number;
  /** Elementary operations a unit. */
  readonly work: number;
  /** Bytes that a unit needs while it is computed. */
  readonly workspace?: number;
  emit(f: FunctionBuilder, workspace: PushWorkspace): void;
}

/** An array as [outer, n, inner] around an axis. */
export interface Split {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
}

export function around(shape: readonly number[], axis: number): Split {
  return { outer: sizeOf(shape.slice(0, axis)), n: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
}

/** A local with the address at a place of the table of arguments: inputs in order, then the output. */
export function tableEntry(f: FunctionBuilder, place: number): Local {
  const local = f.local("i32");
  f.get(f.param(0))
    .load("i32.load", 4 * place)
    .set(local);
  return local;
}

/** Runs `body` for every unit of a call. */
export function eachUnit(f: FunctionBuilder, body: (unit: Local) => void): void {
  const unit = f.local("i32");
  f.get(f.param(1)).set(unit);
  f.block((done) => {
    f.loop((next) => {
      f.get(unit).get(f.param(2)).op("i32.ge_u").br_if(done);
      f.scope(() => body(unit));
      f.get(unit).i32(1).op("i32.add").set(unit).br(next);
    });
  });
}

/** Runs `body` for 0, step, 2·step, ... below `count`. */
export function repeat(f: FunctionBuilder, count: number | Local, body: (i: Local) => void, step = 1): void {
  f.scope(() => {
    const i = f.local("i32");
    f.i32(0).set(i);
    repeatOn(f, i, count, () => body(i), step);
  });
}

/** Runs `body` while `i`, which goes on from its present value by `step`, is below `count`. */
export function repeatOn(f: FunctionBuilder, i: Local, count: number | Local, body: () => void, step = 1): void {
  const pushCount = () => (typeof count === "number" ? f.i32(count) : f.get(count));
  f.block((done) => {
    f.get(i);
    pushCount().op("i32.ge_u").br_if(done);
    f.loop((again) => {
      f.scope(body);
      f.get(i).i32(step).op("i32.add").tee(i);
      pushCount().op("i32.lt_u").br_if(again);
    });
  });
}

/** Pushes base + i · bytes. */
export function pushAt(f: FunctionBuilder, base: Local, i: Local, bytes: number): FunctionBuilder {
  f.get(base).get(i);
  if (bytes !== 1) f.i32(bytes).op("i32.mul");
  return f.op("i32.add");
}

/** The unit as a block of neighbouring columns of one outer position. */
export interface ColumnBlock {
  readonly outer: Local;
  /** First column, and how many there are. */
  readonly column: Local;
  readonly width: Local;
}

/** How many blocks of `block` columns there are in all. */
export const columnUnits = ({ outer, inner }: Split, block: number): number => outer * Math.ceil(inner / block);

/** Where a unit numbered row-major over [outer, blocks of columns] lies. */
export function columnBlock(f: FunctionBuilder, unit: Local, { inner }: Split, block: number): ColumnBlock {
  const [outer, column, width] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const blocks = Math.ceil(inner / block);
  f.get(unit).i32(blocks).op("i32.div_u").set(outer);
  f.get(unit).i32(blocks).op("i32.rem_u").i32(block).op("i32.mul").set(column);
  f.i32(inner).get(column).op("i32.sub").set(width);
  f.i32(block).get(width).get(width).i32(block).op("i32.gt_u").select().set(width);
  return { outer, column, width };
}

/** Pushes base + (outer · n · inner + column) · bytes: where a block of columns begins. */
export function pushBlock(f: FunctionBuilder, base: Local, { outer, column }: ColumnBlock, { n, inner }: Split, bytes: number): void {
  f.get(base)
    .get(outer)
    .i32(n * inner)
    .op("i32.mul")
    .get(column)
    .op("i32.add")
    .i32(bytes)
    .op("i32.mul")
    .op("i32.add");
}

/** Loads and stores that copy an element of so many bytes as it is. */
export const copyOps: Record<number, readonly [LoadOp, StoreOp]> = {
  1: ["i32.load8_u", "i32.store8"],
  2: ["i32.load16_u", "i32.store16"],
  4: ["i32.load", "i32.store"],
  8: ["i64.load", "i64.store"],
};

/** Stores a float64 as a floating type, rounded once. Address and value are on the stack. */
export function storeRounded(f: FunctionBuilder, dtype: DType, speller: Speller): void {
  if (dtype === "float16") roundToOdd(f);
  if (dtype !== "float64") f.op("f32.demote_f64");
  speller.store(f, dtype);
}

/** Makes the last bit that float32 keeps odd where others are lost, so that rounding to float16 after that is exact. */
function roundToOdd(f: FunctionBuilder): void {
  f.scope(() => {
    const bits = f.local("i64");
    const lost = 0x1fffffff;
    f.op("i64.reinterpret_f64").set(bits);
    f.get(bits).i64(~BigInt(lost)).op("i64.and");
    f.get(bits).i64(lost).op("i64.and").i64(0).op("i64.ne").op("i64.extend_i32_u").i64(29).op("i64.shl").op("i64.or");
    f.op("f64.reinterpret_i64");
  });
}
