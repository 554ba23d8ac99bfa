import { decode } from "../dtype.ts";
import { StateError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxis, sizeOf } from "../shape.ts";
import { asTensor, commonType, type TensorLike, wrap } from "./core.ts";
import { searchNode } from "./searching.ts";

/**
 * Sets. The shapes of these results depend on values, so all but `isin` read their arguments at once: StateError inside
 * `compile`.
 */

/** The values of t; `first` may compute more along with them. */
function readNow(operation: string, t: Tensor, first?: () => void): ArrayLike<number> {
  try {
    first?.();
    return decode(t.dtype, engine.readSync(t.node));
  } catch (error) {
    if (!(error instanceof StateError) || error.operation !== "compile") throw error;
    throw new StateError(
      operation,
      "how many elements result depends on values that do not exist while compile traces a function",
      "Call it outside of the compiled function; isin() and sort() work inside",
    );
  }
}

/** As NumPy sorts: NaN after every number. */
const compareNumbers = (a: number, b: number): number =>
  a < b ? -1 : a > b ? 1 : Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : 0;

interface Groups {
  /** First place of each group, groups in ascending order. */
  readonly first: Int32Array;
  readonly counts: Int32Array;
  /** All places, group after group. */
  readonly order: Int32Array;
}

/** Groups items put in an ascending, stable order; `same(k)` says whether item k of it equals the one before. */
function group(order: Int32Array, same: (k: number) => boolean): Groups {
  const n = order.length;
  const starts = new Int32Array(n + 1);
  let groups = 0;
  for (let k = 0; k < n; k++) if (k === 0 || !same(k)) starts[groups++] = k;
  starts[groups] = n;
  const counts = starts.slice(0, groups).map((start, i) => starts[i + 1]! - start);
  return { first: starts.slice(0, groups).map((start) => order[start]!), counts, order };
}

function groupValues(operation: string, t: Tensor, nanEqual: boolean): Groups {
  const x = flatten(t.node);
  const order = make.argsort(x, 0);
  const sorted = x.size === 0 ? x : make.gather(x, order, 0);
  const values = readNow(operation, wrap(sorted), () => engine.realise([sorted, order]));
  return group(
    engine.readSync(order) as Int32Array,
    (k) => values[k - 1] === values[k] || (nanEqual && Number.isNaN(values[k - 1]) && Number.isNaN(values[k])),
  );
}

/** The group of each place. */
function inverseOf({ counts, order }: Groups): Int32Array {
  const inverse = new Int32Array(order.length);
  let k = 0;
  counts.forEach((count, i) => {
    for (const end = k + count; k < end; k++) inverse[order[k]!] = i;
  });
  return inverse;
}

const integers = (values: Int32Array, shape: readonly number[] = [values.length]): Tensor => wrap(engine.upload(shape, "int32", values));
const flatten = (x: Node): Node => make.reshape(x, [x.size]);

/** Taking the values out of x, rather than making new ones, lets gradients through. */
const pick = (t: Tensor, places: Int32Array): Tensor =>
  t.size === 0 ? wrap(flatten(t.node)) : wrap(make.gather(flatten(t.node), integers(places).node, 0));

export interface Unique {
  /** The distinct elements, ascending. */
  readonly values: Tensor;
  /** Where each first occurs in the flattened array. */
  readonly indices: Tensor;
  /** For each element of the array, shaped like it, the index of its value. */
  readonly inverseIndices: Tensor;
  /** How often each occurs. */
  readonly counts: Tensor;
}

/** The distinct elements of x with all that is known about them (array API). Every NaN is distinct. */
export function uniqueAll(x: TensorLike): Unique {
  const t = asTensor(x, undefined, "uniqueAll");
  const groups = groupValues("uniqueAll", t, false);
  const { first, counts } = groups;
  const inverse = inverseOf(groups);
  return { values: pick(t, first), indices: integers(first), inverseIndices: integers(inverse, t.shape), counts: integers(counts) };
}

/** The distinct elements of x, ascending, and how often each occurs (array API). Every NaN is distinct. */
export function uniqueCounts(x: TensorLike): Pick<Unique, "values" | "counts"> {
  const { values, counts } = uniqueAll(x);
  return { values, counts };
}

/** The distinct elements of x, ascending, and for each element of x the index of its value (array API). Every NaN is distinct. */
export function uniqueInverse(x: TensorLike): Pick<Unique, "values" | "inverseIndices"> {
  const { values, inverseIndices } = uniqueAll(x);
  return { values, inverseIndices };
}

/** The distinct elements of x, ascending (array API). Every NaN is distinct. */
export function uniqueValues(x: TensorLike): Tensor {
  const t = asTensor(x, undefined, "uniqueValues");
  return pick(t, groupValues("uniqueValues", t, false).first);
}

export interface UniqueOptions {
  /** Distinct slices along this axis instead of elements, in lexicographic order. */
  readonly axis?: number;
  /** Counts all NaN as one value (default true, as NumPy). */
  readonly equalNan?: boolean;
}

/**
 * The distinct elements of x, ascending, [count], or its distinct slices along an axis: NumPy's unique. For indices,
 * inverse and counts see `uniqueAll`.
 * @example
 * unique([3, 1, 3, 2, 1])
 */
export function unique(x: TensorLike, options: UniqueOptions = {}): Tensor {
  const t = asTensor(x, undefined, "unique");
  if (options.axis === undefined) return pick(t, groupValues("unique", t, options.equalNan ?? true).first);
  const axis = normalizeAxis("unique", options.axis, t.ndim);
  const n = t.shape[axis]!;
  const order = [axis, ...t.shape.map((_, i) => i).filter((i) => i !== axis)];
  const rows = make.permute(t.node, order);
  const width = sizeOf(rows.shape.slice(1));
  const values = readNow("unique", wrap(rows));
  const compare = (i: number, j: number): number => {
    for (let k = 0; k < width; k++) {
      const difference = compareNumbers(values[i * width + k]!, values[j * width + k]!);
      if (difference) return difference;
    }
    return 0;
  };
  const sorted = Int32Array.from({ length: n }, (_, i) => i).sort((i, j) => compare(i, j) || i - j);
  const { first } = group(sorted, (k) => compare(sorted[k - 1]!, sorted[k]!) === 0);
  return n === 0 ? t : wrap(make.gather(t.node, integers(first).node, axis));
}

/** Flattened arguments in their common type. */
function two(operation: string, a: TensorLike, b: TensorLike): readonly [Tensor, Tensor] {
  const type = commonType([a, b]);
  const flat = (x: TensorLike) => wrap(make.cast(flatten(asTensor(x, undefined, operation).node), type));
  return [flat(a), flat(b)];
}

/**
 * The distinct elements in either array, ascending: [count] (NumPy).
 * @example
 * union1d([1, 2], [2, 3])
 */
export function union1d(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = two("union1d", a, b);
  return unique(wrap(make.concat([x.node, y.node], 0)));
}

/** The distinct elements of `a`, of those that are in `b`, or of the others. */
function keep(operation: string, a: TensorLike, b: TensorLike, wanted: boolean): Tensor {
  const [x, y] = two(operation, a, b);
  const { first } = groupValues(operation, x, true);
  const found = readNow(operation, isin(pick(x, first), y));
  return pick(
    x,
    first.filter((_, k) => (found[k] !== 0) === wanted),
  );
}

/**
 * The distinct elements in both arrays, ascending: [count] (NumPy). NaN is in no other array.
 * @example
 * intersect1d([1, 2, 3], [2, 3, 4])
 */
export const intersect1d = (a: TensorLike, b: TensorLike): Tensor => keep("intersect1d", a, b, true);

/**
 * The distinct elements of the first array that are not in the second, ascending: [count] (NumPy).
 * @example
 * setdiff1d([1, 2, 3], [2])
 */
export const setdiff1d = (a: TensorLike, b: TensorLike): Tensor => keep("setdiff1d", a, b, false);

/**
 * The distinct elements in exactly one of the arrays, ascending: [count] (NumPy).
 * @example
 * setxor1d([1, 2], [2, 3])
 */
export const setxor1d = (a: TensorLike, b: TensorLike): Tensor => union1d(setdiff1d(a, b), setdiff1d(b, a));

/**
 * For each element, whether it is among the test elements: bool, shaped like `elements` (NumPy). Works inside
 * `compile`; NaN equals nothing.
 * @example
 * isin([1, 2, 3], [2, 9])
 */
export function isin(elements: TensorLike, test: TensorLike, options: { readonly invert?: boolean } = {}): Tensor {
  const x = asTensor(elements, undefined, "isin");
  const [flat, set] = two("isin", elements, test);
  const n = set.size;
  let found: Node = make.constant(0, flat.shape, "bool");
  if (n > 0 && flat.size > 0) {
    const sorted = make.gather(set.node, make.argsort(set.node, 0), 0);
    const place = searchNode(sorted, flat.node, "left");
    const there = make.gather(sorted, make.binary("min", place, make.constant(n - 1, flat.shape, "int32")), 0);
    found = make.compare("eq", there, flat.node);
  }
  return wrap(make.reshape(options.invert ? make.unary("not", found) : found, x.shape));
}
