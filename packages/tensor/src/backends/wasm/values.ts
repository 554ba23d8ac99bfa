import type { Value } from "../../compile/kernel.ts";
import { bytesOf, type DType, dtypeInfo } from "../../dtype.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import type { HostFunction } from "./host-functions.ts";
import { binaryMath, type MathLibrary, type MathName, unaryMath } from "./math.ts";
import type { PlainOp, ValType } from "./opcodes.ts";

/** How a type is computed with: bool is 0 or 1, in vectors a lane of zeros or ones. */
export type Register = "f32" | "f64" | "i32";

export function registerOf(dtype: DType): Register {
  if (dtype === "float64") return "f64";
  return dtypeInfo(dtype).kind === "float" ? "f32" : "i32";
}

const fourLanes = new Set<DType>(["float32", "int32", "uint32", "bool"]);
const scalarOnly = new Set<string>(["floorDiv", "mod", "nextafter"]);

/** Whether a value can be computed on four lanes at once. */
export function vectorises(value: Value, argumentTypes: readonly DType[]): boolean {
  if (!fourLanes.has(value.dtype) || argumentTypes.some((t) => !fourLanes.has(t))) return false;
  if (scalarOnly.has(value.op)) return false;
  const floats = value.dtype === "float32";
  if (value.op === "pow" && !floats) return false;
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
      const params: ValType[] = name.startsWith("float16") ? ["f64"] : ["f64", "f64"];
      ref = this.module.importFunction("math", name, params, ["f64"]);
      this.hosts.set(name, ref);
    }
    f.call(ref);
  }

  constant(f: FunctionBuilder, value: number, dtype: DType, lanes: 1 | 4): void {
    const register = registerOf(dtype);
    if (lanes === 4) {
      if (register === "f32") f.constant(Float32Array.of(value));
      else f.constant(Int32Array.of(dtype === "bool" ? -(value ? 1 : 0) : value | 0));
    } else if (register === "f32") f.f32(value);
    else if (register === "f64") f.f64(value);
    else f.i32(value | 0);
  }

  /** Loads one stored element; the address is on the stack. */
  load(f: FunctionBuilder, dtype: DType, offset = 0): void {
    switch (dtype) {
      case "float32":
        f.load("f32.load", offset);
        break;
      case "float64":
        f.load("f64.load", offset);
        break;
      case "int32":
      case "uint32":
        f.load("i32.load", offset);
        break;
      case "bool":
      case "uint8":
        f.load("i32.load8_u", offset);
        break;
      case "int8":
        f.load("i32.load8_s", offset);
        break;
      case "uint16":
        f.load("i32.load16_u", offset);
        break;
      case "int16":
        f.load("i32.load16_s", offset);
        break;
      case "bfloat16":
        f.load("i32.load16_u", offset).i32(16).op("i32.shl").op("f32.reinterpret_i32");
        break;
      case "float16":
        f.load("i32.load16_u", offset).op("f64.convert_i32_u");
        this.host(f, "float16Value");
        f.op("f32.demote_f64");
        break;
    }
  }

  /** Stores one element; address and value are on the stack. */
  store(f: FunctionBuilder, dtype: DType, offset = 0): void {
    switch (dtype) {
      case "float32":
        f.store("f32.store", offset);
        break;
      case "float64":
        f.store("f64.store", offset);
        break;
      case "int32":
      case "uint32":
        f.store("i32.store", offset);
        break;
      case "bool":
      case "uint8":
      case "int8":
        f.store("i32.store8", offset);
        break;
      case "uint16":
      case "int16":
        f.store("i32.store16", offset);
        break;
      case "bfloat16":
        roundBfloat16(f);
        f.store("i32.store16", offset);
        break;
      case "float16":
        f.op("f64.promote_f32");
        this.host(f, "float16Bits");
        f.op("i32.trunc_sat_f64_s").store("i32.store16", offset);
        break;
    }
  }

  /** An elementwise operation on several sets of arguments side by side: sets `results[k]` to that of `args[k]`. */
  applyBeside(
    f: FunctionBuilder,
    value: Value,
    args: readonly (readonly Local[])[],
    types: readonly DType[],
    lanes: 1 | 4,
    results: readonly Local[],
  ): void {
    if (lanes === 4 && (value.op in unaryMath || value.op in binaryMath)) this.math.beside(value.op as MathName, f, args, results);
    else
      results.forEach((result, k) => {
        this.apply(f, value, args[k]!, types, lanes);
        f.set(result);
      });
  }

  /** An elementwise operation on arguments held in locals. */
  apply(f: FunctionBuilder, value: Value, args: readonly Local[], types: readonly DType[], lanes: 1 | 4): void {
    const op = value.op as string;
    if (op === "where") {
      f.get(args[1]!).get(args[2]!).get(args[0]!);
      if (lanes === 4) f.op("v128.bitselect");
      else f.select();
      return;
    }
    if (op === "cast") return this.cast(f, args[0]!, types[0]!, value.dtype, lanes);
    if (op === "bitcast") return this.bitcast(f, args[0]!, types[0]!, value.dtype, lanes);
    if (op === "threefry") return lanes === 4 ? threefry4(f, args) : threefry1(f, args);
    const type = types[0]!;
    if (op === "eq" || op === "ne" || op === "lt" || op === "le") return this.compare(f, op, args, type, lanes);
    const register = registerOf(type);
    if (op in unaryMath || op === "atan2" || (op === "pow" && register !== "i32")) {
      for (const a of args) f.get(a);
      this.math.emit(op as MathName, f, lanes === 4 ? "f32x4" : (register as "f32" | "f64"));
      return;
    }
    if (register === "i32") {
      if (lanes === 4) this.integers4(f, op, args, type);
      else this.integers1(f, op, args, type);
    } else this.floats(f, op, args, lanes === 4 ? "f32x4" : register, type);
  }

  /** Whether `limit` spells max or min with this constant. */
  hasLimit(op: "max" | "min", bound: number): boolean {
    return !Number.isNaN(bound) && !(op === "min" && Object.is(bound, -0));
  }

  /** Four lanes of max(x, bound) or min(x, bound) with a constant, in one or two instructions instead of eight. */
  limit(f: FunctionBuilder, op: "max" | "min", x: Local, limit: Local, bound: number): void {
    // pmax(x, bound) = x < bound ? bound : x keeps NaN, and -0 beside a bound of 0, which adding 0 makes +0.
    f.get(x)
      .get(limit)
      .op(op === "max" ? "f32x4.pmax" : "f32x4.pmin");
    if (op === "max" && Object.is(bound, 0)) f.constant(Float32Array.of(0)).op("f32x4.add");
  }

  private compare(f: FunctionBuilder, op: "eq" | "ne" | "lt" | "le", args: readonly Local[], type: DType, lanes: 1 | 4): void {
    f.get(args[0]!).get(args[1]!);
    const register = registerOf(type);
    const unsigned = dtypeInfo(type).kind !== "int";
    if (register !== "i32") f.op(`${lanes === 4 ? "f32x4" : register}.${op}` as PlainOp);
    else if (type === "bool" && lanes === 4) {
      // Masks are 0 and -1, so false < true is their order reversed.
      f.op(op === "eq" || op === "ne" ? `i32x4.${op}` : op === "lt" ? "i32x4.gt_s" : "i32x4.ge_s");
    } else {
      const sign = op === "eq" || op === "ne" ? "" : unsigned ? "_u" : "_s";
      f.op(`${lanes === 4 ? "i32x4" : "i32"}.${op}${sign}` as PlainOp);
    }
  }

  private floats(f: FunctionBuilder, op: string, args: readonly Local[], t: "f32" | "f64" | "f32x4", type: DType): void {
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
      if (t === "f32x4") {
        f.constant(Float32Array.of(1)).get(a).constant(Int32Array.of(-2147483648)).op("v128.and").op("v128.or").get(a);
        f.get(a)
          .constant(Float32Array.of(0))
          .op("f32x4.lt")
          .get(a)
          .constant(Float32Array.of(0))
          .op("f32x4.gt")
          .op("v128.or")
          .op("v128.bitselect");
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
      return;
    }
    switch (op) {
      case "neg":
        f.get(a).op("i32x4.neg");
        return;
      case "not":
        f.get(a).op("v128.not");
        return;
      case "abs":
        f.get(a);
        if (!unsigned) f.op("i32x4.abs");
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

  private cast(f: FunctionBuilder, x: Local, from: DType, to: DType, lanes: 1 | 4): void {
    const [source, target] = [registerOf(from), registerOf(to)];
    f.get(x);
    if (lanes === 4) {
      if (to === "bool") {
        if (from === "bool") return;
        f.constant(source === "f32" ? Float32Array.of(0) : Int32Array.of(0)).op(source === "f32" ? "f32x4.ne" : "i32x4.ne");
      } else if (from === "bool") {
        f.constant(target === "f32" ? Float32Array.of(1) : Int32Array.of(1)).op("v128.and");
      } else if (source === "f32" && target === "i32") f.op(to === "uint32" ? "i32x4.trunc_sat_f32x4_u" : "i32x4.trunc_sat_f32x4_s");
      else if (source === "i32" && target === "f32") f.op(from === "uint32" ? "f32x4.convert_i32x4_u" : "f32x4.convert_i32x4_s");
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
    if (to === "float16") {
      f.op("f64.promote_f32");
      this.host(f, "float16Bits");
      this.host(f, "float16Value");
      f.op("f32.demote_f64");
    } else if (to === "bfloat16") {
      roundBfloat16(f);
      f.i32(16).op("i32.shl").op("f32.reinterpret_i32");
    }
  }

  private bitcast(f: FunctionBuilder, x: Local, from: DType, to: DType, lanes: 1 | 4): void {
    f.get(x);
    if (lanes === 4) return;
    const [source, target] = [registerOf(from), registerOf(to)];
    if (source === target && bytesOf(to) < 4) wrap(f, to);
    else if (source === "f32" && target === "i32" && bytesOf(to) === 4) f.op("i32.reinterpret_f32");
    else if (source === "i32" && target === "f32" && bytesOf(to) === 4) f.op("f32.reinterpret_i32");
  }

  /** Folds `x` into an accumulator: both are pushed, the result is left. */
  combine(f: FunctionBuilder, kind: "sum" | "prod" | "max" | "min", acc: Local, x: Local, type: DType, lanes: 1 | 4): void {
    const op = { sum: "add", prod: "mul", max: "max", min: "min" }[kind];
    const value = { op, dtype: type, args: [0, 1] } as unknown as Value;
    this.apply(f, value, [acc, x], [type, type], lanes);
  }
}

/** The upper half of a float32, rounded to nearest even; NaN stays NaN. */
function roundBfloat16(f: FunctionBuilder): void {
  f.scope(() => {
    const x = f.local("f32");
    const bits = f.local("i32");
    f.set(x).get(x).op("i32.reinterpret_f32").set(bits);
    // Half of the last place kept, less one where that place is even.
    f.get(bits).i32(0x7fff).op("i32.add").get(bits).i32(16).op("i32.shr_u").i32(1).op("i32.and").op("i32.add");
    f.i32(16).op("i32.shr_u").i32(0x7fc0).get(x).get(x).op("f32.eq").select();
  });
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
