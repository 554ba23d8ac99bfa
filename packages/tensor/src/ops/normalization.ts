import { ArgumentError, ShapeError } from "../errors.ts";
import { add, div, mul, restore, sub, sum } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normalizeAxes, normalizeAxis, sameShape, showShape } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { asTensor, broadcastNode, type TensorLike, wrap } from "./core.ts";

/**
 * Normalisation. Results keep the shape of x. ShapeError for a scale, offset or statistic of another shape than the
 * axes it belongs to, ArgumentError for a negative ε, IndexError for an axis that is not there.
 */

export interface NormOptions {
  /** Added to the variance. */
  readonly epsilon?: number;
  /** Multiplied with the normalised values (γ). */
  readonly scale?: TensorLike;
  /** Added afterwards (β). */
  readonly offset?: TensorLike;
}

/** A parameter spread over x: its own axes are those of x named by `axes`. */
function spread(operation: string, name: string, parameter: TensorLike, x: Node, axes: readonly number[]): Node {
  const t = asTensor(parameter, undefined, operation);
  const expected = axes.map((a) => x.shape[a]!);
  if (t.ndim > 0 && !sameShape(t.shape, expected))
    throw new ShapeError(
      operation,
      `${name} has shape ${showShape(t.shape)}, ${showShape(expected)} is needed for input ${showShape(x.shape)}`,
    );
  const node = make.cast(t.node, x.dtype);
  if (t.ndim === 0) return broadcastNode(node, x.shape);
  return make.expand(
    make.reshape(
      node,
      x.shape.map((n, i) => (axes.includes(i) ? n : 1)),
    ),
    x.shape,
  );
}

function finish(operation: string, x: Node, axes: readonly number[], { scale, offset }: NormOptions): Tensor {
  let y = x;
  if (scale !== undefined) y = mul(y, spread(operation, "scale", scale, y, axes));
  if (offset !== undefined) y = add(y, spread(operation, "offset", offset, y, axes));
  return wrap(y);
}

const mean = (x: Node, axes: readonly number[]): Node =>
  div(
    sum(x, axes),
    axes.reduce((n, a) => n * x.shape[a]!, 1),
  );

let rules = 0;

/**
 * mean((x - m)²) where m is the mean. Its gradient is 2 (x - m) / n: that m moves with x adds -2 mean(x - m), which is zero
 * and which plain differentiation would compute.
 */
function varianceAbout(m: Node, x: Node, axes: readonly number[]): Node {
  const centered = sub(x, restore(m, axes, x.shape));
  const value = mean(mul(centered, centered), axes);
  const share = 2 / axes.reduce((n, a) => n * x.shape[a]!, 1);
  const vjp = (g: unknown) => [mul(restore(mul(g as Node, share), axes, x.shape), sub(x, restore(m, axes, x.shape)))];
  return make.alias({ kind: "custom", rule: { id: ++rules, vjp } }, [value, x]);
}

function checkEpsilon(operation: string, epsilon: number): void {
  if (!(epsilon >= 0)) throw new ArgumentError(operation, `epsilon is ${epsilon}`, "It must not be negative");
}

/** x to mean 0 and variance 1 over axes: (x - mean) / sqrt(var + ε). */
function standardize(x: Node, axes: readonly number[], epsilon: number): Node {
  const m = mean(x, axes);
  const deviation = make.unary("sqrt", add(varianceAbout(m, x, axes), epsilon));
  return div(sub(x, restore(m, axes, x.shape)), restore(deviation, axes, x.shape));
}

export interface MomentsOptions {
  readonly axis?: number | readonly number[] | null;
  readonly keepdims?: boolean;
}

/**
 * Mean and variance (of the population) over axes, default all, which go unless `keepdims`: what batch normalisation
 * needs in training.
 * @example
 * const { mean, variance } = moments([[1, 2], [3, 6]], { axis: 0 });
 * console.log(mean);
 * variance
 */
export function moments(x: TensorLike, options: MomentsOptions = {}): { mean: Tensor; variance: Tensor } {
  const node = floatNode("moments", x);
  const axes = normalizeAxes("moments", options.axis, node.shape.length);
  const m = mean(node, axes);
  const shape = options.keepdims ? node.shape.map((n, i) => (axes.includes(i) ? 1 : n)) : m.shape;
  return { mean: wrap(make.reshape(m, shape)), variance: wrap(make.reshape(varianceAbout(m, node, axes), shape)) };
}

export interface BatchNormOptions extends NormOptions {
  /** The axis of features; default the last. */
  readonly axis?: number;
}

/**
 * (x - mean) / sqrt(variance + ε) · scale + offset, with statistics and parameters of shape [C] for the feature axis,
 * default the last (Ioffe & Szegedy 2015). In training pass `moments` of the batch, in inference running averages. ε
 * defaults to 1e-5.
 * @example
 * batchNorm([[1, 2], [3, 6]], [2, 4], [1, 4])
 */
export function batchNorm(x: TensorLike, mean: TensorLike, variance: TensorLike, options: BatchNormOptions = {}): Tensor {
  const { epsilon = 1e-5 } = options;
  checkEpsilon("batchNorm", epsilon);
  const node = floatNode("batchNorm", x);
  const axes = [normalizeAxis("batchNorm", options.axis ?? -1, node.shape.length)];
  const m = spread("batchNorm", "mean", mean, node, axes);
  const deviation = make.unary("sqrt", add(make.cast(asTensor(variance, undefined, "batchNorm").node, node.dtype), epsilon));
  return finish("batchNorm", div(sub(node, m), spread("batchNorm", "variance", wrap(deviation), node, axes)), axes, options);
}

export interface LayerNormOptions extends NormOptions {
  /** Axes to normalise over; default the last. Scale and offset have their shape. */
  readonly axis?: number | readonly number[];
}

/**
 * x to mean 0 and variance 1 over the last axis, or those given (Ba et al. 2016), then · scale + offset. ε defaults to 1e-5.
 * @example
 * layerNorm([[1, 2, 3], [10, 20, 30]])
 */
export function layerNorm(x: TensorLike, options: LayerNormOptions = {}): Tensor {
  const { epsilon = 1e-5 } = options;
  checkEpsilon("layerNorm", epsilon);
  const node = floatNode("layerNorm", x);
  const axes = normalizeAxes("layerNorm", options.axis ?? -1, node.shape.length);
  return finish("layerNorm", standardize(node, axes, epsilon), axes, options);
}

/**
 * x / sqrt(mean(x²) + ε) over the last axis, or those given (Zhang & Sennrich 2019), then · scale + offset. ε defaults
 * to 1e-6.
 * @example
 * rmsNorm([[3, 4]])
 */
export function rmsNorm(x: TensorLike, options: LayerNormOptions = {}): Tensor {
  const { epsilon = 1e-6 } = options;
  checkEpsilon("rmsNorm", epsilon);
  const node = floatNode("rmsNorm", x);
  const axes = normalizeAxes("rmsNorm", options.axis ?? -1, node.shape.length);
  const root = make.unary("sqrt", add(mean(mul(node, node), axes), epsilon));
  return finish("rmsNorm", div(node, restore(root, axes, node.shape)), axes, options);
}

/**
 * x [N, ..., C] to mean 0 and variance 1 over each group of channels and all places (Wu & He 2018), then · scale +
 * offset, both [C]. ε defaults to 1e-5. ArgumentError for groups that do not divide the channels.
 * @example
 * groupNorm([[1, 3, 10, 30]], 2)
 */
export function groupNorm(x: TensorLike, groups: number, options: NormOptions = {}): Tensor {
  const { epsilon = 1e-5 } = options;
  checkEpsilon("groupNorm", epsilon);
  const node = floatNode("groupNorm", x);
  const rank = node.shape.length;
  if (rank < 2) throw new ShapeError("groupNorm", `the input has shape ${showShape(node.shape)}`, "Inputs are [batch, ..., channels]");
  const C = node.shape[rank - 1]!;
  if (!Number.isInteger(groups) || groups < 1 || C % groups)
    throw new ArgumentError("groupNorm", `${C} channels do not divide into ${groups} groups`);
  // Sums over places first, channels side by side as they lie in memory, then over the few channels of a group.
  const [N, each] = [node.shape[0]!, C / groups];
  const flat = make.reshape(node, [N, node.shape.slice(1, -1).reduce((a, b) => a * b, 1), C]);
  const ofGroups = (t: Node): Node => mean(make.reshape(mean(t, [1]), [N, groups, each]), [2]);
  const spreadOut = (t: Node): Node => {
    const channels = make.expand(make.reshape(t, [N, groups, 1]), [N, groups, each]);
    return make.expand(make.reshape(channels, [N, 1, C]), flat.shape);
  };
  const m = ofGroups(flat);
  const centered = sub(flat, spreadOut(m));
  // As for `varianceAbout`.
  const vjp = (g: unknown) => [mul(spreadOut(mul(g as Node, 2 / (flat.shape[1]! * each))), sub(flat, spreadOut(m)))];
  const variance = make.alias({ kind: "custom", rule: { id: ++rules, vjp } }, [ofGroups(mul(centered, centered)), flat]);
  const deviation = make.unary("sqrt", add(variance, epsilon));
  return finish("groupNorm", make.reshape(div(centered, spreadOut(deviation)), node.shape), [rank - 1], options);
}

/**
 * x / max(‖x‖, ε) along an axis or axes (default the last). ε defaults to 1e-12. PyTorch's normalize.
 * @example
 * l2Normalize([3, 4])
 */
export function l2Normalize(
  x: TensorLike,
  options: { readonly axis?: number | readonly number[]; readonly epsilon?: number } = {},
): Tensor {
  const { epsilon = 1e-12 } = options;
  checkEpsilon("l2Normalize", epsilon);
  const node = floatNode("l2Normalize", x);
  const axes = normalizeAxes("l2Normalize", options.axis ?? -1, node.shape.length);
  const squares = sum(mul(node, node), axes);
  // Bounded before the root, whose slope at 0 is infinite.
  const bounded = make.binary("max", squares, make.constant(epsilon ** 2, squares.shape, squares.dtype));
  return wrap(div(node, restore(make.unary("sqrt", bounded), axes, node.shape)));
}
