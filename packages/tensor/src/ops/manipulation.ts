import { ArgumentError, IndexError, ShapeError } from "../errors.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { asShape, broadcastShapes, normalizeAxes, normalizeAxis, type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import { asTensor, broadcastNode, commonType, scalar, type TensorLike, wrap } from "./core.ts";

/**
 * Shapes, order and place of elements, under the names of the array API standard 2024.12 and NumPy; values and types
 * stay as they are. Axes count from the end when negative: IndexError for one that is not there.
 */

/** One axis or several. */
export type Axes = number | readonly number[];

const nodeOf = (operation: string, x: TensorLike): Node => asTensor(x, undefined, operation).node;
const nodesOf = (operation: string, xs: readonly TensorLike[]): Node[] => xs.map((x) => nodeOf(operation, x));
const listOf = (x: Axes): readonly number[] => (typeof x === "number" ? [x] : x);

/** Arrays as nodes of their common type; at least one is needed. */
function alike(operation: string, xs: readonly TensorLike[]): Node[] {
  if (!Array.isArray(xs) || !xs.length)
    throw new ArgumentError(operation, "needs an array of at least one array", `Call ${operation}([a, b])`);
  const tensors = xs.map((x) => asTensor(x, undefined, operation));
  const type = commonType(tensors);
  return tensors.map((t) => make.cast(t.node, type));
}

/** `count` elements of an axis from `start`, in steps of 1 or -1. */
function along(x: Node, axis: number, start: number, count: number, step = 1): Node {
  const pick = (chosen: number, other: number) => x.shape.map((_, i) => (i === axis ? chosen : other));
  return make.slice(
    x,
    pick(count ? start : 0, 0),
    pick(step, 1),
    x.shape.map((n, i) => (i === axis ? count : n)),
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Shape

/**
 * The same elements in row-major order under another shape; one size may be -1 and is found from the others. ShapeError
 * when the numbers of elements differ.
 * @example
 * reshape(arange(6), [2, 3])
 */
export function reshape(x: TensorLike, shape: number | Shape): Tensor {
  const node = nodeOf("reshape", x);
  const sizes = [...listOf(shape)];
  const open = sizes.indexOf(-1);
  if (open >= 0) {
    const known = sizeOf(sizes.filter((_, i) => i !== open));
    if (sizes.lastIndexOf(-1) !== open || !(known > 0) || node.size % known !== 0)
      throw new ShapeError(
        "reshape",
        `${showShape(node.shape)} holds ${node.size} elements, which do not fit ${showShape(sizes)}`,
        "One size may be -1; the others must divide the number of elements",
      );
    sizes[open] = node.size / known;
  }
  return wrap(make.reshape(node, asShape("reshape", sizes)));
}

/**
 * All elements in one dimension, row by row: [...] → [size].
 * @example
 * flatten([[1, 2], [3, 4]])
 */
export function flatten(x: TensorLike): Tensor {
  const node = nodeOf("flatten", x);
  return wrap(make.reshape(node, [node.size]));
}
/**
 * Another name for `flatten`; as arrays never change, there is no difference between copy and view.
 * @example
 * ravel([[1, 2], [3, 4]])
 */
export const ravel = flatten;

/**
 * New axes of size 1 at the given places of the result. Default: in front, as [n] → [1, n]. IndexError for a place
 * outside the result.
 * @example
 * expandDims([1, 2, 3], { axis: 0 }).shape
 */
export function expandDims(x: TensorLike, options: { readonly axis?: Axes } = {}): Tensor {
  const node = nodeOf("expandDims", x);
  const added = listOf(options.axis ?? 0);
  const axes = normalizeAxes("expandDims", added, node.shape.length + added.length);
  const shape = [...node.shape];
  for (const axis of axes) shape.splice(axis, 0, 1);
  return wrap(make.reshape(node, shape));
}

/**
 * Without the given axes, or without all axes of size 1: [1, n, 1] → [n]. ShapeError for a given axis of another size.
 * @example
 * squeeze([[[1], [2]]]).shape
 */
export function squeeze(x: TensorLike, options: { readonly axis?: Axes } = {}): Tensor {
  const node = nodeOf("squeeze", x);
  if (options.axis === undefined)
    return wrap(
      make.reshape(
        node,
        node.shape.filter((n) => n !== 1),
      ),
    );
  const axes = normalizeAxes("squeeze", options.axis, node.shape.length);
  for (const axis of axes)
    if (node.shape[axis] !== 1)
      throw new ShapeError("squeeze", `axis ${axis} of shape ${showShape(node.shape)} has ${node.shape[axis]} elements, not 1`);
  return wrap(
    make.reshape(
      node,
      node.shape.filter((_, i) => !axes.includes(i)),
    ),
  );
}

/**
 * x repeated along axes of size 1 and new axes in front, without copying. ShapeError when x does not broadcast to the shape.
 * @example
 * broadcastTo([1, 2, 3], [2, 3])
 */
export function broadcastTo(x: TensorLike, shape: number | Shape): Tensor {
  const node = nodeOf("broadcastTo", x);
  const wanted = asShape("broadcastTo", [...listOf(shape)]);
  const offset = wanted.length - node.shape.length;
  if (offset < 0 || node.shape.some((n, i) => n !== 1 && n !== wanted[offset + i]))
    throw new ShapeError(
      "broadcastTo",
      `${showShape(node.shape)} does not broadcast to ${showShape(wanted)}`,
      "Sizes must be equal or 1, counted from the last axis",
    );
  return wrap(broadcastNode(node, wanted));
}

/** All arrays in their common shape. ShapeError when there is none. */
export function broadcastArrays(...arrays: TensorLike[]): Tensor[] {
  const nodes = nodesOf("broadcastArrays", arrays);
  const shape = broadcastShapes("broadcastArrays", ...nodes.map((n) => n.shape));
  return nodes.map((n) => wrap(broadcastNode(n, shape)));
}

// ---------------------------------------------------------------------------------------------------------------------
// Order of axes

/**
 * Axes in a new order: axis i of the result is axis `axes[i]` of x. IndexError unless every axis is named once.
 * @example
 * permuteDims(zeros([2, 3, 4]), [2, 0, 1]).shape
 */
export function permuteDims(x: TensorLike, axes: readonly number[]): Tensor {
  const node = nodeOf("permuteDims", x);
  const rank = node.shape.length;
  const order = axes.map((a) => normalizeAxis("permuteDims", a, rank));
  if (order.length !== rank || new Set(order).size !== rank)
    throw new IndexError(
      "permuteDims",
      `axes [${axes.join(", ")}] are no order of the ${rank} axes of ${showShape(node.shape)}`,
      "Name every axis once",
    );
  return wrap(make.permute(node, order));
}

/**
 * Axes in the given order, as `permuteDims`; without one, in reverse: [a, b, c] → [c, b, a] (NumPy).
 * @example
 * transpose([[1, 2, 3], [4, 5, 6]])
 */
export function transpose(x: TensorLike, axes?: readonly number[]): Tensor {
  const t = asTensor(x, undefined, "transpose");
  return permuteDims(t, axes ?? t.shape.map((_, i) => t.ndim - 1 - i));
}

/**
 * Axes moved to other places; the rest keep their order. IndexError unless there are as many places as axes, each once.
 * @example
 * moveaxis(zeros([2, 3, 4]), 0, -1).shape
 */
export function moveaxis(x: TensorLike, source: Axes, destination: Axes): Tensor {
  const t = asTensor(x, undefined, "moveaxis");
  const from = listOf(source).map((a) => normalizeAxis("moveaxis", a, t.ndim));
  const to = listOf(destination).map((a) => normalizeAxis("moveaxis", a, t.ndim));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
    throw new IndexError(
      "moveaxis",
      `axes [${from.join(", ")}] cannot move to [${to.join(", ")}]`,
      "Give as many places as axes, each once",
    );
  const order = t.shape.map((_, i) => i).filter((i) => !from.includes(i));
  for (const { place, axis } of to.map((place, i) => ({ place, axis: from[i]! })).sort((a, b) => a.place - b.place))
    order.splice(place, 0, axis);
  return permuteDims(t, order);
}

/**
 * Two axes exchanged (NumPy).
 * @example
 * swapaxes(zeros([2, 3, 4]), 0, 2).shape
 */
export function swapaxes(x: TensorLike, axis1: number, axis2: number): Tensor {
  const t = asTensor(x, undefined, "swapaxes");
  const [a, b] = [normalizeAxis("swapaxes", axis1, t.ndim), normalizeAxis("swapaxes", axis2, t.ndim)];
  return permuteDims(
    t,
    t.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Joining and splitting

export interface JoinOptions {
  /** Default 0. */
  readonly axis?: number;
}

/**
 * Arrays one after another along an axis (default 0), with `axis: null` flattened first: [m, n], [k, n] → [m + k, n].
 * Types promote. ShapeError unless all other sizes are equal, ArgumentError for no arrays.
 * @example
 * concat([[1, 2], [3]])
 */
export function concat(arrays: readonly TensorLike[], options: { readonly axis?: number | null } = {}): Tensor {
  const nodes = alike("concat", arrays);
  if (options.axis === null)
    return wrap(
      make.concat(
        nodes.map((n) => make.reshape(n, [n.size])),
        0,
      ),
    );
  const rank = nodes[0]!.shape.length;
  if (rank === 0) throw new ShapeError("concat", "zero-dimensional arrays have no axis to join along", "Use stack(), or { axis: null }");
  return wrap(make.concat(nodes, normalizeAxis("concat", options.axis ?? 0, rank)));
}
/**
 * NumPy's older name for `concat`.
 * @example
 * concatenate([[[1, 2]], [[3, 4]]], { axis: 1 })
 */
export const concatenate = concat;

/**
 * Arrays of one shape along a new axis (default 0): k times [...] → [k, ...]. Types promote. ShapeError for shapes that
 * differ, ArgumentError for no arrays.
 * @example
 * stack([[1, 2], [3, 4]])
 */
export function stack(arrays: readonly TensorLike[], options: JoinOptions = {}): Tensor {
  const nodes = alike("stack", arrays);
  const { shape } = nodes[0]!;
  const axis = normalizeAxis("stack", options.axis ?? 0, shape.length + 1);
  for (const node of nodes)
    if (!sameShape(node.shape, shape))
      throw new ShapeError(
        "stack",
        `shapes ${showShape(shape)} and ${showShape(node.shape)} differ`,
        "Use concat() to join along an axis they have",
      );
  const widened = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  return wrap(
    make.concat(
      nodes.map((n) => make.reshape(n, widened)),
      axis,
    ),
  );
}

/**
 * The arrays along an axis (default 0), which they lose: [k, ...] → k times [...], the opposite of `stack`.
 * @example
 * unstack([[1, 2], [3, 4]])
 */
export function unstack(x: TensorLike, options: JoinOptions = {}): Tensor[] {
  const node = nodeOf("unstack", x);
  const axis = normalizeAxis("unstack", options.axis ?? 0, node.shape.length);
  const shape = node.shape.filter((_, i) => i !== axis);
  return Array.from({ length: node.shape[axis]! }, (_, i) => wrap(make.reshape(along(node, axis, i, 1), shape)));
}

/**
 * Side by side (NumPy): along axis 1, or along axis 0 for one dimension; numbers count as [1]. Errors as for `concat`.
 * @example
 * hstack([[1, 2], [3]])
 */
export function hstack(arrays: readonly TensorLike[]): Tensor {
  const wide = alike("hstack", arrays).map((n) => (n.shape.length ? n : make.reshape(n, [1])));
  return concat(wide.map(wrap), { axis: wide[0]!.shape.length === 1 ? 0 : 1 });
}

/**
 * One above the other (NumPy): along axis 0, numbers and one-dimensional arrays as rows. Errors as for `concat`.
 * @example
 * vstack([[1, 2], [3, 4]])
 */
export function vstack(arrays: readonly TensorLike[]): Tensor {
  return concat(alike("vstack", arrays).map((n) => wrap(n.shape.length < 2 ? make.reshape(n, [1, n.size]) : n)));
}

/**
 * Parts along an axis (default 0): a number of parts as equal as can be, or the indices at which new parts begin.
 * ArgumentError for less than one part. NumPy's array_split.
 * @example
 * arraySplit(arange(5), 2)
 */
export function arraySplit(x: TensorLike, sections: number | readonly number[], options: JoinOptions = {}): Tensor[] {
  return parts("arraySplit", x, sections, options);
}

/**
 * As `arraySplit`, but a number of parts must divide the axis: ShapeError otherwise (NumPy).
 * @example
 * split(arange(6), 3)
 */
export function split(x: TensorLike, sections: number | readonly number[], options: JoinOptions = {}): Tensor[] {
  const t = asTensor(x, undefined, "split");
  const axis = normalizeAxis("split", options.axis ?? 0, t.ndim);
  if (typeof sections === "number" && sections > 0 && t.shape[axis]! % sections !== 0)
    throw new ShapeError(
      "split",
      `axis ${axis} of ${t.shape[axis]} elements does not divide into ${sections} equal parts`,
      "Use arraySplit()",
    );
  return parts("split", t, sections, { axis });
}

function parts(operation: string, x: TensorLike, sections: number | readonly number[], options: JoinOptions): Tensor[] {
  const node = nodeOf(operation, x);
  const axis = normalizeAxis(operation, options.axis ?? 0, node.shape.length);
  const n = node.shape[axis]!;
  if (typeof sections === "number" && !(Number.isInteger(sections) && sections > 0))
    throw new ArgumentError(operation, `cannot split into ${sections} parts`, "Use a whole number, 1 or more");
  // As Python's slices: negative bounds count from the end, all are limited to the axis.
  const bound = (i: number) => Math.max(0, Math.min(n, i < 0 ? i + n : i));
  const bounds =
    typeof sections === "number"
      ? Array.from({ length: sections + 1 }, (_, i) => i * Math.floor(n / sections) + Math.min(i, n % sections))
      : [0, ...sections.map(bound), n];
  return bounds.slice(1).map((end, i) => wrap(along(node, axis, bounds[i]!, Math.max(0, end - bounds[i]!))));
}

// ---------------------------------------------------------------------------------------------------------------------
// Repeating and moving elements

/**
 * x laid out `repeats[i]` times along axis i, as tiles are: [m, n] → [r₀·m, r₁·n]; missing entries in front count 1.
 * ShapeError for a number of times that is negative or fractional.
 * @example
 * tile([1, 2], [2, 2])
 */
export function tile(x: TensorLike, repeats: number | readonly number[]): Tensor {
  const node = nodeOf("tile", x);
  const given = asShape("tile", [...listOf(repeats)]);
  const rank = Math.max(given.length, node.shape.length);
  const sizes = [...new Array<number>(rank - node.shape.length).fill(1), ...node.shape];
  const times = [...new Array<number>(rank - given.length).fill(1), ...given];
  const apart = make.reshape(
    node,
    sizes.flatMap((n) => [1, n]),
  );
  const expanded = make.expand(
    apart,
    sizes.flatMap((n, i) => [times[i]!, n]),
  );
  return wrap(
    make.reshape(
      expanded,
      sizes.map((n, i) => n * times[i]!),
    ),
  );
}

/**
 * Each element `repeats` times in a row, or its own number of times; along an axis, or in the flattened array.
 * ShapeError for another number of counts than elements, and for negative or fractional counts.
 * @example
 * repeat([1, 2, 3], 2)
 */
export function repeat(x: TensorLike, repeats: number | readonly number[], options: { readonly axis?: number | null } = {}): Tensor {
  let node = nodeOf("repeat", x);
  const { axis: wanted = null } = options;
  if (wanted === null) node = make.reshape(node, [node.size]);
  const axis = normalizeAxis("repeat", wanted ?? 0, node.shape.length);
  const n = node.shape[axis]!;
  const counts = asShape("repeat", [...listOf(repeats)]);
  if (counts.length === 1) {
    const apart = [...node.shape.slice(0, axis + 1), counts[0]!, ...node.shape.slice(axis + 1)];
    const expanded = make.expand(
      make.reshape(
        node,
        apart.map((m, i) => (i === axis + 1 ? 1 : m)),
      ),
      apart,
    );
    return wrap(
      make.reshape(
        expanded,
        node.shape.map((m, i) => (i === axis ? n * counts[0]! : m)),
      ),
    );
  }
  if (counts.length !== n)
    throw new ShapeError("repeat", `${counts.length} counts for axis ${axis} of ${n} elements`, "Give one count, or one for each element");
  return wrap(
    pickRuns(
      node,
      axis,
      counts.flatMap((count, i) => new Array<number>(count).fill(i)),
    ),
  );
}

/** Elements of an axis by number, as slices: numbers that rise, fall or stay are taken as one piece, and the pieces joined. */
function pickRuns(x: Node, axis: number, picked: readonly number[]): Node {
  const pieces: Node[] = [];
  for (let i = 0; i < picked.length; ) {
    const start = picked[i]!;
    const step = i + 1 < picked.length ? picked[i + 1]! - start : 1;
    let count = 1;
    if (Math.abs(step) <= 1) while (i + count < picked.length && picked[i + count] === start + count * step) count++;
    const piece = along(x, axis, start, step === 0 ? 1 : count, step === -1 && count > 1 ? -1 : 1);
    pieces.push(
      step === 0
        ? make.expand(
            piece,
            x.shape.map((n, a) => (a === axis ? count : n)),
          )
        : piece,
    );
    i += count;
  }
  return pieces.length ? make.concat(pieces, axis) : along(x, axis, 0, 0);
}

/**
 * Elements moved along axes by `shift`, those pushed out coming in again at the other end; without an axis, as if
 * flattened. ArgumentError for fractional shifts, and for shifts and axes that do not pair up.
 * @example
 * roll([1, 2, 3, 4], 1)
 */
export function roll(x: TensorLike, shift: Axes, options: { readonly axis?: Axes | null } = {}): Tensor {
  const t = asTensor(x, undefined, "roll");
  const given = options.axis ?? null;
  if (given === null)
    return wrap(
      make.reshape(
        rollAxis(
          make.reshape(t.node, [t.size]),
          listOf(shift).reduce((a, b) => a + b, 0),
          0,
        ),
        t.shape,
      ),
    );
  const axes = listOf(given).map((a) => normalizeAxis("roll", a, t.ndim));
  const shifts = listOf(shift);
  if (shifts.length !== 1 && axes.length !== 1 && shifts.length !== axes.length)
    throw new ArgumentError("roll", `${shifts.length} shifts for ${axes.length} axes`, "Give one of each, or as many");
  let { node } = t;
  for (let i = 0; i < Math.max(axes.length, shifts.length); i++)
    node = rollAxis(node, shifts[shifts.length === 1 ? 0 : i]!, axes[axes.length === 1 ? 0 : i]!);
  return wrap(node);
}

function rollAxis(x: Node, shift: number, axis: number): Node {
  if (!Number.isInteger(shift)) throw new ArgumentError("roll", `the shift ${shift} is not a whole number`);
  const n = x.shape[axis]!;
  const by = n ? ((shift % n) + n) % n : 0;
  return by ? make.concat([along(x, axis, n - by, by), along(x, axis, 0, n - by)], axis) : x;
}

/**
 * Elements in reverse order along the given axes, or along all.
 * @example
 * flip([1, 2, 3])
 */
export function flip(x: TensorLike, options: { readonly axis?: Axes | null } = {}): Tensor {
  const node = nodeOf("flip", x);
  const axes = normalizeAxes("flip", options.axis, node.shape.length);
  const reversed = node.shape.map((n, i) => axes.includes(i) && n > 1);
  const starts = node.shape.map((n, i) => (reversed[i] ? n - 1 : 0));
  return wrap(
    make.slice(
      node,
      starts,
      reversed.map((r) => (r ? -1 : 1)),
      node.shape,
    ),
  );
}

/**
 * x turned by k quarter turns in the plane of two axes (default the first two), from the first towards the second
 * (NumPy). IndexError for the same axis twice, ArgumentError for a fractional k.
 * @example
 * rot90([[1, 2], [3, 4]])
 */
export function rot90(x: TensorLike, options: { readonly k?: number; readonly axes?: readonly [number, number] } = {}): Tensor {
  const { k = 1, axes = [0, 1] } = options;
  const t = asTensor(x, undefined, "rot90");
  const [a, b] = axes.map((axis) => normalizeAxis("rot90", axis, t.ndim)) as [number, number];
  if (a === b) throw new IndexError("rot90", `the axes ${axes.join(" and ")} are the same`);
  if (!Number.isInteger(k)) throw new ArgumentError("rot90", `k = ${k} is not a whole number`);
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return t;
  if (turns === 2) return flip(t, { axis: [a, b] });
  return turns === 1 ? swapaxes(flip(t, { axis: b }), a, b) : flip(swapaxes(t, a, b), { axis: b });
}

// ---------------------------------------------------------------------------------------------------------------------
// Padding

export interface PadOptions {
  /**
   * What comes around x: `value` ("constant"), the outermost elements ("edge"), a mirror image without ("reflect") or with
   * ("symmetric") the outermost elements, or the elements from the other end ("wrap").
   */
  readonly mode?: "constant" | "edge" | "reflect" | "symmetric" | "wrap";
  /** For "constant". Default 0. */
  readonly value?: number | boolean;
}

/** Elements before and after each axis: one number for all, a pair for all, or a pair for each axis. */
export type PadWidth = number | readonly [number, number] | readonly (readonly [number, number])[];

/**
 * x with elements added around it, axis i growing by before + after; PadOptions says which. ArgumentError for negative
 * or fractional widths and for an unknown mode, ShapeError for another number of pairs than axes and for an empty axis
 * that has nothing to repeat. NumPy's.
 * @example
 * pad([1, 2], [[1, 2]])
 */
export function pad(x: TensorLike, width: PadWidth, options: PadOptions = {}): Tensor {
  const { mode = "constant", value = 0 } = options;
  const node = nodeOf("pad", x);
  const widths = padWidths(width, node.shape);
  if (mode === "constant") return wrap(padConstant(node, widths, value));
  const indexOf = padIndex[mode];
  if (!indexOf)
    throw new ArgumentError(
      "pad",
      `unknown mode ${JSON.stringify(mode)}`,
      `Use "constant", ${Object.keys(padIndex)
        .map((m) => `"${m}"`)
        .join(", ")}`,
    );
  return wrap(
    widths.reduce((result, [before, after], axis) => {
      const n = result.shape[axis]!;
      if (before + after === 0) return result;
      if (n === 0)
        throw new ShapeError("pad", `axis ${axis} of shape ${showShape(node.shape)} has no element to repeat`, 'Use mode "constant"');
      return pickRuns(
        result,
        axis,
        Array.from({ length: before + n + after }, (_, i) => indexOf(i - before, n)),
      );
    }, node),
  );
}

function padWidths(width: PadWidth, shape: Shape): readonly (readonly [number, number])[] {
  const perAxis =
    typeof width === "number"
      ? shape.map(() => [width, width] as const)
      : typeof width[0] === "number"
        ? shape.map(() => width as readonly [number, number])
        : (width as readonly (readonly [number, number])[]);
  const widths = perAxis.length === 1 ? shape.map(() => perAxis[0]!) : perAxis;
  if (widths.length !== shape.length)
    throw new ShapeError("pad", `${widths.length} pairs of widths for the ${shape.length} axes of ${showShape(shape)}`);
  for (const pair of widths)
    if (pair.length !== 2 || pair.some((n) => !Number.isInteger(n) || n < 0))
      throw new ArgumentError("pad", `[${pair.join(", ")}] are no widths`, "Give two whole numbers, 0 or more: before and after");
  return widths;
}

function padConstant(x: Node, widths: readonly (readonly [number, number])[], value: number | boolean): Node {
  const before = widths.map((w) => w[0]);
  const after = widths.map((w) => w[1]);
  const padded = make.pad(x, before, after); // zeros
  if (Object.is(Number(value), 0) || padded === x) return padded;
  const inside = make.pad(make.constant(1, x.shape, "bool"), before, after);
  return make.where(inside, padded, scalar(value, x.dtype, padded.shape));
}

const modulo = (i: number, n: number): number => ((i % n) + n) % n;

/** Which of n elements stands at place i, i < 0 or i ≥ n being outside. */
const padIndex: Record<Exclude<NonNullable<PadOptions["mode"]>, "constant">, (i: number, n: number) => number> = {
  edge: (i, n) => Math.min(n - 1, Math.max(0, i)),
  reflect: (i, n) => (n === 1 ? 0 : n - 1 - Math.abs(n - 1 - modulo(i, 2 * n - 2))),
  symmetric: (i, n) => (modulo(i, 2 * n) < n ? modulo(i, 2 * n) : 2 * n - 1 - modulo(i, 2 * n)),
  wrap: modulo,
};
