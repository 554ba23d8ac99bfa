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
};

export type HostFunction = keyof typeof hostFunctions;
