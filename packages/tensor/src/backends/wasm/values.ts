import type { Value } from "../../compile/kernel.ts";
import { bytesOf, type DType, dtypeInfo } from "../../dtype.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import type { HostFunction } from "./host-functions.ts";
import { binaryMath, type MathLibrary, type MathName, unaryMath } from "./math.ts";
import type { PlainOp } from "./opcodes.ts";

/** How a type is computed with: bool is 0 or 1, in vectors a lane of zeros or ones. */
export type Register = "f32" | "f64" | "i32";

/** How lanes are spelled, as computed with. */
export const shapeOf = (dtype: DType) => (({ f32: "f32x4", f64: "f64x2", i32: "i32x4" }) as const)[registerOf(dtype)];

/**
 * How many elements are worked on at once: one, four lanes of a vector, or, in kernels with float64, two. Then float64
 * fills the vector, and everything else lies in its first two 32-bit lanes, the others holding anything.
 */
export type Width = 1 | 2 | 4;

export function registerOf(dtype: DType): Register {
  if (dtype === "float64") return "f64";
  return dtypeInfo(dtype).kind === "float" ? "f32" : "i32";
}

const scalarOnly = new Set<string>(["floorDiv", "mod", "nextafter"]);

/** Whether a value can be computed in vectors. */
export function vectorises(value: Value, argumentTypes: readonly DType[]): boolean {
  if (scalarOnly.has(value.op)) return false;
  // Functions of float64 are calls for each element.
  if ((value.op in unaryMath || value.op in binaryMath) && argumentTypes.some((t) => registerOf(t) !== "f32")) return false;
  return value.op !== "reduce" || value.dtype !== "bool";
}

/** Spells the operations of values in one module. Arguments come in locals; the result is left on the stack. */
export class Speller {
  readonly module: ModuleBuilder;
  readonly math: MathLibrary;
  private readonly hosts = new Map<HostFunction, FunctionRef>();

  constructor(module: ModuleBuilder, math: MathLibrary) {
    this.module = module;
    this.math = math;
  }

  host(f: FunctionBuilder, name: HostFunction): void {
    let ref = this.hosts.get(name);
    if (!ref) {
      ref = this.module.importFunction("math", name, ["f64", "f64"], ["f64"]);
      this.hosts.set(name, ref);
    }
    f.call(ref);
  }

  constant(f: FunctionBuilder, value: number, dtype: DType, lanes: Width): void {
    const register = registerOf(dtype);
    if (lanes > 1) {
      if (register === "f64") f.constant(Float64Array.of(value));
      else if (register === "f32") f.constant(Float32Array.of(value));
      else f.constant(Int32Array.of(dtype === "bool" ? -(value ? 1 : 0) : value | 0));
    } else if (register === "f32") f.f32(value);
    else if (register === "f64") f.f64(value);
    else f.i32(value | 0);
  }

  /** Loads one stored element; the address is on the stack. */
  load(f: FunctionBuilder, dtype: DType, offset = 0): void {
    if (dtype === "float32") f.load("f32.load", offset);
    else if (dtype === "float64") f.load("f64.load", offset);
    else {
      this.loadRaw(f, dtype, offset);
      if (registerOf(dtype) === "f32") this.halfValue(f, dtype);
    }
  }

  /** Stores one element; address and value are on the stack. */
  store(f: FunctionBuilder, dtype: DType, offset = 0): void {
    if (dtype === "float32") f.store("f32.store", offset);
    else if (dtype === "float64") f.store("f64.store", offset);
    else {
      if (registerOf(dtype) === "f32") this.halfBits(f, dtype);
      this.storeRaw(f, dtype, offset);
    }
  }

  /** One stored element: float64, or an i32 of its bits, with the sign of an integer type. */
  loadRaw(f: FunctionBuilder, dtype: DType, offset = 0): void {
    const bytes = bytesOf(dtype);
    if (bytes === 8) f.load("f64.load", offset);
    else if (bytes === 4) f.load("i32.load", offset);
    else f.load(`i32.load${bytes === 2 ? 16 : 8}_${dtypeInfo(dtype).kind === "int" ? "s" : "u"}`, offset);
  }

  storeRaw(f: FunctionBuilder, dtype: DType, offset = 0): void {
    const bytes = bytesOf(dtype);
    if (bytes === 8) f.store("f64.store", offset);
    else f.store(bytes === 4 ? "i32.store" : bytes === 2 ? "i32.store16" : "i32.store8", offset);
  }

  /** Neighbours as `loadRaw` gives them, each in a lane. */
  loadVector(f: FunctionBuilder, dtype: DType, lanes: 2 | 4, offset = 0): void {
    const bytes = bytesOf(dtype);
    const sign = dtypeInfo(dtype).kind === "int" ? "s" : "u";
    if (bytes * lanes === 16) f.load("v128.load", offset, bytes);
    else if (bytes === 4) f.load("v128.load64_zero", offset, 4);
    else if (bytes === 2 && lanes === 4) f.load(`v128.load16x4_${sign}`, offset, 2);
    else if (bytes === 2) f.load("v128.load32_zero", offset, 2).op(`i32x4.extend_low_i16x8_${sign}`);
    else {
      if (lanes === 4) f.load("v128.load32_zero", offset, 1);
      else f.load("i32.load16_u", offset, 1).op("i32x4.splat");
      f.op(`i16x8.extend_low_i8x16_${sign}`).op(`i32x4.extend_low_i16x8_${sign}`);
    }
  }

  /** Stores lanes next to each other. They must be what `loadVector` gives; address and vector are on the stack. */
  storeVector(f: FunctionBuilder, dtype: DType, lanes: 2 | 4, offset = 0): void {
    const bytes = bytesOf(dtype);
    if (bytes * lanes === 16) {
      f.store("v128.store", offset, bytes);
      return;
    }
    f.scope(() => {
      const raw = f.local("v128");
      const twice = () => f.set(raw).get(raw).get(raw);
      const signed = dtypeInfo(dtype).kind === "int";
      if (bytes === 2) twice().op(signed ? "i16x8.narrow_i32x4_s" : "i16x8.narrow_i32x4_u");
      else if (bytes === 1) {
        twice().op("i16x8.narrow_i32x4_s");
        twice().op(signed ? "i8x16.narrow_i16x8_s" : "i8x16.narrow_i16x8_u");
      }
    });
    const bits = (8 * bytes * lanes) as 16 | 32 | 64;
    f.memoryLane(`v128.store${bits}_lane`, 0, offset, bytes);
  }

  /** From lanes as loaded to what is computed with. */
  decode4(f: FunctionBuilder, dtype: DType): void {
    if (dtype === "bool") f.constant(Int32Array.of(0)).op("i32x4.ne");
    else if (dtype === "bfloat16") f.i32(16).op("i32x4.shl");
    else if (dtype === "float16") decodeFloat16(f);
  }

  /** From what is computed with to lanes to be stored. */
  encode4(f: FunctionBuilder, dtype: DType): void {
    if (dtype === "bool") f.constant(Int32Array.of(1)).op("v128.and");
    else if (dtype === "bfloat16") encodeBfloat16(f, this.math.select);
    else if (dtype === "float16") encodeFloat16(f, this.math.select);
  }

  /** The float32 that the bits of a half stand for. */
  private halfValue(f: FunctionBuilder, dtype: DType): void {
    f.op("i32x4.splat");
    this.decode4(f, dtype);
    f.lane("f32x4.extract_lane", 0);
  }

  /** The bits of a half, from a float32 rounded to nearest even. */
  private halfBits(f: FunctionBuilder, dtype: DType): void {
    f.op("f32x4.splat");
    this.encode4(f, dtype);
    f.lane("i32x4.extract_lane", 0);
  }

  /** An elementwise operation on several sets of arguments side by side: sets `results[k]` to that of `args[k]`. */
  applyBeside(
    f: FunctionBuilder,
    value: Value,
    args: readonly (readonly Local[])[],
    types: readonly DType[],
    lanes: Width,
    results: readonly Local[],
  ): void {
    if (lanes > 1 && (value.op in unaryMath || value.op in binaryMath)) this.math.beside(value.op as MathName, f, args, results);
    else
      results.forEach((result, k) => {
        this.apply(f, value, args[k]!, types, lanes);
        f.set(result);
      });
  }

  /** An elementwise operation on arguments held in locals. */
  apply(f: FunctionBuilder, value: Value, args: readonly Local[], types: readonly DType[], lanes: Width): void {
    const op = value.op as string;
    if (op === "where") {
      f.get(args[1]!).get(args[2]!).get(args[0]!);
      if (lanes > 1 && value.dtype === "float64") f.get(args[0]!).shuffle32(0, 0, 1, 1);
      if (lanes > 1) f.op(this.math.select);
      else f.select();
      return;
    }
    if (op === "cast") return this.cast(f, args[0]!, types[0]!, value.dtype, lanes);
    if (op === "bitcast") return this.bitcast(f, args[0]!, types[0]!, value.dtype, lanes);
    if (op === "threefry") return lanes > 1 ? threefry4(f, args) : threefry1(f, args);
    const type = types[0]!;
    if (op === "eq" || op === "ne" || op === "lt" || op === "le") return this.compare(f, op, args, type, lanes);
    const register = registerOf(type);
    if (op in unaryMath || op === "atan2" || (op === "pow" && register !== "i32")) {
      for (const a of args) f.get(a);
      this.math.emit(op as MathName, f, lanes > 1 ? "f32x4" : (register as "f32" | "f64"));
      return;
    }
    if (register === "i32") {
      if (lanes > 1) this.integers4(f, op, args, type);
      else this.integers1(f, op, args, type);
    } else this.floats(f, op, args, lanes === 1 ? register : register === "f64" ? "f64x2" : "f32x4", type);
  }

  /** Whether `limit` spells max or min with this constant. */
  hasLimit(op: "max" | "min", bound: number): boolean {
    return !Number.isNaN(bound) && !(op === "min" && Object.is(bound, -0));
  }

  /** Lanes of max(x, bound) or min(x, bound) with a constant, in one or two instructions instead of eight. */
  limit(f: FunctionBuilder, t: "f32x4" | "f64x2", op: "max" | "min", x: Local, limit: Local, bound: number): void {
    // pmax(x, bound) = x < bound ? bound : x keeps NaN, and -0 beside a bound of 0, which adding 0 makes +0.
    f.get(x)
      .get(limit)
      .op(op === "max" ? `${t}.pmax` : `${t}.pmin`);
    if (op === "max" && Object.is(bound, 0)) f.constant(Float32Array.of(0)).op(`${t}.add`);
  }

  private compare(f: FunctionBuilder, op: "eq" | "ne" | "lt" | "le", args: readonly Local[], type: DType, lanes: Width): void {
    f.get(args[0]!).get(args[1]!);
    const register = registerOf(type);
    const unsigned = dtypeInfo(type).kind !== "int";
    if (register === "f64" && lanes > 1) {
      f.op(`f64x2.${op}`);
      narrowMask(f);
    } else if (register !== "i32") f.op(`${lanes > 1 ? "f32x4" : register}.${op}` as PlainOp);
    else if (type === "bool" && lanes > 1) {
      // Masks are 0 and -1, so false < true is their order reversed.
      f.op(op === "eq" || op === "ne" ? `i32x4.${op}` : op === "lt" ? "i32x4.gt_s" : "i32x4.ge_s");
    } else {
      const sign = op === "eq" || op === "ne" ? "" : unsigned ? "_u" : "_s";
      f.op(`${lanes > 1 ? "i32x4" : "i32"}.${op}${sign}` as PlainOp);
    }
  }

  private floats(f: FunctionBuilder, op: string, args: readonly Local[], t: "f32" | "f64" | "f32x4" | "f64x2", type: DType): void {
    const [a, b] = args as [Local, Local];
    const simple: Record<string, string> = {
      neg: "neg",
      abs: "abs",
      floor: "floor",
      ceil: "ceil",
      trunc: "trunc",
      rint: "nearest",
      sqrt: "sqrt",
      add: "add",
      sub: "sub",
      mul: "mul",
      div: "div",
      max: "max",
      min: "min",
    };
    if (op in simple) {
      for (const x of args) f.get(x);
      f.op(`${t}.${simple[op]}` as PlainOp);
      return;
    }
    if (op === "sign") {
      // copysign(1, x) where x compares unequal to zero; zero and NaN stay themselves.
      if (t === "f32x4" || t === "f64x2") {
        const splat = (x: number) => f.constant(t === "f32x4" ? Float32Array.of(x) : Float64Array.of(x));
        splat(1).get(a);
        splat(-0).op("v128.and").op("v128.or").get(a).get(a);
        splat(0).op(`${t}.lt`).get(a);
        splat(0).op(`${t}.gt`).op("v128.or").op("v128.bitselect");
      } else {
        const zero = () => (t === "f32" ? f.f32(0) : f.f64(0));
        if (t === "f32") f.f32(1);
        else f.f64(1);
        f.get(a)
          .op(`${t}.copysign` as PlainOp)
          .get(a);
        f.get(a);
        zero();
        f.op(`${t}.lt` as PlainOp).get(a);
        zero();
        f.op(`${t}.gt` as PlainOp)
          .op("i32.or")
          .select();
      }
      return;
    }
    const host = (
      { mod: "mod", floorDiv: "floorDiv", nextafter: type === "float64" ? "nextafter64" : "nextafter32" } as Record<string, HostFunction>
    )[op];
    if (!host) throw new Error(`no spelling for ${op} on ${type}`);
    f.get(a);
    if (t === "f32") f.op("f64.promote_f32");
    f.get(b);
    if (t === "f32") f.op("f64.promote_f32");
    this.host(f, host);
    if (t === "f32") f.op("f32.demote_f64");
  }

  private integers1(f: FunctionBuilder, op: string, args: readonly Local[], type: DType): void {
    const [a, b] = args as [Local, Local];
    const unsigned = dtypeInfo(type).kind !== "int";
    const wraps = () => wrap(f, type);
    const bits = bytesOf(type) * 8;
    const plain: Record<string, PlainOp> = { add: "i32.add", sub: "i32.sub", mul: "i32.mul", and: "i32.and", or: "i32.or", xor: "i32.xor" };
    if (plain[op]) {
      f.get(a).get(b).op(plain[op]!);
      wraps();
      return;
    }
    switch (op) {
      case "neg":
        f.i32(0).get(a).op("i32.sub");
        wraps();
        return;
      case "not":
        if (type === "bool") f.get(a).op("i32.eqz");
        else {
          f.get(a).i32(-1).op("i32.xor");
          wraps();
        }
        return;
      case "abs":
        if (unsigned) f.get(a);
        else {
          f.i32(0).get(a).op("i32.sub").get(a).get(a).i32(0).op("i32.lt_s").select();
          wraps();
        }
        return;
      case "sign":
        f.get(a).i32(0).op("i32.ne");
        if (!unsigned) f.i32(1).get(a).i32(31).op("i32.shr_s").i32(1).op("i32.or").op("i32.mul").op("i32.mul");
        return;
      case "floor":
      case "ceil":
      case "trunc":
      case "rint":
        f.get(a);
        return;
      case "max":
      case "min": {
        f.get(a)
          .get(b)
          .get(a)
          .get(b)
          .op(`i32.${op === "max" ? "gt" : "lt"}_${unsigned ? "u" : "s"}`)
          .select();
        return;
      }
      case "shl":
        f.get(a).get(b).op("i32.shl").i32(0).get(b).i32(bits).op("i32.lt_u").select();
        wraps();
        return;
      case "shr":
        if (unsigned) f.get(a).get(b).op("i32.shr_u").i32(0).get(b).i32(bits).op("i32.lt_u").select();
        else f.get(a).get(b).i32(31).get(b).i32(31).op("i32.lt_u").select().op("i32.shr_s");
        return;
      case "mod":
      case "floorDiv":
      case "pow": {
        for (const x of [a, b]) f.get(x).op(unsigned ? "f64.convert_i32_u" : "f64.convert_i32_s");
        this.host(f, op === "mod" ? "intMod" : op === "floorDiv" ? "intFloorDiv" : "intPow");
        f.op("i64.trunc_sat_f64_s").op("i32.wrap_i64");
        wraps();
        return;
      }
    }
    throw new Error(`no spelling for ${op} on ${type}`);
  }

  private integers4(f: FunctionBuilder, op: string, args: readonly Local[], type: DType): void {
    const [a, b] = args as [Local, Local];
    const unsigned = dtypeInfo(type).kind !== "int";
    const plain: Record<string, PlainOp> = {
      add: "i32x4.add",
      sub: "i32x4.sub",
      mul: "i32x4.mul",
      and: "v128.and",
      or: "v128.or",
      xor: "v128.xor",
      max: type === "bool" ? "v128.or" : unsigned ? "i32x4.max_u" : "i32x4.max_s",
      min: type === "bool" ? "v128.and" : unsigned ? "i32x4.min_u" : "i32x4.min_s",
    };
    if (plain[op]) {
      f.get(a).get(b).op(plain[op]!);
      if (op === "add" || op === "sub" || op === "mul") wrap4(f, type);
      return;
    }
    switch (op) {
      case "neg":
        f.get(a).op("i32x4.neg");
        wrap4(f, type);
        return;
      case "not":
        f.get(a).op("v128.not");
        if (type !== "bool") wrap4(f, type);
        return;
      case "abs":
        f.get(a);
        if (!unsigned) {
          f.op("i32x4.abs");
          wrap4(f, type);
        }
        return;
      case "sign":
        if (unsigned) f.get(a).constant(Int32Array.of(0)).op("i32x4.ne").constant(Int32Array.of(1)).op("v128.and");
        else f.get(a).constant(Int32Array.of(-1)).op("i32x4.max_s").constant(Int32Array.of(1)).op("i32x4.min_s");
        return;
      case "floor":
      case "ceil":
      case "trunc":
      case "rint":
        f.get(a);
        return;
      case "shl":
      case "shr":
        // Vector shifts take one count for all lanes.
        f.scope(() => {
          const result = f.local("v128");
          const [x, n] = [f.local("i32"), f.local("i32")];
          f.get(a).set(result);
          for (let lane = 0; lane < 4; lane++) {
            f.get(a).lane("i32x4.extract_lane", lane).set(x).get(b).lane("i32x4.extract_lane", lane).set(n);
            f.get(result);
            this.integers1(f, op, [x, n], type);
            f.lane("i32x4.replace_lane", lane).set(result);
          }
          f.get(result);
        });
        return;
    }
    throw new Error(`no vector spelling for ${op} on ${type}`);
  }

  private cast(f: FunctionBuilder, x: Local, from: DType, to: DType, lanes: Width): void {
    const [source, target] = [registerOf(from), registerOf(to)];
    f.get(x);
    if (lanes > 1) {
      this.castVector(f, from, to);
      return;
    }
    if (to === "bool") {
      if (source === "f32") f.f32(0).op("f32.ne");
      else if (source === "f64") f.f64(0).op("f64.ne");
      else f.i32(0).op("i32.ne");
      return;
    }
    const unsigned = (t: DType) => dtypeInfo(t).kind !== "int";
    if (target === "i32") {
      if (source === "i32") {
        wrap(f, to);
        return;
      }
      f.op(`i32.trunc_sat_${source}_${unsigned(to) ? "u" : "s"}`);
      if (bytesOf(to) < 4) {
        // Saturates at the narrow type's own limits.
        f.scope(() => {
          const v = f.local("i32");
          const { min, max } = dtypeInfo(to);
          const sign = unsigned(to) ? "u" : "s";
          f.set(v).get(v).i32(max).get(v).i32(max).op(`i32.lt_${sign}`).select().set(v);
          f.get(v).i32(min).get(v).i32(min).op(`i32.gt_${sign}`).select();
        });
      }
      return;
    }
    if (source === "i32") f.op(`${target}.convert_i32_${unsigned(from) ? "u" : "s"}`);
    else if (source === "f32" && target === "f64") f.op("f64.promote_f32");
    else if (source === "f64" && target === "f32") f.op("f32.demote_f64");
    // Computed in float32, but a cast to a half type rounds.
    if (target === "f32" && to !== "float32" && to !== from) {
      this.halfBits(f, to);
      this.halfValue(f, to);
    }
  }

  private castVector(f: FunctionBuilder, from: DType, to: DType): void {
    const [source, target] = [registerOf(from), registerOf(to)];
    const sign = (t: DType) => (dtypeInfo(t).kind === "int" ? "s" : "u");
    if (to === "bool") {
      if (from === "bool") return;
      if (source === "f64") {
        f.constant(Float64Array.of(0)).op("f64x2.ne");
        narrowMask(f);
      } else f.constant(Int32Array.of(0)).op(source === "f32" ? "f32x4.ne" : "i32x4.ne");
      return;
    }
    if (from === "bool") f.constant(Int32Array.of(1)).op("v128.and");
    if (target === "i32") {
      if (source === "i32") {
        wrap4(f, to);
        return;
      }
      f.op(source === "f32" ? `i32x4.trunc_sat_f32x4_${sign(to)}` : `i32x4.trunc_sat_f64x2_${sign(to)}_zero`);
      if (bytesOf(to) < 4) {
        // Saturates at the narrow type's own limits.
        const { min, max } = dtypeInfo(to);
        f.constant(Int32Array.of(max)).op(`i32x4.min_${sign(to)}`);
        f.constant(Int32Array.of(min)).op(`i32x4.max_${sign(to)}`);
      }
      return;
    }
    if (source === "i32") f.op(target === "f32" ? `f32x4.convert_i32x4_${sign(from)}` : `f64x2.convert_low_i32x4_${sign(from)}`);
    else if (source === "f32" && target === "f64") f.op("f64x2.promote_low_f32x4");
    else if (source === "f64" && target === "f32") f.op("f32x4.demote_f64x2_zero");
    if (target === "f32" && to !== "float32" && to !== from) {
      this.encode4(f, to);
      this.decode4(f, to);
    }
  }

  private bitcast(f: FunctionBuilder, x: Local, from: DType, to: DType, lanes: Width): void {
    f.get(x);
    const [source, target] = [registerOf(from), registerOf(to)];
    if (lanes > 1) {
      // Halves lie in a register as float32.
      if (bytesOf(to) >= 4 || to === from) return;
      if (source === "f32") this.encode4(f, from);
      if (target === "f32") this.decode4(f, to);
      else wrap4(f, to);
      return;
    }
    if (bytesOf(to) === 2 && (source === "f32" || target === "f32")) {
      if (source === "f32") this.halfBits(f, from);
      if (target === "f32") this.halfValue(f, to);
      else wrap(f, to);
    } else if (source === target && bytesOf(to) < 4) wrap(f, to);
    else if (source === "f32" && target === "i32" && bytesOf(to) === 4) f.op("i32.reinterpret_f32");
    else if (source === "i32" && target === "f32" && bytesOf(to) === 4) f.op("f32.reinterpret_i32");
  }

  /** Folds `x` into an accumulator: both are pushed, the result is left. */
  combine(f: FunctionBuilder, kind: "sum" | "prod" | "max" | "min", acc: Local, x: Local, type: DType, lanes: Width): void {
    const op = { sum: "add", prod: "mul", max: "max", min: "min" }[kind];
    const value = { op, dtype: type, args: [0, 1] } as unknown as Value;
    this.apply(f, value, [acc, x], [type, type], lanes);
  }
}

/** The upper halves of four float32, rounded to nearest even; NaN stays NaN. */
function encodeBfloat16(f: FunctionBuilder, select: PlainOp): void {
  f.scope(() => {
    const x = f.local("v128");
    f.set(x).get(x);
    // Half of the last place kept, less one where that place is even.
    f.constant(Int32Array.of(0x7fff)).op("i32x4.add");
    f.get(x).i32(16).op("i32x4.shr_u").constant(Int32Array.of(1)).op("v128.and").op("i32x4.add");
    f.i32(16).op("i32x4.shr_u").constant(Int32Array.of(0x7fc0)).get(x).get(x).op("f32x4.eq").op(select);
  });
}

/** Four float16 as float32, exactly. (Bit tricks after F. Giesen, "Half to float done quick", 2012.) */
function decodeFloat16(f: FunctionBuilder): void {
  f.scope(() => {
    const [bits, shifted] = [f.local("v128"), f.local("v128")];
    f.set(bits).get(bits).constant(Int32Array.of(0x7fff)).op("v128.and").i32(13).op("i32x4.shl").set(shifted);
    // Read as a float32 it is too small by the difference of the exponents' biases; infinity and NaN get the last exponent.
    f.get(shifted)
      .constant(Float32Array.of(2 ** 112))
      .op("f32x4.mul");
    f.get(shifted)
      .constant(Int32Array.of((0x7c00 << 13) - 1))
      .op("i32x4.gt_s")
      .constant(Float32Array.of(Number.POSITIVE_INFINITY));
    f.op("v128.and").op("v128.or");
    f.get(bits).constant(Int32Array.of(0x8000)).op("v128.and").i32(16).op("i32x4.shl").op("v128.or");
  });
}

/** The bits of four float32 as float16, rounded to nearest even. (After F. Giesen's `float_to_half_fast3_rtne`, 2016.) */
function encodeFloat16(f: FunctionBuilder, select: PlainOp): void {
  f.scope(() => {
    const [x, abs] = [f.local("v128"), f.local("v128")];
    f.set(x).get(x).op("f32x4.abs").set(abs);
    // Infinity for what rounds to 2^16 or more, NaN.
    f.constant(Int32Array.of(0x7e00)).constant(Int32Array.of(0x7c00)).get(abs).get(abs).op("f32x4.ne").op(select);
    // Subnormal: adding 0.5 makes the addition round at the last place of float16, and puts it at the end.
    f.get(abs).constant(Float32Array.of(0.5)).op("f32x4.add").constant(Float32Array.of(0.5)).op("i32x4.sub");
    // Normal: the exponent's bias changed, and half of the last place added, less one where that place is even.
    f.get(abs)
      .constant(Int32Array.of(((15 - 127) << 23) + 0xfff))
      .op("i32x4.add");
    f.get(abs).i32(13).op("i32x4.shr_u").constant(Int32Array.of(1)).op("v128.and").op("i32x4.add").i32(13).op("i32x4.shr_u");
    f.get(abs)
      .constant(Float32Array.of(2 ** -14))
      .op("f32x4.lt")
      .op(select);
    f.get(abs)
      .constant(Float32Array.of(2 ** 16))
      .op("f32x4.lt")
      .op("v128.not")
      .op(select);
    f.get(x).i32(16).op("i32x4.shr_u").constant(Int32Array.of(0x8000)).op("v128.and").op("v128.or");
  });
}

/** Brings the mask of a float64 comparison to the first two 32-bit lanes. */
function narrowMask(f: FunctionBuilder): void {
  f.scope(() => {
    const mask = f.local("v128");
    f.set(mask).get(mask).get(mask).shuffle32(0, 2, 0, 2);
  });
}

/** Brings i32 lanes back into the range of a narrow integer type. */
function wrap4(f: FunctionBuilder, type: DType): void {
  if (type === "uint8") f.constant(Int32Array.of(0xff)).op("v128.and");
  else if (type === "uint16") f.constant(Int32Array.of(0xffff)).op("v128.and");
  else if (bytesOf(type) < 4) {
    const bits = 32 - 8 * bytesOf(type);
    f.i32(bits).op("i32x4.shl").i32(bits).op("i32x4.shr_s");
  }
}

/** Brings an i32 back into the range of a narrow integer type. */
function wrap(f: FunctionBuilder, type: DType): void {
  if (type === "int8") f.op("i32.extend8_s");
  else if (type === "int16") f.op("i32.extend16_s");
  else if (type === "uint8") f.i32(0xff).op("i32.and");
  else if (type === "uint16") f.i32(0xffff).op("i32.and");
}

/** What a reduction starts from. */
export function neutral(kind: "sum" | "prod" | "max" | "min", dtype: DType): number {
  if (kind === "sum") return 0;
  if (kind === "prod") return 1;
  const { min, max } = dtypeInfo(dtype);
  return kind === "max" ? min : max;
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

/** Threefry-2x32-20 (Salmon et al. 2011) of key (args 0, 1) and counter (args 2, 0); the first word. */
function threefry1(f: FunctionBuilder, [k0, k1, counter]: readonly Local[]): void {
  f.scope(() => {
    const [x0, x1] = [f.local("i32"), f.local("i32")];
    const k2 = f.local("i32");
    f.get(k0!).get(k1!).op("i32.xor").i32(0x1bd11bda).op("i32.xor").set(k2);
    const keys = [k0!, k1!, k2];
    f.get(counter!).get(k0!).op("i32.add").set(x0).get(k1!).set(x1);
    for (let round = 0; round < 20; round++) {
      f.get(x0).get(x1).op("i32.add").set(x0);
      f.get(x1)
        .i32(rotations[round % 8]!)
        .op("i32.rotl")
        .get(x0)
        .op("i32.xor")
        .set(x1);
      if (round % 4 === 3) {
        const s = (round + 1) / 4;
        f.get(x0)
          .get(keys[s % 3]!)
          .op("i32.add")
          .set(x0);
        f.get(x1)
          .get(keys[(s + 1) % 3]!)
          .op("i32.add")
          .i32(s)
          .op("i32.add")
          .set(x1);
      }
    }
    f.get(x0);
  });
}

function threefry4(f: FunctionBuilder, [k0, k1, counter]: readonly Local[]): void {
  f.scope(() => {
    const [x0, x1] = [f.local("v128"), f.local("v128")];
    const k2 = f.local("v128");
    f.get(k0!).get(k1!).op("v128.xor").constant(Int32Array.of(0x1bd11bda)).op("v128.xor").set(k2);
    const keys = [k0!, k1!, k2];
    f.get(counter!).get(k0!).op("i32x4.add").set(x0).get(k1!).set(x1);
    for (let round = 0; round < 20; round++) {
      const r = rotations[round % 8]!;
      f.get(x0).get(x1).op("i32x4.add").set(x0);
      f.get(x1)
        .i32(r)
        .op("i32x4.shl")
        .get(x1)
        .i32(32 - r)
        .op("i32x4.shr_u")
        .op("v128.or")
        .get(x0)
        .op("v128.xor")
        .set(x1);
      if (round % 4 === 3) {
        const s = (round + 1) / 4;
        f.get(x0)
          .get(keys[s % 3]!)
          .op("i32x4.add")
          .set(x0);
        f.get(x1)
          .get(keys[(s + 1) % 3]!)
          .op("i32x4.add")
          .constant(Int32Array.of(s))
          .op("i32x4.add")
          .set(x1);
      }
    }
    f.get(x0);
  });
}
