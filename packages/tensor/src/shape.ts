import { IndexError, ShapeError } from "./errors.ts";

export type Shape = readonly number[];

/** Number of elements; 1 for a zero-dimensional array. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] as number;
  }
  return strides;
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** `[2, 3]`, as errors and summaries show it. */
export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** Checks a shape from outside: an array of non-negative integers whose product is exact. */
export function asShape(operation: string, shape: unknown): number[] {
  if (!Array.isArray(shape)) throw new ShapeError(operation, `a shape is an array of sizes, received ${String(shape)}`);
  for (const n of shape)
    if (!Number.isInteger(n) || n < 0)
      throw new ShapeError(operation, `size ${String(n)} in shape [${shape.join(", ")}] is not a non-negative integer`);
  if (sizeOf(shape) > 2 ** 48) throw new ShapeError(operation, `shape [${shape.join(", ")}] has too many elements`);
  return shape.slice();
}

/** The common shape under NumPy's broadcasting. Throws ShapeError naming the sizes that differ. */
export function broadcastShapes(operation: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const n = shape[i] as number;
      if (n === 1 || n === out[at]) continue;
      if (out[at] !== 1)
        throw new ShapeError(
          operation,
          `shapes ${shapes.map(showShape).join(" and ")} do not broadcast: sizes ${out[at]} and ${n} differ on axis ${at - rank}`,
          "Sizes must be equal or 1, counted from the last axis",
        );
      out[at] = n;
    }
  }
  return out;
}

/** An axis in 0..rank-1 from one in -rank..rank-1. */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new IndexError(
      operation,
      `axis ${axis} is outside an array of ${rank} dimension${rank === 1 ? "" : "s"}`,
      rank === 0 ? "A zero-dimensional array has no axes" : `Use ${-rank} to ${rank - 1}`,
    );
  return axis < 0 ? axis + rank : axis;
}

/** Axes from one, several, or none (all of them), normalised and sorted. A repeated axis is an error. */
export function normalizeAxes(operation: string, axes: number | readonly number[] | null | undefined, rank: number): number[] {
  if (axes === null || axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof axes === "number" ? [axes] : axes).map((a) => normalizeAxis(operation, a, rank));
  if (new Set(list).size !== list.length) throw new IndexError(operation, `axes [${String(axes)}] name an axis twice`);
  return list.sort((a, b) => a - b);
}
