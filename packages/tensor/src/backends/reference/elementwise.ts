import { type DType, decode, dtypeInfo, encode, type TypedArray } from "../../dtype.ts";
import type { Node } from "../../graph/node.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../graph/primitives.ts";
import { hostFunctions } from "../wasm/host-functions.ts";
import { erf64, pow64 } from "../wasm/math.ts";

/** Elementwise primitives on plain numbers; what a type cannot hold is brought back by `store`. */

const rint = (x: number): number => {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : Object.is(x, -0) || (x < 0 && r === 0) ? -0 : r;
};

type Unary = (x: number, dtype: DType) => number;
const unary: Record<UnaryOp, Unary> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  rint,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf: erf64,
  not: (x, dtype) => (dtype === "bool" ? (x ? 0 : 1) : ~x),
};

const isInt = (dtype: DType): boolean => dtypeInfo(dtype).kind !== "float";
const width = (dtype: DType): number => dtypeInfo(dtype).bytes * 8;

type Binary = (a: number, b: number, dtype: DType) => number;
const binary: Record<BinaryOp, Binary> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b, t) => (isInt(t) ? Math.imul(a, b) : a * b),
  div: (a, b) => a / b,
  floorDiv: (a, b, t) => (isInt(t) ? hostFunctions.intFloorDiv(a, b) : hostFunctions.floorDiv(a, b)),
  mod: (a, b, t) => (isInt(t) ? hostFunctions.intMod(a, b) : hostFunctions.mod(a, b)),
  pow: (a, b, t) => (isInt(t) ? hostFunctions.intPow(a, b) : pow64(a, b)),
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  atan2: (a, b) => Math.atan2(a, b),
  nextafter: (a, b, t) => (t === "float64" ? hostFunctions.nextafter64(a, b) : hostFunctions.nextafter32(a, b)),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, t) => (b < 0 || b >= width(t) ? 0 : a << b),
  shr: (a, b, t) => {
    const all = b < 0 || b >= width(t);
    if (dtypeInfo(t).kind === "uint") return all ? 0 : a >>> b;
    return a >> (all ? 31 : b);
  },
};

const compare: Record<CompareOp, (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
};

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011): the first word for the counter (c, 0). */
export function threefry(k0: number, k1: number, c: number): number {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  let x0 = (c + k0) | 0;
  let x1 = k1 | 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const s = (round + 1) / 4;
      x0 = (x0 + keys[s % 3]!) | 0;
      x1 = (x1 + keys[(s + 1) % 3]! + s) | 0;
    }
  }
  return x0 >>> 0;
}

/** Numbers as stored: integers wrap at their width, halves and float32 round. */
export function store(dtype: DType, values: ArrayLike<number>): TypedArray {
  return encode(dtype, values);
}

/** The numbers of an array, each after a function. */
const mapped = (dtype: DType, x: TypedArray, f: (v: number, i: number) => number): Float64Array =>
  new Float64Array(decode(dtype, x)).map(f);

export function evaluateUnary(op: UnaryOp, node: Node, [x]: readonly TypedArray[]): TypedArray {
  const f = unary[op];
  return store(
    node.dtype,
    mapped(node.dtype, x!, (v) => f(v, node.dtype)),
  );
}

export function evaluateBinary(op: BinaryOp, node: Node, [a, b]: readonly TypedArray[]): TypedArray {
  const f = binary[op];
  const y = decode(node.dtype, b!);
  return store(
    node.dtype,
    mapped(node.dtype, a!, (v, i) => f(v, y[i]!, node.dtype)),
  );
}

export function evaluateCompare(op: CompareOp, node: Node, [a, b]: readonly TypedArray[]): TypedArray {
  const f = compare[op];
  const { dtype } = node.inputs[0]!;
  const y = decode(dtype, b!);
  return store(
    "bool",
    mapped(dtype, a!, (v, i) => (f(v, y[i]!) ? 1 : 0)),
  );
}

export function evaluateCast(node: Node, [x]: readonly TypedArray[]): TypedArray {
  const from = node.inputs[0]!.dtype;
  const { kind, min, max } = dtypeInfo(node.dtype);
  if (isInt(from) || kind === "float" || kind === "bool") return store(node.dtype, decode(from, x!));
  return store(
    node.dtype,
    mapped(from, x!, (v) => (Number.isNaN(v) ? 0 : Math.trunc(Math.min(max, Math.max(min, v))))),
  );
}

export function evaluateBitcast(node: Node, [x]: readonly TypedArray[]): TypedArray {
  const copy = x!.slice();
  return new (dtypeInfo(node.dtype).array)(copy.buffer, 0, node.size);
}

export function evaluateWhere(_: Node, [condition, x, y]: readonly TypedArray[]): TypedArray {
  const out = x!.slice();
  for (let i = 0; i < out.length; i++) if (!condition![i]) out[i] = y![i]!;
  return out;
}

export function evaluateThreefry(_: Node, [key, counter]: readonly TypedArray[]): TypedArray {
  return counter!.map((c) => threefry(key![0]!, key![1]!, c));
}
