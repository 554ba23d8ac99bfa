import type { LinalgName } from "../../graph/primitives.ts";
import { type Shape, sizeOf } from "../../shape.ts";

/**
 * The `linalg` primitive on every CPU backend: plain code over stacks of matrices, in float64. The results of one matrix
 * lie flat, one after the other, along a last axis: shape [...batch, packed size].
 *
 * Methods are LAPACK's in their unblocked form (Golub & Van Loan, Matrix Computations, 4th ed., "GVL" below). Inside a
 * factorisation matrices are stored by columns, so that inner loops run over adjacent elements.
 */
export interface HostLinalg {
  /** Sizes of the results of one matrix, in the order they are packed. */
  results(shapes: readonly Shape[], attrs: LinalgOptions): number[];
  /** All results for a stack. Inputs are row-major and agree in their batch axes. */
  run(inputs: readonly Float64Array[], shapes: readonly Shape[], attrs: LinalgOptions): Float64Array;
}

export type LinalgOptions = Readonly<Record<string, unknown>>;

type Dims = readonly [rows: number, columns: number];
/** One or two inputs, up to three results: those an operation does not have are never touched. */
type Inputs = readonly [Float64Array, Float64Array];
type InputDims = readonly [Dims, Dims];
type Results = readonly [Float64Array, Float64Array, Float64Array];

/** Extends a factorisation of one matrix to stacks. */
function overStack(
  resultSizes: (dims: InputDims, attrs: LinalgOptions) => number[],
  factorize: (inputs: Inputs, dims: InputDims, attrs: LinalgOptions, results: Results) => void,
): HostLinalg {
  const lastTwo = (shapes: readonly Shape[]) => shapes.map((s) => s.slice(-2)) as unknown as InputDims;
  return {
    results: (shapes, attrs) => resultSizes(lastTwo(shapes), attrs),
    run(inputs, shapes, attrs) {
      const dims = lastTwo(shapes);
      const sizes = resultSizes(dims, attrs);
      const batch = sizeOf(shapes[0]!.slice(0, -2));
      const out = new Float64Array(batch * sizes.reduce((a, b) => a + b, 0));
      let end = 0;
      for (let i = 0; i < batch; i++) {
        const matrices = inputs.map((x, k) => x.subarray(i * sizeOf(dims[k]!), (i + 1) * sizeOf(dims[k]!)));
        const results = sizes.map((size) => out.subarray(end, (end += size)));
        factorize(matrices as unknown as Inputs, dims, attrs, results as unknown as Results);
      }
      return out;
    },
  };
}

export const hostLinalg: Record<LinalgName, HostLinalg> = {
  /** L with A = L Lᵀ, [n, n]. Reads the lower triangle; all NaN where A is not positive definite. */
  cholesky: overStack(
    ([[n]]) => [n * n],
    ([a], [[n]], _, [l]) => cholesky(a, n, l),
  ),

  /** L (unit diagonal) and U in one [m, n], and the row order p, [m]: A[p] = L U. A zero pivot stays on U's diagonal. */
  lu: overStack(
    ([[m, n]]) => [m * n, m],
    ([a], [[m, n]], _, [lu, order]) => luDecompose(a, m, n, lu, order),
  ),

  /** Q and R. `mode` "reduced": [m, k] and [k, n] with k = min(m, n); "complete": [m, m] and [m, n]. */
  qr: overStack(
    ([[m, n]], { mode }) => (mode === "complete" ? [m * m, m * n] : [m * Math.min(m, n), Math.min(m, n) * n]),
    ([a], [[m, n]], _, [q, r]) => qrDecompose(a, m, n, q, r),
  ),

  /** Eigenvalues ascending, [n], and eigenvectors as columns, [n, n]. Reads the lower triangle; NaN where A is not finite. */
  eigh: overStack(
    ([[n]]) => [n, n * n],
    ([a], [[n]], _, [w, v]) => symmetricEigen(a, n, w, v),
  ),

  /** U, S descending, Vh: [m, k], [k], [k, n], or with `fullMatrices` [m, m], [k], [n, n]. NaN where A is not finite. */
  svd: overStack(
    ([[m, n]], { fullMatrices }) => {
      const k = Math.min(m, n);
      return fullMatrices ? [m * m, k, n * n] : [m * k, k, k * n];
    },
    ([a], [[m, n]], { fullMatrices }, [u, s, vh]) => singularValues(a, m, n, fullMatrices === true, u, s, vh),
  ),

  /** X with op(A) X = B, [n, k]. `lower`: the triangle of A that is read; `transpose`: op(A) = Aᵀ; `unitDiagonal`: assume ones. */
  triangularSolve: overStack(
    ([, [n, k]]) => [n * k],
    ([a, b], [, [n, k]], { lower, unitDiagonal, transpose }, [x]) =>
      solveTriangular(a, b, n, k, lower === true, unitDiagonal === true, transpose === true, x),
  ),
};

const epsilon = Number.EPSILON;
/** Below this, relative to a matrix scaled to size one, a number is zero: its quotients would no longer be exact. */
const tiny = 1e-290;

function cholesky(a: Float64Array, n: number, l: Float64Array): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      if (j < i) l[i * n + j] = sum / l[j * n + j]!;
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return void l.fill(Number.NaN);
    }
  }
}

function luDecompose(a: Float64Array, m: number, n: number, lu: Float64Array, order: Float64Array): void {
  lu.set(a);
  for (let i = 0; i < m; i++) order[i] = i;
  for (let k = 0; k < Math.min(m, n); k++) {
    let pivot = k;
    for (let i = k + 1; i < m; i++) if (Math.abs(lu[i * n + k]!) > Math.abs(lu[pivot * n + k]!)) pivot = i;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) swap(lu, k * n + j, pivot * n + j);
      swap(order, k, pivot);
    }
    if (lu[k * n + k] === 0) continue;
    for (let i = k + 1; i < m; i++) {
      const factor = (lu[i * n + k]! /= lu[k * n + k]!);
      if (factor !== 0) addScaled(lu, i * n + k + 1, -factor, lu, k * n + k + 1, n - k - 1);
    }
  }
}

function qrDecompose(a: Float64Array, m: number, n: number, q: Float64Array, r: Float64Array): void {
  const width = n > 0 ? r.length / n : q.length / Math.max(m, 1); // columns of Q: k or m
  const scale = safeScale(a);
  const columns = transposed(a, m, n, scale);
  const tau = householderQR(columns, m, n);
  for (let i = 0; i < width; i++) for (let j = i; j < n; j++) r[i * n + j] = columns[j * m + i]! / scale;
  const basis = identity(m, width);
  reflectAll(columns, m, tau, 0, basis, m, width);
  q.set(transposed(basis, width, m));
}

/** Tridiagonalisation (GVL 8.3.1), then QL with implicit shifts (EISPACK's imtql2). */
function symmetricEigen(a: Float64Array, n: number, w: Float64Array, v: Float64Array): void {
  const fail = () => {
    w.fill(Number.NaN);
    v.fill(Number.NaN);
  };
  const scale = safeScale(a);
  const t = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) t[i * n + j] = t[j * n + i] = a[i * n + j]! * scale;
  if (!allFinite(t)) return fail();

  // Hₖ acts on rows and columns k+1..n-1 and leaves column k tridiagonal. With p = τ T v and z = p - (τ/2)(pᵀv) v,
  // the similarity Hₖ T Hₖ is T - v zᵀ - z vᵀ.
  const tau = new Float64Array(Math.max(n - 2, 0));
  const off = new Float64Array(n); // off[i] couples i and i + 1
  const [x, z] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n - 2; k++) {
    const [first, count] = [k + 1, n - k - 1];
    tau[k] = reflector(t, k * n + first, count);
    off[k] = t[k * n + first]!;
    if (tau[k] === 0) continue;
    x.set(t.subarray(k * n + first, k * n + n));
    x[0] = 1;
    for (let j = 0; j < count; j++) z[j] = tau[k]! * dot(t, (first + j) * n + first, x, 0, count);
    addScaled(z, 0, (-tau[k]! / 2) * dot(z, 0, x, 0, count), x, 0, count);
    for (let j = 0; j < count; j++) {
      addScaled(t, (first + j) * n + first, -z[j]!, x, 0, count);
      addScaled(t, (first + j) * n + first, -x[j]!, z, 0, count);
    }
  }
  if (n > 1) off[n - 2] = t[(n - 2) * n + n - 1]!;
  const d = new Float64Array(n);
  for (let i = 0; i < n; i++) d[i] = t[i * n + i]!;
  const vectors = identity(n, n);
  reflectAll(t, n, tau, 1, vectors, n, n);

  for (let l = 0, end = -1, sweeps = 0; l < n; ) {
    let m = l;
    while (m < n - 1 && Math.abs(off[m]!) > Math.max(tiny, epsilon * (Math.abs(d[m]!) + Math.abs(d[m + 1]!)))) m++;
    if (m === l) {
      l++;
      continue;
    }
    if (m !== end) {
      // A new block. QL converges from its top: turn it around where its small end is the lower one.
      end = m;
      if (Math.abs(d[m]!) + Math.abs(off[m - 1]!) < Math.abs(d[l]!) + Math.abs(off[l]!)) {
        d.subarray(l, m + 1).reverse();
        off.subarray(l, m).reverse();
        for (let i = l, j = m; i < j; i++, j--) for (let k = 0; k < n; k++) swap(vectors, i * n + k, j * n + k);
      }
    }
    if (++sweeps > 60 * n) return fail();
    let g = (d[l + 1]! - d[l]!) / (2 * off[l]!);
    g = d[m]! - d[l]! + off[l]! / (g + (g < 0 ? -1 : 1) * Math.hypot(g, 1));
    let [sin, cos, p, i] = [1, 1, 0, m - 1];
    for (; i >= l; i--) {
      const f = sin * off[i]!;
      const b = cos * off[i]!;
      const r = Math.hypot(f, g);
      off[i + 1] = r;
      if (r < tiny) break; // the block splits here
      sin = f / r;
      cos = g / r;
      g = d[i + 1]! - p;
      const h = (d[i]! - g) * sin + 2 * cos * b;
      p = sin * h;
      d[i + 1] = g + p;
      g = cos * h - b;
      rotate(vectors, i * n, (i + 1) * n, n, cos, -sin);
    }
    if (i >= l) d[i + 1]! -= p;
    else {
      d[l]! -= p;
      off[l] = g;
    }
    off[m] = 0;
  }

  const order = Array.from(d.keys()).sort((i, j) => d[i]! - d[j]!);
  order.forEach((from, to) => {
    w[to] = d[from]! / scale;
    for (let i = 0; i < n; i++) v[i * n + to] = vectors[from * n + i]!;
  });
}

/** A = Q R, R = U B Vᵀ with B bidiagonal, B diagonalised by `diagonalize`. A wide matrix is transposed first. */
function singularValues(a: Float64Array, m: number, n: number, full: boolean, u: Float64Array, s: Float64Array, vh: Float64Array): void {
  if (m < n) {
    const [v, uh] = [new Float64Array(vh.length), new Float64Array(u.length)];
    const [width, columns] = full ? [n, m] : [m, m];
    singularValues(transposed(a, m, n), n, m, full, v, s, uh);
    vh.set(transposed(v, n, width));
    u.set(transposed(uh, columns, m));
    return;
  }
  const fail = () => {
    u.fill(Number.NaN);
    s.fill(Number.NaN);
    vh.fill(Number.NaN);
  };
  if (!allFinite(a)) return fail();
  const scale = safeScale(a);
  const factored = transposed(a, m, n, scale);
  const tau = householderQR(factored, m, n);

  // b holds R by columns and becomes bidiagonal: reflectors from the left lie below its diagonal, reflectors from the
  // right are kept by columns in `right`.
  const b = new Float64Array(n * n);
  for (let j = 0; j < n; j++) for (let i = 0; i <= j; i++) b[j * n + i] = factored[j * m + i]!;
  const right = new Float64Array(n * n);
  const [tauLeft, tauRight] = [new Float64Array(n), new Float64Array(Math.max(n - 2, 0))];
  const [d, e, sum] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k++) {
    tauLeft[k] = reflector(b, k * n + k, n - k);
    d[k] = b[k * n + k]!;
    reflect(b, k * n + k, n - k, tauLeft[k]!, b, (k + 1) * n + k, n, n - k - 1);
    if (k < n - 2) {
      const [v, count] = [k * n + k + 1, n - k - 1];
      for (let j = 0; j < count; j++) right[v + j] = b[(k + 1 + j) * n + k]!;
      tauRight[k] = reflector(right, v, count);
      e[k] = right[v]!;
      // Rows k+1.. from the right: B - τ (B v) vᵀ, column by column.
      sum.fill(0);
      const weight = (j: number) => (j === 0 ? 1 : right[v + j]!);
      for (let j = 0; j < count; j++) addScaled(sum, 0, weight(j), b, (k + 1 + j) * n + k + 1, count);
      for (let j = 0; j < count; j++) addScaled(b, (k + 1 + j) * n + k + 1, -tauRight[k]! * weight(j), sum, 0, count);
    } else if (k < n - 1) e[k] = b[(k + 1) * n + k]!;
  }
  const width = full ? m : n;
  const inner = identity(n, n);
  reflectAll(b, n, tauLeft, 0, inner, n, n);
  const v = identity(n, n);
  reflectAll(right, n, tauRight, 1, v, n, n);
  if (!diagonalize(d, e, n, inner, v)) return fail();

  const order = Array.from(d.keys()).sort((i, j) => Math.abs(d[j]!) - Math.abs(d[i]!));
  const left = identity(m, width); // columns past n complete the basis
  order.forEach((from, to) => {
    s[to] = Math.abs(d[from]!) / scale;
    left.fill(0, to * m, to * m + m);
    left.set(inner.subarray(from * n, from * n + n), to * m);
    for (let i = 0; i < n; i++) vh[to * n + i] = d[from]! < 0 ? -v[from * n + i]! : v[from * n + i]!;
  });
  reflectAll(factored, m, tau, 0, left, m, width);
  u.set(transposed(left, width, m));
}

/**
 * Implicit QR on the bidiagonal matrix with diagonal d and superdiagonal e, rotating the columns of u and v along
 * (Demmel & Kahan 1990, as in LAPACK's dbdsqr; GVL 8.6.2). False if it does not converge.
 */
function diagonalize(d: Float64Array, e: Float64Array, n: number, u: Float64Array, v: Float64Array): boolean {
  for (let hi = n - 1, sweeps = 0; hi > 0; ) {
    let lo = hi;
    let [largest, smallest] = [Math.abs(d[hi]!), Math.abs(d[hi]!)];
    for (; lo > 0; lo--) {
      const [above, here] = [Math.abs(d[lo - 1]!), Math.abs(d[lo]!)];
      if (Math.abs(e[lo - 1]!) <= Math.max(tiny, epsilon * (above + here))) {
        e[lo - 1] = 0;
        break;
      }
      smallest = above * (smallest / (smallest + Math.abs(e[lo - 1]!))); // a lower bound for the block's singular values
      largest = Math.max(largest, above, Math.abs(e[lo - 1]!));
    }
    if (lo === hi) {
      hi--;
      continue;
    }
    if (++sweeps > 60 * n) return false;

    // Shift by the smaller singular value of the last 2 x 2 block; not at all where the block is singular to working
    // precision, as the unshifted sweep then splits off the zero.
    const [f, g, h] = [Math.abs(d[hi - 1]!), e[hi - 1]!, Math.abs(d[hi]!)];
    const shift = (2 * f * h) / (Math.hypot(f + h, g) + Math.hypot(f - h, g));
    if (smallest <= epsilon * largest || (shift / d[lo]!) ** 2 < epsilon) unshiftedSweep(d, e, lo, hi, n, u, v);
    else shiftedSweep(d, e, lo, hi, shift, n, u, v);
  }
  return true;
}

function unshiftedSweep(d: Float64Array, e: Float64Array, lo: number, hi: number, n: number, u: Float64Array, v: Float64Array): void {
  let [cos, cosLeft, sinLeft] = [1, 1, 0];
  for (let i = lo; i < hi; i++) {
    const [c, s, r] = givens(d[i]! * cos, e[i]!);
    if (i > lo) e[i - 1] = sinLeft * r;
    const [cl, sl, rl] = givens(cosLeft * r, d[i + 1]! * s);
    d[i] = rl;
    rotate(v, i * n, (i + 1) * n, n, c, s);
    rotate(u, i * n, (i + 1) * n, n, cl, sl);
    [cos, cosLeft, sinLeft] = [c, cl, sl];
  }
  const last = d[hi]! * cos;
  d[hi] = last * cosLeft;
  e[hi - 1] = last * sinLeft;
}

function shiftedSweep(
  d: Float64Array,
  e: Float64Array,
  lo: number,
  hi: number,
  shift: number,
  n: number,
  u: Float64Array,
  v: Float64Array,
): void {
  let f = (Math.abs(d[lo]!) - shift) * (Math.sign(d[lo]!) + shift / d[lo]!);
  let g = e[lo]!;
  for (let i = lo; i < hi; i++) {
    const [c, s, r] = givens(f, g);
    if (i > lo) e[i - 1] = r;
    f = c * d[i]! + s * e[i]!;
    e[i] = c * e[i]! - s * d[i]!;
    g = s * d[i + 1]!;
    d[i + 1]! *= c;
    const [cl, sl, rl] = givens(f, g);
    d[i] = rl;
    f = cl * e[i]! + sl * d[i + 1]!;
    d[i + 1] = cl * d[i + 1]! - sl * e[i]!;
    if (i < hi - 1) {
      g = sl * e[i + 1]!;
      e[i + 1]! *= cl;
    }
    rotate(v, i * n, (i + 1) * n, n, c, s);
    rotate(u, i * n, (i + 1) * n, n, cl, sl);
  }
  e[hi - 1] = f;
}

function solveTriangular(
  a: Float64Array,
  b: Float64Array,
  n: number,
  k: number,
  lower: boolean,
  unit: boolean,
  transpose: boolean,
  x: Float64Array,
): void {
  x.set(b);
  const [rowStep, columnStep] = transpose ? [1, n] : [n, 1];
  const forward = lower !== transpose;
  for (let step = 0; step < n; step++) {
    const i = forward ? step : n - 1 - step;
    const [from, to] = forward ? [0, i] : [i + 1, n];
    for (let j = from; j < to; j++) addScaled(x, i * k, -a[i * rowStep + j * columnStep]!, x, j * k, k);
    if (!unit) for (let c = i * k; c < (i + 1) * k; c++) x[c]! /= a[i * n + i]!;
  }
}

/** In place A (columns of length m) -> R above the diagonal, reflectors below it; returns their factors. GVL 5.2.1. */
function householderQR(columns: Float64Array, m: number, n: number): Float64Array {
  const tau = new Float64Array(Math.min(m, n));
  for (let k = 0; k < tau.length; k++) {
    tau[k] = reflector(columns, k * m + k, m - k);
    reflect(columns, k * m + k, m - k, tau[k]!, columns, (k + 1) * m + k, m, n - k - 1);
  }
  return tau;
}

/**
 * H = I - τ v vᵀ with H x = β e₀, for the vector x at x[at..at+count). Writes β over its first element and v (whose first
 * element is 1 and is not stored) over the others; returns τ. Signs are LAPACK's (dlarfg): β = -sign(x₀) |x|, and H = I
 * where only x₀ is not zero.
 */
function reflector(x: Float64Array, at: number, count: number): number {
  let largest = 0;
  for (let i = at + 1; i < at + count; i++) largest = Math.max(largest, Math.abs(x[i]!)); // NaN wins
  if (largest < tiny) {
    x.fill(0, at + 1, at + count);
    return 0;
  }
  const alpha = x[at]!;
  largest = Math.max(largest, Math.abs(alpha));
  let sum = 0;
  for (let i = at; i < at + count; i++) sum += (x[i]! / largest) ** 2;
  const beta = (alpha < 0 || Object.is(alpha, -0) ? 1 : -1) * largest * Math.sqrt(sum);
  x[at] = beta;
  for (let i = at + 1; i < at + count; i++) x[i]! /= alpha - beta;
  return (beta - alpha) / beta;
}

/** Applies the reflector stored at v[at..at+count) to `vectors` vectors of x, the first at `from`, `step` apart. */
function reflect(
  v: Float64Array,
  at: number,
  count: number,
  tau: number,
  x: Float64Array,
  from: number,
  step: number,
  vectors: number,
): void {
  if (tau === 0) return;
  for (let j = 0, p = from; j < vectors; j++, p += step) {
    const sum = tau * (x[p]! + dot(v, at + 1, x, p + 1, count - 1));
    x[p]! -= sum;
    addScaled(x, p + 1, -sum, v, at + 1, count - 1);
  }
}

/** Columns of x -> H₀ H₁ … x. Reflector k lies in column k of v from row k + shift on; columns have length m. */
function reflectAll(v: Float64Array, m: number, tau: Float64Array, shift: number, x: Float64Array, step: number, vectors: number): void {
  for (let k = tau.length - 1; k >= 0; k--) reflect(v, k * m + k + shift, m - k - shift, tau[k]!, x, k + shift, step, vectors);
}

/** cos, sin and r with [cos sin; -sin cos] (f, g) = (r, 0). */
function givens(f: number, g: number): [number, number, number] {
  const r = Math.hypot(f, g);
  return r < tiny ? [1, 0, f] : [f / r, g / r, r];
}

/** (x, y) -> (cos x + sin y, cos y - sin x) for the vectors of length n at x and y. */
function rotate(a: Float64Array, x: number, y: number, n: number, cos: number, sin: number): void {
  for (let i = 0; i < n; i++) {
    const p = a[x + i]!;
    const q = a[y + i]!;
    a[x + i] = cos * p + sin * q;
    a[y + i] = cos * q - sin * p;
  }
}

function dot(x: Float64Array, xAt: number, y: Float64Array, yAt: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += x[xAt + i]! * y[yAt + i]!;
  return sum;
}

/** x += factor · y */
function addScaled(x: Float64Array, xAt: number, factor: number, y: Float64Array, yAt: number, n: number): void {
  for (let i = 0; i < n; i++) x[xAt + i]! += factor * y[yAt + i]!;
}

function swap(x: Float64Array, i: number, j: number): void {
  const kept = x[i]!;
  x[i] = x[j]!;
  x[j] = kept;
}

/** Row-major [m, n] -> [n, m], times a factor. */
function transposed(a: Float64Array, m: number, n: number, factor = 1): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[j * m + i] = a[i * n + j]! * factor;
  return out;
}

/** The first columns of the identity, stored by columns of length m. */
function identity(m: number, columns: number): Float64Array {
  const out = new Float64Array(m * columns);
  for (let i = 0; i < Math.min(m, columns); i++) out[i * m + i] = 1;
  return out;
}

const allFinite = (a: Float64Array): boolean => a.every(Number.isFinite);

/** A power of two that brings the largest element near one, so that squares neither overflow nor vanish; exact to undo. */
function safeScale(a: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]!));
  if (largest === 0 || !Number.isFinite(largest)) return 1;
  return 2 ** Math.max(-1000, Math.min(1000, -Math.round(Math.log2(largest))));
}
