import { ShapeError } from "../errors.ts";
import { div, mul, restore, sum } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { showShape } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { paddingOf, perAxis, type WindowOptions } from "./convolution.ts";
import { type TensorLike, wrap } from "./core.ts";

/**
 * Pooling over windows of the spatial axes, channels last; sizes as for convolutions, the stride defaults to the
 * window's size. ShapeError for another number of axes, a window that does not fit or padding as wide as it;
 * ArgumentError for sizes, strides or dilations that are not positive integers.
 */

export interface AveragePoolOptions extends WindowOptions {
  /** Counts padding as zeros that take part in the mean, as PyTorch does by default; Keras leaves it out, as here. */
  readonly countPadding?: boolean;
}

interface Windowed {
  readonly node: Node;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly attributes: { axes: number[]; size: number[]; stride: number[]; dilation: number[] };
  /** Axes of a window's places, after the others. */
  readonly places: number[];
}

function windowed(operation: string, rank: number, x: TensorLike, size: number | readonly number[], options: WindowOptions): Windowed {
  const node = floatNode(operation, x);
  if (node.shape.length !== rank + 2)
    throw new ShapeError(
      operation,
      `the input has shape ${showShape(node.shape)}, ${rank + 2} axes are needed`,
      "Inputs are [batch, ..., channels]",
    );
  const sizes = perAxis(operation, "size", size, rank);
  const stride = perAxis(operation, "stride", options.stride ?? sizes, rank);
  const dilation = perAxis(operation, "dilation", options.dilation ?? 1, rank);
  const spatial = node.shape.slice(1, -1);
  const spans = sizes.map((k, i) => (k - 1) * dilation[i]! + 1);
  const pairs = paddingOf(operation, options.padding ?? "valid", spatial, spans, stride);
  spatial.forEach((n, i) => {
    const [before, after] = pairs[i]!;
    if (n + before + after < spans[i]!)
      throw new ShapeError(
        operation,
        `a window that spans ${spans[i]} does not fit spatial axis ${i} of ${n}`,
        `Use padding "same" or a smaller window`,
      );
    if (Math.max(before, after) >= spans[i]!)
      throw new ShapeError(
        operation,
        `padding ${before} + ${after} on spatial axis ${i} leaves windows without elements`,
        `Pad by less than the window's ${spans[i]}`,
      );
  });
  return {
    node,
    before: [0, ...pairs.map((p) => p[0]), 0],
    after: [0, ...pairs.map((p) => p[1]), 0],
    attributes: { axes: sizes.map((_, i) => i + 1), size: sizes, stride, dilation },
    places: sizes.map((_, i) => rank + 2 + i),
  };
}

function maxPool(operation: string, rank: number, x: TensorLike, size: number | readonly number[], options: WindowOptions): Tensor {
  const { node, before, after, attributes, places } = windowed(operation, rank, x, size, options);
  let padded = make.pad(node, before, after);
  if (padded !== node) {
    // Padding is never the largest.
    const inside = make.pad(make.constant(1, node.shape, "bool"), before, after);
    padded = make.where(inside, padded, make.constant(Number.NEGATIVE_INFINITY, padded.shape, node.dtype));
  }
  return wrap(make.reduce("reduceMax", make.windows(padded, attributes), places));
}

function averagePool(
  operation: string,
  rank: number,
  x: TensorLike,
  size: number | readonly number[],
  options: AveragePoolOptions,
): Tensor {
  const { node, before, after, attributes, places } = windowed(operation, rank, x, size, options);
  const total = sum(make.windows(make.pad(node, before, after), attributes), places);
  const all = attributes.size.reduce((a, b) => a * b, 1);
  if (options.countPadding || [...before, ...after].every((n) => n === 0)) return wrap(div(total, all));
  // How many elements of each window are real: a product of one count per axis.
  const counts = attributes.axes
    .map((axis, i) => {
      const line = make.pad(make.constant(1, [node.shape[axis]!], node.dtype), [before[axis]!], [after[axis]!]);
      const count = sum(
        make.windows(line, {
          axes: [0],
          size: [attributes.size[i]!],
          stride: [attributes.stride[i]!],
          dilation: [attributes.dilation[i]!],
        }),
        [1],
      );
      return restore(
        count,
        total.shape.map((_, a) => a).filter((a) => a !== axis),
        total.shape,
      );
    })
    .reduce(mul);
  return wrap(div(total, counts));
}

/**
 * Largest element of each window: [N, L, C] → [N, O, C]. Equal largest elements share the gradient; padding is never
 * the largest.
 * @example
 * maxPool1d(array([1, 5, 2, 3]).reshape([1, 4, 1]), 2).squeeze()
 */
export const maxPool1d = (x: TensorLike, size: number | readonly number[], options: WindowOptions = {}): Tensor =>
  maxPool("maxPool1d", 1, x, size, options);
/**
 * Largest element of each window: [N, H, W, C] → [N, Ho, Wo, C].
 * @example
 * maxPool2d(arange(16).reshape([1, 4, 4, 1]), 2).squeeze()
 */
export const maxPool2d = (x: TensorLike, size: number | readonly number[], options: WindowOptions = {}): Tensor =>
  maxPool("maxPool2d", 2, x, size, options);
/** Largest element of each window: [N, D, H, W, C] → [N, Do, Ho, Wo, C]. */
export const maxPool3d = (x: TensorLike, size: number | readonly number[], options: WindowOptions = {}): Tensor =>
  maxPool("maxPool3d", 3, x, size, options);

/**
 * Mean of each window: [N, L, C] → [N, O, C]. Padding does not count unless `countPadding`.
 * @example
 * averagePool1d(array([1, 5, 2, 3]).reshape([1, 4, 1]), 2).squeeze()
 */
export const averagePool1d = (x: TensorLike, size: number | readonly number[], options: AveragePoolOptions = {}): Tensor =>
  averagePool("averagePool1d", 1, x, size, options);
/**
 * Mean of each window: [N, H, W, C] → [N, Ho, Wo, C]. Padding does not count unless `countPadding`.
 * @example
 * averagePool2d(arange(16, { dtype: "float32" }).reshape([1, 4, 4, 1]), 2).squeeze()
 */
export const averagePool2d = (x: TensorLike, size: number | readonly number[], options: AveragePoolOptions = {}): Tensor =>
  averagePool("averagePool2d", 2, x, size, options);
/** Mean of each window: [N, D, H, W, C] → [N, Do, Ho, Wo, C]. Padding does not count unless `countPadding`. */
export const averagePool3d = (x: TensorLike, size: number | readonly number[], options: AveragePoolOptions = {}): Tensor =>
  averagePool("averagePool3d", 3, x, size, options);

export interface GlobalPoolOptions {
  /** Keeps the spatial axes, as size 1. */
  readonly keepdims?: boolean;
}

function globalPool(
  operation: string,
  x: TensorLike,
  options: GlobalPoolOptions,
  reduce: (node: Node, axes: readonly number[]) => Node,
): Tensor {
  const node = floatNode(operation, x);
  if (node.shape.length < 3)
    throw new ShapeError(
      operation,
      `the input has shape ${showShape(node.shape)}`,
      "Inputs are [batch, ..., channels] with at least one spatial axis",
    );
  const axes = node.shape.map((_, i) => i).slice(1, -1);
  const result = reduce(node, axes);
  return wrap(
    options.keepdims
      ? make.reshape(
          result,
          node.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
        )
      : result,
  );
}

/**
 * Largest element over all spatial axes: [N, ...S, C] → [N, C]. ShapeError below three axes.
 * @example
 * globalMaxPool(arange(8).reshape([1, 2, 2, 2]))
 */
export const globalMaxPool = (x: TensorLike, options: GlobalPoolOptions = {}): Tensor =>
  globalPool("globalMaxPool", x, options, (node, axes) => make.reduce("reduceMax", node, axes));

/**
 * Mean over all spatial axes: [N, ...S, C] → [N, C] (Lin et al. 2014). ShapeError below three axes.
 * @example
 * globalAveragePool(arange(8, { dtype: "float32" }).reshape([1, 2, 2, 2]))
 */
export const globalAveragePool = (x: TensorLike, options: GlobalPoolOptions = {}): Tensor =>
  globalPool("globalAveragePool", x, options, (node, axes) =>
    div(
      sum(node, axes),
      axes.reduce((n, a) => n * node.shape[a]!, 1),
    ),
  );
