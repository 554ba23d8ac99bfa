/** 2/√π - 1: the slope of erf at zero is one more. */
const SLOPE_LESS_ONE = 0.1283791670955126;

/**
 * The error function 2/√π ∫₀ˣ exp(-t²) dt in full double precision (Abramowitz & Stegun 1964, 7.1.5 and 7.1.14).
 */
export function erf64(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return Number.NaN;
  if (a < 1) return series(x);
  return Math.sign(x) * (a < 6 ? 1 - complement(a) : 1);
}

/** Taylor's series x · 2/√π · Σ (-x²)ⁿ / (n! (2n + 1)), |x| < 1. */
function series(x: number): number {
  const z = x * x;
  let rest = 0; // of the sum after its first term, from the last term inwards: each is a multiple of the one before it
  for (let n = 20; n > 0; n--) rest = (-z / n) * (1 / (2 * n + 1) + rest);
  // The product with 2/√π is split so that the large part, x itself, is added without an error.
  return x + x * (SLOPE_LESS_ONE + (1 + SLOPE_LESS_ONE) * rest);
}

/** 1 - erf(x) as the continued fraction exp(-x²)/√π · 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))), x ≥ 1. */
function complement(x: number): number {
  let fraction = x;
  for (let n = Math.ceil(20 + 180 / (x * x)); n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}
