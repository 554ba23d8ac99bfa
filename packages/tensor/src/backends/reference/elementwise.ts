import { type DType, decode, dtypeInfo, encode, isFloat, isUnsigned, type TypedArray } from "../../dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../graph/primitives.ts";
import { erf64 } from "../host/erf.ts";
import { type Evaluate, type Evaluators, store } from "./evaluator.ts";

/** Functions of plain numbers. What the type cannot hold, such as an integer past its width, is brought back by `store`. */
type Unary = (x: number, dtype: DType) => number;
type Binary = (x: number, y: number, dtype: DType) => number;
type Compare = (x: number, y: number) => boolean;

const unary: Record<UnaryOp, Unary> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  rint: roundHalfEven,
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
  not: (x, dtype) => (dtype === "bool" ? 1 - x : ~x),
};

const binary: Record<BinaryOp, Binary> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y, dtype) => (isFloat(dtype) ? x * y : Math.imul(x, y)),
  div: (x, y) => x / y,
  floorDiv: (x, y, dtype) => (isFloat(dtype) ? floorDivide(x, y) : y === 0 ? 0 : Math.floor(x / y)),
  mod: (x, y, dtype) => (isFloat(dtype) ? modulo(x, y) : y === 0 ? 0 : x - y * Math.floor(x / y)),
  pow: (x, y, dtype) => (isFloat(dtype) ? power(x, y) : integerPower(x, y)),
  max: (x, y) => Math.max(x, y),
  min: (x, y) => Math.min(x, y),
  atan2: Math.atan2,
  nextafter: nextAfter,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, count, dtype) => (inWidth(count, dtype) ? x << count : 0),
  shr: (x, count, dtype) => {
    if (isUnsigned(dtype)) return inWidth(count, dtype) ? x >>> count : 0;
    return x >> (inWidth(count, dtype) ? count : 31);
  },
};

const compare: Record<CompareOp, Compare> = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
};

/** To the nearest integer; halves go to the even one. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : Math.ceil(x);
}

/** Python's float `x % y`: the remainder of least size with the sign of y. */
function modulo(x: number, y: number): number {
  const remainder = x % y;
  if (remainder === 0) return y < 0 ? -0 : 0;
  return remainder < 0 === y < 0 ? remainder : remainder + y;
}

/** Python's float `x // y`. The quotient is taken without the remainder: rounded, x / y could pass an integer. */
function floorDivide(x: number, y: number): number {
  if (y === 0) return x / y;
  const remainder = x % y;
  const whole = roundHalfEven((x - remainder) / y); // an integer but for rounding, and NaN for an infinite x
  if (remainder !== 0 && remainder < 0 !== y < 0) return whole - 1;
  return whole === 0 ? Math.sign(x / y) * 0 : whole;
}

/** As IEEE 754 has it: unlike in JavaScript, 1 to any power is 1, and so is -1 to an infinite one. */
function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

/** By repeated multiplication modulo 2^32. */
function integerPower(x: number, y: number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  // The powers of an integer modulo 2^32 repeat; squaring keeps the count of products small where y is large.
  for (let square = x, rest = y; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

const inWidth = (count: number, dtype: DType): boolean => count >= 0 && count < 8 * dtypeInfo(dtype).bytes;

/** The number of the type next to x on the way to y. */
function nextAfter(x: number, y: number, dtype: DType): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  if (x === y) return y;
  // Without their sign, the bits of floating-point numbers count up with their size.
  const stored = encode(dtype, [x]);
  const bits = new DataView(stored.buffer);
  const grows = x === 0 || x < y === x > 0;
  if (x === 0) stored[0] = y < 0 ? -0 : 0;
  if (x === 0 && dtype !== "float32" && dtype !== "float64") stored[0] = y < 0 ? 0x8000 : 0;
  const step = grows ? 1 : -1;
  if (stored.BYTES_PER_ELEMENT === 2) bits.setUint16(0, bits.getUint16(0, true) + step, true);
  else if (stored.BYTES_PER_ELEMENT === 4) bits.setUint32(0, bits.getUint32(0, true) + step, true);
  else bits.setBigUint64(0, bits.getBigUint64(0, true) + BigInt(step), true);
  return decode(dtype, stored)[0]!;
}
