import { ArgumentError, type DType, dtypeInfo, ShapeError, Tensor, type TypedArray, tensor } from "@gradus/tensor";
import { type ArrayData, toArrayData, toTensor } from "@gradus/tensor/io";
import { type BatchOptions, batchedSize } from "./batch.ts";
import { chain, type End, end, type Maybe, pull, rowsOf, type Stage, saved } from "./cursor.ts";
import { dtypeOf, isArrayData, isBranch, isTypedArray, mapLeaves } from "./element.ts";

/**
 * Tables of rows in memory. What reorders rows (shuffle, take, repeat, ...) works on their numbers alone, and a batch is
 * one copy of its rows: no row becomes an object of its own.
 */
export interface Rows {
  readonly count: number;
  /** Gets ready what still lies on the device. */
  load(): Maybe<void>;
  row(index: number): unknown;
  gather(indices: readonly number[]): unknown;
}

/** A stage over rows of a table, as the numbers of the rows. */
export interface RowsStage<T> extends Stage<T> {
  readonly [rowsOf]: { readonly rows: Rows; readonly indices: Stage<number> };
}

interface Column {
  readonly count: number;
  load(): Maybe<void>;
  row(index: number): unknown;
  gather(indices: readonly number[]): unknown;
}

/** Rows of a tree of columns of equal length. */
export function rowsFrom(tree: unknown): Rows {
  const columns: { path: string; column: Column }[] = [];
  const form = mapColumns(tree, (leaf, path) => {
    columns.push({ path, column: columnOf(leaf, path) });
    return columns.length - 1;
  });
  const [first] = columns;
  if (!first) throw new ArgumentError("Dataset.fromTensorSlices", "there are no arrays in the tree");
  for (const { path, column } of columns)
    if (column.count !== first.column.count)
      throw new ShapeError(
        "Dataset.fromTensorSlices",
        `${first.path || "one array"} has ${first.column.count} rows, ${path} ${column.count}`,
      );
  const build = (f: (column: Column) => unknown) => mapLeaves(form, (place) => f(columns[place as number]!.column));
  return {
    count: first.column.count,
    load() {
      const waiting = columns.map((c) => c.column.load()).filter((x) => x instanceof Promise);
      return waiting.length ? Promise.all(waiting).then(() => {}) : undefined;
    },
    row: (index) => build((column) => column.row(index)),
    gather: (indices) => build((column) => column.gather(indices)),
  };
}

/** Nested lists of numbers and lists of strings are columns; other lists are tuples of columns. */
function mapColumns(tree: unknown, f: (leaf: unknown, path: string) => number, path = ""): unknown {
  if (!isBranch(tree) || isPlainColumn(tree)) return f(tree, path);
  if (Array.isArray(tree)) return tree.map((inner, i) => mapColumns(inner, f, `${path}[${i}]`));
  return Object.fromEntries(Object.entries(tree).map(([k, inner]) => [k, mapColumns(inner, f, path ? `${path}.${k}` : k)]));
}

const isPlainColumn = (x: unknown): boolean =>
  Array.isArray(x) && (x.every((v) => typeof v === "string" || v === null || v === undefined) || x.every((v) => isNumbers(v)));

const isNumbers = (x: unknown): boolean => typeof x === "number" || typeof x === "boolean" || (Array.isArray(x) && x.every(isNumbers));

function columnOf(leaf: unknown, path: string): Column {
  const operation = "Dataset.fromTensorSlices";
  if (leaf instanceof Tensor) return tensorColumn(leaf, path);
  if (isTypedArray(leaf)) return arrayColumn({ dtype: dtypeOf(leaf), shape: [leaf.length], data: leaf });
  if (isArrayData(leaf)) {
    if (!leaf.shape.length) throw new ShapeError(operation, `${path || "the array"} has no axis to cut along`);
    if (leaf.shape.reduce((n, d) => n * d, 1) !== leaf.data.length)
      throw new ShapeError(
        operation,
        `${path || "the array"} has ${leaf.data.length} elements, not those of shape [${leaf.shape.join(", ")}]`,
      );
    return arrayColumn(leaf);
  }
  if (Array.isArray(leaf)) {
    if (leaf.length && isNumbers(leaf)) return tensorColumn(tensor(leaf), path, true);
    return { count: leaf.length, load() {}, row: (i) => leaf[i], gather: (indices) => indices.map((i) => leaf[i]) };
  }
  throw new ArgumentError(
    operation,
    `${path || "the value"} is ${leaf === null ? "null" : typeof leaf}`,
    "Give arrays, or trees of arrays",
  );
}

/** A tensor's elements are read once, before the first row. */
function tensorColumn(x: Tensor, path: string, plain = false): Column {
  if (!x.ndim) throw new ShapeError("Dataset.fromTensorSlices", `${path || "the array"} has no axis to cut along`);
  let column: Column | null = null;
  let loading: Promise<void> | null = null;
  return {
    count: x.shape[0]!,
    load() {
      if (column) return;
      loading ??= toArrayData(x).then((data) => {
        column = arrayColumn(data);
      });
      return loading;
    },
    row(i) {
      const row = column!.row(i);
      if (plain) return row;
      return isArrayData(row) ? toTensor(row) : tensor(row as number | boolean, { dtype: x.dtype });
    },
    gather: (indices) => column!.gather(indices),
  };
}

function arrayColumn({ dtype, shape, data }: ArrayData): Column {
  const [count = 0, ...rowShape] = shape;
  const size = rowShape.reduce((n, d) => n * d, 1);
  const scratch = new Scratch(dtype);
  const plain = !rowShape.length && dtype !== "float16" && dtype !== "bfloat16"; // these are stored as bits, not as numbers
  return {
    count,
    load() {},
    row: (i) => (plain ? scalar(data[i]!, dtype) : { dtype, shape: rowShape, data: data.subarray(i * size, (i + 1) * size) }),
    gather(indices) {
      const out = scratch.take(indices.length * size);
      gatherRows(data, indices, size, out);
      return toTensor({ dtype, shape: [indices.length, ...rowShape], data: out });
    },
  };
}

const scalar = (value: number, dtype: DType): number | boolean => (dtype === "bool" ? value !== 0 : value);

/** Memory for a batch on its way to the device, which copies it at once: the next batch uses it again. */
class Scratch {
  private readonly dtype: DType;
  private array: TypedArray | null = null;

  constructor(dtype: DType) {
    this.dtype = dtype;
  }

  take(length: number): TypedArray {
    if (!this.array || this.array.length < length) this.array = new (dtypeInfo(this.dtype).array)(length);
    return this.array.length === length ? this.array : this.array.subarray(0, length);
  }
}

/** Rows of `size` elements in the order of `indices`; neighbours are copied together, and short rows without a call. */
export function gatherRows(from: TypedArray, indices: readonly number[], size: number, to: TypedArray): void {
  if (size < 16) {
    let at = 0;
    for (const i of indices) for (let j = i * size; j < (i + 1) * size; j++) to[at++] = from[j]!;
    return;
  }
  for (let k = 0; k < indices.length; ) {
    const first = indices[k]!;
    let run = 1;
    while (k + run < indices.length && indices[k + run] === first + run) run++;
    to.set(from.subarray(first * size, (first + run) * size), k * size);
    k += run;
  }
}

/** Pieces of `length` elements of one long array, `stride` apart. */
export function windowRows(data: TypedArray, length: number, stride: number): Rows {
  const dtype = dtypeOf(data);
  const scratch = new Scratch(dtype);
  return {
    count: Math.max(0, Math.floor((data.length - length) / stride) + 1),
    load() {},
    row: (i) => data.subarray(i * stride, i * stride + length),
    gather(indices) {
      const out = scratch.take(indices.length * length);
      indices.forEach((i, k) => {
        out.set(data.subarray(i * stride, i * stride + length), k * length);
      });
      return toTensor({ dtype, shape: [indices.length, length], data: out });
    },
  };
}

/** The rows of a table in the order of a stage of numbers. */
export function rowsStage<T>(rows: Rows, indices: Stage<number>): RowsStage<T> {
  return {
    [rowsOf]: { rows, indices },
    get size() {
      return indices.size;
    },
    open(epoch, from) {
      const cursor = indices.open(epoch, from);
      return {
        next: () => chain(rows.load(), () => chain(cursor.next(), (i): T | End => (i === end ? end : (rows.row(i as number) as T)))),
        state: () => cursor.state(),
        close: () => cursor.close(),
      };
    },
  };
}

export function rowsBatchStage(rows: Rows, indices: Stage<number>, count: number, { dropRemainder = false }: BatchOptions): Stage<unknown> {
  return {
    size: batchedSize(indices.size, count, dropRemainder),
    open(epoch, from) {
      const cursor = indices.open(epoch, saved(from, "source"));
      const finish = (list: number[]): unknown => (!list.length || (dropRemainder && list.length < count) ? end : rows.gather(list));
      const next = () => chain(rows.load(), () => chain(pull(cursor, count), finish));
      return { next, state: () => ({ source: cursor.state() }), close: () => cursor.close() };
    },
  };
}
