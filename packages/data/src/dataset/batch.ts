import { ArgumentError, type DType, ShapeError, Tensor, type TypedArray } from "@gradus/tensor";
import { type ArrayData, toArrayData, toTensor } from "@gradus/tensor/io";
import { chain, end, type Json, type Maybe, pull, type Stage, saved } from "./cursor.ts";
import { allocate, dtypeOf, isArrayData, isBranch, isTypedArray } from "./element.ts";

export interface BatchOptions {
  /** Leaves out a last batch that is smaller than the others. Default false. */
  readonly dropRemainder?: boolean;
}

export interface PaddedBatchOptions extends BatchOptions {
  /** Shape to fill up to, by path of the leaf (`"tokens"`, `"[0]"`, `""` for elements that are arrays); null: the longest of the batch. */
  readonly paddedShapes?: Readonly<Record<string, readonly (number | null)[]>>;
  /** What to fill with: one number, or numbers by path. Default 0. */
  readonly paddingValues?: number | Readonly<Record<string, number>>;
}

/** Number types of columns of plain numbers, by path: found in the first batch and kept for all others. */
type NumberTypes = Record<string, DType>;

export const checkCount = (operation: string, count: number, least = 1): void => {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new ArgumentError(operation, `the count is ${count}`, `Give an integer from ${least} on`);
};

export const batchedSize = (size: number | undefined, count: number, dropRemainder: boolean): number | undefined =>
  size === undefined ? undefined : dropRemainder ? Math.floor(size / count) : Math.ceil(size / count);

export function batchStage<T>(source: Stage<T>, count: number, options: PaddedBatchOptions & { padded?: boolean }): Stage<unknown> {
  const { dropRemainder = false } = options;
  return {
    size: batchedSize(source.size, count, dropRemainder),
    open(epoch, from) {
      const cursor = source.open(epoch, saved(from, "source"));
      const types: NumberTypes = { ...(saved(from, "types") as NumberTypes | undefined) };
      return {
        next: () =>
          chain(pull(cursor, count), (list): Maybe<unknown> => {
            if (!list.length || (dropRemainder && list.length < count)) return end;
            return collate(list, "", types, options);
          }),
        state: (): Json => ({ source: cursor.state(), ...(Object.keys(types).length ? { types } : {}) }),
        close: () => cursor.close(),
      } as ReturnType<Stage<unknown>["open"]>;
    },
  };
}

/** One tree of arrays [B, ...] from B trees of equal form. */
export function collate(
  list: readonly unknown[],
  path: string,
  types: NumberTypes,
  options: PaddedBatchOptions & { padded?: boolean },
): Maybe<unknown> {
  const first = list[0];
  if (!isBranch(first)) return collateLeaves(list, path, types, options);
  const keys = Object.keys(first);
  for (const other of list)
    if (!isBranch(other) || Object.keys(other).length !== keys.length)
      throw new ShapeError("batch", `elements differ in form at ${path || "their root"}`, "Give all elements the same keys");
  const inner = keys.map((key) => {
    const at = Array.isArray(first) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    const column = (list as readonly Record<string, unknown>[]).map((element) => {
      if (!Object.hasOwn(element, key)) throw new ShapeError("batch", `an element has no ${at}`, "Give all elements the same keys");
      return element[key];
    });
    return collate(column, at, types, options);
  });
  const build = (parts: unknown[]) => (Array.isArray(first) ? parts : Object.fromEntries(keys.map((key, i) => [key, parts[i]])));
  return inner.some((part) => part instanceof Promise) ? Promise.all(inner).then(build) : build(inner);
}

function collateLeaves(
  list: readonly unknown[],
  path: string,
  types: NumberTypes,
  options: PaddedBatchOptions & { padded?: boolean },
): Maybe<unknown> {
  const kind = kindOf(list[0]);
  const odd = list.findIndex((x) => kindOf(x) !== kind);
  if (odd >= 0 && (kind !== "other" || kindOf(list[odd]) !== "other"))
    throw new ShapeError(
      "batch",
      `${name(path)} is ${kind} in one element and ${kindOf(list[odd])} in another`,
      "Make them alike with map",
    );
  if (kind === "other") return [...list];
  if (kind === "boolean") return toTensor({ dtype: "bool", shape: [list.length], data: Uint8Array.from(list as boolean[], Number) });
  if (kind === "number") return numbers(list as number[], path, types);
  const arrays = list.map(arrayOf);
  const join = (ready: readonly ArrayData[]) => toTensor(options.padded ? padArrays(ready, path, options) : stackArrays(ready, path));
  return arrays.some((a) => a instanceof Promise) ? Promise.all(arrays).then(join) : join(arrays as ArrayData[]);
}

type Kind = "number" | "boolean" | "array" | "other";

function kindOf(x: unknown): Kind {
  if (typeof x === "number" || typeof x === "boolean") return typeof x as "number" | "boolean";
  return x instanceof Tensor || isTypedArray(x) || isArrayData(x) ? "array" : "other";
}

const name = (path: string): string => path || "the element";

function arrayOf(x: unknown): Maybe<ArrayData> {
  if (x instanceof Tensor) return toArrayData(x);
  return isTypedArray(x) ? { dtype: dtypeOf(x), shape: [x.length], data: x } : (x as ArrayData);
}

const isInt32 = (x: number): boolean => (x | 0) === x;

/** Whole numbers become int32, others float32; a column does not change its type on the way. */
function numbers(list: readonly number[], path: string, types: NumberTypes): Tensor {
  const whole = list.every(isInt32);
  types[path] ??= whole ? "int32" : "float32";
  if (types[path] === "int32" && !whole)
    throw new ArgumentError(
      "batch",
      `${name(path)} held whole numbers until ${list.find((x) => !isInt32(x))} came`,
      "Say which type it has: map it to Float32Array.of(x), or put the column in a typed array",
    );
  const data: TypedArray = types[path] === "int32" ? Int32Array.from(list) : Float32Array.from(list);
  return toTensor({ dtype: types[path], shape: [list.length], data });
}

function checkTypes(arrays: readonly ArrayData[], path: string): ArrayData {
  const first = arrays[0]!;
  for (const a of arrays)
    if (a.dtype !== first.dtype) throw new ShapeError("batch", `${name(path)} is ${first.dtype} in one element and ${a.dtype} in another`);
  return first;
}

function stackArrays(arrays: readonly ArrayData[], path: string): ArrayData {
  const first = checkTypes(arrays, path);
  const out = allocate([arrays.length, ...first.shape], first.dtype);
  arrays.forEach((a, i) => {
    if (a.shape.length !== first.shape.length || a.shape.some((n, axis) => n !== first.shape[axis]))
      throw new ShapeError(
        "batch",
        `${name(path)} has shape [${first.shape.join(", ")}] in one element and [${a.shape.join(", ")}] in another`,
        "Use paddedBatch, or bring them to one shape with map",
      );
    out.data.set(a.data, i * first.data.length);
  });
  return out;
}

/** Places every array at the start of its row of a box that holds the largest. */
function padArrays(arrays: readonly ArrayData[], path: string, { paddedShapes, paddingValues = 0 }: PaddedBatchOptions): ArrayData {
  const first = checkTypes(arrays, path);
  const rank = first.shape.length;
  if (arrays.some((a) => a.shape.length !== rank)) throw new ShapeError("paddedBatch", `${name(path)} has different numbers of axes`);
  const wanted = paddedShapes?.[path];
  if (wanted && wanted.length !== rank)
    throw new ShapeError("paddedBatch", `${name(path)} has ${rank} axes, its padded shape [${wanted.join(", ")}] has ${wanted.length}`);
  const box = first.shape.map((_, axis) => {
    const longest = Math.max(...arrays.map((a) => a.shape[axis]!));
    const size = wanted?.[axis] ?? longest;
    if (longest > size)
      throw new ShapeError("paddedBatch", `${name(path)} is ${longest} long on axis ${axis}, more than ${size}`, "Cut it with map");
    return size;
  });
  const out = allocate([arrays.length, ...box], first.dtype);
  const value = typeof paddingValues === "number" ? paddingValues : (paddingValues[path] ?? 0);
  if (value !== 0) {
    if (first.dtype === "float16" || first.dtype === "bfloat16")
      throw new ShapeError("paddedBatch", `${name(path)} is ${first.dtype}, which can only be filled with 0`, "Make it float32");
    out.data.fill(value);
  }
  const row = box.reduce((n, d) => n * d, 1);
  arrays.forEach((a, i) => {
    place(a.data, a.shape, 0, 0, out.data, box, i * row);
  });
  return out;
}

/** Copies a block of axes `axis`... and returns where the source goes on. */
function place(
  from: TypedArray,
  shape: readonly number[],
  axis: number,
  at: number,
  to: TypedArray,
  box: readonly number[],
  offset: number,
): number {
  if (axis >= shape.length - 1) {
    const count = shape.length ? shape[axis]! : 1;
    to.set(from.subarray(at, at + count), offset);
    return at + count;
  }
  const step = box.slice(axis + 1).reduce((n, d) => n * d, 1);
  for (let i = 0; i < shape[axis]!; i++) at = place(from, shape, axis + 1, at, to, box, offset + i * step);
  return at;
}
