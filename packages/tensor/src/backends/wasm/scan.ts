import type { OpaqueKernel } from "../../compile/kernel.ts";
import { bytesOf, type DType, isFloat } from "../../dtype.ts";
import type { Attributes } from "../../graph/primitives.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
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
  storeRounded,
  tableEntry,
} from "./lines.ts";
import type { PlainOp } from "./opcodes.ts";
import { neutral, type Register, registerOf, type Speller } from "./values.ts";

/** Columns whose running values wait side by side in the first cache. */
const blockColumns = 512;

/** `scan`: running sums, products, maxima and minima. Floating sums and products run in float64 and are rounded once. */
export function planScan({ node }: OpaqueKernel, { axis, kind, reverse }: Attributes["scan"], speller: Speller): AxisCode {
  const split = around(node.shape, axis);
  const running = new Running(speller, kind, node.dtype);
  return split.inner === 1 ? alongRows(split, running, reverse) : downColumns(split, running, reverse);
}

/** How one running value is kept, and brought on by an element. */
class Running {
  readonly register: Register;
  readonly bytes: number;
  readonly dtype: DType;
  /** Elements that vectors bring on at once; 1 where there is no vector form. */
  readonly lanes: 1 | 2 | 4;
  private readonly speller: Speller;
  private readonly kind: Attributes["scan"]["kind"];

  constructor(speller: Speller, kind: Attributes["scan"]["kind"], dtype: DType) {
    this.speller = speller;
    this.kind = kind;
    this.dtype = dtype;
    const adds = kind === "sum" || kind === "prod";
    this.register = isFloat(dtype) && adds ? "f64" : registerOf(dtype);
    this.lanes = dtype === "float64" ? 2 : dtype === "float32" || dtype === "int32" || dtype === "uint32" ? 4 : 1;
    this.bytes = bytesOf(dtype);
  }

  get stateBytes(): number {
    return this.register === "f64" ? 8 : 4;
  }

  start(f: FunctionBuilder): void {
    this.speller.constant(f, neutral(this.kind, this.dtype), this.register === "f64" ? "float64" : this.dtype, 1);
  }

  /** Stores at `to` the value `state` after the element at `from`. */
  step(f: FunctionBuilder, state: Local, from: () => void, to: () => void): void {
    const { register, dtype, speller } = this;
    f.scope(() => {
      const x = f.local(register);
      from();
      speller.load(f, dtype);
      if (register === "f64" && dtype !== "float64") f.op("f64.promote_f32");
      f.set(x);
      speller.combine(f, this.kind, state, x, register === "f64" ? "float64" : dtype, 1);
      f.set(state);
      to();
      f.get(state);
      if (dtype === "bool") f.i32(0).op("i32.ne");
      if (register === "f64") storeRounded(f, dtype, speller);
      else speller.store(f, dtype);
    });
  }

  /** The same for `lanes` neighbouring columns with their states in memory. */
  vectorStep(f: FunctionBuilder, state: () => FunctionBuilder, from: () => FunctionBuilder, to: () => FunctionBuilder): void {
    const op = { sum: "add", prod: "mul", max: "max", min: "min" }[this.kind];
    f.scope(() => {
      const x = f.local("v128");
      from().load("v128.load", 0, this.bytes).set(x);
      if (this.dtype === "float32" && this.register === "f64") {
        const halves = [0, 1].map((half) => {
          const sum = f.local("v128");
          state().load("v128.load", 16 * half);
          f.get(x);
          if (half) f.get(x).shuffle32(2, 3, 2, 3);
          f.op("f64x2.promote_low_f32x4")
            .op(`f64x2.${op}` as PlainOp)
            .set(sum);
          state()
            .get(sum)
            .store("v128.store", 16 * half);
          return sum;
        });
        to();
        for (const sum of halves) f.get(sum).op("f32x4.demote_f64x2_zero");
        f.shuffle32(0, 1, 4, 5).store("v128.store", 0, 4);
        return;
      }
      const old = f.local("v128");
      state().load("v128.load").set(old);
      if (this.dtype === "float64")
        f.get(old)
          .get(x)
          .op(`f64x2.${op}` as PlainOp);
      else this.speller.combine(f, this.kind, old, x, this.dtype, 4);
      f.set(x);
      state().get(x).store("v128.store");
      to().get(x).store("v128.store", 0, this.bytes);
    });
  }
}

/** A unit is one contiguous row. */
function alongRows({ outer, n }: Split, running: Running, reverse: boolean): AxisCode {
  const { bytes } = running;
  return {
    units: outer,
    work: 4 * n,
    emit(f) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [from, to] = [f.local("i32"), f.local("i32")];
      const state = f.local(running.register);
      eachUnit(f, (row) => {
        running.start(f);
        f.set(state);
        for (const [place, base] of [
          [from, x],
          [to, out],
        ] as const) {
          pushAt(f, base, row, n * bytes);
          if (reverse) f.i32((n - 1) * bytes).op("i32.add");
          f.set(place);
        }
        repeat(f, n, () => {
          running.step(
            f,
            state,
            () => f.get(from),
            () => f.get(to),
          );
          for (const place of [from, to])
            f.get(place)
              .i32(reverse ? -bytes : bytes)
              .op("i32.add")
              .set(place);
        });
      });
    },
  };
}

/** A unit is a block of columns, row after row; the running values wait in the workspace. */
function downColumns(split: Split, running: Running, reverse: boolean): AxisCode {
  const { n, inner } = split;
  const { bytes, stateBytes, lanes } = running;
  const block = Math.min(inner, blockColumns);
  return {
    units: columnUnits(split, block),
    work: 2 * n * block,
    workspace: block * stateBytes,
    emit(f, workspace) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [from, to, states, wide] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      const state = f.local(running.register);
      eachUnit(f, (unit) => {
        const columns = columnBlock(f, unit, split, block);
        workspace(unit);
        f.set(states);
        repeat(f, columns.width, (c) => {
          pushAt(f, states, c, stateBytes);
          running.start(f);
          f.store(`${running.register}.store`);
        });
        f.get(columns.width).i32(-lanes).op("i32.and").set(wide);
        for (const [place, base] of [
          [from, x],
          [to, out],
        ] as const) {
          pushBlock(f, base, columns, split, bytes);
          if (reverse) f.i32((n - 1) * inner * bytes).op("i32.add");
          f.set(place);
        }
        repeat(f, n, () => {
          const c = f.local("i32");
          f.i32(0).set(c);
          if (lanes > 1)
            repeatOn(
              f,
              c,
              wide,
              () =>
                running.vectorStep(
                  f,
                  () => pushAt(f, states, c, stateBytes),
                  () => pushAt(f, from, c, bytes),
                  () => pushAt(f, to, c, bytes),
                ),
              lanes,
            );
          repeatOn(f, c, columns.width, () => {
            pushAt(f, states, c, stateBytes).load(`${running.register}.load`).set(state);
            running.step(
              f,
              state,
              () => pushAt(f, from, c, bytes),
              () => pushAt(f, to, c, bytes),
            );
            pushAt(f, states, c, stateBytes).get(state).store(`${running.register}.store`);
          });
          for (const place of [from, to])
            f.get(place)
              .i32((reverse ? -1 : 1) * inner * bytes)
              .op("i32.add")
              .set(place);
        });
      });
    },
  };
}
