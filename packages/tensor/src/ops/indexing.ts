import { type DType, isFloat, isInteger, isUnsigned, type TypedArray } from "../dtype.ts";
import { ArgumentError, DTypeError, IndexError, ShapeError, StateError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { is, make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { broadcastShapes, normalizeAxis, type Shape, sameShape, showShape, sizeOf, stridesOf } from "../shape.ts";
import { asTensor, broadcastNode, commonType, type TensorLike, unify, wrap } from "./core.ts";

/** A range of an axis, as Python's slice: `null` or missing bounds run to the end. IndexError for a fraction or a step of 0. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
  constructor(start: number | null, stop: number | null, step: number) {
    for (const n of [start, stop, step]) if (n !== null && !Number.isInteger(n)) throw new IndexError("slice", `${n} is not an integer`);
    if (step === 0) throw new IndexError("slice", "the step is 0", "Use 1, or -1 to go backwards");
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
  toString(): string {
    return `${this.start ?? ""}:${this.stop ?? ""}${this.step === 1 ? "" : `:${this.step}`}`;
  }
}

/** The range start:stop:step for `get` and `at`; the string "1:5:2" says the same. IndexError for a fraction or a step of 0. */
export const slice = (start?: number | null, stop?: number | null, step?: number | null): Slice =>
  new Slice(start ?? null, stop ?? null, step ?? 1);

/**
 * One part of an index, NumPy's: an integer, a slice ("1:5", "::-1", or `slice(...)`), "..." for the axes not named,
 * `null` for a new axis, integer arrays, or bool arrays (masks). A string may hold several parts: "1:3, ::2".
 */
export type Index = TensorLike | string | Slice | null;

type Part =
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "ellipsis" }
  | { readonly kind: "newAxis" }
  | { readonly kind: "array"; readonly array: Tensor }
  | { readonly kind: "mask"; readonly mask: Tensor };

const whole: Part = { kind: "slice", slice: new Slice(null, null, 1) };

function parseText(operation: string, text: string): Part[] {
  const pieces = text.split(",").map((s) => s.trim());
  if (pieces.length > 1 && pieces[pieces.length - 1] === "") pieces.pop(); // a trailing comma, as in Python
  return pieces.map((piece): Part => {
    if (piece === "...") return { kind: "ellipsis" };
    if (/^(newaxis|None|null)$/.test(piece)) return { kind: "newAxis" };
    if (/^[+-]?\d+$/.test(piece)) return { kind: "integer", value: Number(piece) };
    const match = /^([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?)?$/.exec(piece);
    if (!match)
      throw new IndexError(operation, `"${piece}" is no index`, `Write slices as "1:5" or "::-1", a new axis as null, the rest as "..."`);
    const [start, stop, step] = match.slice(1).map((s) => (s === undefined ? null : Number(s)));
    return { kind: "slice", slice: slice(start, stop, step) };
  });
}

function parse(operation: string, index: readonly Index[]): Part[] {
  return index.flatMap((item): Part[] => {
    if (typeof item === "string") return parseText(operation, item);
    if (item === null) return [{ kind: "newAxis" }];
    if (item instanceof Slice) return [{ kind: "slice", slice: item }];
    if (typeof item === "number") {
      if (!Number.isInteger(item)) throw new IndexError(operation, `index ${item} is not an integer`, "Round it, or use an integer array");
      return [{ kind: "integer", value: item }];
    }
    if (item === undefined) throw new IndexError(operation, "an index is undefined", `Use null for a new axis or ":" for a whole axis`);
    let array = asTensor(item, undefined, operation);
    if (array.dtype === "bool") return [{ kind: "mask", mask: array }];
    if (isFloat(array.dtype)) {
      if (array.size > 0)
        throw new DTypeError(operation, `an index array is ${array.dtype}`, `Cast it with astype("int32"), or compare to make a mask`);
      array = wrap(make.cast(array.node, "int32")); // [] is an empty list of indices
    }
    return [{ kind: "array", array }];
  });
}

/** First element, step and number of elements of a slice of an axis of n elements (Python's slice.indices). */
function rangeOf(s: Slice, n: number): { start: number; count: number } {
  const low = s.step > 0 ? 0 : -1;
  const high = s.step > 0 ? n : n - 1;
  const bound = (b: number) => Math.min(Math.max(b < 0 ? b + n : b, low), high);
  const start = s.start === null ? (s.step > 0 ? low : high) : bound(s.start);
  const stop = s.stop === null ? (s.step > 0 ? high : low) : bound(s.stop);
  return { start, count: Math.max(0, Math.ceil((stop - start) / s.step)) };
}

/** An index worked out for a shape: a strided view, its axes renamed, then index arrays on some of them. */
interface Plan {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly sizes: readonly number[];
  /** Shape of the view after integers dropped their axes and new axes came in. */
  readonly layout: readonly number[];
  /** Index arrays (int32, in range) by the layout's axis they act on. */
  readonly arrays: readonly { readonly axis: number; readonly indices: Node }[];
  /** Where the axes of the broadcast index arrays go among the others. */
  readonly place: number;
}

function planIndex(operation: string, shape: Shape, index: readonly Index[]): Plan {
  let parts = parse(operation, index);
  const consumed = parts.reduce(
    (sum, p) => sum + (p.kind === "mask" ? p.mask.ndim : p.kind === "newAxis" || p.kind === "ellipsis" ? 0 : 1),
    0,
  );
  if (parts.filter((p) => p.kind === "ellipsis").length > 1)
    throw new IndexError(operation, `an index may hold only one "..."`, `Write ":" for the other axes`);
  if (consumed > shape.length)
    throw new IndexError(operation, `${consumed} axes are indexed, the array of shape ${showShape(shape)} has ${shape.length}`);
  const gap = parts.findIndex((p) => p.kind === "ellipsis");
  const filled = new Array<Part>(shape.length - consumed).fill(whole);
  // An ellipsis that stands for no axes still keeps its neighbours apart, as in NumPy.
  parts = gap < 0 ? [...parts, ...filled] : [...parts.slice(0, gap + 1), ...filled, ...parts.slice(gap + 1)];

  const [starts, steps, sizes, layout]: [number[], number[], number[], number[]] = [[], [], [], []];
  const arrays: { axis: number; indices: Node }[] = [];
  const advanced = parts.some((p) => p.kind === "array" || p.kind === "mask");
  let place = -1;
  let runs = 0; // how many runs of adjacent advanced parts there are
  let inRun = false;
  let basicAxes = 0;
  const pushView = (start: number, step: number, size: number) => {
    starts.push(start);
    steps.push(step);
    sizes.push(size);
  };
  const useArray = (indices: Node, n: number) => {
    arrays.push({ axis: layout.length, indices });
    layout.push(n);
  };
  for (const part of parts) {
    const axis = starts.length;
    const isAdvanced = advanced && (part.kind === "integer" || part.kind === "array" || part.kind === "mask");
    if (isAdvanced && !inRun) {
      runs++;
      if (place < 0) place = basicAxes;
    }
    inRun = isAdvanced;
    if (part.kind === "newAxis") {
      layout.push(1);
      basicAxes++;
    } else if (part.kind === "slice") {
      const { start, count } = rangeOf(part.slice, shape[axis]!);
      pushView(count ? start : 0, part.slice.step, count);
      layout.push(count);
      basicAxes++;
    } else if (part.kind === "integer") {
      const n = shape[axis]!;
      if (part.value < -n || part.value >= n) throw outOfRange(operation, part.value, axis, n);
      pushView(part.value < 0 ? part.value + n : part.value, 1, 1);
    } else if (part.kind === "array") {
      const n = shape[axis]!;
      const indices = prepareIndices(operation, part.array, n, axis);
      pushView(0, 1, n);
      useArray(indices, n);
    } else if (part.kind === "mask") {
      const { mask } = part;
      const expected = shape.slice(axis, axis + mask.ndim);
      if (!sameShape(mask.shape, expected))
        throw new IndexError(
          operation,
          `a mask of shape ${showShape(mask.shape)} does not fit axes of shape ${showShape(expected)}`,
          "A mask has the shape of the axes it selects from",
        );
      const found = findNonzero(mask.shape, readMask(operation, mask));
      if (mask.ndim === 0) useArray(engine.upload([found.count], "int32", new Int32Array(found.count)), 1);
      for (let i = 0; i < mask.ndim; i++) {
        pushView(0, 1, mask.shape[i]!);
        useArray(engine.upload([found.count], "int32", found.places[i]!), mask.shape[i]!);
      }
    }
  }
  return { starts, steps, sizes, layout, arrays, place: runs > 1 ? 0 : Math.max(place, 0) };
}

const outOfRange = (operation: string, value: number, axis: number, n: number) =>
  new IndexError(
    operation,
    `index ${value} is out of range for axis ${axis} of size ${n}`,
    n === 0 ? "The axis is empty" : `Use ${-n} to ${n - 1}`,
  );

/** From this many elements on the device finds the range of an index array sooner than a loop here. */
const manyIndices = 4096;

/** The smallest and largest element if they are at hand: not of a value that has to be computed or exists only inside `compile`. */
function rangeAtHand(node: Node): { readonly lowest: number; readonly highest: number } | null {
  if (is(node, "constant")) return { lowest: node.attrs.value, highest: node.attrs.value };
  if (!node.buffer || !engine.backend.readSync || node.buffer.backend !== engine.backend) return null;
  if (node.size >= manyIndices) {
    const axes = node.shape.map((_, i) => i);
    const [lowest, highest] = [make.reduce("reduceMin", node, axes), make.reduce("reduceMax", node, axes)];
    engine.realise([lowest, highest]);
    return { lowest: engine.readSync(lowest)[0]!, highest: engine.readSync(highest)[0]! };
  }
  let [lowest, highest] = [0, 0];
  for (const value of engine.readSync(node)) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return { lowest, highest };
}

/**
 * Index arrays as int32 within 0..n-1. Values at hand are checked (IndexError); those of lazily computed arrays are
 * clamped when they are computed, since nobody can be told then. Negative ones count from the end.
 */
export function prepareIndices(operation: string, indices: Tensor, n: number, axis: number): Node {
  if (!isInteger(indices.dtype))
    throw new DTypeError(operation, `indices are ${indices.dtype}, not integers`, `Cast them with astype("int32")`);
  const { node } = indices;
  const index = make.cast(node, "int32");
  if (node.size === 0) return index;
  const known = rangeAtHand(node);
  if (known) {
    for (const value of [known.lowest, known.highest]) if (value < -n || value >= n) throw outOfRange(operation, value, axis, n);
    return known.lowest < 0 ? fromEnd(index, n) : index;
  }
  const wrapped = isUnsigned(indices.dtype) ? index : fromEnd(index, n);
  const low = make.binary("max", wrapped, make.constant(0, index.shape, "int32"));
  return make.binary("min", low, make.constant(Math.max(n - 1, 0), index.shape, "int32"));
}

function fromEnd(index: Node, n: number): Node {
  const negative = make.compare("lt", index, make.constant(0, index.shape, "int32"));
  return make.where(negative, make.binary("add", index, make.constant(n, index.shape, "int32")), index);
}

/** A mask's values, now: its result's shape depends on them. */
export function readMask(operation: string, mask: Tensor): TypedArray {
  try {
    return engine.readSync(mask.node);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    if (error.operation === "dataSync")
      throw new StateError(
        operation,
        `the ${engine.backend.name} device cannot read a mask at once`,
        "Use where(mask, x, other), or `await mask.data()` first",
      );
    if (error.operation !== "compile") throw error;
    throw new StateError(
      operation,
      "how many elements a mask selects depends on its values, which do not exist while compile traces a function",
      "Use where(mask, x, other) there, or select outside of the compiled function",
    );
  }
}

/** Where a mask of zeros and ones holds: how often, and one array of indices per axis. */
function findNonzero(shape: Shape, mask: TypedArray): { count: number; places: Int32Array[] } {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i]!;
  // Without branches, which a random mask would make costly; one element more takes the writes after the last hit.
  const found = new Int32Array(count + 1);
  let at = 0;
  for (let i = 0; i < mask.length; i++) {
    found[at] = i;
    at += mask[i]!;
  }
  const flat = found.subarray(0, count);
  if (shape.length === 1) return { count, places: [flat] };
  const strides = stridesOf(shape);
  return { count, places: shape.map((n, axis) => flat.map((i) => Math.floor(i / strides[axis]!) % n)) };
}

const int32Limit = 2 ** 31 - 1;

function applyPlan(operation: string, x: Node, plan: Plan): Node {
  const view = make.reshape(make.slice(x, plan.starts, plan.steps, plan.sizes), plan.layout);
  const { arrays, layout } = plan;
  if (!arrays.length) return view;
  const axes = arrays.map((a) => a.axis);
  const others = layout.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...others.slice(0, plan.place), ...axes, ...others.slice(plan.place)];
  const moved = make.permute(view, order);
  const sizes = axes.map((a) => layout[a]!);
  const together = sizeOf(sizes);
  if (together > int32Limit) throw new ShapeError(operation, `axes of sizes ${showShape(sizes)} together exceed int32 indices`);
  const flat = make.reshape(moved, [...moved.shape.slice(0, plan.place), together, ...moved.shape.slice(plan.place + axes.length)]);
  const strides = stridesOf(sizes);
  const common = broadcastShapes(operation, ...arrays.map((a) => a.indices.shape));
  const index = arrays.map((a, i) => times(broadcastNode(a.indices, common), strides[i]!)).reduce((a, b) => make.binary("add", a, b));
  return make.gather(flat, index, plan.place);
}

const times = (x: Node, factor: number): Node => (factor === 1 ? x : make.binary("mul", x, make.constant(factor, x.shape, "int32")));

/**
 * Elements, rows, ranges of an array: NumPy's x[...]. `get(x, 0)`, `get(x, "1:3, ::2")`, `get(x, "...", null)`, `get(x,
 * [2, 0])`, `get(x, mask)`. Several index arrays broadcast; their axes take the place of the first of them, or the
 * front when others stand between. IndexError for text that is no index, and for values out of range where they are
 * known; indices that are computed lazily are clamped. DTypeError for index arrays of floats, StateError for a mask
 * inside `compile`.
 * @example
 * get(arange(12).reshape([3, 4]), 1, "1:3")
 */
export function get(x: TensorLike, ...index: Index[]): Tensor {
  const t = asTensor(x, undefined, "get");
  return wrap(applyPlan("get", t.node, planIndex("get", t.shape, index)));
}

/** A place in an array to read or to make a changed copy of. */
export interface IndexedUpdate {
  /** The elements there. */
  get(): Tensor;
  /** A copy with the elements there replaced; where an index repeats, the last value counts. */
  set(values: TensorLike): Tensor;
  /** A copy with values added there; where an index repeats, all of them are. */
  add(values: TensorLike): Tensor;
  /** A copy multiplied there; where an index repeats, by all of the values. */
  mul(values: TensorLike): Tensor;
  /** A copy holding the smaller of element and value there. */
  min(values: TensorLike): Tensor;
  /** A copy holding the larger of element and value there. */
  max(values: TensorLike): Tensor;
}

/**
 * Changed copies, as JAX's x.at: `at(x, 0, "1:3").set(5)`, `at(counts, labels).add(1)`. Indices and their errors as for
 * `get`; values broadcast to the shape `get` would return (else ShapeError) and take the type of the array (DTypeError
 * for floats into integers).
 * @example
 * at([1, 2, 3], 0).add(10)
 */
export function at(x: TensorLike, ...index: Index[]): IndexedUpdate {
  const t = asTensor(x, undefined, "at");
  const plan = planIndex("at", t.shape, index);
  const update = (mode: "set" | "add" | "min" | "max") => (values: TensorLike) => {
    const { flat, indices, axis } = target(t.node, plan);
    const selected = [...flat.shape.slice(0, axis), ...indices.shape, ...flat.shape.slice(axis + 1)];
    const result = make.scatter(flat, indices, updatesFor(t.node, values, selected), axis, mode);
    return wrap(make.reshape(result, t.shape));
  };
  return {
    get: () => wrap(applyPlan("at", t.node, plan)),
    set: update("set"),
    add: update("add"),
    min: update("min"),
    max: update("max"),
    mul: (values) => {
      const positions = positionsOf(t.node, plan);
      const factors = updatesFor(t.node, values, positions.shape);
      const n = positions.size;
      return wrap(
        make.reshape(scatterProduct(make.reshape(t.node, [t.size]), make.reshape(positions, [n]), make.reshape(factors, [n])), t.shape),
      );
    },
  };
}

function updatesFor(x: Node, values: TensorLike, shape: Shape): Node {
  const v = asTensor(values, undefined, "at");
  if (isInteger(x.dtype) && isFloat(v.dtype))
    throw new DTypeError("at", `values are ${v.dtype}, the array ${x.dtype}`, `Cast the array or the values with astype(...)`);
  const common = broadcastShapes("at", v.shape, shape);
  if (!sameShape(common, shape))
    throw new ShapeError("at", `values of shape ${showShape(v.shape)} do not broadcast to the selected ${showShape(shape)}`);
  return broadcastNode(make.cast(v.node, x.dtype), shape);
}

/** Flat positions in x of the selected elements. */
function positionsOf(x: Node, plan: Plan): Node {
  if (x.size > int32Limit) throw new ShapeError("at", `an array of ${x.size} elements exceeds int32 indices`);
  return applyPlan("at", make.reshape(make.iota([x.size], 0, "int32"), x.shape), plan);
}

/** What to scatter into: rows along one axis if the plan is one index array, single elements otherwise. */
function target(x: Node, plan: Plan): { flat: Node; indices: Node; axis: number } {
  const [only, second] = plan.arrays;
  if (only && !second && sameShape(plan.layout, x.shape) && sameShape(plan.sizes, x.shape) && plan.steps.every((s) => s === 1))
    return { flat: x, indices: only.indices, axis: only.axis };
  return { flat: make.reshape(x, [x.size]), indices: positionsOf(x, plan), axis: 0 };
}

/** x with x[positions[i]] multiplied by every factors[i]: products of equal positions by doubling over sorted ones. */
function scatterProduct(x: Node, positions: Node, factors: Node): Node {
  const n = positions.size;
  if (n === 0) return x;
  const order = make.argsort(positions, 0);
  const sorted = make.gather(positions, order, 0);
  let product = make.gather(factors, order, 0);
  const one = make.constant(1, [n], x.dtype);
  for (let d = 1; d < n; d *= 2) {
    const earlier = (a: Node) => make.pad(make.slice(a, [0], [1], [n - d]), [d], [0]);
    const place = make.iota([n], 0, "int32");
    const exists = make.compare("le", make.constant(d, [n], "int32"), place);
    const same = make.binary("and", exists, make.compare("eq", earlier(sorted), sorted));
    product = make.binary("mul", product, make.where(same, earlier(product), one));
  }
  // The last of equal positions holds the whole product, and the last one set counts.
  const factor = make.scatter(make.constant(1, x.shape, x.dtype), sorted, product, 0, "set");
  return make.binary("mul", x, factor);
}

export interface AxisOption {
  /** Counted from the end when negative. */
  readonly axis?: number;
}

/**
 * Elements along an axis at integer indices of any shape, which replaces that axis: [..., n, ...] at [k] → [..., k,
 * ...]. Without an axis the array is flattened. IndexError for values out of range where they are known (others are
 * clamped), DTypeError for indices that are no integers.
 * @example
 * take([10, 20, 30], [2, 0])
 */
export function take(x: TensorLike, indices: TensorLike, options: AxisOption = {}): Tensor {
  const t = asTensor(x, undefined, "take");
  const flat = options.axis === undefined;
  const node = flat ? make.reshape(t.node, [t.size]) : t.node;
  const axis = normalizeAxis("take", options.axis ?? 0, node.shape.length);
  const index = prepareIndices("take", integerArray(indices, "take"), node.shape[axis]!, axis);
  return wrap(make.gather(node, index, axis));
}

const integerArray = (x: TensorLike, operation: string): Tensor => {
  const t = asTensor(x, undefined, operation);
  return t.size === 0 && isFloat(t.dtype) ? wrap(make.cast(t.node, "int32")) : t;
};

/** Flat positions of x picked by `index`, which runs over `shape` with its own size on `axis`. */
function positionsAlong(x: Shape, index: Node, axis: number): Node {
  const strides = stridesOf(x);
  let position = times(index, strides[axis]!);
  x.forEach((n, i) => {
    if (i !== axis && n > 1) position = make.binary("add", position, times(make.iota(index.shape, i, "int32"), strides[i]!));
  });
  return position;
}

/** @internal takeAlongAxis on nodes: indices in range, shapes equal but for the axis. */
export const gatherAlong = (x: Node, index: Node, axis: number): Node =>
  make.gather(make.reshape(x, [x.size]), positionsAlong(x.shape, index, axis), 0);

function alongAxis(operation: string, x: TensorLike, indices: TensorLike, options: AxisOption) {
  const t = asTensor(x, undefined, operation);
  const index = integerArray(indices, operation);
  const axis = normalizeAxis(operation, options.axis ?? -1, t.ndim);
  if (index.ndim !== t.ndim)
    throw new ShapeError(
      operation,
      `indices have ${index.ndim} dimensions, the array ${t.ndim}`,
      "Use expandDims on the indices, or take()",
    );
  const common = (from: Shape) => from.map((n, i) => (i === axis ? 1 : n));
  const shape = broadcastShapes(operation, common(t.shape), common(index.shape));
  const sized = (n: number) => shape.map((m, i) => (i === axis ? n : m));
  const prepared = prepareIndices(operation, index, t.shape[axis]!, axis);
  return { t, axis, x: broadcastNode(t.node, sized(t.shape[axis]!)), index: broadcastNode(prepared, sized(index.shape[axis]!)) };
}

/**
 * x[..., indices[..., i, ...], ...]: one element per index along the axis (default the last), as argsort and argmax
 * point at them; the result has the shape of the indices, other axes broadcast. ShapeError for another number of axes,
 * IndexError and DTypeError as for `take`.
 * @example
 * takeAlongAxis([[3, 1, 2]], [[1, 2, 0]], { axis: 1 })
 */
export function takeAlongAxis(x: TensorLike, indices: TensorLike, options: AxisOption = {}): Tensor {
  const { x: node, index, axis } = alongAxis("takeAlongAxis", x, indices, options);
  return wrap(gatherAlong(node, index, axis));
}

/**
 * A copy of x with values put where `takeAlongAxis` would read; values broadcast to the indices. Errors as there, and
 * ShapeError for indices larger than x off the axis. NumPy's put_along_axis, which writes in place.
 */
export function putAlongAxis(x: TensorLike, indices: TensorLike, values: TensorLike, options: AxisOption = {}): Tensor {
  const { t, x: node, index, axis } = alongAxis("putAlongAxis", x, indices, options);
  if (!sameShape(node.shape, t.shape))
    throw new ShapeError("putAlongAxis", `indices of shape ${showShape(index.shape)} do not fit the array of shape ${showShape(t.shape)}`);
  const positions = positionsAlong(t.shape, index, axis);
  const result = make.scatter(make.reshape(node, [t.size]), positions, updatesFor(node, values, index.shape), 0, "set");
  return wrap(make.reshape(result, t.shape));
}

export interface OneHotOptions extends AxisOption {
  readonly dtype?: DType;
}

/**
 * 1 at each index and 0 elsewhere along a new axis of `classes` elements (last by default): [...] → [..., classes],
 * float32 unless given. Indices out of range give only zeros. DTypeError for indices that are no integers,
 * ArgumentError for a number of classes that is no whole number from 0.
 * @example
 * oneHot([0, 2], 3)
 */
export function oneHot(indices: TensorLike, classes: number, options: OneHotOptions = {}): Tensor {
  const t = integerArray(indices, "oneHot");
  if (!isInteger(t.dtype)) throw new DTypeError("oneHot", `indices are ${t.dtype}, not integers`, `Cast them with astype("int32")`);
  if (!Number.isInteger(classes) || classes < 0)
    throw new ArgumentError("oneHot", `the number of classes is ${classes}`, "Give a non-negative integer");
  const axis = normalizeAxis("oneHot", options.axis ?? -1, t.ndim + 1);
  const shape = [...t.shape.slice(0, axis), classes, ...t.shape.slice(axis)];
  const column = make.reshape(make.cast(t.node, "int32"), [...t.shape.slice(0, axis), 1, ...t.shape.slice(axis)]);
  const hit = make.compare("eq", make.expand(column, shape), make.iota(shape, axis, "int32"));
  return wrap(make.cast(hit, options.dtype ?? "float32"));
}

/**
 * At each place the choice whose condition is the first to hold there, else `fallback`: NumPy's select. All broadcast,
 * choices promote. DTypeError for a condition that is not bool, ArgumentError unless there are as many choices as
 * conditions.
 * @example
 * select([[true, false], [false, true]], [[1, 1], [2, 2]])
 */
export function select(conditions: readonly TensorLike[], choices: readonly TensorLike[], fallback: TensorLike = 0): Tensor {
  if (conditions.length !== choices.length || conditions.length === 0)
    throw new ArgumentError("select", `${conditions.length} conditions for ${choices.length} choices`, "Give one choice per condition");
  const type = commonType([...choices, fallback]);
  const bools = conditions.map((c) => {
    const t = asTensor(c, undefined, "select");
    if (t.dtype !== "bool") throw new DTypeError("select", `a condition is ${t.dtype}, not bool`, 'Compare, or cast with astype("bool")');
    return t;
  });
  const shape = broadcastShapes("select", ...bools.map((b) => b.shape), ...[...choices, fallback].map((c) => asTensor(c).shape));
  const [last, ...values] = unify("select", [fallback, ...choices], type).map((n) => broadcastNode(n, shape)) as [Node, ...Node[]];
  return wrap(values.reduceRight((otherwise, value, i) => make.where(broadcastNode(bools[i]!.node, shape), value, otherwise), last));
}

/**
 * Where x is not zero (NaN counts): one int32 array of indices per axis, each [count]. Reads x at once: StateError
 * inside `compile`. ShapeError for a zero-dimensional array.
 * @example
 * nonzero([0, 5, 0, 7])
 */
export function nonzero(x: TensorLike): Tensor[] {
  const t = asTensor(x, undefined, "nonzero");
  if (t.ndim === 0) throw new ShapeError("nonzero", "a zero-dimensional array has no axes", "Use reshape(x, [1])");
  const found = findNonzero(t.shape, readMask("nonzero", t.dtype === "bool" ? t : notZero(t)));
  return found.places.map((places) => wrap(engine.upload([found.count], "int32", places)));
}

const notZero = (t: Tensor): Tensor => wrap(make.compare("ne", t.node, make.constant(0, t.shape, t.dtype)));

/**
 * Where x is not zero: the indices as rows, int32 [count, ndim] (NumPy). Reads x at once: StateError inside `compile`.
 * @example
 * argwhere([[0, 5], [7, 0]])
 */
export function argwhere(x: TensorLike): Tensor {
  const t = asTensor(x, undefined, "argwhere");
  const { count, places } = findNonzero(t.shape, readMask("argwhere", notZero(t)));
  const rows = new Int32Array(count * t.ndim);
  places.forEach((column, axis) => {
    for (let i = 0; i < count; i++) rows[i * t.ndim + axis] = column[i]!;
  });
  return wrap(engine.upload([count, t.ndim], "int32", rows));
}

/**
 * The slices of x along an axis (or its flattened elements) where a one-dimensional condition holds (NumPy). Reads the
 * condition at once: StateError inside `compile`. ShapeError for a condition of more dimensions.
 * @example
 * compress([true, false, true], [1, 2, 3])
 */
export function compress(condition: TensorLike, x: TensorLike, options: AxisOption = {}): Tensor {
  const c = asTensor(condition, undefined, "compress");
  if (c.ndim !== 1)
    throw new ShapeError(
      "compress",
      `the condition has shape ${showShape(c.shape)}, one dimension is needed`,
      "Use get(x, mask) for masks of more",
    );
  const { places } = findNonzero(c.shape, readMask("compress", notZero(c)));
  return take(x, wrap(engine.upload([places[0]!.length], "int32", places[0]!)), options);
}

/** The elements of x where the condition of the same size holds, flattened. Reads the condition at once. */
export const extract = (condition: TensorLike, x: TensorLike): Tensor => {
  const c = asTensor(condition, undefined, "extract");
  return compress(wrap(make.reshape(c.node, [c.size])), x);
};
