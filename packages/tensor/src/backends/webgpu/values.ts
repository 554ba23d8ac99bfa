import type { Value } from "../../compile/kernel.ts";
import { bytesOf, type DType, dtypeInfo } from "../../dtype.ts";

/**
 * What a type is computed with. Small integers are 32-bit numbers brought back into range after each operation, halves
 * are float32 rounded where they are cast or stored.
 */
export type Register = "f32" | "i32" | "u32" | "bool";

export function registerOf(dtype: DType): Register {
  const { kind } = dtypeInfo(dtype);
  if (kind === "bool") return "bool";
  return kind === "float" ? "f32" : kind === "int" ? "i32" : "u32";
}

/** What an element of a type is in a buffer: four bytes each, but for float16 where the device has it. */
export function storedType(dtype: DType, hasFloat16: boolean): "f32" | "i32" | "u32" | "f16" {
  if (dtype === "float16" && hasFloat16) return "f16";
  const register = registerOf(dtype);
  return register === "bool" ? "u32" : register;
}

/** From a stored element to what is computed with, and back. */
export function decoded(stored: string, dtype: DType, hasFloat16: boolean): string {
  if (dtype === "bool") return `(${stored} != 0u)`;
  return dtype === "float16" && hasFloat16 ? `f32(${stored})` : stored;
}

export function encoded(value: string, dtype: DType, hasFloat16: boolean): string {
  if (dtype === "bool") return `select(0u, 1u, ${value})`;
  if (dtype === "bfloat16") return `round_brain(${value})`;
  if (dtype === "float16") return hasFloat16 ? `f16(round_half(${value}))` : `round_half(${value})`;
  return value;
}

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** A number of a type. WGSL has no literals for infinity, NaN and -0. */
export function literal(value: number, dtype: DType): string {
  const register = registerOf(dtype);
  if (register === "bool") return value ? "true" : "false";
  if (register === "i32") return `i32(${value | 0})`;
  if (register === "u32") return `${value >>> 0}u`;
  f32[0] = value;
  const x = f32[0];
  if (!Number.isFinite(x) || Object.is(x, -0) || (x !== 0 && Math.abs(x) < 2 ** -126)) return `as_float(${u32[0]}u)`;
  const digits = String(x);
  return /[.e]/.test(digits) ? `${digits}f` : `${digits}.0f`;
}

/** Brings an integer back into its type's range. */
function wrapped(value: string, dtype: DType): string {
  const bits = 8 * bytesOf(dtype);
  if (bits === 32 || dtypeInfo(dtype).kind === "float" || dtype === "bool") return value;
  return `extractBits(${value}, 0u, ${bits}u)`;
}

const floatFunctions: Record<string, string> = {
  abs: "abs",
  sign: "sign_",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  rint: "round",
  sqrt: "sqrt",
  floorDiv: "floor_div",
  mod: "mod_",
  nextafter: "next_after",
  max: "max_",
  min: "min_",
};
const operators: Record<string, string> = { add: "+", sub: "-", mul: "*", div: "/" };
const comparisons: Record<string, string> = { eq: "==", ne: "!=", lt: "<", le: "<=" };

/** An elementwise operation as a WGSL expression of its arguments, each a name or a literal. */
export function spell(value: Value, args: readonly string[], types: readonly DType[]): string {
  const op = value.op as string;
  const [a, b, c] = args as [string, string, string];
  const type = types[0]!;
  const register = registerOf(type);
  if (op === "where") return `select(${c}, ${b}, ${a})`;
  if (op === "threefry") return `threefry(${a}, ${b}, ${c})`;
  if (op === "cast") return cast(a, type, value.dtype);
  if (op === "bitcast") return bitcast(a, type, value.dtype);
  if (op in comparisons) {
    // WGSL's != is false of NaN.
    if (op === "ne" && register === "f32") return `!(${a} == ${b})`;
    if (register !== "bool" || op === "eq" || op === "ne") return `(${a} ${comparisons[op]} ${b})`;
    return op === "lt" ? `(!${a} && ${b})` : `(!${a} || ${b})`;
  }
  if (register === "bool") {
    const spelled = {
      not: `(!${a})`,
      and: `(${a} && ${b})`,
      or: `(${a} || ${b})`,
      xor: `(${a} != ${b})`,
      max: `(${a} || ${b})`,
      min: `(${a} && ${b})`,
    };
    return spelled[op as "not"] ?? identity(op, a);
  }
  if (register === "f32") {
    if (op in operators) return `(${a} ${operators[op]} ${b})`;
    if (op === "neg") return `(-${a})`;
    return `${floatFunctions[op] ?? `${op}_`}(${args.join(", ")})`;
  }
  return wrapped(integer(op, a, b, type, register), type);
}

/** Rounding leaves whole numbers alone. */
function identity(op: string, a: string): string {
  if (["floor", "ceil", "trunc", "rint", "abs", "sign"].includes(op)) return a;
  throw new Error(`no spelling for ${op}`);
}

function integer(op: string, a: string, b: string, type: DType, register: "i32" | "u32"): string {
  const bits = 8 * bytesOf(type);
  const signed = register === "i32";
  if (op in operators) return `(${a} ${operators[op]} ${b})`;
  switch (op) {
    case "neg":
      return `(${register}(0) - ${a})`;
    case "not":
      return `(~${a})`;
    case "and":
      return `(${a} & ${b})`;
    case "or":
      return `(${a} | ${b})`;
    case "xor":
      return `(${a} ^ ${b})`;
    case "sign":
      return signed ? `sign(${a})` : `min(${a}, 1u)`;
    case "abs":
      return signed ? `abs(${a})` : a;
    case "max":
    case "min":
      return `${op}(${a}, ${b})`;
    case "shl":
      return `select(${register}(0), ${a} << (u32(${b}) & 31u), u32(${b}) < ${bits}u)`;
    case "shr":
      return signed ? `(${a} >> min(u32(${b}), 31u))` : `select(0u, ${a} >> (${b} & 31u), ${b} < ${bits}u)`;
    case "mod":
      return `${signed ? "int" : "uint"}_mod(${a}, ${b})`;
    case "floorDiv":
      return `${signed ? "int" : "uint"}_floor_div(${a}, ${b})`;
    case "pow":
      return `${signed ? "int" : "uint"}_pow(${a}, ${b})`;
  }
  return identity(op, a);
}

function cast(a: string, from: DType, to: DType): string {
  const [source, target] = [registerOf(from), registerOf(to)];
  const { min, max } = dtypeInfo(to);
  if (target === "bool") return source === "bool" ? a : `!(${a} == ${source}(0))`;
  if (target === "f32") {
    const wide = source === "f32" ? a : `f32(${a})`;
    return to === "float16" ? `round_half(${wide})` : to === "bfloat16" ? `round_brain(${wide})` : wide;
  }
  if (source === "f32") return target === "i32" ? `to_int(${a}, ${literal(min, "int32")}, ${max})` : `to_uint(${a}, ${max}u)`;
  if (source === target && bytesOf(from) <= bytesOf(to)) return a;
  return wrapped(source === "bool" ? `select(${target}(0), ${target}(1), ${a})` : `${target}(${a})`, to);
}

function bitcast(a: string, from: DType, to: DType): string {
  if (from === to) return a;
  if (bytesOf(from) === 4) return `bitcast<${registerOf(to)}>(${a})`;
  const bits = from === "float16" ? `half_bits(${a})` : from === "bfloat16" ? `brain_bits(${a})` : null;
  const word = bits ?? (from === "bool" ? `select(0u, 1u, ${a})` : `u32(${a})`);
  if (to === "float16") return `half_value(${word} & 0xffffu)`;
  if (to === "bfloat16") return `as_float(${word} << 16u)`;
  if (to === "bool") return `((${word} & 0xffu) != 0u)`;
  return wrapped(registerOf(to) === "i32" ? `i32(${word})` : word, to);
}

/** What a fold of no elements is, and one step of it. */
export function foldStart(kind: "sum" | "prod" | "max" | "min", dtype: DType): string {
  const { kind: family, min, max } = dtypeInfo(dtype);
  if (kind === "sum" || kind === "prod") return literal(kind === "sum" ? 0 : 1, dtype);
  if (family === "bool") return kind === "max" ? "false" : "true";
  return literal(kind === "max" ? min : max, dtype);
}

export function foldStep(kind: "sum" | "prod" | "max" | "min", dtype: DType, a: string, b: string): string {
  if (dtype === "bool") return `(${a} ${kind === "sum" || kind === "max" ? "||" : "&&"} ${b})`;
  const op = ({ sum: "add", prod: "mul", max: "max", min: "min" } as const)[kind];
  return spell({ op, dtype, args: [] }, [a, b], [dtype, dtype]);
}
