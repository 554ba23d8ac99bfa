import { asDType, type DType, dtypeInfo, isFloat } from "../dtype.ts";
import { ArgumentError } from "../errors.ts";
import { make, type Node } from "../graph/node.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../graph/primitives.ts";
import type { Tensor } from "../graph/tensor.ts";
import { broadcastShapes } from "../shape.ts";
import { asTensor, broadcastNode, commonType, floatType, floatUnary, type TensorLike, unify, wrap } from "./core.ts";

/*
 * Elementwise functions of the array API standard 2024.12, in camelCase, and their usual relatives under NumPy's names.
 * Special values (infinities, NaN, signed zeros) follow the standard throughout.
 *
 * Every function of one array keeps its shape. Operands of several broadcast: ShapeError when they cannot. They promote to
 * one type; a plain number takes the type of the array beside it, with DTypeError when it does not fit (300 as uint8).
 * Functions of real numbers (sqrt, exp, sin, ...) turn integers and bool into float32.
 */

export type UnaryFunction = (x: TensorLike) => Tensor;
export type BinaryFunction = (a: TensorLike, b: TensorLike) => Tensor;

type Operand = Tensor | number | boolean;

/** Plain numbers stay plain: they adapt their type to the array beside them. */
const operand = (operation: string, x: TensorLike): Operand =>
  typeof x === "number" || typeof x === "boolean" ? x : asTensor(x, undefined, operation);

function operands(operation: string, xs: readonly TensorLike[], type?: (common: DType) => DType): Node[] {
  const list = xs.map((x) => operand(operation, x));
  return unify(operation, list, type?.(commonType(list)));
}

const pairOf = (operation: string, a: TensorLike, b: TensorLike): [Node, Node] => operands(operation, [a, b]) as [Node, Node];
const floatPair = (operation: string, a: TensorLike, b: TensorLike): [Node, Node] => operands(operation, [a, b], floatType) as [Node, Node];
const floatNode = (operation: string, x: TensorLike): Node => {
  const { node } = asTensor(x, undefined, operation);
  return make.cast(node, floatType(node.dtype));
};

const ofPair =
  (operation: string, op: BinaryOp): BinaryFunction =>
  (a, b) =>
    wrap(make.binary(op, ...pairOf(operation, a, b)));
const ofFloatPair =
  (operation: string, op: BinaryOp): BinaryFunction =>
  (a, b) =>
    wrap(make.binary(op, ...floatPair(operation, a, b)));
const ofFloat =
  (op: UnaryOp): UnaryFunction =>
  (x) =>
    floatUnary(op, x);

// Arithmetic on nodes of equal shape and type; numbers stand for constants.
const constant = (value: number, like: Node): Node => make.constant(value, like.shape, like.dtype);
const plus = (a: Node, b: Node | number): Node => make.binary("add", a, typeof b === "number" ? constant(b, a) : b);
const minus = (a: Node, b: Node): Node => make.binary("sub", a, b);
const times = (a: Node, b: Node | number): Node => make.binary("mul", a, typeof b === "number" ? constant(b, a) : b);
const over = (a: Node | number, b: Node): Node => make.binary("div", typeof a === "number" ? constant(a, b) : a, b);
const isEqual = (a: Node, b: Node | number): Node => make.compare("eq", a, typeof b === "number" ? constant(b, a) : b);
const isLess = (a: Node, b: Node | number): Node => make.compare("lt", a, typeof b === "number" ? constant(b, a) : b);
const either = (condition: Node, x: Node | number, y: Node): Node => make.where(condition, typeof x === "number" ? constant(x, y) : x, y);

// ---------------------------------------------------------------------------------------------------------------------
// Arithmetic

/**
 * a + b. DTypeError for two bools.
 * @example
 * add([[1], [2]], [10, 20, 30])
 */
export const add: BinaryFunction = ofPair("add", "add");
/**
 * a - b. DTypeError for two bools.
 * @example
 * subtract([5, 6], [1, 2])
 */
export const subtract: BinaryFunction = ofPair("subtract", "sub");
/**
 * a · b, element by element; the matrix product is `matmul`. DTypeError for two bools (use `logicalAnd`).
 * @example
 * multiply([1, 2, 3], 10)
 */
export const multiply: BinaryFunction = ofPair("multiply", "mul");
/**
 * a / b; the quotient of integers is float32. Division by zero gives an infinity or NaN.
 * @example
 * divide([1, 2, 3], 2)
 */
export const divide: BinaryFunction = ofFloatPair("divide", "div");
/**
 * The largest whole number not above a / b, in the operands' type. An integer divided by zero gives 0. DTypeError for
 * two bools.
 * @example
 * floorDivide([7, -7], 2)
 */
export const floorDivide: BinaryFunction = ofPair("floorDivide", "floorDiv");
/**
 * What floorDivide leaves: a - floor(a / b) · b, with the sign of b. An integer modulo zero gives 0. NumPy's and
 * Python's %. DTypeError for two bools.
 * @example
 * remainder([7, -7], 3)
 */
export const remainder: BinaryFunction = ofPair("remainder", "mod");

/** Short for `subtract`. */
export const sub = subtract;
/** Short for `multiply`. */
export const mul = multiply;
/** Short for `divide`. */
export const div = divide;
/**
 * Short for `remainder`; NumPy has both names too.
 * @example
 * mod([7, -7], 3)
 */
export const mod = remainder;

/**
 * a to the power b, in the operands' type. ArgumentError for an integer array with a negative whole exponent, as NumPy
 * does; DTypeError for two bools.
 * @example
 * pow([1, 2, 3], 2)
 */
export const pow: BinaryFunction = (a, b) => {
  const [x, y] = pairOf("pow", a, b);
  if (typeof b === "number" && b < 0 && !isFloat(x.dtype))
    throw new ArgumentError("pow", `${x.dtype} to the power ${b} is not an integer`, 'Cast with astype("float32")');
  if (b === 2) return wrap(times(x, x));
  return wrap(make.binary("pow", x, y));
};

/**
 * -x; unsigned integers wrap. DTypeError for bool.
 * @example
 * negative([1, -2])
 */
export const negative: UnaryFunction = (x) => wrap(make.unary("neg", asTensor(x, undefined, "negative").node));
/** Short for `negative`. */
export const neg = negative;
/** x itself, as an array. */
export const positive: UnaryFunction = (x) => wrap(asTensor(x, undefined, "positive").node);
/**
 * |x|; the smallest signed integer stays what it is. DTypeError for bool.
 * @example
 * abs([-1.5, 2])
 */
export const abs: UnaryFunction = (x) => wrap(make.unary("abs", asTensor(x, undefined, "abs").node));
/**
 * -1, 0 or 1 with the sign of x; NaN for NaN. DTypeError for bool.
 * @example
 * sign([-3, 0, 5])
 */
export const sign: UnaryFunction = (x) => wrap(make.unary("sign", asTensor(x, undefined, "sign").node));
/**
 * x · x, in the type of x. DTypeError for bool.
 * @example
 * square([1, 2, 3])
 */
export const square: UnaryFunction = (x) => {
  const { node } = asTensor(x, undefined, "square");
  return wrap(times(node, node));
};
/**
 * 1 / x; of integers, float32.
 * @example
 * reciprocal([1, 2, 4])
 */
export const reciprocal: UnaryFunction = (x) => wrap(over(1, floatNode("reciprocal", x)));

/**
 * The larger of a and b; NaN if either is.
 * @example
 * maximum([1, 5], [3, 2])
 */
export const maximum: BinaryFunction = ofPair("maximum", "max");
/**
 * The smaller of a and b; NaN if either is.
 * @example
 * minimum([1, 5], [3, 2])
 */
export const minimum: BinaryFunction = ofPair("minimum", "min");

/**
 * x brought between `min` and `max`, which broadcast against it; null is no bound. NaN stays NaN. ArgumentError for two
 * numbers out of order.
 * @example
 * clip([-1, 0.5, 7], 0, 1)
 */
export function clip(x: TensorLike, min?: TensorLike | null, max?: TensorLike | null): Tensor {
  if (typeof min === "number" && typeof max === "number" && min > max)
    throw new ArgumentError("clip", `the lower bound ${min} is above the upper bound ${max}`, "Exchange them");
  let result = asTensor(x, undefined, "clip");
  if (min !== null && min !== undefined) result = wrap(make.binary("max", ...pairOf("clip", result, min)));
  if (max !== null && max !== undefined) result = wrap(make.binary("min", ...pairOf("clip", result, max)));
  return result;
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounding

const rounding =
  (operation: string, op: UnaryOp): UnaryFunction =>
  (x) => {
    const { node } = asTensor(x, undefined, operation);
    return wrap(isFloat(node.dtype) ? make.unary(op, node) : node);
  };

/**
 * The largest whole number not above x, in x's type.
 * @example
 * floor([-1.5, 1.5])
 */
export const floor: UnaryFunction = rounding("floor", "floor");
/**
 * The smallest whole number not below x, in x's type.
 * @example
 * ceil([-1.5, 1.5])
 */
export const ceil: UnaryFunction = rounding("ceil", "ceil");
/**
 * x without its fraction, in x's type.
 * @example
 * trunc([-1.5, 1.5])
 */
export const trunc: UnaryFunction = rounding("trunc", "trunc");

/**
 * x to the nearest number of `decimals` places (negative: tens, hundreds, ...); halves go to the even neighbour.
 * ArgumentError for fractional `decimals`.
 * @example
 * round([0.5, 1.5, 2.5])
 */
export function round(x: TensorLike, options: { readonly decimals?: number } = {}): Tensor {
  const { decimals = 0 } = options;
  if (!Number.isInteger(decimals)) throw new ArgumentError("round", `decimals is ${decimals}, not a whole number`);
  const { node } = asTensor(x, undefined, "round");
  if (!isFloat(node.dtype)) {
    if (decimals >= 0) return wrap(node);
    const tens = make.unary("rint", over(make.cast(node, "float64"), constant(10 ** -decimals, make.cast(node, "float64"))));
    return wrap(make.cast(times(tens, 10 ** -decimals), node.dtype));
  }
  if (decimals === 0) return wrap(make.unary("rint", node));
  const scale = 10 ** Math.abs(decimals);
  if (decimals > 0) return wrap(over(make.unary("rint", times(node, scale)), constant(scale, node)));
  return wrap(times(make.unary("rint", over(node, constant(scale, node))), scale));
}

// ---------------------------------------------------------------------------------------------------------------------
// Exponentials and logarithms

/**
 * √x; NaN below zero.
 * @example
 * sqrt([1, 4, 9])
 */
export const sqrt: UnaryFunction = ofFloat("sqrt");
/**
 * 1 / √x: PyTorch's name.
 * @example
 * rsqrt([1, 4, 16])
 */
export const rsqrt: UnaryFunction = (x) => wrap(over(1, make.unary("sqrt", floatNode("rsqrt", x))));
/**
 * The real cube root, with the sign of x (NumPy).
 * @example
 * cbrt([1, 8, 27])
 */
export const cbrt: UnaryFunction = (x) => {
  const node = floatNode("cbrt", x);
  const size = make.unary("abs", node);
  const regular = make.binary("and", isLess(constant(0, node), size), isLess(size, Infinity));
  const safe = make.where(regular, size, constant(1, node));
  const guess = make.binary("pow", safe, constant(1 / 3, node));
  // 1/3 is not a float: one step of Newton's method takes the rounding of the exponent out of the result.
  const root = minus(guess, times(minus(guess, over(safe, times(guess, guess))), 1 / 3));
  return wrap(make.where(regular, make.where(isLess(node, 0), make.unary("neg", root), root), node));
};
/**
 * e to the power x.
 * @example
 * exp([0, 1, 2])
 */
export const exp: UnaryFunction = ofFloat("exp");
/**
 * 2 to the power x (NumPy).
 * @example
 * exp2([0, 1, 10])
 */
export const exp2: UnaryFunction = (x) => {
  const node = floatNode("exp2", x);
  return wrap(make.binary("pow", constant(2, node), node));
};
/**
 * exp(x) - 1, accurate near 0.
 * @example
 * expm1([0, 1e-6])
 */
export const expm1: UnaryFunction = ofFloat("expm1");
/**
 * The natural logarithm; -Infinity at 0, NaN below.
 * @example
 * log([1, Math.E])
 */
export const log: UnaryFunction = ofFloat("log");
/**
 * log(1 + x), accurate near 0.
 * @example
 * log1p([0, 1e-6])
 */
export const log1p: UnaryFunction = ofFloat("log1p");
/**
 * The logarithm to base 2.
 * @example
 * log2([1, 2, 1024])
 */
export const log2: UnaryFunction = ofFloat("log2");
/**
 * The logarithm to base 10.
 * @example
 * log10([1, 10, 1000])
 */
export const log10: UnaryFunction = ofFloat("log10");

/**
 * log(exp(a) + exp(b)), safe for large and infinite arguments.
 * @example
 * logaddexp([1000], [1000])
 */
export const logaddexp: BinaryFunction = (a, b) => {
  const [x, y] = floatPair("logaddexp", a, b);
  const distance = either(isEqual(x, y), 0, minus(x, y)); // ∞ - ∞ is no number
  const small = make.unary("exp", make.unary("neg", make.unary("abs", distance)));
  return wrap(plus(make.binary("max", x, y), make.unary("log1p", small)));
};

/**
 * The error function 2/√π ∫₀ˣ exp(-t²) dt; scipy.special's.
 * @example
 * erf([-1, 0, 1])
 */
export const erf: UnaryFunction = ofFloat("erf");

// ---------------------------------------------------------------------------------------------------------------------
// Trigonometry

/**
 * Sine of an angle in radians.
 * @example
 * sin([0, Math.PI / 2])
 */
export const sin: UnaryFunction = ofFloat("sin");
/**
 * Cosine of an angle in radians.
 * @example
 * cos([0, Math.PI])
 */
export const cos: UnaryFunction = ofFloat("cos");
/**
 * Tangent of an angle in radians.
 * @example
 * tan([0, Math.PI / 4])
 */
export const tan: UnaryFunction = ofFloat("tan");
/**
 * Inverse sine in radians, in [-π/2, π/2]; NaN outside [-1, 1]. NumPy's arcsin.
 * @example
 * asin([0, 1])
 */
export const asin: UnaryFunction = ofFloat("asin");
/**
 * Inverse cosine in radians, in [0, π]; NaN outside [-1, 1]. NumPy's arccos.
 * @example
 * acos([1, 0])
 */
export const acos: UnaryFunction = ofFloat("acos");
/**
 * Inverse tangent in radians, in [-π/2, π/2]. NumPy's arctan.
 * @example
 * atan([0, 1])
 */
export const atan: UnaryFunction = ofFloat("atan");
/**
 * The angle in radians of the point (x, y), in [-π, π]: `atan2(y, x)`; signed zeros choose the side. NumPy's arctan2.
 * @example
 * atan2([1, -1], [1, -1])
 */
export const atan2: BinaryFunction = ofFloatPair("atan2", "atan2");
/**
 * Hyperbolic sine.
 * @example
 * sinh([0, 1])
 */
export const sinh: UnaryFunction = ofFloat("sinh");
/**
 * Hyperbolic cosine.
 * @example
 * cosh([0, 1])
 */
export const cosh: UnaryFunction = ofFloat("cosh");
/**
 * Hyperbolic tangent.
 * @example
 * tanh([-2, 0, 2])
 */
export const tanh: UnaryFunction = ofFloat("tanh");
/** Inverse hyperbolic sine. NumPy's arcsinh. */
export const asinh: UnaryFunction = ofFloat("asinh");
/** Inverse hyperbolic cosine; NaN below 1. NumPy's arccosh. */
export const acosh: UnaryFunction = ofFloat("acosh");
/** Inverse hyperbolic tangent; infinite at ±1, NaN beyond. NumPy's arctanh. */
export const atanh: UnaryFunction = ofFloat("atanh");

/**
 * √(a² + b²) without overflow or underflow in between; infinite if either is, even beside NaN.
 * @example
 * hypot(3, 4)
 */
export const hypot: BinaryFunction = (a, b) => {
  const [x, y] = floatPair("hypot", a, b).map((n) => make.unary("abs", n)) as [Node, Node];
  const long = make.binary("max", x, y);
  const infinite = make.binary("or", isEqual(x, Infinity), isEqual(y, Infinity));
  const plain = make.binary("or", infinite, isEqual(long, 0));
  const ratio = over(make.binary("min", x, y), either(plain, 1, long));
  const length = times(long, make.unary("sqrt", plus(times(ratio, ratio), 1)));
  return wrap(either(infinite, Infinity, length));
};

// ---------------------------------------------------------------------------------------------------------------------
// Signs and neighbours of floats

/** Where the sign bit is set: negative numbers, -0 and negative NaN. */
export const signbit: UnaryFunction = (x) => {
  const { node } = asTensor(x, undefined, "signbit");
  return wrap(signbitOf(node));
};

function signbitOf(x: Node): Node {
  if (x.dtype === "bool") return make.constant(0, x.shape, "bool");
  if (!isFloat(x.dtype)) return isLess(x, 0);
  // Rounding a float64 keeps its sign, and there is no 64-bit integer to look at.
  const narrow = x.dtype === "float64" ? make.cast(x, "float32") : x;
  return isLess(make.bitcast(narrow, dtypeInfo(narrow.dtype).bytes === 4 ? "int32" : "int16"), 0);
}

/**
 * The size of a with the sign of b, be it that of -0 or NaN.
 * @example
 * copysign([1, 2], [-1, 1])
 */
export const copysign: BinaryFunction = (a, b) => {
  const [x, y] = floatPair("copysign", a, b);
  const size = make.unary("abs", x);
  return wrap(make.where(signbitOf(y), make.unary("neg", size), size));
};

/** The next number of the operands' float type after a, on the way to b. */
export const nextafter: BinaryFunction = ofFloatPair("nextafter", "nextafter");

/**
 * Where x is neither infinite nor NaN.
 * @example
 * isfinite([1, Infinity, NaN])
 */
export const isfinite: UnaryFunction = (x) => {
  const { node } = asTensor(x, undefined, "isfinite");
  if (!isFloat(node.dtype)) return wrap(make.constant(1, node.shape, "bool"));
  return wrap(isLess(make.unary("abs", node), Infinity));
};

/**
 * Where x is infinite.
 * @example
 * isinf([1, Infinity, NaN])
 */
export const isinf: UnaryFunction = (x) => {
  const { node } = asTensor(x, undefined, "isinf");
  if (!isFloat(node.dtype)) return wrap(make.constant(0, node.shape, "bool"));
  return wrap(isEqual(make.unary("abs", node), Infinity));
};

/**
 * Where x is NaN.
 * @example
 * isnan([1, Infinity, NaN])
 */
export const isnan: UnaryFunction = (x) => {
  const { node } = asTensor(x, undefined, "isnan");
  if (!isFloat(node.dtype)) return wrap(make.constant(0, node.shape, "bool"));
  return wrap(make.compare("ne", node, node));
};

const largest: Record<string, number> = {
  float16: 65504,
  bfloat16: 3.3895313892515355e38,
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
};

export interface NanToNumOptions {
  /** What replaces NaN. Default 0. */
  readonly nan?: number;
  /** What replaces Infinity and -Infinity. Default the type's largest and smallest number. */
  readonly posinf?: number;
  readonly neginf?: number;
}

/**
 * x with NaN and infinities replaced by numbers; integers as they are (NumPy).
 * @example
 * nanToNum([1, NaN, Infinity])
 */
export function nanToNum(x: TensorLike, options: NanToNumOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "nanToNum");
  if (!isFloat(node.dtype)) return wrap(node);
  const top = largest[node.dtype]!;
  const { nan = 0, posinf = top, neginf = -top } = options;
  const finite = either(isEqual(node, Infinity), posinf, either(isEqual(node, -Infinity), neginf, node));
  return wrap(either(make.compare("ne", node, node), nan, finite));
}

// ---------------------------------------------------------------------------------------------------------------------
// Comparison. Results are bool.

function compared(operation: string, op: CompareOp, a: TensorLike, b: TensorLike): Node {
  const list = [operand(operation, a), operand(operation, b)];
  return make.compare(op, ...(unify(operation, list, widened(list)) as [Node, Node]));
}

/** An integer array beside a whole number that its type cannot hold is compared as float64; all other types as usual. */
function widened(list: readonly Operand[]): DType | undefined {
  const { min, max, kind } = dtypeInfo(commonType(list));
  if (kind === "float") return undefined;
  return list.some((x) => typeof x === "number" && (x < min || x > max)) ? "float64" : undefined;
}

/**
 * Where a = b; NaN equals nothing.
 * @example
 * equal([1, 2], [1, 3])
 */
export const equal: BinaryFunction = (a, b) => wrap(compared("equal", "eq", a, b));
/**
 * Where a ≠ b.
 * @example
 * notEqual([1, 2], [1, 3])
 */
export const notEqual: BinaryFunction = (a, b) => wrap(compared("notEqual", "ne", a, b));
/**
 * Where a < b.
 * @example
 * less([1, 2, 3], 2)
 */
export const less: BinaryFunction = (a, b) => wrap(compared("less", "lt", a, b));
/**
 * Where a ≤ b.
 * @example
 * lessEqual([1, 2, 3], 2)
 */
export const lessEqual: BinaryFunction = (a, b) => wrap(compared("lessEqual", "le", a, b));
/**
 * Where a > b.
 * @example
 * greater([1, 2, 3], 2)
 */
export const greater: BinaryFunction = (a, b) => wrap(compared("greater", "lt", b, a));
/**
 * Where a ≥ b.
 * @example
 * greaterEqual([1, 2, 3], 2)
 */
export const greaterEqual: BinaryFunction = (a, b) => wrap(compared("greaterEqual", "le", b, a));

export interface ClosenessOptions {
  /** Tolerance relative to |b|, and absolute: |a - b| ≤ atol + rtol · |b|. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Whether NaN is close to NaN. */
  readonly equalNan?: boolean;
}

/**
 * Where a and b are equal within a tolerance: |a - b| ≤ atol + rtol · |b| (NumPy). Infinities are close to themselves only.
 * @example
 * isclose([1, 2], [1.000001, 2.1])
 */
export function isclose(a: TensorLike, b: TensorLike, options: ClosenessOptions = {}): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  const wide = (common: DType): DType => (isFloat(common) ? common : dtypeInfo(common).bytes === 4 ? "float64" : "float32");
  const [x, y] = operands("isclose", [a, b], wide) as [Node, Node];
  const reach = plus(times(make.unary("abs", y), rtol), atol);
  const near = make.compare("le", make.unary("abs", minus(x, y)), reach);
  const finite = isLess(make.unary("abs", y), Infinity);
  const close = make.binary("or", make.binary("and", near, finite), isEqual(x, y));
  if (!equalNan) return wrap(close);
  return wrap(make.binary("or", close, make.binary("and", make.compare("ne", x, x), make.compare("ne", y, y))));
}

// ---------------------------------------------------------------------------------------------------------------------
// Logic and bits

const toBool = (): DType => "bool";
const ofTruth =
  (operation: string, op: "and" | "or" | "xor"): BinaryFunction =>
  (a, b) =>
    wrap(make.binary(op, ...(operands(operation, [truth(operation, a), truth(operation, b)], toBool) as [Node, Node])));
const truth = (operation: string, x: TensorLike): Tensor => asTensor(asTensor(x, undefined, operation), "bool");

/**
 * Where both are true; numbers are true when not 0.
 * @example
 * logicalAnd([true, false], [true, true])
 */
export const logicalAnd: BinaryFunction = ofTruth("logicalAnd", "and");
/**
 * Where at least one is true.
 * @example
 * logicalOr([true, false], [false, false])
 */
export const logicalOr: BinaryFunction = ofTruth("logicalOr", "or");
/** Where exactly one is true. */
export const logicalXor: BinaryFunction = ofTruth("logicalXor", "xor");
/**
 * Where x is false or 0.
 * @example
 * logicalNot([true, false])
 */
export const logicalNot: UnaryFunction = (x) => wrap(make.unary("not", truth("logicalNot", x).node));

/**
 * Bits set in both; for bool, logical. DTypeError for floats.
 * @example
 * bitwiseAnd([6, 5], 3)
 */
export const bitwiseAnd: BinaryFunction = ofPair("bitwiseAnd", "and");
/**
 * Bits set in either; for bool, logical. DTypeError for floats.
 * @example
 * bitwiseOr([4, 1], 2)
 */
export const bitwiseOr: BinaryFunction = ofPair("bitwiseOr", "or");
/**
 * Bits set in one of them only; for bool, logical. DTypeError for floats.
 * @example
 * bitwiseXor([6, 5], 3)
 */
export const bitwiseXor: BinaryFunction = ofPair("bitwiseXor", "xor");
/** All bits flipped; for bool, logical. DTypeError for floats. NumPy's ~ and invert. */
export const bitwiseInvert: UnaryFunction = (x) => wrap(make.unary("not", asTensor(x, undefined, "bitwiseInvert").node));
/**
 * a with its bits moved up by b places, zeros coming in. DTypeError for floats and bool.
 * @example
 * bitwiseLeftShift([1, 2], 3)
 */
export const bitwiseLeftShift: BinaryFunction = ofPair("bitwiseLeftShift", "shl");
/**
 * a with its bits moved down by b places, copies of the sign bit coming in for signed types. DTypeError for floats and bool.
 * @example
 * bitwiseRightShift([8, 16], 2)
 */
export const bitwiseRightShift: BinaryFunction = ofPair("bitwiseRightShift", "shr");

// ---------------------------------------------------------------------------------------------------------------------
// Choice and type

/**
 * x where the condition is true (or not 0), y elsewhere; all three broadcast, x and y promote.
 * @example
 * where([true, false, true], [1, 2, 3], 0)
 */
export function where(condition: TensorLike, x: TensorLike, y: TensorLike): Tensor {
  const test = truth("where", condition);
  const [a, b] = pairOf("where", x, y);
  const shape = broadcastShapes("where", test.shape, a.shape);
  return wrap(make.where(broadcastNode(test.node, shape), broadcastNode(a, shape), broadcastNode(b, shape)));
}

/**
 * x in another number type, same shape. Floats to integers drop the fraction and stop at the bounds of the type, NaN
 * becomes 0; integers to narrower integers keep the low bits; anything to bool tests for ≠ 0. DTypeError for an unknown
 * type.
 * @example
 * astype([0, 1, 2], "bool")
 */
export const astype = (x: TensorLike, dtype: DType): Tensor =>
  wrap(make.cast(asTensor(x, undefined, "astype").node, asDType("astype", dtype)));

/**
 * Another name for `astype`.
 * @example
 * cast([1.7, -1.7], "int32")
 */
export const cast = astype;
