/**
 * Rare operations that kernels call out for, as ("math", name) imports over float64. Workers get them as source text, so
 * each is whole in itself and no method shorthand, whose text is no expression.
 */
export const hostFunctions = {
  /** Python's float `a % b`: the sign of b, exact. */
  mod: (a: number, b: number): number => {
    const r = a % b;
    if (r === 0) return b < 0 || Object.is(b, -0) ? -0 : 0;
    return r < 0 !== b < 0 ? r + b : r;
  },
  /** Python's float `a // b`, from the exact remainder. */
  floorDiv: (a: number, b: number): number => {
    if (b === 0 || !Number.isFinite(a)) return b === 0 ? a / b : Number.NaN;
    let r = a % b;
    let q = (a - r) / b;
    if (r !== 0 && r < 0 !== b < 0) {
      r += b;
      q -= 1;
    }
    if (q === 0) return a < 0 !== b < 0 ? -0 : 0;
    const floor = Math.floor(q);
    return q - floor > 0.5 ? floor + 1 : floor;
  },
  /** On 32-bit integers; anything by zero is zero. */
  intMod: (a: number, b: number): number => (b === 0 ? 0 : a - b * Math.floor(a / b)),
  intFloorDiv: (a: number, b: number): number => (b === 0 ? 0 : Math.floor(a / b)),
  /** Integer power, modulo 2^32. */
  intPow: (a: number, b: number): number => {
    if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 ? -1 : 1) : 0;
    let result = 1;
    let base = a | 0;
    for (let e = b; e > 0; e = Math.floor(e / 2)) {
      if (e % 2) result = Math.imul(result, base);
      base = Math.imul(base, base);
    }
    return result;
  },
  nextafter32: (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
    if (a === b) return b;
    const f = new Float32Array([a]);
    const i = new Int32Array(f.buffer);
    if (a === 0) i[0] = b > 0 ? 1 : -2147483647;
    else i[0]! += a < b === a > 0 ? 1 : -1;
    return f[0]!;
  },
  nextafter64: (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
    if (a === b) return b;
    const f = new Float64Array([a]);
    const i = new BigInt64Array(f.buffer);
    if (a === 0) i[0] = b > 0 ? 1n : -9223372036854775807n;
    else i[0]! += a < b === a > 0 ? 1n : -1n;
    return f[0]!;
  },
  float16Value: (bits: number): number => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  },
  float16Bits: (value: number): number => {
    if (Number.isNaN(value)) return 0x7e00;
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const x = Math.abs(value);
    if (x >= 65520) return sign | 0x7c00;
    const even = (y: number): number => {
      const r = Math.round(y);
      return r - y === 0.5 && r % 2 !== 0 ? r - 1 : r;
    };
    if (x < 2 ** -14) return sign | even(x * 2 ** 24);
    let e = Math.floor(Math.log2(x));
    if (x < 2 ** e) e--;
    else if (x >= 2 ** (e + 1)) e++;
    return sign | (((e + 15) << 10) + even((x / 2 ** e - 1) * 1024));
  },
};

export type HostFunction = keyof typeof hostFunctions;
