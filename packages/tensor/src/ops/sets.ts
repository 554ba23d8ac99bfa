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

function readNow(operation: string, t: Tensor): ArrayLike<number> {
  try {
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
  /** The group of each place. */
  readonly inverse: Int32Array;
}

/** Groups equal items among 0..n-1 under an order. */
function group(n: number, compare: (i: number, j: number) => number, same: (i: number, j: number) => boolean): Groups {
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => compare(i, j) || i - j);
  const first: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(n);
  order.forEach((i, k) => {
    if (k === 0 || !same(order[k - 1]!, i)) {
      first.push(i);
      counts.push(0);
    }
    counts[counts.length - 1]!++;
    inverse[i] = first.length - 1;
  });
  return { first: Int32Array.from(first), counts: Int32Array.from(counts), inverse };
}

function groupValues(operation: string, t: Tensor, nanEqual: boolean): Groups {
  const values = readNow(operation, t);
  return group(
    t.size,
    (i, j) => compareNumbers(values[i]!, values[j]!),
    (i, j) => values[i] === values[j] || (nanEqual && Number.isNaN(values[i]) && Number.isNaN(values[j])),
  );
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
  const { first, counts, inverse } = groupValues("uniqueAll", t, false);
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
export const uniqueValues = (x: TensorLike): Tensor => uniqueAll(x).values;

export interface UniqueOptions {
  /** Distinct slices along this axis instead of elements, in lexicographic order. */
  readonly axis?: number;
  /** Counts all NaN as one value (default true, as NumPy). */
  readonly equalNan?: boolean;
}

/**
 * The distinct elements of x, ascending, [count], or its distinct slices along an axis: NumPy's unique. For indices,
 * inverse and counts see `uniqueAll`.
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
  const { first } = group(n, compare, (i, j) => compare(i, j) === 0);
  return n === 0 ? t : wrap(make.gather(t.node, integers(first).node, axis));
}

/** Flattened arguments in their common type. */
function two(operation: string, a: TensorLike, b: TensorLike): readonly [Tensor, Tensor] {
  const type = commonType([a, b]);
  const flat = (x: TensorLike) => wrap(make.cast(flatten(asTensor(x, undefined, operation).node), type));
  return [flat(a), flat(b)];
}

/** The distinct elements in either array, ascending: [count] (NumPy). */
export function union1d(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = two("union1d", a, b);
  return unique(wrap(make.concat([x.node, y.node], 0)));
}

function keep(operation: string, a: TensorLike, b: TensorLike, wanted: boolean): Tensor {
  const [x, y] = two(operation, a, b);
  const others = new Set(Array.from(readNow(operation, y)));
  const values = readNow(operation, x);
  const { first } = groupValues(operation, x, true);
  return pick(
    x,
    first.filter((i) => (others.has(values[i]!) && !Number.isNaN(values[i])) === wanted),
  );
}

/** The distinct elements in both arrays, ascending: [count] (NumPy). NaN is in no other array. */
export const intersect1d = (a: TensorLike, b: TensorLike): Tensor => keep("intersect1d", a, b, true);

/** The distinct elements of the first array that are not in the second, ascending: [count] (NumPy). */
export const setdiff1d = (a: TensorLike, b: TensorLike): Tensor => keep("setdiff1d", a, b, false);

/** The distinct elements in exactly one of the arrays, ascending: [count] (NumPy). */
export const setxor1d = (a: TensorLike, b: TensorLike): Tensor => union1d(setdiff1d(a, b), setdiff1d(b, a));

/**
 * For each element, whether it is among the test elements: bool, shaped like `elements` (NumPy). Works inside
 * `compile`; NaN equals nothing.
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
