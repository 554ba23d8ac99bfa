import type { Value } from "../../compile/kernel.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import { neutral, registerOf, type Speller, shapeOf, type Width } from "./values.ts";

/** Vectors worked on side by side where additions would otherwise wait for each other. */
export const unroll = 4;

/** The running result of one reduction: vectors side by side, a scalar, and for float32 sums a float64 that collects blocks. */
export class Accumulator {
  readonly blocked: boolean;
  private readonly f: FunctionBuilder;
  private readonly speller: Speller;
  private readonly v: Value & { op: "reduce" };
  private readonly width: 2 | 4;
  private vectors: Local[] = [];
  /** Beside the largest or smallest floats in `vectors`: which lanes met NaN, and which signs. One of each if lanes lie along the row. */
  private extremes: { readonly nan: Local; readonly signs: Local }[] = [];
  private scalar: Local | null = null;
  private total: Local[] = [];
  /** Lanes are along the row: vectors are summed up in the end. */
  private along = false;

  constructor(f: FunctionBuilder, speller: Speller, v: Value & { op: "reduce" }, width: 2 | 4, blocked: boolean) {
    this.f = f;
    this.width = width;
    this.speller = speller;
    this.v = v;
    this.blocked = blocked && v.kind === "sum" && registerOf(v.dtype) === "f32";
  }

  start(lanes: Width, along: boolean, wide: number): void {
    const { f, v } = this;
    this.along = along;
    if (along || lanes > 1) this.vectors = Array.from({ length: along ? unroll : wide }, () => f.local("v128"));
    if (this.vectors.length && (v.kind === "max" || v.kind === "min") && registerOf(v.dtype) === "f32")
      this.extremes = Array.from({ length: along ? 1 : wide }, () => ({ nan: f.local("v128"), signs: f.local("v128") }));
    if (lanes === 1) this.scalar = f.local(registerOf(v.dtype));
    if (this.blocked) this.total = lanes > 1 ? Array.from({ length: 2 * wide }, () => f.local("v128")) : [f.local("f64")];
    for (const t of this.total) {
      if (t.type === "v128") f.constant(Float64Array.of(0)).set(t);
      else f.f64(0).set(t);
    }
    this.clear();
  }

  private clear(): void {
    const { f, speller, v } = this;
    const zero = neutral(v.kind, v.dtype);
    for (const x of this.vectors) {
      speller.constant(f, zero, v.dtype, this.width);
      f.set(x);
    }
    for (const { nan, signs } of this.extremes) {
      f.constant(Int32Array.of(0)).set(nan);
      f.constant(Int32Array.of(v.kind === "max" ? -1 : 0)).set(signs);
    }
    if (this.scalar) {
      speller.constant(f, zero, v.dtype, 1);
      f.set(this.scalar);
    }
  }

  /** Vectors, each with a part of the sum of a row, whose lanes lie along it. */
  get lanesAlong(): readonly Local[] {
    return this.vectors;
  }

  add(x: Local, w: Width, step: number): void {
    const { f, speller, v } = this;
    const acc = w > 1 ? this.vectors[step]! : this.scalar!;
    if (w > 1 && this.extremes.length) {
      this.addExtreme(acc, x, this.along ? 0 : step);
      return;
    }
    speller.combine(f, v.kind, acc, x, v.dtype, w);
    f.set(acc);
  }

  /**
   * `f32x4.max` takes eight instructions on x86-64, because of NaN and of zeros with signs; `pmax` takes one. NaN is
   * remembered apart. The result's sign is negative where all terms are (for `min`: where any is), zeros included.
   */
  private addExtreme(acc: Local, x: Local, place: number): void {
    const { f } = this;
    const { nan, signs } = this.extremes[place]!;
    const max = this.v.kind === "max";
    f.get(acc)
      .get(x)
      .op(max ? "f32x4.pmax" : "f32x4.pmin")
      .set(acc);
    f.get(nan).get(x).get(x).op("f32x4.ne").op("v128.or").set(nan);
    f.get(signs)
      .get(x)
      .op(max ? "v128.and" : "v128.or")
      .set(signs);
  }

  /** Gives the extremes in `acc` their signs and NaN. */
  private finishExtreme(acc: Local, place: number): void {
    const { nan, signs } = this.extremes[place]!;
    this.f
      .get(acc)
      .op("f32x4.abs")
      .get(signs)
      .constant(Int32Array.of(-2147483648))
      .op("v128.and")
      .op("v128.or")
      .get(nan)
      .op("v128.or")
      .set(acc);
  }

  /** Moves a block's float32 sum to the float64 total. */
  flush(): void {
    if (!this.blocked) return;
    const { f } = this;
    if (this.along || this.vectors.length === 0) {
      const [total] = this.total as [Local];
      f.get(total);
      this.collect();
      f.op("f64.promote_f32").op("f64.add").set(total);
    } else {
      this.vectors.forEach((x, step) => {
        const [low, high] = this.total.slice(2 * step) as [Local, Local];
        f.get(low).get(x).op("f64x2.promote_low_f32x4").op("f64x2.add").set(low);
        f.get(high)
          .get(x)
          .get(x)
          .shuffle(8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
          .op("f64x2.promote_low_f32x4")
          .op("f64x2.add")
          .set(high);
      });
    }
    this.clear();
  }

  /** Brings vectors along the row and the scalar together; leaves the scalar on the stack. */
  private collect(): void {
    const { f, speller, v, width } = this;
    const scalar = this.scalar!;
    if (this.vectors.length) {
      const [first, ...others] = this.vectors as [Local, ...Local[]];
      for (const x of others) {
        if (this.extremes.length)
          f.get(first)
            .get(x)
            .op(v.kind === "max" ? "f32x4.pmax" : "f32x4.pmin");
        else speller.combine(f, v.kind, first, x, v.dtype, width);
        f.set(first);
      }
      if (this.extremes.length) this.finishExtreme(first, 0);
      const other = f.local("v128");
      // Lanes are folded in halves; what lies beyond the second lane does not count where a vector has two.
      for (const half of width === 4 ? [2, 1] : [1]) {
        f.get(first).get(first);
        if (v.dtype === "float64" || half === 2) f.shuffle32(2, 3, 0, 1);
        else f.shuffle32(1, 0, 3, 2);
        f.set(other);
        speller.combine(f, v.kind, first, other, v.dtype, width);
        f.set(first);
      }
      const lane = f.local(registerOf(v.dtype));
      f.get(first)
        .lane(`${shapeOf(v.dtype)}.extract_lane`, 0)
        .set(lane);
      speller.combine(f, v.kind, scalar, lane, v.dtype, 1);
      f.set(scalar).release(lane, other);
    }
    f.get(scalar);
  }

  /** Leaves the result on the stack. */
  finish(lanes: Width, step: number): void {
    const { f } = this;
    if (this.blocked && lanes === 1) f.get(this.total[0]!).op("f32.demote_f64");
    else if (this.blocked) {
      const [low, high] = this.total.slice(2 * step) as [Local, Local];
      f.get(low)
        .op("f32x4.demote_f64x2_zero")
        .get(high)
        .op("f32x4.demote_f64x2_zero")
        .shuffle(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    } else if (lanes > 1) {
      if (this.extremes.length) this.finishExtreme(this.vectors[step]!, step);
      f.get(this.vectors[step]!);
    } else this.collect();
  }

  release(): void {
    this.f.release(...this.extremes.flatMap(({ nan, signs }) => [nan, signs]));
    this.f.release(...this.vectors, ...this.total, ...(this.scalar ? [this.scalar] : []));
  }
}
