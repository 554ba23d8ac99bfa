/**
 * Elementary functions for generated kernels.
 *
 * On four float32 lanes they are polynomials after an exact change of variable, within 2 ulp of the true value over the
 * whole range, with fused multiply-add or without. What is rarely hot (`scalar` below) goes lane by lane through an
 * imported function, as float64 always does.
 *
 * ```ts
 * const module = new ModuleBuilder();
 * const math = new MathLibrary(module);
 * module.func("gelu", ..., (f) => { ...; math.emit("erf", f, "f32x4"); ... });
 * const { instance } = await WebAssembly.instantiate(module.finish(), { math: mathImports });
 * ```
 *
 * The coefficients are minimax fits in relative error (Remez exchange in 40 digits, then rounded).
 */

import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import { hasRelaxedSimd } from "./assembler.ts";
import type { PlainOp, ValType } from "./opcodes.ts";

// ---------------------------------------------------------------------------------------------------------------------
// Formulas as values: an operand is a piece of code that leaves one vector on the stack. Each use emits it again, so
// what is used twice goes through `let`, which keeps it in a local. A formula works on several vectors side by side:
// `let` (and with it every step of a polynomial) is emitted for all of them in turn, so that their latencies overlap
// and a constant is fetched once for all.

/** Leaves vector `k` of those side by side on the stack. */
type Vector = (k: number) => void;
/** A number stands for the float32 constant in all four lanes. */
type Operand = Vector | number;

class Lanes {
  readonly f: FunctionBuilder;
  readonly math: MathLibrary;
  /** The numbers of the vectors side by side. */
  private readonly active: readonly number[];

  constructor(f: FunctionBuilder, math: MathLibrary, count: number) {
    this.f = f;
    this.math = math;
    this.active = Array.from({ length: count }, (_, k) => k);
  }

  private push(operands: readonly Operand[], k: number): void {
    for (const operand of operands) {
      if (typeof operand === "number") this.f.constant(Float32Array.of(operand));
      else operand(k);
    }
  }

  /** The value in a new local for each of the vectors side by side. */
  private locals(value: Operand): Map<number, Local> {
    const locals = new Map<number, Local>();
    for (const k of this.active) {
      const local = this.f.local("v128");
      this.push([value], k);
      this.f.set(local);
      locals.set(k, local);
    }
    return locals;
  }

  let(value: Operand): Vector {
    const locals = this.locals(value);
    return (k) => this.f.get(locals.get(k)!);
  }

  op(name: PlainOp, ...operands: Operand[]): Vector {
    return (k) => {
      this.push(operands, k);
      this.f.op(name);
    };
  }

  int(value: number): Vector {
    return () => this.f.constant(Int32Array.of(value));
  }

  double(value: number): Vector {
    return () => this.f.constant(Float64Array.of(value));
  }

  add(a: Operand, b: Operand): Vector {
    return this.op("f32x4.add", a, b);
  }

  sub(a: Operand, b: Operand): Vector {
    return this.op("f32x4.sub", a, b);
  }

  mul(a: Operand, b: Operand): Vector {
    return this.op("f32x4.mul", a, b);
  }

  div(a: Operand, b: Operand): Vector {
    return this.op("f32x4.div", a, b);
  }

  abs(x: Operand): Vector {
    return this.op("f32x4.abs", x);
  }

  /** a * b + c */
  fma(a: Operand, b: Operand, c: Operand, type: "f32x4" | "f64x2" = "f32x4"): Vector {
    if (this.math.relaxed) return this.op(`${type}.relaxed_madd`, a, b, c);
    return this.op(`${type}.add`, this.op(`${type}.mul`, a, b), c);
  }

  /** c - a * b */
  fnma(a: Operand, b: Operand, c: Operand, type: "f32x4" | "f64x2" = "f32x4"): Vector {
    if (this.math.relaxed) return this.op(`${type}.relaxed_nmadd`, a, b, c);
    return this.op(`${type}.sub`, c, this.op(`${type}.mul`, a, b));
  }

  /** c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule. */
  polynomial(x: Vector, coefficients: readonly number[], type: "f32x4" | "f64x2" = "f32x4"): Operand {
    const operands = coefficients.map((c): Operand => (type === "f32x4" ? c : this.double(c)));
    return operands.reduceRight((sum, c) => this.let(this.fma(sum, x, c, type)));
  }

  /** The smaller of x and the limit; NaN stays NaN. (`f32x4.min` costs several instructions on x86-64, `pmin` one.) */
  atMost(x: Operand, limit: Operand): Vector {
    return this.op("f32x4.pmin", x, limit);
  }

  /** The larger of x and the limit; NaN stays NaN. */
  atLeast(x: Operand, limit: Operand): Vector {
    return this.op("f32x4.pmax", x, limit);
  }

  /** `mask` is the result of a comparison. */
  select(mask: Operand, then: Operand, otherwise: Operand): Vector {
    return this.op(this.math.select, then, otherwise, mask);
  }

  shift(name: "i32x4.shl" | "i32x4.shr_s" | "i64x2.shl", x: Operand, bits: number): Vector {
    return (k) => {
      this.push([x], k);
      this.f.i32(bits).op(name);
    };
  }

  /** `magnitude` must be positive, zero or NaN: its sign becomes that of `x`. */
  withSignOf(x: Operand, magnitude: Operand): Vector {
    return this.op("v128.or", magnitude, this.op("v128.and", x, this.int(SIGN)));
  }

  /**
   * `usual`, but `rare` in the lanes of `mask`, computed only where some lane asks for it. Vectors side by side share one
   * test: each test costs a jump that may be mispredicted and around which the engine moves registers. Where the rare
   * path is a `call`, each is tested once more for itself.
   */
  unless(mask: Vector, rare: () => Vector, usual: Operand, call = false): Vector {
    const result = this.locals(usual);
    const get = (k: number) => void this.f.get(result.get(k)!);
    this.active.forEach((k, i) => {
      mask(k);
      if (i > 0) this.f.op("v128.or");
    });
    this.f.op("v128.any_true").if_(() => {
      const replaced = this.select(mask, rare(), get);
      for (const k of this.active) {
        const replace = () => {
          replaced(k);
          this.f.set(result.get(k)!);
        };
        if (call && this.active.length > 1) {
          mask(k);
          this.f.op("v128.any_true").if_(replace);
        } else replace();
      }
    });
    return get;
  }

  /** Both halves of four float32 lanes, each as two float64 lanes. */
  halves(x: Vector): [Vector, Vector] {
    const upper = (k: number) => {
      x(k);
      x(k);
      this.f.shuffle32(2, 3, 2, 3);
    };
    return [this.op("f64x2.promote_low_f32x4", x), this.op("f64x2.promote_low_f32x4", upper)];
  }

  /** Four 32-bit lanes from lanes 0 and 1 (or 0 and 2) of two vectors. */
  join(low: Operand, high: Operand, lanes: "01" | "02" = "01"): Vector {
    return (k) => {
      this.push([low, high], k);
      if (lanes === "01") this.f.shuffle32(0, 1, 4, 5);
      else this.f.shuffle32(0, 2, 4, 6);
    };
  }

  fromHalves(halves: readonly [Vector, Vector]): Vector {
    return this.join(this.op("f32x4.demote_f64x2_zero", halves[0]), this.op("f32x4.demote_f64x2_zero", halves[1]));
  }

  call(target: FunctionRef, ...operands: Operand[]): Vector {
    return (k) => {
      this.push(operands, k);
      this.f.call(target);
    };
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// exp, expm1, tanh: x = n ln 2 + r with |r| <= ln(2)/2; exp x = 2^n exp r.

const SIGN = 0x80000000 | 0;
const EXPONENT = 0xff800000 | 0;

/** Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits of the sum. */
const ROUND = 1.5 * 2 ** 23;

/** The high part has 9 bits, so that its products with exponents are exact without a fused multiply-add. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -0.00021219444170128554;

const EXP = [1, 1, 0.4999999403953552, 0.1666651964187622, 0.04166839271783829, 0.008368780836462975, 0.0013814467238262296];

/** x - n ln 2 */
const reduceLn2 = (v: Lanes, x: Operand, n: Vector) => v.let(v.fnma(n, LN2_LOW, v.fnma(n, LN2_HIGH, x)));

/** The float 2^n, from a sum in whose low bits stands n + 127. */
const powerOf2 = (v: Lanes, biased: Vector) => v.shift("i32x4.shl", biased, 23);

function exp(v: Lanes, x: Operand): Vector {
  const clamped = v.let(v.atLeast(v.atMost(x, 89), -104.5));
  // 2^n alone leaves the range of normal numbers, so it is applied as 2^(n - n/2) 2^(n/2); t holds n + 2 * 127.
  const t = v.let(v.fma(clamped, Math.LOG2E, ROUND + 254));
  const r = reduceLn2(v, clamped, v.let(v.sub(t, ROUND + 254)));
  const half = v.let(v.shift("i32x4.shl", v.shift("i32x4.shr_s", t, 1), 23));
  const rest = v.op("i32x4.sub", v.shift("i32x4.shl", t, 23), half);
  return v.mul(v.mul(v.polynomial(r, EXP), half), rest);
}

function expm1(v: Lanes, x: Vector): Vector {
  const clamped = v.let(v.atLeast(v.atMost(x, 89), -18));
  // n stops at 127, since 2^128 is no float; r may then reach 0.7 before the result overflows.
  const t = v.let(v.atMost(v.fma(clamped, Math.LOG2E, ROUND + 127), ROUND + 254));
  const r = reduceLn2(v, clamped, v.let(v.sub(t, ROUND + 127)));
  const scale = v.let(powerOf2(v, t));
  const q = v.polynomial(
    r,
    [
      0.5, 0.1666666716337204, 0.04166680574417114, 0.008333290927112103, 0.0013876871671527624, 0.0001993176992982626,
      2.761633732006885e-5,
    ],
  );
  const p = v.fma(v.mul(r, r), q, r);
  return v.withSignOf(x, v.fma(p, scale, v.sub(scale, 1)));
}

/** Below 0.55 an odd polynomial, above it 1 - 2 / (exp(2x) + 1). */
function tanh(v: Lanes, x: Vector): Vector {
  const a = v.let(v.atMost(v.abs(x), 10));
  const square = v.let(v.mul(a, a));
  const q = v.polynomial(
    square,
    [-0.33333319425582886, 0.13332602381706238, -0.05385385826230049, 0.021077759563922882, -0.006282473914325237],
  );
  const small = v.let(v.fma(v.mul(a, square), q, a));

  const t = v.let(v.fma(a, 2 * Math.LOG2E, ROUND + 127));
  const r = reduceLn2(v, v.add(a, a), v.let(v.sub(t, ROUND + 127)));
  const large = v.sub(1, v.div(2, v.fma(v.polynomial(r, EXP), powerOf2(v, t), 1)));
  return v.withSignOf(x, v.select(v.op("f32x4.lt", a, 0.55), small, large));
}

/**
 * Below 1.65, x times a polynomial in x^2 - 1.375 (centred, so that its terms do not cancel); above, 1 - exp(-q(x))
 * with erfc x = exp(-q(x)). Four lanes of a normal distribution, as GELU sees, rarely need the second.
 */
function erf(v: Lanes, x: Vector): Vector {
  const a = v.let(v.abs(x));
  const square = v.let(v.fma(x, x, -1.375));
  const q = v.polynomial(
    square,
    [
      -0.2301359921693802, -0.17620545625686646, 0.04423955827951431, -0.009521153755486012, 0.0017360933125019073, -0.0002715298905968666,
      3.7122001231182367e-5, -4.690816240326967e-6, 4.970868303644238e-7,
    ],
  );
  const small = v.fma(q, x, x);

  const large = () => {
    const t = v.let(v.atMost(a, 4));
    const power = v.polynomial(
      t,
      [1.121127724647522, 0.6541755199432373, 0.08693905174732208, -0.013861405663192272, 0.0010079273488372564],
    );
    const y = v.let(v.mul(power, v.op("f32x4.neg", t)));
    const u = v.let(v.fma(y, Math.LOG2E, ROUND + 127));
    const r = reduceLn2(v, y, v.let(v.sub(u, ROUND + 127)));
    return v.withSignOf(x, v.fnma(v.polynomial(r, EXP), powerOf2(v, u), 1));
  };
  const big = v.let(v.op("f32x4.gt", a, 1.65));
  return v.unless(big, large, small);
}

// ---------------------------------------------------------------------------------------------------------------------
// log, log2, log1p: x = 2^e (1 + f) with 1 + f in [2/3, 4/3); log x = e ln 2 + log(1 + f).

const TWO_THIRDS_BITS = 0x3f2aaaab;

/** (log(1 + f) - f) / f^2 */
const LOG = [
  -0.5, 0.3333321511745453, -0.24999797344207764, 0.20010405778884888, -0.16680487990379333, 0.14005866646766663, -0.12184245884418488,
  0.13984446227550507, -0.12891755998134613,
];

/** The exponent e of x, as the integer e * 2^23. */
const exponentBits = (v: Lanes, x: Operand) => v.op("v128.and", v.op("i32x4.sub", x, v.int(TWO_THIRDS_BITS)), v.int(EXPONENT));

/** e ln 2 + log(1 + f); `e` times 2^23. */
function combineLog(v: Lanes, e: Operand, f: Vector): Vector {
  const tail = v.fma(v.mul(f, f), v.polynomial(f, LOG), f);
  if (v.math.relaxed) return v.fma(e, Math.LN2 * 2 ** -23, tail);
  // Exact product with the high part of ln 2, of 15 bits.
  const exponent = v.let(e);
  const low = v.fma(exponent, 1.428606765330187e-6 * 2 ** -23, tail);
  return v.fma(exponent, 0.693145751953125 * 2 ** -23, low);
}

/** (e ln 2 + log(1 + f)) / ln 2; `e` times 2^23. */
function combineLog2(v: Lanes, e: Operand, f: Vector): Vector {
  // The leading term f / ln 2 = f + f (1 / ln 2 - 1), so that rounding 1 / ln 2 costs nothing.
  const square = v.mul(v.mul(f, f), v.polynomial(f, LOG));
  const tail = v.fma(square, Math.LOG2E, v.mul(f, Math.LOG2E - 1));
  // e + f is exact where the sum is small.
  return v.add(v.fma(e, 2 ** -23, f), tail);
}

type Combine = (v: Lanes, e: Operand, f: Vector) => Vector;

/** `x` positive, normal and finite; `offset` (e * 2^23) is added to the exponent. */
function logOfNormal(v: Lanes, x: Vector, combine: Combine, offset?: Vector): Vector {
  const e = v.let(exponentBits(v, x));
  const f = v.let(v.sub(v.op("i32x4.sub", x, e), 1));
  const exponent = offset ? v.op("i32x4.add", e, offset) : e;
  return combine(v, v.op("f32x4.convert_i32x4_s", exponent), f);
}

/** Logarithms of zero and of negative numbers, infinity and NaN, given the others in `result`. */
function logOfSpecial(v: Lanes, x: Vector, zero: number, result: Operand): Vector {
  const belowDomain = v.select(v.op("f32x4.eq", x, zero), Number.NEGATIVE_INFINITY, Number.NaN);
  const finite = v.select(v.op("f32x4.lt", x, Number.POSITIVE_INFINITY), result, v.add(x, x));
  return v.select(v.op("f32x4.le", x, zero), belowDomain, finite);
}

function logarithm(name: string, combine: Combine) {
  /** Any x: subnormal numbers are scaled by 2^23 first. */
  const general = (v: Lanes, x: Vector) => {
    const subnormal = v.let(v.op("f32x4.lt", x, 2 ** -126));
    const scaled = v.let(v.select(subnormal, v.mul(x, 2 ** 23), x));
    const offset = v.op("v128.and", subnormal, v.int(-23 << 23));
    return logOfSpecial(v, x, 0, logOfNormal(v, scaled, combine, offset));
  };
  return (v: Lanes, x: Vector) => {
    // One unsigned comparison finds zero, subnormal, negative and infinite numbers and NaN.
    const special = v.let(v.op("i32x4.ge_u", v.op("i32x4.sub", x, v.int(0x00800000)), v.int(0x7f000000)));
    return v.unless(special, () => v.call(v.math.vectorFunction(`${name} of any`, general), x), logOfNormal(v, x, combine), true);
  };
}

function log1p(v: Lanes, x: Vector): Vector {
  // From u = 1 + x only the exponent is taken: f = 2^-e x + (2^-e - 1). With 4 * 2^-e every scale is a normal number.
  const e = v.let(exponentBits(v, v.add(x, 1)));
  const scale = v.let(v.op("i32x4.sub", 4, e));
  const f = v.let(v.fma(scale, v.mul(x, 0.25), v.fma(scale, 0.25, -1)));
  const result = logOfSpecial(v, x, -1, combineLog(v, v.op("f32x4.convert_i32x4_s", e), f));
  return v.select(v.op("f32x4.lt", v.abs(x), 2 ** -25), x, result);
}

// ---------------------------------------------------------------------------------------------------------------------
// sin, cos: x = n pi/2 + r in float64, where the reduction is exact enough as long as n has 24 bits; then float32.

const ROUND_DOUBLE = 1.5 * 2 ** 52;
/** pi/2 to 29 bits, and the rest. */
const HALF_PI_HIGH = 1.570796325802803;
const HALF_PI_LOW = 9.920935796805404e-10;
const LARGEST_ANGLE = 1.5 * 2 ** 24;

function sine(name: "sin" | "cos") {
  return (v: Lanes, x: Vector): Vector => {
    const parts = v.halves(x).map((half) => {
      const angle = v.let(half);
      const t = v.let(v.fma(angle, v.double(2 / Math.PI), v.double(ROUND_DOUBLE), "f64x2"));
      const n = v.let(v.op("f64x2.sub", t, v.double(ROUND_DOUBLE)));
      const high = v.fnma(n, v.double(HALF_PI_HIGH), angle, "f64x2");
      return { t, r: v.let(v.fnma(n, v.double(HALF_PI_LOW), high, "f64x2")) };
    });
    const [low, high] = parts as [(typeof parts)[0], (typeof parts)[0]];
    const r = v.let(v.fromHalves([low.r, high.r]));
    const turns = v.join(low.t, high.t, "02");
    // Quadrants: sin, cos, -sin, -cos.
    const quadrant = v.let(name === "sin" ? turns : v.op("i32x4.add", turns, v.int(1)));
    const s = v.let(v.mul(r, r));
    const sinTail = v.polynomial(s, [-0.16666655242443085, 0.008332177996635437, -0.00019517235341481864]);
    const sin = v.withSignOf(r, v.fma(v.mul(r, s), sinTail, r));
    const cosTail = v.polynomial(s, [-0.5, 0.04166664555668831, -0.0013887366512790322, 2.4438379114144482e-5]);
    const cos = v.fma(s, cosTail, 1);
    const odd = v.shift("i32x4.shr_s", v.shift("i32x4.shl", quadrant, 31), 31);
    const sign = v.op("v128.and", v.shift("i32x4.shl", quadrant, 30), v.int(SIGN));
    const tooLarge = v.let(v.op("f32x4.gt", v.abs(x), LARGEST_ANGLE));
    return v.unless(tooLarge, () => v.call(v.math.lanewise(name), x), v.op("v128.xor", v.select(odd, cos, sin), sign), true);
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// pow in float64: |x|^y = exp2(y log2 |x|), for |x| a normal number; the sign is dealt with in float32.

const LOG2_DOUBLE = [2.885390081790092, 0.9617966733334222, 0.5770835866713595, 0.41167261084797996, 0.34073220524413556];
const EXP2_DOUBLE = [
  1.0000000005550829, 0.6931472057670472, 0.24022646885898322, 0.05550328711750265, 0.009618489255484655, 0.001339995768126376,
  0.00015345787344116848,
];

function pow(v: Lanes, x: Vector, y: Vector): Vector {
  const a = v.let(v.abs(x));
  const e = v.let(exponentBits(v, a));
  const m = v.halves(v.let(v.op("i32x4.sub", a, e)));
  const exponents = v.halves(v.let(v.mul(v.op("f32x4.convert_i32x4_s", e), 2 ** -23)));
  const powers = v.halves(y);
  const half = (i: 0 | 1) => {
    const mantissa = v.let(m[i]);
    const one = v.double(1);
    const s = v.let(v.op("f64x2.div", v.op("f64x2.sub", mantissa, one), v.op("f64x2.add", mantissa, one)));
    const z = v.let(v.op("f64x2.mul", s, s));
    const log2 = v.fma(s, v.polynomial(z, LOG2_DOUBLE, "f64x2"), exponents[i], "f64x2");
    // Beyond +-200 every float32 result is zero or infinite.
    const product = v.op("f64x2.mul", powers[i], log2);
    const power = v.let(v.op("f64x2.pmax", v.op("f64x2.pmin", product, v.double(200)), v.double(-200)));
    const t = v.let(v.op("f64x2.add", power, v.double(ROUND_DOUBLE + 1023)));
    const r = v.let(v.op("f64x2.sub", power, v.op("f64x2.sub", t, v.double(ROUND_DOUBLE + 1023))));
    return v.op("f64x2.mul", v.polynomial(r, EXP2_DOUBLE, "f64x2"), v.shift("i64x2.shl", t, 52));
  };
  const magnitude = v.let(v.fromHalves([half(0), half(1)]));
  // A negative base takes integer powers only, and odd ones keep its sign.
  const isInteger = (value: Operand) => {
    const kept = v.let(value);
    return v.op("f32x4.eq", kept, v.op("f32x4.nearest", kept));
  };
  const signed = v.op("v128.or", magnitude, v.op("v128.andnot", v.int(SIGN), isInteger(v.mul(y, 0.5))));
  const negative = v.select(isInteger(y), signed, Number.NaN);
  const result = v.select(v.op("f32x4.lt", x, 0), negative, magnitude);

  const baseSpecial = v.op("i32x4.ge_u", v.op("i32x4.sub", a, v.int(0x00800000)), v.int(0x7f000000));
  const powerSpecial = v.op("v128.not", v.op("f32x4.lt", v.abs(y), 2 ** 30));
  const special = v.let(v.op("v128.or", baseSpecial, powerSpecial));
  return v.unless(special, () => v.call(v.math.lanewise("pow"), x, y), result, true);
}

// ---------------------------------------------------------------------------------------------------------------------
// Plain functions of one float64.

/**
 * The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, within 1.1 ulp. Whole in itself: workers get it as
 * source text.
 */
export function erf64(x: number): number {
  const small = [
    0.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072893, 0.005223977624780862, -0.000854832697874194,
    0.0001205533103689036, -1.4925593506671345e-5, 1.646097281353705e-6, -1.6350025185895177e-7, 1.4657879597306717e-8,
    -1.136566502864451e-9, 5.945260200617797e-11,
  ];
  const large = [
    0.21080636406114356, -0.3717367339489745, 0.25171319321744284, -0.1250330523783529, 0.039922539083220264, -0.003993701152820608,
    -0.0026423665020297435, 0.0008759106846596255, 0.00022836934424338949, -0.00012881587551650733, -3.3645809052685504e-5,
    2.045268722967102e-5, 1.1050627786574493e-5, 1.420604888948237e-6,
  ];
  const horner = (t: number, coefficients: readonly number[]) => coefficients.reduceRight((sum, c) => sum * t + c, 0);
  const a = Math.abs(x);
  if (a < 1) return x + x * horner(x * x, small);
  if (a > 6) return Math.sign(x);
  // erfc a = exp(-a^2) times a smooth function of (a - 2.5) / (a + 2.5).
  const erfc = Math.exp(-a * a) * horner((a - 2.5) / (a + 2.5), large);
  return Math.sign(x) * (1 - erfc);
}

/** `x ** y` as IEEE 754, C and NumPy have it: 1 to any power is 1, and so is -1 to an infinite one. */
export function pow64(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

// ---------------------------------------------------------------------------------------------------------------------

interface MathFunction<Arguments extends unknown[], Numbers extends number[]> {
  /** In four float32 lanes; without it, lane by lane. */
  vector?: (v: Lanes, ...x: Arguments) => Vector;
  scalar: (...x: Numbers) => number;
}

export const unaryMath = {
  exp: { vector: exp, scalar: Math.exp },
  expm1: { vector: expm1, scalar: Math.expm1 },
  log: { vector: logarithm("log", combineLog), scalar: Math.log },
  log1p: { vector: log1p, scalar: Math.log1p },
  log2: { vector: logarithm("log2", combineLog2), scalar: Math.log2 },
  log10: { scalar: Math.log10 },
  sin: { vector: sine("sin"), scalar: Math.sin },
  cos: { vector: sine("cos"), scalar: Math.cos },
  tan: { scalar: Math.tan },
  asin: { scalar: Math.asin },
  acos: { scalar: Math.acos },
  atan: { scalar: Math.atan },
  sinh: { scalar: Math.sinh },
  cosh: { scalar: Math.cosh },
  tanh: { vector: tanh, scalar: Math.tanh },
  asinh: { scalar: Math.asinh },
  acosh: { scalar: Math.acosh },
  atanh: { scalar: Math.atanh },
  erf: { vector: erf, scalar: erf64 },
} satisfies Record<string, MathFunction<[Vector], [number]>>;

export const binaryMath = {
  pow: { vector: pow, scalar: pow64 },
  atan2: { scalar: Math.atan2 },
} satisfies Record<string, MathFunction<[Vector, Vector], [number, number]>>;

export type UnaryMathName = keyof typeof unaryMath;
export type BinaryMathName = keyof typeof binaryMath;
export type MathName = UnaryMathName | BinaryMathName;
export type MathType = "f32x4" | "f32" | "f64";

const functions: Record<MathName, { vector?: (v: Lanes, x: Vector, y: Vector) => Vector; scalar: CallableFunction }> = {
  ...unaryMath,
  ...binaryMath,
};

/** What a module that uses a `MathLibrary` imports as "math". */
export const mathImports = Object.fromEntries(Object.entries(functions).map(([name, { scalar }]) => [name, scalar])) as Record<
  MathName,
  CallableFunction
>;

/** Emits mathematical functions into the functions of one module, adding imports and helpers as they are needed. */
export class MathLibrary {
  /** Whether relaxed SIMD (fused multiply-add) may be used. */
  readonly relaxed: boolean;
  /** Chooses by the result of a comparison: (then, otherwise, mask). The relaxed form is one instruction on x86-64. */
  readonly select: PlainOp;
  private readonly module: ModuleBuilder;
  private readonly helpers = new Map<string, FunctionRef>();

  constructor(module: ModuleBuilder, options: { relaxed?: boolean } = {}) {
    this.module = module;
    this.relaxed = options.relaxed ?? hasRelaxedSimd();
    this.select = this.relaxed ? "i32x4.relaxed_laneselect" : "v128.bitselect";
  }

  /**
   * Takes the arguments from the stack and leaves the result there. In "f32x4" the code is inlined where there is a
   * vector form (exp expm1 log log1p log2 sin cos tanh erf pow); everything else is a call.
   */
  emit(name: MathName, f: FunctionBuilder, type: MathType): void {
    if (type === "f64") f.call(this.import(name));
    else if (type === "f32") f.call(this.scalar(name));
    else
      f.scope(() => {
        const args = Array.from({ length: arity(name) }, () => f.local("v128"));
        for (const local of args.toReversed()) f.set(local);
        const result = f.local("v128");
        this.beside(name, f, [args], [result]);
        f.get(result);
      });
  }

  /** Sets `results[k]` to the function of the vectors in `args[k]`, for all k side by side. */
  beside(name: MathName, f: FunctionBuilder, args: readonly (readonly Local[])[], results: readonly Local[]): void {
    const { vector } = functions[name];
    const argument = (i: number) => (k: number) => void f.get(args[k]![i]!);
    f.scope(() => {
      const v = new Lanes(f, this, args.length);
      const value = vector ? vector(v, argument(0), argument(1)) : v.call(this.lanewise(name), ...args[0]!.map((_, i) => argument(i)));
      results.forEach((result, k) => {
        value(k);
        f.set(result);
      });
    });
  }

  /** a * b + c of three vectors on the stack, rounded once where the engine can, else twice. */
  fma(f: FunctionBuilder, type: "f32x4" | "f64x2" = "f32x4"): void {
    if (this.relaxed) {
      f.op(`${type}.relaxed_madd`);
      return;
    }
    f.scope(() => {
      const c = f.local("v128");
      f.set(c).op(`${type}.mul`).get(c).op(`${type}.add`);
    });
  }

  private helper(key: string, params: ValType[], results: ValType[], body: (f: FunctionBuilder) => void): FunctionRef {
    let ref = this.helpers.get(key);
    if (!ref) {
      ref = this.module.declare(null, params, results);
      this.helpers.set(key, ref);
      this.module.define(ref, body);
    }
    return ref;
  }

  private import(name: MathName): FunctionRef {
    let ref = this.helpers.get(`import ${name}`);
    if (!ref) {
      ref = this.module.importFunction("math", name, new Array<ValType>(arity(name)).fill("f64"), ["f64"]);
      this.helpers.set(`import ${name}`, ref);
    }
    return ref;
  }

  /** A function of one float32, agreeing with the lanes of the vector form. */
  private scalar(name: MathName): FunctionRef {
    const params = new Array<ValType>(arity(name)).fill("f32");
    return this.helper(`scalar ${name}`, params, ["f32"], (f) => {
      const vectorised = functions[name].vector !== undefined;
      for (const param of f.params) f.get(param).op(vectorised ? "f32x4.splat" : "f64.promote_f32");
      if (vectorised) {
        this.emit(name, f, "f32x4");
        f.lane("f32x4.extract_lane", 0);
      } else {
        this.emit(name, f, "f64");
        f.op("f32.demote_f64");
      }
    });
  }

  /** A function of vectors that calls the imported function of float64 for every lane. */
  lanewise(name: MathName): FunctionRef {
    const params = new Array<ValType>(arity(name)).fill("v128");
    return this.helper(`lanewise ${name}`, params, ["v128"], (f) => {
      const result = f.local("v128");
      for (let lane = 0; lane < 4; lane++) {
        f.get(result);
        for (const param of f.params) f.get(param).lane("f32x4.extract_lane", lane).op("f64.promote_f32");
        f.call(this.import(name)).op("f32.demote_f64").lane("f32x4.replace_lane", lane).set(result);
      }
      f.get(result);
    });
  }

  /** A function of one vector that computes `formula`, for paths too rare or long to be inlined. */
  vectorFunction(key: string, formula: (v: Lanes, x: Vector) => Vector): FunctionRef {
    return this.helper(key, ["v128"], ["v128"], (f) => {
      const x = () => void f.get(f.param(0));
      formula(new Lanes(f, this, 1), x)(0);
    });
  }
}

const arity = (name: MathName): number => (name in binaryMath ? 2 : 1);
